//! Section 6: another spec for a child, while it is there.

mod support;

use std::sync::Arc;
use std::time::Duration;

use registry::{Namespace, ServiceRegistry};
use tokio::time::Instant;

use supervisor::testing::settle;
use supervisor::{
    AutoShutdown, Backoff, CallError, ChildKind, ChildRef, ChildSpec, ChildState, DynamicSupervisor, ExitReason,
    Overflow, PartitionSupervisor, ReplaceChildSpecError, Reply, Restart, SendError, Server, ServerRef, Shutdown,
    StartError, Strategy, Supervisor, SupervisorRef, Tree,
};

use support::{Ask, Journal, Probe, SECOND, Script, probe, scripted, tell};

/// A spec for child `a` whose incarnations note this name.
fn version(name: &'static str, journal: &Journal) -> ChildSpec<ServerRef<Probe>> {
    probe(name, journal).id("a")
}

async fn one(spec: ChildSpec<ServerRef<Probe>>) -> (Tree<SupervisorRef>, ServerRef<Probe>) {
    let mut spec = spec;
    let a = spec.reference();
    (Supervisor::new(Strategy::OneForOne).child(spec).start().await.unwrap(), a)
}

fn idle(id: &'static str) -> ChildSpec<ChildRef> {
    ChildSpec::task(id, |cx| async move { cx.stopped().await })
}

fn names() -> Namespace {
    ServiceRegistry::new().namespace("names").unwrap()
}

#[tokio::test(start_paused = true)]
async fn s6_a_replaced_child_goes_on_and_runs_the_new_spec_from_its_next_start_on_under_the_same_references() {
    let journal = Journal::default();
    let (tree, a) = one(version("v1", &journal)).await;
    tree.replace_child_spec(version("v2", &journal)).await.unwrap();
    assert_eq!((a.call(Ask::Ping).await, journal.take().as_str()), (Ok(1), "+v1"), "it goes on");

    tell(&a, Ask::Panic);
    settle().await;
    assert_eq!((a.call(Ask::Ping).await, journal.take().as_str()), (Ok(2), "+v2"), "after a crash");
    assert!(tree.find_server::<Probe>("a").await.unwrap().unwrap() == a, "the same reference");

    tree.replace_child_spec(version("v3", &journal)).await.unwrap();
    tree.replace_child_spec(version("v4", &journal)).await.unwrap();
    tree.terminate_child("a").await.unwrap();
    tree.restart_child("a").await.unwrap();
    assert_eq!((a.call(Ask::Ping).await, journal.take().as_str()), (Ok(3), "-v2 +v4"), "by hand; the last spec counts");

    tree.terminate_child("a").await.unwrap();
    tree.replace_child_spec(version("v5", &journal)).await.unwrap();
    tree.restart_child("a").await.unwrap();
    assert_eq!((a.call(Ask::Ping).await, journal.take().as_str()), (Ok(4), "-v4 +v5"), "also of one that is down");
    tree.stop().await;
    assert_eq!(a.child().gone().await, Some(ExitReason::Shutdown));
}

#[tokio::test]
async fn s6_a_replaced_task_and_a_replaced_thread_keep_their_references() {
    let tree = Supervisor::new(Strategy::OneForAll)
        .child(ChildSpec::task("task", |_| std::future::pending::<()>()))
        .child(ChildSpec::blocking("thread", |cx| cx.wait_until_stopping()))
        .start()
        .await
        .unwrap();
    let task = tree.find_child("task").await.unwrap().unwrap();
    let thread = tree.find_child("thread").await.unwrap().unwrap();
    let (tell, mut told) = tokio::sync::mpsc::unbounded_channel();
    let (from_task, from_thread) = (tell.clone(), tell);
    tree.replace_child_spec(ChildSpec::task("task", move |cx| {
        from_task.send(("task", cx.incarnation())).unwrap();
        async move { cx.stopped().await }
    }))
    .await
    .unwrap();
    tree.replace_child_spec(ChildSpec::blocking("thread", move |cx| {
        from_thread.send(("thread", cx.incarnation())).unwrap();
        cx.wait_until_stopping();
    }))
    .await
    .unwrap();
    tree.kill_child("task").await.unwrap();
    // Both run at the same time.
    let mut began = [told.recv().await, told.recv().await];
    began.sort_unstable();
    assert_eq!(began, [Some(("task", 2)), Some(("thread", 2))]);
    for child in [&task, &thread] {
        child.running().await;
        assert_eq!(child.incarnation(), 2);
    }
    tree.stop().await;
    thread.gone().await;
    assert_eq!(task.gone().await, Some(ExitReason::Shutdown));
}

#[tokio::test(start_paused = true)]
async fn s6_a_new_spec_decides_at_once_whether_and_how_the_child_ends() {
    let journal = Journal::default();
    let (tree, a) = one(version("v1", &journal)).await;
    tree.replace_child_spec(version("v2", &journal).restart(Restart::Transient)).await.unwrap();
    assert_eq!(tree.which_children().await.unwrap()[0].restart, Restart::Transient);
    // Who hears of the end before the supervisor does.
    let witness = |incarnation| {
        let a = a.clone();
        tokio::spawn(async move {
            a.child().ended(incarnation).await;
            a.call(Ask::Ping).await
        })
    };
    let heard = witness(1);
    settle().await;
    tell(&a, Ask::Stop(ExitReason::Normal));
    assert_eq!(heard.await.unwrap(), Err(CallError::NotRunning));
    settle().await;
    assert_eq!(tree.which_children().await.unwrap()[0].state, ChildState::Stopped, "it was permanent");

    tree.restart_child("a").await.unwrap();
    tree.replace_child_spec(version("v3", &journal).shutdown(Shutdown::BrutalKill)).await.unwrap();
    assert_eq!(tree.child_spec("a").await.unwrap().unwrap().shutdown, Shutdown::BrutalKill);
    tell(&a, Ask::Stop(ExitReason::Normal));
    settle().await;
    assert_eq!(a.call(Ask::Ping).await, Ok(3), "it was transient");
    tree.terminate_child("a").await.unwrap();
    assert_eq!(a.last_exit(), Some(ExitReason::Killed), "it was asked before");

    tree.restart_child("a").await.unwrap();
    tree.replace_child_spec(version("v4", &journal).restart(Restart::Temporary)).await.unwrap();
    let heard = witness(4);
    settle().await;
    tree.kill_child("a").await.unwrap();
    assert_eq!(heard.await.unwrap(), Err(CallError::NotRunning));
    settle().await;
    assert_eq!(tree.count_children().await.unwrap().specs, 0, "it was permanent again");
    assert_eq!(journal.take(), "+v1 -v1 +v2 -v2 +v3 +v3");
    tree.stop().await;
}

#[tokio::test(start_paused = true)]
async fn s6_a_stop_under_way_keeps_its_time_when_the_spec_is_replaced() {
    let journal = Journal::default();
    let slow = Script { stop_time: SECOND * 3, ..Script::default() };
    let (tree, a) = one(scripted("v1", &journal, &slow).id("a").shutdown(Shutdown::Infinity)).await;
    let begun = Instant::now();
    let stopping = tokio::spawn({
        let tree = tree.reference();
        async move { tree.terminate_child("a").await }
    });
    settle().await;
    let spec = version("v2", &journal).shutdown(Shutdown::BrutalKill).restart(Restart::Temporary);
    tree.replace_child_spec(spec).await.unwrap();
    stopping.await.unwrap().unwrap();
    assert_eq!((begun.elapsed(), a.last_exit()), (SECOND * 3, Some(ExitReason::Shutdown)));
    assert_eq!(tree.count_children().await.unwrap().specs, 0, "a temporary child that is terminated leaves no spec");
    tree.stop().await;
}

#[tokio::test(start_paused = true)]
async fn s6_an_init_under_way_keeps_its_time_and_readiness_when_the_spec_is_replaced() {
    let journal = Journal::default();
    let slow = Script { init_time: SECOND * 4, ..Script::default() };
    let tree = Supervisor::new(Strategy::OneForOne).start().await.unwrap();
    let mut spec = scripted("v1", &journal, &slow).id("a").start_timeout(SECOND * 5);
    let a = spec.reference();
    let begun = Instant::now();
    let started = tokio::spawn({
        let tree = tree.reference();
        async move { tree.start_child(spec).await.map(drop) }
    });
    settle().await;
    let ready = || async { false };
    let spec = scripted("v2", &journal, &slow).id("a").start_timeout(SECOND).ready_when(SECOND / 2, ready);
    tree.replace_child_spec(spec).await.unwrap();
    started.await.unwrap().unwrap();
    assert_eq!((begun.elapsed(), a.is_running()), (SECOND * 4, true));
    assert_eq!(tree.which_children().await.unwrap()[0].state, ChildState::Running, "it awaits nothing");
    let snapshot = tree.snapshot().to_string();
    assert!(snapshot.contains("a  server  running"), "{snapshot}");

    tree.terminate_child("a").await.unwrap();
    let begun = Instant::now();
    assert!(tree.restart_child("a").await.is_err());
    assert_eq!(begun.elapsed(), SECOND, "the next has the new time");
    tree.replace_child_spec(probe("v3", &journal).id("a").ready_when(SECOND * 2, ready)).await.unwrap();
    let state = || {
        let snapshot = tree.snapshot().to_string();
        ["starting", "running"].into_iter().find(|state| snapshot.contains(&format!("a  server  {state}"))).unwrap()
    };
    let restarting = tokio::spawn({
        let tree = tree.reference();
        async move {
            let begun = Instant::now();
            (tree.restart_child("a").await.is_err(), begun.elapsed())
        }
    });
    settle().await;
    assert_eq!((a.is_running(), state()), (true, "starting"));
    assert_eq!(restarting.await.unwrap(), (true, SECOND * 60), "and the new readiness");
    tree.replace_child_spec(probe("v4", &journal).id("a")).await.unwrap();
    tree.restart_child("a").await.unwrap();
    assert_eq!(state(), "running", "and none");
    tree.stop().await;
}

#[tokio::test(start_paused = true)]
async fn s6_a_delay_of_the_old_spec_is_over_and_the_new_backoff_begins_anew() {
    let journal = Journal::default();
    let minute = || Backoff::exponential().base(SECOND * 60).jitter(0.0).max_consecutive(1);
    let (tree, a) = one(version("v1", &journal).backoff(minute())).await;
    let begun = Instant::now();
    tell(&a, Ask::Panic);
    settle().await;
    assert_eq!(a.call(Ask::Ping).await, Err(CallError::Restarting));
    tree.replace_child_spec(version("v2", &journal).backoff(minute())).await.unwrap();
    settle().await;
    assert_eq!(a.call(Ask::Ping).await, Ok(2));
    assert_eq!((begun.elapsed().as_secs(), journal.take().as_str()), (0, "+v1 +v2"));

    // One restart in a row is what either of them allows.
    tell(&a, Ask::Panic);
    a.child().ended(2).await;
    a.running().await;
    assert_eq!((begun.elapsed().as_secs(), a.call(Ask::Ping).await), (60, Ok(3)));
    tree.stop().await;
}

#[tokio::test(start_paused = true)]
async fn s6_a_new_spec_can_grow_the_mailbox_and_keep_what_is_in_it_over_the_change() {
    let journal = Journal::default();
    let (tree, a) = one(version("v1", &journal).mailbox(1)).await;
    tell(&a, Ask::Hang);
    settle().await;
    tell(&a, Ask::Answer);
    let waiting = tokio::spawn({
        let a = a.clone();
        async move { a.call(Ask::Ping).await }
    });
    settle().await;
    assert_eq!((a.mailbox().len, a.mailbox().waiting), (1, 1));
    tree.replace_child_spec(version("v2", &journal).mailbox(8).keep_mail()).await.unwrap();
    settle().await;
    assert_eq!((a.mailbox().len, a.mailbox().waiting, a.mailbox_capacity()), (2, 0, 8));
    tree.kill_child("a").await.unwrap();
    assert_eq!(waiting.await.unwrap(), Ok(2), "sent to the first, answered by the second");

    tell(&a, Ask::Hang);
    settle().await;
    let waiting: Vec<_> = (0..9)
        .map(|_| {
            tokio::spawn({
                let a = a.clone();
                async move { a.call(Ask::Ping).await }
            })
        })
        .collect();
    settle().await;
    assert_eq!(a.mailbox().waiting, 1);
    tree.replace_child_spec(version("v3", &journal).mailbox(2).overflow(Overflow::Refuse)).await.unwrap();
    settle().await;
    assert_eq!((a.mailbox().len, a.mailbox().waiting, a.mailbox_capacity()), (8, 0, 2), "what is in it stays");
    assert!(matches!(a.try_cast(Ask::Answer), Err(SendError::Full(_))));
    tree.kill_child("a").await.unwrap();
    let mut answers = Vec::new();
    for call in waiting {
        answers.push(call.await.unwrap());
    }
    let died = answers.iter().filter(|answer| matches!(answer, Err(CallError::Died(_)))).count();
    let overloaded = answers.iter().filter(|answer| matches!(answer, Err(CallError::Overloaded))).count();
    assert_eq!((died, overloaded), (8, 1), "{answers:?}");
    tree.stop().await;
}

#[tokio::test(start_paused = true)]
async fn s6_a_listed_child_is_replaced_for_the_next_incarnation_of_its_supervisor_too() {
    let journal = Journal::default();
    let mut a = version("v1", &journal);
    let a_ref = a.reference();
    let mut inner = ChildSpec::supervisor(Supervisor::new(Strategy::OneForOne).child(a)).id("inner");
    let inner_ref = inner.reference();
    let tree = Supervisor::new(Strategy::OneForOne).child(inner).start().await.unwrap();
    inner_ref.start_child(probe("b1", &journal).id("b")).await.unwrap();
    inner_ref.replace_child_spec(version("v2", &journal)).await.unwrap();
    inner_ref.replace_child_spec(probe("b2", &journal).id("b")).await.unwrap();
    tree.kill_child("inner").await.unwrap();
    settle().await;
    assert_eq!(journal.take(), "+v1 +b1 +v2", "who was added by hand is forgotten");
    assert_eq!(a_ref.call(Ask::Ping).await, Ok(2));
    tree.stop().await;
}

#[tokio::test(start_paused = true)]
async fn s6_a_replaced_child_keeps_its_name_and_nobody_else_can_have_it_until_its_spec_is_gone() {
    let (journal, names) = (Journal::default(), names());
    let slow = Script { init_time: SECOND, ..Script::default() };
    let named = |spec: ChildSpec<ServerRef<Probe>>| spec.id("a").name(&names, "a");
    let (tree, a) = one(named(probe("v1", &journal))).await;
    tree.replace_child_spec(named(scripted("v2", &journal, &slow))).await.unwrap();
    assert!(names.lookup::<ServerRef<Probe>>("a").unwrap() == a);
    tree.kill_child("a").await.unwrap();
    settle().await;
    assert!(matches!(names.lookup::<ServerRef<Probe>>("a"), Err(registry::LookupError::Restarting { .. })));
    assert!(names.register("a", 7).is_err(), "between the two");
    a.running().await;
    assert!(names.lookup::<ServerRef<Probe>>("a").unwrap() == a);
    assert_eq!(journal.take(), "+v1 +v2");

    tree.replace_child_spec(named(probe("v3", &journal))).await.unwrap();
    tree.terminate_child("a").await.unwrap();
    assert!(names.register("a", 7).is_err(), "its spec is there");
    tree.delete_child("a").await.unwrap();
    let free = names.register("a", 7);
    assert!(free.is_ok(), "{free:?}");
    tree.stop().await;
}

#[tokio::test(start_paused = true)]
async fn s6_a_replaced_supervisor_has_its_new_children_from_its_next_start_on() {
    let (journal, names) = (Journal::default(), names());
    let room = |name: &'static str| probe(name, &journal).name(&names, "room");
    let inner = |children: Vec<ChildSpec<ServerRef<Probe>>>| {
        let inner = Supervisor::new(Strategy::OneForOne).auto_shutdown(AutoShutdown::AnySignificant);
        ChildSpec::supervisor(children.into_iter().fold(inner, Supervisor::child)).id("inner")
    };
    let mut old = room("a");
    let a = old.reference();
    let mut spec = inner(vec![old]);
    let inner_ref = spec.reference();
    let tree = Supervisor::new(Strategy::OneForOne).child(spec).start().await.unwrap();
    tree.replace_child_spec(inner(vec![room("b"), probe("c", &journal)])).await.unwrap();
    assert!(names.lookup::<ServerRef<Probe>>("room").unwrap() == a, "the old one goes on");
    assert_eq!(inner_ref.count_children().await.unwrap().specs, 1);

    tree.kill_child("inner").await.unwrap();
    assert_eq!(a.child().gone().await, Some(ExitReason::Killed));
    settle().await;
    assert_eq!(inner_ref.count_children().await.unwrap().active, 2, "the same reference");
    assert_eq!(journal.take(), "+a +b +c");
    assert!(names.lookup::<ServerRef<Probe>>("room").unwrap() != a);

    let nothing = || Supervisor::new(Strategy::OneForOne);
    let refused = tree.replace_child_spec(ChildSpec::supervisor(nothing().budget(1, Duration::ZERO)).id("inner")).await;
    assert!(matches!(refused, Err(ReplaceChildSpecError::Invalid(StartError::ZeroPeriod { .. }))), "{refused:?}");
    for other in [ChildSpec::supervisor(DynamicSupervisor::new()).id("inner")] {
        let refused = tree.replace_child_spec(other).await;
        assert!(matches!(refused, Err(ReplaceChildSpecError::TypeChanged(_))), "{refused:?}");
    }
    tree.stop().await;
    assert!(names.register("room", 7).is_ok());
}

#[tokio::test(start_paused = true)]
async fn s6_a_child_depends_by_its_new_spec_on_those_before_it() {
    let journal = Journal::default();
    let slow = Script { init_time: SECOND, ..Script::default() };
    let tree = Supervisor::new(Strategy::OneForOne)
        .child(scripted("store", &journal, &slow))
        .child(version("v1", &journal))
        .start()
        .await
        .unwrap();
    tree.replace_child_spec(version("v2", &journal).depends_on("store")).await.unwrap();
    tree.kill_child("store").await.unwrap();
    tree.kill_child("a").await.unwrap();
    settle().await;
    assert_eq!(tree.which_children().await.unwrap()[1].waits_for, ["store"]);
    // The dependency may go as it came.
    tree.replace_child_spec(version("v3", &journal)).await.unwrap();
    settle().await;
    assert_eq!(tree.which_children().await.unwrap()[1].state, ChildState::Running);
    assert_eq!(journal.take(), "+store +v1 +v3");
    tree.stop().await;
}

#[tokio::test(start_paused = true)]
async fn s6_a_child_that_was_down_when_it_became_temporary_is_removed_by_the_next_that_would_take_it_down() {
    let journal = Journal::default();
    let tree = Supervisor::new(Strategy::OneForAll)
        .child(version("v1", &journal))
        .child(probe("b", &journal))
        .start()
        .await
        .unwrap();
    tree.terminate_child("a").await.unwrap();
    tree.replace_child_spec(version("v2", &journal).restart(Restart::Temporary)).await.unwrap();
    assert_eq!(tree.count_children().await.unwrap().specs, 2);
    tree.kill_child("b").await.unwrap();
    settle().await;
    assert_eq!((tree.count_children().await.unwrap().specs, journal.take().as_str()), (1, "+v1 +b -v1 +b"));

    tree.terminate_child("b").await.unwrap();
    tree.replace_child_spec(probe("b", &journal).restart(Restart::Temporary)).await.unwrap();
    tree.terminate_child("b").await.unwrap();
    assert_eq!(tree.count_children().await.unwrap().specs, 0, "or when it is terminated once more");
    tree.stop().await;
}

struct Other;

impl Server for Other {
    type Message = Reply<()>;

    async fn handle(
        &mut self,
        reply: Reply<()>,
        _: &mut supervisor::Context<Self>,
    ) -> Result<supervisor::Flow, supervisor::Failure> {
        reply.send(());
        Ok(supervisor::Flow::Continue)
    }
}

#[tokio::test(start_paused = true)]
async fn s6_a_spec_that_does_not_fit_is_refused_exactly_and_changes_nothing() {
    type Refused = ReplaceChildSpecError;
    let (journal, names) = (Journal::default(), names());
    let mut spec = version("v1", &journal).name(&names, "a");
    let a = spec.reference();
    let tree = Supervisor::new(Strategy::OneForOne).child(spec).child(idle("b")).start().await.unwrap();
    let next = || version("v2", &journal).name(&names, "a");

    let mut referenced = next();
    let nowhere = referenced.reference();
    let refusals = [
        ("unknown id", tree.replace_child_spec(next().id("x")).await.unwrap_err()),
        ("reference", tree.replace_child_spec(referenced).await.unwrap_err()),
        ("kind", tree.replace_child_spec(idle("a")).await.unwrap_err()),
        ("message", tree.replace_child_spec(ChildSpec::server(|| Other).id("a").name(&names, "a")).await.unwrap_err()),
        ("no name", tree.replace_child_spec(version("v2", &journal)).await.unwrap_err()),
        ("name", tree.replace_child_spec(next().name(&names, "z")).await.unwrap_err()),
        ("timeout", tree.replace_child_spec(next().start_timeout(Duration::ZERO)).await.unwrap_err()),
        ("interval", tree.replace_child_spec(next().ready_when(Duration::ZERO, || async { true })).await.unwrap_err()),
        ("mailbox", tree.replace_child_spec(next().mailbox(0)).await.unwrap_err()),
        ("watchdog", tree.replace_child_spec(next().watchdog(Duration::ZERO)).await.unwrap_err()),
        ("significant", tree.replace_child_spec(next().significant()).await.unwrap_err()),
        ("nobody", tree.replace_child_spec(next().restart(Restart::Transient).significant()).await.unwrap_err()),
        ("dependency", tree.replace_child_spec(next().depends_on("x")).await.unwrap_err()),
        ("cycle", tree.replace_child_spec(next().depends_on("a")).await.unwrap_err()),
        ("order", tree.replace_child_spec(next().depends_on("b")).await.unwrap_err()),
    ];
    for (what, refused) in refusals {
        let exact = match (what, &refused) {
            ("unknown id", Refused::NotFound(id)) => *id == "x",
            ("reference", Refused::Referenced(id)) | ("message", Refused::TypeChanged(id)) => *id == "a",
            ("kind", Refused::KindChanged { is, given, .. }) => (*is, *given) == (ChildKind::Server, ChildKind::Task),
            ("no name", Refused::NameChanged { is, given, .. }) => is.is_some() && given.is_none(),
            ("name", Refused::NameChanged { given, .. }) => given.as_ref().is_some_and(|name| name.name == "z"),
            ("timeout", Refused::Invalid(StartError::ZeroStartTimeout { .. }))
            | ("interval", Refused::Invalid(StartError::ZeroInterval { .. }))
            | ("mailbox", Refused::Invalid(StartError::ZeroMailbox { .. }))
            | ("watchdog", Refused::Invalid(StartError::ZeroWatchdog { .. }))
            | ("significant", Refused::Invalid(StartError::SignificantPermanent { .. }))
            | ("nobody", Refused::Invalid(StartError::SignificantForNobody { .. }))
            | ("dependency", Refused::Invalid(StartError::UnknownDependency { .. }))
            | ("cycle", Refused::Invalid(StartError::DependencyCycle { .. })) => true,
            ("order", Refused::OutOfOrder { child, on }) => *child == "a" && *on == "b",
            _ => false,
        };
        assert!(exact, "{what}: {refused:?}");
    }
    assert_eq!(nowhere.call(Ask::Ping).await, Err(CallError::NotRunning), "nobody has it");
    assert_eq!(a.call(Ask::Ping).await, Ok(1));
    assert!(names.lookup::<ServerRef<Probe>>("a").unwrap() == a);
    tell(&a, Ask::Panic);
    settle().await;
    assert_eq!((a.call(Ask::Ping).await, journal.take().as_str()), (Ok(2), "+v1 +v1"));

    let root = tree.reference();
    let slow = Script { stop_time: SECOND, ..Script::default() };
    tree.start_child(scripted("slow", &journal, &slow)).await.unwrap();
    let stopping = tokio::spawn(async move { tree.stop().await });
    settle().await;
    assert!(matches!(root.replace_child_spec(next()).await, Err(Refused::ShuttingDown)));
    stopping.await.unwrap();
    assert!(matches!(root.replace_child_spec(next()).await, Err(Refused::NotRunning)));
}

#[tokio::test(start_paused = true)]
async fn s6_partitions_and_supervisors_without_a_list_have_no_spec_to_replace() {
    let partitions = PartitionSupervisor::new(|_| ChildSpec::task("worker", |cx| async move { cx.stopped().await }));
    let tree = Supervisor::new(Strategy::OneForOne)
        .child(ChildSpec::supervisor(partitions.partitions(2)).id("partitions"))
        .child(ChildSpec::supervisor(DynamicSupervisor::new()).id("dynamic"))
        .start()
        .await
        .unwrap();
    let inside = tree.find_child("partitions").await.unwrap().unwrap().supervisor().unwrap();
    let refused = inside.replace_child_spec(idle("0")).await;
    assert!(matches!(&refused, Err(ReplaceChildSpecError::Partition(id)) if *id == "0"), "{refused:?}");
    let list = ChildSpec::supervisor(Supervisor::new(Strategy::OneForOne)).id("partitions");
    let refused = tree.replace_child_spec(list).await;
    assert!(
        matches!(&refused, Err(ReplaceChildSpecError::TypeChanged(_))),
        "its routes would lead nowhere: {refused:?}"
    );
    let refused = tree.replace_child_spec(ChildSpec::supervisor(DynamicSupervisor::new()).id("dynamic")).await;
    assert!(matches!(&refused, Err(ReplaceChildSpecError::TypeChanged(_))), "{refused:?}");
    assert_eq!(inside.count_children().await.unwrap().active, 2);
    tree.stop().await;
}

#[tokio::test(start_paused = true)]
async fn s6_a_replaced_spec_is_dropped_when_the_next_one_takes_over_and_a_killed_tree_drops_both() {
    let used = Arc::new(());
    let spec = || {
        let used = Arc::clone(&used);
        ChildSpec::task("a", move |cx| {
            let used = Arc::clone(&used);
            async move {
                cx.stopped().await;
                drop(used);
            }
        })
    };
    let tree = Supervisor::new(Strategy::OneForOne).start().await.unwrap();
    let a = tree.start_child(spec()).await.unwrap();
    settle().await;
    assert_eq!(Arc::strong_count(&used), 3, "the factory and the task");
    tree.replace_child_spec(spec()).await.unwrap();
    tree.replace_child_spec(spec()).await.unwrap();
    assert_eq!(Arc::strong_count(&used), 4, "the one in between is gone");
    tree.kill_child("a").await.unwrap();
    settle().await;
    assert_eq!((a.incarnation(), Arc::strong_count(&used)), (2, 3));
    tree.replace_child_spec(spec()).await.unwrap();
    drop(tree);
    assert_eq!(a.gone().await, Some(ExitReason::Killed));
    settle().await;
    assert_eq!(Arc::strong_count(&used), 1);
}

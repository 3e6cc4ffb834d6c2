//! Section 6: children administered by hand.

mod support;

use std::sync::Arc;
use std::sync::atomic::Ordering::SeqCst;
use std::time::Duration;

use registry::ServiceRegistry;
use tokio::sync::watch;
use tokio::time::Instant;

use supervisor::testing::settle;
use supervisor::{
    Backoff, ChildKind, ChildRef, ChildSpec, ChildState, Context, DeleteChildError, DynamicSupervisor,
    DynamicSupervisorRef, ExitReason, Failure, Flow, Init, PartitionSupervisor, Reply, ResizeError, Restart,
    RestartChildError, Server, ServerRef, Shutdown, StartChildError, StartFailure, Strategy, Supervisor, SupervisorRef,
    TaskSupervisor, TerminateChildError, Tree,
};

use support::{Ask, Journal, SECOND, Script, probe, scripted, tell};

async fn one(journal: &Journal) -> Tree<SupervisorRef> {
    Supervisor::new(Strategy::OneForOne).child(probe("a", journal)).start().await.unwrap()
}

#[tokio::test(start_paused = true)]
async fn s6_start_child_refuses_an_id_that_is_there() {
    let journal = Journal::default();
    let tree = one(&journal).await;
    let refused = tree.start_child(probe("a", &journal)).await.unwrap_err();
    let StartChildError::AlreadyStarted(child) = refused else { panic!("{refused:?}") };
    assert_eq!(child.server::<support::Probe>().unwrap().call(Ask::Ping).await, Ok(1), "the one that is there");

    tree.terminate_child("a").await.unwrap();
    let refused = tree.start_child(probe("a", &journal)).await.unwrap_err();
    assert!(matches!(&refused, StartChildError::AlreadyPresent(id) if *id == "a"), "{refused:?}");
    tree.delete_child("a").await.unwrap();
    let a = tree.start_child(probe("a", &journal)).await.unwrap();
    assert_eq!(a.call(Ask::Ping).await, Ok(1));
    tree.stop().await;
}

#[tokio::test(start_paused = true)]
async fn s6_start_child_that_fails_leaves_no_spec_and_the_supervisor_alone() {
    let journal = Journal::default();
    let tree = one(&journal).await;
    let failing = Script::default();
    failing.fail(1);
    let refused = tree.start_child(scripted("b", &journal, &failing)).await.unwrap_err();
    let StartChildError::Failed { child, cause: StartFailure::Exited(reason) } = refused else { panic!("{refused:?}") };
    assert_eq!((child.as_str(), reason.as_str()), ("b", "error"));
    assert_eq!(tree.count_children().await.unwrap().specs, 1);
    assert_eq!(journal.take(), "+a");
    tree.stop().await;
}

#[tokio::test(start_paused = true)]
async fn s6_terminate_child_is_idempotent_and_a_restart_is_a_new_incarnation() {
    let journal = Journal::default();
    let tree = one(&journal).await;
    for _ in 0..3 {
        assert_eq!(tree.terminate_child("a").await, Ok(()));
    }
    assert_eq!(tree.terminate_child("b").await, Err(TerminateChildError::NotFound));
    tree.restart_child("a").await.unwrap();
    assert_eq!(journal.take(), "+a -a +a");
    assert_eq!(tree.find_child("a").await.unwrap().unwrap().incarnation(), 2);
    tree.stop().await;
}

#[tokio::test(start_paused = true)]
async fn s6_terminate_child_returns_when_it_has_ended_and_others_are_answered_meanwhile() {
    let journal = Journal::default();
    let slow = Script { stop_time: SECOND * 3, ..Script::default() };
    let tree =
        Arc::new(Supervisor::new(Strategy::OneForOne).child(scripted("a", &journal, &slow)).start().await.unwrap());
    let stopping = tokio::spawn({
        let tree = Arc::clone(&tree);
        async move {
            tree.terminate_child("a").await.unwrap();
            tree.find_child("a").await.unwrap().unwrap().last_exit()
        }
    });
    settle().await;
    assert_eq!(tree.which_children().await.unwrap()[0].state, ChildState::Stopping);
    assert_eq!(tree.delete_child("a").await, Err(DeleteChildError::Running));
    assert!(matches!(tree.restart_child("a").await, Err(RestartChildError::Running)));
    assert_eq!(journal.take(), "+a");
    assert_eq!(stopping.await.unwrap(), Some(supervisor::ExitReason::Shutdown));
    tree.stop().await;
}

#[tokio::test(start_paused = true)]
async fn s6_a_temporary_child_that_is_terminated_leaves_no_spec() {
    let journal = Journal::default();
    let tree = one(&journal).await;
    tree.start_child(probe("t", &journal).restart(Restart::Temporary)).await.unwrap();
    tree.terminate_child("t").await.unwrap();
    assert_eq!(tree.terminate_child("t").await, Err(TerminateChildError::NotFound));
    tree.stop().await;
}

#[tokio::test(start_paused = true)]
async fn s6_restart_child_and_delete_child_tell_exactly_what_is_wrong() {
    let journal = Journal::default();
    let slow = Script { init_time: SECOND, ..Script::default() };
    let tree = Supervisor::new(Strategy::OneForOne).child(scripted("a", &journal, &slow)).start().await.unwrap();
    assert!(matches!(tree.restart_child("x").await, Err(RestartChildError::NotFound)));
    assert_eq!(tree.delete_child("x").await, Err(DeleteChildError::NotFound));
    assert!(matches!(tree.restart_child("a").await, Err(RestartChildError::Running)));
    assert_eq!(tree.delete_child("a").await, Err(DeleteChildError::Running));

    tree.kill_child("a").await.unwrap();
    settle().await;
    assert_eq!(tree.which_children().await.unwrap()[0].state, ChildState::Restarting);
    assert!(matches!(tree.restart_child("a").await, Err(RestartChildError::Restarting)));
    assert_eq!(tree.delete_child("a").await, Err(DeleteChildError::Restarting));

    tree.terminate_child("a").await.unwrap();
    slow.fail(1);
    let refused = tree.restart_child("a").await.unwrap_err();
    assert!(matches!(refused, RestartChildError::Failed(StartFailure::Exited(_))), "{refused:?}");
    assert_eq!(tree.which_children().await.unwrap()[0].state, ChildState::Stopped, "its spec is kept");
    tree.restart_child("a").await.unwrap();
    tree.stop().await;
}

#[tokio::test(start_paused = true)]
async fn s6_restart_child_that_fails_keeps_the_spec_of_a_child_that_was_never_up() {
    let (listed, added) = (Script::default(), Script::default());
    listed.ignore(1);
    added.ignore(1);
    let journal = Journal::default();
    let tree = Supervisor::new(Strategy::OneForOne).child(scripted("a", &journal, &listed)).start().await.unwrap();
    let refused = tree.start_child(scripted("b", &journal, &added)).await.unwrap_err();
    assert!(matches!(refused, StartChildError::Failed { cause: StartFailure::Ignored, .. }), "{refused:?}");
    listed.fail(1);
    added.fail(1);
    for child in ["a", "b"] {
        let refused = tree.restart_child(child).await;
        assert!(matches!(refused, Err(RestartChildError::Failed(StartFailure::Exited(_)))), "{refused:?}");
        tree.restart_child(child).await.unwrap();
    }
    assert_eq!(journal.take(), "+a +b");
    tree.stop().await;
}

#[tokio::test(start_paused = true)]
async fn s6_which_children_and_count_children_tell_what_there_is() {
    let journal = Journal::default();
    let tree = Supervisor::new(Strategy::OneForOne)
        .child(probe("a", &journal))
        .child(ChildSpec::task("t", |cx| async move { cx.stopped().await }).restart(Restart::Transient))
        .child(ChildSpec::supervisor(Supervisor::new(Strategy::OneForAll)).id("s"))
        .child(ChildSpec::supervisor(DynamicSupervisor::new()).id("d"))
        .start()
        .await
        .unwrap();
    tree.terminate_child("t").await.unwrap();
    let children = tree.which_children().await.unwrap();
    let told: Vec<_> =
        children.iter().map(|child| (child.id.as_str(), child.kind, child.state, child.restart)).collect();
    assert_eq!(
        told,
        [
            ("a", ChildKind::Server, ChildState::Running, Restart::Permanent),
            ("t", ChildKind::Task, ChildState::Stopped, Restart::Transient),
            ("s", ChildKind::Supervisor, ChildState::Running, Restart::Permanent),
            ("d", ChildKind::Supervisor, ChildState::Running, Restart::Permanent),
        ]
    );
    let count = tree.count_children().await.unwrap();
    assert_eq!((count.specs, count.active, count.supervisors, count.workers), (4, 3, 2, 2));
    assert!(children[3].child.dynamic_supervisor().is_some());
    tree.stop().await;
}

#[tokio::test(start_paused = true)]
async fn s6_a_dropped_start_child_leaves_no_orphan() {
    let journal = Journal::default();
    let tree = one(&journal).await;
    let slow = Script { init_time: SECOND * 2, ..Script::default() };
    let mut spec = scripted("b", &journal, &slow);
    let b = spec.reference();
    assert!(tokio::time::timeout(SECOND, tree.start_child(spec)).await.is_err());
    tokio::time::sleep(SECOND * 2).await;
    // It is the supervisor's child like any other, and goes with it.
    assert_eq!(tree.count_children().await.unwrap().active, 2);
    tree.stop().await;
    assert_eq!(b.child().gone().await, Some(supervisor::ExitReason::Shutdown));
    assert_eq!(journal.take(), "+a +b -b -a");
    assert_eq!(slow.inits.load(SeqCst), 1);
}

#[tokio::test(start_paused = true)]
async fn s6_calls_on_an_ended_supervisor_are_not_running() {
    let journal = Journal::default();
    let tree = one(&journal).await;
    let root = tree.reference();
    tree.stop().await;
    tree.exited().await;
    assert!(matches!(root.start_child(probe("b", &journal)).await, Err(StartChildError::NotRunning)));
    assert_eq!(root.terminate_child("a").await, Err(TerminateChildError::NotRunning));
    assert!(matches!(root.restart_child("a").await, Err(RestartChildError::NotRunning)));
    assert_eq!(root.delete_child("a").await, Err(DeleteChildError::NotRunning));
    assert_eq!(root.kill_child("a").await, Err(TerminateChildError::NotRunning));
    assert!(root.which_children().await.is_err());
    assert!(root.count_children().await.is_err());
    assert!(root.child_spec("a").await.is_err());
    assert!(root.find_child("a").await.is_err());
    assert_eq!(root.stop().await, ExitReason::Shutdown, "once more is no harm");

    let rooms = DynamicSupervisor::new().start().await.unwrap();
    let a = rooms.start_child(probe("a", &journal)).await.unwrap();
    rooms.stop().await;
    assert!(matches!(rooms.start_child(probe("b", &journal)).await, Err(StartChildError::NotRunning)));
    assert_eq!(rooms.terminate_child(&a).await, Err(TerminateChildError::NotRunning));
    assert_eq!(rooms.kill_child(&a), Err(TerminateChildError::NotRunning));
    assert_eq!((rooms.count_children().specs, rooms.which_children().len()), (0, 0));
    let names = ServiceRegistry::new().namespace("test").unwrap();
    let refused = rooms.start_or_get(&names, "b", || probe("b", &journal)).await;
    assert!(matches!(refused, Err(StartChildError::NotRunning)), "{refused:?}");

    let tasks = TaskSupervisor::new().start().await.unwrap();
    tasks.stop().await;
    assert!(matches!(tasks.async_nolink(async {}), Err(StartChildError::NotRunning)));
    assert!(matches!(tasks.start_child(async {}), Err(StartChildError::NotRunning)));

    let noted = journal.clone();
    let parts = PartitionSupervisor::new(move |_| probe("part", &noted)).partitions(1).start().await.unwrap();
    parts.stop().await;
    assert!(matches!(parts.resize(2).await, Err(ResizeError::NotRunning)));
}

#[tokio::test(start_paused = true)]
async fn a_child_added_by_hand_is_restarted_like_any_other_and_forgotten_by_a_new_incarnation_of_its_supervisor() {
    let journal = Journal::default();
    let mut inner = ChildSpec::supervisor(Supervisor::new(Strategy::OneForOne).child(probe("a", &journal))).id("inner");
    let inner_ref = inner.reference();
    let tree = Supervisor::new(Strategy::OneForOne).child(inner).start().await.unwrap();
    let b = inner_ref.start_child(probe("b", &journal)).await.unwrap();
    tell(&b, Ask::Panic);
    settle().await;
    assert_eq!(b.call(Ask::Ping).await, Ok(2));
    tree.kill_child("inner").await.unwrap();
    settle().await;
    assert_eq!(inner_ref.count_children().await.unwrap().specs, 1);
    assert_eq!(b.call(Ask::Ping).await, Err(supervisor::CallError::NotRunning));
    tree.stop().await;
}

#[tokio::test(start_paused = true)]
async fn s6_child_spec_gives_what_the_supervisor_was_told_with_the_defaults() {
    let journal = Journal::default();
    let names = ServiceRegistry::new().namespace("names").unwrap();
    let full = |name: &str| {
        probe("b", &journal)
            .restart(Restart::Transient)
            .shutdown(Shutdown::BrutalKill)
            .backoff(Backoff::exponential())
            .ready_when(SECOND, || async { true })
            .name(&names, name)
    };
    let tree = one(&journal).await;
    let a = tree.child_spec("a").await.unwrap().unwrap();
    assert_eq!((a.id.as_str(), a.kind, a.restart), ("a", ChildKind::Server, Restart::Permanent));
    assert_eq!((a.shutdown, a.backoff, a.start_timeout), (Shutdown::Timeout(SECOND * 5), None, None));
    assert_eq!((a.depends_on.len(), a.awaits_readiness, a.significant, a.name), (0, false, false, None));

    tree.start_child(full("static").depends_on("a")).await.unwrap();
    tree.terminate_child("b").await.unwrap();
    let b = tree.child_spec("b").await.unwrap().expect("also of one that is down");
    assert_eq!((b.restart, b.shutdown), (Restart::Transient, Shutdown::BrutalKill));
    assert_eq!((b.backoff, b.start_timeout), (Some(Backoff::exponential()), Some(SECOND * 60)));
    assert!(b.awaits_readiness && b.depends_on == ["a"], "{b:?}");
    assert_eq!(b.name.as_ref().map(|name| (name.namespace.as_str(), name.name.as_str())), Some(("names", "static")));
    assert_eq!(tree.child_spec("c").await, Ok(None));

    let rooms = DynamicSupervisor::new().start().await.unwrap();
    let c = rooms.start_child(full("dynamic")).await.unwrap();
    let told = rooms.child_spec(&c).unwrap();
    assert_eq!((told.restart, told.name.unwrap().name.as_str()), (Restart::Transient, "dynamic"));
    rooms.terminate_child(&c).await.unwrap();
    assert_eq!(rooms.child_spec(&c), None);
    rooms.stop().await;
    tree.stop().await;
    assert!(tree.child_spec("a").await.is_err(), "not running");
}

/// Asks its own supervisor for what has to wait for itself, in its init or in a handler, and notes the answers.
struct Asker {
    supervisor: watch::Receiver<Option<SupervisorRef>>,
    dynamic: watch::Receiver<Option<DynamicSupervisorRef>>,
    journal: Journal,
}

impl Asker {
    async fn ask(&self, this: &ServerRef<Self>) {
        let (tree, rooms) = (self.supervisor.borrow().clone(), self.dynamic.borrow().clone());
        if let Some(tree) = tree {
            let start = |spec: ChildSpec<ChildRef>| tree.start_child(spec);
            let idle = |id: &'static str| ChildSpec::task(id, |cx| async move { cx.stopped().await });
            match start(idle("behind")).await {
                Err(StartChildError::WouldDeadlock) => self.journal.note("start"),
                other => self.journal.note(format!("start:{}", other.is_ok())),
            }
            match start(idle("dependent").depends_on("asker")).await {
                Err(StartChildError::WouldDeadlock) => self.journal.note("depend"),
                other => self.journal.note(format!("depend:{}", other.is_ok())),
            }
            if let Err(TerminateChildError::WouldDeadlock) = tree.terminate_child("asker").await {
                self.journal.note("terminate");
            }
            if let Err(RestartChildError::WouldDeadlock) = tree.restart_child("leaning").await {
                self.journal.note("restart");
            }
        }
        if let Some(rooms) = rooms {
            if let Err(TerminateChildError::WouldDeadlock) = rooms.terminate_child(this).await {
                self.journal.note("terminate");
            }
            let idle = ChildSpec::task("other", |cx| async move { cx.stopped().await });
            let other = rooms.start_child(idle).await.unwrap();
            rooms.terminate_child(&other).await.unwrap();
            self.journal.note("other");
        }
    }
}

impl Server for Asker {
    type Message = Reply<()>;

    async fn init(&mut self, cx: &mut Context<Self>) -> Result<Init, Failure> {
        self.ask(&cx.this()).await;
        Ok(Init::Ready)
    }

    async fn handle(&mut self, reply: Reply<()>, cx: &mut Context<Self>) -> Result<Flow, Failure> {
        self.ask(&cx.this()).await;
        reply.send(());
        Ok(Flow::Continue)
    }
}

#[tokio::test(start_paused = true)]
async fn s6_what_would_wait_for_its_own_caller_is_refused_at_once() {
    let journal = Journal::default();
    let (tell_tree, tree) = watch::channel(None);
    let (tell_rooms, rooms) = watch::channel(None);
    let here = journal.clone();
    let asker = || {
        let (journal, supervisor, dynamic) = (here.clone(), tree.clone(), rooms.clone());
        let asker =
            move || Asker { supervisor: supervisor.clone(), dynamic: dynamic.clone(), journal: journal.clone() };
        ChildSpec::server(asker).id("asker").shutdown(Shutdown::Infinity)
    };
    let mut spec = asker();
    let handle = spec.reference();
    let root = Supervisor::new(Strategy::OneForAll)
        .child(spec)
        .child(ChildSpec::task("leaning", |cx| async move { cx.stopped().await }).depends_on("asker"))
        .start()
        .await
        .unwrap();
    tell_tree.send(Some(root.reference())).unwrap();
    root.terminate_child("leaning").await.unwrap();

    let begun = Instant::now();
    root.kill_child("asker").await.unwrap();
    settle().await;
    assert_eq!(journal.take(), "start depend terminate", "in an init that the group waits for; leaning is on its way");
    root.terminate_child("leaning").await.unwrap();
    root.terminate_child("asker").await.unwrap();
    root.restart_child("asker").await.unwrap();
    assert_eq!(journal.take(), "start:true depend terminate restart", "in an init that only its dependents wait for");
    handle.call(|reply| reply).await.unwrap();
    assert_eq!(journal.take(), "start:false depend:true terminate", "in a handler: nobody waits for that");

    tell_tree.send(None).unwrap();
    let dynamic = DynamicSupervisor::new().start().await.unwrap();
    tell_rooms.send(Some(dynamic.reference())).unwrap();
    let a = dynamic.start_child(asker()).await;
    assert!(a.is_ok());
    a.unwrap().call(|reply| reply).await.unwrap();
    assert_eq!(journal.take(), "terminate other terminate other");
    assert!(begun.elapsed() < Duration::from_millis(10), "nobody waited for anything");
    dynamic.stop().await;
    root.stop().await;
}

#[tokio::test(start_paused = true)]
async fn s6_a_listed_child_that_is_deleted_leaves_its_name_until_its_supervisor_starts_it_again() {
    let (journal, names) = (Journal::default(), ServiceRegistry::new().namespace("names").unwrap());
    let workers = Supervisor::new(Strategy::OneForOne)
        .child(probe("a", &journal).name(&names, "a"))
        .child(probe("t", &journal).restart(Restart::Temporary).name(&names, "t"));
    let mut workers = ChildSpec::supervisor(workers).id("workers");
    let inner = workers.reference();
    let tree = Supervisor::new(Strategy::OneForOne).child(workers).start().await.unwrap();
    for child in ["a", "t"] {
        inner.terminate_child(child).await.unwrap();
    }
    assert!(names.register("a", 7).is_err(), "it is down, and its spec is there");
    inner.delete_child("a").await.unwrap();
    let taken: Vec<_> = ["a", "t"].map(|name| names.register(name, 7).unwrap()).into();
    drop(taken);
    tree.kill_child("workers").await.unwrap();
    settle().await;
    assert!(names.register("a", 7).is_err() && names.register("t", 7).is_err());
    assert_eq!(journal.take(), "+a +t -a -t +a +t");
    tree.stop().await;
}

/// Asks the supervisor of its supervisors for what waits for the one that it is in, and notes the answers.
struct Climber {
    top: watch::Receiver<Option<SupervisorRef>>,
    journal: Journal,
}

impl Server for Climber {
    type Message = ();

    async fn init(&mut self, cx: &mut Context<Self>) -> Result<Init, Failure> {
        let Some(top) = self.top.borrow().clone() else { return Ok(Init::Ready) };
        let idle = |id: String| ChildSpec::task(id, |cx| async move { cx.stopped().await });
        let number = cx.incarnation();
        match top.start_child(idle(format!("behind {number}"))).await {
            Err(StartChildError::WouldDeadlock) => self.journal.note("start"),
            other => self.journal.note(format!("start:{}", other.is_ok())),
        }
        match top.start_child(idle(format!("dependent {number}")).depends_on("middle")).await {
            Err(StartChildError::WouldDeadlock) => self.journal.note("depend"),
            other => self.journal.note(format!("depend:{}", other.is_ok())),
        }
        match top.restart_child("leaning").await {
            Err(RestartChildError::WouldDeadlock) => self.journal.note("restart"),
            other => self.journal.note(format!("restart:{}", other.is_ok())),
        }
        Ok(Init::Ready)
    }

    async fn handle(&mut self, (): (), _: &mut Context<Self>) -> Result<Flow, Failure> {
        Ok(Flow::Continue)
    }
}

/// The top supervisor, which the climber learns of, with a climber two supervisors below, and a child that depends on the one between.
async fn climbed(strategy: Strategy, journal: &Journal) -> (Tree<SupervisorRef>, SupervisorRef) {
    let (tell, top) = watch::channel(None);
    let here = journal.clone();
    let climber = move || Climber { top: top.clone(), journal: here.clone() };
    let mut inner = ChildSpec::supervisor(
        Supervisor::new(Strategy::OneForOne).child(probe("before", journal)).child(ChildSpec::server(climber)),
    );
    let inner_ref = inner.reference();
    let middle = Supervisor::new(Strategy::OneForAll).child(inner);
    let tree = Supervisor::new(strategy)
        .child(ChildSpec::supervisor(middle).id("middle"))
        .child(ChildSpec::task("leaning", |cx| async move { cx.stopped().await }).depends_on("middle"))
        .start()
        .await
        .unwrap();
    tree.terminate_child("leaning").await.unwrap();
    tell.send(Some(tree.reference())).unwrap();
    journal.take();
    (tree, inner_ref)
}

#[tokio::test(start_paused = true)]
async fn s6_what_would_wait_for_the_init_of_a_caller_further_down_is_refused_at_once() {
    let journal = Journal::default();
    let (tree, inner) = climbed(Strategy::OneForAll, &journal).await;
    tree.kill_child("middle").await.unwrap();
    settle().await;
    assert_eq!(journal.take(), "+before start depend restart:false", "the group restart comes to leaning anyway");
    assert_eq!(tree.count_children().await.unwrap().active, 2, "and goes on");

    inner.kill_child("Climber").await.unwrap();
    settle().await;
    assert_eq!(journal.take(), "start:true depend:true restart:false", "nobody waits for that init; leaning is up");
    tree.stop().await;

    let (tree, _) = climbed(Strategy::OneForOne, &journal).await;
    tree.kill_child("middle").await.unwrap();
    settle().await;
    assert_eq!(journal.take(), "+before start:true depend restart", "only what depends on it waits");
    tree.restart_child("leaning").await.unwrap();
    tree.stop().await;
}

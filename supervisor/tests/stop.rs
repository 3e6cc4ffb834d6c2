//! Section 5: how a supervisor stops.

mod support;

use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::sync::atomic::Ordering::SeqCst;
use std::time::Duration;

use registry::{LookupError, ServiceRegistry};
use supervisor::testing::{Recorder, abandoned, exited, settle};
use supervisor::{
    Backoff, ChildRef, ChildSpec, DynamicSupervisor, ExitReason, ServerRef, Shutdown, StartChildError, Strategy,
    Supervisor, SupervisorRef, Tree,
};
use tokio::time::{Instant, sleep};

use support::{Ask, Journal, Probe, SECOND, Script, probe, scripted, tell};

#[tokio::test(start_paused = true)]
async fn s5_1_children_stop_in_reverse_order_each_when_the_one_after_it_has_ended() {
    let journal = Journal::default();
    let slow = Script { stop_time: SECOND, ..Script::default() };
    let tree = Supervisor::new(Strategy::OneForOne)
        .child(scripted("a", &journal, &slow))
        .child(scripted("b", &journal, &slow))
        .child(scripted("c", &journal, &slow))
        .start()
        .await
        .unwrap();
    journal.take();
    let begun = Instant::now();
    assert_eq!(tree.stop().await, ExitReason::Shutdown);
    assert_eq!(journal.take(), "-c -b -a");
    assert_eq!(begun.elapsed().as_secs(), 3);
}

/// Stops a child of this kind with this shutdown, and says why it ended and how long that took.
async fn stopped(spec: ChildSpec<ChildRef>, shutdown: Shutdown) -> (Option<ExitReason>, Duration) {
    let mut spec = spec.shutdown(shutdown);
    let child = spec.reference();
    let tree = Supervisor::new(Strategy::OneForOne).child(spec).start().await.unwrap();
    settle().await;
    let begun = Instant::now();
    tree.stop().await;
    (child.last_exit(), begun.elapsed())
}

fn deaf() -> ChildSpec<ChildRef> {
    ChildSpec::task("deaf", |_| std::future::pending::<()>())
}

fn obedient(time: Duration) -> ChildSpec<ChildRef> {
    ChildSpec::task("obedient", move |cx| async move {
        cx.stopped().await;
        sleep(time).await;
    })
}

#[tokio::test(start_paused = true)]
async fn s5_1_a_child_has_its_shutdown_time_and_is_then_aborted() {
    let (reason, time) = stopped(deaf(), Shutdown::Timeout(SECOND * 7)).await;
    assert_eq!((reason, time.as_secs()), (Some(ExitReason::Timeout), 7));
    let (reason, time) = stopped(obedient(SECOND * 6), Shutdown::Timeout(SECOND * 7)).await;
    assert_eq!((reason, time.as_secs()), (Some(ExitReason::Shutdown), 6));
}

#[tokio::test(start_paused = true)]
async fn s5_1_who_does_not_stop_in_its_time_is_told_of() {
    let events = Arc::new(std::sync::Mutex::new(Vec::new()));
    let _guard = tracing::subscriber::set_default(support::Collect(Arc::clone(&events)));
    let told = || std::mem::take(&mut *events.lock().unwrap()).join("\n");
    let (_, _) = stopped(obedient(SECOND), Shutdown::Timeout(SECOND * 7)).await;
    let (_, _) = stopped(obedient(SECOND), Shutdown::BrutalKill).await;
    assert!(!told().contains("in its time"), "what was meant, or went well");
    let (_, _) = stopped(deaf(), Shutdown::Timeout(SECOND * 7)).await;
    let said = told();
    let line = said.lines().find(|line| line.contains("did not stop in its time")).expect("it is told");
    assert!(line.starts_with("WARN") && line.contains("child=deaf") && line.contains("incarnation=1"), "{line}");

    let rooms = DynamicSupervisor::new().start().await.unwrap();
    let _room = rooms.start_child(deaf()).await.unwrap();
    rooms.stop().await;
    let said = told();
    let line = said.lines().find(|line| line.contains("did not stop in its time")).expect("it is told");
    assert!(line.starts_with("WARN") && line.contains("child=deaf"), "{line}");
}

#[tokio::test(start_paused = true)]
async fn s5_1_brutal_kill_aborts_at_once_and_infinity_waits() {
    let (reason, time) = stopped(obedient(Duration::ZERO), Shutdown::BrutalKill).await;
    assert_eq!((reason, time.as_secs()), (Some(ExitReason::Killed), 0));
    let (reason, time) = stopped(obedient(SECOND * 86_400), Shutdown::Infinity).await;
    assert_eq!((reason, time.as_secs()), (Some(ExitReason::Shutdown), 86_400));
}

#[tokio::test(start_paused = true)]
async fn s5_1_the_reason_is_the_truth() {
    let ends = |outcome: Result<(), &'static str>| {
        ChildSpec::task("ends", move |cx| async move {
            cx.stopped().await;
            outcome
        })
    };
    let in_time = Shutdown::Timeout(SECOND);
    assert_eq!(stopped(ends(Ok(())), in_time).await.0, Some(ExitReason::Shutdown));
    assert_eq!(stopped(ends(Err("no")), in_time).await.0, Some(ExitReason::error("no")));
    let panics = ChildSpec::task("panics", |cx| async move {
        cx.stopped().await;
        panic!("at the last moment");
        #[expect(unreachable_code, reason = "the type of the output")]
        ()
    });
    assert!(matches!(stopped(panics, in_time).await.0, Some(ExitReason::Panic(_))));
}

/// On many threads: one child holds its thread until its supervisor has aborted it.
#[tokio::test(flavor = "multi_thread", worker_threads = 3)]
async fn s5_1_a_child_that_ends_by_itself_before_the_abort_arrives_keeps_its_reason() {
    for ends in ["by itself", ""] {
        let (release, gate) = std::sync::mpsc::sync_channel::<()>(0);
        let gate = Arc::new(std::sync::Mutex::new(gate));
        let racing = ChildSpec::task("racing", move |cx| {
            let gate = Arc::clone(&gate);
            async move {
                cx.stopped().await;
                let _ = gate.lock().unwrap().recv();
                if ends.is_empty() { Ok(()) } else { Err(ends) }
            }
        });
        // It is aborted a little later, which is when the other one has been.
        let deaf = deaf().shutdown(Shutdown::Timeout(Duration::from_millis(20)));
        let jobs = DynamicSupervisor::new().grace(SECOND * 60).start().await.unwrap();
        let racing = jobs.start_child(racing.shutdown(Shutdown::Timeout(Duration::from_millis(10)))).await.unwrap();
        let deaf = jobs.start_child(deaf).await.unwrap();
        let rooms = jobs.reference();
        let stopping = tokio::spawn(async move { rooms.stop().await });
        assert_eq!(deaf.gone().await, Some(ExitReason::Timeout));
        drop(release);
        let expected = if ends.is_empty() { ExitReason::Shutdown } else { ExitReason::error(ends) };
        assert_eq!(racing.gone().await, Some(expected));
        assert_eq!(stopping.await.unwrap(), ExitReason::Shutdown);
    }
}

/// Lives until it is dropped.
struct Alive(Arc<AtomicBool>);

impl Alive {
    fn new(flag: &Arc<AtomicBool>) -> Self {
        assert!(!flag.swap(true, SeqCst), "two incarnations overlap");
        Self(Arc::clone(flag))
    }
}

impl Drop for Alive {
    fn drop(&mut self) {
        self.0.store(false, SeqCst);
    }
}

#[tokio::test(start_paused = true)]
async fn s5_2_an_incarnation_is_dead_when_its_whole_scope_is() {
    let flag = Arc::new(AtomicBool::new(false));
    let seen = Arc::clone(&flag);
    let mut spec = ChildSpec::task("parent", move |cx| {
        let seen = Arc::clone(&seen);
        async move {
            let alive = Alive::new(&seen);
            cx.spawn(async move {
                let _alive = alive;
                std::future::pending::<()>().await;
            });
            sleep(SECOND).await;
            panic!("leaves a task behind");
            #[expect(unreachable_code, reason = "the type of the output")]
            ()
        }
    });
    let child = spec.reference();
    let tree = Supervisor::new(Strategy::OneForOne).budget(3, SECOND * 60).child(spec).start().await.unwrap();
    for incarnation in 1..=3 {
        child.ended(incarnation).await;
        assert!(
            matches!(child.last_exit(), Some(ExitReason::Panic(panic)) if panic.message() == "leaves a task behind")
        );
    }
    tree.stop().await;
    assert!(!flag.load(SeqCst), "nothing of it is left");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn s5_2_the_next_incarnation_waits_for_a_task_in_the_scope_that_cannot_be_aborted_yet() {
    let namespace = ServiceRegistry::new().namespace("test").unwrap();
    let (release, gate) = std::sync::mpsc::sync_channel::<()>(0);
    let gate = Arc::new(std::sync::Mutex::new(gate));
    let (entered, mut inside) = tokio::sync::mpsc::unbounded_channel();
    let flag = Arc::new(AtomicBool::new(false));
    let seen = Arc::clone(&flag);
    let spec = ChildSpec::task("parent", move |cx| {
        let (gate, entered, alive) = (Arc::clone(&gate), entered.clone(), Alive::new(&seen));
        async move {
            if cx.incarnation() > 1 {
                cx.stopped().await;
                return Ok(());
            }
            let (started, running) = tokio::sync::oneshot::channel();
            cx.spawn(async move {
                let _alive = alive;
                started.send(()).unwrap();
                // Holds its thread: an abort has to wait.
                tokio::task::block_in_place(|| {
                    let _ = gate.lock().unwrap().recv();
                });
            });
            running.await.unwrap();
            entered.send(()).unwrap();
            Err("leaves a task behind")
        }
    });
    let mut spec = spec.name(&namespace, "parent");
    let child = spec.reference();
    let tree = Supervisor::new(Strategy::OneForOne).child(spec).start().await.unwrap();
    inside.recv().await.unwrap();
    let early = tokio::time::timeout(Duration::from_millis(100), child.ended(1)).await;
    assert!(early.is_err(), "its scope is still there");
    assert_eq!(child.incarnation(), 1);
    assert!(namespace.lookup::<ChildRef>("parent").is_ok(), "and has the name");

    release.send(()).unwrap();
    child.ended(1).await;
    assert!(child.running().await);
    assert_eq!(child.incarnation(), 2);
    tree.stop().await;
}

#[tokio::test(start_paused = true)]
async fn s5_2_a_stop_waits_for_the_scope_even_of_a_child_that_is_aborted() {
    let flag = Arc::new(AtomicBool::new(false));
    let seen = Arc::clone(&flag);
    let spec = ChildSpec::task("parent", move |cx| {
        let alive = Alive::new(&seen);
        async move {
            cx.spawn(async move {
                let _alive = alive;
                std::future::pending::<()>().await;
            });
            std::future::pending::<()>().await;
        }
    });
    let (reason, _) = stopped(spec, Shutdown::BrutalKill).await;
    assert_eq!(reason, Some(ExitReason::Killed));
    assert!(!flag.load(SeqCst));
}

#[tokio::test(start_paused = true)]
async fn s5_2_a_task_spawned_into_a_closed_scope_never_runs() {
    let ran = Arc::new(AtomicBool::new(false));
    let seen = Arc::clone(&ran);
    let spec = ChildSpec::task("parent", move |cx| {
        let seen = Arc::clone(&seen);
        async move {
            // Outlives its incarnation, with the context.
            tokio::spawn(async move {
                sleep(SECOND).await;
                let task = cx.spawn(async move { seen.store(true, SeqCst) });
                assert!(task.await.unwrap_err().is_cancelled());
            });
        }
    });
    let tree =
        Supervisor::new(Strategy::OneForOne).child(spec.restart(supervisor::Restart::Temporary)).start().await.unwrap();
    sleep(SECOND * 2).await;
    assert!(!ran.load(SeqCst));
    tree.stop().await;
}

#[tokio::test(start_paused = true)]
async fn s5_2_the_name_is_reserved_between_incarnations_and_handed_on_when_the_scope_is_gone() {
    let registry = ServiceRegistry::new();
    let namespace = registry.namespace("test").unwrap();
    let slow = Script { init_time: SECOND, ..Script::default() };
    let spec = scripted("a", &Journal::default(), &slow).name(&namespace, "a");
    let tree = Supervisor::new(Strategy::OneForOne).child(spec).start().await.unwrap();

    let a = namespace.lookup::<supervisor::ServerRef<support::Probe>>("a").unwrap();
    tell(&a, Ask::Panic);
    settle().await;
    let refused = namespace.lookup::<supervisor::ServerRef<support::Probe>>("a").unwrap_err();
    assert!(matches!(refused, LookupError::Restarting { .. }), "{refused:?}");
    assert!(namespace.register("a", 1_u8).is_err(), "nobody can take it");
    let same = namespace.wait_for::<supervisor::ServerRef<support::Probe>>("a", SECOND * 5).await.unwrap();
    assert_eq!(same, a);
    assert_eq!(same.call(Ask::Ping).await, Ok(2));

    tree.stop().await;
    tree.exited().await;
    let refused = namespace.lookup::<supervisor::ServerRef<support::Probe>>("a").unwrap_err();
    assert!(matches!(refused, LookupError::NotFound { .. }), "{refused:?}");
}

#[tokio::test(start_paused = true)]
async fn a_taken_name_fails_the_start_and_names_child_and_holder() {
    let namespace = ServiceRegistry::new().namespace("test").unwrap();
    let registration = namespace.register("a", 1_u8).unwrap();
    let error = Supervisor::new(Strategy::OneForOne)
        .child(probe("child", &Journal::default()).name(&namespace, "a"))
        .start()
        .await
        .unwrap_err();
    let supervisor::StartError::Child {
        child,
        cause: supervisor::StartFailure::Name(registry::ReserveError::Taken { holder, .. }),
    } = error
    else {
        panic!("{error:?}")
    };
    assert_eq!(child, "child");
    assert_eq!(holder, registration.holder());
}

/// A thread that does not come back before `release` is dropped.
fn stuck(gate: std::sync::mpsc::Receiver<()>) -> ChildSpec<ChildRef> {
    let gate = std::sync::Mutex::new(gate);
    ChildSpec::blocking("stuck", move |_| {
        let _ = gate.lock().unwrap().recv();
    })
}

#[tokio::test(start_paused = true)]
async fn s5_3_what_cannot_be_killed_is_abandoned_after_a_grace_and_the_stop_goes_on() {
    let (release, gate) = std::sync::mpsc::sync_channel(1);
    let tree = Supervisor::new(Strategy::OneForOne)
        .grace(SECOND * 3)
        .child(obedient(Duration::ZERO))
        .child(stuck(gate).shutdown(Shutdown::Timeout(SECOND * 2)))
        .start()
        .await
        .unwrap();
    let mut recorder = Recorder::of(&*tree);
    let begun = Instant::now();
    assert_eq!(tree.stop().await, ExitReason::Shutdown);
    assert_eq!(begun.elapsed().as_secs(), 5, "two seconds to stop, three of grace");
    assert!(tree.has_abandoned());
    let stopped = |child| exited(child, ExitReason::Shutdown);
    recorder.expect([abandoned("stuck"), stopped("obedient"), stopped("supervisor")]);
    drop(release);
}

#[tokio::test(start_paused = true)]
async fn s5_3_what_is_abandoned_below_is_known_at_the_top() {
    for dynamic in [false, true] {
        let (release, gate) = std::sync::mpsc::sync_channel(1);
        let stuck = stuck(gate).shutdown(Shutdown::BrutalKill);
        let tree = Supervisor::new(Strategy::OneForOne).start().await.unwrap();
        if dynamic {
            let jobs = tree.start_child(ChildSpec::supervisor(DynamicSupervisor::new())).await.unwrap();
            jobs.start_child(stuck).await.unwrap();
        } else {
            let inner = Supervisor::new(Strategy::OneForOne).id("inner").child(stuck);
            tree.start_child(ChildSpec::supervisor(inner)).await.unwrap();
        }
        assert!(!tree.has_abandoned());
        tree.stop().await;
        assert!(tree.has_abandoned(), "dynamic: {dynamic}");
        drop(release);
    }
}

#[tokio::test(start_paused = true)]
async fn s5_3_a_blocking_child_has_a_flag_to_stop_by() {
    let spec = ChildSpec::blocking("polite", |cx| {
        cx.wait_until_stopping();
        assert!(cx.is_stopping());
    });
    let (reason, _) = stopped(spec, Shutdown::Infinity).await;
    assert_eq!(reason, Some(ExitReason::Shutdown));
}

#[tokio::test(start_paused = true)]
async fn s5_3_an_abandoned_child_is_not_replaced_while_it_is_there() {
    let (release, gate) = std::sync::mpsc::sync_channel(1);
    let mut stuck = stuck(gate).shutdown(Shutdown::BrutalKill);
    let child = stuck.reference();
    let mut a = probe("a", &Journal::default());
    let a_ref = a.reference();
    let tree = Supervisor::new(Strategy::OneForAll).child(a).child(stuck).start().await.unwrap();
    tell(&a_ref, Ask::Panic);
    tree.exited().await;
    assert_eq!(child.incarnation(), 1, "two incarnations never overlap");
    let meltdown = tree.meltdown().unwrap();
    assert_eq!((meltdown.child.as_str(), meltdown.cause), ("stuck", ExitReason::Abandoned));
    drop(release);
}

/// In an inner supervisor: two that go down together, and one of them cannot be killed.
async fn melting(
    restarts: u32,
    gate: std::sync::mpsc::Receiver<()>,
) -> (Tree<SupervisorRef>, ServerRef<Probe>, ChildRef) {
    let mut stuck = stuck(gate).shutdown(Shutdown::BrutalKill);
    let child = stuck.reference();
    let mut a = probe("a", &Journal::default());
    let a_ref = a.reference();
    let inner = Supervisor::new(Strategy::OneForAll).id("inner").child(a).child(stuck);
    let spec = ChildSpec::supervisor(inner)
        .backoff(Backoff::exponential().base(SECOND).ceiling(SECOND).max_consecutive(u32::MAX));
    let tree = Supervisor::new(Strategy::OneForOne).budget(restarts, SECOND * 1000).child(spec).start().await.unwrap();
    (tree, a_ref, child)
}

#[tokio::test(start_paused = true)]
async fn s5_3_what_an_inner_supervisor_left_behind_is_not_started_beside_itself() {
    let (release, gate) = std::sync::mpsc::sync_channel(1);
    let (tree, a, child) = melting(3, gate).await;
    tell(&a, Ask::Panic);
    tree.exited().await;
    assert_eq!(child.incarnation(), 1, "two incarnations never overlap");
    let meltdown = tree.meltdown().unwrap();
    let ExitReason::Error(cause) = &meltdown.cause else { panic!("{meltdown:?}") };
    assert!(cause.contains("is still there"), "{cause}");
    drop(release);
}

#[tokio::test(start_paused = true)]
async fn s5_3_what_an_inner_supervisor_left_behind_is_started_again_once_it_has_ended() {
    let (release, gate) = std::sync::mpsc::sync_channel(1);
    let (tree, a, child) = melting(u32::MAX, gate).await;
    tell(&a, Ask::Panic);
    child.ended(1).await;
    assert_eq!(child.last_exit(), Some(ExitReason::Abandoned));
    sleep(SECOND * 10).await;
    assert_eq!(child.incarnation(), 1, "it is tried again and again, and is still there");
    release.send(()).unwrap();
    assert!(child.running().await && a.running().await);
    assert_eq!(child.incarnation(), 2);
    drop(release);
    tree.stop().await;
}

#[tokio::test(start_paused = true)]
async fn s5_5_start_child_during_a_stop_gets_shutting_down_at_once() {
    let journal = Journal::default();
    let slow = Script { stop_time: SECOND * 4, ..Script::default() };
    let tree =
        Arc::new(Supervisor::new(Strategy::OneForOne).child(scripted("a", &journal, &slow)).start().await.unwrap());
    let stopping = tokio::spawn({
        let tree = Arc::clone(&tree);
        async move { tree.stop().await }
    });
    settle().await;
    let begun = Instant::now();
    let refused = tree.start_child(probe("b", &journal)).await;
    assert!(matches!(refused, Err(StartChildError::ShuttingDown)));
    assert!(begun.elapsed() < SECOND);
    stopping.await.unwrap();

    let jobs = DynamicSupervisor::new().start().await.unwrap();
    jobs.start_child(scripted("a", &journal, &slow)).await.unwrap();
    let reference = jobs.reference();
    tokio::spawn(async move { reference.stop().await });
    settle().await;
    let refused = jobs.start_child(probe("b", &journal)).await;
    assert!(matches!(refused, Err(StartChildError::ShuttingDown)));
    jobs.exited().await;
    let refused = jobs.start_child(probe("b", &journal)).await;
    assert!(matches!(refused, Err(StartChildError::NotRunning)));
}

#[tokio::test(start_paused = true)]
async fn s5_5_a_child_that_calls_its_own_supervisor_while_it_is_stopped_is_answered() {
    let journal = Journal::default();
    let (sender, receiver) = tokio::sync::watch::channel(None::<SupervisorRef>);
    let noted = journal.clone();
    let caller = ChildSpec::task("caller", move |cx| {
        let (receiver, journal) = (receiver.clone(), noted.clone());
        async move {
            cx.stopped().await;
            let supervisor = receiver.borrow().clone().unwrap();
            let refused = supervisor.start_child(probe("late", &journal)).await;
            journal.note(format!("{:?}", refused.unwrap_err()));
            let count = supervisor.count_children().await.unwrap();
            journal.note(format!("specs:{}", count.specs));
        }
    });
    let tree = Supervisor::new(Strategy::OneForOne).child(caller).start().await.unwrap();
    sender.send(Some(tree.reference())).unwrap();
    let begun = Instant::now();
    tree.stop().await;
    assert_eq!(journal.take(), "ShuttingDown specs:1");
    assert!(begun.elapsed() < SECOND);
}

#[tokio::test(start_paused = true)]
async fn s5_6_dropping_a_tree_kills_its_children_and_frees_their_names() {
    let namespace = ServiceRegistry::new().namespace("test").unwrap();
    let journal = Journal::default();
    let mut a = probe("a", &journal).name(&namespace, "a");
    let a_ref = a.reference();
    let mut deep = obedient(SECOND).name(&namespace, "deep");
    let deep_ref = deep.reference();
    let rooms = ChildSpec::supervisor(DynamicSupervisor::new()).name(&namespace, "rooms");
    let inner = Supervisor::new(Strategy::OneForAll).child(deep).child(rooms);
    let tree = Supervisor::new(Strategy::OneForOne).child(a).child(ChildSpec::supervisor(inner)).start().await.unwrap();
    let rooms = namespace.lookup::<supervisor::DynamicSupervisorRef>("rooms").unwrap();
    let room = rooms.start_child(probe("room", &journal).name(&namespace, "room")).await.unwrap();
    assert_eq!(namespace.count(), 4);
    let root = tree.reference();

    drop(tree);
    assert_eq!(root.exited().await, ExitReason::Killed);
    assert_eq!(namespace.names(), Vec::<String>::new(), "free when its end is told");
    for child in [a_ref.child(), deep_ref, room.child(), rooms.child()] {
        assert_eq!(child.last_exit(), Some(ExitReason::Killed), "{child:?}");
    }
    assert_eq!(a_ref.call(Ask::Ping).await, Err(supervisor::CallError::NotRunning));
    assert!(matches!(root.start_child(probe("x", &journal)).await, Err(StartChildError::NotRunning)));
}

#[tokio::test(start_paused = true)]
async fn s5_6_a_killed_nested_supervisor_takes_its_children_along_before_it_is_restarted() {
    let flag = Arc::new(AtomicBool::new(false));
    let seen = Arc::clone(&flag);
    let mut spec = ChildSpec::task("child", move |_| {
        let alive = Alive::new(&seen);
        async move {
            let _alive = alive;
            std::future::pending::<()>().await;
        }
    });
    let child = spec.reference();
    let inner = Supervisor::new(Strategy::OneForOne).child(spec);
    let tree =
        Supervisor::new(Strategy::OneForOne).child(ChildSpec::supervisor(inner).id("inner")).start().await.unwrap();
    settle().await;
    for incarnation in 2..=4 {
        tree.kill_child("inner").await.unwrap();
        settle().await;
        assert_eq!(child.incarnation(), incarnation);
        assert!(child.is_running());
    }
    tree.stop().await;
    assert!(!flag.load(SeqCst));
}

//! Section 9.1 and 9.2: panics caught and told, under a clock that the tests hold.

mod support;

use std::panic::panic_any;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use registry::ServiceRegistry;
use supervisor::testing::settle;
use supervisor::{
    ChildRef, ChildSpec, Context, DynamicSupervisor, ExitReason, Failure, Flow, Panic, Reply, Restart, Server,
    ServerRef, StartChildError, Strategy, Supervisor, SupervisorRef, Tree,
};
use tokio::time::Instant;

use support::{Ask, Journal, SECOND, Script, scripted, tell};

async fn start<S: Server>(mut spec: ChildSpec<ServerRef<S>>) -> (Tree<SupervisorRef>, ServerRef<S>) {
    let reference = spec.reference();
    let tree = Supervisor::new(Strategy::OneForOne).child(spec).start().await.unwrap();
    (tree, reference)
}

/// Panics in a place of its choice.
struct Hostile;

/// Panics once more when it is dropped.
struct Bomb(&'static str);

impl Drop for Bomb {
    fn drop(&mut self) {
        panic!("{}", self.0);
    }
}

enum Place {
    Handle,
    Terminate,
    Payload,
    PayloadThatPanics,
    InMailbox { _bomb: Bomb },
    Ping(Reply<()>),
}

impl Server for Hostile {
    type Message = Place;

    async fn handle(&mut self, place: Place, _cx: &mut Context<Self>) -> Result<Flow, Failure> {
        match place {
            Place::Handle => panic!("in handle"),
            Place::Terminate => return Ok(Flow::Stop(ExitReason::Normal)),
            Place::Payload => panic_any(7_u8),
            Place::PayloadThatPanics => panic_any(Bomb("payload dropped")),
            Place::InMailbox { .. } => {}
            Place::Ping(reply) => reply.send(()),
        }
        Ok(Flow::Continue)
    }

    async fn terminate(&mut self, _reason: &ExitReason) {
        panic!("in terminate");
    }
}

async fn panic_of(place: Place) -> Panic {
    let (tree, server) = start(ChildSpec::server(|| Hostile)).await;
    assert!(server.try_cast(place).is_ok());
    server.child().ended(1).await;
    let Some(ExitReason::Panic(panic)) = server.last_exit() else { panic!("{:?}", server.last_exit()) };
    assert!(server.running().await, "and it is restarted");
    assert_eq!(server.call(Place::Ping).await, Ok(()));
    drop(tree);
    panic
}

#[tokio::test(start_paused = true)]
async fn s9_1_message_and_location_of_a_panic_are_kept() {
    for (place, message) in [(Place::Handle, "in handle"), (Place::Terminate, "in terminate")] {
        let panic = panic_of(place).await;
        assert_eq!(panic.message(), message);
        assert!(panic.location().is_some_and(|place| place.contains("panic.rs:")), "{panic:?}");
    }
    assert!(panic_of(Place::Payload).await.location().is_some());
}

#[tokio::test(start_paused = true)]
async fn s9_1_a_payload_whose_drop_panics_is_survived() {
    assert!(panic_of(Place::PayloadThatPanics).await.location().is_some());
}

#[tokio::test(start_paused = true)]
async fn s9_1_a_message_whose_drop_panics_is_survived() {
    let (tree, server) = start(ChildSpec::server(|| Hostile)).await;
    assert!(server.try_cast(Place::Handle).is_ok());
    assert!(server.try_cast(Place::InMailbox { _bomb: Bomb("left in the mailbox") }).is_ok());
    server.child().ended(1).await;
    assert!(server.running().await);
    assert_eq!(server.call(Place::Ping).await, Ok(()));
    drop(tree);
}

#[tokio::test(start_paused = true)]
async fn s9_1_a_server_whose_drop_panics_is_survived() {
    struct Heavy(#[expect(dead_code, reason = "dropped")] Bomb);

    impl Server for Heavy {
        type Message = ();

        async fn handle(&mut self, (): (), _cx: &mut Context<Self>) -> Result<Flow, Failure> {
            Ok(Flow::Stop(ExitReason::Normal))
        }
    }

    let (tree, server) = start(ChildSpec::server(|| Heavy(Bomb("server dropped")))).await;
    server.cast(()).await.unwrap();
    server.child().ended(1).await;
    let Some(ExitReason::Panic(panic)) = server.last_exit() else { panic!("{:?}", server.last_exit()) };
    assert_eq!(panic.message(), "server dropped");
    assert!(server.running().await);
    // Aborted, it panics where nobody catches it but the runtime.
    tree.kill_child("Heavy").await.unwrap();
    server.child().ended(2).await;
    assert!(server.running().await);
    assert!(tree.is_running());
    drop(tree);
}

/// A task that stays, whose factory panics when it is dropped.
fn explosive(id: &'static str) -> ChildSpec<ChildRef> {
    let bomb = Bomb(id);
    ChildSpec::task(id, move |cx| {
        let _ = &bomb;
        async move { cx.stopped().await }
    })
}

#[tokio::test(start_paused = true)]
async fn s9_1_a_refused_spec_whose_factory_panics_in_its_drop_is_survived() {
    let tree = Supervisor::new(Strategy::OneForOne).budget(0, SECOND);
    let tree = tree.child(ChildSpec::task("a", |cx| async move { cx.stopped().await })).start().await.unwrap();
    let a = tree.find_child("a").await.unwrap().unwrap();
    let refused = tree.start_child(explosive("a")).await;
    assert!(matches!(refused, Err(StartChildError::AlreadyStarted(there)) if there == a));
    let refused = tree.start_child(explosive("b").depends_on("nobody")).await;
    assert!(matches!(refused, Err(StartChildError::Invalid(_))));
    assert!(matches!(tree.start_child(explosive("c").significant()).await, Err(StartChildError::Invalid(_))));
    // Nobody waits for it any more when the supervisor comes to it.
    let mut dropped = Box::pin(tree.start_child(explosive("d")));
    assert!(futures_util::poll!(&mut dropped).is_pending());
    drop(dropped);
    settle().await;
    assert!(a.is_running() && tree.is_running());
    assert_eq!((a.incarnation(), tree.count_children().await.unwrap().specs), (1, 1));
    tree.stop().await;
}

#[tokio::test(start_paused = true)]
async fn s9_1_a_factory_that_panics_in_its_drop_keeps_no_sibling_alive_when_the_supervisor_is_killed() {
    let names = ServiceRegistry::new().namespace("test").unwrap();
    for dynamic in [false, true] {
        let idle =
            |name: &str| ChildSpec::task(name.to_owned(), |cx| async move { cx.stopped().await }).name(&names, name);
        let spec = || explosive("done").restart(Restart::Transient);
        let children = if dynamic {
            let tree = DynamicSupervisor::new().start().await.unwrap();
            let before = tree.start_child(idle("before")).await.unwrap();
            let done = tree.start_child(spec()).await.unwrap();
            let after = tree.start_child(idle("after")).await.unwrap();
            drop(tree);
            [before, done, after]
        } else {
            let tree = Supervisor::new(Strategy::OneForOne).start().await.unwrap();
            let before = tree.start_child(idle("before")).await.unwrap();
            let done = tree.start_child(spec()).await.unwrap();
            let after = tree.start_child(idle("after")).await.unwrap();
            // Down with its spec kept, which goes with the supervisor.
            tree.terminate_child("done").await.unwrap();
            drop(tree);
            [before, done, after]
        };
        for child in children {
            let ended = tokio::time::timeout(SECOND, child.gone()).await;
            let expected = if child.id() == "done" && !dynamic { ExitReason::Shutdown } else { ExitReason::Killed };
            assert_eq!(ended.expect("nobody is left"), Some(expected), "{child:?}");
        }
        assert!(names.whereis("before").is_none() && names.whereis("after").is_none());
    }
}

#[tokio::test(start_paused = true)]
async fn s9_1_a_panic_is_told_by_an_event() {
    let events = Arc::new(Mutex::new(Vec::new()));
    let _guard = tracing::subscriber::set_default(support::Collect(Arc::clone(&events)));
    let (tree, server) = start(ChildSpec::server(|| Hostile)).await;
    assert!(server.try_cast(Place::Handle).is_ok());
    settle().await;
    let told = events.lock().unwrap().join("\n");
    let restarting = told.lines().find(|line| line.contains("restarting")).expect("the restart is told");
    assert!(restarting.contains("child=Hostile"), "{restarting}");
    assert!(restarting.contains("incarnation=1"), "{restarting}");
    assert!(restarting.contains("reason=panic: in handle at "), "{restarting}");
    drop(tree);
}

#[tokio::test(start_paused = true)]
async fn s9_2_hours_pass_in_no_time_and_settle_waits_until_all_is_quiet() {
    let journal = Journal::default();
    let slow = Script { init_time: Duration::from_secs(3_600), ..Script::default() };
    let begun = std::time::Instant::now();
    let (tree, server) = start(scripted("a", &journal, &slow)).await;
    for _ in 0..2 {
        tell(&server, Ask::Panic);
        server.child().ended(server.incarnation()).await;
        assert!(server.running().await);
    }
    assert!(begun.elapsed() < Duration::from_secs(10), "three hours, on the clock of the test");

    // A chain of a thousand steps, each taken by another task, is done when settle returns.
    let now = Instant::now();
    let done = tokio::spawn(async {
        for _ in 0..1_000 {
            tokio::spawn(async { tokio::task::yield_now().await }).await.unwrap();
        }
    });
    settle().await;
    assert!(done.is_finished());
    assert!(now.elapsed() < SECOND);
    tree.stop().await;
}

//! Section 1.6: a bound for the start.

mod support;

use std::sync::Arc;
use std::sync::atomic::Ordering::SeqCst;
use std::time::Duration;

use supervisor::testing::settle;
use supervisor::{
    ChildSpec, ChildState, DynamicSupervisor, ExitReason, RestartChildError, ServerRef, StartChildError, StartError,
    StartFailure, Strategy, Supervisor,
};
use tokio::time::Instant;

use support::{Ask, Journal, Probe, SECOND, Script, probe, scripted, tell};

/// A server whose inits take as long as its script says, and may take two seconds.
fn limited(name: &'static str, journal: &Journal, script: &Script) -> ChildSpec<ServerRef<Probe>> {
    scripted(name, journal, script).start_timeout(SECOND * 2)
}

fn slow() -> Script {
    Script { init_time: SECOND * 10, ..Script::default() }
}

#[tokio::test(start_paused = true)]
async fn s1_6_an_init_that_takes_too_long_fails_the_first_start_and_stops_those_before() {
    let journal = Journal::default();
    let mut b = limited("b", &journal, &slow());
    let b_ref = b.reference();
    let never = Script::default();
    let begun = Instant::now();
    let error = Supervisor::new(Strategy::OneForOne)
        .child(probe("a", &journal))
        .child(b)
        .child(scripted("c", &journal, &never))
        .start()
        .await
        .unwrap_err();

    let StartError::Child { child, cause: StartFailure::Timeout { limit } } = error else { panic!("{error:?}") };
    assert_eq!((child.as_str(), limit), ("b", SECOND * 2));
    assert_eq!(begun.elapsed(), SECOND * 2, "neither earlier nor later");
    assert_eq!(journal.take(), "+a -a");
    assert_eq!(never.inits.load(SeqCst), 0, "c never ran");
    assert_eq!(b_ref.last_exit(), Some(ExitReason::Timeout));
}

#[tokio::test(start_paused = true)]
async fn s1_6_an_init_within_its_time_is_left_alone_for_good() {
    let journal = Journal::default();
    let script = Script { init_time: SECOND, ..Script::default() };
    let tree = Supervisor::new(Strategy::OneForOne).child(limited("a", &journal, &script)).start().await.unwrap();
    tokio::time::sleep(SECOND * 10).await;
    let a = tree.find_child("a").await.unwrap().unwrap();
    assert!(a.is_running());
    assert_eq!(a.incarnation(), 1);
    tree.stop().await;
}

#[tokio::test(start_paused = true)]
async fn s1_6_a_restart_that_takes_too_long_counts_against_the_budget() {
    let journal = Journal::default();
    let script = slow();
    script.stall(0);
    let mut spec = limited("a", &journal, &script);
    let a = spec.reference();
    let tree = Supervisor::new(Strategy::OneForOne).budget(3, SECOND * 60).child(spec).start().await.unwrap();

    // Two restarts take too long, the third does not.
    script.stall(2);
    let begun = Instant::now();
    tell(&a, Ask::Panic);
    settle().await;
    assert_eq!(tree.which_children().await.unwrap()[0].state, ChildState::Restarting);
    a.child().ended(2).await;
    assert_eq!(a.last_exit(), Some(ExitReason::Timeout));
    assert!(a.running().await);
    assert_eq!((a.incarnation(), begun.elapsed().as_secs()), (4, 4));

    // Three of three were used up.
    tell(&a, Ask::Panic);
    assert_eq!(tree.exited().await.as_str(), "shutdown");
    assert!(tree.meltdown().is_some());
}

#[tokio::test(start_paused = true)]
async fn s1_6_a_group_restart_goes_on_after_an_init_that_took_too_long() {
    let journal = Journal::default();
    let script = slow();
    script.stall(0);
    let mut spec = probe("a", &journal);
    let a = spec.reference();
    let tree = Supervisor::new(Strategy::OneForAll)
        .child(spec)
        .child(limited("b", &journal, &script))
        .child(probe("c", &journal))
        .start()
        .await
        .unwrap();
    journal.take();
    script.stall(1);
    tell(&a, Ask::Panic);
    tokio::time::sleep(SECOND * 3).await;
    assert_eq!(journal.take(), "-c -b +a -a +a +b +c");
    tree.stop().await;
}

#[tokio::test(start_paused = true)]
async fn s1_6_the_callers_of_start_child_and_restart_child_are_told() {
    let journal = Journal::default();
    let tree = Supervisor::new(Strategy::OneForOne).budget(0, SECOND).start().await.unwrap();
    let begun = Instant::now();
    let refused = tree.start_child(limited("a", &journal, &slow())).await.unwrap_err();
    assert!(
        matches!(&refused, StartChildError::Failed { child, cause: StartFailure::Timeout { .. } } if *child == "a"),
        "{refused:?}"
    );
    assert_eq!(begun.elapsed(), SECOND * 2);
    assert_eq!(tree.count_children().await.unwrap().specs, 0, "it leaves no spec");

    let script = slow();
    script.stall(0);
    tree.start_child(limited("b", &journal, &script)).await.unwrap();
    tree.terminate_child("b").await.unwrap();
    script.stall(1);
    let refused = tree.restart_child("b").await.unwrap_err();
    assert!(matches!(refused, RestartChildError::Failed(StartFailure::Timeout { .. })), "{refused:?}");
    assert_eq!(tree.which_children().await.unwrap()[0].state, ChildState::Stopped);
    tree.restart_child("b").await.unwrap();
    assert!(tree.is_running(), "nothing was charged to a budget of none");
    tree.stop().await;
}

#[tokio::test(start_paused = true)]
async fn s1_6_a_supervisor_that_takes_too_long_stops_what_it_had_started_in_reverse_order() {
    let journal = Journal::default();
    let inner = Supervisor::new(Strategy::OneForOne)
        .child(probe("x", &journal))
        .child(probe("y", &journal))
        .child(scripted("z", &journal, &slow()));
    let mut inner = ChildSpec::supervisor(inner).id("inner").start_timeout(SECOND * 2);
    let reference = inner.reference();
    let begun = Instant::now();
    let error =
        Supervisor::new(Strategy::OneForOne).child(probe("a", &journal)).child(inner).start().await.unwrap_err();
    let StartError::Child { child, cause: StartFailure::Timeout { .. } } = error else { panic!("{error:?}") };
    assert_eq!(child, "inner");
    assert_eq!(begun.elapsed(), SECOND * 2);
    assert_eq!(journal.take(), "+a +x +y -y -x -a");
    assert_eq!(reference.child().last_exit(), Some(ExitReason::Timeout));
}

#[tokio::test(start_paused = true)]
async fn s1_6_terminate_child_ends_an_init_that_is_being_cut_short() {
    let journal = Journal::default();
    // Its first child takes three seconds to stop.
    let deaf = Script { stop_time: SECOND * 3, ..Script::default() };
    let script = slow();
    script.stall(0);
    let inner = Supervisor::new(Strategy::OneForOne)
        .child(scripted("x", &journal, &deaf))
        .child(scripted("y", &journal, &script));
    let mut inner = ChildSpec::supervisor(inner).id("inner").start_timeout(SECOND * 2);
    let reference = inner.reference();
    let tree = Supervisor::new(Strategy::OneForOne).child(inner).start().await.unwrap();
    script.stall(u32::MAX);
    tree.kill_child("inner").await.unwrap();
    tokio::time::sleep(SECOND * 3).await;
    assert_eq!(tree.which_children().await.unwrap()[0].state, ChildState::Stopping);
    tree.terminate_child("inner").await.unwrap();
    settle().await;
    assert_eq!(tree.which_children().await.unwrap()[0].state, ChildState::Stopped);
    assert_eq!(reference.child().incarnation(), 2, "it is not tried again");
    assert!(tree.is_running());
    tree.stop().await;
}

#[tokio::test(start_paused = true)]
async fn s1_6_a_stop_does_not_wait_for_the_limit() {
    let journal = Journal::default();
    let tree = Arc::new(Supervisor::new(Strategy::OneForOne).start().await.unwrap());
    let starting = tokio::spawn({
        let (tree, spec) = (Arc::clone(&tree), limited("a", &journal, &slow()));
        async move { tree.start_child(spec).await }
    });
    settle().await;
    let begun = Instant::now();
    tree.stop().await;
    assert!(begun.elapsed() < SECOND);
    assert!(matches!(starting.await.unwrap(), Err(StartChildError::ShuttingDown)));
}

/// An init that blocks its thread for longer than the limit and the grace: counted out, and nobody hangs.
#[tokio::test(flavor = "multi_thread", worker_threads = 3)]
async fn s1_6_an_init_that_never_yields_is_left_behind() {
    struct Blocked(std::sync::Mutex<Option<std::sync::mpsc::Receiver<()>>>);
    impl supervisor::Server for Blocked {
        type Message = ();
        async fn init(&mut self, _: &mut supervisor::Context<Self>) -> Result<supervisor::Init, supervisor::Failure> {
            if let Some(release) = self.0.lock().unwrap().take() {
                let _ = release.recv();
            }
            Ok(supervisor::Init::Ready)
        }
        async fn handle(
            &mut self,
            (): (),
            _: &mut supervisor::Context<Self>,
        ) -> Result<supervisor::Flow, supervisor::Failure> {
            Ok(supervisor::Flow::Continue)
        }
    }
    let blocked = || {
        let (release, blocked) = std::sync::mpsc::channel();
        let once = std::sync::Mutex::new(Some(blocked));
        let spec = ChildSpec::server(move || Blocked(std::sync::Mutex::new(once.lock().unwrap().take())));
        (release, spec.start_timeout(Duration::from_millis(20)))
    };
    let grace = Duration::from_millis(20);

    let (release, spec) = blocked();
    let error = Supervisor::new(Strategy::OneForOne).grace(grace).child(spec).start().await.unwrap_err();
    assert!(matches!(error, StartError::Child { cause: StartFailure::Timeout { .. }, .. }), "{error:?}");
    drop(release);

    let (release, mut spec) = blocked();
    let reference = spec.reference();
    let rooms = DynamicSupervisor::new().grace(grace).start().await.unwrap();
    let refused = rooms.start_child(spec).await.unwrap_err();
    assert!(matches!(refused, StartChildError::Failed { cause: StartFailure::Timeout { .. }, .. }), "{refused:?}");
    assert_eq!(reference.last_exit(), Some(ExitReason::Abandoned));
    assert!(rooms.is_running());
    assert_eq!(rooms.count_children().specs, 0);
    drop(release);
    rooms.stop().await;
}

#[tokio::test(start_paused = true)]
async fn s1_6_dynamic_children_have_the_same_limit() {
    let journal = Journal::default();
    let rooms = DynamicSupervisor::new().budget(1, SECOND * 60).start().await.unwrap();
    let begun = Instant::now();
    let mut spec = limited("a", &journal, &slow());
    let a = spec.reference();
    let refused = rooms.start_child(spec).await.unwrap_err();
    assert!(matches!(refused, StartChildError::Failed { cause: StartFailure::Timeout { .. }, .. }), "{refused:?}");
    assert_eq!((begun.elapsed(), a.last_exit()), (SECOND * 2, Some(ExitReason::Timeout)));
    assert_eq!(rooms.count_children().specs, 0);

    // On a restart each try counts: one of one is used up by the crash, the one for the init is too many.
    let script = slow();
    script.stall(0);
    let b = rooms.start_child(limited("b", &journal, &script)).await.unwrap();
    script.stall(1);
    tell(&b, Ask::Panic);
    assert_eq!(rooms.exited().await.as_str(), "shutdown");
    let meltdown = rooms.meltdown().unwrap();
    assert_eq!((meltdown.child.as_str(), meltdown.cause), ("b", ExitReason::Timeout));
    assert_eq!(b.incarnation(), 2);
}

#[tokio::test(start_paused = true)]
async fn s1_6_a_dynamic_child_whose_restart_takes_too_long_is_tried_again() {
    let journal = Journal::default();
    let rooms = DynamicSupervisor::new().start().await.unwrap();
    let script = slow();
    script.stall(0);
    let a = rooms.start_child(limited("a", &journal, &script)).await.unwrap();
    script.stall(2);
    let begun = Instant::now();
    tell(&a, Ask::Panic);
    a.child().ended(1).await;
    assert!(a.running().await);
    assert_eq!((a.incarnation(), begun.elapsed().as_secs()), (4, 4));
    rooms.stop().await;
}

#[tokio::test(start_paused = true)]
async fn s1_6_a_dropped_start_child_whose_init_takes_too_long_leaves_nothing() {
    let journal = Journal::default();
    let rooms = DynamicSupervisor::new().start().await.unwrap();
    let mut spec = limited("a", &journal, &slow());
    let a = spec.reference();
    let start = rooms.start_child(spec);
    assert!(tokio::time::timeout(SECOND * 2 - Duration::from_millis(1), start).await.is_err());
    a.child().gone().await;
    assert_eq!(rooms.count_children().specs, 0);
    rooms.stop().await;
}

#[tokio::test(start_paused = true)]
async fn s1_6_a_limit_of_zero_is_refused_and_says_what_to_do() {
    let journal = Journal::default();
    let zero = || probe("b", &journal).start_timeout(Duration::ZERO);
    let error =
        Supervisor::new(Strategy::OneForOne).child(probe("a", &journal)).child(zero()).start().await.unwrap_err();
    assert!(matches!(&error, StartError::ZeroStartTimeout { child } if *child == "b"), "{error:?}");
    assert!(error.to_string().contains("give it the time it needs, or leave it out"), "{error}");

    let tree = Supervisor::new(Strategy::OneForOne).start().await.unwrap();
    let refused = tree.start_child(zero()).await.unwrap_err();
    assert!(matches!(refused, StartChildError::Invalid(StartError::ZeroStartTimeout { .. })), "{refused:?}");
    let rooms = DynamicSupervisor::new().start().await.unwrap();
    let refused = rooms.start_child(zero()).await.unwrap_err();
    assert!(matches!(refused, StartChildError::Invalid(StartError::ZeroStartTimeout { .. })), "{refused:?}");
    assert_eq!(journal.take(), "", "nothing was started");
    tree.stop().await;
    rooms.stop().await;
}

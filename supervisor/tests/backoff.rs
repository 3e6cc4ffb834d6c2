//! Section 4.4: waiting before a restart.

mod support;

use std::future::{Future, poll_fn};
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::AtomicUsize;
use std::sync::atomic::Ordering::SeqCst;
use std::task::Poll;
use std::time::Duration;

use registry::{LookupError, ServiceRegistry};
use supervisor::testing::settle;
use supervisor::{
    Backoff, CallError, ChildSpec, ChildState, DeleteChildError, DynamicSupervisor, ExitReason, Restart,
    RestartChildError, ServerRef, Shutdown, StartChildError, Strategy, Supervisor, SupervisorRef, TerminateChildError,
    Tree,
};
use tokio::time::{Instant, sleep};

use support::{Ask, Journal, Probe, SECOND, Script, probe, scripted, tell};

/// 1, 2, 4, 8, 10, 10 … seconds.
fn exact() -> Backoff {
    Backoff::exponential().base(SECOND).ceiling(SECOND * 10).jitter(0.0)
}

fn patient(strategy: Strategy) -> Supervisor {
    Supervisor::new(strategy).budget(1_000, SECOND)
}

async fn one(backoff: Backoff) -> (Tree<SupervisorRef>, ServerRef<Probe>, Script) {
    let script = Script::default();
    let mut spec = scripted("a", &Journal::default(), &script).backoff(backoff);
    let a = spec.reference();
    (patient(Strategy::OneForOne).child(spec).start().await.unwrap(), a, script)
}

/// Lets a child that is up crash, and says how long it was away.
async fn away(child: &ServerRef<Probe>) -> Duration {
    let crashed = Instant::now();
    let incarnation = child.incarnation();
    tell(child, Ask::Panic);
    child.child().ended(incarnation).await;
    assert!(child.running().await);
    crashed.elapsed()
}

#[tokio::test(start_paused = true)]
async fn s4_4_delays_grow_up_to_the_ceiling() {
    let (tree, a, _) = one(exact()).await;
    for seconds in [1, 2, 4, 8, 10, 10] {
        assert_eq!(away(&a).await.as_secs(), seconds);
    }
    tree.stop().await;
}

#[tokio::test(start_paused = true)]
async fn s4_4_delays_grow_over_inits_that_fail_too() {
    let (tree, a, script) = one(exact()).await;
    script.fail(3);
    assert_eq!(away(&a).await.as_secs(), 1 + 2 + 4 + 8);
    assert_eq!(script.inits.load(SeqCst), 5);
    tree.stop().await;
}

#[tokio::test(start_paused = true)]
async fn s4_4_jitter_cuts_a_delay_short_and_a_seed_makes_it_repeatable() {
    let jittered = Backoff::exponential().base(SECOND * 100).factor(1.0).ceiling(SECOND * 100).jitter(0.5);
    let mut runs = Vec::new();
    for seed in [7, 7, 8] {
        let (tree, a, _) = one(jittered.seed(seed)).await;
        let mut delays = Vec::new();
        for _ in 0..8 {
            let delay = away(&a).await;
            assert!(delay >= SECOND * 50 && delay <= SECOND * 100, "{delay:?}");
            delays.push(delay.as_millis());
        }
        delays.dedup();
        assert_eq!(delays.len(), 8, "they differ");
        runs.push(delays);
        tree.stop().await;
    }
    assert_eq!(runs[0], runs[1]);
    assert_ne!(runs[0], runs[2]);
}

#[tokio::test(start_paused = true)]
async fn s4_4_the_delays_begin_anew_after_a_stable_time() {
    let (tree, a, _) = one(exact().stable(SECOND * 30)).await;
    assert_eq!((away(&a).await.as_secs(), away(&a).await.as_secs()), (1, 2));
    sleep(SECOND * 30 - Duration::from_millis(10)).await;
    assert_eq!(away(&a).await.as_secs(), 4, "it was not up for long enough");
    sleep(SECOND * 30).await;
    assert_eq!(away(&a).await.as_secs(), 1);
    tree.stop().await;
}

#[tokio::test(start_paused = true)]
async fn s4_4_too_many_restarts_in_a_row_are_a_meltdown_however_rare_they_are() {
    let script = Script::default();
    let mut spec = scripted("a", &Journal::default(), &script).backoff(exact().max_consecutive(4));
    let a = spec.reference();
    let journal = Journal::default();
    let tree = patient(Strategy::OneForOne).child(probe("b", &journal)).child(spec).start().await.unwrap();
    journal.take();
    script.fail(u32::MAX);
    let begun = Instant::now();
    tell(&a, Ask::Panic);
    let reason = tree.exited().await;
    assert_eq!(begun.elapsed().as_secs(), 1 + 2 + 4 + 8);
    assert_eq!(script.inits.load(SeqCst), 1 + 4);
    assert!(matches!(reason, ExitReason::ShutdownWith(_)), "{reason:?}");
    let meltdown = tree.meltdown().unwrap();
    assert_eq!((meltdown.child.as_str(), meltdown.cause), ("a", ExitReason::error("told to fail")));
    assert_eq!(journal.take(), "-b");

    let rooms = DynamicSupervisor::new().budget(1_000, SECOND).start().await.unwrap();
    let room = probe("room", &journal).backoff(exact().max_consecutive(2));
    let room = rooms.start_child(room).await.unwrap();
    assert_eq!((away(&room).await.as_secs(), away(&room).await.as_secs()), (1, 2));
    tell(&room, Ask::Panic);
    rooms.exited().await;
    assert_eq!(rooms.meltdown().unwrap().child, "room");
}

#[tokio::test(start_paused = true)]
async fn s4_4_the_defaults_of_backoff_and_budget_end_after_ten_restarts_in_a_row() {
    let script = Script::default();
    let mut spec = scripted("a", &Journal::default(), &script).backoff(Backoff::exponential());
    let a = spec.reference();
    let tree = Supervisor::new(Strategy::OneForOne).child(spec).start().await.unwrap();
    script.fail(u32::MAX);
    tell(&a, Ask::Panic);
    tree.exited().await;
    assert_eq!(script.inits.load(SeqCst), 1 + 10);
}

#[tokio::test(start_paused = true)]
async fn s4_4_each_attempt_still_counts_against_the_budget() {
    let script = Script::default();
    let mut spec = scripted("a", &Journal::default(), &script).backoff(exact());
    let a = spec.reference();
    let tree = Supervisor::new(Strategy::OneForOne).budget(2, SECOND * 60).child(spec).start().await.unwrap();
    script.fail(u32::MAX);
    let begun = Instant::now();
    tell(&a, Ask::Panic);
    tree.exited().await;
    assert_eq!((script.inits.load(SeqCst), begun.elapsed().as_secs()), (1 + 2, 1 + 2));
}

#[tokio::test(start_paused = true)]
async fn s4_4_a_child_in_backoff_is_restarting_says_when_and_keeps_its_name() {
    let namespace = ServiceRegistry::new().namespace("test").unwrap();
    let journal = Journal::default();
    let mut spec = probe("a", &journal).backoff(exact()).name(&namespace, "a");
    let a = spec.reference();
    let tree = patient(Strategy::OneForOne).child(spec).child(probe("b", &journal)).start().await.unwrap();
    let crashed = Instant::now();
    tell(&a, Ask::Panic);
    settle().await;
    let children = tree.which_children().await.unwrap();
    assert_eq!((children[0].state, children[1].state), (ChildState::Restarting, ChildState::Running));
    assert_eq!((children[0].due, children[1].due), (Some(crashed + SECOND), None));
    assert_eq!(tree.count_children().await.unwrap().active, 1);
    assert_eq!(a.call(Ask::Ping).await, Err(CallError::Restarting));
    let refused = namespace.lookup::<ServerRef<Probe>>("a").unwrap_err();
    assert!(matches!(refused, LookupError::Restarting { .. }), "{refused:?}");
    assert!(matches!(tree.restart_child("a").await, Err(RestartChildError::Restarting)));
    assert_eq!(tree.delete_child("a").await, Err(DeleteChildError::Restarting));
    assert_eq!(tree.kill_child("a").await, Err(TerminateChildError::NotFound));
    let refused = tree.start_child(probe("a", &journal)).await;
    assert!(matches!(refused, Err(StartChildError::AlreadyStarted(_))), "{refused:?}");
    sleep(SECOND).await;
    assert_eq!(a.call(Ask::Ping).await, Ok(2));
    let children = tree.which_children().await.unwrap();
    assert_eq!((children[0].state, children[0].due), (ChildState::Running, None));
    tree.stop().await;
}

#[tokio::test(start_paused = true)]
async fn s4_4_a_child_terminated_or_deleted_in_backoff_is_never_resurrected() {
    let (tree, a, script) = one(exact()).await;
    tell(&a, Ask::Panic);
    settle().await;
    tree.terminate_child("a").await.unwrap();
    assert_eq!(a.call(Ask::Ping).await, Err(CallError::NotRunning));
    sleep(SECOND * 100).await;
    assert_eq!(script.inits.load(SeqCst), 1);
    let children = tree.which_children().await.unwrap();
    assert_eq!((children[0].state, children[0].due), (ChildState::Stopped, None));

    // By hand it is started at once, and its delays begin anew.
    let begun = Instant::now();
    tree.restart_child("a").await.unwrap();
    assert_eq!(begun.elapsed(), Duration::ZERO);
    assert_eq!(away(&a).await.as_secs(), 1);

    tell(&a, Ask::Panic);
    settle().await;
    tree.terminate_child("a").await.unwrap();
    tree.delete_child("a").await.unwrap();
    // Another of the same name is not mistaken for it.
    let b = tree.start_child(probe("a", &Journal::default())).await.unwrap();
    sleep(SECOND * 100).await;
    assert_eq!((script.inits.load(SeqCst), b.incarnation()), (3, 1));
    tree.stop().await;
}

#[tokio::test(start_paused = true)]
async fn s4_4_a_stop_during_backoff_is_done_at_once_and_nothing_is_started() {
    let namespace = ServiceRegistry::new().namespace("test").unwrap();
    for strategy in [Strategy::OneForOne, Strategy::OneForAll, Strategy::RestForOne] {
        let script = Script::default();
        let slow = Script { stop_time: SECOND * 4, ..Script::default() };
        let journal = Journal::default();
        let mut spec = scripted("a", &journal, &script).backoff(exact()).name(&namespace, "a");
        let a = spec.reference();
        // It stops for longer than the delay.
        let last = scripted("last", &journal, &slow);
        let tree = patient(strategy).child(spec).child(last).start().await.unwrap();
        tell(&a, Ask::Panic);
        settle().await;
        assert_eq!(tree.stop().await, ExitReason::Shutdown);
        sleep(SECOND * 100).await;
        assert_eq!(script.inits.load(SeqCst), 1, "{strategy:?}");
        assert_eq!(namespace.names(), Vec::<String>::new());
    }
}

#[tokio::test(start_paused = true)]
async fn s4_4_dynamic_children_back_off_too() {
    let journal = Journal::default();
    let namespace = ServiceRegistry::new().namespace("test").unwrap();
    let rooms = DynamicSupervisor::new().budget(1_000, SECOND).max_children(2).start().await.unwrap();
    let a = rooms.start_child(probe("a", &journal).backoff(exact()).name(&namespace, "a")).await.unwrap();
    for seconds in [1, 2, 4, 8] {
        assert_eq!(away(&a).await.as_secs(), seconds);
    }
    sleep(SECOND * 60).await;
    assert_eq!(away(&a).await.as_secs(), 1, "it was stable");

    let crashed = Instant::now();
    tell(&a, Ask::Panic);
    settle().await;
    let children = rooms.which_children();
    assert_eq!((children[0].state, children[0].due), (ChildState::Restarting, Some(crashed + SECOND * 2)));
    assert_eq!(rooms.count_children().specs, 1, "it counts");
    assert_eq!(rooms.kill_child(&a), Err(TerminateChildError::NotFound));
    // Whoever asks for the name waits for it.
    let same = rooms.start_or_get(&namespace, "a", || -> ChildSpec<ServerRef<Probe>> { unreachable!() }).await;
    assert_eq!((same.unwrap(), crashed.elapsed().as_secs()), (a.clone(), 2));

    tell(&a, Ask::Panic);
    settle().await;
    rooms.terminate_child(&a).await.unwrap();
    assert_eq!((rooms.count_children().specs, namespace.count()), (0, 0));
    journal.take();
    sleep(SECOND * 100).await;
    assert_eq!(journal.take(), "", "it is not resurrected");

    // Its place, and the deadline that is left of it, are not mistaken for another's.
    let b = rooms.start_child(probe("b", &journal).backoff(exact())).await.unwrap();
    let deaf = ChildSpec::task("deaf", |_| std::future::pending::<()>()).shutdown(Shutdown::Timeout(SECOND * 9));
    rooms.start_child(deaf).await.unwrap();
    tell(&b, Ask::Panic);
    settle().await;
    let begun = Instant::now();
    rooms.stop().await;
    assert_eq!((b.incarnation(), begun.elapsed().as_secs()), (1, 9), "and not during a stop");
}

#[tokio::test(start_paused = true)]
async fn s4_4_a_clean_end_of_a_permanent_child_waits_too_and_one_of_a_transient_is_the_last() {
    let journal = Journal::default();
    let mut permanent = probe("p", &journal).backoff(exact());
    let mut transient = probe("t", &journal).backoff(exact()).restart(Restart::Transient);
    let (p, t) = (permanent.reference(), transient.reference());
    let tree = patient(Strategy::OneForOne).child(permanent).child(transient).start().await.unwrap();
    tell(&p, Ask::Stop(ExitReason::Normal));
    tell(&t, Ask::Stop(ExitReason::Normal));
    settle().await;
    let states = async || tree.which_children().await.unwrap().iter().map(|child| child.state).collect::<Vec<_>>();
    assert_eq!(states().await, [ChildState::Restarting, ChildState::Stopped]);
    sleep(SECOND).await;
    assert_eq!(states().await, [ChildState::Running, ChildState::Stopped]);
    tree.stop().await;
}

/// `a`, `b` and `c`, of which `b` backs off.
async fn group(strategy: Strategy) -> (Tree<SupervisorRef>, Journal, [ServerRef<Probe>; 3], Script) {
    let (journal, script) = (Journal::default(), Script::default());
    let (mut a, mut c) = (probe("a", &journal), probe("c", &journal));
    let mut b = scripted("b", &journal, &script).backoff(exact());
    let references = [a.reference(), b.reference(), c.reference()];
    let tree = patient(strategy).child(a).child(b).child(c).start().await.unwrap();
    journal.take();
    (tree, journal, references, script)
}

#[tokio::test(start_paused = true)]
async fn s4_4_one_for_all_stops_the_group_at_once_and_brings_it_up_when_the_delay_is_over() {
    let (tree, journal, [a, b, _], script) = group(Strategy::OneForAll).await;
    tell(&b, Ask::Panic);
    settle().await;
    assert_eq!(journal.take(), "-c -a");
    sleep(SECOND - Duration::from_millis(10)).await;
    assert_eq!(journal.take(), "", "nobody runs without it");
    sleep(Duration::from_millis(10)).await;
    assert_eq!(journal.take(), "+a +b +c");

    // Failed tries double the delay of the whole.
    script.fail(1);
    tell(&b, Ask::Panic);
    sleep(SECOND * 2 + Duration::from_millis(10)).await;
    assert_eq!(journal.take(), "-c -a +a -a");
    sleep(SECOND * 4).await;
    assert_eq!(journal.take(), "+a +b +c");

    // A sibling that ends has no delay of its own.
    tell(&a, Ask::Panic);
    settle().await;
    assert_eq!(journal.take(), "-c -b +a +b +c");

    // Without its cause there is nothing to wait for.
    tell(&b, Ask::Panic);
    settle().await;
    tree.terminate_child("b").await.unwrap();
    settle().await;
    assert_eq!(journal.take(), "-c -a +a +c");
    tree.stop().await;
}

#[tokio::test(start_paused = true)]
async fn s4_4_rest_for_one_delays_those_after_it_and_not_those_before() {
    let (tree, journal, [a, b, _], _) = group(Strategy::RestForOne).await;
    tell(&b, Ask::Panic);
    settle().await;
    assert_eq!(journal.take(), "-c");
    assert!(a.is_running());

    // One before it ends meanwhile: it is back at once, and the others when they are due.
    tell(&a, Ask::Panic);
    settle().await;
    assert_eq!(journal.take(), "+a");
    sleep(SECOND).await;
    assert_eq!(journal.take(), "+b +c");
    tree.stop().await;
}

#[tokio::test(start_paused = true)]
async fn s4_4_the_supervisor_answers_while_a_group_waits() {
    let (tree, journal, [_, b, _], _) = group(Strategy::OneForAll).await;
    tell(&b, Ask::Panic);
    settle().await;
    let begun = Instant::now();
    let states: Vec<_> = tree.which_children().await.unwrap().iter().map(|child| child.state).collect();
    assert_eq!(states, [ChildState::Restarting; 3]);
    assert_eq!(begun.elapsed(), Duration::ZERO);

    // A new one is part of the group, and comes up with it.
    tree.start_child(probe("d", &journal)).await.unwrap();
    assert_eq!(journal.take(), "-c -a +a +b +c +d");
    assert_eq!(begun.elapsed().as_secs(), 0);
    assert!(begun.elapsed() > SECOND - Duration::from_millis(10));
    tree.stop().await;
}

#[tokio::test(start_paused = true)]
async fn s4_4_dynamic_children_that_become_due_during_a_stop_are_not_started_again() {
    // More than are asked to stop at once.
    const CHILDREN: usize = 4_000;
    let tree = DynamicSupervisor::new().budget(u32::MAX, SECOND).start().await.unwrap();
    let starts = Arc::new(AtomicUsize::new(0));
    for _ in 0..CHILDREN {
        let starts = Arc::clone(&starts);
        let spec = ChildSpec::task("brief", move |_| {
            starts.fetch_add(1, SeqCst);
            async { Err::<(), _>("no") }
        });
        tree.start_child(spec.backoff(Backoff::exponential().base(SECOND * 10).jitter(0.0))).await.unwrap();
    }
    settle().await;
    assert_eq!((starts.load(SeqCst), tree.count_children().specs), (CHILDREN, CHILDREN), "all of them wait");
    let mut stop = pin!(tree.stop());
    assert!(poll_fn(|task| Poll::Ready(stop.as_mut().poll(task))).await.is_pending());
    // It has heard, and begins to ask its children.
    tokio::task::yield_now().await;
    tokio::time::advance(SECOND * 10).await;
    assert!(tree.count_children().specs > 0, "in the middle of it, the others are due");
    assert_eq!(stop.await, ExitReason::Shutdown);
    assert_eq!(starts.load(SeqCst), CHILDREN);
}

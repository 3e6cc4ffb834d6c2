//! Section 1.7: children that are up when they are ready.

mod support;

use std::sync::Arc;
use std::sync::atomic::Ordering::SeqCst;
use std::sync::atomic::{AtomicBool, AtomicU32};
use std::time::Duration;

use supervisor::testing::settle;
use supervisor::{
    ChildRef, ChildSpec, ChildState, Context, DynamicSupervisor, ExitReason, Failure, Flow, Init, Server,
    StartChildError, StartError, StartFailure, Strategy, Supervisor, SupervisorRef,
};
use tokio::time::Instant;

use support::{Ask, Journal, SECOND, probe, tell};

/// Becomes ready `after` so long, and stays.
fn signalling(id: &'static str, journal: &Journal, after: Duration) -> ChildSpec<ChildRef> {
    let journal = journal.clone();
    ChildSpec::task(id, move |cx| {
        let journal = journal.clone();
        async move {
            tokio::time::sleep(after).await;
            journal.note(format!("+{id}"));
            cx.ready();
            cx.stopped().await;
        }
    })
    .ready_on_signal()
}

async fn state(tree: &SupervisorRef, id: &str) -> (ChildState, Vec<String>) {
    let children = tree.which_children().await.unwrap();
    let child = children.into_iter().find(|child| child.id == id).expect("it is there");
    (child.state, child.waits_for.iter().map(ToString::to_string).collect())
}

#[tokio::test(start_paused = true)]
async fn s1_7_a_start_and_the_siblings_behind_wait_until_a_child_says_that_it_is_ready() {
    let journal = Journal::default();
    let begun = Instant::now();
    let tree = Supervisor::new(Strategy::OneForOne)
        .child(signalling("a", &journal, SECOND * 3))
        .child(probe("b", &journal))
        .start()
        .await
        .unwrap();
    assert_eq!((journal.take().as_str(), begun.elapsed()), ("+a +b", SECOND * 3));

    let begun = Instant::now();
    tree.start_child(signalling("c", &journal, SECOND * 2)).await.unwrap();
    assert_eq!(begun.elapsed(), SECOND * 2);
    tree.stop().await;
}

#[tokio::test(start_paused = true)]
async fn s1_7_a_probe_is_asked_at_its_interval_until_it_says_yes_and_a_panic_says_no() {
    let journal = Journal::default();
    let asked = Arc::new(AtomicU32::new(0));
    let count = Arc::clone(&asked);
    let mut spec = probe("a", &journal);
    let a = spec.reference();
    // The server already answers: the check may use it.
    let spec = spec.ready_when(SECOND, move || {
        let (count, a) = (Arc::clone(&count), a.clone());
        async move {
            assert_eq!(a.call(Ask::Ping).await, Ok(1));
            match count.fetch_add(1, SeqCst) {
                0 => panic!("not yet"),
                1 => false,
                _ => true,
            }
        }
    });
    let begun = Instant::now();
    let tree = Supervisor::new(Strategy::OneForOne).child(spec).start().await.unwrap();
    assert_eq!((asked.load(SeqCst), begun.elapsed()), (3, SECOND * 2));
    tokio::time::sleep(SECOND * 10).await;
    assert_eq!(asked.load(SeqCst), 3, "once ready, it is not asked again");
    tree.stop().await;
}

#[tokio::test(start_paused = true)]
async fn s1_7_readiness_is_bounded_by_the_start_timeout_and_by_a_minute_without() {
    let journal = Journal::default();
    for (limit, seconds) in [(Some(SECOND * 2), 2), (None, 60)] {
        let never = probe("b", &journal).ready_when(SECOND, || async { false });
        let never = match limit {
            Some(limit) => never.start_timeout(limit),
            None => never,
        };
        let begun = Instant::now();
        let error =
            Supervisor::new(Strategy::OneForOne).child(probe("a", &journal)).child(never).start().await.unwrap_err();
        assert!(matches!(error, StartError::Child { cause: StartFailure::Timeout { .. }, .. }), "{error:?}");
        assert_eq!(begun.elapsed().as_secs(), seconds);
        assert_eq!(journal.take(), "+a +b -a", "aborted, and the one before stopped");
    }
    // A check that hangs is bounded too.
    let hangs = probe("b", &journal).ready_when(SECOND, std::future::pending).start_timeout(SECOND * 3);
    let begun = Instant::now();
    Supervisor::new(Strategy::OneForOne).child(hangs).start().await.unwrap_err();
    assert_eq!(begun.elapsed(), SECOND * 3);
}

#[tokio::test(start_paused = true)]
async fn s1_7_a_child_that_ends_before_it_is_ready_has_not_started_however_it_ended() {
    let ends = || ChildSpec::task("a", |_| async {}).ready_on_signal();
    let error = Supervisor::new(Strategy::OneForOne).child(ends()).start().await.unwrap_err();
    let StartError::Child { cause: StartFailure::Exited(reason), .. } = error else { panic!("{error:?}") };
    assert_eq!(reason, ExitReason::Normal);

    let rooms = DynamicSupervisor::new().budget(0, SECOND).start().await.unwrap();
    let refused = rooms.start_child(ends()).await.unwrap_err();
    let StartChildError::Failed { cause: StartFailure::Exited(reason), .. } = refused else { panic!("{refused:?}") };
    assert_eq!(reason, ExitReason::Normal);
    settle().await;
    assert_eq!(rooms.count_children().specs, 0);
    assert!(rooms.is_running(), "it was the caller's, and charged to nobody");
    rooms.stop().await;
}

#[tokio::test(start_paused = true)]
async fn s1_7_a_restart_is_restarting_until_it_is_ready_and_dependents_wait_for_that() {
    let journal = Journal::default();
    let open = Arc::new(AtomicBool::new(true));
    let check = {
        let open = Arc::clone(&open);
        move || {
            let open = Arc::clone(&open);
            async move { open.load(SeqCst) }
        }
    };
    let mut a = probe("a", &journal).ready_when(SECOND, check);
    let mut b = probe("b", &journal).depends_on("a");
    let (a_ref, b_ref) = (a.reference(), b.reference());
    let tree = Supervisor::new(Strategy::OneForOne).child(a).child(b).start().await.unwrap();
    open.store(false, SeqCst);
    tell(&a_ref, Ask::Panic);
    settle().await;
    tell(&b_ref, Ask::Panic);
    tokio::time::sleep(SECOND * 5).await;
    assert_eq!(a_ref.call(Ask::Ping).await, Ok(2), "its init is done long since");
    assert_eq!(state(&tree, "a").await, (ChildState::Restarting, vec![]));
    assert_eq!(state(&tree, "b").await, (ChildState::Restarting, vec!["a".to_owned()]));
    open.store(true, SeqCst);
    tokio::time::sleep(SECOND).await;
    settle().await;
    assert_eq!(state(&tree, "a").await.0, ChildState::Running);
    assert_eq!(b_ref.call(Ask::Ping).await, Ok(2));
    assert_eq!(journal.take(), "+a +b +a +b");
    tree.stop().await;
}

#[tokio::test(start_paused = true)]
async fn s1_7_a_readiness_of_the_last_incarnation_says_nothing_of_the_next() {
    // Ready at once in its first life, and never after.
    let spec = ChildSpec::task("a", |cx| async move {
        if cx.incarnation() == 1 {
            cx.ready();
        }
        cx.stopped().await;
    });
    let tree = Supervisor::new(Strategy::OneForOne)
        .budget(2, SECOND * 600)
        .child(spec.ready_on_signal().start_timeout(SECOND))
        .start()
        .await
        .unwrap();
    tree.kill_child("a").await.unwrap();
    settle().await;
    assert_eq!(state(&tree, "a").await.0, ChildState::Restarting);
    assert_eq!(tree.exited().await.as_str(), "shutdown");
    assert_eq!(tree.meltdown().unwrap().cause, ExitReason::Timeout);
}

#[tokio::test(start_paused = true)]
async fn s1_7_dynamic_children_are_handed_out_when_they_are_ready() {
    let journal = Journal::default();
    let rooms = DynamicSupervisor::new().start().await.unwrap();
    let begun = Instant::now();
    let start = rooms.start_child(signalling("a", &journal, SECOND * 3));
    let look = async {
        tokio::time::sleep(SECOND).await;
        (rooms.which_children()[0].state, rooms.count_children().active)
    };
    let (a, seen) = tokio::join!(start, look);
    let a = a.unwrap();
    assert_eq!((begun.elapsed(), seen), (SECOND * 3, (ChildState::Starting, 0)));

    rooms.kill_child(&a).unwrap();
    tokio::time::sleep(SECOND).await;
    assert_eq!(rooms.which_children()[0].state, ChildState::Restarting);
    tokio::time::sleep(SECOND * 3).await;
    assert_eq!(rooms.which_children()[0].state, ChildState::Running);

    let late = signalling("b", &journal, SECOND * 3).start_timeout(SECOND);
    let refused = rooms.start_child(late).await.unwrap_err();
    assert!(matches!(refused, StartChildError::Failed { cause: StartFailure::Timeout { .. }, .. }), "{refused:?}");
    assert_eq!(rooms.count_children().specs, 1);
    rooms.stop().await;
}

#[tokio::test]
async fn s1_7_a_blocking_child_says_that_it_is_ready() {
    let said = Arc::new(AtomicBool::new(false));
    let note = Arc::clone(&said);
    let spec = ChildSpec::blocking("thread", move |cx| {
        note.store(true, SeqCst);
        cx.ready();
        cx.wait_until_stopping();
    });
    let tree = Supervisor::new(Strategy::OneForOne).child(spec.ready_on_signal()).start().await.unwrap();
    assert!(said.load(SeqCst));
    tree.stop().await;
}

#[tokio::test(start_paused = true)]
async fn s1_7_a_probe_without_an_interval_is_refused() {
    let journal = Journal::default();
    let spec = || probe("a", &journal).ready_when(Duration::ZERO, || async { true });
    let error = Supervisor::new(Strategy::OneForOne).child(spec()).start().await.unwrap_err();
    assert!(matches!(&error, StartError::ZeroInterval { child } if *child == "a"), "{error:?}");
    assert!(error.to_string().contains("give it an interval"), "{error}");
    let rooms = DynamicSupervisor::new().start().await.unwrap();
    let refused = rooms.start_child(spec()).await.unwrap_err();
    assert!(matches!(refused, StartChildError::Invalid(StartError::ZeroInterval { .. })), "{refused:?}");
    assert_eq!(journal.take(), "", "nothing was started");
    rooms.stop().await;
}

/// Warms up in a message of its own, and answers meanwhile.
struct Cache;

impl Server for Cache {
    type Message = u32;

    async fn init(&mut self, cx: &mut Context<Self>) -> Result<Init, Failure> {
        cx.send_after(SECOND, 1);
        Ok(Init::Ready)
    }

    async fn handle(&mut self, message: u32, cx: &mut Context<Self>) -> Result<Flow, Failure> {
        match message {
            3 => cx.ready(),
            warm => drop(cx.send_after(SECOND, warm + 1)),
        }
        Ok(Flow::Continue)
    }
}

#[tokio::test(start_paused = true)]
async fn s1_7_a_server_says_that_it_is_ready_and_snapshots_have_it_starting_until_then() {
    let spec = ChildSpec::server(|| Cache).id("cache").ready_on_signal();
    let tree = Supervisor::new(Strategy::OneForOne).start().await.unwrap();
    let begun = Instant::now();
    let start = tree.start_child(spec);
    let look = async {
        tokio::time::sleep(SECOND * 2).await;
        tree.snapshot().find("supervisor/cache").map(|cache| cache.state)
    };
    let (started, seen) = tokio::join!(start, look);
    started.unwrap();
    assert_eq!((begun.elapsed(), seen), (SECOND * 3, Some(ChildState::Starting)));
    assert_eq!(tree.snapshot().find("supervisor/cache").map(|cache| cache.state), Some(ChildState::Running));
    tree.stop().await;
}

#[tokio::test(start_paused = true)]
async fn s1_7_a_tree_that_is_stopped_waits_for_no_readiness() {
    let journal = Journal::default();
    let asked = Arc::new(AtomicU32::new(0));
    let count = Arc::clone(&asked);
    let never = probe("a", &journal).ready_when(SECOND, move || {
        count.fetch_add(1, SeqCst);
        async { false }
    });
    let tree = Supervisor::new(Strategy::OneForOne).start().await.unwrap();
    let start = tree.start_child(never);
    let stop = async {
        settle().await;
        let begun = Instant::now();
        tree.stop().await;
        begun.elapsed()
    };
    let (refused, took) = tokio::join!(start, stop);
    assert!(matches!(refused, Err(StartChildError::ShuttingDown)), "{refused:?}");
    assert_eq!((took, journal.take().as_str()), (Duration::ZERO, "+a -a"));
    let before = asked.load(SeqCst);
    tokio::time::sleep(SECOND * 10).await;
    assert_eq!(asked.load(SeqCst), before, "nobody is asked any more");
}

//! Section 5.5: a tree that has to be down in time, and what its children hear meanwhile.

mod support;

use std::sync::Arc;
use std::time::Duration;

use supervisor::testing::{Recorder, exited, settle};
use supervisor::{
    ChildRef, ChildSpec, Context, DynamicSupervisor, DynamicSupervisorRef, ExitReason, Failure, Flow, Server, Shutdown,
    StartChildError, Strategy, Supervisor, SupervisorRef, TerminateChildError,
};
use tokio::sync::watch;
use tokio::time::{Instant, sleep};

use support::{Journal, SECOND, probe};

/// Notes that it was asked, and then takes its time.
fn takes(id: &'static str, time: Duration, journal: &Journal) -> ChildSpec<ChildRef> {
    let journal = journal.clone();
    ChildSpec::task(id, move |cx| {
        let journal = journal.clone();
        async move {
            cx.stopped().await;
            journal.note(id);
            sleep(time).await;
        }
    })
    .shutdown(Shutdown::Infinity)
}

fn deaf(id: &'static str, journal: &Journal) -> ChildSpec<ChildRef> {
    takes(id, SECOND * 1_000_000, journal)
}

fn nested(id: &'static str, supervisor: Supervisor) -> ChildSpec<SupervisorRef> {
    ChildSpec::supervisor(supervisor).id(id)
}

#[tokio::test(start_paused = true)]
async fn s5_5_nested_trees_without_a_limit_of_their_own_end_in_time_in_order_and_say_why() {
    let journal = Journal::default();
    let mut rooms = ChildSpec::supervisor(DynamicSupervisor::new()).id("rooms");
    let rooms_ref = rooms.reference();
    let mut first = takes("first", Duration::ZERO, &journal);
    let first_ref = first.reference();
    let deep = Supervisor::new(Strategy::OneForOne).child(deaf("slow", &journal)).child(rooms);
    let quick = takes("quick", SECOND, &journal);
    let middle = Supervisor::new(Strategy::OneForAll).child(nested("deep", deep)).child(quick);
    let tree = Supervisor::new(Strategy::OneForOne).child(first).child(nested("middle", middle)).start().await.unwrap();
    for _ in 0..3 {
        rooms_ref.start_child(deaf("room", &journal)).await.unwrap();
    }
    rooms_ref.start_child(takes("room", SECOND * 2, &journal)).await.unwrap();

    let mut recorder = Recorder::of(&*tree);
    let begun = Instant::now();
    assert_eq!(tree.stop_within(SECOND * 10).await, ExitReason::Shutdown);
    assert_eq!(begun.elapsed().as_secs(), 10);
    // The last room is done after three seconds, the others have the seven that are left: `slow` and `first` are asked and
    // aborted in their turn.
    assert!(journal.take().starts_with("quick room room room room"));
    let (stopped, late) = (|child| exited(child, ExitReason::Shutdown), |child| exited(child, ExitReason::Timeout));
    let rooms = [stopped("quick"), stopped("room"), late("room"), late("room"), late("room"), stopped("rooms")];
    let above = [late("slow"), stopped("deep"), stopped("middle"), stopped("supervisor")];
    recorder.expect_among(rooms.into_iter().chain(above));
    assert!(matches!(first_ref.last_exit(), Some(ExitReason::Timeout | ExitReason::Shutdown)));
    assert!(!tree.has_abandoned());
}

#[tokio::test(start_paused = true)]
async fn s5_5_those_that_are_not_come_to_are_ended_in_reverse_order() {
    /// Notes when it is dropped.
    struct Gone(&'static str, Journal);
    impl Drop for Gone {
        fn drop(&mut self) {
            self.1.note(self.0);
        }
    }
    let journal = Journal::default();
    let child = |id: &'static str| {
        let journal = journal.clone();
        ChildSpec::task(id, move |_| {
            let gone = Gone(id, journal.clone());
            async move {
                let _gone = gone;
                std::future::pending::<()>().await;
            }
        })
    };
    let inner = Supervisor::new(Strategy::OneForOne).child(child("b1")).child(child("b2"));
    let tree = Supervisor::new(Strategy::OneForOne)
        .child(child("a"))
        .child(nested("b", inner))
        .child(child("c").shutdown(Shutdown::Infinity))
        .start()
        .await
        .unwrap();
    settle().await;
    let begun = Instant::now();
    tree.stop_within(SECOND * 3).await;
    assert_eq!((journal.take().as_str(), begun.elapsed().as_secs()), ("c b2 b1 a", 3));
}

#[tokio::test(start_paused = true)]
async fn s5_5_a_deadline_takes_time_away_and_gives_none() {
    let journal = Journal::default();
    let short = deaf("short", &journal).shutdown(Shutdown::Timeout(SECOND * 2));
    let tree = Supervisor::new(Strategy::OneForOne)
        .child(takes("polite", SECOND, &journal))
        .child(nested("inner", Supervisor::new(Strategy::OneForOne).child(short)))
        .start()
        .await
        .unwrap();
    let begun = Instant::now();
    tree.stop_within(SECOND * 100).await;
    assert_eq!(begun.elapsed().as_secs(), 3);

    // As long as there is time, a stop without end is one.
    let tree = Supervisor::new(Strategy::OneForOne).child(takes("long", SECOND * 50, &journal)).start().await.unwrap();
    let begun = Instant::now();
    tree.stop_within(Duration::MAX).await;
    assert_eq!(begun.elapsed().as_secs(), 50);
}

#[tokio::test(start_paused = true)]
async fn s5_5_a_stop_that_is_under_way_can_be_brought_forward_and_not_put_off() {
    let journal = Journal::default();
    let mut rooms = ChildSpec::supervisor(DynamicSupervisor::new()).id("rooms");
    let rooms_ref = rooms.reference();
    let inner = Supervisor::new(Strategy::OneForOne).child(deaf("deaf", &journal)).child(rooms);
    let tree = Supervisor::new(Strategy::OneForOne)
        .child(nested("inner", inner))
        .child(takes("last", SECOND, &journal))
        .start()
        .await
        .unwrap();
    let room = rooms_ref.start_child(deaf("room", &journal)).await.unwrap();
    let nested_room = ChildSpec::supervisor(DynamicSupervisor::new());
    let nested_room = rooms_ref.start_child(nested_room).await.unwrap();
    let deepest = nested_room.start_child(deaf("deepest", &journal)).await.unwrap();

    let root = tree.reference();
    let stopping = tokio::spawn(async move { root.stop().await });
    sleep(SECOND * 10).await;
    let begun = Instant::now();
    let root = tree.reference();
    let sooner = tokio::spawn(async move { root.stop_within(SECOND * 5).await });
    settle().await;
    tree.stop_within(SECOND * 100).await;
    assert_eq!(begun.elapsed().as_secs(), 5);
    assert_eq!((stopping.await.unwrap(), sooner.await.unwrap()), (ExitReason::Shutdown, ExitReason::Shutdown));
    for child in [room, deepest] {
        assert_eq!(child.last_exit(), Some(ExitReason::Timeout));
    }
}

#[tokio::test(start_paused = true)]
async fn s5_5_a_dynamic_root_has_a_deadline_too_and_terminated_children_keep_it() {
    let journal = Journal::default();
    let rooms = Arc::new(DynamicSupervisor::new().start().await.unwrap());
    let mut children = Vec::new();
    for _ in 0..3_000 {
        children.push(rooms.start_child(deaf("room", &journal)).await.unwrap());
    }
    let first = children[0].clone();
    let reference = rooms.reference();
    let terminating = tokio::spawn(async move { reference.terminate_child(first).await });
    sleep(SECOND).await;
    let begun = Instant::now();
    assert_eq!(rooms.stop_within(SECOND * 4).await, ExitReason::Shutdown);
    assert_eq!(begun.elapsed().as_secs(), 4);
    assert_eq!(terminating.await.unwrap(), Ok(()));
    assert!(children.iter().all(|child| child.last_exit() == Some(ExitReason::Timeout)));
}

#[tokio::test(start_paused = true)]
async fn s5_5_what_cannot_be_killed_has_its_grace_after_the_deadline() {
    let (release, gate) = std::sync::mpsc::sync_channel::<()>(1);
    let gate = std::sync::Mutex::new(gate);
    let mut stuck = ChildSpec::blocking("stuck", move |_| {
        let _ = gate.lock().unwrap().recv();
    })
    .shutdown(Shutdown::Infinity);
    let child = stuck.reference();
    let inner = Supervisor::new(Strategy::OneForOne).grace(SECOND * 3).child(stuck);
    let tree = Supervisor::new(Strategy::OneForOne).child(nested("inner", inner)).start().await.unwrap();
    let begun = Instant::now();
    tree.stop_within(SECOND * 4).await;
    assert_eq!((begun.elapsed().as_secs(), child.last_exit()), (7, Some(ExitReason::Abandoned)));
    assert!(tree.has_abandoned());
    drop(release);
}

#[tokio::test(start_paused = true)]
async fn s5_5_the_next_incarnation_of_a_supervisor_has_no_deadline() {
    let journal = Journal::default();
    let mut inner = nested("inner", Supervisor::new(Strategy::OneForOne).child(takes("child", SECOND * 9, &journal)));
    let mut rooms = ChildSpec::supervisor(DynamicSupervisor::new()).id("rooms");
    let (inner_ref, rooms_ref) = (inner.reference(), rooms.reference());
    let tree = Supervisor::new(Strategy::OneForOne).budget(9, SECOND);
    let tree = tree.child(inner).child(rooms).start().await.unwrap();
    for _ in 0..2 {
        let room = rooms_ref.start_child(takes("room", SECOND * 9, &journal)).await.unwrap();
        let begun = Instant::now();
        tokio::join!(inner_ref.stop_within(SECOND), rooms_ref.stop_within(SECOND));
        assert_eq!((begun.elapsed().as_secs(), room.last_exit()), (1, Some(ExitReason::Timeout)));
        // Their parent has started them again.
        assert!(inner_ref.child().running().await && rooms_ref.child().running().await);
    }
    let room = rooms_ref.start_child(takes("room", SECOND * 9, &journal)).await.unwrap();
    let begun = Instant::now();
    tree.stop().await;
    assert_eq!((begun.elapsed().as_secs(), room.last_exit()), (18, Some(ExitReason::Shutdown)));
}

/// Asks its supervisor while it is being stopped, from `terminate`.
struct Asks {
    own: watch::Receiver<Option<DynamicSupervisorRef>>,
    above: watch::Receiver<Option<SupervisorRef>>,
    journal: Journal,
}

impl Server for Asks {
    type Message = ();

    async fn handle(&mut self, (): (), _cx: &mut Context<Self>) -> Result<Flow, Failure> {
        Ok(Flow::Continue)
    }

    async fn terminate(&mut self, _reason: &ExitReason) {
        let (own, above) = (self.own.borrow().clone().unwrap(), self.above.borrow().clone().unwrap());
        let refused = own.start_child(probe("late", &self.journal)).await;
        assert!(matches!(refused, Err(StartChildError::ShuttingDown)), "{refused:?}");
        let me = own.which_children().remove(0).child;
        assert_eq!(own.terminate_child(me).await, Err(TerminateChildError::ShuttingDown));
        assert_eq!(own.count_children().specs, 1);
        let refused = above.start_child(probe("late", &self.journal)).await;
        assert!(matches!(refused, Err(StartChildError::ShuttingDown)), "{refused:?}");
        assert_eq!(above.terminate_child("rooms").await, Err(TerminateChildError::ShuttingDown));
        self.journal.note("answered");
    }
}

#[tokio::test(start_paused = true)]
async fn s5_5_a_dynamic_child_that_asks_its_supervisors_while_it_is_stopped_is_answered() {
    let journal = Journal::default();
    let (own, own_seen) = watch::channel(None);
    let (above, above_seen) = watch::channel(None);
    let mut rooms = ChildSpec::supervisor(DynamicSupervisor::new()).id("rooms");
    let rooms_ref = rooms.reference();
    let tree = Supervisor::new(Strategy::OneForOne).child(rooms).start().await.unwrap();
    own.send(Some(rooms_ref.clone())).unwrap();
    above.send(Some(tree.reference())).unwrap();
    let noted = journal.clone();
    let asks =
        ChildSpec::server(move || Asks { own: own_seen.clone(), above: above_seen.clone(), journal: noted.clone() });
    rooms_ref.start_child(asks).await.unwrap();
    let begun = Instant::now();
    tree.stop_within(SECOND * 10).await;
    assert_eq!(journal.take(), "answered");
    assert!(begun.elapsed() < SECOND);
}

#[tokio::test(start_paused = true)]
async fn s5_5_a_start_that_waits_for_its_init_is_told_at_once_that_the_supervisor_stops() {
    let journal = Journal::default();
    let slow = support::Script { init_time: SECOND * 100, ..Default::default() };
    let tree = Supervisor::new(Strategy::OneForOne).start().await.unwrap();
    let rooms = DynamicSupervisor::new().start().await.unwrap();
    let (root, jobs) = (tree.reference(), rooms.reference());
    let (a, b) = (support::scripted("a", &journal, &slow), support::scripted("b", &journal, &slow));
    let fixed = tokio::spawn(async move { root.start_child(a).await });
    let dynamic = tokio::spawn(async move { jobs.start_child(b).await });
    settle().await;
    let begun = Instant::now();
    tokio::join!(tree.stop(), rooms.stop());
    for outcome in [fixed.await.unwrap(), dynamic.await.unwrap()] {
        assert!(matches!(outcome, Err(StartChildError::ShuttingDown)), "{outcome:?}");
    }
    assert!(begun.elapsed() < SECOND);
}

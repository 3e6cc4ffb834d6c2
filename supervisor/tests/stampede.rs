//! Section 4.5: many children that crash at once.

mod support;

use std::sync::Arc;
use std::sync::atomic::AtomicUsize;
use std::sync::atomic::Ordering::SeqCst;
use std::time::Duration;

use supervisor::testing::settle;
use supervisor::{
    ChildSpec, ChildState, Context, DynamicSupervisor, Failure, Flow, Init, Server, ServerRef, Shutdown, StartError,
    Strategy, Supervisor,
};
use tokio::time::{Instant, sleep};

use support::{Ask, Journal, SECOND, Script, probe, scripted, tell};

const CROWD: usize = 10_000;
const INIT: Duration = Duration::from_millis(10);

/// How many are in their init now, and were at most.
#[derive(Clone, Default)]
struct Inits(Arc<(AtomicUsize, AtomicUsize)>);

impl Inits {
    /// The highest number since the last look.
    fn peak(&self) -> usize {
        self.0.1.swap(0, SeqCst)
    }

    fn enter(&self) -> Inside {
        let now = self.0.0.fetch_add(1, SeqCst) + 1;
        self.0.1.fetch_max(now, SeqCst);
        Inside(self.clone())
    }
}

struct Inside(Inits);

impl Drop for Inside {
    fn drop(&mut self) {
        self.0.0.0.fetch_sub(1, SeqCst);
    }
}

struct Slow(Inits);

impl Server for Slow {
    type Message = ();

    async fn init(&mut self, _cx: &mut Context<Self>) -> Result<Init, Failure> {
        let _inside = self.0.enter();
        sleep(INIT).await;
        Ok(Init::Ready)
    }

    async fn handle(&mut self, (): (), _cx: &mut Context<Self>) -> Result<Flow, Failure> {
        Err("crashed".into())
    }
}

fn slow(inits: &Inits) -> ChildSpec<ServerRef<Slow>> {
    let inits = inits.clone();
    ChildSpec::server(move || Slow(inits.clone())).mailbox(1)
}

fn crash_all(children: &[ServerRef<Slow>]) {
    for child in children {
        child.try_cast(()).expect("it takes mail");
    }
}

async fn all_back(children: &[ServerRef<Slow>], incarnation: u32) {
    for child in children {
        assert!(child.running().await);
        assert_eq!(child.incarnation(), incarnation);
    }
}

#[tokio::test(start_paused = true)]
async fn s4_5_ten_thousand_crashes_at_once_do_not_stampede() {
    let inits = Inits::default();
    let journal = Journal::default();
    let mut plan = Supervisor::new(Strategy::OneForOne).budget(u32::MAX, SECOND).max_concurrent_inits(50);
    let mut children = Vec::new();
    for n in 0..CROWD {
        let mut spec = slow(&inits).id(format!("child-{n}"));
        children.push(spec.reference());
        plan = plan.child(spec);
    }
    let tree = plan.start().await.unwrap();
    assert_eq!(inits.peak(), 1, "a start is in order");

    let begun = Instant::now();
    crash_all(&children);
    settle().await;
    // It answers while they come back, and starts what it is told to.
    let asked = Instant::now();
    let listed = tree.which_children().await.unwrap();
    assert_eq!(listed.iter().filter(|child| child.state == ChildState::Restarting).count(), CROWD);
    assert_eq!(tree.count_children().await.unwrap().active, 0);
    let extra = tree.start_child(probe("extra", &journal)).await.unwrap();
    assert_eq!(extra.call(Ask::Ping).await, Ok(1));
    assert!(asked.elapsed() < INIT, "{:?}", asked.elapsed());

    // One that is terminated in line is passed over.
    tree.terminate_child(format!("child-{}", CROWD - 1)).await.unwrap();
    let last = children.pop().unwrap();
    all_back(&children, 2).await;
    assert_eq!(inits.peak(), 50);
    assert!(begun.elapsed() >= INIT * (u32::try_from(CROWD).unwrap() / 50), "{:?}", begun.elapsed());
    assert_eq!((last.incarnation(), last.is_running()), (1, false));
    tree.stop().await;
}

#[tokio::test(start_paused = true)]
async fn s4_5_ten_thousand_dynamic_children_do_not_stampede() {
    let inits = Inits::default();
    let journal = Journal::default();
    let rooms = Arc::new(DynamicSupervisor::new().budget(u32::MAX, SECOND).start().await.unwrap());
    let mut starts = tokio::task::JoinSet::new();
    for _ in 0..CROWD {
        let (rooms, spec) = (Arc::clone(&rooms), slow(&inits));
        starts.spawn(async move { rooms.start_child(spec).await.unwrap() });
    }
    let mut children = starts.join_all().await;
    assert_eq!(inits.peak(), CROWD, "those who start one wait for nobody");

    for incarnation in 2..=3 {
        crash_all(&children);
        settle().await;
        let asked = Instant::now();
        assert!(rooms.which_children().iter().all(|child| child.state == ChildState::Restarting));
        let extra = rooms.start_child(probe("extra", &journal)).await.unwrap();
        assert!(asked.elapsed() < INIT, "{:?}", asked.elapsed());
        rooms.terminate_child(&extra).await.unwrap();
        // One that is terminated in line is passed over.
        let last = children.pop().unwrap();
        rooms.terminate_child(&last).await.unwrap();
        assert_eq!(last.incarnation(), incarnation - 1);
        all_back(&children, incarnation).await;
        assert_eq!(inits.peak(), 100, "the default");
    }
    assert_eq!(rooms.count_children().active, children.len());

    // Stopped in the middle of it, those in line are not started.
    crash_all(&children);
    settle().await;
    rooms.stop().await;
    assert!(inits.peak() <= 100);
    assert_eq!(rooms.count_children().specs, 0);
}

#[tokio::test(start_paused = true)]
async fn s4_5_inits_that_fail_hang_or_are_terminated_make_room_for_the_next() {
    let journal = Journal::default();
    let script = Script { init_time: SECOND, ..Script::default() };
    let tree = Supervisor::new(Strategy::OneForOne).budget(u32::MAX, SECOND).max_concurrent_inits(1);
    let rooms = DynamicSupervisor::new().budget(u32::MAX, SECOND).max_concurrent_inits(1).start().await.unwrap();
    let names = ["a", "b", "c", "d"];
    let spec = |name| scripted(name, &journal, &script).shutdown(Shutdown::BrutalKill);
    let mut room = Vec::new();
    let mut child = Vec::new();
    let mut plan = tree;
    for name in names {
        room.push(rooms.start_child(spec(name)).await.unwrap());
        let mut spec = spec(name);
        child.push(spec.reference());
        plan = plan.child(spec);
    }
    let tree = plan.start().await.unwrap();

    script.fail(3);
    for child in &child {
        tell(child, Ask::Panic);
    }
    settle().await;
    tree.kill_child("b").await.unwrap_err();
    tree.terminate_child("a").await.unwrap();
    for child in &child[1..] {
        assert!(child.running().await);
    }
    tree.restart_child("a").await.unwrap();

    script.fail(3);
    for room in &room {
        tell(room, Ask::Panic);
    }
    settle().await;
    rooms.kill_child(&room[1]).unwrap_err();
    rooms.terminate_child(&room[0]).await.unwrap();
    for room in &room[1..] {
        assert!(room.running().await);
    }
    rooms.stop().await;
    tree.stop().await;
}

#[tokio::test]
async fn s4_5_a_cap_of_zero_is_refused_before_anything_starts() {
    let inits = Inits::default();
    let inner = Supervisor::new(Strategy::OneForOne).id("inner").max_concurrent_inits(0);
    let tree = Supervisor::new(Strategy::OneForOne).child(slow(&inits)).child(ChildSpec::supervisor(inner));
    let error = tree.start().await.unwrap_err();
    assert!(matches!(&error, StartError::NoInits { supervisor } if *supervisor == "inner"), "{error:?}");
    assert_eq!(inits.peak(), 0, "nothing was started");
    let error = DynamicSupervisor::new().id("rooms").max_concurrent_inits(0).start().await.unwrap_err();
    assert!(matches!(&error, StartError::NoInits { supervisor } if *supervisor == "rooms"), "{error:?}");
}

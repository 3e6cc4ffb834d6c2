//! Section 8.3: mailboxes, what they do when they are full, and whether they survive a restart.

mod support;

use std::future::{Future, poll_fn};
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use supervisor::testing::settle;
use supervisor::{
    CallError, ChildSpec, Context, DynamicSupervisor, ExitReason, Failure, Flow, Overflow, Reply, SendError, Server,
    ServerRef, Shutdown, Strategy, Supervisor, SupervisorRef, Tree,
};
use tokio::sync::Semaphore;
use tokio::task::JoinHandle;
use tokio::time::Instant;

use support::Journal;

/// Notes what it handles, one thing each time the gate opens.
struct Gated {
    journal: Journal,
    gate: Arc<Semaphore>,
}

#[derive(Debug)]
enum Item {
    Cast(u32),
    Call(u32, Reply<u32>),
    /// The server sends itself 9, and notes what came of it.
    Jump,
    Panic,
}

impl Server for Gated {
    type Message = Item;

    async fn handle(&mut self, item: Item, cx: &mut Context<Self>) -> Result<Flow, Failure> {
        self.gate.acquire().await?.forget();
        match item {
            Item::Cast(n) => self.journal.note(n.to_string()),
            Item::Call(n, reply) => {
                self.journal.note(n.to_string());
                reply.send(n);
            }
            Item::Jump => self.journal.note(match cx.this().try_cast(Item::Cast(9)) {
                Ok(()) => "jumped",
                Err(_) => "refused",
            }),
            Item::Panic => panic!("told to"),
        }
        Ok(Flow::Continue)
    }
}

struct Setup {
    journal: Journal,
    gate: Arc<Semaphore>,
    server: ServerRef<Gated>,
    tree: Tree<SupervisorRef>,
}

/// A server that is busy with `first`, with room for two messages behind it.
async fn busy_with(
    first: Item,
    options: impl FnOnce(ChildSpec<ServerRef<Gated>>) -> ChildSpec<ServerRef<Gated>>,
) -> Setup {
    let (journal, gate) = (Journal::default(), Arc::new(Semaphore::new(0)));
    let mut spec = options({
        let (journal, gate) = (journal.clone(), gate.clone());
        ChildSpec::server(move || Gated { journal: journal.clone(), gate: gate.clone() }).mailbox(2)
    });
    let server = spec.reference();
    let tree = Supervisor::new(Strategy::OneForOne).child(spec).start().await.unwrap();
    server.try_cast(first).unwrap();
    settle().await;
    assert_eq!(server.mailbox_len(), 0, "it is being handled");
    Setup { journal, gate, server, tree }
}

async fn busy(overflow: Overflow) -> Setup {
    busy_with(Item::Cast(0), |spec| spec.overflow(overflow)).await
}

fn call(server: &ServerRef<Gated>, n: u32) -> JoinHandle<Result<u32, CallError>> {
    let server = server.clone();
    tokio::spawn(async move { server.call(|reply| Item::Call(n, reply)).await })
}

fn cast(server: &ServerRef<Gated>, n: u32) -> JoinHandle<bool> {
    let server = server.clone();
    tokio::spawn(async move { server.cast(Item::Cast(n)).await.is_ok() })
}

#[tokio::test(start_paused = true)]
async fn s8_3_by_default_a_mailbox_holds_1024_messages_and_senders_wait() {
    let (journal, gate) = (Journal::default(), Arc::new(Semaphore::new(0)));
    let mut spec = ChildSpec::server({
        let (journal, gate) = (journal.clone(), gate.clone());
        move || Gated { journal: journal.clone(), gate: gate.clone() }
    });
    let server = spec.reference();
    let tree = Supervisor::new(Strategy::OneForOne).child(spec).start().await.unwrap();
    server.try_cast(Item::Cast(0)).unwrap();
    settle().await;
    for n in 1..=1_024 {
        server.try_cast(Item::Cast(n)).unwrap();
    }
    assert!(matches!(server.try_cast(Item::Cast(9)), Err(SendError::Full(_))));
    let waiting = cast(&server, 1_025);
    settle().await;
    let stats = server.mailbox();
    assert_eq!((stats.len, stats.capacity, stats.waiting), (1_024, 1_024, 1));
    gate.add_permits(2_000);
    assert!(waiting.await.unwrap());
    settle().await;
    assert!(journal.take().ends_with(" 1024 1025"));
    tree.stop().await;
}

#[tokio::test(start_paused = true)]
async fn s8_3_a_full_mailbox_makes_its_senders_wait_in_their_order() {
    let Setup { journal, gate, server, tree } = busy(Overflow::Wait).await;
    let mut casts = Vec::new();
    for n in 1..=6 {
        casts.push(cast(&server, n));
        settle().await;
    }
    let stats = server.mailbox();
    assert_eq!((stats.len, stats.capacity, stats.waiting), (2, 2, 4));
    assert!(matches!(server.try_cast(Item::Cast(9)), Err(SendError::Full(Item::Cast(9)))), "the message comes back");
    // Two in the middle of the line give up.
    casts.remove(3).abort();
    casts.remove(3).abort();
    settle().await;
    assert_eq!(server.mailbox().waiting, 2);
    gate.add_permits(1);
    settle().await;
    assert_eq!((server.mailbox().len, server.mailbox().waiting), (2, 1), "room for one is taken by one");
    assert!(matches!(server.try_cast(Item::Cast(9)), Err(SendError::Full(_))), "nobody jumps the line");
    gate.add_permits(10);
    for cast in casts {
        assert!(cast.await.unwrap());
    }
    settle().await;
    assert_eq!(journal.take(), "0 1 2 3 6");
    let stats = server.mailbox();
    assert_eq!((stats.len, stats.waiting, stats.refused, stats.dropped), (0, 0, 2, 0));
    tree.stop().await;
}

#[tokio::test(start_paused = true)]
async fn s8_3_a_newcomer_does_not_take_the_room_that_the_first_in_line_has_not_taken_yet() {
    let Setup { journal, gate, server, tree } = busy(Overflow::Wait).await;
    server.try_cast(Item::Jump).unwrap();
    server.try_cast(Item::Cast(1)).unwrap();
    let waiting = cast(&server, 2);
    settle().await;
    assert_eq!(server.mailbox().waiting, 1);
    // The server makes room by taking the jump, and handles it before the sender in line has run: there is one thread.
    gate.add_permits(10);
    assert!(waiting.await.unwrap());
    settle().await;
    assert_eq!(journal.take(), "0 refused 1 2");
    assert_eq!(server.mailbox().refused, 1);
    server.try_cast(Item::Cast(3)).unwrap();
    settle().await;
    assert_eq!(journal.take(), "3", "and once the line is gone, newcomers are let in");
    tree.stop().await;
}

#[tokio::test(start_paused = true)]
async fn s8_3_a_sender_that_waits_for_a_server_that_is_gone_is_told() {
    let Setup { server, tree, .. } = busy(Overflow::Wait).await;
    let casts: Vec<_> = (1..=4).map(|n| cast(&server, n)).collect();
    let calls: Vec<_> = (5..=6).map(|n| call(&server, n)).collect();
    settle().await;
    drop(tree);
    let sent: Vec<_> = outputs_of(casts).await;
    assert_eq!(sent, [true, true, false, false], "two had been delivered, two come back");
    for call in calls {
        assert_eq!(call.await.unwrap(), Err(CallError::NotRunning));
    }
}

#[tokio::test(start_paused = true)]
async fn s8_3_senders_keep_their_order_when_there_is_room_for_several_at_once() {
    let Setup { journal, gate, server, tree } = busy(Overflow::Wait).await;
    let mut casts = Vec::new();
    for n in 1..=20 {
        casts.push(cast(&server, n));
        settle().await;
    }
    // The server empties the mailbox in one go, again and again.
    gate.add_permits(100);
    assert!(outputs_of(casts).await.into_iter().all(|sent| sent));
    settle().await;
    let order: Vec<_> = (0..=20).map(|n| n.to_string()).collect();
    assert_eq!(journal.take(), order.join(" "));
    tree.stop().await;
}

#[tokio::test(start_paused = true)]
async fn s8_3_a_sender_that_gives_up_when_it_is_its_turn_leaves_it_to_the_next() {
    let Setup { journal, gate, server, tree } = busy(Overflow::Wait).await;
    let mut casts = Vec::new();
    for n in 1..=2 {
        casts.push(cast(&server, n));
        settle().await;
    }
    // Polled by hand, so that it can be told that there is room, and be gone before it has taken it.
    let mut third = Box::pin(server.cast(Item::Cast(3)));
    let waits = poll_fn(|task| Poll::Ready(third.as_mut().poll(task).is_pending())).await;
    assert!(waits);
    for n in 4..=5 {
        casts.push(cast(&server, n));
        settle().await;
    }
    gate.add_permits(1);
    settle().await;
    assert_eq!((server.mailbox().len, server.mailbox().waiting), (1, 3), "nobody overtakes");
    drop(third);
    settle().await;
    assert_eq!((server.mailbox().len, server.mailbox().waiting), (2, 1), "the room is taken by another");
    gate.add_permits(10);
    assert!(outputs_of(casts).await.into_iter().all(|sent| sent));
    settle().await;
    assert_eq!(journal.take(), "0 1 2 4 5");
    tree.stop().await;
}

#[tokio::test(start_paused = true)]
async fn s8_3_a_sender_that_waits_for_a_server_that_stays_down_is_told() {
    for keeps in [false, true] {
        let options = |spec: ChildSpec<_>| {
            let spec = spec.id("server").shutdown(Shutdown::BrutalKill);
            if keeps { spec.keep_mail() } else { spec }
        };
        let Setup { server, tree, .. } = busy_with(Item::Cast(0), options).await;
        let casts: Vec<_> = (1..=6).map(|n| cast(&server, n)).collect();
        let call = call(&server, 7);
        settle().await;
        let begun = Instant::now();
        tree.terminate_child("server").await.unwrap();
        assert_eq!(
            outputs_of(casts).await,
            [true, true, false, false, false, false],
            "what was not delivered comes back"
        );
        assert_eq!(call.await.unwrap(), Err(CallError::NotRunning));
        assert_eq!(begun.elapsed(), Duration::ZERO);
        assert_eq!(server.mailbox().waiting, 0);
        tree.stop().await;
    }
}

/// Keeps its thread until the gate opens.
struct Stuck {
    gate: Arc<std::sync::Mutex<std::sync::mpsc::Receiver<()>>>,
    entered: tokio::sync::mpsc::UnboundedSender<()>,
}

impl Server for Stuck {
    type Message = Reply<()>;

    async fn handle(&mut self, reply: Reply<()>, _cx: &mut Context<Self>) -> Result<Flow, Failure> {
        self.entered.send(())?;
        let _ = self.gate.lock().unwrap().recv();
        reply.send(());
        Ok(Flow::Continue)
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn s8_3_who_waits_for_a_server_that_is_left_behind_is_told() {
    for (dynamic, keeps) in [(false, false), (false, true), (true, false), (true, true)] {
        let (release, gate) = std::sync::mpsc::channel();
        let (entered, mut inside) = tokio::sync::mpsc::unbounded_channel();
        let gate = Arc::new(std::sync::Mutex::new(gate));
        let spec = ChildSpec::server(move || Stuck { gate: Arc::clone(&gate), entered: entered.clone() });
        let spec = spec.id("stuck").mailbox(1).shutdown(Shutdown::BrutalKill);
        let mut spec = if keeps { spec.keep_mail() } else { spec };
        let server = spec.reference();
        let (fixed, slab) = (Supervisor::new(Strategy::OneForOne), DynamicSupervisor::new());
        let (fixed, slab) = (fixed.grace(Duration::from_millis(20)), slab.grace(Duration::from_millis(20)));
        let (fixed, slab) = (fixed.start().await.unwrap(), slab.start().await.unwrap());
        if dynamic {
            drop(slab.start_child(spec).await.unwrap());
        } else {
            drop(fixed.start_child(spec).await.unwrap());
        }
        let call = |server: &ServerRef<Stuck>| {
            let server = server.clone();
            tokio::spawn(async move { server.call_timeout(Duration::from_secs(600), |reply| reply).await })
        };
        let in_hand = call(&server);
        inside.recv().await.unwrap();
        let delivered = call(&server);
        while server.mailbox_len() < 1 {
            tokio::task::yield_now().await;
        }
        let in_line = call(&server);
        while server.mailbox().waiting < 1 {
            tokio::task::yield_now().await;
        }
        if dynamic {
            slab.terminate_child(&server).await.unwrap();
        } else {
            fixed.terminate_child("stuck").await.unwrap();
        }
        assert_eq!(server.last_exit(), Some(ExitReason::Abandoned));
        let told = tokio::time::timeout(Duration::from_secs(60), in_line).await.expect("it waits on");
        assert_eq!(told.unwrap(), Err(CallError::NotRunning));
        if !keeps || dynamic {
            let told = tokio::time::timeout(Duration::from_secs(60), delivered).await.expect("it waits on");
            assert_eq!(told.unwrap(), Err(CallError::Died(ExitReason::Abandoned)));
        }
        // What it holds in its hand is its own, and all that it still handles.
        release.send(()).unwrap();
        assert_eq!(in_hand.await.unwrap(), Ok(()));
        drop(release);
        fixed.stop().await;
        slab.stop().await;
        drop((fixed, slab, server));
        assert_eq!(inside.recv().await, None, "it handles nothing more");
    }
}

async fn outputs_of<T>(tasks: Vec<JoinHandle<T>>) -> Vec<T> {
    let mut outputs = Vec::new();
    for task in tasks {
        outputs.push(task.await.unwrap());
    }
    outputs
}

#[tokio::test(start_paused = true)]
async fn s8_3_a_full_mailbox_that_refuses_says_so_at_once() {
    let Setup { journal, gate, server, tree } = busy(Overflow::Refuse).await;
    assert!(server.cast(Item::Cast(1)).await.is_ok());
    assert!(server.cast(Item::Cast(2)).await.is_ok());
    let begun = Instant::now();
    assert!(matches!(server.cast(Item::Cast(3)).await, Err(SendError::Full(Item::Cast(3)))));
    assert!(matches!(server.try_cast(Item::Cast(4)), Err(SendError::Full(Item::Cast(4)))));
    assert_eq!(server.call(|reply| Item::Call(5, reply)).await, Err(CallError::Overloaded));
    assert_eq!(begun.elapsed(), Duration::ZERO);
    assert_eq!((server.mailbox().refused, server.mailbox().dropped), (3, 0));
    gate.add_permits(10);
    settle().await;
    assert_eq!(journal.take(), "0 1 2");
    tree.stop().await;
}

#[tokio::test(start_paused = true)]
async fn s8_3_a_full_mailbox_that_drops_the_oldest_tells_its_caller_at_once() {
    let Setup { journal, gate, server, tree } = busy(Overflow::DropOldest).await;
    let (first, second) = (call(&server, 1), call(&server, 2));
    settle().await;
    let begun = Instant::now();
    assert!(server.cast(Item::Cast(3)).await.is_ok());
    assert_eq!(first.await.unwrap(), Err(CallError::Overloaded), "while the server is still busy with another");
    assert_eq!(begun.elapsed(), Duration::ZERO);
    assert!(server.try_cast(Item::Cast(4)).is_ok());
    assert_eq!(second.await.unwrap(), Err(CallError::Overloaded));
    let last = call(&server, 5);
    settle().await;
    gate.add_permits(10);
    assert_eq!(last.await.unwrap(), Ok(5));
    assert_eq!(journal.take(), "0 4 5");
    assert_eq!((server.mailbox().refused, server.mailbox().dropped), (0, 3));
    tree.stop().await;
}

#[tokio::test(start_paused = true)]
async fn s8_3_a_full_mailbox_that_drops_the_newest_tells_callers_and_counts() {
    let Setup { journal, gate, server, tree } = busy(Overflow::DropNewest).await;
    for n in 1..=5 {
        assert!(server.cast(Item::Cast(n)).await.is_ok());
    }
    assert_eq!(server.call(|reply| Item::Call(6, reply)).await, Err(CallError::Overloaded));
    gate.add_permits(10);
    settle().await;
    assert_eq!(journal.take(), "0 1 2");
    assert_eq!((server.mailbox().refused, server.mailbox().dropped), (0, 4));
    assert_eq!(server.child().mailbox(), Some(server.mailbox()), "also for those who know it as a child only");
    assert_eq!(tree.child().mailbox(), None);
    tree.stop().await;
}

#[tokio::test(start_paused = true)]
async fn s8_3_mail_survives_a_restart_if_the_spec_says_so_under_every_policy() {
    for (overflow, handled) in [
        (Overflow::Wait, "1 2 3"),
        (Overflow::Refuse, "1 2"),
        (Overflow::DropOldest, "2 3"),
        (Overflow::DropNewest, "1 2"),
    ] {
        for keep in [true, false] {
            let spec = |spec: ChildSpec<_>| if keep { spec.keep_mail() } else { spec }.overflow(overflow);
            let Setup { journal, gate, server, tree } = busy_with(Item::Panic, spec).await;
            for n in 1..=3 {
                cast(&server, n);
                settle().await;
            }
            gate.add_permits(10);
            server.child().ended(1).await;
            assert!(server.running().await);
            settle().await;
            let got = journal.take();
            if keep {
                assert_eq!(got, handled, "{overflow:?}");
            } else {
                // The third may have waited for room, and may have got it after the restart.
                assert!(!got.contains(['1', '2']), "{overflow:?}: {got}");
            }
            assert_eq!((server.mailbox().len, server.mailbox().waiting), (0, 0));
            tree.stop().await;
        }
    }
}

#[tokio::test(start_paused = true)]
async fn s8_3_callers_of_mail_that_is_dropped_by_a_restart_are_told_under_every_policy() {
    for overflow in [Overflow::Wait, Overflow::Refuse, Overflow::DropOldest, Overflow::DropNewest] {
        let Setup { gate, server, tree, .. } = busy_with(Item::Panic, |spec| spec.overflow(overflow)).await;
        let calls: Vec<_> = (1..=2).map(|n| call(&server, n)).collect();
        settle().await;
        gate.add_permits(10);
        for call in calls {
            let outcome = call.await.unwrap();
            assert!(matches!(outcome, Err(CallError::Died(ExitReason::Panic(_)))), "{overflow:?}: {outcome:?}");
        }
        tree.stop().await;
    }
}

#[tokio::test(start_paused = true)]
async fn s8_3_calls_whose_time_is_over_are_handled_unless_the_spec_skips_them() {
    for skip in [false, true] {
        let spec = |spec: ChildSpec<_>| if skip { spec.skip_expired() } else { spec };
        let Setup { journal, gate, server, tree } = busy_with(Item::Cast(0), spec).await;
        let late = call(&server, 1);
        settle().await;
        cast(&server, 2);
        assert_eq!(late.await.unwrap(), Err(CallError::Timeout));
        gate.add_permits(10);
        settle().await;
        assert_eq!(journal.take(), if skip { "0 2" } else { "0 1 2" });
        assert_eq!(server.mailbox().expired, u64::from(skip));
        assert_eq!(server.call(|reply| Item::Call(3, reply)).await, Ok(3), "those in time are answered");
        tree.stop().await;
    }
}

#[tokio::test(start_paused = true)]
async fn s8_3_a_server_that_always_has_mail_leaves_room_for_others() {
    struct Endless;

    impl Server for Endless {
        type Message = ();

        async fn handle(&mut self, (): (), cx: &mut Context<Self>) -> Result<Flow, Failure> {
            cx.this().try_cast(())?;
            Ok(Flow::Continue)
        }
    }

    let mut spec = ChildSpec::server(|| Endless);
    let server = spec.reference();
    let tree = Supervisor::new(Strategy::OneForOne).child(spec).start().await.unwrap();
    server.try_cast(()).unwrap();
    // On the one thread that there is, others get their turn, and the stop its.
    tokio::spawn(tokio::task::yield_now()).await.unwrap();
    assert!(tree.stop().await.is_clean());
}

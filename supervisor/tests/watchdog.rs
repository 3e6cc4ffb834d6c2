//! Section 8.5: a handler that hangs, told from a server that is idle or busy.

mod support;

use std::sync::mpsc::{Receiver, channel};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use supervisor::testing::settle;
use supervisor::{
    CallError, ChildSpec, Context, ExitReason, Failure, Flow, Restart, Server, ServerRef, Shutdown, Strategy,
    Supervisor, SupervisorRef, Tree,
};
use tokio::sync::mpsc::{UnboundedSender, unbounded_channel};
use tokio::time::Instant;

use support::{Ask, Journal, Probe, SECOND, Script, probe, scripted, tell};

async fn start(spec: ChildSpec<ServerRef<Probe>>) -> (Tree<SupervisorRef>, ServerRef<Probe>) {
    let mut spec = spec.watchdog(SECOND * 4);
    let server = spec.reference();
    (Supervisor::new(Strategy::OneForOne).child(spec).start().await.unwrap(), server)
}

#[tokio::test(start_paused = true)]
async fn s8_5_a_handler_that_hangs_is_ended_as_timeout_and_its_server_restarted() {
    let events = Arc::new(Mutex::new(Vec::new()));
    let _guard = tracing::subscriber::set_default(support::Collect(Arc::clone(&events)));
    for restart in [Restart::Permanent, Restart::Transient] {
        let (tree, server) = start(probe("a", &Journal::default()).restart(restart)).await;
        tokio::time::sleep(SECOND * 3 / 2).await;
        let begun = Instant::now();
        let call = tokio::spawn({
            let server = server.clone();
            async move { server.call_timeout(SECOND * 60, |reply| Ask::Wait(SECOND * 50, reply)).await }
        });
        assert_eq!(call.await.unwrap(), Err(CallError::Died(ExitReason::Timeout)));
        let took = begun.elapsed();
        assert!(took >= SECOND * 4 && took <= SECOND * 6, "{took:?}");
        assert!(server.running().await);
        assert_eq!(server.call(Ask::Ping).await, Ok(2));
        // The next one has a watchdog of its own.
        tell(&server, Ask::Hang);
        server.child().ended(2).await;
        assert_eq!(server.last_exit(), Some(ExitReason::Timeout));
        tree.stop().await;
    }
    let told = events.lock().unwrap().join("\n");
    let line = told.lines().find(|line| line.contains("takes too long")).expect("it is told");
    assert!(line.starts_with("ERROR") && line.contains("child=a") && line.contains("incarnation=1"), "{line}");
}

#[tokio::test(start_paused = true)]
async fn s8_5_a_server_that_is_idle_or_busy_with_many_messages_does_not_hang() {
    let (tree, server) = start(probe("a", &Journal::default())).await;
    tokio::time::sleep(SECOND * 3_600).await;
    assert_eq!(server.call(Ask::Ping).await, Ok(1));
    for _ in 0..100 {
        let wait = |reply| Ask::Wait(Duration::from_millis(3_900), reply);
        assert_eq!(server.call(wait).await, Ok(1), "each within its time, without a pause between them");
    }
    tree.stop().await;
}

#[tokio::test(start_paused = true)]
async fn s8_5_a_watchdog_is_no_matter_to_the_init_and_the_stop() {
    let slow = Script { init_time: SECOND * 20, stop_time: SECOND * 20, ..Script::default() };
    let spec = scripted("a", &Journal::default(), &slow).shutdown(supervisor::Shutdown::Timeout(SECOND * 60));
    let (tree, server) = start(spec).await;
    assert_eq!(server.incarnation(), 1);
    settle().await;
    assert_eq!(tree.stop().await, ExitReason::Shutdown);
    assert_eq!(server.last_exit(), Some(ExitReason::Shutdown));
}

#[tokio::test(start_paused = true)]
async fn s8_5_a_watchdog_is_no_matter_to_the_end_that_a_server_chose_itself() {
    let slow = Script { stop_time: SECOND * 20, ..Script::default() };
    let chosen = [(Ask::Stop(ExitReason::Normal), ExitReason::Normal), (Ask::Fail, ExitReason::error("told to fail"))];
    for (ask, reason) in chosen {
        let journal = Journal::default();
        let (tree, server) = start(scripted("a", &journal, &slow).restart(Restart::Temporary)).await;
        let begun = Instant::now();
        tell(&server, ask);
        server.child().ended(1).await;
        assert_eq!((server.last_exit(), begun.elapsed()), (Some(reason), SECOND * 20));
        assert_eq!(journal.take(), "+a -a", "it has terminated to the end");
        tree.stop().await;
    }
}

/// Keeps its thread until the gate opens.
struct Stuck {
    gate: Arc<Mutex<Receiver<()>>>,
    entered: UnboundedSender<()>,
}

impl Server for Stuck {
    type Message = ();

    async fn handle(&mut self, (): (), _cx: &mut Context<Self>) -> Result<Flow, Failure> {
        self.entered.send(())?;
        let _ = self.gate.lock().unwrap().recv();
        Ok(Flow::Continue)
    }
}

#[test]
fn s8_5_a_handler_that_keeps_its_thread_is_told_of_and_ends_when_it_comes_back_or_is_left_behind_by_a_stop() {
    let events = Arc::new(Mutex::new(Vec::new()));
    let dispatch = tracing::Dispatch::new(support::Collect(Arc::clone(&events)));
    let mut runtime = tokio::runtime::Builder::new_multi_thread();
    // Each thread writes down what it tells, as long as it lives.
    runtime.on_thread_start(move || std::mem::forget(tracing::dispatcher::set_default(&dispatch)));
    let runtime = runtime.worker_threads(4).enable_all().build().unwrap();
    let told = async |incarnation: u32| {
        let line = format!("incarnation={incarnation}");
        let is_it = |event: &String| event.contains("takes too long") && event.contains(&line);
        while !events.lock().unwrap().iter().any(is_it) {
            tokio::task::yield_now().await;
        }
    };
    let all = async {
        let (release, gate) = channel();
        let (entered, mut inside) = unbounded_channel();
        let gate = Arc::new(Mutex::new(gate));
        let spec = ChildSpec::server(move || Stuck { gate: Arc::clone(&gate), entered: entered.clone() }).id("stuck");
        let moment = Duration::from_millis(20);
        // Long enough that its first look is not at the moment when the handler takes its thread, and what waits for it there.
        let mut spec = spec.watchdog(SECOND).shutdown(Shutdown::Timeout(moment));
        let server = spec.reference();
        let tree = Supervisor::new(Strategy::OneForOne).grace(moment).child(spec).start().await.unwrap();

        server.try_cast(()).unwrap();
        inside.recv().await.unwrap();
        told(1).await;
        assert!(server.is_running() && server.last_exit().is_none(), "its thread cannot be taken from it");
        release.send(()).unwrap();
        server.child().ended(1).await;
        assert_eq!(
            server.last_exit(),
            Some(ExitReason::Timeout),
            "but the next time that it gives it back, it is gone"
        );
        assert!(server.running().await);

        server.try_cast(()).unwrap();
        inside.recv().await.unwrap();
        told(2).await;
        tree.terminate_child("stuck").await.unwrap();
        assert_eq!(server.last_exit(), Some(ExitReason::Abandoned));
        drop(release);
        tree.stop().await;
    };
    runtime.block_on(async { tokio::time::timeout(SECOND * 60, all).await.expect("it hangs") });
}

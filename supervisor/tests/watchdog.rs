//! Section 8.5: a handler that hangs, told from a server that is idle or busy.

mod support;

use std::sync::{Arc, Mutex};
use std::time::Duration;

use supervisor::testing::settle;
use supervisor::{CallError, ChildSpec, ExitReason, Restart, ServerRef, Strategy, Supervisor, SupervisorRef, Tree};
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

//! Waiting for a tree to be quiet.

use std::time::Duration;

/// Waits until nothing runs any more without time passing: every task of the runtime waits for a message, a timer or the
/// outside.
///
/// For tests under paused time (`#[tokio::test(start_paused = true)]`): the clock moves on by a millisecond, which the runtime
/// does only when it is idle. Timers that are due within it fire too.
///
/// With a running clock it is only a sleep, and tells nothing.
///
/// ```
/// # use supervisor::{ChildSpec, Strategy, Supervisor, testing};
/// # #[tokio::main(flavor = "current_thread", start_paused = true)] async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let tree = Supervisor::new(Strategy::OneForOne)
///     .child(ChildSpec::task("worker", |cx| async move { cx.stopped().await }))
///     .start()
///     .await?;
/// tree.kill_child("worker").await?;
/// testing::settle().await;
/// assert_eq!(tree.find_child("worker").await?.map(|worker| worker.incarnation()), Some(2));
/// # tree.stop().await; Ok(()) }
/// ```
pub async fn settle() {
    tokio::time::sleep(Duration::from_millis(1)).await;
}

//! Processes that are tokio tasks.

use super::exit::{ExitReason, IntoExitReason};
use super::life::{Process, ProcessRef};
use super::panic::catch_panic;

/// Spawns a future as a tokio task that is a process.
///
/// It ends when the future does, whatever ends it: a return (with the reason that its output stands for), a panic
/// ([`ExitReason::Panic`], caught), an abort or the end of the runtime ([`ExitReason::Killed`], also when the future was
/// never polled). The future is dropped first, then the names are freed.
///
/// # Panics
///
/// Outside of a tokio runtime.
///
/// ```
/// use registry::ExitReason;
///
/// # #[tokio::main(flavor = "current_thread")] async fn main() {
/// let worker = registry::spawn(async { Err::<(), _>("out of paper") });
/// assert_eq!(worker.exited().await, ExitReason::error("out of paper"));
/// # }
/// ```
pub fn spawn<F>(future: F) -> ProcessRef
where
    F: Future<Output: IntoExitReason> + Send + 'static,
{
    let process = Process::new();
    let reference = process.reference();
    let task = tokio::spawn(process.run(future));
    Process::set_abort(&reference, task.abort_handle());
    reference
}

impl Process {
    /// Drives a future and ends the process with it: what [`spawn`] runs in its task, for those who spawn by
    /// other means (a `JoinSet`, a local task, another runtime).
    ///
    /// # Cancel safety
    ///
    /// Dropping it drops the future and ends the process as [`ExitReason::Killed`].
    pub fn run<F>(self, future: F) -> impl Future<Output = ()> + use<F>
    where
        F: Future<Output: IntoExitReason>,
    {
        // In this order, so that the future is dropped before the process ends even when it is never polled.
        let parts = (future, self);
        async move {
            let (future, process) = parts;
            // The reason is made inside: the Display of an error is code of the user as well.
            let reason = catch_panic(async { future.await.into_exit_reason() }).await.unwrap_or_else(ExitReason::Panic);
            process.end(reason);
        }
    }
}

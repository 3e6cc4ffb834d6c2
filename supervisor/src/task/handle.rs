//! The handle to one task.

use std::fmt;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use registry::ExitReason;
use tokio::sync::oneshot;
use tokio::time::timeout;

use super::exit::TaskExit;
use super::link::{Link, Owner};
use super::once::Finished;
use crate::child::ChildRef;
use crate::dynamic::DynamicSupervisorRef;

/// A task that gives a `T`. Awaiting it gives the result, or why there is none.
///
/// It resolves once the task has ended and its place among the supervisor's children is free. Dropping it leaves the task to
/// itself, or to the owner that it is linked to.
///
/// # Cancel safety
///
/// Awaiting `&mut handle` loses nothing when it is dropped. Awaiting the handle itself and dropping that leaves the task to
/// itself, and its result is lost.
///
/// # Panics
///
/// When it is polled again after it has given its result.
#[must_use = "a result that nobody awaits is lost; `ignore` says so"]
pub struct TaskHandle<T> {
    result: oneshot::Receiver<Finished<T>>,
    child: ChildRef,
    supervisor: DynamicSupervisorRef,
    link: Option<Link>,
}

impl<T> TaskHandle<T> {
    pub(super) fn new(
        result: oneshot::Receiver<Finished<T>>,
        child: ChildRef,
        supervisor: DynamicSupervisorRef,
    ) -> Self {
        Self { result, child, supervisor, link: None }
    }

    pub(super) fn link_to(&mut self, owner: &impl Owner) {
        self.link = Some(Link::new(owner, self.child(), self.supervisor.clone()));
    }

    /// Waits for the result for at most this time. A task that still runs then goes on, and its handle is given back.
    ///
    /// ```
    /// use std::time::Duration;
    /// use supervisor::TaskSupervisor;
    ///
    /// # #[tokio::main(flavor = "current_thread", start_paused = true)] async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let tasks = TaskSupervisor::new().start().await?;
    /// let task = tasks.async_nolink(async {
    ///     tokio::time::sleep(Duration::from_secs(2)).await;
    ///     42
    /// })?;
    /// let Err(task) = task.yield_for(Duration::from_secs(1)).await else { panic!("not yet") };
    /// assert_eq!(task.await?, 42);
    /// # tasks.stop().await; Ok(()) }
    /// ```
    ///
    /// # Errors
    ///
    /// The handle, when the time is over. What the task came to is inside of the `Ok`.
    ///
    /// # Cancel safety
    ///
    /// Dropped while it waits, the task is left to itself, and its result is lost.
    pub async fn yield_for(mut self, time: Duration) -> Result<Result<T, TaskExit>, Self> {
        timeout(time, &mut self).await.map_err(|_| self)
    }

    /// Has the task stopped, and waits for its end: it is dropped at its next await, and aborted when it is still there after the
    /// supervisor's [`shutdown`](crate::TaskSupervisor::shutdown) time.
    ///
    /// # Errors
    ///
    /// Why there is no result: [`Shutdown`](ExitReason::Shutdown), unless it had ended by itself. One that had its result by
    /// then gives it.
    ///
    /// # Cancel safety
    ///
    /// Dropped while it waits, the stop goes on.
    pub async fn shutdown(self) -> Result<T, TaskExit> {
        self.supervisor.ask_to_stop(&self.child);
        self.await
    }

    /// Leaves the task to itself, and its result to nobody. A linked one is not linked any more. Returns a reference to it.
    pub fn ignore(self) -> ChildRef {
        if let Some(link) = &self.link {
            link.cut();
        }
        self.child
    }

    /// Whether it has ended, and the result is there.
    pub fn is_finished(&self) -> bool {
        !self.result.is_empty() || self.result.is_terminated()
    }

    /// The task as a child.
    pub fn child(&self) -> ChildRef {
        self.child.clone()
    }
}

impl<T> Future for TaskHandle<T> {
    type Output = Result<T, TaskExit>;

    fn poll(mut self: Pin<&mut Self>, task: &mut Context<'_>) -> Poll<Self::Output> {
        // Without a sender the runtime is gone, and everything with it.
        let result = Pin::new(&mut self.result).poll(task);
        result.map(|told| told.unwrap_or(Err(TaskExit::Exited(ExitReason::Killed))))
    }
}

impl<T> From<&TaskHandle<T>> for ChildRef {
    fn from(handle: &TaskHandle<T>) -> Self {
        handle.child()
    }
}

impl<T> fmt::Debug for TaskHandle<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TaskHandle").field("child", &self.child).finish_non_exhaustive()
    }
}

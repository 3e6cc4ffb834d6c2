//! The outside of a task supervisor.

use registry::{ExitReason, IntoExitReason};
use tokio::sync::oneshot;

use super::handle::TaskHandle;
use super::link::Owner;
use super::once::{ReplyTo, spec};
use super::stream::TaskStream;
use crate::child::{ChildId, ChildRef, ChildSpec, Meltdown, TaskContext};
use crate::dynamic::DynamicSupervisorRef;
use crate::error::{StartChildError, TerminateChildError};
use crate::rules::{Restart, Shutdown};
use crate::supervisor::{ChildCount, ChildInfo};
use crate::tree::{Events, Snapshot};

/// A reference to a task supervisor, stable over its restarts. Cheap to clone; it keeps nothing alive.
#[derive(Clone, Debug)]
pub struct TaskSupervisorRef {
    supervisor: DynamicSupervisorRef,
    shutdown: Shutdown,
}

impl TaskSupervisorRef {
    pub(super) fn new(supervisor: DynamicSupervisorRef, shutdown: Shutdown) -> Self {
        Self { supervisor, shutdown }
    }

    /// Starts a task that gives a result, and is nobody's but the supervisor's.
    ///
    /// When it panics, whoever awaits the handle gets that as data, and nobody else is touched. When its caller ends or drops
    /// the handle, it goes on. It is never restarted. When the supervisor stops, it is dropped at its next await.
    ///
    /// ```
    /// use supervisor::TaskSupervisor;
    ///
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let tasks = TaskSupervisor::new().start().await?;
    /// let crashed = tasks.async_nolink(async { panic!("no paper") })?;
    /// let told: Result<(), _> = crashed.await;
    /// assert!(told.unwrap_err().is_panic());
    /// # tasks.stop().await; Ok(()) }
    /// ```
    ///
    /// # Errors
    ///
    /// There are too many tasks, or the supervisor is stopping or not running.
    ///
    /// # Panics
    ///
    /// Outside of a tokio runtime.
    pub fn async_nolink<F>(&self, future: F) -> Result<TaskHandle<F::Output>, StartChildError>
    where
        F: Future<Output: Send> + Send + 'static,
    {
        let (sender, result) = oneshot::channel();
        let child = self.begin(future, ReplyTo::Handle(sender))?;
        Ok(TaskHandle::new(result, child, self.supervisor.clone()))
    }

    /// Starts a task that gives a result, and is linked to the server or task whose context this is: neither outlives a crash of
    /// the other.
    ///
    /// - When the task crashes (it panics, is killed, or is aborted because it did not stop in time), the owner's incarnation is
    ///   aborted where it is and ends for the same reason, as if it had crashed itself: its restart type says what follows. An
    ///   error that the task returns is its result, and one that is stopped in order has not crashed.
    /// - When the owner's incarnation ends, for whatever reason, the task is stopped. It may be there for a moment longer.
    /// - [`TaskHandle::ignore`] unlinks the two; dropping the handle does not.
    ///
    /// ```
    /// use std::time::Duration;
    /// use supervisor::{ChildSpec, Restart, Strategy, Supervisor, TaskSupervisor};
    ///
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let tasks = TaskSupervisor::new().start().await?;
    /// let helpers = tasks.reference();
    /// let tree = Supervisor::new(Strategy::OneForOne)
    ///     .child(ChildSpec::task("owner", move |cx| {
    ///         let helpers = helpers.clone();
    ///         async move {
    ///             if cx.incarnation() == 1 {
    ///                 let _helper = helpers.async_task(&cx, async { panic!("no paper") });
    ///             }
    ///             cx.stopped().await
    ///         }
    ///     }))
    ///     .start()
    ///     .await?;
    /// let owner = tree.find_child("owner").await?.expect("it is there");
    /// owner.ended(1).await;
    /// assert!(owner.last_exit().is_some_and(|reason| reason.as_str() == "panic"));
    /// # tree.stop().await; tasks.stop().await; Ok(()) }
    /// ```
    ///
    /// # Errors
    ///
    /// As for [`async_nolink`](Self::async_nolink).
    ///
    /// # Panics
    ///
    /// Outside of a tokio runtime.
    pub fn async_task<F>(&self, owner: &impl Owner, future: F) -> Result<TaskHandle<F::Output>, StartChildError>
    where
        F: Future<Output: Send> + Send + 'static,
    {
        let mut task = self.async_nolink(future)?;
        task.link_to(owner);
        Ok(task)
    }

    /// Starts a task whose result nobody waits for. It is never restarted; how it ended is told by
    /// [`ChildRef::gone`], and a panic is logged as an error.
    ///
    /// ```
    /// use supervisor::{ExitReason, TaskSupervisor};
    ///
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let tasks = TaskSupervisor::new().start().await?;
    /// let mail = tasks.start_child(async { /* send it */ })?;
    /// assert_eq!(mail.gone().await, Some(ExitReason::Normal));
    /// # tasks.stop().await; Ok(()) }
    /// ```
    ///
    /// # Errors
    ///
    /// As for [`async_nolink`](Self::async_nolink).
    ///
    /// # Panics
    ///
    /// Outside of a tokio runtime.
    pub fn start_child<F>(&self, future: F) -> Result<ChildRef, StartChildError>
    where
        F: Future<Output: Send> + Send + 'static,
    {
        Ok(self.async_nolink(future)?.ignore())
    }

    /// Starts a task that is restarted when it ends, as `restart` says and within the supervisor's budget.
    ///
    /// Its future is made anew for each incarnation. It is asked to stop by [`TaskContext::token`], and has the supervisor's
    /// shutdown time for that. Its output says why it ended, as for [`ChildSpec::task`].
    ///
    /// ```
    /// use supervisor::{Restart, TaskSupervisor};
    ///
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let tasks = TaskSupervisor::new().start().await?;
    /// let upload = tasks.start_restarted(Restart::Transient, |cx| async move {
    ///     if cx.incarnation() < 3 { Err("no connection") } else { Ok(()) }
    /// })?;
    /// upload.gone().await;
    /// assert_eq!(upload.incarnation(), 3);
    /// # tasks.stop().await; Ok(()) }
    /// ```
    ///
    /// # Errors
    ///
    /// As for [`async_nolink`](Self::async_nolink).
    ///
    /// # Panics
    ///
    /// Outside of a tokio runtime.
    pub fn start_restarted<F, T>(&self, restart: Restart, factory: F) -> Result<ChildRef, StartChildError>
    where
        F: Fn(TaskContext) -> T + Send + Sync + 'static,
        T: Future<Output: IntoExitReason> + Send + 'static,
    {
        let (spec, child) = ChildSpec::task("task", factory).restart(restart).shutdown(self.shutdown).assemble();
        self.supervisor.start_now(spec)?;
        Ok(child)
    }

    /// Runs `work` on each of the inputs, in a task each, several at a time; gives what comes of them.
    ///
    /// See [`TaskStream`] for its options. Nothing is started before the stream is polled.
    ///
    /// ```
    /// use supervisor::TaskSupervisor;
    ///
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let tasks = TaskSupervisor::new().start().await?;
    /// let mut squares = tasks.stream(1..=4, |n| async move { n * n }).max_concurrency(2);
    /// let mut sum = 0;
    /// while let Some(square) = squares.next().await {
    ///     sum += square?;
    /// }
    /// assert_eq!(sum, 30);
    /// # tasks.stop().await; Ok(()) }
    /// ```
    pub fn stream<I, W, F>(&self, inputs: I, work: W) -> TaskStream<I::IntoIter, W, F>
    where
        I: IntoIterator,
        W: FnMut(I::Item) -> F,
        F: Future<Output: Send> + Send + 'static,
    {
        TaskStream::new(self.clone(), inputs.into_iter(), work)
    }

    pub(super) fn begin<T: Send + 'static>(
        &self,
        future: impl Future<Output = T> + Send + 'static,
        reply: ReplyTo<T>,
    ) -> Result<ChildRef, StartChildError> {
        let (spec, seat) = spec(future, self.shutdown, reply);
        self.supervisor.start_now(spec)?;
        Ok(ChildRef::new(seat))
    }

    pub(super) fn ask_to_stop(&self, child: &ChildRef) {
        self.supervisor.ask_to_stop(child);
    }

    /// Stops a task, and returns when it has ended.
    ///
    /// # Errors
    ///
    /// It is no task of this supervisor (any more), or the supervisor is stopping or not running.
    ///
    /// # Cancel safety
    ///
    /// Dropped while it waits, the stop goes on.
    pub async fn terminate_child(&self, task: impl Into<ChildRef>) -> Result<(), TerminateChildError> {
        self.supervisor.terminate_child(task).await
    }

    /// All tasks, in no order.
    pub fn which_children(&self) -> Vec<ChildInfo> {
        self.supervisor.which_children()
    }

    /// How many tasks there are.
    pub fn count_children(&self) -> ChildCount {
        self.supervisor.count_children()
    }

    /// Stops all tasks at the same time, and the supervisor; returns why it ended. A supervisor that has ended says why it did.
    ///
    /// A supervisor that has a parent is restarted by it if it is permanent: terminate it there.
    ///
    /// # Cancel safety
    ///
    /// Dropped while it waits, the stop goes on.
    pub async fn stop(&self) -> ExitReason {
        self.supervisor.stop().await
    }

    /// Waits until it has ended for good, with all of its tasks, and says why: no incarnation follows by itself, as with
    /// [`ChildRef::gone`].
    ///
    /// # Cancel safety
    ///
    /// Nothing is lost when it is dropped; calling it again is the same.
    pub async fn exited(&self) -> ExitReason {
        self.supervisor.exited().await
    }

    /// What made the last incarnation give up, if that is why it ended.
    pub fn meltdown(&self) -> Option<Meltdown> {
        self.supervisor.meltdown()
    }

    /// It and its tasks, at this moment: up to 100 of them. See [`Snapshot`].
    pub fn snapshot(&self) -> Snapshot {
        self.supervisor.snapshot()
    }

    /// What happens to it and to its tasks from now on, in a queue of this many events. See [`Events`].
    ///
    /// # Panics
    ///
    /// When `capacity` is 0.
    pub fn events(&self, capacity: usize) -> Events {
        self.supervisor.events(capacity)
    }

    /// Whether it is up.
    pub fn is_running(&self) -> bool {
        self.supervisor.is_running()
    }

    /// The id that it has as a child.
    pub fn id(&self) -> &ChildId {
        self.supervisor.id()
    }

    /// The supervisor as a child.
    pub fn child(&self) -> ChildRef {
        self.supervisor.child()
    }
}

impl From<&TaskSupervisorRef> for ChildRef {
    fn from(supervisor: &TaskSupervisorRef) -> Self {
        supervisor.child()
    }
}

//! The task supervisor before it is started.

use std::sync::Arc;
use std::time::Duration;

use super::reference::TaskSupervisorRef;
use crate::child::{Body, ChildId, ChildSpec, Published, Settings, Starter};
use crate::dynamic::{DynamicSupervisor, DynamicSupervisorRef};
use crate::error::StartError;
use crate::rules::Shutdown;
use crate::supervisor::{Subtree, Tree, sealed, start};

/// A supervisor of tasks: work that is done once, beside whoever wants it done.
///
/// | option | default |
/// |---|---|
/// | [`max_children`](Self::max_children) | no limit |
/// | [`shutdown`](Self::shutdown) | 5 seconds |
/// | [`budget`](Self::budget) | 3 restarts within 5 seconds; only for tasks that are restarted |
/// | [`grace`](Self::grace) | 1 second |
/// | [`id`](Self::id) | `task_supervisor` |
///
/// What a spawned tokio task does not have, these do: the program stops them in order, they are counted and bounded, and how
/// each of them ended is data.
///
/// ```
/// use supervisor::{TaskExit, TaskSupervisor};
///
/// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let tasks = TaskSupervisor::new().max_children(1_000).start().await?;
///
/// let sum = tasks.async_nolink(async { 40 + 2 })?;
/// assert_eq!(sum.await?, 42);
///
/// let broken = tasks.async_nolink(async { u32::from_str_radix("forty", 10).expect("a number") })?;
/// let Err(TaskExit::Exited(reason)) = broken.await else { panic!("it is no number") };
/// assert!(reason.to_string().contains("a number"));
/// # tasks.stop().await; Ok(()) }
/// ```
///
/// # When not to use it
///
/// For work that belongs to one child and must not outlive it: that child's [`TaskContext::spawn`](crate::TaskContext::spawn)
/// or [`Context::spawn`](crate::Context::spawn).
#[derive(Debug)]
#[must_use = "a supervisor does nothing until it is started"]
pub struct TaskSupervisor {
    supervisor: DynamicSupervisor,
    shutdown: Shutdown,
}

impl TaskSupervisor {
    /// A task supervisor without tasks.
    pub fn new() -> Self {
        Self {
            supervisor: DynamicSupervisor::new().id("task_supervisor"),
            shutdown: Shutdown::Timeout(Duration::from_secs(5)),
        }
    }

    /// What it is called.
    pub fn id(mut self, id: impl Into<ChildId>) -> Self {
        self.supervisor = self.supervisor.id(id);
        self
    }

    /// At most this many tasks at the same time. By default there is no limit.
    pub fn max_children(mut self, tasks: usize) -> Self {
        self.supervisor = self.supervisor.max_children(tasks);
        self
    }

    /// How long a task has to end when it is to stop, before it is aborted. By default 5 seconds.
    ///
    /// The future of a task is dropped at its next await, so only one that keeps its thread busy needs that time.
    pub fn shutdown(mut self, shutdown: Shutdown) -> Self {
        self.shutdown = shutdown;
        self
    }

    /// At most `restarts` automatic restarts within `period`, over all tasks that are restarted at all
    /// ([`start_restarted`](TaskSupervisorRef::start_restarted)); one more ends the supervisor. By default 3 within 5 seconds.
    pub fn budget(mut self, restarts: u32, period: Duration) -> Self {
        self.supervisor = self.supervisor.budget(restarts, period);
        self
    }

    /// How long it waits for tasks that were aborted before it counts them out as
    /// [`Abandoned`](crate::ExitReason::Abandoned). By default 1 second.
    pub fn grace(mut self, grace: Duration) -> Self {
        self.supervisor = self.supervisor.grace(grace);
        self
    }

    /// Starts it as the root of a tree.
    ///
    /// # Errors
    ///
    /// The period of its budget is zero.
    ///
    /// # Panics
    ///
    /// Outside of a tokio runtime.
    pub async fn start(self) -> Result<Tree<TaskSupervisorRef>, StartError> {
        start(ChildSpec::supervisor(self)).await
    }
}

impl Default for TaskSupervisor {
    fn default() -> Self {
        Self::new()
    }
}

impl Subtree for TaskSupervisor {
    type Ref = TaskSupervisorRef;
}

impl sealed::IntoBody for TaskSupervisor {
    type Handle = TaskSupervisorRef;

    fn into_parts(self) -> sealed::Parts<TaskSupervisorRef> {
        let parts = self.supervisor.into_parts();
        sealed::Parts {
            id: parts.id,
            body: Box::new(TaskSupervisorBody { inner: parts.body, shutdown: self.shutdown }),
        }
    }
}

/// A dynamic supervisor, seen as one of tasks.
struct TaskSupervisorBody {
    inner: Box<dyn Body<DynamicSupervisorRef>>,
    shutdown: Shutdown,
}

impl Body<TaskSupervisorRef> for TaskSupervisorBody {
    fn handle(&mut self, settings: &Settings) -> TaskSupervisorRef {
        TaskSupervisorRef::new(self.inner.handle(settings), self.shutdown)
    }

    fn assemble(self: Box<Self>, settings: &Settings, name: Option<Arc<dyn Published>>) -> Arc<dyn Starter> {
        self.inner.assemble(settings, name)
    }
}

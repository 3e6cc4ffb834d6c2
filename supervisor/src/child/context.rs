//! What a task child has around it.

use std::fmt;
use std::sync::Arc;

use registry::ProcessRef;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use super::id::ChildId;
use super::reference::ChildRef;
use super::scope::Scope;
use super::seat::Seat;

/// What a task child is given: when to stop, and a scope for tasks of its own.
///
/// It belongs to one incarnation and must not outlive it.
pub struct TaskContext {
    pub(super) seat: Arc<dyn Seat>,
    pub(super) incarnation: u32,
    pub(super) token: CancellationToken,
}

impl TaskContext {
    pub(crate) fn child(&self) -> ChildRef {
        ChildRef::new(Arc::clone(&self.seat))
    }

    /// Cancelled when the child is asked to stop.
    pub fn token(&self) -> CancellationToken {
        self.token.clone()
    }

    /// Waits until the child is asked to stop.
    ///
    /// # Cancel safety
    ///
    /// Nothing is lost when it is dropped; calling it again is the same.
    pub async fn stopped(&self) {
        self.token.cancelled().await;
    }

    /// Whether the child has been asked to stop.
    pub fn is_stopping(&self) -> bool {
        self.token.is_cancelled()
    }

    /// Spawns a task that belongs to this incarnation: it is aborted when the incarnation's own future ends, and only when it
    /// is gone, the incarnation is. Spawned after that, it never runs.
    pub fn spawn<F>(&self, future: F) -> JoinHandle<F::Output>
    where
        F: Future<Output: Send> + Send + 'static,
    {
        Scope::spawn(self.seat.core().scope(self.incarnation), future)
    }

    /// Says that it is ready: for a child that is to [say so](crate::ChildSpec::ready_on_signal). For others it means nothing, and
    /// so does saying it again.
    pub fn ready(&self) {
        self.seat.core().mark_ready(self.incarnation);
    }

    /// The process of this incarnation: what names can be registered for, and whose end others can await.
    pub fn process(&self) -> ProcessRef {
        self.seat.process(self.incarnation)
    }

    /// The child's id.
    pub fn id(&self) -> &ChildId {
        self.seat.core().id()
    }

    /// Which incarnation this is, counted from 1.
    pub fn incarnation(&self) -> u32 {
        self.incarnation
    }
}

impl fmt::Debug for TaskContext {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TaskContext")
            .field("id", self.id())
            .field("incarnation", &self.incarnation())
            .field("stopping", &self.is_stopping())
            .finish()
    }
}

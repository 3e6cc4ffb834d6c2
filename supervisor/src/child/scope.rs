//! The tasks that belong to an incarnation besides its own.

use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;

use parking_lot::Mutex;
use tokio::task::{AbortHandle, JoinHandle};
use tracing::Instrument;

use super::id::ChildId;
use super::life::End;

/// Everything that has to be dead before an incarnation is.
///
/// Each task holds its scope. The report of the incarnation's end is left in it, and goes out when the last one lets go.
pub(crate) struct Scope {
    child: ChildId,
    tasks: Mutex<Tasks>,
    end: Mutex<Option<End>>,
}

struct Tasks {
    open: bool,
    next: u64,
    /// Without a handle for the moment between the entry and the spawn.
    live: HashMap<u64, Option<AbortHandle>>,
}

impl Scope {
    pub(crate) fn new(child: ChildId) -> Self {
        Self { child, tasks: Mutex::new(Tasks { open: true, next: 0, live: HashMap::new() }), end: Mutex::new(None) }
    }

    /// Spawns a task that is aborted when the incarnation ends. Without a scope, or in one that is closed, it never runs.
    pub(crate) fn spawn<F>(scope: Option<Arc<Self>>, future: F) -> JoinHandle<F::Output>
    where
        F: Future<Output: Send> + Send + 'static,
    {
        let Some((scope, member)) = scope.and_then(|scope| Some((Arc::clone(&scope), scope.enter()?))) else {
            drop(future);
            let task = tokio::spawn(std::future::pending());
            task.abort();
            return task;
        };
        let id = member.id;
        let task = tokio::spawn(run(future, member).in_current_span());
        let closed = {
            let mut tasks = scope.tasks.lock();
            if let Some(place) = tasks.live.get_mut(&id) {
                *place = Some(task.abort_handle());
            }
            !tasks.open
        };
        if closed {
            task.abort();
        }
        task
    }

    fn enter(self: &Arc<Self>) -> Option<Member> {
        let mut tasks = self.tasks.lock();
        if !tasks.open {
            return None;
        }
        let id = tasks.next;
        tasks.next += 1;
        tasks.live.insert(id, None);
        Some(Member { id, scope: Arc::clone(self) })
    }

    /// Takes no more tasks, aborts those there are, and sends the report once they are gone.
    pub(crate) fn close(self: Arc<Self>, end: End) {
        *self.end.lock() = Some(end);
        let live: Vec<AbortHandle> = {
            let mut tasks = self.tasks.lock();
            tasks.open = false;
            tasks.live.values().flatten().cloned().collect()
        };
        for task in live {
            task.abort();
        }
    }
}

impl Drop for Scope {
    fn drop(&mut self) {
        if let Some(end) = self.end.get_mut().take() {
            end.deliver();
        }
    }
}

impl fmt::Debug for Scope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Scope").field("child", &self.child).finish_non_exhaustive()
    }
}

struct Member {
    id: u64,
    scope: Arc<Scope>,
}

impl Drop for Member {
    fn drop(&mut self) {
        if std::thread::panicking() {
            tracing::error!(child = %self.scope.child, "a task in the scope of a child panicked");
        }
        let gone = self.scope.tasks.lock().live.remove(&self.id);
        drop(gone);
    }
}

/// Drops the future before its membership, whether it was polled or not.
async fn run<F: Future>(future: F, _member: Member) -> F::Output {
    future.await
}

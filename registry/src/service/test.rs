//! Namespaces for tests: made by the thousand, seen by nobody else, gone with the test.

use std::fmt;
use std::ops::Deref;
use std::time::Duration;

use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::namespace::Namespace;
use crate::groups::GroupListing;
use crate::process::{IntoExitReason, ProcessRef};
use crate::sync::Mutex;
use crate::table::Listing;

/// A [`Namespace`] with a unique label that ends with this value.
///
/// Dropping it frees its names at once, cancels its [`token`](Self::token) and touches nothing else;
/// [`shutdown`](Self::shutdown) also waits for its tasks and tells what leaked.
///
/// ```
/// use std::time::Duration;
/// use registry::ServiceRegistry;
///
/// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), registry::Error> {
/// let registry = ServiceRegistry::new(); // or one that the whole suite shares
/// let ns = registry.test_namespace();
/// let stop = ns.token();
/// let worker = ns.spawn(async move { stop.cancelled().await });
/// ns.register_for(&worker, "worker", 7)?;
///
/// ns.shutdown(Duration::from_secs(1)).await.assert_no_leaks();
/// # Ok(()) }
/// ```
pub struct TestNamespace {
    namespace: Namespace,
    token: CancellationToken,
    tasks: Mutex<Vec<ProcessRef>>,
}

impl TestNamespace {
    pub(super) fn new(namespace: Namespace) -> Self {
        Self { namespace, token: CancellationToken::new(), tasks: Mutex::new(Vec::new()) }
    }

    /// Cancelled when the namespace ends: what its tasks are to watch.
    pub fn token(&self) -> CancellationToken {
        self.token.clone()
    }

    /// Spawns a task of this test, as [`spawn`](crate::spawn) does; [`shutdown`](Self::shutdown) waits for it.
    ///
    /// # Panics
    ///
    /// Outside of a tokio runtime.
    pub fn spawn<F>(&self, future: F) -> ProcessRef
    where
        F: Future<Output: IntoExitReason> + Send + 'static,
    {
        let process = crate::process::spawn(future);
        let mut tasks = self.tasks.lock();
        tasks.retain(ProcessRef::is_alive);
        tasks.push(process.clone());
        process
    }

    /// Cancels the token, waits at most `timeout` for the tasks to end, closes the namespace and tells what leaked: tasks
    /// that had not ended (they are aborted then) and names that were still held when the tasks had.
    ///
    /// # Cancel safety
    ///
    /// Dropping it is dropping the namespace.
    pub async fn shutdown(self, timeout: Duration) -> LeakReport {
        self.token.cancel();
        let deadline = Instant::now().checked_add(timeout);
        let tasks = std::mem::take(&mut *self.tasks.lock());
        let mut leaked = Vec::new();
        for task in tasks {
            let ended = match deadline {
                Some(deadline) => tokio::time::timeout_at(deadline, task.exited()).await.is_ok(),
                // Longer than the clock counts.
                None => !task.exited().await.as_str().is_empty(),
            };
            if !ended {
                leaked.push(task);
            }
        }
        let names = self.namespace.list();
        let groups = self.namespace.groups();
        for task in &leaked {
            task.kill();
        }
        LeakReport { namespace: self.namespace.name().to_owned(), tasks: leaked, names, groups }
    }
}

impl Deref for TestNamespace {
    type Target = Namespace;

    fn deref(&self) -> &Namespace {
        &self.namespace
    }
}

impl Drop for TestNamespace {
    fn drop(&mut self) {
        self.namespace.close();
        self.token.cancel();
    }
}

impl fmt::Debug for TestNamespace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TestNamespace").field("namespace", &self.namespace).finish_non_exhaustive()
    }
}

/// What a test left behind.
#[derive(Clone, Debug)]
#[must_use = "a leak that nobody looks at is a leak"]
#[non_exhaustive]
pub struct LeakReport {
    /// The label of the namespace.
    pub namespace: String,
    /// Tasks that had not ended in time.
    pub tasks: Vec<ProcessRef>,
    /// Names that were still held when the tasks had ended.
    pub names: Vec<Listing>,
    /// Groups that still had members then.
    pub groups: Vec<GroupListing>,
}

impl LeakReport {
    /// Whether nothing leaked.
    pub fn is_clean(&self) -> bool {
        self.tasks.is_empty() && self.names.is_empty() && self.groups.is_empty()
    }

    /// # Panics
    ///
    /// If anything leaked, with what it was.
    #[track_caller]
    pub fn assert_no_leaks(&self) {
        assert!(self.is_clean(), "{self}");
    }
}

impl fmt::Display for LeakReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.is_clean() {
            return write!(f, "nothing leaked from {}", self.namespace);
        }
        write!(f, "leaked from {}:", self.namespace)?;
        for task in &self.tasks {
            write!(f, " task {} still running;", task.id())?;
        }
        for group in &self.groups {
            write!(f, " group {} still with {} members;", group.name, group.members)?;
        }
        for name in &self.names {
            write!(f, " name {} still {} by {};", name.name, name.state, name.holder)?;
        }
        Ok(())
    }
}

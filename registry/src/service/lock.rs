//! Named locks.

use std::fmt;
use std::time::Duration;

use tokio::sync::{OwnedSemaphorePermit, TryAcquireError};

use super::namespace::Namespace;
use crate::error::{NameProblem, WaitError};
use crate::table::SlotRef;

/// Holds a named lock as long as it exists: move it into the task that works under it, and its end frees the lock,
/// whatever ended it.
///
/// It has its own life, not that of its namespace: closing the namespace refuses and ends the waits for the lock, and
/// leaves the one who holds it alone. The lock of the same name in a new namespace of the same name is another one.
#[must_use = "the lock is freed when this is dropped"]
pub struct LockGuard {
    name: Box<str>,
    /// Dropped first: the next one in line gets the lock while the slot is still there.
    _permit: OwnedSemaphorePermit,
    _slot: SlotRef,
}

impl LockGuard {
    /// The name of the lock.
    pub fn name(&self) -> &str {
        &self.name
    }
}

impl fmt::Debug for LockGuard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LockGuard").field("name", &self.name).finish_non_exhaustive()
    }
}

impl Namespace {
    /// Takes the lock of this name, in the order of asking. Locks and services of the same name have nothing to do with
    /// each other.
    ///
    /// # Errors
    ///
    /// The time ran out, the namespace is or was closed, the name is invalid.
    ///
    /// # Cancel safety
    ///
    /// Dropping it gives up the place in the line and leaves nothing behind.
    ///
    /// ```
    /// use std::time::Duration;
    /// use registry::ServiceRegistry;
    ///
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), registry::Error> {
    /// let production = ServiceRegistry::new().namespace("production")?;
    /// let migrating = production.lock("migrations", Duration::from_secs(5)).await?;
    /// assert!(production.try_lock("migrations").is_none());
    /// drop(migrating);
    /// assert!(production.try_lock("migrations").is_some());
    /// # Ok(()) }
    /// ```
    pub async fn lock(&self, name: &str, timeout: Duration) -> Result<LockGuard, WaitError> {
        if let Some(problem) = NameProblem::of(name) {
            return Err(WaitError::InvalidName { at: self.scope.subject(name), problem });
        }
        let slot = self.processes.slot(&self.scope, name);
        let closed = || self.is_closed().then(|| WaitError::NamespaceClosed { at: self.scope.subject(name) });
        if let Some(error) = closed() {
            return Err(error);
        }
        let acquire = slot.lock().acquire_owned();
        let permit = tokio::select! {
            biased;
            permit = acquire => permit.ok(),
            outcome = self.processes.wait(&self.scope, name, timeout, closed) => return Err(outcome.unwrap_or_else(|timeout| timeout)),
        };
        let Some(permit) = permit else { unreachable!("the semaphore is never closed") };
        // Closed while it was freed.
        if let Some(error) = closed() {
            return Err(error);
        }
        Ok(LockGuard { name: name.into(), _permit: permit, _slot: slot })
    }

    /// Takes the lock of this name if it is free; `None` if it is held, the namespace is closed or the name is invalid.
    pub fn try_lock(&self, name: &str) -> Option<LockGuard> {
        if NameProblem::of(name).is_some() || self.is_closed() {
            return None;
        }
        let slot = self.processes.slot(&self.scope, name);
        match slot.lock().try_acquire_owned() {
            Ok(permit) => Some(LockGuard { name: name.into(), _permit: permit, _slot: slot }),
            Err(TryAcquireError::NoPermits | TryAcquireError::Closed) => None,
        }
    }
}

//! What holds a name without being a process: a guard for one registration, a reservation for many.

use std::fmt;
use std::marker::PhantomData;

use super::registry::refusal;
use crate::error::RegisterError;
use crate::process::{ProcessId, ProcessRef, RegistrationId};
use crate::table::{Claimed, EntryRef, UnregisterReason, release};
use crate::telemetry::{Event, RegisterResult};

/// Holds a name as long as it exists.
///
/// Move it into the task that serves the name: however the task ends, the guard is dropped and the name is free before
/// the drop returns. A guard of an earlier registration never frees a later one's name.
#[must_use = "the name is freed when this is dropped"]
pub struct Registration {
    entry: EntryRef,
    id: RegistrationId,
}

impl Registration {
    pub(super) fn new(claimed: Claimed) -> Self {
        Self { entry: claimed.entry, id: claimed.id }
    }

    /// The id of this registration, never used again.
    pub fn id(&self) -> RegistrationId {
        self.id
    }

    /// The id that stands for the holder of this guard.
    pub fn holder(&self) -> ProcessId {
        self.entry.owner_id()
    }

    /// The registered name.
    pub fn name(&self) -> &str {
        self.entry.name()
    }

    /// Hides the name from lookups while it stays held, so that callers leave before the service does.
    pub fn drain(&self) {
        if let Some(table) = self.entry.scope().table() {
            table.drain(&self.entry, Some(self.id));
        }
    }
}

impl Drop for Registration {
    fn drop(&mut self) {
        release(&self.entry, Some(self.id), UnregisterReason::Dropped);
    }
}

impl fmt::Debug for Registration {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Registration").field("name", &self.name()).field("id", &self.id).finish_non_exhaustive()
    }
}

/// Holds a name over several incarnations of what it stands for: what a supervisor keeps for its child.
///
/// While nothing is published, lookups answer Starting or Restarting, waits and references go on, and nobody else can
/// take the name. A published process that ends leaves the name reserved. Dropping this frees it.
///
/// ```
/// use registry::{ExitReason, LookupError, Process, ServiceRegistry};
///
/// let production = ServiceRegistry::new().namespace("production")?;
/// let name = production.reserve::<u32>("counter")?;
/// assert!(matches!(production.lookup::<u32>("counter"), Err(LookupError::Starting { .. })));
///
/// let first = Process::new();
/// name.publish(&first.reference(), 1)?;
/// assert_eq!(production.lookup::<u32>("counter")?, 1);
/// first.end(ExitReason::Killed);
/// assert!(matches!(production.lookup::<u32>("counter"), Err(LookupError::Restarting { .. })));
/// # Ok::<(), registry::Error>(())
/// ```
#[must_use = "the name is freed when this is dropped"]
pub struct Reservation<T> {
    entry: EntryRef,
    value: PhantomData<fn(T) -> T>,
}

impl<T: Send + Sync + 'static> Reservation<T> {
    pub(super) fn new(claimed: Claimed) -> Self {
        Self { entry: claimed.entry, value: PhantomData }
    }

    /// The reserved name.
    pub fn name(&self) -> &str {
        self.entry.name()
    }

    /// Publishes a value for a process: lookups find it until the process ends, and then the name is reserved again.
    ///
    /// # Errors
    ///
    /// The process has ended, another one is published, the namespace (or the registry) is closed; the value comes back
    /// in the error.
    pub fn publish(&self, process: &ProcessRef, value: T) -> Result<RegistrationId, RegisterError<T>> {
        let published = match self.entry.scope().table() {
            Some(table) => table.publish(&self.entry, process, value),
            None => Err((crate::table::Refused::Closed, value)),
        };
        let (scope, name) = (self.entry.scope(), self.entry.name());
        let published = published.map_err(|(refused, value)| {
            let (result, refusal) = refusal(scope, name, process.id(), refused);
            (result, RegisterError::new(refusal, value))
        });
        let result = published.as_ref().map_or_else(|(result, _)| *result, |_| RegisterResult::Registered);
        if let Some(table) = scope.table() {
            table.telemetry().record(scope, name, Event::Register(result), None);
        }
        published.map_err(|(_, error)| error)
    }

    /// Hides the published value from lookups while its process goes on; `false` if none was published.
    pub fn drain(&self) -> bool {
        self.entry.scope().table().is_some_and(|table| table.drain(&self.entry, None))
    }
}

impl<T> Drop for Reservation<T> {
    fn drop(&mut self) {
        release(&self.entry, None, UnregisterReason::Dropped);
    }
}

impl<T> fmt::Debug for Reservation<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Reservation").field("name", &self.entry.name()).finish_non_exhaustive()
    }
}

//! Several names at once, or none of them.

use std::fmt;

use super::registry::ProcessRegistry;
use crate::error::{Error, NameProblem, RegisterRefusal};
use crate::process::{ProcessRef, RegistrationId};
use crate::table::{Entry, EntryRef, Key, Scope};
use crate::telemetry::RegisterResult;

/// Names and values that one process is to register together.
///
/// ```
/// use registry::{Process, ServiceRegistry};
///
/// let production = ServiceRegistry::new().namespace("production")?;
/// let process = Process::new();
/// let taken = production.register("b", 0_u8)?;
///
/// let batch = production.batch(&process.reference()).add("a", 1_u8).add("b", 2_u8);
/// let refused = batch.commit().unwrap_err();
/// assert_eq!(production.names(), ["b"], "all or nothing");
///
/// drop(taken);
/// refused.into_batch().commit()?;
/// assert_eq!(production.names(), ["a", "b"]);
/// # Ok::<(), registry::Error>(())
/// ```
#[must_use = "nothing is registered before `commit`"]
pub struct Batch {
    registry: ProcessRegistry,
    scope: Scope,
    process: ProcessRef,
    entries: Vec<EntryRef>,
}

impl Batch {
    pub(crate) fn new(registry: &ProcessRegistry, scope: &Scope, process: &ProcessRef) -> Self {
        Self { registry: registry.clone(), scope: scope.clone(), process: process.clone(), entries: Vec::new() }
    }

    /// Adds a name and its value.
    pub fn add<T: Send + Sync + 'static>(mut self, name: &str, value: T) -> Self {
        self.entries.push(Entry::new(Key { scope: &self.scope, name }, Some(value)));
        self
    }

    /// Registers all of them, in one step for other writers, with ids in the order of the adding.
    ///
    /// # Errors
    ///
    /// The first name that cannot be registered (taken, twice in the batch, invalid; process ended, namespace closed);
    /// then none is, and the batch comes back in the error.
    ///
    /// # Panics
    ///
    /// When the scope is one of another registry.
    pub fn commit(self) -> Result<Vec<RegistrationId>, BatchError> {
        self.registry.check(&self.scope);
        let invalid = self.entries.iter().find_map(|entry| Some((entry.name(), NameProblem::of(entry.name())?)));
        if let Some((name, problem)) = invalid {
            self.registry.record(&self.scope, name, RegisterResult::InvalidName);
            let refusal = RegisterRefusal::InvalidName { at: self.scope.subject(name), problem };
            return Err(BatchError { refusal: Box::new(refusal), batch: self });
        }
        match self.registry.0.table.claim_all(&self.scope, &self.process, &self.entries) {
            Ok(ids) => {
                for entry in &self.entries {
                    self.registry.record(&self.scope, entry.name(), RegisterResult::Registered);
                }
                Ok(ids)
            }
            Err((at, refused)) => {
                let name = self.entries.get(at).map_or("", |entry| entry.name());
                let refusal = self.registry.refusal(&self.scope, name, self.process.id(), refused);
                Err(BatchError { refusal: Box::new(refusal), batch: self })
            }
        }
    }
}

impl fmt::Debug for Batch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: Vec<_> = self.entries.iter().map(|entry| entry.name()).collect();
        f.debug_struct("Batch").field("scope", &self.scope.name()).field("names", &names).finish_non_exhaustive()
    }
}

/// A refused batch: the name that could not be registered, and the batch.
#[derive(Debug, thiserror::Error)]
#[error("nothing of the batch was registered: {refusal}")]
pub struct BatchError {
    refusal: Box<RegisterRefusal>,
    batch: Batch,
}

impl BatchError {
    /// The first name that was refused, and why.
    pub fn refusal(&self) -> &RegisterRefusal {
        &self.refusal
    }

    /// The batch, unchanged.
    pub fn into_batch(self) -> Batch {
        self.batch
    }
}

impl From<BatchError> for Error {
    fn from(error: BatchError) -> Self {
        (*error.refusal).into()
    }
}

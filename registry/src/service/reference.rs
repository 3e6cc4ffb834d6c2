//! References that outlive what they refer to.

use std::fmt;
use std::time::Duration;

use super::namespace::Namespace;
use crate::error::{LookupError, WaitError};
use crate::table::SlotRef;

/// A reference to a service by name, that follows it over restarts.
///
/// It resolves when it is used for the first time and keeps the handle; from then on [`get`](Self::get) costs one
/// comparison until the name changes hands. It keeps a clone of the last handle until it is used again or dropped.
///
/// ```
/// use registry::{ExitReason, Process, Service, ServiceRegistry};
///
/// const CONFIG: Service<&str> = Service::new("config");
/// let production = ServiceRegistry::new().namespace("production")?;
/// let mut config = production.reference(CONFIG);
/// assert!(config.get().is_err(), "nobody has it yet");
///
/// let first = Process::new();
/// production.register_for(&first.reference(), CONFIG, "first")?;
/// assert_eq!(*config.get()?, "first");
///
/// first.end(ExitReason::Killed);
/// assert!(config.get().is_err());
///
/// let _second = production.register(CONFIG, "second")?;
/// assert_eq!(*config.get()?, "second");
/// # Ok::<(), registry::Error>(())
/// ```
pub struct ServiceRef<T> {
    namespace: Namespace,
    name: Box<str>,
    slot: SlotRef,
    /// The handle, and the generation it was read in. A generation is never 0.
    seen: u64,
    handle: Option<T>,
}

impl<T: Clone + Send + Sync + 'static> ServiceRef<T> {
    pub(super) fn new(namespace: &Namespace, name: &str) -> Self {
        let slot = namespace.processes.slot(&namespace.scope, name);
        Self { namespace: namespace.clone(), name: name.into(), slot, seen: 0, handle: None }
    }

    /// The name it refers to.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The handle of the present incarnation.
    ///
    /// # Errors
    ///
    /// There is none now: see [`LookupError`] for whether one is to be expected.
    pub fn get(&mut self) -> Result<&T, LookupError> {
        let generation = self.slot.generation();
        if generation != self.seen {
            self.resolve(generation)?;
        }
        match &self.handle {
            Some(handle) => Ok(handle),
            None => unreachable!("a generation is seen with a handle"),
        }
    }

    #[cold]
    fn resolve(&mut self, generation: u64) -> Result<(), LookupError> {
        // First forgotten: on an error the next call looks again, and nothing keeps the old handle alive.
        self.seen = 0;
        self.handle = None;
        self.handle = Some(self.namespace.processes.lookup(&self.namespace.scope, &self.name)?);
        self.seen = generation;
        Ok(())
    }

    /// The handle of the present incarnation, or of the next one.
    ///
    /// # Errors
    ///
    /// The time ran out, the namespace is or was closed, the handle has another type, the name is invalid.
    ///
    /// # Cancel safety
    ///
    /// Dropping it leaves nothing behind.
    pub async fn wait(&mut self, timeout: Duration) -> Result<&T, WaitError> {
        let generation = self.slot.generation();
        if generation != self.seen {
            self.seen = 0;
            self.handle = None;
            let Namespace { processes, scope } = &self.namespace;
            let before = self.slot.generation();
            let found = processes.wait_for(scope, &self.name, timeout).await?;
            self.handle = Some(found);
            // What came between the two is looked at by the next call.
            self.seen = before;
        }
        match &self.handle {
            Some(handle) => Ok(handle),
            None => unreachable!("a generation is seen with a handle"),
        }
    }
}

impl<T: Clone> Clone for ServiceRef<T> {
    fn clone(&self) -> Self {
        Self {
            namespace: self.namespace.clone(),
            name: self.name.clone(),
            slot: self.slot.clone(),
            seen: self.seen,
            handle: self.handle.clone(),
        }
    }
}

impl<T> fmt::Debug for ServiceRef<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ServiceRef")
            .field("namespace", &self.namespace.name())
            .field("name", &self.name)
            .field("resolved", &self.handle.is_some())
            .finish_non_exhaustive()
    }
}

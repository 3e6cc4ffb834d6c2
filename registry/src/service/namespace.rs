//! One namespace: the handle that most code works with.
#![allow(
    clippy::needless_pass_by_value,
    reason = "a key is a constant or a borrowed string; taking it by value reads best"
)]

use std::fmt;
use std::time::Duration;

use super::key::ServiceKey;
use super::reference::ServiceRef;
use crate::error::{LookupError, RegisterError, ReserveError, TransferError, UnregisterError, WaitError};
use crate::names::{Batch, Ensured, ProcessRegistry, Registration, Reservation};
use crate::process::{ProcessId, ProcessRef, RegistrationId};
use crate::table::{Listing, NamespaceClass, Scope};

/// A namespace of a registry. The same name in two namespaces is two services.
///
/// Wherever a service is asked for, it is a [`Service<T>`](super::Service) constant or a string, with the type of the
/// handle said at the call: `namespace.lookup::<RoomRef>("room:7")`.
///
/// A clone is the same namespace; it keeps the registry alive.
#[derive(Clone)]
pub struct Namespace {
    pub(crate) processes: ProcessRegistry,
    pub(crate) scope: Scope,
}

impl Namespace {
    pub(super) fn new(processes: &ProcessRegistry, scope: Scope) -> Self {
        Self { processes: processes.clone(), scope }
    }

    /// Its name, or the unique label of a test namespace.
    pub fn name(&self) -> &str {
        self.scope.name()
    }

    /// What it is for.
    pub fn class(&self) -> NamespaceClass {
        self.scope.class()
    }

    /// Registers a handle under a name that is held by the returned guard: move it into the task that serves the name.
    ///
    /// # Errors
    ///
    /// Name taken or invalid, namespace closed; the handle comes back in the error.
    ///
    /// ```
    /// use registry::{RegisterRefusal, Service, ServiceRegistry};
    ///
    /// const GREETING: Service<&str> = Service::new("greeting");
    /// let production = ServiceRegistry::new().namespace("production")?;
    ///
    /// let registration = production.register(GREETING, "hello")?;
    /// let taken = production.register(GREETING, "hi").unwrap_err();
    /// assert!(matches!(taken.refusal(), RegisterRefusal::Taken { .. }));
    /// assert_eq!(taken.into_handle(), "hi");
    ///
    /// drop(registration);
    /// assert!(production.register(GREETING, "hi").is_ok());
    /// # Ok::<(), registry::Error>(())
    /// ```
    pub fn register<T: Send + Sync + 'static>(
        &self,
        service: impl ServiceKey<T>,
        handle: T,
    ) -> Result<Registration, RegisterError<T>> {
        self.processes.register(&self.scope, service.name(), handle)
    }

    /// Registers a handle under a name that is held by a process, until it ends.
    ///
    /// # Errors
    ///
    /// Name taken (also by the same process) or invalid, process ended, namespace closed; the handle comes back in the
    /// error.
    pub fn register_for<T: Send + Sync + 'static>(
        &self,
        process: &ProcessRef,
        service: impl ServiceKey<T>,
        handle: T,
    ) -> Result<RegistrationId, RegisterError<T>> {
        self.processes.register_for(&self.scope, service.name(), process, handle)
    }

    /// As [`register_for`](Self::register_for), but a name that the process holds already gets the new handle.
    ///
    /// # Errors
    ///
    /// Those of `register_for`; a handle of another type than the name has now is refused.
    pub fn ensure_for<T: Send + Sync + 'static>(
        &self,
        process: &ProcessRef,
        service: impl ServiceKey<T>,
        handle: T,
    ) -> Result<Ensured, RegisterError<T>> {
        self.processes.ensure_for(&self.scope, service.name(), process, handle)
    }

    /// Takes a name without a handle, to be published for one process after the other.
    ///
    /// # Errors
    ///
    /// Name taken or invalid, namespace closed.
    pub fn reserve<T: Send + Sync + 'static>(
        &self,
        service: impl ServiceKey<T>,
    ) -> Result<Reservation<T>, ReserveError> {
        self.processes.reserve(&self.scope, service.name())
    }

    /// Several registrations for one process, all or none.
    pub fn batch(&self, process: &ProcessRef) -> Batch {
        self.processes.batch(&self.scope, process)
    }

    /// Frees a name that the process holds; `false` if nobody held it.
    ///
    /// # Errors
    ///
    /// [`NotOwner`](UnregisterError::NotOwner) when another process holds it; nothing is changed then.
    pub fn unregister(&self, process: &ProcessRef, service: &str) -> Result<bool, UnregisterError> {
        self.processes.unregister(&self.scope, service, process)
    }

    /// Hands a name from one process to another, in one step: no lookup finds it absent.
    ///
    /// # Errors
    ///
    /// No such name, not held by `from`, `to` has ended; nothing is changed then.
    pub fn transfer(&self, service: &str, from: &ProcessRef, to: &ProcessRef) -> Result<RegistrationId, TransferError> {
        self.processes.transfer(&self.scope, service, from, to)
    }

    /// A clone of the handle registered under a name.
    ///
    /// # Errors
    ///
    /// Nothing ready under this name, or a handle of another type.
    pub fn lookup<T: Clone + Send + Sync + 'static>(&self, service: impl ServiceKey<T>) -> Result<T, LookupError> {
        self.processes.lookup(&self.scope, service.name())
    }

    /// Calls `f` with the handle registered under a name: no clone, so two threads do not meet at its reference count.
    ///
    /// `f` runs outside of every lock and may use the registry. A handle that is removed while it runs is dropped when it
    /// returns; the memory of removed entries, of this and of other names, is kept meanwhile: keep it short.
    ///
    /// # Errors
    ///
    /// Nothing ready under this name, or a handle of another type.
    pub fn with<T: Send + Sync + 'static, R>(
        &self,
        service: impl ServiceKey<T>,
        f: impl FnOnce(&T) -> R,
    ) -> Result<R, LookupError> {
        self.processes.with(&self.scope, service.name(), f)
    }

    /// [`with`](Self::with) without its count, to measure what counting costs.
    #[doc(hidden)]
    pub fn with_uncounted<T: Send + Sync + 'static, R>(
        &self,
        service: impl ServiceKey<T>,
        f: impl FnOnce(&T) -> R,
    ) -> Option<R> {
        self.processes.with_uncounted(&self.scope, service.name(), f)
    }

    /// Which process a name belongs to; `None` unless it is ready. The fastest question.
    pub fn whereis(&self, service: &str) -> Option<ProcessId> {
        self.processes.whereis(&self.scope, service)
    }

    /// [`whereis`](Self::whereis) without its count, to measure what counting costs.
    #[doc(hidden)]
    pub fn whereis_uncounted(&self, service: &str) -> Option<ProcessId> {
        self.processes.whereis_uncounted(&self.scope, service)
    }

    /// A reference that resolves when it is first used, and again after each restart.
    pub fn reference<T: Clone + Send + Sync + 'static>(&self, service: impl ServiceKey<T>) -> ServiceRef<T> {
        ServiceRef::new(self, service.name())
    }

    /// Waits until a service is there, and gives a clone of its handle: at once and without suspending if it is.
    ///
    /// A holder that ends meanwhile does not end the wait: it goes on to the successor. Waiters are woken by the
    /// registration; nothing polls.
    ///
    /// # Errors
    ///
    /// The time ran out, the namespace is or was closed, the handle has another type, the name is invalid.
    ///
    /// # Cancel safety
    ///
    /// Dropping it, or its running out of time, leaves nothing behind.
    ///
    /// ```
    /// use std::time::Duration;
    /// use registry::{Service, ServiceRegistry};
    ///
    /// const CONFIG: Service<&str> = Service::new("config");
    ///
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), registry::Error> {
    /// let production = ServiceRegistry::new().namespace("production")?;
    /// let late = production.clone();
    /// tokio::spawn(async move {
    ///     let _registration = late.register(CONFIG, "port = 80");
    ///     std::future::pending::<()>().await;
    /// });
    /// assert_eq!(production.wait_for(CONFIG, Duration::from_secs(5)).await?, "port = 80");
    /// # Ok(()) }
    /// ```
    pub async fn wait_for<T: Clone + Send + Sync + 'static>(
        &self,
        service: impl ServiceKey<T>,
        timeout: Duration,
    ) -> Result<T, WaitError> {
        self.processes.wait_for(&self.scope, service.name(), timeout).await
    }

    /// The names that can be looked up, sorted.
    pub fn names(&self) -> Vec<String> {
        self.scope.subject("").available()
    }

    /// Everything that is held here, reserved names included, sorted by name.
    pub fn list(&self) -> Vec<Listing> {
        self.processes.list_scope(&self.scope)
    }

    /// How many names are held here, reserved ones included.
    pub fn count(&self) -> usize {
        self.scope.count()
    }

    /// Closes it: its names and memberships are freed, its waiters told, later registrations refused. When this returns it is empty.
    /// Closing it again does nothing.
    ///
    /// It takes the time of its own names, waiters and references, whatever else the registry holds. A named namespace that
    /// held more than 32 names at once in one of the write partitions looks at every name of the registry instead.
    pub fn close(&self) {
        self.processes.close(&self.scope);
    }

    /// Whether it was closed; it never opens again.
    pub fn is_closed(&self) -> bool {
        self.scope.is_closed()
    }
}

impl fmt::Debug for Namespace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Namespace")
            .field("name", &self.name())
            .field("class", &self.class())
            .field("count", &self.count())
            .finish_non_exhaustive()
    }
}

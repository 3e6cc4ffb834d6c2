//! Taking, keeping and giving up names.

use std::fmt;
use std::num::NonZeroUsize;
use std::sync::Arc;
use std::sync::atomic::AtomicU32;
use std::sync::atomic::Ordering::Relaxed;

use dashmap::DashMap;

use super::guard::{Registration, Reservation};
use super::metadata::Metadata;
use crate::error::{
    NameProblem, NamespaceError, RegisterError, RegisterRefusal, ReserveError, TransferError, UnregisterError,
    UpdateError,
};
use crate::groups::Groups;
use crate::health::{Limit, Roster};
use crate::process::{ProcessId, ProcessRef, RegistrationId};
use crate::table::{Claim, Key, NamespaceClass, Owner, Refused, Scope, Table, Unchanged};
use crate::telemetry::{Event, RegisterResult};

/// Unique names, in scopes, held by processes or by guards.
///
/// This is the mechanism below [`ServiceRegistry`](crate::ServiceRegistry), whose [`Namespace`](crate::Namespace)s are
/// what programs register and look up with; here are the same operations by [`Scope`] and name, and the questions over
/// all scopes: [`keys`](Self::keys), [`count`](Self::count), [`list`](Self::list), [`stats`](Self::stats).
///
/// A clone is the same registry. It lives as long as any clone does; whoever made the first one does not matter.
///
/// ```
/// use registry::{Process, ProcessRegistry};
///
/// let registry = ProcessRegistry::new();
/// let production = registry.scope("production")?;
/// let worker = Process::new();
/// registry.register_for(&production, "worker", &worker.reference(), 7_u32)?;
///
/// assert_eq!(registry.whereis(&production, "worker"), Some(worker.id()));
/// assert_eq!(registry.keys(&worker.reference()), [("production".into(), "worker".into())]);
/// drop(worker);
/// assert_eq!(registry.count(), 0);
/// # Ok::<(), registry::Error>(())
/// ```
#[derive(Clone)]
pub struct ProcessRegistry(pub(super) Arc<Shared>);

pub(super) struct Shared {
    /// Before the table, which counts what leaves them: fields are dropped in this order.
    pub(super) groups: Arc<Groups>,
    pub(super) table: Arc<Table>,
    /// The open namespaces that have a name.
    pub(super) scopes: DashMap<Box<str>, Scope, foldhash::fast::RandomState>,
    next_scope: AtomicU32,
    pub(super) metadata: Metadata,
    pub(super) roster: Roster,
    pub(super) checkups: Arc<Limit>,
}

/// Write partitions for each core.
const PER_CORE: NonZeroUsize = NonZeroUsize::new(4).unwrap();
/// A namespace has a cache line for each partition: from here on one for each core is enough.
const MANY: NonZeroUsize = NonZeroUsize::new(64).unwrap();

/// What [`ensure_for`](ProcessRegistry::ensure_for) did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Ensured {
    /// The name was free and is the process's now.
    Registered(RegistrationId),
    /// The process held the name already; its value was replaced.
    Updated(RegistrationId),
}

impl ProcessRegistry {
    /// A registry with four write partitions for each core of the machine, or 64 if that is fewer; with more than 64
    /// cores one for each. With as many as threads, two that register at once would meet in one every other time.
    pub fn new() -> Self {
        let cores = std::thread::available_parallelism().unwrap_or(NonZeroUsize::MIN);
        Self::with_partitions(cores.saturating_mul(PER_CORE).min(MANY).max(cores))
    }

    /// A registry with this many write partitions. Two registrations contend only within one of them; lookups never do.
    pub fn with_partitions(partitions: NonZeroUsize) -> Self {
        Self(Arc::new(Shared {
            table: Arc::new(Table::new(partitions)),
            groups: Arc::new(Groups::new(partitions)),
            scopes: DashMap::default(),
            next_scope: AtomicU32::new(0),
            metadata: Metadata::default(),
            roster: Roster::new(),
            checkups: Arc::new(Limit::new()),
        }))
    }

    /// The open scope of this name, made on first use.
    ///
    /// # Errors
    ///
    /// [`InvalidName`](NamespaceError::InvalidName) when it is empty, longer than 255 bytes or has control characters.
    pub fn scope(&self, name: &str) -> Result<Scope, NamespaceError> {
        if let Some(problem) = NameProblem::of(name) {
            return Err(NamespaceError::InvalidName { name: name.to_owned(), problem });
        }
        if let Some(scope) = self.0.scopes.get(name) {
            return Ok(scope.clone());
        }
        let class = if name == "production" { NamespaceClass::Production } else { NamespaceClass::Named };
        Ok(self.0.scopes.entry(name.into()).or_insert_with(|| self.new_scope(name, class)).clone())
    }

    /// A new scope of class [`Test`](NamespaceClass::Test) that no name leads to.
    pub fn test_scope(&self) -> Scope {
        let scope = self.new_scope("", NamespaceClass::Test);
        self.0.table.test_scope_opened();
        scope
    }

    fn new_scope(&self, name: &str, class: NamespaceClass) -> Scope {
        let id = self.0.next_scope.fetch_add(1, Relaxed);
        match class {
            NamespaceClass::Test => Scope::new(&self.0.table, id, format!("test-{id}"), class),
            _ => Scope::new(&self.0.table, id, name, class),
        }
    }

    /// Closes a scope: its names and memberships are freed, its waiters told, later registrations refused. Its name can be used for a new one.
    ///
    /// Closing it again does nothing.
    ///
    /// # Panics
    ///
    /// When the scope is one of another registry.
    pub fn close(&self, scope: &Scope) {
        self.check(scope);
        self.0.scopes.remove_if(scope.name(), |_, open| open.is(scope));
        self.0.table.close(scope);
        self.0.groups.close(scope);
    }

    /// Registers a value under a name that is held by the returned guard.
    ///
    /// # Errors
    ///
    /// Name taken or invalid, scope closed; the value comes back in the error.
    pub fn register<T: Send + Sync + 'static>(
        &self,
        scope: &Scope,
        name: &str,
        value: T,
    ) -> Result<Registration, RegisterError<T>> {
        let owner = Owner::Guard(ProcessId::next());
        let claimed = self.claim(Claim { scope, name, owner, reserved: false }, value)?;
        Ok(Registration::new(claimed))
    }

    /// Registers a value under a name that is held by a process, until it ends.
    ///
    /// # Errors
    ///
    /// Name taken (also by the same process) or invalid, process ended, scope closed; the value comes back in the error.
    pub fn register_for<T: Send + Sync + 'static>(
        &self,
        scope: &Scope,
        name: &str,
        process: &ProcessRef,
        value: T,
    ) -> Result<RegistrationId, RegisterError<T>> {
        let claim = Claim { scope, name, owner: Owner::Process(process), reserved: false };
        self.claim(claim, value).map(|claimed| claimed.id)
    }

    /// As [`register_for`](Self::register_for), but a name that the process holds already gets the new value.
    ///
    /// # Errors
    ///
    /// Those of `register_for`; a value of another type than the name has now is refused.
    pub fn ensure_for<T: Send + Sync + 'static>(
        &self,
        scope: &Scope,
        name: &str,
        process: &ProcessRef,
        value: T,
    ) -> Result<Ensured, RegisterError<T>> {
        let mut value = value;
        loop {
            match self.0.table.replace(Key { scope, name }, process.id(), value) {
                Ok(id) => {
                    self.record(scope, name, RegisterResult::Replaced);
                    return Ok(Ensured::Updated(id));
                }
                Err((Unchanged::WrongType { found }, value)) => {
                    self.record(scope, name, RegisterResult::TypeMismatch);
                    let expected = std::any::type_name::<T>();
                    let refusal = RegisterRefusal::TypeMismatch { at: scope.subject(name), expected, found };
                    return Err(RegisterError::new(refusal, value));
                }
                Err((_, back)) => match self.register_for(scope, name, process, back) {
                    Ok(id) => return Ok(Ensured::Registered(id)),
                    // Between the two looks somebody else registered on behalf of this process: the next look finds it.
                    Err(error) if error.is_held_by(process.id()) => value = error.into_handle(),
                    Err(error) => return Err(error),
                },
            }
        }
    }

    /// Takes a name without a value, to be published for one process after the other.
    ///
    /// # Errors
    ///
    /// Name taken or invalid, scope closed.
    pub fn reserve<T: Send + Sync + 'static>(&self, scope: &Scope, name: &str) -> Result<Reservation<T>, ReserveError> {
        let at = || scope.subject(name);
        if let Some(problem) = NameProblem::of(name) {
            return Err(ReserveError::InvalidName { at: at(), problem });
        }
        self.check(scope);
        let claim = Claim { scope, name, owner: Owner::Guard(ProcessId::next()), reserved: true };
        match self.0.table.claim::<T>(&claim, None) {
            Ok(claimed) => Ok(Reservation::new(claimed)),
            Err((Refused::Taken { holder, state }, _)) => Err(ReserveError::Taken { at: at(), holder, state }),
            Err((Refused::Closed | Refused::NotAlive, _)) => Err(ReserveError::NamespaceClosed { at: at() }),
        }
    }

    /// Replaces the value of a name that the process holds by what `f` makes of it; gives the new and the old one.
    ///
    /// `f` runs outside of every lock, again if the value was changed meanwhile by another thread of the holder.
    ///
    /// # Errors
    ///
    /// No such name, not held by the process, of another type; `f` does not run then.
    pub fn update<T: Clone + Send + Sync + 'static>(
        &self,
        scope: &Scope,
        name: &str,
        process: &ProcessRef,
        f: impl FnMut(&T) -> T,
    ) -> Result<(T, T), UpdateError> {
        let at = || scope.subject(name);
        self.0.table.update(Key { scope, name }, process.id(), f).map_err(|unchanged| match unchanged {
            Unchanged::Foreign { holder } => UpdateError::NotOwner { at: at(), holder },
            Unchanged::WrongType { found } => {
                UpdateError::TypeMismatch { at: at(), expected: std::any::type_name::<T>(), found }
            }
            Unchanged::Absent | Unchanged::NotAlive => UpdateError::NotFound { at: at() },
        })
    }

    /// Frees a name that the process holds; `false` if nobody held it.
    ///
    /// # Errors
    ///
    /// [`NotOwner`](UnregisterError::NotOwner) when another process holds it; nothing is changed then.
    pub fn unregister(&self, scope: &Scope, name: &str, process: &ProcessRef) -> Result<bool, UnregisterError> {
        match self.0.table.unregister(Key { scope, name }, process.id()) {
            Ok(()) => Ok(true),
            Err(Unchanged::Foreign { holder }) => Err(UnregisterError::NotOwner { at: scope.subject(name), holder }),
            Err(_) => Ok(false),
        }
    }

    /// Hands a name from one process to another, in one step: no lookup finds it absent.
    ///
    /// # Errors
    ///
    /// No such name, not held by `from`, `to` has ended; nothing is changed then.
    pub fn transfer(
        &self,
        scope: &Scope,
        name: &str,
        from: &ProcessRef,
        to: &ProcessRef,
    ) -> Result<RegistrationId, TransferError> {
        let at = || scope.subject(name);
        self.0.table.transfer(Key { scope, name }, from.id(), to).map_err(|unchanged| match unchanged {
            Unchanged::Foreign { holder } => TransferError::NotOwner { at: at(), holder },
            Unchanged::NotAlive => TransferError::NotAlive { at: at(), process: to.id() },
            _ => TransferError::NotFound { at: at() },
        })
    }

    pub(crate) fn groups(&self) -> &Arc<Groups> {
        &self.0.groups
    }

    pub(crate) fn table(&self) -> &Arc<Table> {
        &self.0.table
    }

    fn claim<T: Send + Sync + 'static>(
        &self,
        claim: Claim<'_>,
        value: T,
    ) -> Result<crate::table::Claimed, RegisterError<T>> {
        self.check(claim.scope);
        if let Some(problem) = NameProblem::of(claim.name) {
            self.record(claim.scope, claim.name, RegisterResult::InvalidName);
            let at = claim.scope.subject(claim.name);
            return Err(RegisterError::new(RegisterRefusal::InvalidName { at, problem }, value));
        }
        match self.0.table.claim(&claim, Some(value)) {
            Ok(claimed) => {
                self.record(claim.scope, claim.name, RegisterResult::Registered);
                tracing::debug!(
                    namespace = claim.scope.name(), service = claim.name, process = %claim.owner.id(), "registered"
                );
                Ok(claimed)
            }
            Err((refused, value)) => {
                let refusal = self.refusal(claim.scope, claim.name, claim.owner.id(), refused);
                let Some(value) = value else { unreachable!("a refused value comes back") };
                Err(RegisterError::new(refusal, value))
            }
        }
    }

    /// A scope that is not of this registry is a mistake of the program, and would make others wrong.
    ///
    /// # Panics
    ///
    /// Then.
    pub(super) fn check(&self, scope: &Scope) {
        let mine = Arc::as_ptr(&self.0.table).cast();
        assert!(scope.is_of(mine), "scope `{}` is one of another registry", scope.name());
    }

    /// Counts a refusal and says it.
    pub(super) fn refusal(&self, scope: &Scope, name: &str, process: ProcessId, refused: Refused) -> RegisterRefusal {
        let (result, refusal) = refusal(scope, name, process, refused);
        self.record(scope, name, result);
        tracing::debug!(namespace = scope.name(), service = name, result = result.label(), "registration refused");
        refusal
    }

    /// Counts a registration.
    pub(super) fn record(&self, scope: &Scope, name: &str, result: RegisterResult) {
        self.0.table.telemetry().record(scope, name, Event::Register(result), None);
    }
}

impl Default for ProcessRegistry {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for ProcessRegistry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ProcessRegistry").field("count", &self.0.table.index().len()).finish_non_exhaustive()
    }
}

pub(super) fn refusal(
    scope: &Scope,
    name: &str,
    process: ProcessId,
    refused: Refused,
) -> (RegisterResult, RegisterRefusal) {
    let at = scope.subject(name);
    match refused {
        Refused::Taken { holder, state } => (RegisterResult::Taken, RegisterRefusal::Taken { at, holder, state }),
        Refused::NotAlive => (RegisterResult::NotAlive, RegisterRefusal::NotAlive { at, process }),
        Refused::Closed => (RegisterResult::Closed, RegisterRefusal::NamespaceClosed { at }),
    }
}

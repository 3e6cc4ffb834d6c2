//! A process from its making to its end.

use std::fmt;
use std::hash::{Hash, Hasher};
use std::sync::atomic::Ordering::{AcqRel, Acquire, Release};
use std::sync::{Arc, OnceLock};

use tokio::sync::Notify;
use tokio::task::AbortHandle;

use super::bonds::Bonds;
use super::exit::ExitReason;
use super::identity::{ProcessId, RegistrationId};
use super::names::{Adopting, Names};
use super::panic::contain;
use crate::sync::{AtomicU8, Mutex};

/// Whatever can hold names and end: a task, a connection, a thread.
///
/// This is its life. [`spawn`](super::spawn) makes one for a tokio task and ends it with the task's future; for anything
/// else make it by hand, keep it as long as the thing lives, and [`end`](Self::end) it. Dropped without that, it ends as
/// [`ExitReason::Killed`].
///
/// It ends in this order: [`is_alive`](ProcessRef::is_alive) turns false, its names are freed and their waiters told,
/// [`exited`](ProcessRef::exited) resolves. So whoever has seen the end finds none of its names.
///
/// ```
/// use registry::{ExitReason, Process, ServiceRegistry};
///
/// let registry = ServiceRegistry::new();
/// let production = registry.namespace("production")?;
/// let connection = Process::new();
/// production.register_for(&connection.reference(), "connection:7", "10.0.0.7".to_owned())?;
/// assert_eq!(production.lookup::<String>("connection:7")?, "10.0.0.7");
///
/// connection.end(ExitReason::Normal);
/// assert!(production.lookup::<String>("connection:7").is_err());
/// # Ok::<(), registry::Error>(())
/// ```
#[derive(Debug)]
#[must_use = "a dropped process has ended"]
pub struct Process(ProcessRef);

/// A reference to a process, alive or not. Cheap to clone; it keeps nothing alive.
#[derive(Clone)]
pub struct ProcessRef(Arc<Inner>);

struct Inner {
    id: ProcessId,
    phase: AtomicU8,
    names: Mutex<Names>,
    bonds: Mutex<Bonds>,
    reason: OnceLock<ExitReason>,
    reach: OnceLock<Reach>,
    /// Why its task is aborted, if that is known.
    cause: OnceLock<Box<ExitReason>>,
    ended: Notify,
}

/// How a process hears of the ends of others.
enum Reach {
    /// It does not: it is aborted.
    Abort(AbortHandle),
    Trap(Trap),
}

type Trap = Box<dyn Fn(&ProcessRef, &ExitReason) + Send + Sync>;

const ALIVE: u8 = 0;
const ENDING: u8 = 1;
const ENDED: u8 = 2;

impl Process {
    /// A new process, alive until it is ended or dropped.
    pub fn new() -> Self {
        Self(ProcessRef(Arc::new(Inner {
            id: ProcessId::next(),
            phase: AtomicU8::new(ALIVE),
            names: Mutex::new(Names::default()),
            bonds: Mutex::new(Bonds::default()),
            reason: OnceLock::new(),
            reach: OnceLock::new(),
            cause: OnceLock::new(),
            ended: Notify::new(),
        })))
    }

    /// A new process that traps exits: `told` is called when one that it is [linked](ProcessRef::link) with has ended, with that
    /// process and the reason, which may be clean. Whether to end as well is up to it.
    ///
    /// It is called by whoever ends the other process, so it should only pass the news on. A panic in it is contained and logged.
    /// A process that it ends is told of when it has returned.
    ///
    /// ```
    /// use registry::{ExitReason, Process};
    ///
    /// let (news, ended) = std::sync::mpsc::channel();
    /// let thread = Process::trapping(move |process, reason| drop(news.send((process.id(), reason.clone()))));
    /// let connection = Process::new();
    /// thread.reference().link(&connection.reference());
    /// let id = connection.id();
    /// connection.end(ExitReason::error("reset by peer"));
    /// assert_eq!(ended.recv(), Ok((id, ExitReason::error("reset by peer"))));
    /// assert!(thread.reference().is_alive());
    /// ```
    pub fn trapping(told: impl Fn(&ProcessRef, &ExitReason) + Send + Sync + 'static) -> Self {
        let process = Self::new();
        // Nobody else has it yet.
        let _ = process.0.0.reach.set(Reach::Trap(Box::new(told)));
        process
    }

    /// Its id.
    pub fn id(&self) -> ProcessId {
        self.0.id()
    }

    /// A reference to it.
    pub fn reference(&self) -> ProcessRef {
        self.0.clone()
    }

    /// Ends it. When this returns, all of its names are free and [`exited`](ProcessRef::exited) has resolved.
    pub fn end(self, reason: ExitReason) {
        self.0.finish(reason);
    }

    /// What [`ProcessRef::kill`] aborts.
    pub(super) fn set_abort(process: &ProcessRef, abort: AbortHandle) {
        // Set once, by the one that spawned the task.
        let _ = process.0.reach.set(Reach::Abort(abort));
    }
}

impl Default for Process {
    fn default() -> Self {
        Self::new()
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let cause = self.0.0.cause.get().map(|cause| ExitReason::clone(cause));
        self.0.finish(cause.unwrap_or(ExitReason::Killed));
    }
}

impl ProcessRef {
    /// Its id.
    pub fn id(&self) -> ProcessId {
        self.0.id
    }

    /// Whether it has not begun to end.
    pub fn is_alive(&self) -> bool {
        self.0.phase.load(Acquire) == ALIVE
    }

    /// Why it ended; `None` until all of its names are freed.
    pub fn exit_reason(&self) -> Option<ExitReason> {
        (self.0.phase.load(Acquire) == ENDED).then(|| self.0.reason.get().cloned()).flatten()
    }

    /// Waits until it has ended: none of its names is found any more.
    ///
    /// # Cancel safety
    ///
    /// Nothing is lost when it is dropped; calling it again is the same.
    pub async fn exited(&self) -> ExitReason {
        loop {
            let ended = self.0.ended.notified();
            let mut ended = std::pin::pin!(ended);
            ended.as_mut().enable();
            if let Some(reason) = self.exit_reason() {
                return reason;
            }
            ended.await;
        }
    }

    /// Aborts the task that [`spawn`](super::spawn) made; await [`exited`](Self::exited) for the end. A task that has
    /// ended keeps its reason. `false` for a process made by hand: only its owner can end it.
    pub fn kill(&self) -> bool {
        match self.0.reach.get() {
            Some(Reach::Abort(abort)) => abort.abort(),
            Some(Reach::Trap(_)) | None => return false,
        }
        true
    }

    pub(super) fn bonds(&self) -> &Mutex<Bonds> {
        &self.0.bonds
    }

    /// Another one, that it is linked with, has ended.
    pub(super) fn signal(&self, other: &Self, reason: &ExitReason) {
        match self.0.reach.get() {
            Some(Reach::Trap(told)) => told(other, reason),
            Some(Reach::Abort(abort)) if !reason.is_clean() => {
                // Before the abort: the end must not be read without it.
                let _ = self.0.cause.set(Box::new(ExitReason::of_linked(other.id(), reason)));
                abort.abort();
            }
            Some(Reach::Abort(_)) | None => {}
        }
    }

    fn finish(&self, reason: ExitReason) {
        if self.0.phase.compare_exchange(ALIVE, ENDING, AcqRel, Acquire).is_err() {
            return;
        }
        let reason = self.0.reason.get_or_init(|| reason);
        let names = {
            let mut names = self.0.names.lock();
            names.closed = true;
            std::mem::take(&mut names.held)
        };
        for (id, held) in names {
            // Whatever goes wrong with one name, the others are freed and the end is told.
            contain("the release of a name", || held.release(id, reason));
        }
        self.0.phase.store(ENDED, Release);
        self.0.ended.notify_waiters();
        self.tell(reason);
    }

    /// Holds the process alive for the moment it takes to give it names; `None` when it has ended.
    pub(crate) fn adopting(&self) -> Option<Adopting<'_>> {
        let names = self.0.names.lock();
        (!names.closed && self.is_alive()).then_some(Adopting(names))
    }

    /// Takes back a name that it does not hold any more.
    pub(crate) fn forget(&self, id: RegistrationId) {
        let forgotten = self.0.names.lock().held.remove(&id);
        drop(forgotten);
    }

    /// Namespace and name of all that it holds in the table at this address.
    pub(crate) fn names_in(&self, table: *const ()) -> Vec<(String, String)> {
        let names = self.0.names.lock();
        let mine = names.held.values().filter(|held| held.is_of(table));
        mine.map(|held| (held.namespace().to_owned(), held.name().to_owned())).collect()
    }
}

/// No code of the user runs while its state changes, so a panic never leaves it half changed.
impl std::panic::UnwindSafe for ProcessRef {}
impl std::panic::RefUnwindSafe for ProcessRef {}

impl PartialEq for ProcessRef {
    fn eq(&self, other: &Self) -> bool {
        self.id() == other.id()
    }
}

impl Eq for ProcessRef {}

impl Hash for ProcessRef {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.id().hash(state);
    }
}

impl fmt::Debug for ProcessRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ProcessRef")
            .field("id", &self.id())
            .field("alive", &self.is_alive())
            .field("exit", &self.exit_reason())
            .finish()
    }
}

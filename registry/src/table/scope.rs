//! Namespaces as the table knows them.

use std::collections::HashMap;
use std::fmt;
use std::sync::atomic::AtomicUsize;
#[cfg(feature = "metrics")]
use std::sync::atomic::Ordering::Relaxed;
use std::sync::atomic::Ordering::{AcqRel, Acquire};
use std::sync::{Arc, Weak};

use super::entry::{Entry, EntryRef, ErasedCell, State};
use super::log::Log;
use super::tally::Tally;
use super::write::Table;
use crate::error::{Directory, Subject};
use crate::sync::{AtomicBool, Mutex};

/// What a namespace is for. Metrics have one series for each class, never one for each test namespace.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[non_exhaustive]
pub enum NamespaceClass {
    /// The namespace called `production`.
    Production,
    /// Any other namespace with a name.
    Named,
    /// A namespace made by [`ServiceRegistry::test_namespace`](crate::ServiceRegistry::test_namespace).
    Test,
}

impl NamespaceClass {
    /// Every class, in the order of their metric series.
    pub const ALL: [Self; 3] = [Self::Production, Self::Named, Self::Test];

    /// The value of the metric label `class`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Production => "production",
            Self::Named => "named",
            Self::Test => "test",
        }
    }
}

/// Entries by their address.
type Members = HashMap<usize, Weak<Entry<dyn ErasedCell>>, foldhash::fast::RandomState>;

/// An interned namespace: a number that keys are compared by, and whether it still takes names.
#[derive(Clone)]
pub struct Scope(Arc<Inner>);

/// On a cache line of its own.
#[derive(Default)]
#[repr(align(64))]
struct Count(AtomicUsize);

/// Apart from the reference counts, which change with each registration, while lookups read this.
#[repr(align(64))]
struct Inner {
    table: Weak<Table>,
    id: u32,
    name: Box<str>,
    class: NamespaceClass,
    closed: AtomicBool,
    /// By partition, written under its lock.
    tallies: Box<[Tally]>,
    waiting: Count,
    log: Log,
    /// Only test namespaces: they come and go by the thousand and must not pay for the whole registry when they close.
    members: Option<Mutex<Members>>,
}

impl Scope {
    pub(crate) fn new(table: &Arc<Table>, id: u32, name: impl Into<Box<str>>, class: NamespaceClass) -> Self {
        Self(Arc::new(Inner {
            table: Arc::downgrade(table),
            id,
            name: name.into(),
            class,
            closed: AtomicBool::new(false),
            tallies: (0..table.partitions().len()).map(|_| Tally::default()).collect(),
            waiting: Count::default(),
            log: Log::default(),
            members: (class == NamespaceClass::Test).then(|| Mutex::new(HashMap::default())),
        }))
    }

    #[inline]
    pub(crate) fn id(&self) -> u32 {
        self.0.id
    }

    /// Whether both are the same namespace.
    #[inline]
    pub(crate) fn is(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }

    /// What an error about a name in here carries along.
    pub(crate) fn subject(&self, service: &str) -> Subject {
        let directory: Arc<dyn Directory> = Arc::clone(&self.0) as _;
        Subject::new(directory, service)
    }

    /// The name, or the unique label of a test namespace.
    pub fn name(&self) -> &str {
        &self.0.name
    }

    /// What it is for.
    #[inline]
    pub fn class(&self) -> NamespaceClass {
        self.0.class
    }

    /// Whether it was closed; it never opens again.
    pub fn is_closed(&self) -> bool {
        self.0.closed.load(Acquire)
    }

    /// The number of names in it, reserved ones included.
    pub fn count(&self) -> usize {
        self.0.tallies.iter().map(Tally::count).sum()
    }

    /// The number of waits for a name in it.
    #[cfg(feature = "metrics")]
    pub(crate) fn waiters(&self) -> usize {
        self.0.waiting.0.load(Relaxed)
    }

    /// The number of its watchers.
    #[cfg(feature = "metrics")]
    pub(crate) fn watchers(&self) -> usize {
        self.0.log.watchers()
    }

    pub(super) fn waiting(&self) -> &AtomicUsize {
        &self.0.waiting.0
    }

    pub(super) fn log(&self) -> &Log {
        &self.0.log
    }

    pub(super) fn close(&self) -> bool {
        !self.0.closed.swap(true, AcqRel)
    }

    /// The table that it is of; `None` when the registry has ended.
    pub(crate) fn table(&self) -> Option<Arc<Table>> {
        self.0.table.upgrade()
    }

    /// Whether it is of the table at this address.
    pub(crate) fn is_of(&self, table: *const ()) -> bool {
        Weak::as_ptr(&self.0.table).cast() == table
    }

    /// Under the lock of the entry's partition.
    pub(super) fn entered(&self, entry: &EntryRef, partition: usize, hash: u64) {
        self.0.tallies[partition].enter(hash);
        if let Some(members) = &self.0.members {
            members.lock().insert(address(entry), Arc::downgrade(entry));
        }
    }

    /// Under the lock of the entry's partition.
    pub(super) fn left(&self, entry: &EntryRef, partition: usize, hash: u64) {
        self.0.tallies[partition].leave(hash);
        if let Some(members) = &self.0.members {
            members.lock().remove(&address(entry));
        }
    }

    /// How many entries a test namespace keeps track of.
    #[cfg(all(test, feature = "shuttle"))]
    pub(super) fn tracked(&self) -> usize {
        self.0.members.as_ref().map_or(0, |members| members.lock().len())
    }

    /// Its names in one partition, under that partition's lock.
    pub(super) fn tally(&self, partition: usize) -> &Tally {
        &self.0.tallies[partition]
    }

    /// See [`Inner::members`].
    pub(super) fn members(&self) -> Option<Vec<EntryRef>> {
        self.0.members()
    }
}

impl Inner {
    /// The entries of a test namespace; `None` for others, which are found by walking the index.
    fn members(&self) -> Option<Vec<EntryRef>> {
        let members = self.members.as_ref()?;
        Some(members.lock().values().filter_map(Weak::upgrade).collect())
    }
}

impl Directory for Inner {
    fn namespace(&self) -> &str {
        &self.name
    }

    fn names(&self) -> Vec<String> {
        let Some(table) = self.table.upgrade() else { return Vec::new() };
        let mut names = Vec::new();
        let mut note = |entry: &EntryRef| {
            if std::ptr::eq(&*entry.scope().0, self) && entry.status().state == State::Ready {
                names.push(entry.name().to_owned());
            }
        };
        match self.members() {
            Some(members) => members.iter().for_each(note),
            None => table.index().for_each(&mut note),
        }
        names.sort_unstable();
        names.dedup();
        names
    }
}

fn address(entry: &EntryRef) -> usize {
    Arc::as_ptr(entry).cast::<()>() as usize
}

impl fmt::Debug for Scope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Scope")
            .field("name", &self.name())
            .field("class", &self.class())
            .field("closed", &self.is_closed())
            .field("count", &self.count())
            .finish()
    }
}

//! The outside of a partition supervisor.

use std::fmt;
use std::hash::{BuildHasher, Hash};
use std::sync::{Arc, Weak};

use arc_swap::ArcSwap;
use foldhash::quality::FixedState;
use registry::ExitReason;

use super::plan::{Factory, Making};
use super::routes::Routes;
use crate::child::{ChildId, ChildRef, Meltdown, Spec};
use crate::error::{NotRunning, ResizeError, TerminateChildError};
use crate::supervisor::{ChildCount, ChildInfo, Roster, SupervisorRef};
use crate::tree::{Events, Snapshot};

/// What all references to a partition supervisor share.
pub(super) struct Shared<H> {
    pub(super) supervisor: SupervisorRef,
    /// What the next incarnation starts with; gone with the supervisor.
    pub(super) roster: Weak<Roster>,
    pub(super) routes: ArcSwap<Routes<H>>,
    /// Whose turn it is to resize.
    pub(super) turn: Arc<tokio::sync::Mutex<()>>,
    factory: Factory<H>,
    hasher: FixedState,
}

impl<H: Clone + Send + Sync + 'static> Shared<H> {
    pub(super) fn new(making: Making<H>, supervisor: SupervisorRef) -> Self {
        let Making { partitions, seed, factory, roster } = making;
        let mut handles = Vec::new();
        for index in 0..partitions {
            let (spec, handle) = factory(index).id(index.to_string()).assemble();
            roster.push(spec);
            handles.push(handle);
        }
        Self {
            supervisor,
            roster: Arc::downgrade(&roster),
            routes: ArcSwap::from_pointee(Routes { generation: 0, handles }),
            turn: Arc::default(),
            factory,
            hasher: FixedState::with_seed(seed),
        }
    }

    /// Runs the factory.
    pub(super) fn assemble(&self, index: usize) -> (Spec, H) {
        (self.factory)(index).id(index.to_string()).assemble()
    }
}

/// A reference to a partition supervisor, stable over its restarts. Cheap to clone; it keeps the factory, and nothing that
/// runs.
///
/// `H` is the handle of a partition.
pub struct PartitionSupervisorRef<H> {
    shared: Arc<Shared<H>>,
}

impl<H: Clone + Send + Sync + 'static> PartitionSupervisorRef<H> {
    pub(super) fn new(shared: Arc<Shared<H>>) -> Self {
        Self { shared }
    }

    /// The handle of the partition that this key belongs to, whether it is up or not.
    ///
    /// It takes no lock and waits for nothing. The handle is the same until there is another number of partitions, over
    /// restarts of the partition and of the supervisor; after a [`resize`](Self::resize), a handle from before may be that of
    /// a partition that the key has left, or that has gone: route again for each request, or when one is told `NotRunning`.
    ///
    /// Keys that are equal and hash the same have the same partition: a `String` and its `&str` do, 1_u32 and 1_u64 do not.
    ///
    /// ```
    /// use supervisor::{ChildSpec, PartitionSupervisor};
    ///
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let workers = PartitionSupervisor::new(|_| ChildSpec::task("worker", |cx| async move { cx.stopped().await }));
    /// let workers = workers.partitions(2).start().await?;
    /// let worker = workers.route(&42);
    /// assert!(worker == workers.partition(0).unwrap() || worker == workers.partition(1).unwrap());
    /// # workers.stop().await; Ok(()) }
    /// ```
    pub fn route<K: Hash + ?Sized>(&self, key: &K) -> H {
        self.with(key, H::clone)
    }

    /// Calls `use_it` with the handle of the partition that this key belongs to: [`route`](Self::route) without the clone,
    /// which two threads that route to one partition would meet at.
    pub fn with<K: Hash + ?Sized, R>(&self, key: &K, use_it: impl FnOnce(&H) -> R) -> R {
        use_it(self.shared.routes.load().at(self.hash(key)))
    }

    /// The index of the partition that this key belongs to.
    pub fn index_of<K: Hash + ?Sized>(&self, key: &K) -> usize {
        self.shared.routes.load().index(self.hash(key))
    }

    /// The handle of the partition with this index, whether it is up or not; `None` when there are not so many.
    pub fn partition(&self, index: usize) -> Option<H> {
        self.shared.routes.load().handles.get(index).cloned()
    }

    /// The handles of all partitions, as they are at one moment.
    pub fn handles(&self) -> Vec<H> {
        self.shared.routes.load().handles.clone()
    }

    /// How many partitions keys are routed to.
    pub fn partitions(&self) -> usize {
        self.shared.routes.load().handles.len()
    }

    /// How often the number of partitions has changed. While it is the same, so is the partition of each key.
    pub fn generation(&self) -> u64 {
        self.shared.routes.load().generation
    }

    /// Gives it another number of partitions, from 1 to 1,048,576, while it runs.
    ///
    /// From the moment that routes change, each key belongs to one partition of the new number; no moment is in between.
    ///
    /// - Growing starts the new partitions in order, and only when all of them are up, keys are routed to them. A key stays
    ///   where it is or moves to a new partition: of N keys, those of the old partitions keep their share of the new number.
    /// - Shrinking routes all keys away first, and then stops the surplus in reverse order, each within its shutdown time. Keys
    ///   of the partitions that stay do not move. When it returns, the surplus has ended and its names are free (or are about
    ///   to be, with the supervisor, when that is stopped meanwhile).
    ///
    /// What a partition held for a key does not move with the key: that is the program's business. Several resizes at the same
    /// time happen one after the other, in the order in which they were asked for. The new number is kept when the supervisor
    /// is restarted by its parent. The same number as before changes nothing.
    ///
    /// ```
    /// use supervisor::{ChildSpec, PartitionSupervisor};
    ///
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let workers = PartitionSupervisor::new(|_| ChildSpec::task("worker", |cx| async move { cx.stopped().await }));
    /// let workers = workers.partitions(2).start().await?;
    /// let before = workers.index_of("a key");
    /// workers.resize(3).await?;
    /// let after = workers.index_of("a key");
    /// assert!(after == before || after == 2);
    /// assert_eq!((workers.partitions(), workers.generation()), (3, 1));
    /// # workers.stop().await; Ok(()) }
    /// ```
    ///
    /// # Errors
    ///
    /// The number is impossible; a new partition does not come up, or the supervisor is restarted meanwhile (what had been
    /// started is stopped again, no key was routed to it, and the number is the old one); or the supervisor is stopping or
    /// not running. [`WouldDeadlock`](ResizeError::WouldDeadlock) from a server that it would have to wait for: at an init that has to be
    /// over before a new partition can start (that of a partition, or below one that is starting, in a group restart or while it
    /// is added), or one that is surplus itself. Nothing has changed then.
    ///
    /// # Panics
    ///
    /// When the factory does, before anything has changed.
    ///
    /// # Cancel safety
    ///
    /// Dropped while it waits for its turn, nothing happens; after that the resize goes on.
    pub async fn resize(&self, partitions: usize) -> Result<(), ResizeError> {
        super::resize::resize(&self.shared, partitions).await
    }

    /// Aborts a partition as if it had crashed: it ends as [`Killed`](ExitReason::Killed), and is restarted if its restart
    /// type says so. Returns without waiting for that.
    ///
    /// # Errors
    ///
    /// There is no such partition that is up, or the supervisor is stopping or not running.
    pub async fn kill_partition(&self, index: usize) -> Result<(), TerminateChildError> {
        self.shared.supervisor.kill_child(index.to_string()).await
    }

    /// All partitions in the order of their indices. While it is resized, those that no key is routed to yet, or any more, are
    /// among them.
    ///
    /// # Errors
    ///
    /// The supervisor is not running.
    pub async fn which_children(&self) -> Result<Vec<ChildInfo>, NotRunning> {
        self.shared.supervisor.which_children().await
    }

    /// How many partitions there are, and how many are up.
    ///
    /// # Errors
    ///
    /// The supervisor is not running.
    pub async fn count_children(&self) -> Result<ChildCount, NotRunning> {
        self.shared.supervisor.count_children().await
    }

    /// Stops all partitions in reverse order, and the supervisor; returns why it ended. A supervisor that has ended says why
    /// it did.
    ///
    /// A supervisor that has a parent is restarted by it if it is permanent: terminate it there.
    ///
    /// # Cancel safety
    ///
    /// Dropped while it waits, the stop goes on.
    pub async fn stop(&self) -> ExitReason {
        self.shared.supervisor.stop().await
    }

    /// Waits until it has ended for good, with all of its partitions, and says why: no incarnation follows by itself, as with
    /// [`ChildRef::gone`]. Their names are free by then, and so is its own, unless its supervisor keeps its spec.
    ///
    /// # Cancel safety
    ///
    /// Nothing is lost when it is dropped; calling it again is the same.
    pub async fn exited(&self) -> ExitReason {
        self.shared.supervisor.exited().await
    }

    /// What made the last incarnation give up, if that is why it ended.
    pub fn meltdown(&self) -> Option<Meltdown> {
        self.shared.supervisor.meltdown()
    }

    fn hash<K: Hash + ?Sized>(&self, key: &K) -> u64 {
        self.shared.hasher.hash_one(key)
    }
}

impl<H> PartitionSupervisorRef<H> {
    /// It and everything below it, at this moment: of each supervisor up to 100 children. See [`Snapshot`].
    pub fn snapshot(&self) -> Snapshot {
        self.shared.supervisor.snapshot()
    }

    /// What happens to it and to everything below it from now on, in a queue of this many events. See [`Events`].
    ///
    /// # Panics
    ///
    /// When `capacity` is 0.
    pub fn events(&self, capacity: usize) -> Events {
        self.shared.supervisor.events(capacity)
    }

    /// Whether it is up: all of its partitions have been started.
    pub fn is_running(&self) -> bool {
        self.shared.supervisor.is_running()
    }

    /// The id that it has as a child.
    pub fn id(&self) -> &ChildId {
        self.shared.supervisor.id()
    }

    /// The supervisor as a child.
    pub fn child(&self) -> ChildRef {
        self.shared.supervisor.child()
    }
}

impl<H> Clone for PartitionSupervisorRef<H> {
    fn clone(&self) -> Self {
        Self { shared: Arc::clone(&self.shared) }
    }
}

impl<H> From<&PartitionSupervisorRef<H>> for ChildRef {
    fn from(supervisor: &PartitionSupervisorRef<H>) -> Self {
        supervisor.child()
    }
}

impl<H> fmt::Debug for PartitionSupervisorRef<H> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let routes = self.shared.routes.load();
        f.debug_struct("PartitionSupervisorRef")
            .field("id", self.id())
            .field("running", &self.is_running())
            .field("partitions", &routes.handles.len())
            .field("generation", &routes.generation)
            .finish()
    }
}

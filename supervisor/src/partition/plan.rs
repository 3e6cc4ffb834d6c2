//! The partition supervisor before it is started.

use std::fmt;
use std::hash::BuildHasher;
use std::num::NonZero;
use std::sync::Arc;
use std::thread::available_parallelism;
use std::time::Duration;

use super::reference::{PartitionSupervisorRef, Shared};
use crate::child::{Body, ChildId, ChildSpec, Published, Settings, Starter};
use crate::error::{MAX_PARTITIONS, StartError};
use crate::rules::{Budget, Strategy};
use crate::supervisor::{Roster, Subtree, Supervisor, SupervisorRef, Tree, sealed, start};

/// A supervisor of identical children, the *partitions*. Each key belongs to one of them, by its hash.
///
/// | option | default |
/// |---|---|
/// | [`partitions`](Self::partitions) | as many as there are processors for the program |
/// | [`strategy`](Self::strategy) | [`Strategy::OneForOne`] |
/// | [`budget`](Self::budget) | 3 restarts within 5 seconds |
/// | [`grace`](Self::grace) | 1 second |
/// | [`seed`](Self::seed) | drawn anew for each supervisor |
/// | [`id`](Self::id) | `partition_supervisor` |
///
/// It spreads what would be too much for one process over several of them: a server whose state falls apart by key, or a
/// [`DynamicSupervisor`](crate::DynamicSupervisor) that many start children under at once. The factory is told the index of
/// the partition that it makes a spec for, from 0 on; the index is the partition's id as a child too.
///
/// A server in four partitions:
///
/// ```
/// use supervisor::{ChildSpec, Context, Failure, Flow, PartitionSupervisor, Reply, Server};
///
/// struct Counter(u64);
///
/// impl Server for Counter {
///     type Message = (String, Reply<u64>);
///
///     async fn handle(&mut self, (_, reply): Self::Message, _: &mut Context<Self>) -> Result<Flow, Failure> {
///         self.0 += 1;
///         reply.send(self.0);
///         Ok(Flow::Continue)
///     }
/// }
///
/// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let counters = PartitionSupervisor::new(|_index| ChildSpec::server(|| Counter(0))).partitions(4).start().await?;
///
/// let apples = counters.route("apples");
/// assert_eq!(apples.call(|reply| ("apples".to_owned(), reply)).await?, 1);
/// assert_eq!(counters.route("apples"), apples, "a key has one partition");
/// # counters.stop().await; Ok(()) }
/// ```
///
/// Dynamic supervisors in partitions, so that starts do not meet at one of them:
///
/// ```
/// use supervisor::{ChildSpec, DynamicSupervisor, PartitionSupervisor, Restart};
///
/// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let rooms = PartitionSupervisor::new(|_index| ChildSpec::supervisor(DynamicSupervisor::new())).start().await?;
/// let room = ChildSpec::task("room", |cx| async move { cx.stopped().await }).restart(Restart::Transient);
/// rooms.route("lobby").start_child(room).await?;
/// assert_eq!(rooms.route("lobby").count_children().active, 1);
/// # rooms.stop().await; Ok(()) }
/// ```
///
/// # Which partition
///
/// The key's `Hash` is hashed by `foldhash` (the quality variant, with the supervisor's seed), and the partition chosen by jump
/// consistent hashing: all of them have the same share of the keys, and a [`resize`](PartitionSupervisorRef::resize) moves no
/// more keys than it has to. A key stays in its partition until there is another number of them, over restarts of the
/// partition and of the supervisor. Neither the hash nor the choice is promised over versions of this crate, of Rust or of
/// the key's type, or over platforms: do not store it.
#[must_use = "a supervisor does nothing until it is started"]
pub struct PartitionSupervisor<H> {
    id: ChildId,
    partitions: usize,
    strategy: Strategy,
    budget: Budget,
    grace: Duration,
    seed: Option<u64>,
    factory: Factory<H>,
}

/// Makes the spec of one partition.
pub(super) type Factory<H> = Box<dyn Fn(usize) -> ChildSpec<H> + Send + Sync>;

impl<H: Clone + Send + Sync + 'static> PartitionSupervisor<H> {
    /// A supervisor of what this makes, run once for each partition: when the supervisor is put together, and when it grows.
    ///
    /// The id of the spec is replaced by the partition's index.
    pub fn new(factory: impl Fn(usize) -> ChildSpec<H> + Send + Sync + 'static) -> Self {
        Self {
            id: "partition_supervisor".into(),
            partitions: available_parallelism().map_or(1, NonZero::get),
            strategy: Strategy::OneForOne,
            budget: Budget::default(),
            grace: Duration::from_secs(1),
            seed: None,
            factory: Box::new(factory),
        }
    }

    /// How many partitions it starts with, from 1 to 1,048,576. By default as many as there are processors for the program.
    pub fn partitions(mut self, partitions: usize) -> Self {
        self.partitions = partitions;
        self
    }

    /// Who is restarted when a partition ends. By default only that one.
    pub fn strategy(mut self, strategy: Strategy) -> Self {
        self.strategy = strategy;
        self
    }

    /// At most `restarts` automatic restarts within `period`, over all of its partitions and failed ones included; one more
    /// ends the supervisor. By default 3 within 5 seconds.
    pub fn budget(mut self, restarts: u32, period: Duration) -> Self {
        self.budget = Budget { max: restarts, within: period };
        self
    }

    /// How long it waits for a partition that was aborted before it counts it out as
    /// [`Abandoned`](crate::ExitReason::Abandoned). By default 1 second.
    pub fn grace(mut self, grace: Duration) -> Self {
        self.grace = grace;
        self
    }

    /// What the hash of keys begins with. The same seed gives the same partitions in another run of the same program.
    ///
    /// By default it is drawn anew for each supervisor, so that nobody outside can choose keys that all belong to one
    /// partition.
    pub fn seed(mut self, seed: u64) -> Self {
        self.seed = Some(seed);
        self
    }

    /// What it is called.
    pub fn id(mut self, id: impl Into<ChildId>) -> Self {
        self.id = id.into();
        self
    }

    /// Starts it as the root of a tree, and waits until all of its partitions are up.
    ///
    /// # Errors
    ///
    /// There are to be no partitions, or too many; the period of its budget is zero; or the first partition that does not come
    /// up, with the reason.
    ///
    /// # Panics
    ///
    /// When the factory does, or makes a spec whose [`reference`](ChildSpec::reference) was taken. Outside of a tokio runtime.
    ///
    /// # Cancel safety
    ///
    /// Dropped before it is done, it kills what had been started.
    pub async fn start(self) -> Result<Tree<PartitionSupervisorRef<H>>, StartError> {
        start(ChildSpec::supervisor(self)).await
    }
}

impl<H> fmt::Debug for PartitionSupervisor<H> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PartitionSupervisor")
            .field("id", &self.id)
            .field("partitions", &self.partitions)
            .field("strategy", &self.strategy)
            .field("budget", &self.budget)
            .finish_non_exhaustive()
    }
}

impl<H: Clone + Send + Sync + 'static> Subtree for PartitionSupervisor<H> {
    type Ref = PartitionSupervisorRef<H>;
}

impl<H: Clone + Send + Sync + 'static> sealed::IntoBody for PartitionSupervisor<H> {
    type Handle = PartitionSupervisorRef<H>;

    fn into_parts(self) -> sealed::Parts<PartitionSupervisorRef<H>> {
        let Budget { max, within } = self.budget;
        let supervisor = Supervisor::new(self.strategy).id(self.id.clone()).budget(max, within).grace(self.grace);
        let (supervisor, roster) = supervisor.partitioned(self.partitions);
        // One that is impossible is refused when it is started; its references route all the same.
        let partitions = if (1..=MAX_PARTITIONS).contains(&self.partitions) { self.partitions } else { 1 };
        let seed = self.seed.unwrap_or_else(|| foldhash::quality::RandomState::default().hash_one(0));
        let making = Making { partitions, seed, factory: self.factory, roster };
        let inner = supervisor.into_parts();
        sealed::Parts {
            id: self.id,
            body: Box::new(PartitionBody { inner: inner.body, stage: Stage::Planned(making) }),
        }
    }
}

/// A supervisor whose children are the partitions, and the routes to them.
struct PartitionBody<H> {
    inner: Box<dyn Body<SupervisorRef>>,
    stage: Stage<H>,
}

enum Stage<H> {
    Planned(Making<H>),
    Made(PartitionSupervisorRef<H>),
    /// Its factory panicked.
    Broken,
}

pub(super) struct Making<H> {
    pub(super) partitions: usize,
    pub(super) seed: u64,
    pub(super) factory: Factory<H>,
    pub(super) roster: Arc<Roster>,
}

impl<H: Clone + Send + Sync + 'static> Body<PartitionSupervisorRef<H>> for PartitionBody<H> {
    fn handle(&mut self, settings: &Settings) -> PartitionSupervisorRef<H> {
        let made = match std::mem::replace(&mut self.stage, Stage::Broken) {
            Stage::Planned(making) => {
                PartitionSupervisorRef::new(Arc::new(Shared::new(making, self.inner.handle(settings))))
            }
            Stage::Made(reference) => reference,
            Stage::Broken => panic!("the factory of the partitions of `{}` panicked before", settings.id),
        };
        self.stage = Stage::Made(made.clone());
        made
    }

    fn assemble(mut self: Box<Self>, settings: &Settings, name: Option<Arc<dyn Published>>) -> Arc<dyn Starter> {
        // Fills the roster, if nobody has asked for a reference yet.
        drop(self.handle(settings));
        self.inner.assemble(settings, name)
    }
}

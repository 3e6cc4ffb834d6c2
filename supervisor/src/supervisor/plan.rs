//! The supervisor before it is started: what it would do.

use std::collections::HashSet;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use super::order::ordered;
use super::reference::SupervisorRef;
use super::root::{Tree, start};
use super::roster::Roster;
use super::shared::Shared;
use super::starter::SupervisorStarter;
use super::subtree::{Subtree, sealed};
use crate::child::{Body, ChildId, ChildSpec, Published, Seat, Settings, Starter, downcast};
use crate::error::{MAX_PARTITIONS, StartError};
use crate::rules::{AutoShutdown, Budget, MAX_CONCURRENT_INITS, Strategy};

/// A supervisor of children that are listed in advance.
///
/// | option | default |
/// |---|---|
/// | [`budget`](Self::budget) | 3 restarts within 5 seconds |
/// | [`auto_shutdown`](Self::auto_shutdown) | [`AutoShutdown::Never`] |
/// | [`max_concurrent_inits`](Self::max_concurrent_inits) | 100 |
/// | [`grace`](Self::grace) | 1 second |
/// | [`id`](Self::id) | `supervisor` |
///
/// It starts its children in order, each after the init of the one before has been acknowledged, and stops them in reverse
/// order. [`start`](Self::start) it as the root of a tree, or make it a child of another one with
/// [`ChildSpec::supervisor`]. It can be restarted: the specs of its children are used again, with the same references.
///
/// ```
/// use supervisor::{ChildSpec, Strategy, Supervisor};
///
/// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let workers = Supervisor::new(Strategy::OneForAll)
///     .child(ChildSpec::task("reader", |cx| async move { cx.stopped().await }))
///     .child(ChildSpec::task("writer", |cx| async move { cx.stopped().await }));
/// let tree = Supervisor::new(Strategy::OneForOne).child(ChildSpec::supervisor(workers).id("workers")).start().await?;
///
/// assert_eq!(tree.count_children().await?.supervisors, 1);
/// tree.stop().await;
/// # Ok(()) }
/// ```
#[must_use = "a supervisor does nothing until it is started"]
pub struct Supervisor {
    pub(super) id: ChildId,
    pub(super) strategy: Strategy,
    pub(super) budget: Budget,
    pub(super) grace: Duration,
    pub(super) max_concurrent_inits: usize,
    pub(super) auto_shutdown: AutoShutdown,
    pub(super) children: Arc<Roster>,
    /// How many partitions it was asked to have, if that is what its children are.
    pub(super) partitions: Option<usize>,
}

impl Supervisor {
    /// A supervisor without children.
    pub fn new(strategy: Strategy) -> Self {
        Self {
            id: "supervisor".into(),
            strategy,
            budget: Budget::default(),
            grace: Duration::from_secs(1),
            max_concurrent_inits: MAX_CONCURRENT_INITS,
            auto_shutdown: AutoShutdown::default(),
            children: Arc::default(),
            partitions: None,
        }
    }

    /// What it is called.
    pub fn id(mut self, id: impl Into<ChildId>) -> Self {
        self.id = id.into();
        self
    }

    /// At most `restarts` automatic restarts within `period`, failed ones included; one more ends the supervisor. By default
    /// 3 within 5 seconds.
    pub fn budget(mut self, restarts: u32, period: Duration) -> Self {
        self.budget = Budget { max: restarts, within: period };
        self
    }

    /// Whether it ends when its [significant](ChildSpec::significant) children have. By default never.
    ///
    /// ```
    /// use supervisor::{AutoShutdown, ChildSpec, ExitReason, Restart, Strategy, Supervisor};
    ///
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let import = Supervisor::new(Strategy::OneForAll)
    ///     .auto_shutdown(AutoShutdown::AnySignificant)
    ///     .child(ChildSpec::task("progress", |cx| async move { cx.stopped().await }))
    ///     .child(ChildSpec::task("rows", |_| async { /* all of them */ }).restart(Restart::Transient).significant())
    ///     .start()
    ///     .await?;
    /// assert_eq!(import.exited().await, ExitReason::Shutdown); // with the last row
    /// # Ok(()) }
    /// ```
    pub fn auto_shutdown(mut self, auto_shutdown: AutoShutdown) -> Self {
        self.auto_shutdown = auto_shutdown;
        self
    }

    /// How many automatic restarts may be in their init at the same time; the others wait for their turn. By default 100.
    ///
    /// A start and a group restart have one child at a time in its init anyway. `start_child` and `restart_child` wait for
    /// nobody.
    ///
    /// Zero is refused when the supervisor starts.
    pub fn max_concurrent_inits(mut self, inits: usize) -> Self {
        self.max_concurrent_inits = inits;
        self
    }

    /// How long it waits for a child that was aborted before it counts it out as
    /// [`Abandoned`](crate::ExitReason::Abandoned). By default 1 second.
    pub fn grace(mut self, grace: Duration) -> Self {
        self.grace = grace;
        self
    }

    /// Adds a child after all others.
    pub fn child<H: Clone + Send + Sync + 'static>(self, spec: ChildSpec<H>) -> Self {
        self.children.push(spec.assemble().0);
        self
    }

    /// Starts it as the root of a tree, and waits until all of its children are up.
    ///
    /// # Errors
    ///
    /// The first child that does not come up, with the reason; those before it are stopped in reverse order, those after it
    /// never ran. Impossible specs are refused before anything starts.
    ///
    /// # Panics
    ///
    /// Outside of a tokio runtime.
    ///
    /// # Cancel safety
    ///
    /// Dropped before it is done, it kills what had been started.
    pub async fn start(self) -> Result<Tree<SupervisorRef>, StartError> {
        start(ChildSpec::supervisor(self)).await
    }

    /// Makes its children partitions, so many of them: what it starts with is in the roster.
    pub(crate) fn partitioned(mut self, partitions: usize) -> (Self, Arc<Roster>) {
        self.partitions = Some(partitions);
        let roster = Arc::clone(&self.children);
        (self, roster)
    }

    pub(super) fn check(&self) -> Result<(), StartError> {
        if self.budget.within.is_zero() {
            return Err(StartError::ZeroPeriod { supervisor: self.id.clone() });
        }
        if self.max_concurrent_inits == 0 {
            return Err(StartError::NoInits { supervisor: self.id.clone() });
        }
        if let Some(partitions) = self.partitions
            && !(1..=MAX_PARTITIONS).contains(&partitions)
        {
            return Err(StartError::Partitions { supervisor: self.id.clone(), partitions });
        }
        let specs = self.children.specs();
        let mut ids = HashSet::new();
        for spec in &specs {
            if !ids.insert(spec.id()) {
                return Err(StartError::DuplicateId { child: spec.id().clone() });
            }
            spec.check_in(&self.id, self.auto_shutdown)?;
        }
        ordered(&specs).map(drop)
    }
}

impl fmt::Debug for Supervisor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Supervisor")
            .field("id", &self.id)
            .field("strategy", &self.strategy)
            .field("budget", &self.budget)
            .field("children", &self.children.ids())
            .finish_non_exhaustive()
    }
}

impl Subtree for Supervisor {
    type Ref = SupervisorRef;
}

impl sealed::IntoBody for Supervisor {
    type Handle = SupervisorRef;

    fn into_parts(self) -> sealed::Parts<SupervisorRef> {
        sealed::Parts { id: self.id.clone(), body: Box::new(SupervisorBody { plan: self, shared: None }) }
    }
}

struct SupervisorBody {
    plan: Supervisor,
    shared: Option<Arc<Shared>>,
}

impl Body<SupervisorRef> for SupervisorBody {
    fn handle(&mut self, settings: &Settings) -> SupervisorRef {
        SupervisorRef::new(Arc::clone(
            self.shared.get_or_insert_with(|| Shared::new(settings, self.plan.partitions.is_some())),
        ))
    }

    fn adopt(&mut self, seat: Arc<dyn Seat>) -> bool {
        // What routes to partitions would go on doing so.
        self.shared = downcast(seat).filter(|shared: &Arc<Shared>| !shared.is_partitioned());
        self.shared.is_some()
    }

    fn assemble(self: Box<Self>, settings: &Settings, name: Option<Arc<dyn Published>>) -> Arc<dyn Starter> {
        let partitioned = self.plan.partitions.is_some();
        let shared = self.shared.unwrap_or_else(|| Shared::new(settings, partitioned));
        let plan = Supervisor { id: settings.id.clone(), ..self.plan };
        Arc::new(SupervisorStarter::new(plan, name, shared))
    }
}

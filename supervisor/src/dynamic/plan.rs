//! The dynamic supervisor before it is started.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use super::reference::DynamicSupervisorRef;
use super::starter::DynamicStarter;
use super::state::{Limits, Shared};
use crate::child::{Body, ChildId, ChildSpec, Published, Settings, Starter};
use crate::error::StartError;
use crate::rules::{Budget, MAX_CONCURRENT_INITS};
use crate::supervisor::{Subtree, Tree, sealed, start};

/// A supervisor of children that are started while it runs, each on its own.
///
/// | option | default |
/// |---|---|
/// | [`budget`](Self::budget) | 3 restarts within 5 seconds |
/// | [`max_children`](Self::max_children) | no limit |
/// | [`max_concurrent_inits`](Self::max_concurrent_inits) | 100 |
/// | [`grace`](Self::grace) | 1 second |
/// | [`id`](Self::id) | `dynamic_supervisor` |
///
/// Children are found by their handles; their ids are labels. Starting and stopping one costs the same among 10 and among
/// 100,000; on a stop all of them stop at the same time. When it is restarted itself, it starts empty.
///
/// ```
/// use supervisor::{ChildSpec, DynamicSupervisor, Restart};
///
/// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let jobs = DynamicSupervisor::new().max_children(1_000).start().await?;
/// let job = jobs
///     .start_child(ChildSpec::task("job", |_| async { /* work */ }).restart(Restart::Temporary))
///     .await?;
/// job.gone().await;
/// assert_eq!(jobs.count_children().specs, 0);
/// # jobs.stop().await; Ok(()) }
/// ```
#[must_use = "a supervisor does nothing until it is started"]
pub struct DynamicSupervisor {
    id: ChildId,
    limits: Limits,
}

impl DynamicSupervisor {
    /// A dynamic supervisor without children.
    pub fn new() -> Self {
        let limits = Limits {
            max_children: usize::MAX,
            budget: Budget::default(),
            grace: Duration::from_secs(1),
            max_concurrent_inits: MAX_CONCURRENT_INITS,
        };
        Self { id: "dynamic_supervisor".into(), limits }
    }

    /// What it is called.
    pub fn id(mut self, id: impl Into<ChildId>) -> Self {
        self.id = id.into();
        self
    }

    /// At most `restarts` automatic restarts within `period`, over all of its children and failed ones included; one more ends
    /// the supervisor. By default 3 within 5 seconds.
    pub fn budget(mut self, restarts: u32, period: Duration) -> Self {
        self.limits.budget = Budget { max: restarts, within: period };
        self
    }

    /// At most this many children, those that are restarting included. By default there is no limit.
    pub fn max_children(mut self, children: usize) -> Self {
        self.limits.max_children = children;
        self
    }

    /// How many automatic restarts may be in their init at the same time; the others wait for their turn. By default 100.
    ///
    /// `start_child` waits for nobody.
    ///
    /// Zero is refused when the supervisor starts.
    pub fn max_concurrent_inits(mut self, inits: usize) -> Self {
        self.limits.max_concurrent_inits = inits;
        self
    }

    /// How long it waits for children that were aborted before it counts them out as
    /// [`Abandoned`](crate::ExitReason::Abandoned). By default 1 second.
    pub fn grace(mut self, grace: Duration) -> Self {
        self.limits.grace = grace;
        self
    }

    /// Starts it as the root of a tree.
    ///
    /// # Errors
    ///
    /// The period of its budget is zero, or no child may be in its init.
    ///
    /// # Panics
    ///
    /// Outside of a tokio runtime.
    pub async fn start(self) -> Result<Tree<DynamicSupervisorRef>, StartError> {
        start(ChildSpec::supervisor(self)).await
    }
}

impl Default for DynamicSupervisor {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for DynamicSupervisor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DynamicSupervisor").field("id", &self.id).field("limits", &self.limits).finish()
    }
}

impl Subtree for DynamicSupervisor {
    type Ref = DynamicSupervisorRef;
}

impl sealed::IntoBody for DynamicSupervisor {
    type Handle = DynamicSupervisorRef;

    fn into_parts(self) -> sealed::Parts<DynamicSupervisorRef> {
        sealed::Parts { id: self.id, body: Box::new(DynamicBody { limits: self.limits, shared: None }) }
    }
}

struct DynamicBody {
    limits: Limits,
    shared: Option<Arc<Shared>>,
}

impl Body<DynamicSupervisorRef> for DynamicBody {
    fn handle(&mut self, settings: &Settings) -> DynamicSupervisorRef {
        let limits = self.limits;
        DynamicSupervisorRef::new(Arc::clone(self.shared.get_or_insert_with(|| Shared::new(settings, limits))))
    }

    fn assemble(self: Box<Self>, settings: &Settings, name: Option<Arc<dyn Published>>) -> Arc<dyn Starter> {
        let shared = self.shared.unwrap_or_else(|| Shared::new(settings, self.limits));
        Arc::new(DynamicStarter::new(shared, name))
    }
}

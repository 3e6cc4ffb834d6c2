//! The outside of a dynamic supervisor.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::Ordering::Acquire;
use std::time::Duration;

use registry::{ExitReason, Namespace, ServiceKey};
use tokio::time::Instant;

use super::start::{start_child, start_now, start_or_get, tell};
use super::state::{Door, Entry, Shared};
use crate::child::{ChildId, ChildRef, ChildSpec, Happening, Intent, Meltdown, Phase, Spec};
use crate::error::{StartChildError, TerminateChildError};
use crate::rules::Restart;
use crate::server::is_current;
use crate::supervisor::{ChildCount, ChildInfo, ChildSpecInfo, ChildState};
use crate::tree::{Events, Snapshot};

/// A reference to a dynamic supervisor, stable over its restarts. Cheap to clone; it keeps nothing alive.
#[derive(Clone)]
pub struct DynamicSupervisorRef {
    shared: Arc<Shared>,
}

impl DynamicSupervisorRef {
    pub(super) fn new(shared: Arc<Shared>) -> Self {
        Self { shared }
    }

    /// Starts a child, and returns its handle once its init has been acknowledged.
    ///
    /// # Errors
    ///
    /// The child does not come up (nothing is left of it, and it does not count against the budget), there are too many, or
    /// the supervisor is stopping or not running.
    ///
    /// # Cancel safety
    ///
    /// Dropped before it is done, the child is stopped.
    pub async fn start_child<H: Clone + Send + Sync + 'static>(
        &self,
        spec: ChildSpec<H>,
    ) -> Result<H, StartChildError> {
        start_child(&self.shared, spec).await
    }

    /// The handle that is registered under this name, or that of a child that is started for it.
    ///
    /// Any number of callers start one child between them and get the same handle; if it does not come up, all of them get
    /// the reason. A name whose child is restarting is waited for, up to 5 seconds. `spec` is run by the one caller that
    /// starts the child, and needs no name of its own.
    ///
    /// ```
    /// use registry::ServiceRegistry;
    /// use supervisor::{ChildRef, ChildSpec, DynamicSupervisor};
    ///
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let production = ServiceRegistry::new().namespace("production")?;
    /// let rooms = DynamicSupervisor::new().start().await?;
    /// let room = || ChildSpec::task("room", |cx| async move { cx.stopped().await });
    ///
    /// let lobby: ChildRef = rooms.start_or_get(&production, "room:lobby", room).await?;
    /// assert_eq!(rooms.start_or_get(&production, "room:lobby", room).await?, lobby);
    /// # rooms.stop().await; Ok(()) }
    /// ```
    ///
    /// # Errors
    ///
    /// As for [`start_child`](Self::start_child); and the name belongs to a service of another type or restarts for too long.
    ///
    /// # Cancel safety
    ///
    /// Dropped before it is done, a child that it was starting is started all the same, for whoever asks next.
    pub async fn start_or_get<H: Clone + Send + Sync + 'static>(
        &self,
        namespace: &Namespace,
        service: impl ServiceKey<H>,
        spec: impl Fn() -> ChildSpec<H>,
    ) -> Result<H, StartChildError> {
        start_or_get(&self.shared, namespace, service, spec).await
    }

    /// Stops a child, and returns when it has ended and its spec is gone.
    ///
    /// # Errors
    ///
    /// It is no child of this supervisor (any more), or the supervisor is not running.
    /// [`WouldDeadlock`](TerminateChildError::WouldDeadlock) from the task of the server itself.
    ///
    /// # Cancel safety
    ///
    /// Dropped while it waits, the stop goes on.
    pub async fn terminate_child(&self, child: impl Into<ChildRef>) -> Result<(), TerminateChildError> {
        let child = child.into();
        {
            let state = self.shared.state();
            match state.door {
                Door::Closed => return Err(TerminateChildError::NotRunning),
                Door::Stopping => return Err(TerminateChildError::ShuttingDown),
                Door::Open => {}
            }
            let at = state.find(&child).ok_or(TerminateChildError::NotFound)?;
            if is_current(child.core().task.load(Acquire)) {
                return Err(TerminateChildError::WouldDeadlock);
            }
            tell(state.notes.as_ref(), at, Happening::Unwanted);
        }
        child.gone().await;
        Ok(())
    }

    /// Starts a child that counts as up from its start on.
    pub(crate) fn start_now(&self, spec: Spec) -> Result<(), StartChildError> {
        start_now(&self.shared, spec)
    }

    /// Has a child stopped, if it is one, without waiting for it.
    pub(crate) fn ask_to_stop(&self, child: &ChildRef) {
        let state = self.shared.state();
        if let Some(at) = state.find(child) {
            tell(state.notes.as_ref(), at, Happening::Unwanted);
        }
    }

    /// Aborts a child as if it had crashed: it ends as [`Killed`](ExitReason::Killed), and is restarted if its restart type
    /// says so. Returns without waiting for that.
    ///
    /// # Errors
    ///
    /// It is no child of this supervisor (any more), it is down and waits to be restarted, or the supervisor is stopping or not running.
    pub fn kill_child(&self, child: impl Into<ChildRef>) -> Result<(), TerminateChildError> {
        let child = child.into();
        let abort = {
            let mut state = self.shared.state();
            match state.door {
                Door::Closed => return Err(TerminateChildError::NotRunning),
                Door::Stopping => return Err(TerminateChildError::ShuttingDown),
                Door::Open => {}
            }
            let entry = state.find(&child).and_then(|at| state.get(at)).filter(|entry| !entry.waiting);
            let entry = entry.ok_or(TerminateChildError::NotFound)?;
            let core = entry.spec.starter.core();
            core.expect_return(entry.spec.restart != Restart::Temporary);
            core.intend(Intent::Kill);
            entry.abort.clone()
        };
        child.core().abort_or_ask(abort.as_ref(), true);
        Ok(())
    }

    /// All children, in no order.
    pub fn which_children(&self) -> Vec<ChildInfo> {
        self.shared.state().entries().map(Entry::info).collect()
    }

    /// What it was told of this child, with the defaults filled in; `None` when it is no child of this supervisor (any more).
    pub fn child_spec(&self, child: impl Into<ChildRef>) -> Option<ChildSpecInfo> {
        let child = child.into();
        let mut state = self.shared.state();
        let at = state.find(&child)?;
        state.get(at).map(|entry| ChildSpecInfo::of(&entry.spec))
    }

    /// How many children there are.
    pub fn count_children(&self) -> ChildCount {
        let mut count = ChildCount::default();
        for entry in self.shared.state().entries() {
            let core = entry.spec.starter.core();
            count.add(entry.spec.starter.kind(), core.phase() == Phase::Running && !core.is_unready());
        }
        count
    }

    /// Stops all children at the same time, and the supervisor; returns why it ended. A supervisor that has ended says why it
    /// did.
    ///
    /// A supervisor that has a parent is restarted by it if it is permanent: terminate it there.
    ///
    /// # Cancel safety
    ///
    /// Dropped while it waits, the stop goes on.
    pub async fn stop(&self) -> ExitReason {
        self.child().stop(None).await
    }

    /// As [`stop`](Self::stop), and whatever is still there after `time` is aborted: no child has longer, whatever its shutdown
    /// time, and nested supervisors have what is left of it. The children that this ends are
    /// [`Timeout`](ExitReason::Timeout)s; all others stop at the same time anyway.
    ///
    /// What cannot be killed is given up after the [grace](crate::DynamicSupervisor::grace), on top of `time`. Called while a stop
    /// is under way, it brings its end forward.
    ///
    /// # Cancel safety
    ///
    /// Dropped while it waits, the stop goes on.
    pub async fn stop_within(&self, time: Duration) -> ExitReason {
        self.child().stop(Instant::now().checked_add(time)).await
    }

    /// Waits until it has ended for good, with all of its children, and says why: no incarnation follows by itself, as with
    /// [`ChildRef::gone`]. Their names are free by then, and so is its own, unless its supervisor keeps its spec.
    ///
    /// # Cancel safety
    ///
    /// Nothing is lost when it is dropped; calling it again is the same.
    pub async fn exited(&self) -> ExitReason {
        self.child().gone().await.unwrap_or(ExitReason::Shutdown)
    }

    /// What made the last incarnation give up, if that is why it ended.
    pub fn meltdown(&self) -> Option<Meltdown> {
        self.shared.state().meltdown.clone()
    }

    /// It and everything below it, at this moment: of each supervisor up to 100 children. See [`Snapshot`].
    pub fn snapshot(&self) -> Snapshot {
        self.child().snapshot()
    }

    /// What happens to it and to everything below it from now on, in a queue of this many events. See [`Events`].
    ///
    /// # Panics
    ///
    /// When `capacity` is 0.
    pub fn events(&self, capacity: usize) -> Events {
        self.shared.feed.listen(capacity)
    }

    /// Whether it is up.
    pub fn is_running(&self) -> bool {
        self.shared.core.phase() == Phase::Running
    }

    /// The id that it has as a child.
    pub fn id(&self) -> &ChildId {
        self.shared.core.id()
    }

    /// The supervisor as a child.
    pub fn child(&self) -> ChildRef {
        ChildRef::new(Arc::clone(&self.shared) as _)
    }
}

impl ChildRef {
    /// The dynamic supervisor behind it; `None` when it is none.
    pub fn dynamic_supervisor(&self) -> Option<DynamicSupervisorRef> {
        self.downcast::<Shared>().map(DynamicSupervisorRef::new)
    }
}

impl From<&DynamicSupervisorRef> for ChildRef {
    fn from(supervisor: &DynamicSupervisorRef) -> Self {
        supervisor.child()
    }
}

impl Entry {
    fn info(&self) -> ChildInfo {
        let starter = &self.spec.starter;
        let state = match starter.core().phase() {
            _ if self.stage.is_some() => ChildState::Stopping,
            _ if self.restarting => ChildState::Restarting,
            Phase::Running if starter.core().is_unready() => ChildState::Starting,
            Phase::Running => ChildState::Running,
            _ if self.fresh => ChildState::Starting,
            // It has ended, and the supervisor has yet to hear of it.
            _ => ChildState::Stopped,
        };
        ChildInfo {
            id: self.spec.id().clone(),
            kind: starter.kind(),
            state,
            restart: self.spec.restart,
            waits_for: Vec::new(),
            due: self.due(),
            child: ChildRef::new(starter.seat()),
        }
    }
}

impl fmt::Debug for DynamicSupervisorRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DynamicSupervisorRef").field("id", self.id()).field("phase", &self.shared.core.phase()).finish()
    }
}

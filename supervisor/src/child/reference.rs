//! A child of any kind, seen from outside.

use std::fmt;
use std::sync::Arc;

use registry::{ExitReason, ProcessRef};
use tokio::time::Instant;

use super::core::{Core, Phase};
use super::id::ChildId;
use super::seat::{Seat, downcast};
use crate::tree::{Events, Snapshot, capture};

/// A reference to a child, whatever its kind. Cheap to clone, and stable over restarts.
#[derive(Clone)]
pub struct ChildRef(Arc<dyn Seat>);

impl ChildRef {
    pub(crate) fn new(seat: Arc<dyn Seat>) -> Self {
        Self(seat)
    }

    pub(crate) fn core(&self) -> &Core {
        self.0.core()
    }

    pub(crate) fn seat(&self) -> &dyn Seat {
        &*self.0
    }

    /// Asks it to stop, by then if a time is given; waits, and says why it ended.
    pub(crate) async fn stop(&self, until: Option<Instant>) -> ExitReason {
        let incarnation = self.incarnation();
        if !self.core().has_ended(incarnation) {
            if let Some(until) = until {
                self.0.limit(until);
            }
            self.core().ask(false);
            self.ended(incarnation).await;
        }
        self.last_exit().unwrap_or(ExitReason::Shutdown)
    }

    pub(crate) fn downcast<T: Seat>(&self) -> Option<Arc<T>> {
        downcast(Arc::clone(&self.0))
    }

    /// Its id.
    pub fn id(&self) -> &ChildId {
        self.core().id()
    }

    /// Whether an incarnation is up: its init has been acknowledged and it has not ended.
    pub fn is_running(&self) -> bool {
        self.core().phase() == Phase::Running
    }

    /// Which incarnation is alive, or was the last to be, counted from 1; 0 before the first.
    pub fn incarnation(&self) -> u32 {
        self.core().incarnation()
    }

    /// Why the last incarnation that ended did.
    pub fn last_exit(&self) -> Option<ExitReason> {
        self.core().last_exit()
    }

    /// The process of the present incarnation, to be monitored or linked with; `None` when none is up or on its way.
    pub fn process(&self) -> Option<ProcessRef> {
        let incarnation = self.incarnation();
        let alive = matches!(self.core().phase(), Phase::Starting | Phase::Running);
        (alive && !self.core().has_ended(incarnation)).then(|| self.0.process(incarnation))
    }

    /// It and everything below it, at this moment: of each supervisor up to 100 children.
    pub fn snapshot(&self) -> Snapshot {
        capture(&*self.0, None)
    }

    /// [`snapshot`](Self::snapshot) with up to this many children of each supervisor.
    pub fn snapshot_with(&self, children: usize) -> Snapshot {
        capture(&*self.0, Some(children))
    }

    /// What happens to it and to everything below it from now on, in a queue of this many events (see [`Events`]); `None`
    /// when it is no supervisor.
    ///
    /// # Panics
    ///
    /// When `capacity` is 0.
    pub fn events(&self, capacity: usize) -> Option<Events> {
        self.0.branch().map(|branch| branch.feed().listen(capacity))
    }

    /// Waits until incarnation number `incarnation` has ended. Its name is then free or reserved for the next one, which may be
    /// up by the time that this returns.
    ///
    /// # Cancel safety
    ///
    /// Nothing is lost when it is dropped; calling it again is the same.
    pub async fn ended(&self, incarnation: u32) {
        self.core().until(|core| core.has_ended(incarnation)).await;
    }

    /// Waits until it is running. `false` when it will never be, because its spec is gone.
    ///
    /// # Cancel safety
    ///
    /// Nothing is lost when it is dropped; calling it again is the same.
    pub async fn running(&self) -> bool {
        self.core().until(|core| matches!(core.phase(), Phase::Running | Phase::Ended)).await;
        self.is_running()
    }

    /// Waits until no incarnation is left and none follows by itself. Returns why the last one ended; `None` when there was none.
    ///
    /// So it is when its spec is gone, or when it is down and stays: a transient child that has done its work, one that was
    /// ignored, terminated by hand or abandoned, and all that is below such a child. A [`Supervisor`](crate::Supervisor) keeps
    /// their specs, so they can come back: by [`restart_child`](crate::SupervisorRef::restart_child) or a group restart, or when the
    /// supervisor itself is restarted. A child that goes down with its supervisor is waited for until that one is down for good.
    ///
    /// # Cancel safety
    ///
    /// Nothing is lost when it is dropped; calling it again is the same.
    pub async fn gone(&self) -> Option<ExitReason> {
        self.core().until(Core::has_ended_for_good).await;
        self.last_exit()
    }
}

impl Core {
    /// Waits until this is so. The condition is looked at again after each change of phase.
    pub(crate) async fn until(&self, mut holds: impl FnMut(&Self) -> bool) {
        loop {
            let mut changed = std::pin::pin!(self.changed.notified());
            changed.as_mut().enable();
            if holds(self) {
                return;
            }
            changed.await;
        }
    }
}

impl PartialEq for ChildRef {
    fn eq(&self, other: &Self) -> bool {
        Arc::as_ptr(&self.0).cast::<()>() == Arc::as_ptr(&other.0).cast::<()>()
    }
}

impl Eq for ChildRef {}

impl fmt::Debug for ChildRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ChildRef")
            .field("id", self.id())
            .field("phase", &self.core().phase())
            .field("incarnation", &self.incarnation())
            .finish()
    }
}

//! What a child is made of, behind its spec.

use std::sync::Arc;
use std::time::Duration;

use tokio::task::AbortHandle;

use super::core::Core;
use super::id::ChildId;
use super::kind::ChildKind;
use super::life::Birth;
use super::name::Published;
use super::seat::Seat;
use crate::error::{StartError, StartFailure};
use crate::rules::Restart;
use crate::server::Overflow;

/// What a body has to know of its spec when it is put together.
pub(crate) struct Settings {
    pub(crate) id: ChildId,
    pub(crate) restart: Restart,
    pub(crate) mailbox: usize,
    pub(crate) overflow: Overflow,
    pub(crate) keep_mail: bool,
    pub(crate) skip_expired: bool,
    pub(crate) watchdog: Option<Duration>,
}

impl Settings {
    pub(crate) fn new(id: ChildId) -> Self {
        Self {
            id,
            restart: Restart::default(),
            mailbox: 1024,
            overflow: Overflow::default(),
            keep_mail: false,
            skip_expired: false,
            watchdog: None,
        }
    }
}

/// A kind of child with its factory, before the spec is complete.
pub(crate) trait Body<H>: Send {
    /// The handle to the child. What it is made from is fixed from now on.
    fn handle(&mut self, settings: &Settings) -> H;

    /// Takes over the seat of a child, so that references to it stay good. `false` when they could not, because it is one of
    /// another type, or this body's seat is of its own making. No handle has been asked for.
    fn adopt(&mut self, _seat: Arc<dyn Seat>) -> bool {
        false
    }

    fn assemble(self: Box<Self>, settings: &Settings, name: Option<Arc<dyn Published>>) -> Arc<dyn Starter>;
}

/// Makes incarnations of one child. Dropping the last one for it is the end of the spec: the mailbox is closed, the name free.
pub(crate) trait Starter: Send + Sync {
    fn seat(&self) -> Arc<dyn Seat>;

    fn core(&self) -> &Core;

    fn kind(&self) -> ChildKind;

    /// What it publishes. One that takes another's place has it from there.
    fn name(&self) -> Option<&Arc<dyn Published>> {
        None
    }

    /// Starts an incarnation. The last one is known dead. Returns how to abort it, if it can be.
    fn start(self: Arc<Self>, birth: Birth) -> Result<Option<AbortHandle>, StartFailure>;

    /// Looks for mistakes in what it would start, before anything is.
    fn check(&self) -> Result<(), StartError> {
        Ok(())
    }

    /// Frees the names, because the supervisor has ended. Another start reserves them again.
    fn release(&self) {
        if let Some(name) = self.name() {
            name.release();
        }
    }

    /// Whether something below it could not be killed, and is still there for all that is known.
    fn has_abandoned(&self) -> bool {
        false
    }

    /// The child is down and stays: what is below it lets go of its names, and who waits for room in its mailbox is told.
    fn rested(&self) {}

    /// Nor is its supervisor about to start it once more: who waits for its end is told, here and below.
    fn retire(&self) {
        self.core().retire();
    }
}

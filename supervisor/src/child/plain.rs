//! Children without a mailbox: what tasks and threads have in common.

use std::sync::Arc;

use registry::{ExitReason, ProcessRef};
use tokio::task::AbortHandle;

use super::body::{Body, Settings, Starter};
use super::core::Core;
use super::exit::Outcome;
use super::kind::ChildKind;
use super::life::{Birth, Guard};
use super::name::Published;
use super::reference::ChildRef;
use super::seat::{Seat, downcast};
use crate::error::StartFailure;

/// The seat of a child without a mailbox.
pub(super) struct Plain(Core);

impl Plain {
    fn new(settings: &Settings) -> Arc<Self> {
        Arc::new(Self(Core::new(settings.id.clone(), settings.restart)))
    }
}

impl Seat for Plain {
    fn core(&self) -> &Core {
        &self.0
    }

    fn signal(&self, incarnation: u32, process: &ProcessRef, reason: &ExitReason) {
        if !reason.is_clean() {
            self.0.cut(incarnation, ExitReason::of_linked(process.id(), reason));
        }
    }
}

/// What a child of this kind runs.
pub(super) trait Run: Send + Sync + 'static {
    const KIND: ChildKind;

    /// Runs an incarnation that counts as up already. Returns how to abort it, if it can be.
    fn run(&self, seat: &Arc<Plain>, guard: Guard) -> Option<AbortHandle>;
}

pub(super) struct PlainBody<R> {
    run: R,
    seat: Option<Arc<Plain>>,
}

impl<R> PlainBody<R> {
    pub(super) fn new(run: R) -> Self {
        Self { run, seat: None }
    }
}

impl<R: Run> Body<ChildRef> for PlainBody<R> {
    fn handle(&mut self, settings: &Settings) -> ChildRef {
        let seat = self.seat.get_or_insert_with(|| Plain::new(settings));
        ChildRef::new(Arc::clone(seat) as _)
    }

    fn adopt(&mut self, seat: Arc<dyn Seat>) -> bool {
        self.seat = downcast(seat);
        self.seat.is_some()
    }

    fn assemble(self: Box<Self>, settings: &Settings, name: Option<Arc<dyn Published>>) -> Arc<dyn Starter> {
        let seat = self.seat.unwrap_or_else(|| Plain::new(settings));
        Arc::new(PlainStarter { run: self.run, seat, name })
    }
}

struct PlainStarter<R: Run> {
    run: R,
    seat: Arc<Plain>,
    name: Option<Arc<dyn Published>>,
}

impl<R: Run> Starter for PlainStarter<R> {
    fn seat(&self) -> Arc<dyn Seat> {
        Arc::clone(&self.seat) as _
    }

    fn core(&self) -> &Core {
        &self.seat.0
    }

    fn kind(&self) -> ChildKind {
        R::KIND
    }

    fn name(&self) -> Option<&Arc<dyn Published>> {
        self.name.as_ref()
    }

    fn start(self: Arc<Self>, birth: Birth) -> Result<Option<AbortHandle>, StartFailure> {
        if let Some(name) = &self.name {
            name.reserve()?;
        }
        self.core().begin();
        let mut guard = Guard::new(self.seat(), birth);
        if let Some(name) = &self.name
            && let Err(failure) = name.publish(&self.seat().process(self.core().incarnation()))
        {
            guard.finish(Outcome::Refused(Box::new(failure)));
            return Ok(None);
        }
        guard.ready();
        Ok(self.run.run(&self.seat, guard))
    }
}

impl<R: Run> Drop for PlainStarter<R> {
    fn drop(&mut self) {
        if self.core().drop_starter() {
            // Whoever sees that it is gone finds its name free.
            self.release();
            self.core().close();
        }
    }
}

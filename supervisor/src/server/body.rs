//! Makes incarnations of a server.

use std::sync::Arc;
use std::time::Duration;

use tokio::task::AbortHandle;

use super::contract::Server;
use super::mailbox::Slot;
use super::reference::ServerRef;
use super::serve::run;
use super::watchdog::watch;
use crate::child::{Birth, Body, ChildKind, Core, Guard, Published, Scope, Seat, Settings, Starter, downcast};
use crate::error::{StartError, StartFailure};

pub(crate) struct ServerBody<S: Server, F> {
    factory: F,
    slot: Option<Arc<Slot<S::Message>>>,
}

impl<S: Server, F: Fn() -> S> ServerBody<S, F> {
    pub(crate) fn new(factory: F) -> Self {
        Self { factory, slot: None }
    }
}

impl<S: Server, F: Fn() -> S + Send + Sync + 'static> Body<ServerRef<S>> for ServerBody<S, F> {
    fn handle(&mut self, settings: &Settings) -> ServerRef<S> {
        ServerRef::new(Arc::clone(self.slot.get_or_insert_with(|| Slot::new(settings))))
    }

    fn adopt(&mut self, seat: Arc<dyn Seat>) -> bool {
        self.slot = downcast(seat);
        self.slot.is_some()
    }

    fn assemble(self: Box<Self>, settings: &Settings, name: Option<Arc<dyn Published>>) -> Arc<dyn Starter> {
        let slot = self.slot.unwrap_or_else(|| Slot::new(settings));
        Arc::new(ServerStarter { factory: self.factory, name, slot, watchdog: settings.watchdog })
    }
}

/// Shared with an incarnation until that is up.
pub(super) struct ServerStarter<S: Server, F: Fn() -> S + Send + Sync + 'static> {
    pub(super) factory: F,
    pub(super) name: Option<Arc<dyn Published>>,
    pub(super) slot: Arc<Slot<S::Message>>,
    pub(super) watchdog: Option<Duration>,
}

impl<S: Server, F: Fn() -> S + Send + Sync + 'static> Starter for ServerStarter<S, F> {
    fn seat(&self) -> Arc<dyn Seat> {
        Arc::clone(&self.slot) as _
    }

    fn core(&self) -> &Core {
        &self.slot.core
    }

    fn kind(&self) -> ChildKind {
        ChildKind::Server
    }

    fn name(&self) -> Option<&Arc<dyn Published>> {
        self.name.as_ref()
    }

    fn start(self: Arc<Self>, birth: Birth) -> Result<Option<AbortHandle>, StartFailure> {
        if let Some(name) = &self.name {
            name.reserve()?;
        }
        self.slot.core.begin();
        let guard = Guard::new(self.seat(), birth);
        let slot = Arc::clone(&self.slot);
        let watchdog = self.watchdog;
        let abort = slot.core.spawn(run(self, guard));
        if let Some(limit) = watchdog {
            let incarnation = slot.core.incarnation();
            slot.core.set_abort(&abort);
            // In the scope: it is gone before another incarnation can be taken for this one.
            drop(Scope::spawn(slot.core.scope(incarnation), watch(Arc::clone(&slot), incarnation, limit)));
        }
        Ok(Some(abort))
    }

    fn check(&self) -> Result<(), StartError> {
        if self.watchdog.is_some_and(|limit| limit.is_zero()) {
            return Err(StartError::ZeroWatchdog { child: self.core().id().clone() });
        }
        Ok(())
    }

    fn rested(&self) {
        self.slot.wake_line();
    }
}

impl<S: Server, F: Fn() -> S + Send + Sync + 'static> Drop for ServerStarter<S, F> {
    fn drop(&mut self) {
        if self.slot.core.drop_starter() {
            // Whoever sees that it is gone finds its name free.
            self.release();
            self.slot.close();
        }
    }
}

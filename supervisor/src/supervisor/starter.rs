//! Makes incarnations of a supervisor.

use std::pin::pin;
use std::sync::Arc;

use registry::ExitReason;
use tokio::task::AbortHandle;

use super::engine::Engine;
use super::plan::Supervisor;
use super::shared::Shared;
use crate::child::{Birth, ChildKind, Core, Guard, Outcome, Published, Seat, Starter, catch};
use crate::error::{StartError, StartFailure};

pub(super) struct SupervisorStarter {
    plan: Arc<Planned>,
    shared: Arc<Shared>,
}

/// What an incarnation takes along.
pub(super) struct Planned {
    pub(super) supervisor: Supervisor,
    pub(super) name: Option<Arc<dyn Published>>,
}

impl SupervisorStarter {
    pub(super) fn new(supervisor: Supervisor, name: Option<Arc<dyn Published>>, shared: Arc<Shared>) -> Self {
        Self { plan: Arc::new(Planned { supervisor, name }), shared }
    }
}

impl Starter for SupervisorStarter {
    fn seat(&self) -> Arc<dyn Seat> {
        Arc::clone(&self.shared) as _
    }

    fn core(&self) -> &Core {
        self.shared.core()
    }

    fn kind(&self) -> ChildKind {
        ChildKind::Supervisor
    }

    fn name(&self) -> Option<&Arc<dyn Published>> {
        self.plan.name.as_ref()
    }

    fn start(self: Arc<Self>, birth: Birth) -> Result<Option<AbortHandle>, StartFailure> {
        if let Some(name) = &self.plan.name {
            name.reserve()?;
        }
        self.shared.limit().clear();
        self.core().begin();
        let guard = Guard::new(self.seat(), birth);
        Ok(Some(self.core().spawn(run(Arc::clone(&self.plan), Arc::clone(&self.shared), guard))))
    }

    fn check(&self) -> Result<(), StartError> {
        self.plan.supervisor.check()
    }

    fn has_abandoned(&self) -> bool {
        self.shared.has_abandoned()
    }

    fn release(&self) {
        if let Some(name) = &self.plan.name {
            name.release();
        }
        self.rested();
    }

    fn rested(&self) {
        for child in self.plan.supervisor.children.specs() {
            child.starter.release();
        }
    }

    fn retire(&self) {
        for child in self.plan.supervisor.children.specs() {
            child.starter.retire();
        }
        self.core().retire();
    }
}

impl Drop for SupervisorStarter {
    fn drop(&mut self) {
        if self.core().drop_starter() {
            // Whoever sees that it is gone finds none of its names.
            self.release();
            self.shared.close();
        }
    }
}

/// The main task. The guard is dropped last.
async fn run(plan: Arc<Planned>, shared: Arc<Shared>, mut guard: Guard) {
    let outcome = {
        let mut supervising = pin!(Some(supervise(plan, Arc::clone(&shared), &mut guard)));
        catch(shared.core(), supervising.as_mut()).await
    };
    guard.finish(outcome.unwrap_or_else(|panic| Outcome::Exited(ExitReason::Panic(panic))));
}

async fn supervise(plan: Arc<Planned>, shared: Arc<Shared>, guard: &mut Guard) -> Outcome {
    if !shared.open() {
        return Outcome::Exited(ExitReason::Shutdown);
    }
    shared.core().panic_if_rigged();
    Engine::new(&plan, shared, guard).run().await
}

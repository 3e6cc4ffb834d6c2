//! Makes incarnations of a dynamic supervisor.

use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;

use registry::ExitReason;
use tokio::task::AbortHandle;

use super::engine::Engine;
use super::state::Shared;
use crate::child::{Birth, ChildKind, Core, Guard, Outcome, Published, Seat, Starter, catch};
use crate::error::{StartError, StartFailure};

pub(super) struct DynamicStarter {
    shared: Arc<Shared>,
    name: Option<Arc<dyn Published>>,
}

impl DynamicStarter {
    pub(super) fn new(shared: Arc<Shared>, name: Option<Arc<dyn Published>>) -> Self {
        Self { shared, name }
    }
}

impl Starter for DynamicStarter {
    fn seat(&self) -> Arc<dyn Seat> {
        Arc::clone(&self.shared) as _
    }

    fn core(&self) -> &Core {
        &self.shared.core
    }

    fn kind(&self) -> ChildKind {
        ChildKind::Supervisor
    }

    fn name(&self) -> Option<&Arc<dyn Published>> {
        self.name.as_ref()
    }

    fn start(self: Arc<Self>, birth: Birth) -> Result<Option<AbortHandle>, StartFailure> {
        if let Some(name) = &self.name {
            name.reserve()?;
        }
        self.shared.limit.clear();
        self.shared.core.begin();
        let guard = Guard::new(self.seat(), birth);
        Ok(Some(self.core().spawn(run(Arc::clone(&self.shared), self.name.clone(), guard))))
    }

    fn check(&self) -> Result<(), StartError> {
        if self.shared.limits.budget.within.is_zero() {
            return Err(StartError::ZeroPeriod { supervisor: self.core().id().clone() });
        }
        if self.shared.limits.max_concurrent_inits == 0 {
            return Err(StartError::NoInits { supervisor: self.core().id().clone() });
        }
        Ok(())
    }

    fn has_abandoned(&self) -> bool {
        self.shared.abandoned.load(Relaxed)
    }
}

impl Drop for DynamicStarter {
    fn drop(&mut self) {
        if self.core().drop_starter() {
            self.release();
            self.shared.core.close();
            self.shared.feed.close();
        }
    }
}

/// The main task. The guard is dropped last.
async fn run(shared: Arc<Shared>, name: Option<Arc<dyn Published>>, mut guard: Guard) {
    let outcome = {
        let mut supervising = pin!(Some(supervise(Arc::clone(&shared), name, &mut guard)));
        catch(&shared.core, supervising.as_mut()).await
    };
    guard.finish(outcome.unwrap_or_else(|panic| Outcome::Exited(ExitReason::Panic(panic))));
}

async fn supervise(shared: Arc<Shared>, name: Option<Arc<dyn Published>>, guard: &mut Guard) -> Outcome {
    shared.core.panic_if_rigged();
    // From here on children can be started.
    let engine = Engine::open(Arc::clone(&shared));
    if let Some(name) = name
        && let Err(failure) = name.publish(&(Arc::clone(&shared) as Arc<dyn Seat>).process(shared.core.incarnation()))
    {
        return Outcome::Refused(Box::new(failure));
    }
    guard.ready();
    Outcome::Exited(engine.run().await)
}

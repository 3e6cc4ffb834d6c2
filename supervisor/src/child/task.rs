//! Children that are futures.

use std::pin::pin;
use std::sync::Arc;

use registry::{ExitReason, IntoExitReason, ProcessRef};
use tokio::task::AbortHandle;

use super::body::{Body, Settings, Starter};
use super::catch::catch;
use super::context::TaskContext;
use super::core::{Core, Seat};
use super::exit::Outcome;
use super::life::{Birth, Guard};
use super::name::Published;
use super::reference::ChildRef;
use super::spec::ChildKind;
use crate::error::StartFailure;

/// The seat of a child without a mailbox.
pub(super) struct Plain(Core);

impl Plain {
    pub(super) fn new(settings: &Settings) -> Arc<Self> {
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

pub(super) struct TaskBody<F> {
    factory: F,
    seat: Option<Arc<Plain>>,
}

impl<F> TaskBody<F> {
    pub(super) fn new(factory: F) -> Self {
        Self { factory, seat: None }
    }
}

impl<F, T> Body<ChildRef> for TaskBody<F>
where
    F: Fn(TaskContext) -> T + Send + Sync + 'static,
    T: Future<Output: IntoExitReason> + Send + 'static,
{
    fn handle(&mut self, settings: &Settings) -> ChildRef {
        let seat = self.seat.get_or_insert_with(|| Plain::new(settings));
        ChildRef::new(Arc::clone(seat) as _)
    }

    fn assemble(self: Box<Self>, settings: &Settings, name: Option<Box<dyn Published>>) -> Arc<dyn Starter> {
        let seat = self.seat.unwrap_or_else(|| Plain::new(settings));
        Arc::new(TaskStarter { factory: Arc::new(self.factory), seat, name })
    }
}

struct TaskStarter<F> {
    factory: Arc<F>,
    seat: Arc<Plain>,
    name: Option<Box<dyn Published>>,
}

impl<F, T> Starter for TaskStarter<F>
where
    F: Fn(TaskContext) -> T + Send + Sync + 'static,
    T: Future<Output: IntoExitReason> + Send + 'static,
{
    fn seat(&self) -> Arc<dyn Seat> {
        Arc::clone(&self.seat) as _
    }

    fn core(&self) -> &Core {
        &self.seat.0
    }

    fn kind(&self) -> ChildKind {
        ChildKind::Task
    }

    fn start(self: Arc<Self>, birth: Birth) -> Result<Option<AbortHandle>, StartFailure> {
        let core = &self.seat.0;
        if let Some(name) = &self.name {
            name.reserve()?;
        }
        core.begin();
        let mut guard = Guard::new(self.seat(), birth);
        if let Some(name) = &self.name
            && let Err(failure) = name.publish(&self.seat().process(core.incarnation()))
        {
            guard.finish(Outcome::Refused(Box::new(failure)));
            return Ok(None);
        }
        let context = TaskContext { seat: self.seat(), incarnation: core.incarnation(), token: core.token() };
        guard.ready();
        let factory = Arc::clone(&self.factory);
        let task = core.spawn(async move {
            let outcome = {
                let mut future = pin!(Some(async { factory(context).await.into_exit_reason() }));
                catch(future.as_mut()).await
            };
            guard.conclude(outcome);
        });
        self.seat.0.set_abort(&task);
        Ok(Some(task))
    }

    fn release(&self) {
        if let Some(name) = &self.name {
            name.release();
        }
    }
}

impl<F> Drop for TaskStarter<F> {
    fn drop(&mut self) {
        // Whoever sees that it is gone finds its name free.
        if let Some(name) = &self.name {
            name.release();
        }
        self.seat.0.close();
    }
}

impl Guard {
    /// Takes down how the main future ended. One that returned after it was asked to stop has been shut down.
    pub(super) fn conclude(self, outcome: Result<ExitReason, registry::Panic>) {
        let reason = match outcome {
            Ok(ExitReason::Normal) if self.is_asked() => ExitReason::Shutdown,
            Ok(reason) => reason,
            Err(panic) => ExitReason::Panic(panic),
        };
        self.finish(Outcome::Exited(reason));
    }
}

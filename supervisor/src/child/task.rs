//! Children that are futures.

use std::pin::pin;
use std::sync::Arc;

use registry::{ExitReason, IntoExitReason};
use tokio::task::AbortHandle;

use super::catch::catch;
use super::context::TaskContext;
use super::exit::Outcome;
use super::kind::ChildKind;
use super::life::Guard;
use super::plain::{Plain, Run};
use super::seat::Seat;

/// The factory of a task.
pub(super) struct TaskRun<F>(Arc<F>);

impl<F> TaskRun<F> {
    pub(super) fn new(factory: F) -> Self {
        Self(Arc::new(factory))
    }
}

impl<F, T> Run for TaskRun<F>
where
    F: Fn(TaskContext) -> T + Send + Sync + 'static,
    T: Future<Output: IntoExitReason> + Send + 'static,
{
    const KIND: ChildKind = ChildKind::Task;

    fn run(&self, seat: &Arc<Plain>, guard: Guard) -> Option<AbortHandle> {
        let core = seat.core();
        let context = TaskContext { seat: Arc::clone(seat) as _, incarnation: core.incarnation(), token: core.token() };
        let factory = Arc::clone(&self.0);
        let task = core.spawn(async move {
            let outcome = {
                let mut future = pin!(Some(async {
                    guard.core().panic_if_rigged();
                    factory(context).await.into_exit_reason()
                }));
                catch(guard.core(), future.as_mut()).await
            };
            guard.conclude(outcome);
        });
        core.set_abort(&task);
        Some(task)
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

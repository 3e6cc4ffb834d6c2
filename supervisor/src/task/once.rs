//! A child that runs once and gives a result.
//!
//! The result goes out when the spec is dropped: then the task has ended with all that belongs to it, and its place among the
//! children is free. Whoever has the result of a task finds room for the next one.

use std::future::poll_fn;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Poll, Waker};

use parking_lot::Mutex;
use registry::ExitReason;
use tokio::sync::{mpsc, oneshot};
use tokio::task::AbortHandle;

use super::exit::TaskExit;
use crate::child::{Birth, ChildId, ChildKind, Core, Guard, Outcome, Seat, Spec, Starter, catch, panics};
use crate::error::StartFailure;
use crate::rules::{Restart, Shutdown};

/// What a task came to.
pub(super) type Finished<T> = Result<T, TaskExit>;

/// Where that is told.
pub(super) enum ReplyTo<T> {
    Handle(oneshot::Sender<Finished<T>>),
    /// With the number that the task has in its stream.
    Stream(mpsc::UnboundedSender<(u64, Finished<T>)>, u64),
}

type Work<T> = Pin<Box<dyn Future<Output = T> + Send>>;

struct Once<T> {
    core: Core,
    value: Mutex<Option<T>>,
}

impl<T: Send + 'static> Seat for Once<T> {
    fn core(&self) -> &Core {
        &self.core
    }
}

/// A spec for a task that runs this future, with what a reference to it is made from.
pub(super) fn spec<T: Send + 'static>(
    future: impl Future<Output = T> + Send + 'static,
    shutdown: Shutdown,
    reply: ReplyTo<T>,
) -> (Spec, Arc<dyn Seat>) {
    let core = Core::new(ChildId::from("task"), Restart::Temporary);
    let seat = Arc::new(Once { core, value: Mutex::new(None) });
    let starter = OnceStarter {
        seat: Arc::clone(&seat),
        work: Mutex::new(Some(Box::pin(future))),
        reply: Mutex::new(Some(reply)),
    };
    (
        Spec {
            restart: Restart::Temporary,
            shutdown,
            backoff: None,
            start_timeout: None,
            significant: false,
            has_room: true,
            depends_on: Box::default(),
            readiness: None,
            starter: Arc::new(starter),
        },
        seat,
    )
}

struct OnceStarter<T: Send + 'static> {
    seat: Arc<Once<T>>,
    /// There until it is started.
    work: Mutex<Option<Work<T>>>,
    reply: Mutex<Option<ReplyTo<T>>>,
}

impl<T: Send + 'static> Starter for OnceStarter<T> {
    fn seat(&self) -> Arc<dyn Seat> {
        Arc::clone(&self.seat) as _
    }

    fn core(&self) -> &Core {
        &self.seat.core
    }

    fn kind(&self) -> ChildKind {
        ChildKind::Task
    }

    fn start(self: Arc<Self>, birth: Birth) -> Result<Option<AbortHandle>, StartFailure> {
        self.seat.core.begin();
        let mut guard = Guard::new(self.seat(), birth);
        guard.ready();
        let Some(work) = self.work.lock().take() else {
            guard.finish(Outcome::Exited(ExitReason::Killed));
            return Ok(None);
        };
        let seat = Arc::clone(&self.seat);
        Ok(Some(self.seat.core.spawn(run(work, seat, guard))))
    }
}

/// The main task. The guard is dropped last.
async fn run<T: Send + 'static>(work: Work<T>, seat: Arc<Once<T>>, guard: Guard) {
    let outcome = {
        let mut running = pin!(Some(unless_asked(&seat.core, work)));
        catch(&seat.core, running.as_mut()).await
    };
    let reason = match outcome {
        Ok(Some(value)) => {
            *seat.value.lock() = Some(value);
            ExitReason::Normal
        }
        Ok(None) => ExitReason::Shutdown,
        Err(panic) => ExitReason::Panic(panic),
    };
    guard.finish(Outcome::Exited(reason));
}

/// The output of a future, which is dropped at its next await when a stop is asked for.
async fn unless_asked<T>(core: &Core, mut work: Work<T>) -> Option<T> {
    let mut armed: Option<Waker> = None;
    poll_fn(|task| {
        if !core.is_asked()
            && let Poll::Ready(value) = work.as_mut().poll(task)
        {
            return Poll::Ready(Some(value));
        }
        if armed.as_ref().is_none_or(|armed| !armed.will_wake(task.waker())) {
            armed = Some(task.waker().clone());
            core.wake_when_asked(task.waker());
        }
        if core.is_asked() { Poll::Ready(None) } else { Poll::Pending }
    })
    .await
}

impl<T: Send + 'static> Drop for OnceStarter<T> {
    fn drop(&mut self) {
        let core = &self.seat.core;
        core.close();
        // One that was refused has told its caller.
        if core.incarnation() == 0 {
            return;
        }
        let value = self.seat.value.lock().take();
        let reason = core.last_exit().unwrap_or(ExitReason::Killed);
        if !reason.is_clean() {
            tracing::error!(task = %core.id(), %reason, "a task ended without a result");
        }
        let finished = value.ok_or(TaskExit::Exited(reason));
        let Some(reply) = self.reply.get_mut().take() else { return };
        // Nobody may be there to have it, and its Drop is the user's.
        let told = panics(|| match reply {
            ReplyTo::Handle(sender) => drop(sender.send(finished)),
            ReplyTo::Stream(sender, index) => drop(sender.send((index, finished))),
        });
        if told {
            tracing::error!("the result of a task panicked while it was dropped");
        }
    }
}

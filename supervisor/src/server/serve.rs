//! One incarnation of a server, from its factory to its end.

use std::future::poll_fn;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::sync::atomic::Ordering::{Relaxed, Release, SeqCst};
use std::task::{Poll, Waker};

use registry::ExitReason;
use tokio::task::coop::cooperative;

use super::body::ServerStarter;
use super::bonds::Signal;
use super::call::current_task;
use super::context::Context;
use super::contract::{Failure, Flow, Init, Server};
use crate::child::{Core, Guard, Outcome, catch};

/// The main task. The guard is the last to go.
#[expect(clippy::manual_async_fn, reason = "an async fn has its arguments in its future twice")]
pub(super) fn run<S: Server, F: Fn() -> S + Send + Sync + 'static>(
    starter: Arc<ServerStarter<S, F>>,
    mut guard: Guard,
) -> impl Future<Output = ()> + Send {
    async move {
        let slot = Arc::clone(&starter.slot);
        let outcome = {
            let mut serving = pin!(Some(serve(starter, &mut guard)));
            catch(&slot.core, serving.as_mut()).await
        };
        guard.finish(outcome.unwrap_or_else(|panic| Outcome::Exited(ExitReason::Panic(panic))));
    }
}

#[expect(clippy::manual_async_fn, reason = "an async fn has its arguments in its future twice")]
fn serve<S: Server, F: Fn() -> S + Send + Sync + 'static>(
    starter: Arc<ServerStarter<S, F>>,
    guard: &mut Guard,
) -> impl Future<Output = Outcome> + Send {
    async move {
        let mut cx = Context::new(Arc::clone(&starter.slot));
        cx.slot.core.task.store(current_task(), Release);
        if !cx.slot.open() {
            return Outcome::Exited(ExitReason::Shutdown);
        }
        let mut server = (starter.factory)();

        starter.slot.core.panic_if_rigged();
        match unless_asked(&starter.slot.core, pin!(server.init(&mut cx))).await {
            None => return Outcome::Exited(ExitReason::Shutdown),
            Some(Err(failure)) => return Outcome::Exited(as_reason(&*failure)),
            Some(Ok(Init::Ignore)) => return Outcome::Ignored,
            Some(Ok(Init::Ready)) => {}
        }
        if let Some(name) = &starter.name
            && let Err(failure) = name.publish(&cx.process())
        {
            return Outcome::Refused(Box::new(failure));
        }
        drop(starter);
        guard.ready();

        let reason = handle_all(&mut server, &mut cx).await;
        cx.slot.leaving.store(cx.incarnation(), Release);
        server.terminate(&reason).await;
        Outcome::Exited(reason)
    }
}

async fn handle_all<S: Server>(server: &mut S, cx: &mut Context<S>) -> ExitReason {
    let mut armed = None;
    let slot = Arc::clone(&cx.slot);
    let mut progress = slot.core.progress.load(Relaxed);
    while let Some(event) = next(cx, &slot.core, &mut armed).await {
        slot.core.progress.store(progress + 1, Release);
        let flow = match event {
            Event::Message(message) => server.handle(message, cx).await,
            Event::Signal(signal) => match *signal {
                Signal::Down(down) => server.handle_down(down, cx).await,
                Signal::Exited(exited) => server.handle_exit(exited, cx).await,
            },
        };
        progress += 2;
        match flow {
            Ok(Flow::Continue) => {}
            Ok(Flow::Stop(reason)) => return reason,
            Err(failure) => return as_reason(&*failure),
        }
        // Sequentially consistent, as is the count of those who wait for it: one of the two sees the other.
        slot.core.progress.swap(progress, SeqCst);
        if slot.core.curious.load(SeqCst) != 0 {
            slot.core.changed.notify_waiters();
        }
    }
    ExitReason::Shutdown
}

/// What a server handles. Small, as it is moved more often than looked at.
enum Event<M> {
    Message(M),
    Signal(Box<Signal>),
}

/// What is next: put ahead, the end of another process, a timer, mail. `None` when the server is to stop.
fn next<S: Server>(
    cx: &mut Context<S>,
    core: &Core,
    armed: &mut Option<Waker>,
) -> impl Future<Output = Option<Event<S::Message>>> {
    // Within the budget of the task, so that a server that always has mail leaves room for others.
    cooperative(poll_fn(move |task| {
        cx.mail = false;
        if core.is_asked() {
            return Poll::Ready(None);
        }
        if let Some(message) = cx.own().ahead.pop_front() {
            return Poll::Ready(Some(Event::Message(message)));
        }
        if let Some(signal) = cx.next_signal() {
            return Poll::Ready(Some(Event::Signal(signal)));
        }
        if let Some(timers) = &mut cx.own().timers
            && let Poll::Ready(message) = timers.poll_due(task)
        {
            return Poll::Ready(Some(Event::Message(message)));
        }
        if let Poll::Ready(message) = cx.slot.poll_receive(task) {
            cx.mail = true;
            return Poll::Ready(Some(Event::Message(message)));
        }
        // It may have come after the first look and before this task was there to be woken.
        if let Some(signal) = cx.next_signal() {
            return Poll::Ready(Some(Event::Signal(signal)));
        }
        if armed.as_ref().is_none_or(|armed| !armed.will_wake(task.waker())) {
            *armed = Some(task.waker().clone());
            core.wake_when_asked(task.waker());
            if core.is_asked() {
                return Poll::Ready(None);
            }
        }
        Poll::Pending
    }))
}

/// The output of a future, unless a stop is asked for first.
async fn unless_asked<T>(core: &Core, mut future: Pin<&mut impl Future<Output = T>>) -> Option<T> {
    poll_fn(|task| {
        core.wake_when_asked(task.waker());
        if core.is_asked() {
            return Poll::Ready(None);
        }
        future.as_mut().poll(task).map(Some)
    })
    .await
}

/// The error with all of its causes.
fn as_reason(failure: &(dyn std::error::Error + Send + Sync + 'static)) -> ExitReason {
    let mut text = failure.to_string();
    let mut cause = failure.source();
    while let Some(error) = cause {
        text = format!("{text}: {error}");
        cause = error.source();
    }
    ExitReason::Error(text.into())
}

const _: () = {
    const fn assert_send<T: Send>() {}
    assert_send::<Failure>();
};

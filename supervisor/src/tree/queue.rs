//! The queue of one listener: bounded, and never waited for.

use std::collections::VecDeque;
use std::fmt;
use std::future::poll_fn;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use futures_core::Stream;
use parking_lot::Mutex;

use super::event::Event;
use super::feed::Feed;

/// A listener was too slow, and this many events between the last one and the next were dropped.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0} events were dropped, because they were not taken in time")]
pub struct Lagged(pub u64);

pub(super) struct Queue {
    capacity: usize,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    events: VecDeque<Event>,
    lagged: u64,
    closed: bool,
    waker: Option<Waker>,
}

impl Queue {
    pub(super) fn new(capacity: usize) -> Self {
        assert!(capacity > 0, "a queue holds at least one event");
        Self { capacity, state: Mutex::default() }
    }

    pub(super) fn push(&self, event: Event) {
        let (oldest, waker) = {
            let mut state = self.state.lock();
            let oldest = if state.events.len() == self.capacity { state.events.pop_front() } else { None };
            state.lagged += u64::from(oldest.is_some());
            state.events.push_back(event);
            (oldest, state.waker.take())
        };
        drop(oldest);
        waker.into_iter().for_each(Waker::wake);
    }

    pub(super) fn close(&self) {
        let waker = {
            let mut state = self.state.lock();
            state.closed = true;
            state.waker.take()
        };
        waker.into_iter().for_each(Waker::wake);
    }

    fn take(&self, waker: Option<&Waker>) -> Poll<Option<Result<Event, Lagged>>> {
        // Cloned before the lock, and dropped after it: wakers are somebody else's code.
        let mut waker = waker.cloned();
        let mut state = self.state.lock();
        let taken = match (std::mem::take(&mut state.lagged), state.closed) {
            (lagged @ 1.., _) => Poll::Ready(Some(Err(Lagged(lagged)))),
            (0, closed) => match state.events.pop_front() {
                Some(event) => Poll::Ready(Some(Ok(event))),
                None if closed => Poll::Ready(None),
                None => Poll::Pending,
            },
        };
        if taken.is_pending() {
            std::mem::swap(&mut state.waker, &mut waker);
        }
        drop(state);
        taken
    }
}

/// What happens in a tree, as a stream: from the call of `events` on, and until the supervisor's spec is gone.
///
/// - Events of one supervisor and its children come in the order in which they happened, those of different supervisors as far
///   as one led to the other: a supervisor is up after its children and ends after them.
/// - It holds up to as many events as was said. When more come, the oldest are dropped, and [`Lagged`] says how many.
///   Nothing that happens in a tree waits for a listener.
///
/// # Cancel safety
///
/// Nothing is lost when a future of [`recv`](Self::recv) is dropped.
///
/// ```
/// use supervisor::{ChildSpec, EventKind, ExitReason, Strategy, Supervisor};
///
/// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let tree = Supervisor::new(Strategy::OneForOne)
///     .child(ChildSpec::task("poller", |cx| async move { cx.stopped().await }))
///     .start()
///     .await?;
/// let mut events = tree.events(64);
/// tree.kill_child("poller").await?;
///
/// let event = events.recv().await.ok_or("it goes on")??;
/// assert_eq!(event.kind, EventKind::Exited(ExitReason::Killed));
/// assert_eq!(event.path(), "supervisor/poller");
/// # tree.stop().await; Ok(()) }
/// ```
#[must_use = "events are dropped unless they are taken"]
pub struct Events {
    feed: Arc<Feed>,
    queue: Arc<Queue>,
}

impl Events {
    pub(super) fn new(feed: Arc<Feed>, queue: Arc<Queue>) -> Self {
        Self { feed, queue }
    }

    /// The next event. `None` when there will be no other.
    ///
    /// # Errors
    ///
    /// Some were dropped before the next one, which comes with the next call.
    pub async fn recv(&mut self) -> Option<Result<Event, Lagged>> {
        poll_fn(|task| self.queue.take(Some(task.waker()))).await
    }

    /// The next event that has happened already.
    ///
    /// # Errors
    ///
    /// As for [`recv`](Self::recv).
    pub fn try_recv(&mut self) -> Option<Result<Event, Lagged>> {
        match self.queue.take(None) {
            Poll::Ready(event) => event,
            Poll::Pending => None,
        }
    }
}

impl Stream for Events {
    type Item = Result<Event, Lagged>;

    fn poll_next(self: Pin<&mut Self>, task: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.queue.take(Some(task.waker()))
    }
}

impl Drop for Events {
    fn drop(&mut self) {
        self.feed.forget(&self.queue);
    }
}

impl fmt::Debug for Events {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Events").field("capacity", &self.queue.capacity).finish_non_exhaustive()
    }
}

//! The bounded queue of one subscriber.

use std::collections::VecDeque;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use tokio::sync::Semaphore;
use tokio::time::Instant;

use super::topic::Rest;
use crate::sync::Mutex;

/// What happens to a message for a subscriber whose queue is full.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Overflow {
    /// The oldest message in the queue makes room. The subscriber is told how many it missed.
    DropOldest,
    /// The subscription ends: the subscriber gets what is in its queue, and is told then that it was disconnected.
    Disconnect,
    /// The publisher waits for room, at most this long: then the subscriber misses the message and is told so.
    BackPressure(Duration),
}

/// The queue between publishers and one subscriber.
pub(super) struct Queue<M> {
    capacity: usize,
    overflow: Overflow,
    /// Room left, under back-pressure: whoever waits for it gets it in turn. Closed when the subscriber is gone.
    room: Semaphore,
    state: Mutex<State<M>>,
}

struct State<M> {
    /// Each with the number of messages that were missed right before it.
    messages: VecDeque<(u64, M)>,
    /// Those missed behind the last one in the queue.
    missed: u64,
    ended: Option<Ended>,
    /// Nobody will look at it any more.
    abandoned: bool,
    waker: Option<Waker>,
}

/// Why no more messages come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Ended {
    Disconnected,
    Closed,
}

/// What became of a message.
#[derive(Debug)]
pub(super) enum Offered<M> {
    Delivered,
    /// Delivered, and another one dropped for it.
    Replaced,
    /// Not delivered, and the subscriber is not to get any other.
    Disconnected,
    /// There is no room now: wait for it.
    Full(M),
    /// The subscription is over.
    Gone,
}

/// What a subscriber finds.
#[derive(Debug)]
pub(super) enum Taken<M> {
    Message(M),
    Missed(u64),
    Ended(Ended),
}

impl<M> Queue<M> {
    pub(super) fn new(capacity: usize, overflow: Overflow) -> Self {
        let capacity = capacity.clamp(1, Semaphore::MAX_PERMITS);
        let state = State { messages: VecDeque::new(), missed: 0, ended: None, abandoned: false, waker: None };
        Self { capacity, overflow, room: Semaphore::new(capacity), state: Mutex::new(state) }
    }

    /// How long a publisher waits for room.
    pub(super) fn patience(&self) -> Duration {
        match self.overflow {
            Overflow::BackPressure(patience) => patience,
            _ => Duration::ZERO,
        }
    }

    /// Puts a message in without waiting.
    pub(super) fn offer(&self, message: M) -> Offered<M> {
        if matches!(self.overflow, Overflow::BackPressure(_)) {
            return match self.room.try_acquire() {
                Ok(permit) => {
                    permit.forget();
                    self.put(message)
                }
                Err(tokio::sync::TryAcquireError::NoPermits) => Offered::Full(message),
                Err(tokio::sync::TryAcquireError::Closed) => Offered::Gone,
            };
        }
        self.put(message)
    }

    /// Waits for room; `None` when the time ran out or the subscription did, and the message was not delivered.
    pub(super) async fn offer_until(&self, message: &mut Option<M>, deadline: Instant) -> Option<Offered<M>> {
        let permit = tokio::time::timeout_at(deadline, self.room.acquire()).await.ok()?;
        let Ok(permit) = permit else { return Some(Offered::Gone) };
        permit.forget();
        message.take().map(|message| self.put(message))
    }

    /// With room under back-pressure, or with none needed.
    fn put(&self, message: M) -> Offered<M> {
        let mut state = self.state.lock();
        if state.abandoned || state.ended.is_some() {
            drop(state);
            drop(message);
            return Offered::Gone;
        }
        let mut replaced = None;
        if state.messages.len() >= self.capacity {
            match self.overflow {
                Overflow::Disconnect => {
                    state.ended = Some(Ended::Disconnected);
                    let waker = state.waker.take();
                    drop(state);
                    waker.into_iter().for_each(Waker::wake);
                    drop(message);
                    return Offered::Disconnected;
                }
                Overflow::DropOldest | Overflow::BackPressure(_) => {
                    replaced = state.messages.pop_front();
                    if let Some((missed, _)) = &replaced {
                        let missed = missed + 1;
                        match state.messages.front_mut() {
                            Some((before, _)) => *before += missed,
                            None => state.missed += missed,
                        }
                    }
                }
            }
        }
        let missed = std::mem::take(&mut state.missed);
        state.messages.push_back((missed, message));
        let waker = state.waker.take();
        drop(state);
        waker.into_iter().for_each(Waker::wake);
        if replaced.is_some() { Offered::Replaced } else { Offered::Delivered }
    }

    /// Tells the subscriber of a message that it did not get.
    pub(super) fn miss(&self) {
        let mut state = self.state.lock();
        state.missed += 1;
        let waker = state.waker.take();
        drop(state);
        waker.into_iter().for_each(Waker::wake);
    }

    /// What is next, if there is anything.
    pub(super) fn take(&self) -> Option<Taken<M>> {
        self.take_or(None).0
    }

    pub(super) fn poll_take(&self, cx: &mut Context<'_>) -> Poll<Taken<M>> {
        if let Some(taken) = self.take() {
            return Poll::Ready(taken);
        }
        // Cloned and dropped outside of the lock: a waker is somebody else's code.
        let (taken, _former) = self.take_or(Some(cx.waker().clone()));
        taken.map_or(Poll::Pending, Poll::Ready)
    }

    /// What is next, or else leaves this waker to be woken. The second is the waker that is not needed.
    fn take_or(&self, waker: Option<Waker>) -> (Option<Taken<M>>, Option<Waker>) {
        let mut state = self.state.lock();
        if let Some((missed, _)) = state.messages.front_mut()
            && *missed > 0
        {
            return (Some(Taken::Missed(std::mem::take(missed))), waker);
        }
        if let Some((_, message)) = state.messages.pop_front() {
            drop(state);
            if matches!(self.overflow, Overflow::BackPressure(_)) {
                self.room.add_permits(1);
            }
            return (Some(Taken::Message(message)), waker);
        }
        if state.missed > 0 {
            return (Some(Taken::Missed(std::mem::take(&mut state.missed))), waker);
        }
        if let Some(ended) = state.ended {
            return (Some(Taken::Ended(ended)), waker);
        }
        match waker {
            Some(waker) => (None, state.waker.replace(waker)),
            None => (None, None),
        }
    }

    pub(super) fn len(&self) -> usize {
        self.state.lock().messages.len()
    }

    /// No more messages come: what is in the queue can still be taken.
    fn end(&self) {
        let mut state = self.state.lock();
        state.ended.get_or_insert(Ended::Closed);
        let waker = state.waker.take();
        drop(state);
        self.room.close();
        waker.into_iter().for_each(Waker::wake);
    }

    /// The subscriber has gone: its messages are dropped, and none is taken any more.
    pub(super) fn abandon(&self) {
        let mut state = self.state.lock();
        state.abandoned = true;
        let messages = std::mem::take(&mut state.messages);
        let waker = state.waker.take();
        drop(state);
        self.room.close();
        drop((messages, waker));
    }
}

/// The end of a queue that is in a group; with the membership goes the queue.
pub(super) struct Subscriber<M> {
    pub(super) queue: Arc<Queue<M>>,
    /// How the topic has to go on, unless the group is that of one topic.
    pub(super) rest: Option<Rest>,
}

impl<M> Drop for Subscriber<M> {
    fn drop(&mut self) {
        self.queue.end();
    }
}

//! Messages that a server sends to itself, later.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, HashMap};
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::time::{Instant, Sleep, sleep_until};

/// A timer of one incarnation, to cancel it by.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct TimerId(u64);

/// All timers of an incarnation, which end with it. One sleep serves the earliest.
pub(super) struct Timers<M> {
    next: u64,
    queue: BinaryHeap<Reverse<(Instant, u64)>>,
    armed: HashMap<u64, Armed<M>>,
    sleep: Pin<Box<Sleep>>,
}

enum Armed<M> {
    Once(M),
    Every(Duration, Box<dyn FnMut() -> M + Send>),
}

impl<M> Timers<M> {
    pub(super) fn new() -> Self {
        Self { next: 0, queue: BinaryHeap::new(), armed: HashMap::new(), sleep: Box::pin(sleep_until(Instant::now())) }
    }

    pub(super) fn after(&mut self, delay: Duration, message: M) -> TimerId {
        self.arm(delay, Armed::Once(message))
    }

    pub(super) fn every(&mut self, period: Duration, message: Box<dyn FnMut() -> M + Send>) -> TimerId {
        self.arm(period, Armed::Every(period, message))
    }

    pub(super) fn cancel(&mut self, timer: TimerId) -> bool {
        self.armed.remove(&timer.0).is_some()
    }

    fn arm(&mut self, delay: Duration, armed: Armed<M>) -> TimerId {
        let id = self.next;
        self.next += 1;
        self.armed.insert(id, armed);
        self.queue.extend(Instant::now().checked_add(delay).map(|at| Reverse((at, id))));
        TimerId(id)
    }

    /// The next message that is due. Pending also when there is no timer.
    pub(super) fn poll_due(&mut self, cx: &mut Context<'_>) -> Poll<M> {
        loop {
            let Some(&Reverse((at, id))) = self.queue.peek() else { return Poll::Pending };
            if !self.armed.contains_key(&id) {
                self.queue.pop();
                continue;
            }
            if self.sleep.deadline() != at {
                self.sleep.as_mut().reset(at);
            }
            ready!(self.sleep.as_mut().poll(cx));
            self.queue.pop();
            match self.armed.remove(&id) {
                Some(Armed::Once(message)) => return Poll::Ready(message),
                Some(Armed::Every(period, mut next)) => {
                    let message = next();
                    self.queue.extend(next_tick(at, period, Instant::now()).map(|at| Reverse((at, id))));
                    self.armed.insert(id, Armed::Every(period, next));
                    return Poll::Ready(message);
                }
                None => {}
            }
        }
    }
}

/// The first tick after `now` of those that follow `at`: what was missed while a message was handled is left out, and the rhythm
/// is kept. `None` when the clock does not go that far.
fn next_tick(at: Instant, period: Duration, now: Instant) -> Option<Instant> {
    let missed = now.saturating_duration_since(at).as_nanos() / period.as_nanos().max(1);
    let periods = u32::try_from(missed + 1).ok();
    periods
        .and_then(|periods| period.checked_mul(periods))
        .map_or_else(|| now.checked_add(period), |ahead| at.checked_add(ahead))
}

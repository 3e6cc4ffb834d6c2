//! One message on its way to its subscribers.

use std::pin::Pin;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use tokio::time::Instant;

use super::queue::{Offered, Subscriber};
use crate::groups::Member;
use crate::telemetry::MessageResult;

/// What became of a message.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Published {
    /// How many subscriptions have it in their queue.
    pub delivered: usize,
    /// How many older messages were dropped for it ([`Overflow::DropOldest`](super::Overflow)).
    pub dropped: usize,
    /// How many subscriptions ended for being too slow ([`Overflow::Disconnect`](super::Overflow)).
    pub disconnected: usize,
    /// How many subscriptions missed it, for having no room in time ([`Overflow::BackPressure`](super::Overflow)).
    pub timed_out: usize,
}

impl Published {
    /// The counts by their metric label.
    pub(super) fn counts(self) -> [(MessageResult, usize); 4] {
        [
            (MessageResult::Delivered, self.delivered),
            (MessageResult::Dropped, self.dropped),
            (MessageResult::Disconnected, self.disconnected),
            (MessageResult::TimedOut, self.timed_out),
        ]
    }

    /// Offers a message to one subscriber; the one to wait for, if there is no room.
    pub(super) fn offer<M: Send + 'static>(
        &mut self,
        member: &Arc<Member<Subscriber<M>>>,
        message: M,
    ) -> Option<Waiting<M>> {
        match member.value().queue.offer(message) {
            Offered::Delivered => self.delivered += 1,
            Offered::Replaced => {
                self.delivered += 1;
                self.dropped += 1;
            }
            Offered::Disconnected => {
                self.disconnected += 1;
                member.leave_group();
            }
            Offered::Full(message) => {
                return Some(Waiting { member: Arc::clone(member), message: Some(message) });
            }
            Offered::Gone => {}
        }
        None
    }

    /// Waits for room at all of them at once.
    pub(super) async fn wait<M: Send + 'static>(&mut self, waiting: Vec<Waiting<M>>) {
        let begin = Instant::now();
        let mut waiting: Vec<Pin<Box<_>>> = waiting.into_iter().map(|it| Box::pin(it.deliver(begin))).collect();
        std::future::poll_fn(|cx| {
            waiting.retain_mut(|it| match it.as_mut().poll(cx) {
                Poll::Ready(end) => {
                    self.delivered += usize::from(end == End::Delivered);
                    self.timed_out += usize::from(end == End::TimedOut);
                    false
                }
                Poll::Pending => true,
            });
            if waiting.is_empty() { Poll::Ready(()) } else { Poll::Pending }
        })
        .await;
    }
}

/// A message for a subscriber without room. Dropped before it is delivered, the subscriber has missed it.
pub(super) struct Waiting<M: Send + 'static> {
    member: Arc<Member<Subscriber<M>>>,
    message: Option<M>,
}

/// What stands for a time that is longer than the clock counts: some thirty years.
const FAR: Duration = Duration::from_secs(86_400 * 365 * 30);

#[derive(Clone, Copy, PartialEq, Eq)]
enum End {
    Delivered,
    TimedOut,
    Gone,
}

impl<M: Send + 'static> Waiting<M> {
    async fn deliver(mut self, begin: Instant) -> End {
        let member = Arc::clone(&self.member);
        let queue = &member.value().queue;
        let deadline = begin.checked_add(queue.patience()).unwrap_or_else(|| begin + FAR);
        match queue.offer_until(&mut self.message, deadline).await {
            Some(Offered::Delivered) => End::Delivered,
            None => End::TimedOut,
            Some(_) => {
                self.message = None;
                End::Gone
            }
        }
    }
}

impl<M: Send + 'static> Drop for Waiting<M> {
    fn drop(&mut self) {
        if self.message.is_some() {
            self.member.value().queue.miss();
        }
    }
}

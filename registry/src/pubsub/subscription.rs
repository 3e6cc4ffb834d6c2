//! The receiving end.

use std::fmt;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use futures_core::Stream;

use super::queue::{Ended, Queue, Taken};
use crate::groups::Membership;

/// The messages of one topic, or of all that match a pattern.
///
/// Messages of one publisher come in the order of their publishing. Dropping it unsubscribes: nothing is delivered any
/// more, and what is in its queue is dropped.
///
/// It is a `Stream` of what [`recv`](Self::recv) gives, which ends where `recv` says [`Closed`](RecvError::Closed), or
/// behind [`Disconnected`](RecvError::Disconnected).
#[must_use = "dropping it unsubscribes"]
pub struct Subscription<M> {
    pattern: Box<str>,
    queue: Arc<Queue<M>>,
    _membership: Membership,
    /// The stream has told how it ended.
    told: bool,
}

/// Why there is no message.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum RecvError {
    /// This many messages were missed here, because the queue was full. Later ones follow.
    #[error("{0} messages were missed")]
    Lagged(u64),
    /// The queue was full and the subscription has ended for that ([`Overflow::Disconnect`](super::Overflow)).
    #[error("disconnected for being too slow")]
    Disconnected,
    /// The namespace was closed, or the registry ended.
    #[error("the namespace is closed")]
    Closed,
    /// There is none now ([`try_recv`](Subscription::try_recv) only).
    #[error("no message is there")]
    Empty,
}

impl<M> Subscription<M> {
    pub(super) fn new(pattern: &str, queue: Arc<Queue<M>>, membership: Membership) -> Self {
        Self { pattern: pattern.into(), queue, _membership: membership, told: false }
    }

    /// What was subscribed to.
    pub fn pattern(&self) -> &str {
        &self.pattern
    }

    /// How many messages are in its queue.
    pub fn len(&self) -> usize {
        self.queue.len()
    }

    /// Whether no message is in its queue.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The next message, when it is there.
    ///
    /// # Errors
    ///
    /// [`Lagged`](RecvError::Lagged) in the place of messages that were missed, and then it goes on.
    /// [`Disconnected`](RecvError::Disconnected) and [`Closed`](RecvError::Closed) behind the last message, from then on.
    ///
    /// # Cancel safety
    ///
    /// No message is lost when it is dropped.
    pub async fn recv(&mut self) -> Result<M, RecvError> {
        result(std::future::poll_fn(|cx| self.queue.poll_take(cx)).await)
    }

    /// The next message, if it is there.
    ///
    /// # Errors
    ///
    /// Those of [`recv`](Self::recv), and [`Empty`](RecvError::Empty).
    pub fn try_recv(&mut self) -> Result<M, RecvError> {
        self.queue.take().map_or(Err(RecvError::Empty), result)
    }
}

fn result<M>(taken: Taken<M>) -> Result<M, RecvError> {
    match taken {
        Taken::Message(message) => Ok(message),
        Taken::Missed(missed) => Err(RecvError::Lagged(missed)),
        Taken::Ended(Ended::Disconnected) => Err(RecvError::Disconnected),
        Taken::Ended(Ended::Closed) => Err(RecvError::Closed),
    }
}

impl<M> Stream for Subscription<M> {
    type Item = Result<M, RecvError>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        if self.told {
            return Poll::Ready(None);
        }
        let next = std::task::ready!(self.queue.poll_take(cx));
        self.told = matches!(next, Taken::Ended(_));
        Poll::Ready(match result(next) {
            Err(RecvError::Closed) => None,
            next => Some(next),
        })
    }
}

impl<M> Drop for Subscription<M> {
    fn drop(&mut self) {
        self.queue.abandon();
    }
}

impl<M> fmt::Debug for Subscription<M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Subscription").field("pattern", &self.pattern).field("len", &self.len()).finish_non_exhaustive()
    }
}

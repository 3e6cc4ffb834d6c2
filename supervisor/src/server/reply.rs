//! The way back to a caller.

use std::fmt;

use tokio::sync::oneshot;

/// Where the answer to a call goes: a one-shot port inside a message.
///
/// It can be answered later, from anywhere; keep it and return. Dropped without an answer, its caller gets
/// [`NoReply`](crate::CallError::NoReply), or [`Died`](crate::CallError::Died) when the server went with it.
#[must_use = "the caller waits for an answer"]
pub struct Reply<T>(pub(super) oneshot::Sender<T>);

impl<T> Reply<T> {
    pub(crate) fn new(sender: oneshot::Sender<T>) -> Self {
        Self(sender)
    }

    /// Answers. An answer that comes too late for its caller is dropped.
    pub fn send(self, answer: T) {
        drop(self.0.send(answer));
    }

    /// Whether the caller has given up waiting.
    pub fn is_closed(&self) -> bool {
        self.0.is_closed()
    }
}

impl<T> fmt::Debug for Reply<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Reply").field("closed", &self.is_closed()).finish()
    }
}

//! Messages that were not delivered, and calls without an answer.

use std::fmt;

use registry::ExitReason;

/// Why a call has no answer.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum CallError {
    /// The server took the message and did not answer in time. It may still handle it, unless its spec says
    /// [`skip_expired`](crate::ChildSpec::skip_expired); the late answer is dropped. A
    /// [`Context::call`](crate::Context::call) whose deadline had passed before it was sent was not delivered.
    #[error("no answer in time")]
    Timeout,
    /// The server is between two incarnations. The message was not delivered.
    #[error("the server is restarting")]
    Restarting,
    /// The server is not running, and not about to be. The message was not delivered.
    #[error("the server is not running")]
    NotRunning,
    /// The server ended with the message handled in part, or not at all.
    #[error("the server ended: {0}")]
    Died(ExitReason),
    /// The mailbox was full, and the message was not handled: it found no room in time, or at all, or was dropped for another
    /// ([`Overflow`](crate::Overflow)).
    #[error("the server's mailbox is full")]
    Overloaded,
    /// The server called itself, or one that waits for it: it could never answer. The message was not delivered.
    #[error("the server called itself, or one that waits for it")]
    WouldDeadlock,
    /// The server dropped the reply port without an answer, and goes on.
    #[error("the server gave no answer")]
    NoReply,
}

/// Why a message was not sent. It is handed back.
#[derive(Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SendError<M> {
    /// The mailbox is full.
    #[error("the server's mailbox is full")]
    Full(M),
    /// The server is between two incarnations.
    #[error("the server is restarting")]
    Restarting(M),
    /// The server is not running, and not about to be.
    #[error("the server is not running")]
    NotRunning(M),
}

/// The message need not be printable.
impl<M> fmt::Debug for SendError<M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Full(_) => "Full(..)",
            Self::Restarting(_) => "Restarting(..)",
            Self::NotRunning(_) => "NotRunning(..)",
        })
    }
}

impl<M> SendError<M> {
    /// The message.
    pub fn into_message(self) -> M {
        match self {
            Self::Full(message) | Self::Restarting(message) | Self::NotRunning(message) => message,
        }
    }
}

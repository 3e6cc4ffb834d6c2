//! Why a conversation is over.

use super::protocol::Goodbye;
use super::wire::Stuck;

/// Why it is over.
#[derive(Debug)]
pub(super) enum End {
    /// The client went.
    Gone,
    /// The client cannot be written to.
    Stuck,
    /// The client is to be told.
    Goodbye(Goodbye),
}

impl From<Stuck> for End {
    fn from(_: Stuck) -> Self {
        Self::Stuck
    }
}

impl From<Goodbye> for End {
    fn from(goodbye: Goodbye) -> Self {
        Self::Goodbye(goodbye)
    }
}

/// What a conversation ends with other than an [`End`].
pub(super) enum Never {}

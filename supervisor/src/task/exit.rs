//! Why there is no result.

use registry::ExitReason;

use crate::error::StartChildError;

/// Why a task gave no result.
#[derive(Clone, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TaskExit {
    /// It ended without one: it panicked, was stopped or killed, or its time was over.
    #[error("the task ended without a result: {0}")]
    Exited(ExitReason),
    /// It was not started: one of a stream, for which there was no room or no supervisor any more.
    #[error("the task was not started")]
    Refused(#[source] StartChildError),
}

impl TaskExit {
    /// Why it ended; `None` when it was not started.
    pub const fn reason(&self) -> Option<&ExitReason> {
        match self {
            Self::Exited(reason) => Some(reason),
            Self::Refused(_) => None,
        }
    }

    /// Whether it panicked.
    pub const fn is_panic(&self) -> bool {
        matches!(self, Self::Exited(ExitReason::Panic(_)))
    }
}

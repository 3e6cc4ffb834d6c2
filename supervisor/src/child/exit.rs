//! How an incarnation, and how a supervisor, came to its end.

use std::fmt;

use registry::ExitReason;

use super::id::ChildId;
use crate::error::StartFailure;

/// Why a supervisor gave up: restarting `child` once more would have exceeded its budget.
///
/// The supervisor's exit reason is a [`ShutdownWith`](ExitReason::ShutdownWith) that says the same: a parent restarts it
/// when it is permanent, and not when it is transient.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Meltdown {
    /// The child whose restart was one too many.
    pub child: ChildId,
    /// Why that child ended, the last time.
    pub cause: ExitReason,
}

impl fmt::Display for Meltdown {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "meltdown: child `{}` ended with {}", self.child, self.cause)
    }
}

impl From<&Meltdown> for ExitReason {
    fn from(meltdown: &Meltdown) -> Self {
        Self::shutdown_with(meltdown.to_string())
    }
}

/// What an incarnation itself says about its end.
#[derive(Debug)]
pub(crate) enum Outcome {
    Exited(ExitReason),
    /// Its init asked to be left out.
    Ignored,
    /// It never came up, for a reason that is more than an exit.
    Refused(Box<StartFailure>),
}

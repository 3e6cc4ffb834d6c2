//! What one check says.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use crate::error::LookupError;
use crate::process::Panic;
use crate::telemetry::HealthResult;

/// What one health check found out.
///
/// That a service is absent and that it is there and does not work are different answers, for different repairs.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Verdict {
    /// The service is registered, ready, and passed the check in time.
    #[non_exhaustive]
    Healthy {
        /// How long the check took.
        took: Duration,
    },
    /// The check says that the service does not work.
    #[non_exhaustive]
    Failed {
        /// What the check said.
        reason: Failure,
    },
    /// The check panicked.
    Panicked(Panic),
    /// The check had no answer in time and was aborted; of a heartbeat: none came in time.
    #[non_exhaustive]
    TimedOut {
        /// The time that it had.
        after: Duration,
    },
    /// There is no ready service of this name and type: absent, starting, restarting, draining.
    NotRegistered(LookupError),
    /// Nothing was checked: as many checks on demand as may run at once had not ended
    /// ([`max_checkups`](crate::ServiceRegistry::max_checkups)). It says nothing about the service.
    #[non_exhaustive]
    Refused {
        /// How many may run at once.
        limit: usize,
    },
}

impl Verdict {
    /// Whether the service is well.
    pub const fn is_healthy(&self) -> bool {
        matches!(self, Self::Healthy { .. })
    }

    /// Whether no service of this name was ready; one of another type is there.
    pub const fn is_absent(&self) -> bool {
        match self {
            Self::NotRegistered(error) => !matches!(error, LookupError::TypeMismatch { .. }),
            _ => false,
        }
    }

    /// One word for it, the value of the metric label `result`.
    pub const fn as_str(&self) -> &'static str {
        self.result().label()
    }

    pub(crate) const fn result(&self) -> HealthResult {
        match self {
            Self::Healthy { .. } => HealthResult::Healthy,
            Self::Failed { .. } => HealthResult::Failed,
            Self::Panicked(_) => HealthResult::Panicked,
            Self::TimedOut { .. } => HealthResult::TimedOut,
            Self::NotRegistered(_) => HealthResult::NotRegistered,
            Self::Refused { .. } => HealthResult::Refused,
        }
    }
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Healthy { took } => write!(f, "healthy in {took:?}"),
            Self::Failed { reason } => write!(f, "failed: {reason}"),
            Self::Panicked(panic) => write!(f, "the check panicked: {panic}"),
            Self::TimedOut { after } => write!(f, "no answer within {after:?}"),
            Self::NotRegistered(error) => fmt::Display::fmt(error, f),
            Self::Refused { limit } => write!(f, "not checked: {limit} checks have not ended"),
        }
    }
}

/// Why a check says that a service does not work.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct Failure(Arc<str>);

impl Failure {
    /// A failure with the text of `reason`.
    pub fn new(reason: impl fmt::Display) -> Self {
        Self(reason.to_string().into())
    }
}

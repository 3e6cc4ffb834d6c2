//! Trees that did not start, and children that did not come up.

use std::time::Duration;

use registry::{ExitReason, ReserveError};

use super::resize::MAX_PARTITIONS;
use crate::child::{ChildId, Meltdown};

/// Why a supervision tree did not start. Whatever had been started is stopped again.
#[derive(Clone, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StartError {
    /// Two children have the same id. Nothing was started.
    #[error("two children are called `{child}`")]
    DuplicateId {
        /// The id.
        child: ChildId,
    },
    /// The period of a restart budget is zero. Nothing was started.
    #[error("the period of a restart budget cannot be zero (supervisor `{supervisor}`)")]
    ZeroPeriod {
        /// The supervisor.
        supervisor: ChildId,
    },
    /// A partition supervisor cannot have so few or so many partitions. Nothing was started.
    #[error("`{supervisor}` cannot have {partitions} partitions: ask for 1 to {MAX_PARTITIONS}")]
    Partitions {
        /// The supervisor.
        supervisor: ChildId,
        /// What it was asked to have.
        partitions: usize,
    },
    /// The start timeout of a child is zero. Nothing was started.
    #[error(
        "child `{child}`: no init is done within a start timeout of zero; give it the time it needs, or leave it out"
    )]
    ZeroStartTimeout {
        /// The child.
        child: ChildId,
    },
    /// The mailbox of a child holds no messages. Nothing was started.
    #[error("child `{child}`: nothing can be sent to a mailbox without room; give it room for a message at least")]
    ZeroMailbox {
        /// The child.
        child: ChildId,
    },
    /// The watchdog of a child gives its handler no time. Nothing was started.
    #[error(
        "child `{child}`: no message is handled within a watchdog of zero; give it the time it needs, or leave it out"
    )]
    ZeroWatchdog {
        /// The child.
        child: ChildId,
    },
    /// No child of a supervisor may be in its init. Nothing was started.
    #[error("no child of `{supervisor}` can be restarted while none may be in its init: let 1 at least be")]
    NoInits {
        /// The supervisor.
        supervisor: ChildId,
    },
    /// A readiness probe has no interval between its checks. Nothing was started.
    #[error("child `{child}`: a readiness probe cannot check all the time; give it an interval, such as 1 second")]
    ZeroInterval {
        /// The child.
        child: ChildId,
    },
    /// A child depends on one that is not there. Nothing was started.
    #[error(
        "child `{child}` depends on `{on}`, which is no child of the same supervisor: add it there, or correct the id"
    )]
    UnknownDependency {
        /// The child.
        child: ChildId,
        /// The id that it depends on.
        on: ChildId,
    },
    /// A child depends on itself, over others or directly. Nothing was started.
    #[error("child `{child}` depends on itself ({}): leave one of these out", path(.cycle))]
    DependencyCycle {
        /// The child.
        child: ChildId,
        /// From the child over those that it depends on to the child.
        cycle: Vec<ChildId>,
    },
    /// A permanent child is called significant. Nothing was started.
    #[error(
        "child `{child}` is significant and permanent, so it never ends for good: make it transient or temporary, or leave \
         `significant` out"
    )]
    SignificantPermanent {
        /// The child.
        child: ChildId,
    },
    /// A child is called significant to a supervisor without auto shutdown. Nothing was started.
    #[error(
        "child `{child}` is significant, and its supervisor `{supervisor}` never shuts down by itself: give the supervisor an \
         `auto_shutdown`, or leave `significant` out"
    )]
    SignificantForNobody {
        /// The child.
        child: ChildId,
        /// The supervisor.
        supervisor: ChildId,
    },
    /// A child did not come up.
    #[error("child `{child}` did not start")]
    Child {
        /// The child.
        child: ChildId,
        /// Why.
        #[source]
        cause: StartFailure,
    },
    /// Children that had come up kept crashing before the last one had.
    #[error("{0}")]
    Meltdown(Meltdown),
    /// The supervisor was stopped before all of its children had come up.
    #[error("stopped before it had started: {0}")]
    Stopped(ExitReason),
}

fn path(ids: &[ChildId]) -> String {
    ids.iter().map(|id| format!("`{id}`")).collect::<Vec<_>>().join(" → ")
}

/// Why a child did not come up.
#[derive(Clone, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StartFailure {
    /// It ended before its init was done, for this reason.
    #[error("{0}")]
    Exited(ExitReason),
    /// Its init asked to be left out ([`Init::Ignore`](crate::Init::Ignore)).
    #[error("its init asked to be left out")]
    Ignored,
    /// Its init took longer than its [`start_timeout`](crate::ChildSpec::start_timeout), and was aborted.
    #[error("its init took longer than {limit:?}")]
    Timeout {
        /// The start timeout.
        limit: Duration,
    },
    /// Its name cannot be had; a taken one says who holds it.
    #[error("its name cannot be had")]
    Name(#[source] ReserveError),
    /// Its name was lost while it started: the namespace was closed.
    #[error("its name cannot be published: {0}")]
    Publish(String),
    /// It is a supervisor, and did not start.
    #[error(transparent)]
    Supervisor(Box<StartError>),
    /// Its last incarnation could not be killed and was abandoned, and is still there: two never overlap.
    #[error("its last incarnation could not be killed, and is still there")]
    LeftBehind,
}

impl StartFailure {
    /// The exit reason that it stands for.
    pub(crate) fn as_exit(&self) -> ExitReason {
        match self {
            Self::Exited(reason) => reason.clone(),
            Self::Ignored => ExitReason::Normal,
            Self::Timeout { .. } => ExitReason::Timeout,
            Self::LeftBehind => ExitReason::Abandoned,
            other => {
                // The causes belong to the reason: it is all that is kept of them.
                let mut text = other.to_string();
                let mut cause = std::error::Error::source(other);
                while let Some(error) = cause {
                    text = format!("{text}: {error}");
                    cause = error.source();
                }
                ExitReason::Error(text.into())
            }
        }
    }
}

//! Refused requests. Exit reasons are data, and live with the children.

use std::fmt;
use std::time::Duration;

use registry::{ExitReason, ReserveError};

use crate::child::{ChildId, ChildKind, ChildRef, Meltdown};
use crate::tree::RegisteredName;

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

/// Why `start_child` has no child to give.
#[derive(Clone, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StartChildError {
    /// A child with this id is there, and up or on its way.
    #[error("child `{}` is already started", .0.id())]
    AlreadyStarted(ChildRef),
    /// A child with this id is there, and down: `restart_child` or `delete_child` is what to ask for.
    #[error("child `{0}` is already present, and down")]
    AlreadyPresent(ChildId),
    /// It did not come up. The supervisor is as it was before.
    #[error("child `{child}` did not start")]
    Failed {
        /// The child.
        child: ChildId,
        /// Why.
        #[source]
        cause: StartFailure,
    },
    /// The spec itself is impossible.
    #[error(transparent)]
    Invalid(StartError),
    /// There are as many children as the supervisor may have.
    #[error("no more than {0} children")]
    MaxChildren(usize),
    /// The name is there, and its child is between two incarnations for longer than was waited.
    #[error("`{name}` is still restarting after {waited:?}")]
    Restarting {
        /// The name.
        name: String,
        /// How long was waited.
        waited: Duration,
    },
    /// The name cannot be looked up: it belongs to a service of another type, or its namespace is closed.
    #[error("the name cannot be looked up")]
    Lookup(#[source] registry::LookupError),
    /// The caller is a child whose init has to be over first, and would wait for this. Nothing was started.
    #[error("the start would wait for the init that asks for it: ask when that is done, or from a task of its own")]
    WouldDeadlock,
    /// The supervisor is stopping.
    #[error("the supervisor is shutting down")]
    ShuttingDown,
    /// The supervisor is not running.
    #[error("the supervisor is not running")]
    NotRunning,
}

/// Why a child was not terminated.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum TerminateChildError {
    /// There is no such child.
    #[error("no such child")]
    NotFound,
    /// The caller is the child itself, and would wait for its own end. It goes on.
    #[error("a child cannot wait for its own end: let it return, or ask from a task of its own")]
    WouldDeadlock,
    /// The supervisor is stopping, and the child with it.
    #[error("the supervisor is shutting down")]
    ShuttingDown,
    /// The supervisor is not running.
    #[error("the supervisor is not running")]
    NotRunning,
}

/// Why a child was not started again.
#[derive(Clone, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RestartChildError {
    /// There is no such child.
    #[error("no such child")]
    NotFound,
    /// It is running, or stopping.
    #[error("the child is running")]
    Running,
    /// It is being started already.
    #[error("the child is restarting")]
    Restarting,
    /// Its last incarnation could not be killed, and is still there.
    #[error("the last incarnation of the child is still there")]
    Abandoned,
    /// The caller is a sibling that the child depends on, and its init would wait for this. The child stays down.
    #[error("the start would wait for the init that asks for it: ask when that is done, or from a task of its own")]
    WouldDeadlock,
    /// It did not come up. Its spec is kept.
    #[error("the child did not start")]
    Failed(#[source] StartFailure),
    /// The supervisor is stopping.
    #[error("the supervisor is shutting down")]
    ShuttingDown,
    /// The supervisor is not running.
    #[error("the supervisor is not running")]
    NotRunning,
}

/// Why a child has not got another spec. It goes on with the one that it had.
#[derive(Clone, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ReplaceChildSpecError {
    /// No child has the id of the spec.
    #[error("no child is called `{0}`: give the spec the id of the child, or start it with `start_child`")]
    NotFound(ChildId),
    /// A [`reference`](crate::ChildSpec::reference) was taken of the spec. It is not that of the child.
    #[error(
        "a reference was taken of the new spec of `{0}`, and would lead nowhere: use those that there are of the child"
    )]
    Referenced(ChildId),
    /// The spec is for another kind of child.
    #[error("child `{child}` is a {}, and the new spec is for a {}: delete the child and start another", .is.as_str(), .given.as_str())]
    KindChanged {
        /// The child.
        child: ChildId,
        /// What it is.
        is: ChildKind,
        /// What the spec is for.
        given: ChildKind,
    },
    /// The spec is for a server that takes other messages, or for another kind of supervisor; or the child is a supervisor
    /// without a fixed list of children. References to the child could not stay good.
    #[error("references to `{0}` would not fit what the new spec is for: delete the child and start another")]
    TypeChanged(ChildId),
    /// The spec has another name, or one has none.
    #[error("child `{child}` is published as {}, and by its new spec as {}: names stay, as references do", named(.is), named(.given))]
    NameChanged {
        /// The child.
        child: ChildId,
        /// The name that it has.
        is: Option<RegisteredName>,
        /// The name that the spec has.
        given: Option<RegisteredName>,
    },
    /// The spec depends on a sibling that starts after the child. Children of a running supervisor keep their order.
    #[error(
        "child `{child}` cannot depend on `{on}`, which starts after it: delete the child and start it again, as the last"
    )]
    OutOfOrder {
        /// The child.
        child: ChildId,
        /// The sibling.
        on: ChildId,
    },
    /// The child is a partition: all of them are made by one factory.
    #[error("`{0}` is a partition, and made like all others: partitions have no specs of their own")]
    Partition(ChildId),
    /// The spec itself is impossible.
    #[error(transparent)]
    Invalid(StartError),
    /// The supervisor is stopping.
    #[error("the supervisor is shutting down")]
    ShuttingDown,
    /// The supervisor is not running.
    #[error("the supervisor is not running")]
    NotRunning,
}

fn named(name: &Option<RegisteredName>) -> String {
    name.as_ref().map_or_else(|| "nothing".to_owned(), |name| format!("`{}` in `{}`", name.name, name.namespace))
}

/// Why a child's spec was not deleted.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum DeleteChildError {
    /// There is no such child.
    #[error("no such child")]
    NotFound,
    /// It is running: terminate it first.
    #[error("the child is running")]
    Running,
    /// It is being started.
    #[error("the child is restarting")]
    Restarting,
    /// The supervisor is stopping.
    #[error("the supervisor is shutting down")]
    ShuttingDown,
    /// The supervisor is not running.
    #[error("the supervisor is not running")]
    NotRunning,
}

/// The most partitions that a partition supervisor can have.
pub(crate) const MAX_PARTITIONS: usize = 1 << 20;

/// Why a partition supervisor has not got another number of partitions. It has as many as before.
#[derive(Clone, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ResizeError {
    /// There cannot be so few or so many.
    #[error("there cannot be {0} partitions: ask for 1 to {MAX_PARTITIONS}")]
    Partitions(usize),
    /// A new partition did not come up. Those that had been started with it are stopped again.
    #[error("partition {partition} did not start")]
    Failed {
        /// Which.
        partition: usize,
        /// Why.
        #[source]
        cause: StartChildError,
    },
    /// The supervisor was restarted meanwhile, with the partitions that it had before.
    #[error("the supervisor was restarted meanwhile")]
    Restarted,
    /// The supervisor is stopping.
    #[error("the supervisor is shutting down")]
    ShuttingDown,
    /// The supervisor is not running.
    #[error("the supervisor is not running")]
    NotRunning,
}

/// Why a question to a supervisor has no answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the supervisor is not running")]
pub struct NotRunning;

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

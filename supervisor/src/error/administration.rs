//! What a running supervisor refuses to do with its children.

use std::time::Duration;

use super::start::{StartError, StartFailure};
use crate::child::{ChildId, ChildRef};

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

/// Why a question to a supervisor has no answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the supervisor is not running")]
pub struct NotRunning;

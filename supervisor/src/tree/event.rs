//! What happens in a tree.

use std::fmt;
use std::sync::Arc;

use registry::ExitReason;
use tokio::time::Instant;

use super::text::plain;
use crate::child::{ChildId, ChildKind, Meltdown};

/// Something that happened to a child, or to a supervisor.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Event {
    /// The ids from the root of the tree down to the child that it happened to.
    pub ids: Arc<[ChildId]>,
    /// What kind of child that is.
    pub child_kind: ChildKind,
    /// Its incarnation, counted from 1.
    pub incarnation: u32,
    /// When.
    pub at: Instant,
    /// What happened.
    pub kind: EventKind,
}

/// What can happen.
///
/// A supervisor is up when it has [`Started`](Self::Started), after all of its first children, and down when it has
/// [`Exited`](Self::Exited), after all of them.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum EventKind {
    /// Its init was acknowledged.
    Started,
    /// The incarnation has ended with its whole scope. One that never came up has not been told as started.
    Exited(ExitReason),
    /// Its incarnation did not even begin, because its name cannot be had.
    Refused(ExitReason),
    /// Its supervisor has decided to start it again after it ended for this reason. Siblings that a strategy restarts with it
    /// are not told of as restarting.
    Restarting(ExitReason),
    /// It is a supervisor, and gives up: one restart would have been too many. It exits when its children are down.
    Meltdown(Meltdown),
    /// It did not end even when aborted, and is left behind.
    Abandoned,
}

impl Event {
    /// The id of the child.
    pub fn id(&self) -> &ChildId {
        self.ids.last().unwrap_or_else(|| unreachable!("a path has an end"))
    }

    /// The ids from the root down to the child, with slashes between them.
    pub fn path(&self) -> String {
        self.ids.iter().map(ChildId::as_str).collect::<Vec<_>>().join("/")
    }
}

impl fmt::Display for Event {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} #{} {}", plain(&self.path()), self.incarnation, self.kind)
    }
}

impl fmt::Display for EventKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Started => f.write_str("started"),
            Self::Exited(reason) => write!(f, "exited ({})", plain(&reason.to_string())),
            Self::Refused(reason) => write!(f, "refused ({})", plain(&reason.to_string())),
            Self::Restarting(reason) => write!(f, "restarting ({})", plain(&reason.to_string())),
            Self::Meltdown(meltdown) => f.write_str(&plain(&meltdown.to_string())),
            Self::Abandoned => f.write_str("abandoned"),
        }
    }
}

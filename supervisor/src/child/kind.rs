//! What a child can be.

#[cfg(doc)]
use crate::server::Server;

/// What kind of child it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ChildKind {
    /// A [`Server`].
    Server,
    /// A future that runs as a task.
    Task,
    /// A function that runs on a thread of its own.
    Blocking,
    /// A [`Supervisor`](crate::Supervisor), or another kind of supervisor.
    Supervisor,
}

impl ChildKind {
    /// Whether it counts as a supervisor; everything else is a worker.
    pub const fn is_supervisor(self) -> bool {
        matches!(self, Self::Supervisor)
    }

    /// Its name in lower case, as snapshots have it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Server => "server",
            Self::Task => "task",
            Self::Blocking => "blocking",
            Self::Supervisor => "supervisor",
        }
    }
}

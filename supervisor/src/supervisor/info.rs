//! What a supervisor tells about its children.

use std::time::Duration;

use tokio::time::Instant;

use crate::child::{ChildId, ChildKind, ChildRef, Spec};
use crate::rules::{Backoff, Restart, Shutdown, Standing};
use crate::tree::RegisteredName;

/// What a child is doing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ChildState {
    /// Down, and not about to be started.
    Stopped,
    /// Its first init is under way, or one asked for by hand.
    Starting,
    /// Its init has been acknowledged.
    Running,
    /// It has been asked to stop, or aborted.
    Stopping,
    /// Down, and about to be started again.
    Restarting,
    /// It did not end even when aborted.
    Abandoned,
}

impl ChildState {
    /// Its name in lower case, as snapshots have it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Stopped => "stopped",
            Self::Starting => "starting",
            Self::Running => "running",
            Self::Stopping => "stopping",
            Self::Restarting => "restarting",
            Self::Abandoned => "abandoned",
        }
    }
}

/// A child as [`which_children`](crate::SupervisorRef::which_children) lists it.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct ChildInfo {
    /// Its id.
    pub id: ChildId,
    /// What kind of child it is.
    pub kind: ChildKind,
    /// What it is doing.
    pub state: ChildState,
    /// Whether it is restarted when it ends.
    pub restart: Restart,
    /// When it is started again, while it waits out a [`Backoff`](crate::Backoff).
    pub due: Option<Instant>,
    /// The siblings that it [depends on](crate::ChildSpec::depends_on) and whose start it waits for before its own.
    pub waits_for: Vec<ChildId>,
    /// A reference to it.
    pub child: ChildRef,
}

/// What a supervisor was told of a child, as [`child_spec`](crate::SupervisorRef::child_spec) gives it: OTP's
/// `get_childspec`. Without what it runs.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct ChildSpecInfo {
    /// Its id.
    pub id: ChildId,
    /// What kind of child it is.
    pub kind: ChildKind,
    /// Whether it is restarted when it ends.
    pub restart: Restart,
    /// How it is stopped.
    pub shutdown: Shutdown,
    /// The delays of its restarts.
    pub backoff: Option<Backoff>,
    /// How long its init may take, and its readiness with it.
    pub start_timeout: Option<Duration>,
    /// It is up only when a check says so, or it does.
    pub awaits_readiness: bool,
    /// The siblings that it is started behind.
    pub depends_on: Vec<ChildId>,
    /// Whether its end may be that of its supervisor.
    pub significant: bool,
    /// The name that it is published under.
    pub name: Option<RegisteredName>,
}

impl ChildSpecInfo {
    pub(crate) fn of(spec: &Spec) -> Self {
        Self {
            id: spec.id().clone(),
            kind: spec.starter.kind(),
            restart: spec.restart,
            shutdown: spec.shutdown,
            backoff: spec.backoff.as_deref().copied(),
            start_timeout: spec.start_timeout,
            awaits_readiness: spec.readiness.is_some(),
            depends_on: spec.depends_on.to_vec(),
            significant: spec.significant,
            name: spec.starter.core().registered_name(),
        }
    }
}

/// How many children there are, as [`count_children`](crate::SupervisorRef::count_children) counts them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct ChildCount {
    /// Children with a spec, up or not.
    pub specs: usize,
    /// Children that are up.
    pub active: usize,
    /// Children that are supervisors, up or not.
    pub supervisors: usize,
    /// Children that are not, up or not.
    pub workers: usize,
}

impl ChildCount {
    pub(crate) fn add(&mut self, kind: ChildKind, active: bool) {
        self.specs += 1;
        self.active += usize::from(active);
        if kind.is_supervisor() {
            self.supervisors += 1;
        } else {
            self.workers += 1;
        }
    }
}

impl From<Standing> for ChildState {
    fn from(standing: Standing) -> Self {
        match standing {
            Standing::Down => Self::Stopped,
            Standing::Starting => Self::Starting,
            Standing::Running => Self::Running,
            Standing::Stopping => Self::Stopping,
            Standing::Restarting => Self::Restarting,
            Standing::Abandoned => Self::Abandoned,
        }
    }
}

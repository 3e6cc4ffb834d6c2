//! What a machine has of one child.

use std::time::Duration;

use tokio::time::Instant;

use super::backoff::{Backoff, Retries};
use super::stop::{Shutdown, Stage};
use super::strategy::Restart;

/// What the rules need to know of a child.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Policy {
    pub(crate) restart: Restart,
    pub(crate) shutdown: Shutdown,
    pub(crate) backoff: Option<Backoff>,
    /// How long its init may take.
    pub(crate) start_timeout: Option<Duration>,
    /// It has children of its own: it is asked to stop where another would be aborted.
    pub(crate) is_supervisor: bool,
    /// Its end may be that of its supervisor.
    pub(crate) significant: bool,
}

/// What a child is doing, as told to the outside.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Standing {
    Down,
    Starting,
    Running,
    Stopping,
    Restarting,
    Abandoned,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum State {
    /// Down, with no plan to start it.
    Idle,
    /// Down, and the sweep will start it.
    Pending,
    /// Down, and started when it is due, or when it is its turn.
    Waiting,
    /// Down, and started when what it needs is up.
    Gated,
    Starting,
    Running,
    Stopping(Stage),
    /// Its init took too long, and it is taken down for it.
    Overdue(Stage),
    Abandoned,
}

impl State {
    /// Whether there is an incarnation that will be heard of.
    pub(super) const fn is_alive(self) -> bool {
        matches!(self, Self::Starting | Self::Running | Self::Stopping(_) | Self::Overdue(_))
    }
}

#[derive(Debug)]
pub(super) struct Entry {
    pub(super) policy: Policy,
    pub(super) generation: u32,
    pub(super) state: State,
    /// It has been up before, or asked to be left out: its spec stays when a start fails.
    pub(super) seasoned: bool,
    /// Started by a caller, who is told if it fails: the budget is not charged.
    pub(super) by_hand: bool,
    /// Terminated by a caller during a sweep, which therefore leaves it down.
    pub(super) held: bool,
    pub(super) retries: Option<Box<Retries>>,
}

impl Entry {
    /// Of a child that the next sweep is to start.
    pub(super) fn new(policy: Policy) -> Self {
        Self {
            policy,
            generation: 0,
            state: State::Pending,
            seasoned: false,
            by_hand: false,
            held: false,
            retries: policy.backoff.map(|backoff| Box::new(Retries::new(backoff))),
        }
    }

    pub(super) fn standing(&self) -> Standing {
        match self.state {
            State::Idle => Standing::Down,
            State::Waiting => Standing::Restarting,
            State::Gated if self.seasoned && !self.by_hand => Standing::Restarting,
            State::Pending if self.seasoned => Standing::Restarting,
            State::Starting if self.seasoned && !self.by_hand => Standing::Restarting,
            State::Pending | State::Gated | State::Starting => Standing::Starting,
            State::Running => Standing::Running,
            State::Stopping(_) | State::Overdue(_) => Standing::Stopping,
            State::Abandoned => Standing::Abandoned,
        }
    }

    /// When it is to be started, while it waits out its backoff.
    pub(super) fn due(&self) -> Option<Instant> {
        self.retries.as_ref()?.due()
    }

    /// Temporary, and down with nobody about to start it.
    pub(super) fn is_spent(&self) -> bool {
        matches!(self.state, State::Idle | State::Pending) && self.policy.restart == Restart::Temporary && !self.by_hand
    }
}

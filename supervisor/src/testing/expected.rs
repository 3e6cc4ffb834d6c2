//! What a test says will happen.

use std::fmt;

use registry::ExitReason;

use crate::tree::{Event, EventKind};

/// One event that a test expects, for [`Recorder::expect`](super::Recorder::expect).
///
/// A child is named by its id, or by the last ids of its path with slashes between them.
#[derive(Clone, Debug)]
pub struct Expected {
    child: String,
    incarnation: Option<u32>,
    kind: Kind,
}

#[derive(Clone, Debug)]
enum Kind {
    Started,
    Exited(ExitReason),
    Panicked,
    Refused,
    Restarting(ExitReason),
    Meltdown,
    Abandoned,
}

/// Its init is acknowledged.
pub fn started(child: impl Into<String>) -> Expected {
    Expected::new(child, Kind::Started)
}

/// It ends for this reason.
pub fn exited(child: impl Into<String>, reason: ExitReason) -> Expected {
    Expected::new(child, Kind::Exited(reason))
}

/// It ends by a panic, whatever that says.
pub fn panicked(child: impl Into<String>) -> Expected {
    Expected::new(child, Kind::Panicked)
}

/// It does not even begin, whatever the reason.
pub fn refused(child: impl Into<String>) -> Expected {
    Expected::new(child, Kind::Refused)
}

/// Its supervisor decides to start it again because it ended for this reason.
pub fn restarting(child: impl Into<String>, cause: ExitReason) -> Expected {
    Expected::new(child, Kind::Restarting(cause))
}

/// This supervisor gives up.
pub fn meltdown(supervisor: impl Into<String>) -> Expected {
    Expected::new(supervisor, Kind::Meltdown)
}

/// It is left behind.
pub fn abandoned(child: impl Into<String>) -> Expected {
    Expected::new(child, Kind::Abandoned)
}

impl Expected {
    fn new(child: impl Into<String>, kind: Kind) -> Self {
        Self { child: child.into(), incarnation: None, kind }
    }

    /// And it is this incarnation, counted from 1. By default it is any.
    #[must_use]
    pub fn incarnation(mut self, incarnation: u32) -> Self {
        self.incarnation = Some(incarnation);
        self
    }

    pub(super) fn matches(&self, event: &Event) -> bool {
        let path = event.path();
        let rest = path.strip_suffix(self.child.as_str());
        let same_child = rest.is_some_and(|rest| rest.is_empty() || rest.ends_with('/'));
        let same_kind = match (&self.kind, &event.kind) {
            (Kind::Started, EventKind::Started)
            | (Kind::Panicked, EventKind::Exited(ExitReason::Panic(_)))
            | (Kind::Refused, EventKind::Refused(_))
            | (Kind::Meltdown, EventKind::Meltdown(_))
            | (Kind::Abandoned, EventKind::Abandoned) => true,
            (Kind::Exited(expected), EventKind::Exited(reason))
            | (Kind::Restarting(expected), EventKind::Restarting(reason)) => expected == reason,
            _ => false,
        };
        same_child && same_kind && self.incarnation.is_none_or(|incarnation| incarnation == event.incarnation)
    }
}

impl fmt::Display for Expected {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.child)?;
        if let Some(incarnation) = self.incarnation {
            write!(f, " #{incarnation}")?;
        }
        match &self.kind {
            Kind::Started => f.write_str(" started"),
            Kind::Exited(reason) => write!(f, " exited ({reason})"),
            Kind::Panicked => f.write_str(" exited (panic: ..)"),
            Kind::Refused => f.write_str(" refused (..)"),
            Kind::Restarting(cause) => write!(f, " restarting ({cause})"),
            Kind::Meltdown => f.write_str(" meltdown: .."),
            Kind::Abandoned => f.write_str(" abandoned"),
        }
    }
}

//! How one child is stopped: asked, aborted, given up.

use std::time::Duration;

use tokio::time::Instant;

/// How long a child has to stop when it is asked to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Shutdown {
    /// It is not asked: it is aborted at once.
    BrutalKill,
    /// It is asked, and aborted when it is still there after this time.
    Timeout(Duration),
    /// It is asked, and waited for without end.
    Infinity,
}

/// How far the stop of a child has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Stage {
    Asked { until: Option<Instant> },
    Aborted { until: Option<Instant> },
}

/// What to do with the child now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Step {
    Ask,
    Abort,
    /// It did not even end when aborted: count it out.
    Abandon,
}

impl Stage {
    pub(crate) fn begin(shutdown: Shutdown, grace: Duration, now: Instant) -> (Self, Step) {
        match shutdown {
            Shutdown::BrutalKill => (Self::Aborted { until: now.checked_add(grace) }, Step::Abort),
            Shutdown::Timeout(time) => (Self::Asked { until: now.checked_add(time) }, Step::Ask),
            Shutdown::Infinity => (Self::Asked { until: None }, Step::Ask),
        }
    }

    pub(crate) const fn deadline(self) -> Option<Instant> {
        match self {
            Self::Asked { until } | Self::Aborted { until } => until,
        }
    }

    /// The next step, once the deadline has come.
    pub(crate) fn next(self, grace: Duration, now: Instant) -> Option<(Self, Step)> {
        if self.deadline().is_none_or(|until| now < until) {
            return None;
        }
        Some(match self {
            Self::Asked { .. } => (Self::Aborted { until: now.checked_add(grace) }, Step::Abort),
            Self::Aborted { .. } => (self, Step::Abandon),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const GRACE: Duration = Duration::from_secs(1);

    #[test]
    fn a_child_is_asked_then_aborted_then_given_up() {
        let start = Instant::now();
        let (stage, step) = Stage::begin(Shutdown::Timeout(Duration::from_secs(5)), GRACE, start);
        assert_eq!(step, Step::Ask);
        assert_eq!(stage.next(GRACE, start + Duration::from_millis(4_999)), None);

        let late = start + Duration::from_secs(5);
        let (stage, step) = stage.next(GRACE, late).expect("its time is over");
        assert_eq!(step, Step::Abort);
        assert_eq!(stage.next(GRACE, late), None);
        assert_eq!(stage.next(GRACE, late + GRACE).map(|(_, step)| step), Some(Step::Abandon));
    }

    #[test]
    fn infinity_is_never_due_and_brutal_kill_aborts_at_once() {
        let start = Instant::now();
        let (stage, step) = Stage::begin(Shutdown::Infinity, GRACE, start);
        assert_eq!((step, stage.deadline()), (Step::Ask, None));
        let (stage, step) = Stage::begin(Shutdown::BrutalKill, GRACE, start);
        assert_eq!((step, stage.deadline()), (Step::Abort, Some(start + GRACE)));
    }
}

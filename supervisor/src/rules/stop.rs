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
    /// `limit` is when the stop of the whole tree has to be over.
    pub(crate) fn begin(shutdown: Shutdown, limit: Option<Instant>, grace: Duration, now: Instant) -> (Self, Step) {
        match shutdown {
            Shutdown::BrutalKill => (Self::Aborted { until: now.checked_add(grace) }, Step::Abort),
            Shutdown::Timeout(time) => (Self::Asked { until: earlier(now.checked_add(time), limit) }, Step::Ask),
            Shutdown::Infinity => (Self::Asked { until: limit }, Step::Ask),
        }
    }

    /// The same stop with less time. `None` when that changes nothing.
    pub(crate) fn bring_forward(self, limit: Instant) -> Option<Self> {
        let sooner = match self {
            Self::Asked { until } => Self::Asked { until: earlier(until, Some(limit)) },
            Self::Aborted { .. } => self,
        };
        (sooner != self).then_some(sooner)
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

fn earlier(one: Option<Instant>, other: Option<Instant>) -> Option<Instant> {
    match (one, other) {
        (Some(one), Some(other)) => Some(one.min(other)),
        (one, other) => one.or(other),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const GRACE: Duration = Duration::from_secs(1);

    #[test]
    fn a_child_is_asked_then_aborted_then_given_up() {
        let start = Instant::now();
        let (stage, step) = Stage::begin(Shutdown::Timeout(Duration::from_secs(5)), None, GRACE, start);
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
        let (stage, step) = Stage::begin(Shutdown::Infinity, None, GRACE, start);
        assert_eq!((step, stage.deadline()), (Step::Ask, None));
        let (stage, step) = Stage::begin(Shutdown::BrutalKill, Some(start), GRACE, start);
        assert_eq!((step, stage.deadline()), (Step::Abort, Some(start + GRACE)));
    }

    #[test]
    fn a_limit_shortens_and_never_lengthens() {
        let start = Instant::now();
        let (five, ten) = (Shutdown::Timeout(Duration::from_secs(5)), Some(start + Duration::from_secs(10)));
        let (stage, _) = Stage::begin(five, ten, GRACE, start);
        assert_eq!(stage.deadline(), Some(start + Duration::from_secs(5)));
        assert_eq!(stage.bring_forward(start + Duration::from_secs(6)), None);
        let sooner = stage.bring_forward(start + Duration::from_secs(4));
        assert_eq!(sooner.and_then(Stage::deadline), Some(start + Duration::from_secs(4)));

        let (stage, step) = Stage::begin(Shutdown::Infinity, ten, GRACE, start);
        assert_eq!((step, stage.deadline()), (Step::Ask, ten));
        let (aborted, _) = Stage::begin(Shutdown::BrutalKill, ten, GRACE, start);
        assert_eq!((aborted.deadline(), aborted.bring_forward(start)), (Some(start + GRACE), None));
    }
}

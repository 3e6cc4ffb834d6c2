//! When a service that fails now and then counts as down: a pure rule.

use std::num::NonZeroU32;

use tokio::time::Instant;

use super::probe::Standing;

/// How many verdicts in a row it takes to change one's mind.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Thresholds {
    pub(super) failure: NonZeroU32,
    pub(super) success: NonZeroU32,
}

impl Thresholds {
    /// Each verdict counts.
    pub(super) const ONE: Self = Self { failure: NonZeroU32::MIN, success: NonZeroU32::MIN };
}

/// Where a service stands, and the verdicts in a row that speak for a change.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Hysteresis {
    thresholds: Thresholds,
    standing: Standing,
    since: Instant,
    /// The present run of equal verdicts. It stops counting at `u32::MAX`, which is past every threshold.
    healthy: bool,
    streak: u32,
}

impl Hysteresis {
    pub(super) fn new(thresholds: Thresholds, now: Instant) -> Self {
        Self { thresholds, standing: Standing::Pending, since: now, healthy: true, streak: 0 }
    }

    pub(super) fn standing(&self) -> Standing {
        self.standing
    }

    pub(super) fn since(&self) -> Instant {
        self.since
    }

    /// Weighs one verdict; the standing it leads to, if that is another one.
    pub(super) fn observe(&mut self, healthy: bool, now: Instant) -> Option<Standing> {
        self.streak = if healthy == self.healthy { self.streak.saturating_add(1) } else { 1 };
        self.healthy = healthy;
        let (threshold, aim) = match healthy {
            true => (self.thresholds.success, Standing::Up),
            false => (self.thresholds.failure, Standing::Down),
        };
        let changes = self.standing != aim && self.streak >= threshold.get();
        changes.then(|| self.settle(aim, now))
    }

    /// Forgets every verdict; `true` if there was a decision to forget.
    pub(super) fn reset(&mut self, now: Instant) -> bool {
        self.streak = 0;
        let decided = self.standing != Standing::Pending;
        if decided {
            self.settle(Standing::Pending, now);
        }
        decided
    }

    fn settle(&mut self, standing: Standing, now: Instant) -> Standing {
        (self.standing, self.since) = (standing, now);
        standing
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use proptest::prelude::*;

    use super::*;

    fn thresholds(failure: u32, success: u32) -> Thresholds {
        Thresholds { failure: failure.try_into().unwrap(), success: success.try_into().unwrap() }
    }

    /// The same said naively: the whole history, and the last n of it.
    fn naive(history: &[bool], before: Standing, thresholds: Thresholds) -> Standing {
        let ends_with = |healthy: bool, n: NonZeroU32| {
            let n = n.get() as usize;
            history.len() >= n && history[history.len() - n..].iter().all(|&verdict| verdict == healthy)
        };
        match () {
            () if ends_with(true, thresholds.success) => Standing::Up,
            () if ends_with(false, thresholds.failure) => Standing::Down,
            () => before,
        }
    }

    proptest! {
        #[test]
        fn s7_2_it_agrees_with_the_naive_model(
            (failure, success) in (1_u32..6, 1_u32..6),
            verdicts in prop::collection::vec(prop::bool::weighted(0.5), 0..200),
        ) {
            let (thresholds, begin) = (thresholds(failure, success), Instant::now());
            let mut hysteresis = Hysteresis::new(thresholds, begin);
            let (mut expected, mut since) = (Standing::Pending, begin);
            for (at, &verdict) in verdicts.iter().enumerate() {
                let now = begin + Duration::from_secs(at as u64 + 1);
                let before = expected;
                expected = naive(&verdicts[..=at], before, thresholds);
                let transition = hysteresis.observe(verdict, now);
                prop_assert_eq!(transition, (expected != before).then_some(expected), "told once, when it changes");
                if expected != before {
                    since = now;
                }
                prop_assert_eq!((hysteresis.standing(), hysteresis.since()), (expected, since));
            }
        }
    }

    #[test]
    fn s7_2_two_failures_and_a_success_stay_up_and_three_failures_go_down_once() {
        let now = Instant::now();
        let mut hysteresis = Hysteresis::new(thresholds(3, 1), now);
        let mut seen = |verdicts: &[bool]| -> Vec<_> {
            verdicts.iter().filter_map(|&healthy| hysteresis.observe(healthy, now)).collect()
        };
        assert_eq!(seen(&[true]), [Standing::Up]);
        assert_eq!(seen(&[false, false, true, false, false, true]), []);
        assert_eq!(seen(&[false, false, false, false, false, false, false]), [Standing::Down]);
        assert_eq!(seen(&[true]), [Standing::Up]);
    }

    #[test]
    fn s7_3_a_reset_forgets_the_decision_and_the_verdicts_in_a_row() {
        let now = Instant::now();
        let mut hysteresis = Hysteresis::new(thresholds(2, 2), now);
        assert_eq!(hysteresis.observe(true, now), None);
        assert!(!hysteresis.reset(now), "nothing was decided");
        assert_eq!(hysteresis.observe(true, now), None);
        assert_eq!(hysteresis.observe(true, now), Some(Standing::Up));
        assert!(hysteresis.reset(now));
        assert_eq!(hysteresis.standing(), Standing::Pending);
    }
}

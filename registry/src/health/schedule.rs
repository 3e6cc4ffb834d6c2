//! When a monitor checks, and how many verdicts change its mind.

use std::fmt;
use std::num::NonZeroU32;
use std::time::Duration;

use tokio::time::Instant;

use super::hysteresis::Thresholds;

/// When a monitor checks its service, and how many verdicts in a row it takes to call it up or down.
///
/// One run begins a period after the one before began, or when that one ended if it took longer: runs of one monitor
/// never overlap, and missed ones are not made up for.
///
/// ```
/// use std::time::Duration;
/// use registry::Schedule;
///
/// let schedule = Schedule::new(Duration::from_secs(5)).timeout(Duration::from_millis(500)).thresholds(2, 1);
/// # let _ = schedule;
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
#[must_use]
pub struct Schedule {
    period: Duration,
    initial_delay: Duration,
    timeout: Duration,
    failures: u32,
    successes: u32,
    jitter: f64,
    seed: Option<u64>,
}

impl Schedule {
    /// A check every `period`, the first one at once; timeout 1 s, down after 3 failures in a row, up after 1 success, no
    /// jitter. Periods count in milliseconds, the runtime's clock tick.
    pub const fn new(period: Duration) -> Self {
        let (initial_delay, timeout) = (Duration::ZERO, Duration::from_secs(1));
        Self { period, initial_delay, timeout, failures: 3, successes: 1, jitter: 0.0, seed: None }
    }

    /// How long to wait before the first check, and before the first of each new incarnation for a start-up monitor.
    /// Default: 0.
    pub const fn initial_delay(self, initial_delay: Duration) -> Self {
        Self { initial_delay, ..self }
    }

    /// How long one check may take; then it is aborted, and that is one failure. Default: 1 s. It may be longer than the
    /// period.
    pub const fn timeout(self, timeout: Duration) -> Self {
        Self { timeout, ..self }
    }

    /// How many failures in a row make it down, and how many successes in a row make it up. Default: 3 and 1.
    pub const fn thresholds(self, failures: u32, successes: u32) -> Self {
        Self { failures, successes, ..self }
    }

    /// Lengthens each period by a random part of it, up to this fraction (0 to 1), so that many monitors drift apart
    /// instead of checking at the same moment. Default: 0.
    pub const fn jitter(self, fraction: f64) -> Self {
        Self { jitter: fraction, ..self }
    }

    /// Makes the jitter the same in each run of the program. Default: another one each time.
    pub const fn seed(self, seed: u64) -> Self {
        Self { seed: Some(seed), ..self }
    }

    /// The schedule as the monitor uses it, or what is wrong with it.
    pub(super) fn parse(self) -> Result<Pace, ScheduleProblem> {
        if self.period.is_zero() {
            return Err(ScheduleProblem::ZeroPeriod);
        }
        if self.timeout.is_zero() {
            return Err(ScheduleProblem::ZeroTimeout);
        }
        if !(0.0..=1.0).contains(&self.jitter) {
            return Err(ScheduleProblem::Jitter);
        }
        let thresholds = match (NonZeroU32::new(self.failures), NonZeroU32::new(self.successes)) {
            (Some(failure), Some(success)) => Thresholds { failure, success },
            _ => return Err(ScheduleProblem::ZeroThreshold),
        };
        let Self { period, initial_delay, timeout, jitter, .. } = self;
        let random = self.seed.unwrap_or_else(random_seed);
        Ok(Pace { period, initial_delay, timeout, thresholds, jitter, random })
    }
}

impl From<Duration> for Schedule {
    /// [`Schedule::new`] with this period.
    fn from(period: Duration) -> Self {
        Self::new(period)
    }
}

/// What is wrong with a schedule.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ScheduleProblem {
    /// The period is 0.
    ZeroPeriod,
    /// The timeout is 0; of a heartbeat: its time to live.
    ZeroTimeout,
    /// A threshold is 0.
    ZeroThreshold,
    /// The jitter is not a number from 0 to 1.
    Jitter,
}

impl fmt::Display for ScheduleProblem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::ZeroPeriod => "the period must be longer than 0",
            Self::ZeroTimeout => "the timeout must be longer than 0",
            Self::ZeroThreshold => "a threshold is at least 1",
            Self::Jitter => "the jitter is a fraction from 0 to 1",
        })
    }
}

/// A valid schedule, and the state of its randomness.
#[derive(Clone, Debug)]
pub(super) struct Pace {
    pub(super) initial_delay: Duration,
    pub(super) timeout: Duration,
    pub(super) thresholds: Thresholds,
    period: Duration,
    jitter: f64,
    random: u64,
}

impl Pace {
    /// The time from the beginning of one run to the next: the period, and up to the jitter's fraction of it more.
    pub(super) fn gap(&mut self) -> Duration {
        let stretch = self.jitter * self.fraction();
        let more = Duration::try_from_secs_f64(self.period.as_secs_f64() * stretch).unwrap_or(Duration::MAX);
        self.period.saturating_add(more)
    }

    /// The next number of a splitmix64 sequence, as a fraction of 1.
    #[allow(clippy::cast_precision_loss, reason = "53 bits fit")]
    fn fraction(&mut self) -> f64 {
        self.random = self.random.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut bits = self.random;
        bits = (bits ^ (bits >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        bits = (bits ^ (bits >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        bits ^= bits >> 31;
        (bits >> 11) as f64 / (1_u64 << 53) as f64
    }
}

fn random_seed() -> u64 {
    use std::hash::BuildHasher;
    std::hash::RandomState::new().hash_one(0)
}

/// A moment that far ahead; further than the clock counts, some thirty years will do.
pub(super) fn ahead(now: Instant, time: Duration) -> Instant {
    now.checked_add(time).unwrap_or_else(|| now + Duration::from_secs(86_400 * 365 * 30))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn s7_2_a_gap_is_the_period_and_at_most_the_jitter_more(
            period in 1_u64..u64::MAX, jitter in 0.0..=1.0_f64, seed: u64,
        ) {
            let period = Duration::from_nanos(period);
            let mut pace = Schedule::new(period).jitter(jitter).seed(seed).parse().unwrap();
            let mut again = pace.clone();
            for _ in 0..20 {
                let gap = pace.gap();
                prop_assert_eq!(gap, again.gap(), "the seed decides");
                let most = period.as_secs_f64() * (1.0 + jitter) * 1.000_001;
                prop_assert!(gap >= period && gap.as_secs_f64() <= most, "{:?} {:?}", gap, period);
            }
        }
    }

    #[test]
    fn s7_2_a_schedule_without_sense_is_refused_with_the_reason() {
        let second = Schedule::new(Duration::from_secs(1));
        for (schedule, problem) in [
            (Schedule::new(Duration::ZERO), ScheduleProblem::ZeroPeriod),
            (second.timeout(Duration::ZERO), ScheduleProblem::ZeroTimeout),
            (second.thresholds(0, 1), ScheduleProblem::ZeroThreshold),
            (second.thresholds(1, 0), ScheduleProblem::ZeroThreshold),
            (second.jitter(-0.1), ScheduleProblem::Jitter),
            (second.jitter(1.1), ScheduleProblem::Jitter),
            (second.jitter(f64::NAN), ScheduleProblem::Jitter),
        ] {
            assert_eq!(schedule.parse().unwrap_err(), problem);
        }
        let longest = Schedule::new(Duration::MAX).jitter(1.0).parse().unwrap().gap();
        assert_eq!(longest, Duration::MAX);
        assert!(ahead(Instant::now(), longest) > Instant::now());
    }
}

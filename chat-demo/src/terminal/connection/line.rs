//! How far one try has come, and how long it is waited before the next.

use std::time::{Duration, Instant};

use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};

use super::events::{Over, Status};

const FIRST_WAIT: Duration = Duration::from_millis(250);
const LONGEST_WAIT: Duration = Duration::from_secs(15);

/// Failures that a server which asks to come back later counts for: the wait is some 2 s then.
pub(super) const LATER: u32 = 3;

/// Where a connection is.
#[derive(Debug)]
pub(super) enum Line {
    Waiting {
        until: Instant,
        why: String,
    },
    Fetching {
        until: Instant,
    },
    Dialing {
        until: Instant,
    },
    /// `join` is said, `welcome` is not.
    Joining {
        until: Instant,
    },
    Live {
        quiet: Instant,
        pinged: bool,
    },
    Over(Over),
}

impl Line {
    /// How it is; `again` if it was there before.
    pub(super) fn status(&self, again: bool, now: Instant) -> Status {
        match self {
            Self::Live { .. } => Status::Live,
            Self::Waiting { why, .. } if why.is_empty() => Status::Connecting { again: false },
            Self::Waiting { until, why } => {
                let left = until.saturating_duration_since(now);
                Status::Waiting { why: why.clone(), seconds: left.as_millis().div_ceil(1000) as u64 }
            }
            Self::Over(over) => Status::Over(over.clone()),
            _ => Status::Connecting { again },
        }
    }

    /// When it is time to look again.
    pub(super) fn deadline(&self) -> Option<Instant> {
        match self {
            Self::Waiting { until, .. }
            | Self::Fetching { until }
            | Self::Dialing { until }
            | Self::Joining { until } => Some(*until),
            Self::Live { quiet, .. } => Some(*quiet),
            Self::Over(_) => None,
        }
    }
}

/// How long it is waited: longer after each failure, a random part of it, so that not all come back at once.
#[derive(Debug)]
pub(super) struct Patience {
    failures: u32,
    rng: StdRng,
}

impl Patience {
    pub(super) fn new(seed: u64) -> Self {
        Self { failures: 0, rng: StdRng::seed_from_u64(seed) }
    }

    /// It has come through.
    pub(super) fn reset(&mut self) {
        self.failures = 0;
    }

    pub(super) fn has_failed(&self) -> bool {
        self.failures > 0
    }

    /// How long it is waited now, as after so many failures at least.
    pub(super) fn wait(&mut self, at_least: u32) -> Duration {
        self.failures = self.failures.max(at_least);
        let ceiling = LONGEST_WAIT.min(FIRST_WAIT * 2_u32.pow(self.failures.min(10)));
        self.failures += 1;
        ceiling.mul_f64(self.rng.random_range(0.5..1.0))
    }
}

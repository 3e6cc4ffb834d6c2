//! When a process that keeps times has to look at them next.

use std::time::{Duration, Instant};

/// The earliest look that is on its way, so that a process sends itself none that is not needed.
#[derive(Debug, Default)]
pub(super) struct Alarm(Option<Instant>);

impl Alarm {
    /// How long it is until a look that has to be sent for, because nothing on its way comes by `next`.
    pub(super) fn set(&mut self, next: Option<Instant>, now: Instant) -> Option<Duration> {
        let at = next.filter(|&at| self.0.is_none_or(|armed| at < armed))?;
        self.0 = Some(at);
        Some(at.saturating_duration_since(now))
    }

    /// The look has come.
    pub(super) fn rang(&mut self) {
        self.0 = None;
    }
}

//! When the stop of a whole tree has to be over.

use parking_lot::Mutex;
use tokio::time::Instant;

/// The deadline that a supervisor's incarnation was given for its stop. It can be brought forward, and never put off.
#[derive(Debug, Default)]
pub(crate) struct Limit(Mutex<Option<Instant>>);

impl Limit {
    pub(crate) fn until(&self) -> Option<Instant> {
        *self.0.lock()
    }

    pub(crate) fn bring_forward(&self, until: Instant) {
        let mut limit = self.0.lock();
        *limit = Some(limit.map_or(until, |before| before.min(until)));
    }

    /// Another incarnation begins.
    pub(crate) fn clear(&self) {
        *self.0.lock() = None;
    }
}

//! When the stop of a whole tree has to be over.

use std::future::poll_fn;
use std::task::Poll;

use parking_lot::Mutex;
use tokio::time::Instant;

use super::core::Core;

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

    /// Waits until the supervisor is asked to stop, or to be done with that earlier than `before`, and says until when.
    pub(crate) async fn asked(&self, core: &Core, before: Option<Option<Instant>>) -> Option<Instant> {
        poll_fn(|task| {
            core.wake_when_asked(task.waker());
            let asked = core.is_asked().then(|| self.until());
            asked.filter(|_| asked != before).map_or(Poll::Pending, Poll::Ready)
        })
        .await
    }

    /// Another incarnation begins.
    pub(crate) fn clear(&self) {
        *self.0.lock() = None;
    }
}

//! Signs of life that a service gives by itself.

use std::sync::Arc;

use parking_lot::Mutex;
use tokio::sync::Notify;
use tokio::time::Instant;

/// What a service beats to say that it is alive; see [`MonitorBuilder::heartbeat`](super::MonitorBuilder::heartbeat).
///
/// A clone is the same heartbeat. It keeps nothing alive, and beating after the monitor's end does nothing.
#[derive(Clone, Debug)]
pub struct Heartbeat(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    beats: Mutex<Beats>,
    awaited: Notify,
}

#[derive(Debug, Default)]
struct Beats {
    last: Option<Instant>,
    /// The monitor wants to be woken by the next one.
    awaited: bool,
}

impl Heartbeat {
    pub(super) fn new() -> Self {
        Self(Arc::new(Inner { beats: Mutex::default(), awaited: Notify::new() }))
    }

    /// Says that the service is alive now. It takes the time of an uncontended lock, and wakes the monitor only when
    /// the service was not up.
    pub fn beat(&self) {
        let mut beats = self.0.beats.lock();
        beats.last = Some(Instant::now());
        let awaited = std::mem::take(&mut beats.awaited);
        drop(beats);
        if awaited {
            self.0.awaited.notify_one();
        }
    }

    /// When the last beat was, if there was one since this was asked before; `wake` asks for a wake-up at the next one.
    pub(super) fn take(&self, wake: bool) -> Option<Instant> {
        let mut beats = self.0.beats.lock();
        let last = beats.last.take();
        beats.awaited = wake;
        last
    }

    /// Waits for the next beat, after [`take`](Self::take) asked for a wake-up. It may be early.
    pub(super) async fn awaited(&self) {
        self.0.awaited.notified().await;
    }
}

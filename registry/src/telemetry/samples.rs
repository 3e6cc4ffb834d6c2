//! How long lookups take: one in 64 is timed.

use std::cell::Cell;
use std::sync::atomic::Ordering::{Relaxed, Release};
use std::sync::atomic::{AtomicU32, AtomicU64};
use std::time::{Duration, Instant};

/// One operation in this many is timed.
const EVERY: u32 = 64;
/// What a thread keeps between two scrapes; older ones are overwritten.
const KEPT: usize = 64;

thread_local!(static TURN: Cell<u32> = const { Cell::new(0) });

/// The time, if it is this operation's turn to be timed.
pub(crate) fn start() -> Option<Instant> {
    turn().then(Instant::now)
}

/// Whether it is this operation's turn to be timed.
#[inline]
pub(crate) fn turn() -> bool {
    let turn = TURN.try_with(|turn| {
        let next = turn.get().wrapping_add(1);
        turn.set(next);
        next
    });
    turn.is_ok_and(|turn| turn.is_multiple_of(EVERY))
}

/// The last durations that one thread has measured.
#[derive(Debug)]
pub(super) struct Samples {
    nanos: [AtomicU32; KEPT],
    written: AtomicU64,
    /// How many the last scrape has seen. Touched by scrapes, and when its registry has ended.
    scraped: AtomicU64,
}

impl Default for Samples {
    fn default() -> Self {
        Self { nanos: [const { AtomicU32::new(0) }; KEPT], written: AtomicU64::new(0), scraped: AtomicU64::new(0) }
    }
}

impl Samples {
    /// By the owning thread only.
    pub(super) fn push(&self, took: Duration) {
        let written = self.written.load(Relaxed);
        let nanos = u32::try_from(took.as_nanos()).unwrap_or(u32::MAX);
        self.nanos[written as usize % KEPT].store(nanos, Relaxed);
        self.written.store(written + 1, Release);
    }

    /// Forgets all of them. Nobody notes one meanwhile, or takes any.
    pub(super) fn clear(&self) {
        self.written.store(0, Relaxed);
        self.scraped.store(0, Relaxed);
    }

    /// What came since the last call, as far as it is kept. By one scrape at a time.
    #[cfg(feature = "metrics")]
    pub(super) fn take(&self, mut f: impl FnMut(Duration)) {
        let written = self.written.load(std::sync::atomic::Ordering::Acquire);
        let from = self.scraped.load(Relaxed).max(written.saturating_sub(KEPT as u64));
        for at in from..written {
            f(Duration::from_nanos(self.nanos[at as usize % KEPT].load(Relaxed).into()));
        }
        self.scraped.store(written, Relaxed);
    }
}

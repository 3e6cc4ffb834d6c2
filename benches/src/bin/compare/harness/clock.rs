//! One round: how long it took, and whether its thread had the processor.

use std::time::Instant;

use rustix::thread::{CpuSet, sched_setaffinity};
use rustix::time::{ClockId, clock_gettime};

use super::allocator::allocations;

/// A round counts when its thread ran for this share of the time at least.
const OWN_SHARE: f64 = 0.97;

/// What came of one round.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Round {
    /// Nanoseconds for one operation.
    pub(crate) nanos: f64,
    /// Whether it counts.
    pub(crate) clean: bool,
    /// Allocations for one operation; `None` when they were not counted.
    pub(crate) allocations: Option<f64>,
}

/// A running stopwatch, for wall and thread time.
pub(super) struct Stopwatch {
    thread: std::thread::ThreadId,
    allocations: u64,
    cpu: f64,
    wall: Instant,
}

impl Stopwatch {
    pub(super) fn start() -> Self {
        Self {
            thread: std::thread::current().id(),
            allocations: allocations(),
            cpu: thread_nanos(),
            wall: Instant::now(),
        }
    }

    pub(super) fn stop(self, operations: u64) -> Round {
        let wall = self.wall.elapsed().as_nanos() as f64;
        let cpu = thread_nanos() - self.cpu;
        let stayed = std::thread::current().id() == self.thread;
        let operations = operations as f64;
        Round {
            nanos: wall / operations,
            clean: stayed && cpu / wall >= OWN_SHARE,
            allocations: stayed.then(|| (allocations() - self.allocations) as f64 / operations),
        }
    }
}

/// Times `operations` operations of this thread, which `f` does.
pub(crate) fn timed(operations: u64, f: impl FnOnce()) -> Round {
    let watch = Stopwatch::start();
    f();
    watch.stop(operations)
}

/// Times `operations` operations of a task and of those that work for it, on whichever threads they run.
///
/// The round counts when the program had a processor's worth of time.
pub(crate) async fn timed_async(operations: u64, f: impl Future<Output = ()>) -> Round {
    let cpu = nanos_of(ClockId::ProcessCPUTime);
    let begin = Instant::now();
    f.await;
    let wall = begin.elapsed().as_nanos() as f64;
    let cpu = nanos_of(ClockId::ProcessCPUTime) - cpu;
    Round { nanos: wall / operations as f64, clean: cpu / wall >= OWN_SHARE, allocations: None }
}

/// Keeps this thread on one processor; where that is not allowed it stays where it is.
pub(super) fn pin(processor: usize) {
    let mut set = CpuSet::new();
    set.set(processor);
    let _ = sched_setaffinity(None, &set);
}

fn thread_nanos() -> f64 {
    nanos_of(ClockId::ThreadCPUTime)
}

fn nanos_of(clock: ClockId) -> f64 {
    let time = clock_gettime(clock);
    time.tv_sec as f64 * 1e9 + time.tv_nsec as f64
}

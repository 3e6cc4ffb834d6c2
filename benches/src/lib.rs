//! What the measurements share: names to look up, and two threads that start together.

use std::sync::{Arc, Barrier};
use std::thread;
use std::time::{Duration, Instant};

/// Names of the length that services have, in an order that is not that of their making.
pub fn names(count: usize) -> Vec<String> {
    let mut names: Vec<_> = (0..count).map(|n| format!("svc{count}_{n:06}")).collect();
    // A fixed multiplicative shuffle: the same order in each run.
    names.sort_by_key(|name| {
        let hash = name
            .bytes()
            .fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3));
        hash.wrapping_mul(0x9e37_79b9_7f4a_7c15)
    });
    names
}

/// The time that `operation` takes for each thread when `threads` of them call it `iterations` times at once.
///
/// The operation gets the number of its thread and of its iteration.
pub fn on_threads(threads: usize, iterations: u64, operation: impl Fn(usize, usize) + Sync) -> Duration {
    let run = |thread: usize| {
        let begin = Instant::now();
        for iteration in 0..iterations as usize {
            operation(thread, iteration);
        }
        begin.elapsed()
    };
    if threads == 1 {
        return run(0);
    }
    let start = Arc::new(Barrier::new(threads));
    let elapsed: Vec<_> = thread::scope(|scope| {
        let workers: Vec<_> = (0..threads)
            .map(|thread| {
                let start = Arc::clone(&start);
                let run = &run;
                scope.spawn(move || {
                    start.wait();
                    run(thread)
                })
            })
            .collect();
        workers.into_iter().map(|worker| worker.join().unwrap_or_default()).collect()
    });
    elapsed.iter().sum::<Duration>() / threads as u32
}

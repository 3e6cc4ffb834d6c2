//! Two threads, each on a processor of its own, that start together.

use std::hint::spin_loop;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering::{AcqRel, Acquire};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread;

use super::clock::{Round, Stopwatch, pin};

/// What each of the threads does in a round; it gets the thread's number.
pub(crate) type Job = Arc<dyn Fn(usize) + Send + Sync>;

/// The two threads. They end when this is dropped.
pub(crate) struct Pair {
    jobs: [Sender<(Job, u64)>; 2],
    rounds: Receiver<Round>,
}

impl Pair {
    pub(crate) fn new() -> Self {
        let (finished, rounds) = channel();
        let arrived = Arc::new(AtomicU64::new(0));
        let jobs = [0, 1].map(|number| {
            let (job, jobs) = channel::<(Job, u64)>();
            let (finished, arrived) = (finished.clone(), Arc::clone(&arrived));
            thread::spawn(move || {
                pin(number);
                for (job, operations) in jobs {
                    meet(&arrived);
                    let watch = Stopwatch::start();
                    job(number);
                    if finished.send(watch.stop(operations)).is_err() {
                        return;
                    }
                }
            });
            job
        });
        Self { jobs, rounds }
    }

    /// Both threads do `operations` operations. The time is that of the slower one; the round counts when both do.
    pub(crate) fn round(&self, operations: u64, job: &Job) -> Round {
        for thread in &self.jobs {
            let _ = thread.send((Arc::clone(job), operations));
        }
        let mut finished = self.rounds.iter().take(2);
        let (Some(one), Some(other)) = (finished.next(), finished.next()) else {
            return Round { nanos: f64::NAN, clean: false, allocations: None };
        };
        Round {
            nanos: one.nanos.max(other.nanos),
            clean: one.clean && other.clean,
            allocations: one.allocations.zip(other.allocations).map(|(one, other)| one.max(other)),
        }
    }
}

/// Spins until the other thread is here as well: sleeping threads would not start at the same moment.
fn meet(arrived: &AtomicU64) {
    let number = arrived.fetch_add(1, AcqRel);
    let both = (number / 2 + 1) * 2;
    while arrived.load(Acquire) < both {
        spin_loop();
    }
}

//! Many children: starting one more among them, what each takes up, and stopping all of them.
//!
//! Whose turn it is has the program to itself: nobody else's children are in memory, so that what a child finds in the caches
//! when it is stopped depends on its own family alone.

use std::time::Instant;

use supervisor::{ChildRef, DynamicSupervisorRef, Tree};
use tokio::runtime::Runtime;

use super::{echo, run, runtime};
use crate::harness::{Results, count_whole_program, timed_async, whole_program_bytes};
use crate::peers::{bare, kameo, ractor};
use crate::who;

/// Children started in a round, and stopped behind it.
const MORE: u64 = 500;
/// Rounds in a turn.
const ROUNDS: usize = 7;
/// Turns of each contender, in an order that rotates.
const TURNS: usize = 5;
/// How often a round is made until one counts.
const TRIES: usize = 4;

/// Somebody's children.
trait Family: Send + Sized + 'static {
    /// There are none yet.
    fn open() -> impl Future<Output = Self> + Send;
    /// Starts so many more.
    fn grow(&mut self, more: u64) -> impl Future<Output = ()> + Send;
    /// Stops those that came last.
    fn shrink(&mut self, fewer: u64) -> impl Future<Output = ()> + Send;
    /// Stops all of them.
    fn stop(self) -> impl Future<Output = ()> + Send;
}

struct Supervised {
    tree: Tree<DynamicSupervisorRef>,
    last: Vec<ChildRef>,
}

impl Family for Supervised {
    async fn open() -> Self {
        Self { tree: echo::supervisor().await, last: Vec::new() }
    }

    async fn grow(&mut self, more: u64) {
        for _ in 0..more {
            let server = echo::start(&self.tree).await;
            if more == MORE {
                self.last.push(server.child());
            }
        }
    }

    async fn shrink(&mut self, _: u64) {
        for child in self.last.drain(..) {
            let _ = self.tree.terminate_child(child).await;
        }
    }

    async fn stop(self) {
        self.tree.stop().await;
    }
}

impl Family for Vec<ractor::Running> {
    async fn open() -> Self {
        Self::new()
    }

    async fn grow(&mut self, more: u64) {
        for _ in 0..more {
            self.push(ractor::spawn(None).await);
        }
    }

    async fn shrink(&mut self, fewer: u64) {
        ractor::stop(self.split_off(self.len() - fewer as usize)).await;
    }

    async fn stop(self) {
        ractor::stop(self).await;
    }
}

impl Family for Vec<kameo::Running> {
    async fn open() -> Self {
        Self::new()
    }

    /// Starting is not waited for one by one, so the last one is asked something.
    async fn grow(&mut self, more: u64) {
        self.extend((0..more).map(|_| kameo::spawn()));
        if let Some(last) = self.last() {
            kameo::call(last).await;
        }
    }

    async fn shrink(&mut self, fewer: u64) {
        kameo::stop(&self.split_off(self.len() - fewer as usize)).await;
    }

    async fn stop(self) {
        kameo::stop(&self).await;
    }
}

/// kameo's actors, each started when the one before it is up: what a supervisor's start promises.
struct Waited(Vec<kameo::Running>);

impl Family for Waited {
    async fn open() -> Self {
        Self(Vec::new())
    }

    async fn grow(&mut self, more: u64) {
        for _ in 0..more {
            self.0.push(kameo::start().await);
        }
    }

    async fn shrink(&mut self, fewer: u64) {
        self.0.shrink(fewer).await;
    }

    async fn stop(self) {
        self.0.stop().await;
    }
}

impl Family for Vec<bare::Task> {
    async fn open() -> Self {
        Self::new()
    }

    async fn grow(&mut self, more: u64) {
        for _ in 0..more {
            self.push(bare::start().await);
        }
    }

    async fn shrink(&mut self, fewer: u64) {
        bare::stop(self.split_off(self.len() - fewer as usize)).await;
    }

    async fn stop(self) {
        bare::stop(self).await;
    }
}

pub(super) fn rows(results: &mut Results) {
    let runtime = runtime();
    let turns: [fn(&mut Results, &Runtime, u64); 5] = [
        |results, runtime, count| turn::<Supervised>(results, runtime, who::SUPERVISOR, count),
        |results, runtime, count| turn::<Vec<bare::Task>>(results, runtime, who::TOKIO, count),
        |results, runtime, count| turn::<Vec<ractor::Running>>(results, runtime, who::RACTOR, count),
        |results, runtime, count| turn::<Vec<kameo::Running>>(results, runtime, who::KAMEO, count),
        |results, runtime, count| turn::<Waited>(results, runtime, who::KAMEO_WAITED, count),
    ];
    for count in [1_000, 100_000] {
        for first in 0..TURNS {
            for offset in 0..turns.len() {
                turns[(first + offset) % turns.len()](results, &runtime, count);
            }
        }
    }
}

/// Fills a family, lets it grow and shrink some times, and stops it.
fn turn<F: Family>(results: &mut Results, runtime: &Runtime, name: &'static str, count: u64) {
    let mut family = run(runtime, F::open());
    count_whole_program(true);
    let before = whole_program_bytes();
    family = run(runtime, async move {
        family.grow(count).await;
        family
    });
    results.note(&format!("bytes per child n={count}"), name, (whole_program_bytes() - before) as f64 / count as f64);
    count_whole_program(false);

    for _ in 0..ROUNDS {
        let mut clean = None;
        for _ in 0..TRIES {
            let (same, round) = run(runtime, async move {
                let round = timed_async(MORE, family.grow(MORE)).await;
                family.shrink(MORE).await;
                (family, round)
            });
            family = same;
            if round.clean {
                clean = Some(round.nanos);
                break;
            }
        }
        results.note_turn(&format!("start child among n={count}"), name, clean);
    }

    let took = run(runtime, async move {
        let begin = Instant::now();
        family.stop().await;
        begin.elapsed()
    });
    results.note_turn(&format!("stop all children, each n={count}"), name, Some(took.as_nanos() as f64 / count as f64));
}

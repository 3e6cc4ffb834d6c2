//! Many tasks: what starting one takes, what each takes up, and what the end of all of them takes, with their results.

use std::sync::Arc;
use std::time::Instant;

use supervisor::{TaskHandle, TaskSupervisor, TaskSupervisorRef, Tree};
use tokio::runtime::Runtime;
use tokio::sync::Semaphore;
use tokio::task::JoinSet;

use super::{run, runtime};
use crate::harness::{Results, count_whole_program, whole_program_bytes};
use crate::who;

const TASKS: u64 = 100_000;
const TURNS: usize = 3;

/// Somebody's tasks, each of which waits for a permit and gives a number.
trait Crowd: Send + Sized + 'static {
    fn open() -> impl Future<Output = Self> + Send;
    fn start(&mut self, gate: &Arc<Semaphore>);
    /// Waits for all of them, and adds up what they give.
    fn results(&mut self) -> impl Future<Output = u64> + Send;
    fn close(self) -> impl Future<Output = ()> + Send;
}

async fn work(gate: Arc<Semaphore>) -> u64 {
    u64::from(gate.acquire().await.is_err())
}

struct Supervised {
    tree: Tree<TaskSupervisorRef>,
    tasks: Vec<TaskHandle<u64>>,
}

impl Crowd for Supervised {
    async fn open() -> Self {
        let tree = TaskSupervisor::new().start().await.unwrap_or_else(|error| panic!("{error}"));
        Self { tree, tasks: Vec::with_capacity(TASKS as usize) }
    }

    fn start(&mut self, gate: &Arc<Semaphore>) {
        let task = self.tree.async_nolink(work(Arc::clone(gate)));
        self.tasks.push(task.unwrap_or_else(|error| panic!("{error}")));
    }

    async fn results(&mut self) -> u64 {
        let mut sum = 0;
        for task in self.tasks.drain(..) {
            sum += task.await.unwrap_or_default();
        }
        sum
    }

    async fn close(self) {
        self.tree.stop().await;
    }
}

impl Crowd for JoinSet<u64> {
    async fn open() -> Self {
        Self::new()
    }

    fn start(&mut self, gate: &Arc<Semaphore>) {
        self.spawn(work(Arc::clone(gate)));
    }

    async fn results(&mut self) -> u64 {
        let mut sum = 0;
        while let Some(result) = self.join_next().await {
            sum += result.unwrap_or_default();
        }
        sum
    }

    async fn close(self) {}
}

pub(super) fn rows(results: &mut Results) {
    let runtime = runtime();
    counted::<Supervised>(results, &runtime, who::SUPERVISOR);
    counted::<JoinSet<u64>>(results, &runtime, who::JOIN_SET);
    for turn in 0..TURNS {
        if turn % 2 == 0 {
            timed::<Supervised>(results, &runtime, who::SUPERVISOR);
            timed::<JoinSet<u64>>(results, &runtime, who::JOIN_SET);
        } else {
            timed::<JoinSet<u64>>(results, &runtime, who::JOIN_SET);
            timed::<Supervised>(results, &runtime, who::SUPERVISOR);
        }
    }
}

/// Apart from the clock, which counting would slow down.
fn counted<C: Crowd>(results: &mut Results, runtime: &Runtime, name: &'static str) {
    let gate = Arc::new(Semaphore::new(0));
    let crowd = run(runtime, C::open());
    count_whole_program(true);
    let before = whole_program_bytes();
    let (crowd, _) = run(runtime, started(crowd, Arc::clone(&gate)));
    results.note(&format!("bytes per task n={TASKS}"), name, (whole_program_bytes() - before) as f64 / TASKS as f64);
    count_whole_program(false);
    run(runtime, ended(crowd, gate));
}

fn timed<C: Crowd>(results: &mut Results, runtime: &Runtime, name: &'static str) {
    let gate = Arc::new(Semaphore::new(0));
    let crowd = run(runtime, C::open());
    let (crowd, took) = run(runtime, started(crowd, Arc::clone(&gate)));
    results.note_turn(&format!("start task among n={TASKS}"), name, Some(took));
    let took = run(runtime, ended(crowd, gate));
    results.note_turn(&format!("end of tasks, each n={TASKS}"), name, Some(took));
}

/// Lets all of them end, and gives the time for each until its result is there.
async fn ended<C: Crowd>(mut crowd: C, gate: Arc<Semaphore>) -> f64 {
    let begin = Instant::now();
    gate.close();
    let sum = crowd.results().await;
    let took = begin.elapsed().as_nanos() as f64 / TASKS as f64;
    assert_eq!(sum, TASKS, "each task has given its result");
    crowd.close().await;
    took
}

/// Starts all, and gives the time for each.
async fn started<C: Crowd>(mut crowd: C, gate: Arc<Semaphore>) -> (C, f64) {
    let begin = Instant::now();
    for started in 1..=TASKS {
        crowd.start(&gate);
        // A start does not wait: the runtime is let run in between, as a server that starts tasks would.
        if started % 64 == 0 {
            tokio::task::yield_now().await;
        }
    }
    (crowd, begin.elapsed().as_nanos() as f64 / TASKS as f64)
}

//! Many children: starting one more among them, what each takes up, and stopping all of them.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use supervisor::{ChildRef, DynamicSupervisorRef, Tree};

use super::{contender, echo, run, runtime};
use crate::harness::{Results, Round, count_whole_program, take_turns, timed_async, whole_program_bytes};
use crate::peers::{bare, kameo, ractor};
use crate::who;

/// Children started in a round, and stopped behind it.
const MORE: u64 = 500;
const TURNS: usize = 9;

/// Somebody's children.
trait Family: Send + 'static {
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

impl Family for Vec<bare::Task> {
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
    for count in [1_000, 100_000] {
        let supervised = run(&runtime, async { Supervised { tree: echo::supervisor().await, last: Vec::new() } });
        let supervised = filled(results, &runtime, who::SUPERVISOR, supervised, count);
        let bare = filled(results, &runtime, who::TOKIO, Vec::<bare::Task>::new(), count);
        let ractors = filled(results, &runtime, who::RACTOR, Vec::<ractor::Running>::new(), count);
        let kameos = filled(results, &runtime, who::KAMEO, Vec::<kameo::Running>::new(), count);
        let contenders = vec![
            contender(&runtime, who::SUPERVISOR, || one_round(Arc::clone(&supervised))),
            contender(&runtime, who::TOKIO, || one_round(Arc::clone(&bare))),
            contender(&runtime, who::RACTOR, || one_round(Arc::clone(&ractors))),
            contender(&runtime, who::KAMEO, || one_round(Arc::clone(&kameos))),
        ];
        take_turns(results, &format!("start child among n={count}"), TURNS, contenders);
        stopped(results, &runtime, who::SUPERVISOR, &supervised, count);
        stopped(results, &runtime, who::TOKIO, &bare, count);
        stopped(results, &runtime, who::RACTOR, &ractors, count);
        stopped(results, &runtime, who::KAMEO, &kameos, count);
    }
}

/// A family that is handed from round to round.
type Shared<F> = Arc<Mutex<Option<F>>>;

fn take<F>(family: &Shared<F>) -> F {
    family.lock().unwrap_or_else(PoisonError::into_inner).take().unwrap_or_else(|| panic!("one round at a time"))
}

fn filled<F: Family>(
    results: &mut Results,
    runtime: &tokio::runtime::Runtime,
    name: &'static str,
    mut family: F,
    count: u64,
) -> Shared<F> {
    count_whole_program(true);
    let before = whole_program_bytes();
    let family = run(runtime, async move {
        family.grow(count).await;
        family
    });
    results.note(&format!("bytes per child n={count}"), name, (whole_program_bytes() - before) as f64 / count as f64);
    count_whole_program(false);
    Arc::new(Mutex::new(Some(family)))
}

async fn one_round<F: Family>(shared: Shared<F>) -> Round {
    let mut family = take(&shared);
    let round = timed_async(MORE, family.grow(MORE)).await;
    family.shrink(MORE).await;
    *shared.lock().unwrap_or_else(PoisonError::into_inner) = Some(family);
    round
}

fn stopped<F: Family>(
    results: &mut Results,
    runtime: &tokio::runtime::Runtime,
    name: &'static str,
    family: &Shared<F>,
    count: u64,
) {
    let family = take(family);
    let took = run(runtime, async move {
        let begin = Instant::now();
        family.stop().await;
        begin.elapsed()
    });
    results.note(&format!("stop all children, each n={count}"), name, took.as_nanos() as f64 / count as f64);
}

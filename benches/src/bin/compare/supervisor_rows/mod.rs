//! What the supervisor is measured by.
//!
//! Everything runs as a task of a runtime with two workers: what is driven from outside of them pays for a wake-up of the
//! outside thread with each answer.

mod call;
mod children;
mod echo;
mod group;
mod named;
mod partition;
mod restart;
mod tasks;

use std::time::Duration;

use tokio::runtime::Runtime;

use crate::harness::{Contender, Results, Round, run_script};
use crate::{peers, who};

/// A budget that is never used up: whatever fails is restarted.
const ALWAYS: (u32, Duration) = (u32::MAX, Duration::from_millis(1));

/// Every row of the supervisor once.
pub(crate) fn pass(results: &mut Results) {
    call::rows(results);
    children::rows(results);
    named::rows(results);
    partition::rows(results);
    tasks::rows(results);
    restart::rows(results);
    group::rows(results);
    run_script(results, "processes.exs", &[who::ELIXIR, who::ELIXIR_PARTITIONED]);
}

fn runtime() -> Runtime {
    peers::runtime()
}

/// Runs a future as a task, to its end.
fn run<T: Send + 'static>(runtime: &Runtime, future: impl Future<Output = T> + Send + 'static) -> T {
    runtime.block_on(runtime.spawn(future)).unwrap_or_else(|error| panic!("{error}"))
}

/// A contender each of whose rounds is a task.
fn contender<'a, F>(runtime: &'a Runtime, name: &'static str, round: impl Fn() -> F + 'a) -> Contender<'a>
where
    F: Future<Output = Round> + Send + 'static,
{
    Contender::new(name, move || run(runtime, round()))
}

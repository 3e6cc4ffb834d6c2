//! Taking a name and giving it up again, among a thousand others.

use std::hint::black_box;
use std::sync::Arc;

use benches::names;
use dashmap::DashMap;
use registry::Process;

use super::registered;
use crate::harness::{Contender, Job, Pair, Results, take_turns, timed};
use crate::who;

const OPERATIONS: u64 = 2_048;
const TURNS: usize = 25;
/// The names that a thread takes in turn.
const FRESH: usize = 64;

pub(super) fn rows(results: &mut Results, pair: &Pair) {
    let names = names(1_000);
    let fresh: Arc<[Vec<String>; 2]> =
        Arc::new([0, 1].map(|thread| (0..FRESH).map(|number| format!("fresh_{thread}_{number:04}")).collect()));
    let (namespace, _process) = registered(&names);
    let dash: DashMap<String, Arc<u64>> = DashMap::new();
    for (name, number) in names.iter().zip(0_u64..) {
        dash.insert(name.clone(), Arc::new(number));
    }
    let holders = [0, 1].map(|_| Process::new());
    let [guarded, plain, owned] = [0; 3].map(|_| namespace.clone());
    let jobs: [(&str, Job); 4] = [
        (who::GUARD, repeat(&fresh, move |_, name, number| drop(black_box(guarded.register(name, Arc::new(number)))))),
        (who::GUARD_PLAIN, repeat(&fresh, move |_, name, number| drop(black_box(plain.register(name, number))))),
        (
            who::PROCESS,
            repeat(&fresh, move |thread, name, number| {
                let holder = holders[thread].reference();
                let _ = black_box(owned.register_for(&holder, name, Arc::new(number)));
                let _ = black_box(owned.unregister(&holder, name));
            }),
        ),
        (
            who::DASHMAP,
            repeat(&fresh, move |_, name, number| {
                dash.insert(name.to_owned(), Arc::new(number));
                black_box(dash.remove(name));
            }),
        ),
    ];
    for threads in [1, 2] {
        let contenders = jobs.iter().map(|(name, job)| {
            Contender::new(name, move || match threads {
                1 => timed(OPERATIONS, || job(0)),
                _ => pair.round(OPERATIONS, job),
            })
        });
        take_turns(results, &format!("register + unregister t={threads}"), TURNS, contenders.collect());
    }
}

fn repeat(fresh: &Arc<[Vec<String>; 2]>, operation: impl Fn(usize, &str, u64) + Send + Sync + 'static) -> Job {
    let fresh = Arc::clone(fresh);
    Arc::new(move |thread| {
        for number in 0..OPERATIONS {
            operation(thread, black_box(&fresh[thread][number as usize % FRESH]), number);
        }
    })
}

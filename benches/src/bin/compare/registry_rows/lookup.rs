//! Lookups: that find, that find the same name all the time, that find nothing; on one thread and on two.

use std::cell::Cell;
use std::hash::{Hash, Hasher};
use std::hint::black_box;
use std::sync::Arc;
use std::sync::atomic::AtomicUsize;
use std::sync::atomic::Ordering::Relaxed;

use benches::names;
use dashmap::DashMap;

use super::registered;
use crate::harness::{Contender, Job, Pair, Results, take_turns, take_turns_of_rows, timed};
use crate::peers::{kameo, ractor};
use crate::who;

/// Lookups in a round, for each thread: 0.1 to 3 ms.
const OPERATIONS: u64 = 8_192;
const TURNS: usize = 15;
const ABSENT: &str = "absent_service_0001";

/// Which names are looked up.
#[derive(Clone, Copy, PartialEq)]
enum Mix {
    Hit,
    Hot,
    Miss,
}

pub(super) fn rows(results: &mut Results, pair: &Pair) {
    for count in [10, 1_000, 100_000] {
        let names: Arc<[String]> = names(count).into();
        let ractors = ractor::Named::spawn(&names);
        let kameos = kameo::Named::register(&names);
        for (label, mix) in [("hit", Mix::Hit), ("hot key", Mix::Hot), ("miss", Mix::Miss)] {
            let [one, two] = [1, 2].map(|threads| format!("lookup {label} n={count} t={threads}"));
            let rows = [(one.as_str(), 1), (two.as_str(), 2)];
            let rows = rows.map(|(row, threads)| (row, contenders(&names, mix, threads, pair)));
            take_turns_of_rows(results, TURNS, rows);
        }
        if count == 10 {
            held(results, pair, &names);
        }
        ractors.stop();
        kameos.stop();
    }
}

fn contenders<'a>(names: &Arc<[String]>, mix: Mix, threads: usize, pair: &'a Pair) -> Vec<Contender<'a>> {
    let (namespace, process) = registered(names);
    let dash: DashMap<String, Arc<u64>> = DashMap::new();
    let index: scc::HashIndex<Named, (), foldhash::fast::RandomState> = scc::HashIndex::default();
    for (name, number) in names.iter().zip(0_u64..) {
        dash.insert(name.clone(), Arc::new(number));
        let _ = index.insert_sync(Named(Arc::new((name.as_str().into(), number))), ());
    }
    let look = Look { names: Arc::clone(names), mix, threads, pair, begin: Cell::new(0) };
    // Whole tuples are captured: the names are the process's, and go with it.
    let held = Arc::new((namespace, process));
    let [with, uncounted, whereis, nowhere, lookup] = [0; 5].map(|_| Arc::clone(&held));
    vec![
        look.contender(who::WITH, move |name| with.0.with(name, |value: &Arc<u64>| **value).ok()),
        look.contender(who::UNCOUNTED, move |name| uncounted.0.with_uncounted(name, |value: &Arc<u64>| **value)),
        look.contender(who::WHEREIS, move |name| whereis.0.whereis(name)),
        look.contender(who::WHEREIS_UNCOUNTED, move |name| nowhere.0.whereis_uncounted(name)),
        look.contender(who::LOOKUP, move |name| lookup.0.lookup::<Arc<u64>>(name).ok()),
        look.contender(who::INDEX, move |name| index.peek_with(name, |entry, ()| entry.0.1)),
        look.contender(who::DASHMAP, move |name| dash.get(name).map(|entry| Arc::clone(entry.value()))),
        look.contender(who::RACTOR, ractor::where_is),
        look.contender(who::KAMEO, kameo::lookup),
    ]
}

/// What all contenders of a row have in common.
struct Look<'a> {
    names: Arc<[String]>,
    mix: Mix,
    threads: usize,
    pair: &'a Pair,
    /// Where the next contender begins: those that share a table do not find it warmed by each other.
    begin: Cell<usize>,
}

impl<'a> Look<'a> {
    fn contender<R>(
        &self,
        name: &'static str,
        operation: impl Fn(&str) -> Option<R> + Send + Sync + 'static,
    ) -> Contender<'a> {
        let (names, mix, threads, pair) = (Arc::clone(&self.names), self.mix, self.threads, self.pair);
        assert!(names.iter().all(|present| operation(present).is_some()), "{name} does not find what is there");
        assert!(operation(ABSENT).is_none(), "{name} finds what is not there");
        // Each round goes on where the last one ended, so that all of the names have their turn.
        let begin = AtomicUsize::new(self.begin.replace(self.begin.get() + 2 * OPERATIONS as usize + 1));
        let job: Job = Arc::new(move |thread| {
            let mut at = (begin.load(Relaxed) + thread * names.len() / 2) % names.len();
            for _ in 0..OPERATIONS {
                let name = match mix {
                    Mix::Hit => names[at].as_str(),
                    Mix::Hot => names[0].as_str(),
                    Mix::Miss => ABSENT,
                };
                black_box(operation(black_box(name)));
                at += 1;
                if at == names.len() {
                    at = 0;
                }
            }
            if thread == 0 {
                begin.fetch_add(OPERATIONS as usize, Relaxed);
            }
        });
        Contender::new(name, move || match threads {
            1 => timed(OPERATIONS, || job(0)),
            _ => pair.round(OPERATIONS, &job),
        })
    }
}

/// A reference that was resolved before: every thread has its own.
fn held(results: &mut Results, pair: &Pair, names: &[String]) {
    let (namespace, _process) = registered(names);
    let reference = namespace.reference::<Arc<u64>>(names[0].as_str());
    let job: Job = Arc::new(move |_| {
        let mut reference = reference.clone();
        for _ in 0..OPERATIONS * 8 {
            black_box(black_box(&mut reference).get().map(|value| **value).ok());
        }
    });
    let one = Contender::new(who::HELD, || timed(OPERATIONS * 8, || job(0)));
    take_turns(results, "held reference t=1", TURNS, vec![one]);
    let two = Contender::new(who::HELD, || pair.round(OPERATIONS * 8, &job));
    take_turns(results, "held reference t=2", TURNS, vec![two]);
}

/// An entry with its key inside: what the bare index would hold.
struct Named(Arc<(Box<str>, u64)>);

impl Hash for Named {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.0.0.hash(state);
    }
}

impl PartialEq for Named {
    fn eq(&self, other: &Self) -> bool {
        self.0.0 == other.0.0
    }
}

impl Eq for Named {}

impl scc::Equivalent<Named> for str {
    fn equivalent(&self, named: &Named) -> bool {
        *self == *named.0.0
    }
}

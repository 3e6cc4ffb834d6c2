//! Partitions: from a key to the handle of its partition, and starts that are spread over them.

use std::hash::BuildHasher;
use std::hint::black_box;
use std::sync::Arc;
use std::time::Instant;

use foldhash::quality::FixedState;
use supervisor::{
    ChildSpec, DynamicSupervisor, DynamicSupervisorRef, PartitionSupervisor, PartitionSupervisorRef, Tree,
};
use tokio::runtime::Runtime;

use super::{ALWAYS, echo, run, runtime};
use crate::harness::{Contender, Results, take_turns, timed};
use crate::who;

const PARTITIONS: usize = 8;
const KEYS: usize = 1_024;
const ROUTES: usize = 20_000;
const TURNS: usize = 25;
const CHILDREN: u64 = 100_000;
/// Tasks that start children at the same time.
const STARTERS: u64 = 2;
/// How often each way of starting them has its turn.
const FILLS: usize = 3;

type Partitions = Tree<PartitionSupervisorRef<DynamicSupervisorRef>>;

pub(super) fn rows(results: &mut Results) {
    let runtime = runtime();
    let tree = run(&runtime, partitions());
    routes(results, &tree);
    run(&runtime, async move { tree.stop().await });
    for _ in 0..FILLS {
        starts(results, &runtime);
    }
}

fn routes(results: &mut Results, tree: &Partitions) {
    let keys: Vec<String> = (0..KEYS).map(|number| format!("user_{number:06}")).collect();
    let (handles, hasher) = (tree.handles(), FixedState::with_seed(0));
    let row = "route by key";
    let each = |route: &dyn Fn(&str)| timed(ROUTES as u64, || (0..ROUTES).for_each(|turn| route(&keys[turn % KEYS])));
    let contenders = vec![
        Contender::new(who::ROUTE, || each(&|key| drop(black_box(tree.route(key))))),
        Contender::new(who::ROUTE_WITH, || {
            each(&|key| {
                black_box(tree.with(key, |handle| black_box(handle).is_running()));
            })
        }),
        Contender::new(who::VEC, || {
            each(&|key| drop(black_box(handles[hasher.hash_one(key) as usize % handles.len()].clone())))
        }),
        Contender::new(who::VEC_WITH, || {
            each(&|key| {
                black_box(black_box(&handles[hasher.hash_one(key) as usize % handles.len()]).is_running());
            })
        }),
    ];
    take_turns(results, row, TURNS, contenders);
}

fn starts(results: &mut Results, runtime: &Runtime) {
    let row = format!("start from two tasks n={CHILDREN}");
    let nanos = run(runtime, async {
        let tree = Arc::new(echo::supervisor().await);
        let nanos = spread(|_| DynamicSupervisorRef::clone(&tree)).await;
        tree.stop().await;
        nanos
    });
    results.note_turn(&row, who::SUPERVISOR, Some(nanos));
    let nanos = run(runtime, async {
        let tree = partitions().await;
        let nanos = spread(|key| tree.route(&key)).await;
        tree.stop().await;
        nanos
    });
    results.note_turn(&row, who::PARTITIONED, Some(nanos));
}

async fn partitions() -> Partitions {
    let supervisor =
        PartitionSupervisor::new(|_| ChildSpec::supervisor(DynamicSupervisor::new().budget(ALWAYS.0, ALWAYS.1)));
    supervisor.partitions(PARTITIONS).start().await.unwrap_or_else(|error| panic!("{error}"))
}

/// The time for each of all children, started by tasks that route each of them anew.
async fn spread(route: impl Fn(u64) -> DynamicSupervisorRef) -> f64 {
    // Routed before the clock starts, so that both ways do the same within it.
    let mut work: Vec<Vec<DynamicSupervisorRef>> = vec![Vec::new(); STARTERS as usize];
    for key in 0..CHILDREN {
        work[(key % STARTERS) as usize].push(route(key));
    }
    let begin = Instant::now();
    let starters: Vec<_> = work
        .into_iter()
        .map(|work| {
            tokio::spawn(async move {
                for supervisor in work {
                    echo::start(&supervisor).await;
                }
            })
        })
        .collect();
    for starter in starters {
        starter.await.unwrap_or_else(|error| panic!("{error}"));
    }
    begin.elapsed().as_nanos() as f64 / CHILDREN as f64
}

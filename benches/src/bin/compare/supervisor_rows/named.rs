//! Starting a child that has a name, until it is found by it.

use std::sync::Arc;

use dashmap::DashMap;
use registry::ServiceRegistry;
use supervisor::ServerRef;

use super::echo::{self, Echo};
use super::{contender, run, runtime};
use crate::harness::{Results, take_turns, timed_async};
use crate::peers::{bare, kameo, ractor};
use crate::who;

/// Children started in a round, and stopped behind it.
const STARTS: u64 = 500;
const TURNS: usize = 15;

pub(super) fn rows(results: &mut Results) {
    let runtime = runtime();
    let names: Arc<Vec<String>> = Arc::new((0..STARTS).map(|number| format!("named_{number:06}")).collect());
    let namespace = ServiceRegistry::new().namespace("production").unwrap_or_else(|error| panic!("{error}"));
    let tree = Arc::new(run(&runtime, echo::supervisor()));
    let contenders = vec![
        contender(&runtime, who::SUPERVISOR, || {
            let (names, namespace, tree) = (Arc::clone(&names), namespace.clone(), Arc::clone(&tree));
            async move {
                let mut children = Vec::with_capacity(names.len());
                let round = timed_async(STARTS, async {
                    for name in &*names {
                        let started = tree.start_child(echo::spec().name(&namespace, name.as_str())).await;
                        children.push(started.unwrap_or_else(|error| panic!("{error}")));
                    }
                })
                .await;
                for (name, server) in names.iter().zip(children) {
                    assert!(namespace.lookup::<ServerRef<Echo>>(name.as_str()).is_ok());
                    let _ = tree.terminate_child(server.child()).await;
                }
                round
            }
        }),
        contender(&runtime, who::TOKIO_TABLE, || {
            let names = Arc::clone(&names);
            async move {
                let table = DashMap::new();
                let round = timed_async(STARTS, async {
                    for name in &*names {
                        table.insert(name.clone(), bare::start().await);
                    }
                })
                .await;
                bare::stop(table.into_iter().map(|(_, task)| task).collect()).await;
                round
            }
        }),
        contender(&runtime, who::RACTOR, || {
            let names = Arc::clone(&names);
            async move {
                let mut actors = Vec::with_capacity(names.len());
                let round = timed_async(STARTS, async {
                    for name in &*names {
                        actors.push(ractor::spawn(Some(name.clone())).await);
                    }
                })
                .await;
                ractor::stop(actors).await;
                round
            }
        }),
        contender(&runtime, who::KAMEO, || {
            let names = Arc::clone(&names);
            async move {
                let mut actors = Vec::with_capacity(names.len());
                let round = timed_async(STARTS, async {
                    for name in &*names {
                        let actor = kameo::spawn();
                        actor.register(name.clone()).unwrap_or_else(|error| panic!("{error}"));
                        actors.push(actor);
                    }
                    // Starting is not waited for one by one.
                    if let Some(last) = actors.last() {
                        kameo::call(last).await;
                    }
                })
                .await;
                kameo::stop(&actors).await;
                names.iter().for_each(|name| kameo::forget(name));
                round
            }
        }),
    ];
    take_turns(results, "start named child", TURNS, contenders);
    run(&runtime, async move { tree.stop().await });
}

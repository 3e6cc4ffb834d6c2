//! From the order to panic until the next incarnation is up and found by its name.

use std::sync::Arc;
use std::time::Duration;

use ractor::{Actor, ActorRef};
use registry::ServiceRegistry;
use supervisor::ServerRef;
use tokio::sync::Mutex;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio::task::JoinSet;

use super::echo::{self, Echo, Message};
use super::{contender, run, runtime};
use crate::harness::{Results, take_turns, timed_async};
use crate::peers::ractor as ractors;
use crate::who;

const RESTARTS: u64 = 100;
const TURNS: usize = 15;
const NAME: &str = "victim";
const LONG: Duration = Duration::from_secs(10);

pub(super) fn rows(results: &mut Results) {
    let runtime = runtime();
    let namespace = ServiceRegistry::new().namespace("production").unwrap_or_else(|error| panic!("{error}"));
    let (up, ups) = unbounded_channel();
    let spec = echo::named(&namespace, NAME, up);
    let (tree, server) = run(&runtime, async move {
        let tree = echo::supervisor().await;
        let server = tree.start_child(spec).await.unwrap_or_else(|error| panic!("{error}"));
        (tree, server)
    });
    let ups = first(&runtime, ups);

    let (up, ractor_ups) = unbounded_channel();
    let (restarter, _task) = run(&runtime, async move {
        Actor::spawn(None, ractors::Restarter(up), ()).await.unwrap_or_else(|error| panic!("{error}"))
    });
    let ractor_ups = first(&runtime, ractor_ups);

    let (up, bare_ups) = unbounded_channel();
    let (order, orders) = unbounded_channel();
    let bare = runtime.spawn(respawn(up, Arc::new(Mutex::new(orders))));
    let bare_ups = first(&runtime, bare_ups);

    let contenders = vec![
        contender(&runtime, who::SUPERVISOR, || {
            let (server, namespace, ups) = (server.clone(), namespace.clone(), Arc::clone(&ups));
            timed_async(RESTARTS, async move {
                let mut ups = ups.lock().await;
                for _ in 0..RESTARTS {
                    let _ = server.cast(Message::Panic).await;
                    ups.recv().await;
                    let found = namespace.wait_for::<ServerRef<Echo>>(NAME, LONG).await;
                    assert!(found.is_ok(), "the next incarnation has the name");
                }
            })
        }),
        contender(&runtime, who::TOKIO, || {
            let (order, ups) = (order.clone(), Arc::clone(&bare_ups));
            timed_async(RESTARTS, async move {
                let mut ups = ups.lock().await;
                for _ in 0..RESTARTS {
                    let _ = order.send(());
                    ups.recv().await;
                }
            })
        }),
        contender(&runtime, who::RACTOR, || {
            let ups = Arc::clone(&ractor_ups);
            timed_async(RESTARTS, async move {
                let mut ups = ups.lock().await;
                for _ in 0..RESTARTS {
                    if let Some(victim) = ractors::where_is(ractors::VICTIM) {
                        let _ = ActorRef::from(victim).send_message(ractors::Message::Panic);
                    }
                    ups.recv().await;
                }
            })
        }),
    ];
    take_turns(results, "panic to new incarnation", TURNS, contenders);
    bare.abort();
    run(&runtime, async move {
        restarter.stop(None);
        tree.stop().await;
    });
}

/// What tells of incarnations, once the first one is up.
fn first(runtime: &tokio::runtime::Runtime, mut ups: UnboundedReceiver<()>) -> Arc<Mutex<UnboundedReceiver<()>>> {
    run(runtime, async move {
        ups.recv().await;
        Arc::new(Mutex::new(ups))
    })
}

/// The least that a restart takes: a task in a `JoinSet` that panics when told to, and is spawned again.
async fn respawn(up: UnboundedSender<()>, orders: Arc<Mutex<UnboundedReceiver<()>>>) {
    let mut tasks = JoinSet::new();
    loop {
        let (up, orders) = (up.clone(), Arc::clone(&orders));
        tasks.spawn(async move {
            let _ = up.send(());
            if orders.lock().await.recv().await.is_some() {
                panic!("told to");
            }
        });
        tasks.join_next().await;
    }
}

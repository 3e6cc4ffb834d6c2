//! One child of a group panics, and all of them are restarted: `one_for_all`.

use std::sync::Arc;

use supervisor::{ServerRef, Strategy, Supervisor, SupervisorRef, Tree};
use tokio::runtime::Runtime;
use tokio::sync::Mutex;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio::task::JoinSet;

use super::echo::{self, Echo, Message};
use super::{ALWAYS, contender, run, runtime};
use crate::harness::{Results, take_turns, timed_async};
use crate::who;

const TURNS: usize = 9;
/// Children that are restarted in a round, in so many groups as that takes.
const CHILDREN: u64 = 3_000;

type Ups = Arc<Mutex<UnboundedReceiver<()>>>;

pub(super) fn rows(results: &mut Results) {
    let runtime = runtime();
    for count in [10, 100, 1_000] {
        let restarts = CHILDREN / count;
        let (up, ups) = unbounded_channel();
        let (tree, first) = run(&runtime, group(count, up));
        let ups = all_up(&runtime, ups, count);

        let (up, bare_ups) = unbounded_channel();
        let (order, orders) = unbounded_channel();
        let bare = runtime.spawn(respawn(count, up, Arc::new(Mutex::new(orders))));
        let bare_ups = all_up(&runtime, bare_ups, count);

        let contenders = vec![
            contender(&runtime, who::SUPERVISOR, || {
                let (first, ups) = (first.clone(), Arc::clone(&ups));
                timed_async(restarts, async move {
                    let mut ups = ups.lock().await;
                    for _ in 0..restarts {
                        let _ = first.cast(Message::Panic).await;
                        wait(&mut ups, count).await;
                    }
                })
            }),
            contender(&runtime, who::TOKIO, || {
                let (order, ups) = (order.clone(), Arc::clone(&bare_ups));
                timed_async(restarts, async move {
                    let mut ups = ups.lock().await;
                    for _ in 0..restarts {
                        let _ = order.send(());
                        wait(&mut ups, count).await;
                    }
                })
            }),
        ];
        take_turns(results, &format!("restart of a group n={count}"), TURNS, contenders);
        bare.abort();
        run(&runtime, async move { tree.stop().await });
    }
}

/// A group whose children tell of each of their incarnations, and its first child.
async fn group(count: u64, up: UnboundedSender<()>) -> (Tree<SupervisorRef>, ServerRef<Echo>) {
    let mut first = echo::telling(up.clone()).id("0");
    let reference = first.reference();
    let mut group = Supervisor::new(Strategy::OneForAll).budget(ALWAYS.0, ALWAYS.1).child(first);
    for number in 1..count {
        group = group.child(echo::telling(up.clone()).id(number.to_string()));
    }
    (group.start().await.unwrap_or_else(|error| panic!("{error}")), reference)
}

/// What tells of incarnations, once the first ones are up.
fn all_up(runtime: &Runtime, mut ups: UnboundedReceiver<()>, count: u64) -> Ups {
    run(runtime, async move {
        wait(&mut ups, count).await;
        Arc::new(Mutex::new(ups))
    })
}

async fn wait(ups: &mut UnboundedReceiver<()>, count: u64) {
    for _ in 0..count {
        assert!(ups.recv().await.is_some(), "each child tells when it is up");
    }
}

/// The least that it takes: tasks in a `JoinSet` of which the first panics when told to, the others are aborted and waited for,
/// and all are spawned again.
async fn respawn(count: u64, up: UnboundedSender<()>, orders: Arc<Mutex<UnboundedReceiver<()>>>) {
    let mut tasks = JoinSet::new();
    loop {
        for number in 0..count {
            let (up, orders) = (up.clone(), Arc::clone(&orders));
            tasks.spawn(async move {
                let _ = up.send(());
                if number > 0 {
                    std::future::pending::<()>().await;
                }
                if orders.lock().await.recv().await.is_some() {
                    panic!("told to");
                }
            });
        }
        tasks.join_next().await;
        tasks.abort_all();
        while tasks.join_next().await.is_some() {}
    }
}

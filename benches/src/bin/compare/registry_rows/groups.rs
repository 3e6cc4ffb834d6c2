//! A message to each member of a group; and leaving groups of different sizes.

use std::hint::black_box;
use std::sync::Arc;
use std::sync::atomic::AtomicUsize;
use std::sync::atomic::Ordering::{Acquire, Release};

use registry::{Namespace, Process, ServiceRegistry};
use tokio::runtime::Runtime;
use tokio::sync::mpsc::{UnboundedSender, unbounded_channel};

use crate::harness::{Contender, Results, Round, take_turns, timed, timed_async};
use crate::peers::{self, ractor};
use crate::who;

const LISTENERS: usize = 100;
const DISPATCHES: u64 = 50;
const TURNS: usize = 25;
const GROUP: &str = "listeners";
/// Memberships in all.
const MEMBERS: usize = 100_000;
const LEAVES: u64 = 2_048;

pub(super) fn rows(results: &mut Results) {
    dispatch(results);
    leave(results);
}

/// From the first send until the last of the listeners, each of which is a task, has it.
fn dispatch(results: &mut Results) {
    let runtime = peers::runtime();
    let delivered = Arc::new(AtomicUsize::new(0));
    // Registry and bare loop send to the same tasks.
    let senders: Arc<[UnboundedSender<u64>]> = (0..LISTENERS).map(|_| listener(&runtime, &delivered)).collect();
    let (namespace, process) = (production(), Process::new());
    for sender in &*senders {
        let joined = namespace.join(&process.reference(), GROUP, sender.clone());
        joined.unwrap_or_else(|error| panic!("{error}"));
    }
    let counted = Arc::clone(&delivered);
    let actors = run(&runtime, async move { ractor::listeners(GROUP, LISTENERS, &counted).await });

    let by_registry = Arc::new(move |number| {
        let _ = black_box(namespace.dispatch(GROUP, |member| {
            let sender: &UnboundedSender<u64> = member.value();
            let _ = sender.send(number);
        }));
    });
    let by_loop = Arc::new(move |number| {
        for sender in &*senders {
            let _ = black_box(sender.send(number));
        }
    });
    let by_ractor = Arc::new(|number| ractor::dispatch(GROUP, number));
    let contenders = vec![
        to_all(&runtime, who::REGISTRY, &delivered, by_registry),
        to_all(&runtime, who::TOKIO, &delivered, by_loop),
        to_all(&runtime, who::RACTOR, &delivered, by_ractor),
    ];
    take_turns(results, "dispatch to 100, delivered", TURNS, contenders);
    run(&runtime, ractor::stop_listeners(actors));
}

/// A task that counts what it gets.
fn listener(runtime: &Runtime, delivered: &Arc<AtomicUsize>) -> UnboundedSender<u64> {
    let (sender, mut receiver) = unbounded_channel();
    let delivered = Arc::clone(delivered);
    runtime.spawn(async move {
        while receiver.recv().await.is_some() {
            delivered.fetch_add(1, Release);
        }
    });
    sender
}

fn to_all<'a>(
    runtime: &'a Runtime,
    name: &'static str,
    delivered: &'a Arc<AtomicUsize>,
    send: Arc<impl Fn(u64) + Send + Sync + 'static>,
) -> Contender<'a> {
    Contender::new(name, move || {
        let (delivered, send) = (Arc::clone(delivered), Arc::clone(&send));
        run(runtime, async move {
            let round = async {
                for number in 0..DISPATCHES {
                    let all = delivered.load(Acquire) + LISTENERS;
                    send(number);
                    while delivered.load(Acquire) < all {
                        tokio::task::yield_now().await;
                    }
                }
            };
            timed_async(DISPATCHES, round).await
        })
    })
}

/// Leaving and joining again, in an order that is not that of joining.
///
/// The two large ones have as many members in all, so that they differ in the size of their groups and not in how much of
/// them fits into a cache; the small one shows what the cache makes of it.
fn leave(results: &mut Results) {
    let groups = [(who::GROUP_ALONE, 10, 10), (who::GROUPS_OF_TEN, MEMBERS, 10), (who::GROUP_OF_ALL, MEMBERS, MEMBERS)];
    let contenders = groups.map(|(name, members, size)| Contender::new(name, leaving(members, size)));
    take_turns(results, "leave and join", TURNS, contenders.into());
}

fn leaving(members: usize, size: usize) -> impl FnMut() -> Round {
    let namespace = production();
    let names: Vec<_> = (0..members).map(|member| format!("group-{:06}", member / size)).collect();
    let join =
        move |at: usize| namespace.join_guard(names[at].as_str(), 1_u64).unwrap_or_else(|error| panic!("{error}"));
    let mut guards: Vec<_> = (0..members).map(|at| Some(join(at))).collect();
    let mut at = 0;
    move || {
        timed(LEAVES, || {
            for _ in 0..LEAVES {
                at = (at + 7_919) % members;
                guards[at] = None;
                guards[at] = Some(join(at));
            }
        })
    }
}

fn production() -> Namespace {
    ServiceRegistry::new().namespace("production").unwrap_or_else(|error| panic!("{error}"))
}

/// Runs a future as a task, to its end.
fn run<T: Send + 'static>(runtime: &Runtime, future: impl Future<Output = T> + Send + 'static) -> T {
    runtime.block_on(runtime.spawn(future)).unwrap_or_else(|error| panic!("{error}"))
}

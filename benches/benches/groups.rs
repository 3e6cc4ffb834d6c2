//! Dispatch to a group beside a raw loop of sends, and joining and leaving groups of different sizes.
//!
//! `cargo bench -p benches --bench groups`; a filter such as `leave` runs a part.

use std::hint::black_box;
use std::time::{Duration, Instant};

use criterion::{BenchmarkId, Criterion, criterion_group, criterion_main};
use registry::{Namespace, Overflow, Process, ServiceRegistry};
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};

const SIZES: [usize; 3] = [1, 100, 10_000];

fn production() -> Namespace {
    ServiceRegistry::new().namespace("production").unwrap_or_else(|error| panic!("{error}"))
}

/// The time of `iterations` calls; receivers are emptied between rounds, off the clock.
fn rounds(iterations: u64, receivers: &mut [UnboundedReceiver<u64>], mut send: impl FnMut(u64)) -> Duration {
    let mut elapsed = Duration::ZERO;
    let mut left = iterations;
    while left > 0 {
        let round = left.min(32);
        let begin = Instant::now();
        for n in 0..round {
            send(n);
        }
        elapsed += begin.elapsed();
        for receiver in &mut *receivers {
            while receiver.try_recv().is_ok() {}
        }
        left -= round;
    }
    elapsed
}

fn dispatch(criterion: &mut Criterion) {
    for size in SIZES {
        let mut group = criterion.benchmark_group(format!("dispatch to {size}"));
        let (senders, mut receivers): (Vec<UnboundedSender<u64>>, Vec<_>) =
            (0..size).map(|_| unbounded_channel()).unzip();
        let (namespace, process) = (production(), Process::new());
        for sender in &senders {
            let _ = namespace.join(&process.reference(), "group", sender.clone());
        }
        group.bench_function("raw loop over a Vec of senders", |bencher| {
            bencher.iter_custom(|iterations| {
                rounds(iterations, &mut receivers, |n| {
                    for sender in &senders {
                        let _ = sender.send(n);
                    }
                })
            });
        });
        group.bench_function("registry dispatch", |bencher| {
            bencher.iter_custom(|iterations| {
                rounds(iterations, &mut receivers, |n| {
                    let _ = black_box(namespace.dispatch("group", |member| {
                        let sender: &UnboundedSender<u64> = member.value();
                        let _ = sender.send(n);
                    }));
                })
            });
        });
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).build();
        let runtime = runtime.unwrap_or_else(|error| panic!("{error}"));
        group.bench_function("registry dispatch_parallel", |bencher| {
            bencher.iter_custom(|iterations| {
                let namespace = namespace.clone();
                let mut taken = std::mem::take(&mut receivers);
                let done = runtime.spawn(async move {
                    let mut elapsed = Duration::ZERO;
                    for n in 0..iterations {
                        let begin = Instant::now();
                        let visit = move |member: &registry::Member<UnboundedSender<u64>>| {
                            let _ = member.value().send(n);
                        };
                        let _ = black_box(namespace.dispatch_parallel("group", visit).await);
                        elapsed += begin.elapsed();
                        if n % 32 == 31 {
                            for receiver in &mut taken {
                                while receiver.try_recv().is_ok() {}
                            }
                        }
                    }
                    (elapsed, taken)
                });
                let (elapsed, back) = runtime.block_on(done).unwrap_or_else(|error| panic!("{error}"));
                receivers = back;
                elapsed
            });
        });
        let topics = namespace.pubsub::<u64>();
        let _subscriptions: Vec<_> =
            (0..size).map(|_| topics.subscribe("room:7:*", 32, Overflow::DropOldest)).collect();
        group.bench_function("pubsub try_publish, by wildcard", |bencher| {
            bencher.iter(|| black_box(topics.try_publish("room:7:posted", 1).ok()));
        });
        group.finish();
    }
}

/// As many members in all as in the largest group, so that what is compared is the size of a group and not how much of
/// the registry fits into a cache.
const MEMBERS: usize = 100_000;

fn leave(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group(format!("join and leave among {MEMBERS}"));
    for size in [10, MEMBERS] {
        let names: Vec<_> = (0..MEMBERS).map(|n| format!("group-{}", n / size)).collect();
        group.bench_function(BenchmarkId::new("a guard, in groups of", size), |bencher| {
            let namespace = production();
            let join = |at: usize| namespace.join_guard(names[at].as_str(), 1_u64).ok();
            let mut members: Vec<_> = (0..MEMBERS).map(join).collect();
            let mut at = 0;
            bencher.iter(|| {
                at = (at + 7_919) % MEMBERS;
                members[at] = None;
                members[at] = join(at);
            });
        });
        group.bench_function(BenchmarkId::new("a process, in groups of", size), |bencher| {
            let namespace = production();
            let processes: Vec<_> = (0..MEMBERS).map(|_| Process::new()).collect();
            let join = |at: usize| namespace.join(&processes[at].reference(), names[at].as_str(), 1_u64).ok();
            for at in 0..MEMBERS {
                join(at);
            }
            let mut at = 0;
            bencher.iter(|| {
                at = (at + 7_919) % MEMBERS;
                namespace.leave(&processes[at].reference(), &names[at]);
                join(at)
            });
        });
    }
    group.finish();
}

criterion_group!(benches, dispatch, leave);
criterion_main!(benches);

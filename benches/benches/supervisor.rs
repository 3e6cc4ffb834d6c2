//! Calls, starts, tasks and the restart of a group beside bare tokio tasks; routes beside a plain list.
//!
//! `cargo bench -p benches --bench supervisor`; a filter such as `call` runs a part. `cargo compare supervisor` has the
//! other libraries beside them.

use std::time::{Duration, Instant};

use criterion::{Criterion, criterion_group, criterion_main};
use supervisor::{
    ChildSpec, Context, DynamicSupervisor, Failure, Flow, Init, PartitionSupervisor, Reply, Restart, Server, ServerRef,
    Strategy, Supervisor, TaskSupervisor,
};
use tokio::runtime::{Builder, Runtime};
use tokio::sync::{mpsc, oneshot};

struct Echo;

impl Server for Echo {
    type Message = Reply<u64>;

    async fn handle(&mut self, reply: Reply<u64>, _: &mut Context<Self>) -> Result<Flow, Failure> {
        reply.send(1);
        Ok(Flow::Continue)
    }
}

fn runtime() -> Runtime {
    let runtime = Builder::new_multi_thread().worker_threads(2).enable_all().build();
    runtime.unwrap_or_else(|error| panic!("{error}"))
}

/// The time that a task takes: driven from outside of the runtime, each answer would wake a sleeping thread.
fn in_a_task(runtime: &Runtime, task: impl Future<Output = Duration> + Send + 'static) -> Duration {
    runtime.block_on(runtime.spawn(task)).unwrap_or_else(|error| panic!("{error}"))
}

fn call(criterion: &mut Criterion) {
    let runtime = runtime();
    let mut group = criterion.benchmark_group("call");
    group.bench_function("bare mpsc and oneshot", |bencher| {
        bencher.iter_custom(|iterations| {
            in_a_task(&runtime, async move {
                let (sender, mut mailbox) = mpsc::channel::<oneshot::Sender<u64>>(1_024);
                tokio::spawn(async move {
                    while let Some(reply) = mailbox.recv().await {
                        let _ = reply.send(1);
                    }
                });
                let begin = Instant::now();
                for _ in 0..iterations {
                    let (reply, answer) = oneshot::channel();
                    let _ = sender.send(reply).await;
                    let _ = answer.await;
                }
                begin.elapsed()
            })
        });
    });
    group.bench_function("server", |bencher| {
        bencher.iter_custom(|iterations| {
            in_a_task(&runtime, async move {
                let supervisor = DynamicSupervisor::new().start().await.unwrap_or_else(|error| panic!("{error}"));
                let started = supervisor.start_child(ChildSpec::server(|| Echo)).await;
                let server = started.unwrap_or_else(|error| panic!("{error}"));
                let begin = Instant::now();
                for _ in 0..iterations {
                    let _ = server.call(|reply| reply).await;
                }
                let elapsed = begin.elapsed();
                supervisor.stop().await;
                elapsed
            })
        });
    });
    group.finish();
}

fn start_child(criterion: &mut Criterion) {
    let runtime = runtime();
    for others in [10, 1_000] {
        criterion.bench_function(&format!("start and terminate a child among {others}"), |bencher| {
            bencher.iter_custom(|iterations| {
                in_a_task(&runtime, async move {
                    let supervisor = DynamicSupervisor::new().start().await.unwrap_or_else(|error| panic!("{error}"));
                    let spec = || ChildSpec::server(|| Echo).restart(Restart::Temporary);
                    for _ in 0..others {
                        let _ = supervisor.start_child(spec()).await;
                    }
                    let begin = Instant::now();
                    for _ in 0..iterations {
                        let started: Result<ServerRef<Echo>, _> = supervisor.start_child(spec()).await;
                        let child = started.unwrap_or_else(|error| panic!("{error}")).child();
                        let _ = supervisor.terminate_child(child).await;
                    }
                    let elapsed = begin.elapsed();
                    supervisor.stop().await;
                    elapsed
                })
            });
        });
    }
}

fn task(criterion: &mut Criterion) {
    let runtime = runtime();
    let mut group = criterion.benchmark_group("start a task and await its result");
    group.bench_function("bare spawn", |bencher| {
        bencher.iter_custom(|iterations| {
            in_a_task(&runtime, async move {
                let begin = Instant::now();
                for number in 0..iterations {
                    assert_eq!(tokio::spawn(async move { number }).await.ok(), Some(number));
                }
                begin.elapsed()
            })
        });
    });
    group.bench_function("task supervisor", |bencher| {
        bencher.iter_custom(|iterations| {
            in_a_task(&runtime, async move {
                let tasks = TaskSupervisor::new().start().await.unwrap_or_else(|error| panic!("{error}"));
                let begin = Instant::now();
                for number in 0..iterations {
                    let task = tasks.async_nolink(async move { number }).unwrap_or_else(|error| panic!("{error}"));
                    assert_eq!(task.await.ok(), Some(number));
                }
                let elapsed = begin.elapsed();
                tasks.stop().await;
                elapsed
            })
        });
    });
    group.finish();
}

fn route(criterion: &mut Criterion) {
    let runtime = runtime();
    let supervisor = PartitionSupervisor::new(|_| ChildSpec::supervisor(DynamicSupervisor::new())).partitions(8);
    let tree = runtime.block_on(supervisor.start()).unwrap_or_else(|error| panic!("{error}"));
    let handles = tree.handles();
    let mut group = criterion.benchmark_group("from a key to the handle of its partition");
    let mut key = 0_u64;
    let mut next = move || {
        key = key.wrapping_add(1);
        key
    };
    group.bench_function("list, by remainder", |bencher| bencher.iter(|| handles[next() as usize % 8].clone()));
    group.bench_function("route", |bencher| bencher.iter(|| tree.route(&next())));
    group.bench_function("with", |bencher| bencher.iter(|| tree.with(&next(), |handle| handle.is_running())));
    group.finish();
    runtime.block_on(tree.stop());
}

/// Tells when it is up, and stops when told to.
struct Member(mpsc::UnboundedSender<()>);

impl Server for Member {
    type Message = ();

    async fn init(&mut self, _: &mut Context<Self>) -> Result<Init, Failure> {
        self.0.send(())?;
        Ok(Init::Ready)
    }

    async fn handle(&mut self, (): (), _: &mut Context<Self>) -> Result<Flow, Failure> {
        Err("told to".into())
    }
}

fn restart_group(criterion: &mut Criterion) {
    let runtime = runtime();
    for size in [10, 100, 1_000] {
        criterion.bench_function(&format!("restart of a group of {size}, one for all"), |bencher| {
            bencher.iter_custom(|iterations| {
                in_a_task(&runtime, async move {
                    let (up, mut ups) = mpsc::unbounded_channel();
                    let member = |up: &mpsc::UnboundedSender<()>| {
                        let up = up.clone();
                        ChildSpec::server(move || Member(up.clone()))
                    };
                    let mut first = member(&up).id("0");
                    let reference = first.reference();
                    let mut group = Supervisor::new(Strategy::OneForAll);
                    group = group.budget(u32::MAX, Duration::from_millis(1)).child(first);
                    for number in 1..size {
                        group = group.child(member(&up).id(number.to_string()));
                    }
                    let tree = group.start().await.unwrap_or_else(|error| panic!("{error}"));
                    for _ in 0..size {
                        ups.recv().await;
                    }
                    let begin = Instant::now();
                    for _ in 0..iterations {
                        let _ = reference.cast(()).await;
                        for _ in 0..size {
                            ups.recv().await;
                        }
                    }
                    let elapsed = begin.elapsed();
                    tree.stop().await;
                    elapsed
                })
            });
        });
    }
}

criterion_group!(benches, call, start_child, task, route, restart_group);
criterion_main!(benches);

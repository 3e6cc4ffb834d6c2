//! Calls and starts beside bare tokio tasks.
//!
//! `cargo bench -p benches --bench supervisor`; a filter such as `call` runs a part. `cargo compare supervisor` has the
//! other libraries beside them.

use std::time::{Duration, Instant};

use criterion::{Criterion, criterion_group, criterion_main};
use supervisor::{ChildSpec, Context, DynamicSupervisor, Failure, Flow, Reply, Restart, Server, ServerRef};
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

criterion_group!(benches, call, start_child);
criterion_main!(benches);

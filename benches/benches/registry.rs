//! Lookups and registrations beside a raw `DashMap`.
//!
//! `cargo bench -p benches --bench registry`; a filter such as `hot` runs a part.

use std::hint::black_box;
use std::sync::Arc;

use benches::{names, on_threads};
use criterion::{Criterion, criterion_group, criterion_main};
use dashmap::DashMap;
use registry::{Namespace, Process, ServiceRegistry};

/// Which names are looked up.
#[derive(Clone, Copy)]
enum Mix {
    Hit,
    Miss,
    Hot,
}

const MIXES: [(&str, Mix); 3] = [("hit", Mix::Hit), ("miss", Mix::Miss), ("hot", Mix::Hot)];

fn pick(names: &[String], mix: Mix, thread: usize, iteration: usize) -> &str {
    match mix {
        Mix::Hit => &names[(iteration * 7 + thread * names.len() / 2) % names.len()],
        Mix::Miss => "absent_service_0001",
        Mix::Hot => &names[0],
    }
}

fn lookup(criterion: &mut Criterion) {
    for count in [10, 1_000, 100_000] {
        let names = names(count);
        let (namespace, process) = registered(&names);
        let dash: DashMap<String, Arc<u64>> = DashMap::new();
        for (name, n) in names.iter().zip(0..) {
            dash.insert(name.clone(), Arc::new(n));
        }
        for (label, mix) in MIXES {
            for threads in [1, 2] {
                let mut group = criterion.benchmark_group(format!("lookup {label} n={count} t={threads}"));
                let mut bench = |name: &str, operation: &(dyn Fn(&str) + Sync)| {
                    group.bench_function(name, |bencher| {
                        bencher.iter_custom(|iterations| {
                            on_threads(threads, iterations, |thread, iteration| {
                                operation(pick(&names, mix, thread, iteration));
                            })
                        });
                    });
                };
                bench("DashMap get, Arc clone", &|name| {
                    black_box(dash.get(name).map(|entry| Arc::clone(entry.value())));
                });
                bench("registry whereis", &|name| {
                    black_box(namespace.whereis(name));
                });
                bench("registry with", &|name| {
                    black_box(namespace.with(name, |value: &Arc<u64>| **value).ok());
                });
                bench("registry lookup, Arc clone", &|name| {
                    black_box(namespace.lookup::<Arc<u64>>(name).ok());
                });
                group.finish();
            }
        }
        let mut reference = namespace.reference::<Arc<u64>>(names[0].as_str());
        criterion.bench_function(&format!("held reference n={count}"), |bencher| {
            bencher.iter(|| black_box(reference.get().map(|value| **value).ok()));
        });
        drop(process);
    }
}

fn registered(names: &[String]) -> (Namespace, Process) {
    let namespace = ServiceRegistry::new().namespace("production").unwrap_or_else(|error| panic!("{error}"));
    let process = Process::new();
    for (name, n) in names.iter().zip(0_u64..) {
        namespace
            .register_for(&process.reference(), name.as_str(), Arc::new(n))
            .unwrap_or_else(|error| panic!("{error}"));
    }
    (namespace, process)
}

fn register(criterion: &mut Criterion) {
    for threads in [1, 2] {
        let names = names(1_000);
        let (namespace, _process) = registered(&names);
        let dash: DashMap<String, u64> = DashMap::new();
        let fresh: Vec<Vec<String>> =
            (0..threads).map(|thread| (0..64).map(|n| format!("fresh_{thread}_{n:04}")).collect()).collect();
        let mut group = criterion.benchmark_group(format!("register and unregister t={threads}"));
        group.bench_function("DashMap insert, remove", |bencher| {
            bencher.iter_custom(|iterations| {
                on_threads(threads, iterations, |thread, iteration| {
                    let name = &fresh[thread][iteration % 64];
                    dash.insert(name.clone(), 1);
                    black_box(dash.remove(name));
                })
            });
        });
        group.bench_function("registry guard, plain value", |bencher| {
            bencher.iter_custom(|iterations| {
                on_threads(threads, iterations, |thread, iteration| {
                    let name = fresh[thread][iteration % 64].as_str();
                    drop(black_box(namespace.register(name, 1_u64)));
                })
            });
        });
        group.bench_function("registry guard, value with a Drop", |bencher| {
            let value = Arc::new(1_u64);
            bencher.iter_custom(|iterations| {
                on_threads(threads, iterations, |thread, iteration| {
                    let name = fresh[thread][iteration % 64].as_str();
                    drop(black_box(namespace.register(name, Arc::clone(&value))));
                })
            });
        });
        group.bench_function("registry process: made, named, ended", |bencher| {
            bencher.iter_custom(|iterations| {
                on_threads(threads, iterations, |thread, iteration| {
                    let name = fresh[thread][iteration % 64].as_str();
                    let process = Process::new();
                    let _ = black_box(namespace.register_for(&process.reference(), name, 1_u64));
                })
            });
        });
        group.finish();
    }
}

criterion_group!(benches, lookup, register);
criterion_main!(benches);

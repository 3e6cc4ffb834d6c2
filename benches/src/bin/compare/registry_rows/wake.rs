//! One task waits for a name while a hundred thousand wait for others.

use std::sync::Arc;
use std::sync::atomic::AtomicUsize;
use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;

use registry::{Namespace, ServiceRegistry};

use crate::harness::{Results, timed_async};
use crate::who;

const PARKED: usize = 100_000;
const WAITS: u64 = 256;
const ROUNDS: usize = 25;
const LONG: Duration = Duration::from_secs(3_600);

pub(super) fn rows(results: &mut Results) {
    for parked in [0, PARKED] {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        let runtime = runtime.unwrap_or_else(|error| panic!("{error}"));
        runtime.block_on(async {
            let registry = ServiceRegistry::new();
            let namespace = registry.namespace("production").unwrap_or_else(|error| panic!("{error}"));
            for number in 0..parked {
                let namespace = namespace.clone();
                tokio::spawn(async move { namespace.wait_for::<u64>(format!("never_{number:06}"), LONG).await });
            }
            while waiters(&registry) < parked {
                tokio::task::yield_now().await;
            }
            for _ in 0..ROUNDS {
                let round = wake(&registry, &namespace).await;
                results.note(&format!("wake one waiter, {parked} parked on other names"), who::REGISTRY, round);
            }
        });
    }
}

fn waiters(registry: &ServiceRegistry) -> usize {
    registry.stats().waiters
}

/// The time from the registrations of [`WAITS`] names until the waiter of each has its handle, for one of them.
async fn wake(registry: &ServiceRegistry, namespace: &Namespace) -> f64 {
    let woken = Arc::new(AtomicUsize::new(0));
    let before = waiters(registry);
    for number in 0..WAITS {
        let (namespace, woken) = (namespace.clone(), Arc::clone(&woken));
        tokio::spawn(async move {
            if namespace.wait_for::<u64>(format!("soon_{number:03}"), LONG).await.is_ok() {
                woken.fetch_add(1, Relaxed);
            }
        });
    }
    while waiters(registry) < before + WAITS as usize {
        tokio::task::yield_now().await;
    }
    let names: Vec<_> = (0..WAITS).map(|number| format!("soon_{number:03}")).collect();
    let mut guards = Vec::with_capacity(names.len());
    let round = timed_async(WAITS, async {
        guards.extend(names.iter().zip(0_u64..).map(|(name, number)| namespace.register(name, number)));
        while woken.load(Relaxed) < WAITS as usize {
            tokio::task::yield_now().await;
        }
    });
    round.await.nanos
}

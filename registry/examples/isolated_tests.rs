//! Tests that run at once and use the same names. In a real suite each function is a `#[tokio::test]`; see also
//! `registry/tests/suite.rs`.
//!
//! ```sh
//! cargo run -p registry --example isolated_tests
//! ```
//!
//! ```text
//! 100 tests: nothing leaked
//! a careless one: leaked from test-100: task p201 still running; name worker still ready by p201;
//! ```

use std::future::pending;
use std::time::Duration;

use registry::{LeakReport, Namespace, Service, ServiceRegistry};
use tokio::sync::oneshot;

const WORKER: Service<u32> = Service::new("worker");
const SHUTDOWN: Duration = Duration::from_millis(100);

/// What is tested: it takes the namespace to work in, and never asks for one by name.
async fn serve(namespace: Namespace, answer: u32, ready: oneshot::Sender<()>) -> Result<(), registry::Error> {
    let _registration = namespace.register(WORKER, answer)?;
    let _ = ready.send(());
    pending().await
}

async fn test(registry: ServiceRegistry, answer: u32) -> LeakReport {
    let ns = registry.test_namespace();
    let (ready, is_ready) = oneshot::channel();
    let (serving, stop) = (serve((*ns).clone(), answer, ready), ns.token());
    ns.spawn(async move { stop.run_until_cancelled_owned(serving).await.unwrap_or(Ok(())) });
    is_ready.await.expect("it registers");
    assert_eq!(ns.lookup(WORKER).ok(), Some(answer), "nobody else's");
    ns.shutdown(SHUTDOWN).await
}

async fn careless(registry: ServiceRegistry) -> Result<LeakReport, registry::Error> {
    let ns = registry.test_namespace();
    let worker = ns.spawn(pending::<()>()); // does not look at `ns.token()`
    ns.register_for(&worker, WORKER, 1)?;
    Ok(ns.shutdown(SHUTDOWN).await)
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), registry::Error> {
    let registry = ServiceRegistry::new();
    let tests: Vec<_> = (0..100).map(|n| tokio::spawn(test(registry.clone(), n))).collect();
    for test in tests {
        test.await.expect("no test fails").assert_no_leaks();
    }
    println!("100 tests: nothing leaked");
    println!("a careless one: {}", careless(registry).await?);
    Ok(())
}

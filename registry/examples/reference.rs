//! A reference that follows a service over its restarts, while nobody else can take the name.
//!
//! ```sh
//! cargo run -p registry --example reference
//! ```
//!
//! ```text
//! before: service `counter` in namespace `production` is starting
//! found: incarnation 1
//! a thief: name `counter` in namespace `production` is taken by p2 (restarting)
//! between: service `counter` in namespace `production` is restarting
//! found: incarnation 2
//! ```

use std::time::Duration;

use registry::{ExitReason, Process, Service, ServiceRegistry};

const COUNTER: Service<&'static str> = Service::new("counter");

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), registry::Error> {
    let production = ServiceRegistry::new().namespace("production")?;
    // What a supervisor does for its child: it keeps the name and publishes one incarnation after the other.
    let name = production.reserve(COUNTER)?;

    let mut counter = production.reference(COUNTER);
    println!("before: {}", counter.get().unwrap_err());

    let first = Process::new();
    name.publish(&first.reference(), "incarnation 1")?;
    println!("found: {}", counter.get()?);

    first.end(ExitReason::error("crashed"));
    println!("a thief: {}", production.register(COUNTER, "thief").unwrap_err());
    println!("between: {}", counter.get().unwrap_err());

    let restart = async {
        let second = Process::new();
        name.publish(&second.reference(), "incarnation 2").map(|_| second)
    };
    let (found, second) = tokio::join!(counter.wait(Duration::from_secs(5)), restart);
    println!("found: {}", found?);
    second?.end(ExitReason::Shutdown);
    Ok(())
}

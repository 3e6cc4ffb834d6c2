//! The services of a namespace as they come and go, and why they went.
//!
//! ```sh
//! cargo run -p registry --example watch
//! ```
//!
//! ```text
//! there already: ["config"]
//! + worker
//! - worker: Exited(Error("out of paper"))
//! + short
//! - short: Dropped
//! - config: NamespaceClosed
//! the end
//! ```

use registry::{Change, ExitReason, Process, ServiceRegistry, WatchEvent};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), registry::Error> {
    let production = ServiceRegistry::new().namespace("production")?;
    let _config = production.register("config", "port = 80")?;
    let mut watch = production.watch();

    let worker = Process::new();
    production.register_for(&worker.reference(), "worker", 7)?;
    worker.end(ExitReason::error("out of paper"));
    drop(production.register("short", 7)?);
    production.close();

    // In a program this loop is a task of its own, and runs until the namespace is closed.
    while let Some(event) = watch.next().await {
        match event {
            WatchEvent::Snapshot(services) => {
                let names: Vec<_> = services.iter().map(|service| &service.name).collect();
                println!("there already: {names:?}");
            }
            WatchEvent::Changed(change) => match &*change {
                Change::Registered(service) => println!("+ {}", service.name),
                Change::Unregistered { service, reason } => println!("- {}: {reason:?}", service.name),
                other => println!("  {}", other.service().name),
            },
            WatchEvent::Lagged { missed } => println!("{missed} changes were lost: forget it all, a snapshot follows"),
            _ => {}
        }
    }
    println!("the end");
    Ok(())
}

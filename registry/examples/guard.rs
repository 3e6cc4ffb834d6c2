//! A name that is tied to a task: however the task ends, the name is free.
//!
//! ```sh
//! cargo run -p registry --example guard 2>/dev/null
//! ```
//!
//! ```text
//! returns: held, then free
//! panics: held, then free
//! is aborted: held, then free
//! a second one: name `worker` in namespace `production` is taken by p4 (ready)
//! ```

use std::future::pending;

use registry::{Registration, Service, ServiceRegistry};
use tokio::sync::oneshot::{Receiver, channel};

const WORKER: Service<u32> = Service::new("worker");

async fn work(_registration: Registration, go: Receiver<&'static str>) {
    match go.await {
        Ok("panic") => panic!("something was wrong"),
        Ok("return") => {}
        _ => pending().await,
    }
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), registry::Error> {
    let production = ServiceRegistry::new().namespace("production")?;
    for (what, order) in [("returns", Some("return")), ("panics", Some("panic")), ("is aborted", None)] {
        let (say, go) = channel();
        // Registered before the task is spawned: if this fails, there is no task.
        let registration = production.register(WORKER, 7)?;
        let task = tokio::spawn(work(registration, go));
        let held = production.lookup(WORKER).is_ok();
        match order {
            Some(order) => say.send(order).expect("the task listens"),
            None => task.abort(),
        }
        let _ = task.await;
        let free = production.lookup(WORKER).is_err();
        println!("{what}: {}, then {}", if held { "held" } else { "free" }, if free { "free" } else { "held" });
    }
    let _first = production.register(WORKER, 1)?;
    let refused = production.register(WORKER, 2).unwrap_err();
    println!("a second one: {refused}");
    assert_eq!(refused.into_handle(), 2, "the handle comes back");
    Ok(())
}

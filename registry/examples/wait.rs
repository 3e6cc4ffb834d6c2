//! Services that find each other at start-up, whichever starts first.
//!
//! ```sh
//! cargo run -p registry --example wait
//! ```
//!
//! ```text
//! web: waiting for config and store
//! config: ready
//! store: ready, with port = 80
//! web: all are there
//! mailer: service `mailer` in namespace `production` did not appear within 100ms
//! ```

use std::future::pending;
use std::time::Duration;

use registry::{Namespace, Service, ServiceRegistry, WaitError};

const CONFIG: Service<&'static str> = Service::new("config");
const STORE: Service<u32> = Service::new("store");
const PATIENCE: Duration = Duration::from_secs(5);

async fn web(production: Namespace) -> Result<(), WaitError> {
    println!("web: waiting for config and store");
    production.wait_for_all(&[CONFIG.name(), STORE.name()], PATIENCE).await?;
    println!("web: all are there");
    Ok(())
}

async fn store(production: Namespace) -> Result<(), registry::Error> {
    let config = production.wait_for(CONFIG, PATIENCE).await?;
    println!("store: ready, with {config}");
    let _registration = production.register(STORE, 1)?; // held as long as this task runs
    pending().await
}

async fn config(production: Namespace) -> Result<(), registry::Error> {
    println!("config: ready");
    let _registration = production.register(CONFIG, "port = 80")?;
    pending().await
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), registry::Error> {
    let production = ServiceRegistry::new().namespace("production")?;
    // The wrong way round, which does not matter.
    let web = tokio::spawn(web(production.clone()));
    registry::spawn(store(production.clone()));
    registry::spawn(config(production.clone()));
    web.await.expect("web does not panic")?;

    let missing = production.wait_for::<u32>("mailer", Duration::from_millis(100)).await;
    println!("mailer: {}", missing.unwrap_err());
    Ok(())
}

//! The other libraries, each in its own terms: an actor that answers a ping and panics when told to.

pub(crate) mod bare;
pub(crate) mod kameo;
pub(crate) mod ractor;

use tokio::runtime::{Builder, Runtime};

/// A runtime with two workers.
pub(crate) fn runtime() -> Runtime {
    let runtime = Builder::new_multi_thread().worker_threads(2).enable_all().build();
    runtime.unwrap_or_else(|error| panic!("{error}"))
}

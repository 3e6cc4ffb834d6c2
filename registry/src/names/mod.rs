//! The process registry: unique names over all namespaces, who holds them, and what can be asked about them.

mod batch;
mod guard;
mod health;
mod lookup;
mod metadata;
mod query;
mod registry;
mod select;
mod wait;

pub use batch::{Batch, BatchError};
pub use guard::{Registration, Reservation};
pub(crate) use health::WeakRegistry;
pub use metadata::MetadataError;
pub use query::Stats;
pub use registry::{Ensured, ProcessRegistry};
pub use select::{Page, Selected};

//! The facade: registries of services in namespaces.

mod ensure;
mod group;
mod health;
mod key;
mod lock;
mod namespace;
mod query;
mod reference;
mod registry;
mod test;
mod watch;

pub use key::{Service, ServiceKey};
pub use lock::LockGuard;
pub use namespace::Namespace;
pub use reference::ServiceRef;
pub use registry::ServiceRegistry;
pub use test::{LeakReport, TestNamespace};
pub use watch::{Watch, WatchEvent};

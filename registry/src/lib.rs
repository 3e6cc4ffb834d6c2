//! A partitioned, namespaced process registry for tokio programs.
//!
//! A *service* is a name with a handle behind it: a channel's sender, a server's reference, an `Arc<dyn Trait>`. Whoever
//! serves it registers the handle; whoever needs it looks it up, waits for it, or holds a reference that follows it over
//! restarts. A name is tied to a life, that of a guard or of a process, and is free again at the end of it, whatever ended
//! it.
//!
//! ```
//! use std::time::Duration;
//! use registry::{Service, ServiceRegistry};
//! use tokio::sync::mpsc::{Sender, channel};
//!
//! const GREETER: Service<Sender<String>> = Service::new("greeter");
//!
//! # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let registry = ServiceRegistry::new();
//! let production = registry.namespace("production")?;
//!
//! let (sender, mut names) = channel(8);
//! let registration = production.register(GREETER, sender)?;
//! let greeter = tokio::spawn(async move {
//!     let _registration = registration; // return, panic or abort: the name is freed
//!     names.recv().await.map(|name| format!("hello {name}"))
//! });
//!
//! production.wait_for(GREETER, Duration::from_secs(5)).await?.send("Ada".into()).await?;
//! assert_eq!(greeter.await?.as_deref(), Some("hello Ada"));
//! assert!(production.lookup(GREETER).is_err());
//! # Ok(()) }
//! ```
//!
//! Groups are names that many can join, each with a value: [`Namespace::dispatch`] visits them all, and
//! [`Namespace::pubsub`] is built on them.
//!
//! # Consistency
//!
//! Each name is linearizable: registrations, releases, transfers and lookups of one name behave as if they happened one
//! after the other. When [`ProcessRef::exited`] resolves or the drop of a [`Registration`] returns, no lookup finds the
//! name held by it. Lists and counts over many names are not a snapshot: what is held all the while is in them once.
//!
//! # Performance
//!
//! Lookups go through one lock-free index and write to nothing that another thread reads. In order of cost: a held
//! [`ServiceRef`], [`Namespace::whereis`], [`Namespace::with`], and [`Namespace::lookup`], which clones the handle.
//! Registrations lock one of the write partitions.
//!
//! # Features
//!
//! - `metrics`: `ServiceRegistry::publish_metrics` feeds the counts to the `metrics` facade.

#![warn(clippy::print_stdout, clippy::print_stderr)]

mod error;
mod groups;
mod health;
mod names;
mod process;
mod pubsub;
mod service;
mod sync;
mod table;
mod telemetry;

pub use error::{
    Category, Error, ErrorKind, GetOrRegisterError, GroupError, LookupError, MonitorError, NameProblem, NameState,
    NamespaceError, PublishError, RegisterError, RegisterRefusal, ReserveError, Severity, Subject, SubscribeError,
    TopicProblem, TransferError, UnregisterError, UpdateError, WaitError,
};
pub use groups::{Dispatched, GroupListing, Member, Membership};
pub use health::{
    Checkup, Failure, HealthCheck, HealthReport, Heartbeat, Importance, Monitor, MonitorBuilder, Probe, ProbeHealth,
    Schedule, ScheduleProblem, Standing, SystemHealth, Verdict,
};
pub use names::{
    Batch, BatchError, Ensured, MetadataError, Page, ProcessRegistry, Registration, Reservation, Selected, Stats,
};
pub use process::{
    ExitMonitor, ExitReason, IntoExitReason, MembershipId, Panic, Process, ProcessId, ProcessRef, RegistrationId,
    catch_panic, spawn,
};
pub use pubsub::{Overflow, PubSub, Published, RecvError, Subscription};
pub use service::{
    LeakReport, LockGuard, Namespace, Service, ServiceKey, ServiceRef, ServiceRegistry, TestNamespace, Watch,
    WatchEvent,
};
pub use table::{Change, Listing, NamespaceClass, Scope, UnregisterReason};
pub use telemetry::{HandlerId, Operation, TelemetryEvent};

/// The examples of the migration page.
#[cfg(doctest)]
#[doc = include_str!("../../docs/migration.md")]
struct Migration;

/// The examples of the page on metrics.
#[cfg(all(doctest, feature = "metrics"))]
#[doc = include_str!("../../docs/prometheus.md")]
struct Prometheus;

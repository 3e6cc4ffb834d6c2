//! OTP-grade supervision trees and servers for tokio programs.
//!
//! A program is a tree. Its leaves are [`Server`]s, tasks and threads, its inner nodes are [`Supervisor`]s: they start their
//! children in order, restart those that crash, give up when that does not help, and stop them in reverse order. A
//! [`DynamicSupervisor`] has children that come and go, a [`PartitionSupervisor`] identical ones that keys are routed to, a
//! [`TaskSupervisor`] tasks that give a result. [`run`] is the root of a program: it stops the tree when the process is asked to
//! end.
//!
//! ```
//! use std::time::Duration;
//! use supervisor::{ChildSpec, Restart, Strategy, Supervisor};
//!
//! # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let tree = Supervisor::new(Strategy::OneForOne)
//!     .budget(3, Duration::from_secs(5))
//!     .child(ChildSpec::task("poller", |cx| async move {
//!         while !cx.is_stopping() {
//!             tokio::select! {
//!                 () = cx.stopped() => {}
//!                 () = tokio::time::sleep(Duration::from_secs(1)) => { /* poll */ }
//!             }
//!         }
//!     }))
//!     .child(ChildSpec::task("once", |_| async {}).restart(Restart::Transient))
//!     .start()
//!     .await?;
//!
//! // In a program: supervisor::run(tree).await
//! assert!(tree.stop().await.is_clean());
//! # Ok(()) }
//! ```
//!
//! # What ends, and how it is told
//!
//! An end is data: an [`ExitReason`], recorded truthfully. A child that was aborted after its shutdown time is
//! [`Timeout`](ExitReason::Timeout), one that had ended by itself in that moment keeps its own reason. A panic is caught, with its
//! message and location. An incarnation has ended when its whole scope has: the tasks that it spawned through its context
//! are gone too. Only then is its name handed on, and the next one started.
//!
//! # Features
//!
//! - `serde`: snapshots are `Serialize`, and have `to_json`.
//! - `metrics`: feeds restart and child counts to the `metrics` facade. Call `describe_metrics` once.

#![warn(clippy::print_stdout, clippy::print_stderr)]

mod app;
mod child;
mod dynamic;
mod error;
mod metrics;
mod partition;
mod rules;
mod server;
mod supervisor;
mod sync;
mod task;
pub mod testing;
mod tree;

pub use app::{Run, run};
pub use child::{BlockingContext, ChildId, ChildKind, ChildRef, ChildSpec, Meltdown, TaskContext};
pub use dynamic::{DynamicSupervisor, DynamicSupervisorRef};
pub use error::{
    CallError, DeleteChildError, NotRunning, ReplaceChildSpecError, ResizeError, RestartChildError, SendError,
    StartChildError, StartError, StartFailure, TerminateChildError,
};
#[cfg(feature = "metrics")]
pub use metrics::describe_metrics;
pub use partition::{PartitionSupervisor, PartitionSupervisorRef};
pub use registry::{ExitReason, IntoExitReason, Panic, ProcessRef};
pub use rules::{AutoShutdown, Backoff, Restart, Shutdown, Strategy};
pub use server::{
    Context, Down, Exited, Failure, Flow, Init, MailboxStats, MonitorId, Overflow, Reply, Server, ServerRef,
    StateMachine, TimerId,
};
pub use supervisor::{ChildCount, ChildInfo, ChildSpecInfo, ChildState, Subtree, Supervisor, SupervisorRef, Tree};
pub use task::{OnTimeout, Owner, TaskExit, TaskHandle, TaskStream, TaskSupervisor, TaskSupervisorRef};
pub use tree::{
    ChildSnapshot, Event, EventKind, Events, Lagged, LastExit, MailboxDepth, RegisteredName, Snapshot, StateCount,
};

/// The examples of the README.
#[cfg(doctest)]
#[doc = include_str!("../../README.md")]
struct Readme;

/// The examples of the pages for users.
#[cfg(doctest)]
#[doc = include_str!("../../docs/migration-supervisors.md")]
struct Migration;

/// The examples of the guide.
#[cfg(doctest)]
#[doc = include_str!("../../docs/design-your-tree.md")]
struct Guide;

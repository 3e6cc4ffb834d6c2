//! Help for tests of supervised programs: waiting until they are quiet, killing what is in them or having it panic, and comparing what
//! happened with what was expected.
//!
//! ```
//! # use supervisor::{ChildSpec, ExitReason, Strategy, Supervisor};
//! use supervisor::testing::{Chaos, Recorder, exited, restarting, settle, started};
//!
//! # #[tokio::main(flavor = "current_thread", start_paused = true)] async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let worker = |id| ChildSpec::task(id, |cx| async move { cx.stopped().await });
//! let plan = Supervisor::new(Strategy::RestForOne).child(worker("a")).child(worker("b"));
//! let (tree, mut recorder) = Recorder::start(plan).await;
//! let tree = tree?;
//! recorder.expect([started("a"), started("b"), started("supervisor")]);
//!
//! Chaos::of(&*tree, 7).kill("a")?;
//! settle().await;
//! recorder.expect([
//!     exited("a", ExitReason::Killed),
//!     restarting("a", ExitReason::Killed),
//!     exited("b", ExitReason::Shutdown),
//!     started("a").incarnation(2),
//!     started("b").incarnation(2),
//! ]);
//! # tree.stop().await; Ok(()) }
//! ```

mod chaos;
mod diff;
mod expected;
mod recorder;
mod settle;

pub use chaos::{Chaos, NotUp};
pub use expected::{Expected, abandoned, exited, meltdown, panicked, refused, restarting, started};
pub use recorder::Recorder;
pub use settle::settle;

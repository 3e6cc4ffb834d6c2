//! Whether services do their work, beyond being registered.

mod check;
mod checkup;
mod heartbeat;
mod hysteresis;
mod limit;
mod monitor;
mod probe;
mod report;
mod roster;
mod run;
mod schedule;
mod verdict;
mod worker;

pub use check::HealthCheck;
pub use checkup::Checkup;
pub use heartbeat::Heartbeat;
pub(crate) use limit::Limit;
pub use monitor::{Monitor, MonitorBuilder};
pub use probe::{Importance, Probe, Standing};
pub use report::{HealthReport, ProbeHealth, SystemHealth};
pub(crate) use roster::Roster;
pub use schedule::{Schedule, ScheduleProblem};
pub use verdict::{Failure, Verdict};

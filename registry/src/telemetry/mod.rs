//! Counting what happens, telling handlers of it, and handing the counts on.

#[cfg(feature = "metrics")]
mod bridge;
mod counters;
mod event;
mod handlers;
#[cfg(feature = "metrics")]
mod places;
mod record;
mod samples;

pub use event::Operation;
pub(crate) use event::{
    DispatchResult, Event, HealthResult, JoinResult, LookupResult, MessageResult, PublishResult, RegisterResult,
    WaitResult,
};
pub use handlers::{HandlerId, TelemetryEvent};
pub(crate) use record::Telemetry;

//! Counts for the `metrics` facade; nothing without the feature of that name.
//!
//! Labels are exit reasons and restart causes, of which there are seven. Ids are never labels.

#[cfg(not(feature = "metrics"))]
pub(crate) use off::*;
#[cfg(feature = "metrics")]
pub(crate) use on::*;

/// Describes the metrics of this crate to the recorder that is installed, and begins the counters at 0, so that the first
/// event is an increase. Call it once, after installing one.
#[cfg(feature = "metrics")]
pub fn describe_metrics() {
    use metrics::{Unit, counter, describe_counter, describe_gauge};

    describe_counter!(
        "supervisor_restarts_total",
        Unit::Count,
        "Automatic restarts that supervisors decided on, by the reason for which the child had ended"
    );
    describe_counter!(
        "supervisor_exits_total",
        Unit::Count,
        "Incarnations of supervised children that ended, by reason"
    );
    describe_counter!(
        "supervisor_meltdowns_total",
        Unit::Count,
        "Supervisors that gave up because a restart would have exceeded their budget"
    );
    describe_gauge!(
        "supervisor_children",
        Unit::Count,
        "Incarnations of supervised children, by what they do: starting, or running once their init was acknowledged"
    );
    counter!("supervisor_meltdowns_total").increment(0);
    for reason in ["normal", "shutdown", "error", "panic", "killed", "timeout", "abandoned"] {
        counter!("supervisor_restarts_total", "reason" => reason).increment(0);
        counter!("supervisor_exits_total", "reason" => reason).increment(0);
    }
}

#[cfg(feature = "metrics")]
mod on {
    use metrics::{counter, gauge};
    use registry::ExitReason;

    pub(crate) fn restart(reason: &ExitReason) {
        counter!("supervisor_restarts_total", "reason" => reason.as_str()).increment(1);
    }

    pub(crate) fn exit(reason: &ExitReason) {
        counter!("supervisor_exits_total", "reason" => reason.as_str()).increment(1);
    }

    pub(crate) fn meltdown() {
        counter!("supervisor_meltdowns_total").increment(1);
    }

    pub(crate) fn begun() {
        gauge!("supervisor_children", "state" => "starting").increment(1.0);
    }

    pub(crate) fn ready() {
        gauge!("supervisor_children", "state" => "starting").decrement(1.0);
        gauge!("supervisor_children", "state" => "running").increment(1.0);
    }

    pub(crate) fn ended(was_running: bool) {
        let state = if was_running { "running" } else { "starting" };
        gauge!("supervisor_children", "state" => state).decrement(1.0);
    }
}

#[cfg(not(feature = "metrics"))]
mod off {
    use registry::ExitReason;

    pub(crate) fn restart(_: &ExitReason) {}
    pub(crate) fn exit(_: &ExitReason) {}
    pub(crate) fn meltdown() {}
    pub(crate) fn begun() {}
    pub(crate) fn ready() {}
    pub(crate) fn ended(_: bool) {}
}

//! Counts for the `metrics` facade; nothing without the feature of that name.
//!
//! Labels are exit reasons, states, and ids of supervisors. Ids of what a dynamic supervisor has below it are never labels: what
//! happens there is told of the dynamic supervisor. Of the other ids the first 64 of a program are labels, and all after
//! them are `other`.

#[cfg(not(feature = "metrics"))]
pub(crate) use off::*;
#[cfg(feature = "metrics")]
pub(crate) use on::*;

/// Describes the metrics of this crate to the recorder that is installed, and begins the counters at 0, so that the first
/// event is an increase. Call it once, after installing one and before starting a tree.
#[cfg(feature = "metrics")]
pub fn describe_metrics() {
    use metrics::{Unit, counter, describe_counter, describe_gauge, describe_histogram};

    describe_counter!(
        "supervisor_restarts_total",
        Unit::Count,
        "Automatic restarts that supervisors decided on, by supervisor and by the reason for which the child had ended"
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
        "Supervised children, by what they do: starting, running once their init was acknowledged, restarting while they are \
         down and another incarnation follows"
    );
    describe_histogram!(
        "supervisor_init_duration_seconds",
        Unit::Seconds,
        "How long incarnations take from their beginning until their init is acknowledged"
    );
    describe_histogram!(
        "supervisor_restart_duration_seconds",
        Unit::Seconds,
        "How long restarts take from the end of one incarnation until the next one's init is acknowledged"
    );
    describe_histogram!(
        "supervisor_call_duration_seconds",
        Unit::Seconds,
        "How long calls to servers take until they are answered or refused: one in 64 of each thread"
    );
    describe_histogram!(
        "supervisor_mailbox_depth",
        Unit::Count,
        "How many messages wait in a server's mailbox when it is called: at one call in 64 of each thread"
    );
    counter!("supervisor_meltdowns_total").increment(0);
    for reason in REASONS {
        counter!("supervisor_exits_total", "reason" => reason).increment(0);
    }
}

#[cfg(feature = "metrics")]
const REASONS: [&str; 7] = ["normal", "shutdown", "error", "panic", "killed", "timeout", "abandoned"];

#[cfg(feature = "metrics")]
mod on {
    use std::cell::Cell;
    use std::sync::Arc;
    use std::time::Duration;

    use metrics::{counter, gauge, histogram};
    use parking_lot::Mutex;
    use registry::ExitReason;
    use tokio::time::Instant;

    use super::REASONS;
    use crate::child::Phase;

    /// How many ids of supervisors are labels.
    const LABELS: usize = 64;
    /// One call in this many is timed.
    const EVERY: u32 = 64;

    /// The ids that are labels. The recorder is the program's, and so is this.
    static KNOWN: Mutex<Vec<Arc<str>>> = Mutex::new(Vec::new());

    fn label(id: &str) -> Arc<str> {
        let mut known = KNOWN.lock();
        if let Some(known) = known.iter().find(|known| ***known == *id) {
            return Arc::clone(known);
        }
        if known.len() == LABELS {
            return Arc::from("other");
        }
        let new: Arc<str> = Arc::from(id);
        known.push(Arc::clone(&new));
        new
    }

    /// There is a supervisor that this is the label of.
    pub(crate) fn known(supervisor: &str) {
        let label = label(supervisor);
        for reason in REASONS {
            counter!("supervisor_restarts_total", "supervisor" => Arc::clone(&label), "reason" => reason).increment(0);
        }
    }

    pub(crate) fn restart(supervisor: &str, reason: &ExitReason) {
        counter!("supervisor_restarts_total", "supervisor" => label(supervisor), "reason" => reason.as_str())
            .increment(1);
    }

    pub(crate) fn exit(reason: &ExitReason) {
        counter!("supervisor_exits_total", "reason" => reason.as_str()).increment(1);
    }

    pub(crate) fn meltdown() {
        counter!("supervisor_meltdowns_total").increment(1);
    }

    /// A child was in one phase, and is in another. Each change is told once, so the gauges are exact.
    pub(crate) fn moved(from: Phase, to: Phase) {
        if let Some(state) = state(from) {
            gauge!("supervisor_children", "state" => state).decrement(1.0);
        }
        if let Some(state) = state(to) {
            gauge!("supervisor_children", "state" => state).increment(1.0);
        }
    }

    fn state(phase: Phase) -> Option<&'static str> {
        match phase {
            Phase::Starting => Some("starting"),
            Phase::Running => Some("running"),
            Phase::Restarting => Some("restarting"),
            Phase::Down | Phase::Ended => None,
        }
    }

    /// An init was acknowledged after this time, and this long after the incarnation before, if it follows one by itself.
    pub(crate) fn up(init: Duration, restart: Option<Duration>) {
        histogram!("supervisor_init_duration_seconds").record(init);
        if let Some(restart) = restart {
            histogram!("supervisor_restart_duration_seconds").record(restart);
        }
    }

    thread_local!(static TURN: Cell<u32> = const { Cell::new(0) });

    /// Times a call if it is its turn.
    pub(crate) async fn timed<F: Future>(depth: impl FnOnce() -> usize, call: F) -> F::Output {
        let begun = begin(depth);
        let answer = call.await;
        if let Some(begun) = begun {
            histogram!("supervisor_call_duration_seconds").record(begun.elapsed());
        }
        answer
    }

    #[inline]
    fn begin(depth: impl FnOnce() -> usize) -> Option<Instant> {
        let turn = TURN.try_with(|turn| {
            let next = turn.get().wrapping_add(1);
            turn.set(next);
            next
        });
        turn.is_ok_and(|turn| turn.is_multiple_of(EVERY)).then(|| sample(depth()))
    }

    #[cold]
    fn sample(depth: usize) -> Instant {
        #[allow(clippy::cast_precision_loss, reason = "mailboxes hold less than 2^52 messages")]
        histogram!("supervisor_mailbox_depth").record(depth as f64);
        Instant::now()
    }
}

#[cfg(not(feature = "metrics"))]
mod off {
    use std::time::Duration;

    use registry::ExitReason;

    use crate::child::Phase;

    pub(crate) fn known(_: &str) {}
    pub(crate) fn restart(_: &str, _: &ExitReason) {}
    pub(crate) fn exit(_: &ExitReason) {}
    pub(crate) fn meltdown() {}
    pub(crate) fn moved(_: Phase, _: Phase) {}
    pub(crate) fn up(_: Duration, _: Option<Duration>) {}

    /// Nothing is timed.
    pub(crate) fn timed<F: Future>(_: impl FnOnce() -> usize, call: F) -> F {
        call
    }
}

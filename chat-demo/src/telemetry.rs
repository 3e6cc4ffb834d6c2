//! What the operator can count: the names and meanings of the metrics, and the places that count.
//!
//! Labels have few values, all of them ours: nothing that a person wrote becomes one.

use std::time::Duration;

use metrics::{counter, describe_counter, describe_gauge, gauge};
use metrics_exporter_prometheus::PrometheusHandle;
use supervisor::{ChildRef, ChildSpec};

const STORED: &str = "chat_messages_stored_total";
const REFUSED: &str = "chat_refused_total";
const SOCKETS: &str = "chat_sockets";
const OPENED: &str = "chat_sockets_opened_total";
const CLOSED: &str = "chat_sockets_closed_total";
const REJOINS: &str = "chat_rejoins_total";
const ROOMS: &str = "chat_rooms_started_total";
const COMMITS: &str = "chat_store_transactions_total";
const UPLOADS: &str = "chat_uploads_total";
const NOTIFICATIONS: &str = "chat_notifications_total";
const NOTIFICATIONS_WAITING: &str = "chat_notifications_waiting";
const DEAD_LETTERS: &str = "chat_notifications_dead";
const NOTIFICATIONS_OVERFLOWED: &str = "chat_notifications_overflowed_total";
const DEAD_LETTERS_DISCARDED: &str = "chat_notifications_discarded_total";
const RETRIES: &str = "chat_store_retries_total";

/// How often samples are folded into their summaries.
const UPKEEP: Duration = Duration::from_secs(5);

/// Keeps samples from piling up when nobody reads the metrics.
pub(crate) fn upkeep(metrics: PrometheusHandle) -> ChildSpec<ChildRef> {
    ChildSpec::task("metrics", move |cx| {
        let metrics = metrics.clone();
        async move {
            let mut tick = tokio::time::interval(UPKEEP);
            loop {
                tokio::select! {
                    _ = tick.tick() => metrics.run_upkeep(),
                    () = cx.stopped() => return,
                }
            }
        }
    })
}

/// Says what the metrics mean, and begins each at zero where that is known.
pub fn describe() {
    describe_counter!(STORED, "Messages stored, each counted once");
    describe_counter!(REFUSED, "Input that was refused, by reason");
    describe_gauge!(SOCKETS, "Sockets that are open now");
    describe_counter!(OPENED, "Sockets opened");
    describe_counter!(CLOSED, "Sockets closed, by reason");
    describe_counter!(REJOINS, "Times that a socket went on with another incarnation of its room");
    describe_counter!(ROOMS, "Incarnations of rooms that came up");
    describe_counter!(COMMITS, "Transactions of the store, by result");
    describe_counter!(UPLOADS, "Uploads that are over, by what became of them");
    describe_counter!(NOTIFICATIONS, "Notifications that left the chat or were to, by way and by what became of them");
    describe_gauge!(NOTIFICATIONS_WAITING, "Notifications in the store that wait, when it was last looked");
    describe_gauge!(DEAD_LETTERS, "Notifications in the store that did not arrive, when it was last looked");
    describe_counter!(NOTIFICATIONS_OVERFLOWED, "Notifications put aside because too many waited");
    describe_counter!(DEAD_LETTERS_DISCARDED, "Notifications that did not arrive and were not kept any more");
    describe_counter!(RETRIES, "Batches of messages that had to be given to the store again");
    for name in [STORED, OPENED, REJOINS, ROOMS, RETRIES, NOTIFICATIONS_OVERFLOWED, DEAD_LETTERS_DISCARDED] {
        counter!(name).absolute(0);
    }
    gauge!(SOCKETS).set(0.0);
}

pub(crate) fn messages_stored(count: usize) {
    counter!(STORED).increment(count as u64);
}

/// `reason` is one of ours, never text from outside.
pub(crate) fn refused(reason: &'static str) {
    counter!(REFUSED, "reason" => reason).increment(1);
}

pub(crate) fn rejoined() {
    counter!(REJOINS).increment(1);
}

pub(crate) fn room_started() {
    counter!(ROOMS).increment(1);
}

pub(crate) fn store_committed() {
    counter!(COMMITS, "result" => "committed").increment(1);
}

pub(crate) fn store_failed() {
    counter!(COMMITS, "result" => "failed").increment(1);
}

/// `result` is one of ours.
pub(crate) fn upload_ended(result: &'static str) {
    counter!(UPLOADS, "result" => result).increment(1);
}

/// `way` and `result` are two of ours.
pub(crate) fn notification_ended(way: &'static str, result: &'static str) {
    counter!(NOTIFICATIONS, "way" => way, "result" => result).increment(1);
}

/// What a look into the store found, and did.
pub(crate) fn notifications(waiting: u64, dead: u64, overflowed: u64, discarded: u64) {
    gauge!(NOTIFICATIONS_WAITING).set(waiting as f64);
    gauge!(DEAD_LETTERS).set(dead as f64);
    counter!(NOTIFICATIONS_OVERFLOWED).increment(overflowed);
    counter!(DEAD_LETTERS_DISCARDED).increment(discarded);
}

pub(crate) fn store_retried() {
    counter!(RETRIES).increment(1);
}

/// An open socket, counted until it is dropped.
#[derive(Debug)]
pub(crate) struct OpenSocket {
    reason: &'static str,
}

impl OpenSocket {
    pub(crate) fn count() -> Self {
        counter!(OPENED).increment(1);
        gauge!(SOCKETS).increment(1.0);
        Self { reason: "gone" }
    }

    /// Why it will have been closed; `gone` if nothing is said.
    pub(crate) fn closed(&mut self, reason: &'static str) {
        self.reason = reason;
    }
}

impl Drop for OpenSocket {
    fn drop(&mut self) {
        gauge!(SOCKETS).decrement(1.0);
        counter!(CLOSED, "reason" => self.reason).increment(1);
    }
}

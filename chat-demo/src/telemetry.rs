//! What the operator can count: the names and meanings of the metrics, and the places that count.
//!
//! Labels have few values, all of them ours: nothing that a person wrote becomes one.

use std::time::Duration;

use metrics::{Unit, counter, describe_counter, describe_gauge, describe_histogram, gauge, histogram};
use metrics_exporter_prometheus::PrometheusHandle;
use supervisor::{ChildRef, ChildSpec};

const STORED: &str = "chat_messages_stored_total";
const REFUSED: &str = "chat_refused_total";
const SOCKETS: &str = "chat_sockets";
const OPENED: &str = "chat_sockets_opened_total";
const CLOSED: &str = "chat_sockets_closed_total";
const REJOINS: &str = "chat_rejoins_total";
const ROOMS: &str = "chat_rooms_started_total";
const WORKSPACES: &str = "chat_workspaces_started_total";
const COMMITS: &str = "chat_store_transactions_total";
const UPLOADS: &str = "chat_uploads_total";
const NOTIFICATIONS: &str = "chat_notifications_total";
const NOTIFICATIONS_WAITING: &str = "chat_notifications_waiting";
const DEAD_LETTERS: &str = "chat_notifications_dead";
const NOTIFICATIONS_OVERFLOWED: &str = "chat_notifications_overflowed_total";
const DEAD_LETTERS_DISCARDED: &str = "chat_notifications_discarded_total";
const SEARCHES: &str = "chat_searches_total";
const HOOKS_LOST: &str = "chat_hooks_lost_total";
const UPLOADING: &str = "chat_uploads_in_progress";
const PEOPLE: &str = "chat_presence_people";
const CONNECTIONS: &str = "chat_presence_connections";
const BUFFERED: &str = "chat_buffer_messages";
const CAPACITY: &str = "chat_buffer_capacity_messages";
const FAILING: &str = "chat_buffer_failing";
const WRITES: &str = "chat_buffer_writes_total";
const BATCH: &str = "chat_buffer_batch_messages";
const WRITE_TIME: &str = "chat_buffer_write_duration_seconds";
const RETRIES: &str = "chat_buffer_retries_total";

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
    describe_counter!(WORKSPACES, "Incarnations of workspaces that came up");
    describe_counter!(COMMITS, "Transactions of the store, by result");
    describe_gauge!(UPLOADING, "Uploads under way, by how far they are");
    describe_gauge!(PEOPLE, "People who are not offline");
    describe_gauge!(CONNECTIONS, "Connections of all people");
    describe_counter!(UPLOADS, "Uploads that are over, by what became of them");
    describe_counter!(NOTIFICATIONS, "Notifications that left the chat or were to, by way and by what became of them");
    describe_gauge!(NOTIFICATIONS_WAITING, "Notifications in the store that wait, when it was last looked");
    describe_gauge!(DEAD_LETTERS, "Notifications in the store that did not arrive, when it was last looked");
    describe_counter!(NOTIFICATIONS_OVERFLOWED, "Notifications put aside because too many waited");
    describe_counter!(DEAD_LETTERS_DISCARDED, "Notifications that did not arrive and were not kept any more");
    describe_counter!(
        HOOKS_LOST,
        "Starts and stops that the operator's programs are not told of, because too many waited"
    );
    describe_counter!(SEARCHES, "Searches for messages, by what came of them");
    describe_gauge!(
        BUFFERED,
        "Messages of all rooms that are unstored, and those of them that wait for, or are in, a write"
    );
    describe_gauge!(CAPACITY, "Messages of all rooms that may be unstored at once");
    describe_gauge!(FAILING, "Whether the store takes nothing of what is to be written: 1 or 0");
    describe_counter!(WRITES, "Writes of messages, by whether anything of them was stored");
    describe_histogram!(BATCH, "Messages in one write");
    describe_histogram!(WRITE_TIME, Unit::Seconds, "How long a write of messages takes");
    describe_counter!(RETRIES, "Batches of a room that were put back to be written again");
    for name in [
        STORED,
        OPENED,
        REJOINS,
        ROOMS,
        WORKSPACES,
        RETRIES,
        NOTIFICATIONS_OVERFLOWED,
        DEAD_LETTERS_DISCARDED,
        HOOKS_LOST,
    ] {
        counter!(name).absolute(0);
    }
    gauge!(SOCKETS).set(0.0);
    for result in ["stored", "failed"] {
        counter!(WRITES, "result" => result).absolute(0);
    }
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

pub(crate) fn workspace_started() {
    counter!(WORKSPACES).increment(1);
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

pub(crate) fn hooks_lost(hooks: u64) {
    counter!(HOOKS_LOST).increment(hooks);
}

/// `result` is one of ours.
pub(crate) fn searched(result: &'static str) {
    counter!(SEARCHES, "result" => result).increment(1);
}

/// Uploads that are being received, wait for a place, and are looked at.
pub(crate) fn uploads_in_progress(receiving: usize, waiting: usize, running: usize) {
    for (state, uploads) in [("receiving", receiving), ("waiting", waiting), ("running", running)] {
        gauge!(UPLOADING, "state" => state).set(uploads as f64);
    }
}

pub(crate) fn present(people: usize, connections: usize) {
    gauge!(PEOPLE).set(people as f64);
    gauge!(CONNECTIONS).set(connections as f64);
}

pub(crate) fn buffer_capacity(messages: usize) {
    gauge!(CAPACITY).set(messages as f64);
}

pub(crate) fn buffer_load(unstored: usize, waiting: usize, writing: usize) {
    gauge!(BUFFERED, "state" => "unstored").set(unstored as f64);
    gauge!(BUFFERED, "state" => "waiting").set(waiting as f64);
    gauge!(BUFFERED, "state" => "writing").set(writing as f64);
}

pub(crate) fn buffer_fails(fails: bool) {
    gauge!(FAILING).set(f64::from(u8::from(fails)));
}

/// A write of so many messages begins.
pub(crate) fn buffer_writes(messages: usize) {
    histogram!(BATCH).record(messages as f64);
}

pub(crate) fn buffer_written(stored: bool, took: Duration) {
    counter!(WRITES, "result" => if stored { "stored" } else { "failed" }).increment(1);
    histogram!(WRITE_TIME).record(took);
}

pub(crate) fn buffer_retries(batches: usize) {
    counter!(RETRIES).increment(batches as u64);
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

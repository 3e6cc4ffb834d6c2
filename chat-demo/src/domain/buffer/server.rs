//! The process: the effects of the rules.

use std::time::Duration;

use registry::{ExitReason, PubSub};
use supervisor::{Context, Failure, Flow, Init, Reply, Server};
use tokio::time::{Instant, timeout};

use super::logic::{Batches, Rules};
use super::{BufferStats, Places, TOPIC};
use crate::domain::alarm::Alarm;
use crate::domain::{Draft, RoomCode};
use crate::store::{Store, StoreError, Stored};
use crate::telemetry;

/// What it can be told.
#[derive(Debug)]
pub(crate) enum BufferMessage {
    /// A room has these to be stored, in this order; the answer comes when they are, or are given back.
    Store { room: RoomCode, drafts: Vec<Draft>, reply: Reply<RoomResult> },
    /// A write is over.
    Written { write: u64, result: Result<Vec<RoomResult>, StoreError>, took: Duration },
    /// It is time to see whether a write is due.
    Due,
    /// It is time to tell those who listen how it goes.
    Tell,
    /// How does it go?
    Stats { reply: Reply<BufferStats> },
}

/// What became of the messages of one room.
pub(super) type RoomResult = Result<Vec<Stored>, StoreError>;

/// How far apart those who listen are told.
const TOGETHER: Duration = Duration::from_secs(1);

/// What rooms want to be stored.
#[derive(Debug)]
pub(crate) struct BufferServer {
    store: Store,
    topics: PubSub<BufferStats>,
    most: usize,
    /// How long the store is asked at the end to take what is left.
    flush: Duration,
    places: Places,
    batches: Batches<RoomCode, Part>,
    stats: BufferStats,
    alarm: Alarm,
    /// Whether those who listen are told in a moment.
    telling: bool,
    told: Option<Instant>,
}

#[derive(Debug)]
struct Part {
    drafts: Vec<Draft>,
    reply: Reply<RoomResult>,
}

impl BufferServer {
    /// Nothing waits.
    pub(super) fn new(
        store: Store,
        topics: PubSub<BufferStats>,
        rules: Rules,
        flush: Duration,
        places: Places,
    ) -> Self {
        Self {
            store,
            topics,
            most: rules.most,
            flush,
            places,
            batches: Batches::new(rules),
            stats: BufferStats::default(),
            alarm: Alarm::default(),
            telling: false,
            told: None,
        }
    }
}

impl Server for BufferServer {
    type Message = BufferMessage;

    async fn init(&mut self, _cx: &mut Context<Self>) -> Result<Init, Failure> {
        telemetry::buffer_fails(false);
        telemetry::buffer_capacity(self.places.count);
        self.count();
        Ok(Init::Ready)
    }

    async fn handle(&mut self, message: BufferMessage, cx: &mut Context<Self>) -> Result<Flow, Failure> {
        let now = Instant::now().into_std();
        match message {
            BufferMessage::Store { room, drafts, reply } => {
                self.batches.offer(room, drafts.len(), Part { drafts, reply }, now);
                self.write(cx);
            }
            BufferMessage::Written { write, result, took } => {
                self.written(write, result, took);
                self.write(cx);
                self.tell_soon(cx);
            }
            BufferMessage::Due => {
                self.alarm.rang();
                self.write(cx);
            }
            BufferMessage::Tell => {
                (self.telling, self.told) = (false, Some(Instant::now()));
                // Refused only when the program ends.
                let _ = self.topics.try_publish(TOPIC, self.stats());
            }
            BufferMessage::Stats { reply } => reply.send(self.stats()),
        }
        Ok(Flow::Continue)
    }

    /// Gives the store what is left. What was under way is given once more, which stores nothing twice.
    async fn terminate(&mut self, reason: &ExitReason) {
        let flush = async {
            let mut left = self.batches.drain().into_iter().peekable();
            while left.peek().is_some() {
                let (mut rooms, mut replies, mut messages) = (Vec::new(), Vec::new(), 0);
                let fits = |(room, part): &(RoomCode, Part), rooms: &[(RoomCode, Vec<Draft>)], messages: usize| {
                    rooms.is_empty()
                        || (messages + part.drafts.len() <= self.most && rooms.iter().all(|(other, _)| other != room))
                };
                while let Some((room, part)) = left.next_if(|next| fits(next, &rooms, messages)) {
                    messages += part.drafts.len();
                    rooms.push((room, part.drafts));
                    replies.push(part.reply);
                }
                let results = self.store.append_all(rooms).await;
                let results = results.unwrap_or_else(|error| replies.iter().map(|_| Err(error.clone())).collect());
                replies.into_iter().zip(results).for_each(|(reply, result)| reply.send(result));
            }
        };
        if timeout(self.flush, flush).await.is_err() {
            tracing::error!(%reason, "the store did not take what was left");
        }
    }
}

impl BufferServer {
    /// Gives the store all that is due.
    fn write(&mut self, cx: &mut Context<Self>) {
        let now = Instant::now().into_std();
        while let Some(write) = self.batches.next(now) {
            let batch: Vec<_> = self.batches.write(write).map(|(room, part)| (room, part.drafts.clone())).collect();
            telemetry::buffer_writes(batch.iter().map(|(_, drafts)| drafts.len()).sum());
            let (store, buffer) = (self.store.clone(), cx.this());
            cx.spawn(async move {
                let begun = Instant::now();
                let result = store.append_all(batch).await;
                // Refused only when this incarnation is over, and what it knew with it.
                let _ = buffer.cast(BufferMessage::Written { write, result, took: begun.elapsed() }).await;
            });
        }
        if let Some(wait) = self.alarm.set(self.batches.next_due(), now) {
            cx.send_after(wait, BufferMessage::Due);
        }
        self.count();
    }

    fn count(&self) {
        let (waiting, writing) = self.batches.load();
        telemetry::buffer_load(self.places.taken(), waiting, writing);
    }

    fn written(&mut self, write: u64, result: Result<Vec<RoomResult>, StoreError>, took: Duration) {
        let error = match &result {
            Ok(results) => results.iter().find_map(|result| result.as_ref().err()),
            Err(error) => Some(error),
        };
        if let Some(error) = error {
            tracing::warn!(error = error as &dyn std::error::Error, "messages were not stored");
            self.stats.last_error = Some(error.to_string());
        }
        let stored = result.as_ref().is_ok_and(|results| results.iter().any(Result::is_ok));
        let (now, jitter) = (Instant::now().into_std(), rand::random_range(0.5..1.0));
        let written = self.batches.written(write, result, now, jitter);
        telemetry::buffer_written(stored, took);
        telemetry::buffer_retries(written.again);
        telemetry::buffer_fails(self.batches.failing_since().is_some());
        self.stats.last_write = took;
        self.stats.retries += written.again as u64;
        *(if stored { &mut self.stats.writes } else { &mut self.stats.failed_writes }) += 1;
        for (part, result) in written.done {
            match &result {
                Ok(stored) => self.stats.stored += stored.len() as u64,
                Err(_) => self.stats.given_back += part.drafts.len() as u64,
            }
            part.reply.send(result);
        }
    }

    fn stats(&self) -> BufferStats {
        let (waiting, writing) = self.batches.load();
        let now = Instant::now().into_std();
        let failing_for = self.batches.failing_since().map(|since| now.saturating_duration_since(since));
        BufferStats { unstored: self.places.taken(), waiting, writing, failing_for, ..self.stats.clone() }
    }

    /// Tells those who listen: at once, and then of all that happens within a second at its end.
    fn tell_soon(&mut self, cx: &mut Context<Self>) {
        if !std::mem::replace(&mut self.telling, true) {
            let wait = self.told.map_or(Duration::ZERO, |told| TOGETHER.saturating_sub(told.elapsed()));
            cx.send_after(wait, BufferMessage::Tell);
        }
    }
}

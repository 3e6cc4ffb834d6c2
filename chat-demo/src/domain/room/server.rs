//! The process of a room: one mailbox, one incarnation at a time, and the effects of its rules.

use std::collections::HashMap;
use std::time::Duration;

use registry::ExitReason;
use supervisor::{Context, Failure, Flow, Init, Reply, Server};
use tokio::time::Instant;

use super::logic::{Applied, ConnectionId, Gap, Log, Members, Offer, Outgoing, PresenceChange};
use super::outbox::{Event, Outbox};
use super::{JoinError, PostError, Posted, Welcome};
use crate::config::Limits;
use crate::domain::{Draft, Person, RoomCode, Seq};
use crate::store::{Page, Store, StoreError, Stored};
use crate::telemetry;

/// What a room can be told.
#[derive(Debug)]
pub(crate) enum RoomMessage {
    /// `person` wants to be told what happens, and what has been said after `after`.
    Join {
        connection: ConnectionId,
        person: Person,
        after: Option<Seq>,
        outbox: Outbox,
        reply: Reply<Result<Welcome, JoinError>>,
    },
    /// A connection is gone.
    Leave { connection: ConnectionId },
    /// Somebody says something; the answer comes when it is stored.
    Post { draft: Draft, reply: Reply<Result<Posted, PostError>> },
    /// Who is there?
    Members { reply: Reply<Vec<Person>> },
    /// The batch on its way has arrived, or is given up.
    Arrived { result: Result<Vec<Stored>, StoreError> },
    /// It is time to look who has been gone for long enough.
    Expire,
    /// It is time to tell everybody who is there.
    Settled,
    /// It is time to see whether anybody still needs this room.
    Rest,
}

/// How often a batch is given to the store, and how long the wait between is at first and at most.
const TRIES: u32 = 8;
const FIRST_WAIT: Duration = Duration::from_millis(50);
const LONGEST_WAIT: Duration = Duration::from_secs(2);

/// How long after its start a room tells everybody who is there: by then those who were in it before
/// a restart are in it again.
const SETTLE: Duration = Duration::from_secs(3);

/// One room.
#[derive(Debug)]
pub(crate) struct RoomServer {
    code: RoomCode,
    store: Store,
    limits: Limits,
    log: Log,
    members: Members,
    outgoing: Outgoing<Reply<Result<Posted, PostError>>>,
    outboxes: HashMap<ConnectionId, Outbox>,
    idle_since: Instant,
    expiry_armed: bool,
}

impl RoomServer {
    /// A room that has not read its history yet.
    pub(crate) fn new(code: RoomCode, store: Store, limits: Limits) -> Self {
        Self {
            code,
            store,
            limits,
            log: Log::empty(limits.recent_messages),
            members: Members::new(limits.leave_grace),
            outgoing: Outgoing::new(limits.unstored_messages),
            outboxes: HashMap::new(),
            idle_since: Instant::now(),
            expiry_armed: false,
        }
    }
}

impl Server for RoomServer {
    type Message = RoomMessage;

    async fn init(&mut self, cx: &mut Context<Self>) -> Result<Init, Failure> {
        let limit = u32::try_from(self.limits.recent_messages).unwrap_or(u32::MAX);
        let history = self.store.history(self.code, Page::Latest { limit }).await?;
        self.log = Log::new(self.limits.recent_messages, history)?;
        cx.send_after(SETTLE, RoomMessage::Settled);
        cx.send_after(self.limits.room_idle, RoomMessage::Rest);
        telemetry::room_started();
        tracing::info!(room = %self.code, last = %self.log.last(), "room is up");
        Ok(Init::Ready)
    }

    async fn handle(&mut self, message: RoomMessage, cx: &mut Context<Self>) -> Result<Flow, Failure> {
        match message {
            RoomMessage::Join { connection, person, after, outbox, reply } => {
                reply.send(self.join(connection, person, after, outbox, cx));
            }
            RoomMessage::Leave { connection } => self.leave(connection, cx),
            RoomMessage::Post { draft, reply } => self.post(draft, reply, cx),
            RoomMessage::Members { reply } => reply.send(self.members.list()),
            RoomMessage::Arrived { result } => self.arrived(result, cx)?,
            RoomMessage::Expire => self.expire(cx),
            RoomMessage::Settled => self.broadcast(&Event::Members(self.members.list().into()), cx),
            RoomMessage::Rest => return Ok(self.rest(cx)),
        }
        Ok(Flow::Continue)
    }
}

impl RoomServer {
    fn join(
        &mut self,
        connection: ConnectionId,
        person: Person,
        after: Option<Seq>,
        outbox: Outbox,
        cx: &mut Context<Self>,
    ) -> Result<Welcome, JoinError> {
        if self.members.connections() >= self.limits.room_connections {
            return Err(JoinError::Full);
        }
        let change = self.members.join(connection, person);
        if let Some(change) = change {
            self.tell(change, cx);
        }
        self.outboxes.insert(connection, outbox);
        let last = self.log.last();
        // Numbers beyond the last one are not from this history.
        let reset = after.is_some_and(|after| after > last);
        let resume = self.log.resume(if reset { last } else { after.unwrap_or(last) });
        Ok(Welcome { last, reset, members: self.members.list(), older: resume.older, recent: resume.recent })
    }

    fn leave(&mut self, connection: ConnectionId, cx: &mut Context<Self>) {
        if self.outboxes.remove(&connection).is_none() {
            return;
        }
        self.members.leave(connection, Instant::now().into_std());
        self.arm_expiry(cx);
        if self.outboxes.is_empty() {
            self.idle_since = Instant::now();
        }
    }

    fn post(&mut self, draft: Draft, reply: Reply<Result<Posted, PostError>>, cx: &mut Context<Self>) {
        self.idle_since = Instant::now();
        if let Some(message) = self.log.find(draft.author.id, &draft.client_id) {
            reply.send(Ok(Posted { seq: message.seq, at: message.at }));
            return;
        }
        match self.outgoing.offer(draft, reply) {
            Offer::Waits => self.send_batch(cx),
            Offer::Full(reply) => reply.send(Err(PostError::Busy)),
        }
    }

    /// Gives the store the next batch, unless one is on its way.
    fn send_batch(&mut self, cx: &mut Context<Self>) {
        let Some(drafts) = self.outgoing.next_batch(self.limits.batch) else { return };
        let (store, code, room) = (self.store.clone(), self.code, cx.this());
        cx.spawn(async move {
            let result = store_batch(&store, code, drafts).await;
            // Refused only when the room is over, and the batch with it.
            let _ = room.cast(RoomMessage::Arrived { result }).await;
        });
    }

    /// The batch that was on its way is stored, or given up.
    fn arrived(&mut self, result: Result<Vec<Stored>, StoreError>, cx: &mut Context<Self>) -> Result<(), Gap> {
        let waiters = self.outgoing.batch_done();
        match result {
            Ok(stored) => {
                telemetry::messages_stored(stored.iter().filter(|stored| stored.fresh).count());
                for (Stored { message, .. }, (_, replies)) in stored.into_iter().zip(waiters) {
                    let posted = Posted { seq: message.seq, at: message.at };
                    // Those who hear it hear it before its author hears that it is stored: if the log is behind,
                    // nothing is acknowledged that this incarnation did not pass on.
                    if let Applied::Next(message) = self.log.apply(message)? {
                        self.broadcast(&Event::Message(message), cx);
                    }
                    for reply in replies {
                        reply.send(Ok(posted));
                    }
                }
            }
            Err(error) => {
                tracing::error!(room = %self.code, %error, messages = waiters.len(), "messages could not be stored");
                for reply in waiters.into_iter().flat_map(|(_, replies)| replies) {
                    reply.send(Err(PostError::NotStored));
                }
            }
        }
        self.send_batch(cx);
        Ok(())
    }

    fn expire(&mut self, cx: &mut Context<Self>) {
        self.expiry_armed = false;
        for change in self.members.expire(Instant::now().into_std()) {
            self.tell(change, cx);
        }
        self.arm_expiry(cx);
    }

    fn arm_expiry(&mut self, cx: &mut Context<Self>) {
        if self.expiry_armed {
            return;
        }
        if let Some(at) = self.members.next_expiry() {
            self.expiry_armed = true;
            cx.send_after(at.saturating_duration_since(Instant::now().into_std()), RoomMessage::Expire);
        }
    }

    fn rest(&self, cx: &mut Context<Self>) -> Flow {
        let left = (self.idle_since + self.limits.room_idle).saturating_duration_since(Instant::now());
        if !self.outboxes.is_empty() || self.outgoing.len() > 0 || !left.is_zero() {
            let again = if left.is_zero() { self.limits.room_idle } else { left };
            cx.send_after(again, RoomMessage::Rest);
            return Flow::Continue;
        }
        tracing::info!(room = %self.code, "nobody needs the room any more");
        Flow::Stop(ExitReason::Normal)
    }

    fn tell(&mut self, change: PresenceChange, cx: &mut Context<Self>) {
        let event = match change {
            PresenceChange::Joined(person) => Event::Joined(person),
            PresenceChange::Left(person) => Event::Left(person),
        };
        self.broadcast(&event, cx);
    }

    /// Tells everybody; whoever is gone or does not keep up is let go.
    fn broadcast(&mut self, event: &Event, cx: &mut Context<Self>) {
        let refused =
            |(&connection, outbox): (&ConnectionId, &Outbox)| (!outbox.offer(event.clone())).then_some(connection);
        let gone: Vec<ConnectionId> = self.outboxes.iter().filter_map(refused).collect();
        for connection in gone {
            self.leave(connection, cx);
        }
    }
}

/// Gives a batch to the store until it has it, and gives up after a while. What may have been stored
/// the first time is not stored twice.
async fn store_batch(store: &Store, room: RoomCode, drafts: Vec<Draft>) -> Result<Vec<Stored>, StoreError> {
    let mut wait = FIRST_WAIT;
    let mut tries = 1;
    loop {
        match store.append(room, drafts.clone()).await {
            Err(error) if tries < TRIES => {
                tracing::warn!(%room, %error, tries, "the store is asked again");
                telemetry::store_retried();
                tokio::time::sleep(wait.mul_f64(rand::random_range(0.5..1.0))).await;
                wait = (wait * 2).min(LONGEST_WAIT);
                tries += 1;
            }
            result => return result,
        }
    }
}

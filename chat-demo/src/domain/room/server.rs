//! The process of a room: one mailbox, one incarnation at a time, and the effects of its rules.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use registry::{ExitReason, RecvError, Subscription};
use supervisor::{Context, Failure, Flow, Init, Reply, Server, ServerRef};
use tokio::time::Instant;

use super::logic::{Applied, Changes, ConnectionId, Gap, Log, MemberChange, Members, Offer, Outgoing, Typing};
use super::outbox::{Event, Outbox};
use super::topics::Topics;
use super::{ChangeError, Entry, JoinError, PostError, Posted, Rooms, Welcome};
use crate::config::Limits;
use crate::domain::alarm::Alarm;
use crate::domain::buffer::{MessageBuffer, Place};
use crate::domain::coordinator::{Hook, Hooks};
use crate::domain::presence::{Presences, Status, Update};
use crate::domain::{Body, Draft, Person, PersonId, Revision, RoomCode, RoomKind, Seq, Visits};
use crate::store::{Changed, Page, Store, StoreError, Stored};
use crate::telemetry;

/// What a room can be told.
#[derive(Debug)]
pub(crate) enum RoomMessage {
    /// `person` wants to be told what happens, and what has been said after `after`.
    Join {
        entry: Entry,
        connection: ConnectionId,
        person: Person,
        after: Option<Seq>,
        outbox: Outbox,
        reply: Reply<Result<Welcome, JoinError>>,
    },
    /// A connection is gone.
    Leave { connection: ConnectionId },
    /// Somebody says something; the answer comes when it is stored.
    Post { entry: Entry, draft: Draft, reply: Reply<Result<Posted, PostError>> },
    /// Somebody wants to change, or without a body to delete, a message; the answer comes when that is stored.
    Change { entry: Entry, seq: Seq, author: PersonId, body: Option<Body>, reply: Reply<Result<(), ChangeError>> },
    /// Somebody has begun to write, or stopped.
    Typing { connection: ConnectionId, on: bool },
    /// Somebody has another name.
    Rename { connection: ConnectionId, person: Person },
    /// Who is there?
    Members { reply: Reply<Vec<Person>> },
    /// The batch on its way has arrived, or is given up.
    Arrived { result: Result<Vec<Stored>, StoreError> },
    /// The change on its way is done, or given up.
    Altered { result: Result<Changed, StoreError>, reply: Reply<Result<(), ChangeError>> },
    /// Somebody, in this room or not, is online, away or gone.
    Presence { update: Update },
    /// Those who are elsewhere have been told, a while ago.
    Told,
    /// It is time to look who has been gone, or silent, for long enough.
    Expire,
    /// It is time to tell everybody who is there.
    Settled,
    /// It is time to see whether anybody still needs this room.
    Rest,
}

/// How long after its start a room tells everybody who is there: by then those who were in it before
/// a restart are in it again.
const SETTLE: Duration = Duration::from_secs(3);

/// How far apart those who are elsewhere are told of what is said.
const TOGETHER: Duration = Duration::from_secs(1);

/// Updates of people's presence that wait for one room.
const UPDATES: usize = 256;

/// Whether those who are elsewhere know that there is something to be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Elsewhere {
    /// They do.
    Told,
    /// They are being told, or were a moment ago.
    BeingTold,
    /// As before, and since then there is more.
    More,
}

/// A change that somebody wants.
#[derive(Debug)]
struct Wish {
    seq: Seq,
    author: PersonId,
    body: Option<Body>,
    reply: Reply<Result<(), ChangeError>>,
}

/// One room.
#[derive(Debug)]
pub(crate) struct RoomServer {
    code: RoomCode,
    /// As it is for nobody: who may be in the room is told by the entry that comes with each message.
    kind: RoomKind,
    store: Store,
    buffer: MessageBuffer,
    presences: Presences,
    visits: Visits,
    hooks: Hooks,
    limits: Limits,
    log: Log,
    members: Members,
    outgoing: Outgoing<Place, Reply<Result<Posted, PostError>>>,
    changes: Changes<Wish>,
    revision: Revision,
    typing: Typing,
    outboxes: HashMap<ConnectionId, Outbox>,
    topics: Topics,
    elsewhere: Elsewhere,
    idle_since: Instant,
    /// When to look who has been gone or silent.
    alarm: Alarm,
}

impl RoomServer {
    /// A room that has not read its history yet.
    pub(super) fn new(code: RoomCode, kind: RoomKind, rooms: &Rooms) -> Self {
        let Rooms { namespace, store, buffer, presences, visits, limits, .. } = rooms.clone();
        Self {
            code,
            kind,
            store,
            buffer,
            presences,
            visits,
            hooks: Hooks::new(&namespace),
            limits,
            log: Log::empty(limits.recent_messages),
            members: Members::new(limits.leave_grace),
            outgoing: Outgoing::new(limits.unstored_messages),
            changes: Changes::new(limits.unstored_messages),
            revision: Revision::default(),
            typing: Typing::new(limits.typing_expiry),
            outboxes: HashMap::new(),
            topics: Topics::new(&namespace, code),
            elsewhere: Elsewhere::Told,
            idle_since: Instant::now(),
            alarm: Alarm::default(),
        }
    }
}

impl Server for RoomServer {
    type Message = RoomMessage;

    async fn init(&mut self, cx: &mut Context<Self>) -> Result<Init, Failure> {
        let limit = u32::try_from(self.limits.recent_messages).unwrap_or(u32::MAX);
        let history = self.store.history(self.code, Page::Latest { limit }).await?;
        self.log = Log::new(self.limits.recent_messages, history)?;
        self.revision = self.store.last_revision(self.code).await?;
        if let Some(updates) = self.presences.updates(UPDATES) {
            cx.spawn(pass_on(updates, cx.this()));
        }
        cx.send_after(SETTLE, RoomMessage::Settled);
        cx.send_after(self.limits.room_idle, RoomMessage::Rest);
        telemetry::room_started();
        if let RoomKind::Channel(channel) = &self.kind {
            self.hooks.tell(Hook::channel_started(self.code, channel));
        }
        tracing::info!(room = %self.code, last = %self.log.last(), "room is up");
        Ok(Init::Ready)
    }

    async fn handle(&mut self, message: RoomMessage, cx: &mut Context<Self>) -> Result<Flow, Failure> {
        match message {
            RoomMessage::Join { entry, connection, person, after, outbox, reply } => {
                reply.send(self.join(entry, connection, person, after, outbox, cx));
            }
            RoomMessage::Leave { connection } => self.leave(connection, cx),
            RoomMessage::Post { entry, draft, reply } => self.post(&entry, draft, reply, cx),
            RoomMessage::Change { entry, seq, author, body, reply } => {
                self.change(&entry, Wish { seq, author, body, reply }, cx);
            }
            RoomMessage::Typing { connection, on } => self.type_along(connection, on, cx),
            RoomMessage::Rename { connection, person } => {
                if let Some(change) = self.members.rename(connection, person) {
                    self.tell(change, cx);
                }
            }
            RoomMessage::Altered { result, reply } => self.altered(result, reply, cx),
            RoomMessage::Presence { update } => self.hear_of_presence(update, cx),
            RoomMessage::Members { reply } => reply.send(self.members.list()),
            RoomMessage::Arrived { result } => self.arrived(result, cx)?,
            RoomMessage::Told => {
                if std::mem::replace(&mut self.elsewhere, Elsewhere::Told) == Elsewhere::More {
                    self.tell_elsewhere(cx);
                }
            }
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
        entry: Entry,
        connection: ConnectionId,
        person: Person,
        after: Option<Seq>,
        outbox: Outbox,
        cx: &mut Context<Self>,
    ) -> Result<Welcome, JoinError> {
        if !entry.admits(self.code, person.id) {
            return Err(JoinError::Unknown);
        }
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
        let (members, revision) = (self.members.list(), self.revision);
        Ok(Welcome { entry, last, reset, revision, members, older: resume.older, recent: resume.recent })
    }

    fn leave(&mut self, connection: ConnectionId, cx: &mut Context<Self>) {
        if self.outboxes.remove(&connection).is_none() {
            return;
        }
        self.type_along(connection, false, cx);
        self.members.leave(connection, Instant::now().into_std());
        self.arm_expiry(cx);
        if self.outboxes.is_empty() {
            self.idle_since = Instant::now();
        }
    }

    fn post(&mut self, entry: &Entry, draft: Draft, reply: Reply<Result<Posted, PostError>>, cx: &mut Context<Self>) {
        if !entry.admits(self.code, draft.author.id) {
            return reply.send(Err(PostError::Unknown));
        }
        self.idle_since = Instant::now();
        if let Some(message) = self.log.find(draft.author.id, &draft.client_id) {
            reply.send(Ok(Posted { seq: message.seq, at: message.at }));
            return;
        }
        match self.outgoing.offer(draft, reply, || self.buffer.place()) {
            Offer::Waits => self.send_batch(cx),
            Offer::Full(reply) => reply.send(Err(PostError::Busy)),
        }
    }

    /// Gives the buffer the next batch, unless one is on its way.
    fn send_batch(&mut self, cx: &mut Context<Self>) {
        let Some(drafts) = self.outgoing.next_batch(self.limits.batch_most) else { return };
        let (buffer, code, room) = (self.buffer.clone(), self.code, cx.this());
        cx.spawn(async move {
            let result = buffer.store(code, drafts).await;
            // Refused only when the room is over, and the batch with it.
            let _ = room.cast(RoomMessage::Arrived { result }).await;
        });
    }

    /// The batch that was on its way is stored, or given up.
    fn arrived(&mut self, result: Result<Vec<Stored>, StoreError>, cx: &mut Context<Self>) -> Result<(), Gap> {
        match result {
            Ok(stored) => {
                let waiters = self.outgoing.batch_done();
                telemetry::messages_stored(stored.iter().filter(|stored| stored.fresh).count());
                for (Stored { message, .. }, (_, replies)) in stored.into_iter().zip(waiters) {
                    let posted = Posted { seq: message.seq, at: message.at };
                    // Those who hear it hear it before its author hears that it is stored: if the log is behind,
                    // nothing is acknowledged that this incarnation did not pass on.
                    if let Applied::Next(message) = self.log.apply(message)? {
                        self.visits.tell_mentioned(self.code, &self.kind, &message);
                        self.tell_elsewhere(cx);
                        self.stop_typing(message.author.id, cx);
                        self.broadcast(&Event::Message(message), cx);
                    }
                    for reply in replies {
                        reply.send(Ok(posted));
                    }
                }
            }
            Err(error) => {
                let waiters = self.outgoing.give_up();
                tracing::error!(room = %self.code, %error, messages = waiters.len(), "messages could not be stored");
                for reply in waiters.into_iter().flat_map(|(_, replies)| replies) {
                    reply.send(Err(PostError::NotStored));
                }
            }
        }
        self.send_batch(cx);
        Ok(())
    }

    fn change(&mut self, entry: &Entry, wish: Wish, cx: &mut Context<Self>) {
        if !entry.admits(self.code, wish.author) {
            return wish.reply.send(Err(ChangeError::NotThere));
        }
        self.idle_since = Instant::now();
        match self.changes.offer(wish) {
            Ok(()) => self.send_change(cx),
            Err(wish) => wish.reply.send(Err(ChangeError::Busy)),
        }
    }

    /// Gives the store the next change, unless one is on its way.
    fn send_change(&mut self, cx: &mut Context<Self>) {
        let Some(Wish { seq, author, body, reply }) = self.changes.next() else { return };
        let (store, code, room) = (self.store.clone(), self.code, cx.this());
        cx.spawn(async move {
            let result = store.change(code, seq, author, body).await;
            // Refused only when the room is over; the caller hears that there is no reply.
            let _ = room.cast(RoomMessage::Altered { result, reply }).await;
        });
    }

    /// The change that was on its way is done, or given up.
    fn altered(
        &mut self,
        result: Result<Changed, StoreError>,
        reply: Reply<Result<(), ChangeError>>,
        cx: &mut Context<Self>,
    ) {
        self.changes.done();
        match result {
            Ok(Changed::Done(message)) => {
                if message.revision > self.revision {
                    self.revision = message.revision;
                    let message = Arc::new(message);
                    self.log.change(&message);
                    self.tell_elsewhere(cx);
                    self.broadcast(&Event::Changed(message), cx);
                }
                reply.send(Ok(()));
            }
            Ok(Changed::NotThere) => reply.send(Err(ChangeError::NotThere)),
            Ok(Changed::NotYours) => reply.send(Err(ChangeError::NotYours)),
            Err(error) => {
                tracing::error!(room = %self.code, %error, "a change could not be stored");
                reply.send(Err(ChangeError::NotStored));
            }
        }
        self.send_change(cx);
    }

    /// Tells everybody whose room this is, wherever they are, that there is more to be read: at once, and what comes
    /// within a second after that at its end.
    fn tell_elsewhere(&mut self, cx: &mut Context<Self>) {
        if self.elsewhere != Elsewhere::Told {
            self.elsewhere = Elsewhere::More;
            return;
        }
        self.elsewhere = Elsewhere::BeingTold;
        let (visits, code, room) = (self.visits.clone(), self.code, cx.this());
        cx.spawn(async move {
            visits.tell_all(code).await;
            tokio::time::sleep(TOGETHER).await;
            // Refused only when the room is over.
            let _ = room.cast(RoomMessage::Told).await;
        });
    }

    fn type_along(&mut self, connection: ConnectionId, on: bool, cx: &mut Context<Self>) {
        let Some(person) = self.members.person(connection).cloned() else { return };
        if !on {
            self.stop_typing(person.id, cx);
        } else if self.typing.begin(&person, Instant::now().into_std()) {
            self.broadcast(&Event::Typing(person.id, true), cx);
            self.arm_expiry(cx);
        }
    }

    fn stop_typing(&mut self, person: PersonId, cx: &mut Context<Self>) {
        if self.typing.end(person) {
            self.broadcast(&Event::Typing(person, false), cx);
        }
    }

    /// Tells of those who are here. Whoever is gone has left the room already.
    fn hear_of_presence(&mut self, update: Update, cx: &mut Context<Self>) {
        match update {
            Update::Started => self.broadcast(&Event::Attend, cx),
            Update::Changed(change) if change.status != Status::Offline && self.members.has(change.person) => {
                self.broadcast(&Event::Presence(change), cx);
            }
            Update::Changed(_) => {}
        }
    }

    fn expire(&mut self, cx: &mut Context<Self>) {
        self.alarm.rang();
        let now = Instant::now().into_std();
        for change in self.members.expire(now) {
            self.tell(change, cx);
        }
        for person in self.typing.expire(now) {
            self.broadcast(&Event::Typing(person, false), cx);
        }
        self.arm_expiry(cx);
    }

    fn arm_expiry(&mut self, cx: &mut Context<Self>) {
        let next = [self.members.next_expiry(), self.typing.next_expiry()].into_iter().flatten().min();
        if let Some(wait) = self.alarm.set(next, Instant::now().into_std()) {
            cx.send_after(wait, RoomMessage::Expire);
        }
    }

    fn rest(&self, cx: &mut Context<Self>) -> Flow {
        let left = (self.idle_since + self.limits.room_idle).saturating_duration_since(Instant::now());
        if !self.outboxes.is_empty() || self.outgoing.len() > 0 || !self.changes.is_empty() || !left.is_zero() {
            let again = if left.is_zero() { self.limits.room_idle } else { left };
            cx.send_after(again, RoomMessage::Rest);
            return Flow::Continue;
        }
        tracing::info!(room = %self.code, "nobody needs the room any more");
        Flow::Stop(ExitReason::Normal)
    }

    fn tell(&mut self, change: MemberChange, cx: &mut Context<Self>) {
        let event = match change {
            MemberChange::Joined(person) => Event::Joined(person),
            MemberChange::Left(person) => Event::Left(person),
        };
        self.broadcast(&event, cx);
    }

    /// Tells everybody; whoever is gone or does not keep up is let go.
    fn broadcast(&mut self, event: &Event, cx: &mut Context<Self>) {
        self.topics.tell(event);
        let refused =
            |(&connection, outbox): (&ConnectionId, &Outbox)| (!outbox.offer(event.clone())).then_some(connection);
        let gone: Vec<ConnectionId> = self.outboxes.iter().filter_map(refused).collect();
        for connection in gone {
            self.leave(connection, cx);
        }
    }
}

/// Passes updates on to the room, until one of them is over.
async fn pass_on(mut updates: Subscription<Update>, room: ServerRef<RoomServer>) {
    loop {
        let message = match updates.recv().await {
            Ok(update) => RoomMessage::Presence { update },
            // Everybody who is here is told anew, with what they are.
            Err(RecvError::Lagged(_)) => RoomMessage::Settled,
            Err(_) => return,
        };
        if room.cast(message).await.is_err() {
            return;
        }
    }
}

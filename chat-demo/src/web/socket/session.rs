//! One person's connection to one room, over as many incarnations of the room as it takes.

use std::time::Duration;

use axum::extract::ws::WebSocket;
use tokio::time::{Instant, MissedTickBehavior, interval, sleep_until, timeout};
use tokio_util::sync::CancellationToken;

use super::bucket::Bucket;
use super::posts::Posts;
use super::protocol::{ClientFrame, Goodbye, Said, ServerFrame, VERSION, Who};
use super::wire::{Incoming, Stuck, Wire};
use crate::config::Limits;
use crate::domain::room::{Closed, Event, JoinError, Membership, PostError, Posted, Rooms, Welcome};
use crate::domain::{Body, ClientId, Message, Person, RoomCode, Seq};
use crate::store::Page;
use crate::telemetry::{self, OpenSocket};
use crate::web::Web;
use crate::web::page::sentence;

/// Messages that are read from the history at a time.
const PAGE: u32 = 100;

/// How long the wait between two tries to find the room again is at first and at most.
const FIRST_WAIT: Duration = Duration::from_millis(10);
const LONGEST_WAIT: Duration = Duration::from_secs(1);

/// Serves a socket until it is over.
pub(super) async fn run(web: Web, socket: WebSocket, code: RoomCode, person: Person) {
    let mut open = OpenSocket::count();
    let mut wire = Wire::new(socket, web.limits.write);
    let end = match handshake(&mut wire, &web.limits).await {
        Ok(after) => Session::new(&web, &mut wire, code, person).talk(after, &web.stop).await,
        Err(end) => end,
    };
    match end {
        End::Gone => {}
        End::Stuck => open.closed("stuck"),
        End::Goodbye(goodbye) => {
            open.closed(goodbye.label());
            tracing::info!(room = %code, reason = goodbye.label(), "a socket is closed");
            wire.close(goodbye).await;
        }
    }
}

/// Why it is over.
#[derive(Debug)]
enum End {
    /// The client went.
    Gone,
    /// The client cannot be written to.
    Stuck,
    /// The client is to be told.
    Goodbye(Goodbye),
}

impl From<Stuck> for End {
    fn from(_: Stuck) -> Self {
        Self::Stuck
    }
}

impl From<Goodbye> for End {
    fn from(goodbye: Goodbye) -> Self {
        Self::Goodbye(goodbye)
    }
}

/// Waits for the `join`: the number of the last message that the client has.
async fn handshake(wire: &mut Wire, limits: &Limits) -> Result<Option<Seq>, End> {
    let first = async {
        loop {
            match wire.receive().await {
                Incoming::Alive => {}
                first => return first,
            }
        }
    };
    match timeout(limits.handshake, first).await {
        Err(_) => Err(Goodbye::Handshake.into()),
        Ok(Incoming::Text(text)) => match serde_json::from_str(&text) {
            Ok(ClientFrame::Join { v: VERSION, after }) => Ok(after),
            _ => {
                telemetry::refused("frame");
                Err(Goodbye::Handshake.into())
            }
        },
        Ok(Incoming::Wrong(goodbye)) => Err(goodbye.into()),
        Ok(Incoming::Gone | Incoming::Alive) => Err(End::Gone),
    }
}

struct Session<'a> {
    wire: &'a mut Wire,
    rooms: &'a Rooms,
    limits: &'a Limits,
    code: RoomCode,
    person: Person,
    posts: Posts,
    bucket: Bucket,
    /// The number of the last message that was sent, or that the client had before.
    sent: Seq,
}

impl<'a> Session<'a> {
    fn new(web: &'a Web, wire: &'a mut Wire, code: RoomCode, person: Person) -> Self {
        let limits = &web.limits;
        let posts = Posts::new(web.rooms.clone(), code, person.clone(), limits.unacknowledged);
        let bucket = Bucket::new(limits.post_burst, limits.posts_per_second, Instant::now().into_std());
        Self { wire, rooms: &web.rooms, limits, code, person, posts, bucket, sent: Seq(0) }
    }

    async fn talk(mut self, after: Option<Seq>, stop: &CancellationToken) -> End {
        match self.converse(after, stop).await {
            Err(end) => end,
            Ok(never) => match never {},
        }
    }

    async fn converse(&mut self, after: Option<Seq>, stop: &CancellationToken) -> Result<Never, End> {
        let mut membership = self.enter(after, stop).await?;
        let mut ping = interval(self.limits.ping);
        ping.set_missed_tick_behavior(MissedTickBehavior::Delay);
        ping.reset();
        let mut heard = Instant::now();
        loop {
            tokio::select! {
                () = stop.cancelled() => return Err(Goodbye::GoingAway.into()),
                event = membership.next() => match event {
                    Ok(Event::Message(message)) if message.seq > self.sent.next() => {
                        // Cannot be while one incarnation tells all it stores; if it is, it is mended.
                        tracing::error!(room = %self.code, sent = %self.sent, next = %message.seq, "a gap");
                        membership = self.reenter(stop).await?;
                    }
                    Ok(event) => self.pass_on(&event).await?,
                    Err(Closed::Lagged) => return Err(Goodbye::TooSlow.into()),
                    Err(Closed::Ended) => membership = self.reenter(stop).await?,
                },
                (id, result) = self.posts.next() => self.answer(&id, result).await?,
                incoming = self.wire.receive() => {
                    heard = Instant::now();
                    match incoming {
                        Incoming::Text(text) => self.hear(&text).await?,
                        Incoming::Alive => {}
                        Incoming::Gone => return Err(End::Gone),
                        Incoming::Wrong(goodbye) => return Err(goodbye.into()),
                    }
                }
                _ = ping.tick() => self.wire.ping().await?,
                () = sleep_until(heard + self.limits.idle) => return Err(Goodbye::Idle.into()),
            }
        }
    }

    /// Comes into the room and tells the client all it has missed.
    async fn enter(&mut self, after: Option<Seq>, stop: &CancellationToken) -> Result<Membership, End> {
        let (membership, welcome) = self.join(after, stop).await?;
        self.sent = if welcome.reset { welcome.last } else { after.unwrap_or(welcome.last) };
        let members = welcome.members.iter().map(Who::from).collect();
        let frame = ServerFrame::Welcome {
            v: VERSION,
            you: Who::from(&self.person),
            last: welcome.last,
            reset: welcome.reset,
            members,
        };
        self.wire.send(&frame).await?;
        self.catch_up(&welcome).await?;
        Ok(membership)
    }

    /// Comes into the next incarnation of the room; the client hears nothing of it but what it has missed.
    async fn reenter(&mut self, stop: &CancellationToken) -> Result<Membership, End> {
        let (membership, welcome) = self.join(Some(self.sent), stop).await?;
        telemetry::rejoined();
        self.catch_up(&welcome).await?;
        Ok(membership)
    }

    /// Joins, again and again while the room is being restarted.
    async fn join(&mut self, after: Option<Seq>, stop: &CancellationToken) -> Result<(Membership, Welcome), End> {
        let deadline = Instant::now() + self.limits.rejoin;
        let mut wait = FIRST_WAIT;
        let joined = async {
            loop {
                match self.rooms.join(self.code, self.person.clone(), after).await {
                    Ok(joined) => return Ok(joined),
                    Err(JoinError::Full) => return Err(Goodbye::Full),
                    Err(error) if Instant::now() + wait > deadline => {
                        tracing::warn!(room = %self.code, %error, "a socket gives its room up");
                        return Err(Goodbye::NoRoom);
                    }
                    Err(_) => {}
                }
                tokio::time::sleep(wait.mul_f64(rand::random_range(0.5..1.0))).await;
                wait = (wait * 2).min(LONGEST_WAIT);
            }
        };
        tokio::select! {
            () = stop.cancelled() => Err(Goodbye::GoingAway.into()),
            joined = joined => Ok(joined?),
        }
    }

    async fn catch_up(&mut self, welcome: &Welcome) -> Result<(), End> {
        if let Some((_, before)) = welcome.older {
            while self.sent.next() < before {
                let page = Page::Between { after: self.sent, before, limit: PAGE };
                let messages = self.rooms.history(self.code, page).await.map_err(|_| Goodbye::NoRoom)?;
                if messages.is_empty() {
                    return Err(Goodbye::NoRoom.into());
                }
                for message in &messages {
                    self.say(message).await?;
                }
            }
        }
        for message in &welcome.recent {
            self.say(message).await?;
        }
        Ok(())
    }

    async fn pass_on(&mut self, event: &Event) -> Result<(), End> {
        match event {
            Event::Message(message) => self.say(message).await?,
            Event::Joined(person) => self.wire.send(&ServerFrame::Joined { person: person.into() }).await?,
            Event::Left(id) => self.wire.send(&ServerFrame::Left { id: *id }).await?,
            Event::Members(members) => {
                let members = members.iter().map(Who::from).collect();
                self.wire.send(&ServerFrame::Members { members }).await?;
            }
        }
        Ok(())
    }

    /// Sends a message, unless the client has it already.
    async fn say(&mut self, message: &Message) -> Result<(), End> {
        if message.seq > self.sent {
            self.wire.send(&ServerFrame::Message(Said::from(message))).await?;
            self.sent = message.seq;
        }
        Ok(())
    }

    async fn hear(&mut self, text: &str) -> Result<(), End> {
        let wait = self.bucket.take(Instant::now().into_std()).err();
        match (serde_json::from_str(text), wait) {
            (Ok(ClientFrame::Post { id, body }), None) => self.accept(&id, &body).await,
            (Ok(ClientFrame::Post { id, .. }), Some(wait)) => {
                let retry = u64::try_from(wait.as_millis()).unwrap_or(u64::MAX);
                // What is no id is not repeated to the client.
                let id = ClientId::parse(&id).ok().map(|_| &*id);
                self.refuse(id, "rate", "you are sending very fast", Some(retry)).await
            }
            (Ok(ClientFrame::Ping {}), _) => Ok(self.wire.send(&ServerFrame::Pong {}).await?),
            (Ok(ClientFrame::Join { .. }) | Err(_), Some(_)) => Err(Goodbye::Nonsense.into()),
            (Ok(ClientFrame::Join { .. }), None) => {
                self.refuse(None, "frame", "you are in the room already", None).await
            }
            (Err(_), None) => self.refuse(None, "frame", "this frame could not be understood", None).await,
        }
    }

    async fn accept(&mut self, id: &str, body: &str) -> Result<(), End> {
        let client_id = match ClientId::parse(id) {
            Ok(client_id) => client_id,
            // What is no id is not repeated to the client.
            Err(error) => return self.refuse(None, "id", &error.to_string(), None).await,
        };
        let body = match Body::parse(body) {
            Ok(body) => body,
            Err(error) => return self.refuse(Some(id), "body", &error.to_string(), None).await,
        };
        if self.posts.push(client_id, body) {
            return Ok(());
        }
        self.refuse(Some(id), "backlog", "earlier messages wait to be stored", Some(1000)).await
    }

    async fn answer(&mut self, id: &ClientId, result: Result<Posted, PostError>) -> Result<(), End> {
        match result {
            Ok(Posted { seq, at, .. }) => Ok(self.wire.send(&ServerFrame::Stored { id: id.as_str(), seq, at }).await?),
            Err(error) => {
                let (reason, retry) = match error {
                    PostError::Unknown => ("unknown_room", None),
                    PostError::Busy => ("busy", Some(500)),
                    PostError::NotStored | PostError::Unreachable(_) => ("unavailable", Some(2000)),
                };
                tracing::warn!(room = %self.code, %error, "a message is refused");
                self.refuse(Some(id.as_str()), reason, &error.to_string(), retry).await
            }
        }
    }

    async fn refuse(
        &mut self,
        id: Option<&str>,
        reason: &'static str,
        text: &str,
        retry_ms: Option<u64>,
    ) -> Result<(), End> {
        telemetry::refused(reason);
        let text = &sentence(text);
        Ok(self.wire.send(&ServerFrame::Refused { id, reason, text, retry_ms }).await?)
    }
}

/// What a conversation ends with other than an [`End`].
enum Never {}

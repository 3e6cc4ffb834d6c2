//! One person's connection to one room, over as many incarnations of the room as it takes.

use std::sync::Arc;
use std::time::Duration;

use axum::extract::ws::WebSocket;
use registry::{RecvError, Subscription};
use thiserror::Error;
use tokio::time::{Instant, MissedTickBehavior, interval, sleep_until, timeout};
use tokio_util::sync::CancellationToken;

use super::circle::{Around, Circle};
use super::elsewhere::{Elsewhere, Listener};
use super::protocol::{ClientFrame, Goodbye, OneChannel, Said, ServerFrame, Unread, VERSION, Who, word};
use super::requests::{Outcome, Requests, Wish};
use super::wire::{Incoming, Stuck, Wire};
use crate::config::Limits;
use crate::domain::presence::{Attendance, Presences};
use crate::domain::room::{
    ChangeError, Closed, Entry, Event, JoinError, Membership, PostError, Posted, Rooms, TellError, Telling, Told,
    Welcome,
};
use crate::domain::{
    AddressError, Body, ClientId, DisplayName, Message, Person, PersonId, Revision, RoomCode, RoomKind, Seq,
};
use crate::store::Page;
use crate::telemetry::{self, OpenSocket};
use crate::web::bucket::Bucket;
use crate::web::live::LiveSession;
use crate::web::page::sentence;
use crate::web::{Bounds, Web};

/// Messages that are read from the history at a time.
const PAGE: u32 = 100;

/// How long the wait between two tries to find the room again is at first and at most.
const FIRST_WAIT: Duration = Duration::from_millis(10);
const LONGEST_WAIT: Duration = Duration::from_secs(1);

/// Serves a socket until it is over. `names` tells of each other name of `person`.
pub(super) async fn run(
    web: Arc<Web>,
    socket: WebSocket,
    entry: Entry,
    person: Person,
    names: Subscription<Person>,
    live: LiveSession,
) {
    let code = entry.code();
    let mut open = OpenSocket::count();
    let mut wire = Wire::new(socket, web.limits.write);
    let talk = async {
        // What is done once, or seldom, has memory only for as long as it is done.
        match Box::pin(handshake(&mut wire, &web.limits)).await {
            Ok(known) => Session::new(&web, &mut wire, &entry, person, names, &live).talk(known, &web.stop).await,
            Err(end) => end,
        }
    };
    let end = tokio::select! {
        // Whatever is being done for somebody who has no right to it any more, stops.
        biased;
        () = live.ended() => Goodbye::SessionEnded.into(),
        end = talk => end,
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

/// Nobody is known by this session any more.
#[derive(Debug, Error)]
#[error("you are not known here any more; reload the page")]
struct Stranger;

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

/// What a client has when it comes: the number of the last message, and of the last change.
#[derive(Clone, Copy, Debug)]
struct Known {
    after: Option<Seq>,
    revision: Option<Revision>,
}

/// Waits for the `join`.
async fn handshake(wire: &mut Wire, limits: &Limits) -> Result<Known, End> {
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
            Ok(ClientFrame::Join { v: VERSION, after, revision }) => Ok(Known { after, revision }),
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
    presences: &'a Presences,
    attendance: Attendance,
    limits: &'a Limits,
    code: RoomCode,
    person: Person,
    names: Subscription<Person>,
    live: &'a LiveSession,
    bounds: &'a Bounds,
    elsewhere: Listener,
    circle: Circle,
    requests: Requests,
    bucket: Bucket,
    /// The number of the last message that was sent, or that the client had before.
    sent: Seq,
    /// The number of the last change that was sent, or that the client had before.
    revision: Revision,
}

impl<'a> Session<'a> {
    fn new(
        web: &'a Arc<Web>,
        wire: &'a mut Wire,
        entry: &Entry,
        person: Person,
        names: Subscription<Person>,
        live: &'a LiveSession,
    ) -> Self {
        let (limits, code) = (&web.limits, entry.code());
        let workspace = match entry.kind() {
            RoomKind::Channel(channel) => Some(channel.workspace),
            _ => None,
        };
        let circle = Circle::new(&web.workspaces, workspace, person.id);
        let requests = Requests::new(web, code, person.clone());
        let elsewhere = Listener::new(&web.visits, &web.notifications, person.id, code);
        let bucket = Bucket::new(limits.post_burst, limits.posts_per_second, Instant::now().into_std());
        Self {
            wire,
            rooms: &web.rooms,
            presences: &web.presences,
            attendance: web.presences.attend(person.id),
            limits,
            code,
            person,
            names,
            live,
            bounds: &web.bounds,
            elsewhere,
            circle,
            requests,
            bucket,
            sent: Seq(0),
            revision: Revision::default(),
        }
    }

    async fn talk(mut self, known: Known, stop: &CancellationToken) -> End {
        let Err(end) = self.converse(known, stop).await;
        self.elsewhere.finish().await;
        end
    }

    async fn converse(&mut self, known: Known, stop: &CancellationToken) -> Result<Never, End> {
        let mut membership = Box::pin(self.enter(known, stop)).await?;
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
                        membership = Box::pin(self.reenter(stop)).await?;
                    }
                    Ok(event) => self.pass_on(&event).await?,
                    Err(Closed::Lagged) => return Err(Goodbye::TooSlow.into()),
                    Err(Closed::Ended) => membership = Box::pin(self.reenter(stop)).await?,
                },
                name = self.names.recv() => match name {
                    Ok(person) => self.rename(person, &membership).await?,
                    // The last name is there, whatever was missed before it.
                    Err(RecvError::Lagged(_)) => {}
                    Err(_) => return Err(Goodbye::GoingAway.into()),
                },
                elsewhere = self.elsewhere.next() => self.tell_elsewhere(elsewhere).await?,
                around = self.circle.next() => self.tell_around(around).await?,
                (id, outcome) = self.requests.next() => self.answer(&id, outcome).await?,
                incoming = self.wire.receive() => {
                    heard = Instant::now();
                    match incoming {
                        Incoming::Text(text) => self.hear(&text, &membership).await?,
                        Incoming::Alive => {}
                        Incoming::Gone => return Err(End::Gone),
                        Incoming::Wrong(goodbye) => return Err(goodbye.into()),
                    }
                }
                _ = ping.tick() => {
                    self.attendance.here();
                    self.circle.here();
                    self.wire.ping().await?;
                }
                () = sleep_until(heard + self.limits.idle) => return Err(Goodbye::Idle.into()),
            }
        }
    }

    /// Comes into the room and tells the client all it has missed.
    async fn enter(&mut self, known: Known, stop: &CancellationToken) -> Result<Membership, End> {
        let (membership, welcome) = self.join(known.after, stop).await?;
        self.sent = if welcome.reset { welcome.last } else { known.after.unwrap_or(welcome.last) };
        self.revision = if welcome.reset { welcome.revision } else { known.revision.unwrap_or(welcome.revision) };
        let away = away(self.presences, &welcome.members).await;
        let members = welcome.members.iter().map(Who::from).collect();
        let frame = ServerFrame::Welcome {
            v: VERSION,
            you: Who::from(&self.person),
            last: welcome.last,
            revision: welcome.revision,
            reset: welcome.reset,
            members,
            away,
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
                    // It was there, and open to them, when the socket was opened.
                    Err(JoinError::Unknown) => return Err(Goodbye::NotAdmitted),
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
                let messages = self.rooms.history(&welcome.entry, page).await.map_err(|_| Goodbye::NoRoom)?;
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
        while self.revision < welcome.revision {
            let page = Page::Changed { after: self.revision, limit: PAGE };
            let changed = self.rooms.history(&welcome.entry, page).await.map_err(|_| Goodbye::NoRoom)?;
            if changed.is_empty() {
                return Err(Goodbye::NoRoom.into());
            }
            for message in &changed {
                self.tell_change(message).await?;
            }
        }
        Ok(())
    }

    async fn pass_on(&mut self, event: &Event) -> Result<(), End> {
        match event {
            Event::Message(message) => self.say(message).await?,
            Event::Changed(message) => self.tell_change(message).await?,
            Event::Typing(id, on) => self.wire.send(&ServerFrame::Typing { id: *id, on: *on }).await?,
            Event::Joined(person) => self.wire.send(&ServerFrame::Joined { person: person.into() }).await?,
            Event::Left(id) => self.wire.send(&ServerFrame::Left { id: *id }).await?,
            Event::Presence(change) => {
                let frame = ServerFrame::Presence { id: change.person, status: word(change.status).into() };
                self.wire.send(&frame).await?;
            }
            Event::Attend => self.attendance.here(),
            Event::Members(members) => {
                let away = away(self.presences, members).await;
                let members = members.iter().map(Who::from).collect();
                self.wire.send(&ServerFrame::Members { members, away }).await?;
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

    /// Tells of a change, unless the client knows it already.
    async fn tell_change(&mut self, message: &Message) -> Result<(), End> {
        if message.revision > self.revision {
            self.wire.send(&ServerFrame::Changed(Said::from(message))).await?;
            self.revision = message.revision;
        }
        Ok(())
    }

    async fn tell_elsewhere(&mut self, elsewhere: Elsewhere) -> Result<(), End> {
        let frame = match &elsewhere {
            Elsewhere::Rooms(visits, unseen) => {
                ServerFrame::Rooms { rooms: visits.iter().map(Unread::from).collect(), notices: *unseen }
            }
            Elsewhere::Mentioned { room, seq, by, direct } => {
                ServerFrame::Mentioned { room: room.to_string(), seq: *seq, by: Who::from(by), direct: *direct }
            }
            Elsewhere::Over => return Err(Goodbye::GoingAway.into()),
        };
        Ok(self.wire.send(&frame).await?)
    }

    async fn tell_around(&mut self, around: Around) -> Result<(), End> {
        let frame = match &around {
            Around::Workspace(view) => ServerFrame::Workspace {
                code: view.workspace.code.to_string(),
                name: view.workspace.name.as_str().into(),
                channels: view.workspace.channels.iter().map(OneChannel::from).collect(),
            },
            Around::Said { by, body } => ServerFrame::Announced { by: Who::from(by), text: body.as_str().into() },
            Around::Left => return Err(Goodbye::NotAdmitted.into()),
            Around::Over => return Err(Goodbye::GoingAway.into()),
        };
        Ok(self.wire.send(&frame).await?)
    }

    /// Whoever is here has another name.
    async fn rename(&mut self, person: Person, membership: &Membership) -> Result<(), End> {
        self.requests.rename(&person);
        self.person = person.clone();
        timeout(self.limits.write, membership.rename(person)).await.map_err(|_| Goodbye::NoRoom.into())
    }

    async fn hear(&mut self, text: &str, membership: &Membership) -> Result<(), End> {
        if self.live.has_ended() {
            return Err(Goodbye::SessionEnded.into());
        }
        let frame = serde_json::from_str(text);
        let mut wait = self.bucket.take(Instant::now().into_std()).err();
        if wait.is_none()
            && matches!(
                frame,
                Ok(ClientFrame::Post { .. }
                    | ClientFrame::Edit { .. }
                    | ClientFrame::Delete { .. }
                    | ClientFrame::Nick { .. }
                    | ClientFrame::Direct { .. })
            )
        {
            wait = self.bounds.say(self.person.id, self.code).err();
        }
        if wait.is_none() && !matches!(frame, Err(_) | Ok(ClientFrame::Ping {} | ClientFrame::Read { .. })) {
            self.attendance.active();
        }
        match (frame, wait) {
            (Ok(ClientFrame::Post { id, kind, body }), None) => {
                self.accept(&id, &body, |body| Wish::Post(kind, body)).await
            }
            (Ok(ClientFrame::Edit { id, seq, body }), None) => {
                self.accept(&id, &body, |body| Wish::Change(seq, Some(body))).await
            }
            (Ok(ClientFrame::Delete { id, seq }), None) => self.take(&id, Wish::Change(seq, None)).await,
            (Ok(ClientFrame::Nick { id, name }), None) => match DisplayName::parse(&name) {
                Ok(name) => self.take(&id, Wish::Rename(name)).await,
                Err(error) => self.refuse(repeatable(&id), "name", &error.to_string(), None).await,
            },
            (Ok(ClientFrame::Direct { id, person: Some(person), text }), None) => {
                self.take(&id, Wish::Tell(Telling::To(person, text))).await
            }
            (Ok(ClientFrame::Direct { id, person: None, text }), None) => {
                self.take(&id, Wish::Tell(Telling::Written(text))).await
            }
            (Ok(ClientFrame::Typing { on }), None) => {
                membership.typing(on);
                Ok(())
            }
            (Ok(ClientFrame::Read { seq }), _) => {
                self.elsewhere.read(seq);
                Ok(())
            }
            (Ok(ClientFrame::Active {}), _) | (Ok(ClientFrame::Typing { .. }), Some(_)) => Ok(()),
            (
                Ok(
                    ClientFrame::Post { id, .. }
                    | ClientFrame::Edit { id, .. }
                    | ClientFrame::Delete { id, .. }
                    | ClientFrame::Nick { id, .. }
                    | ClientFrame::Direct { id, .. },
                ),
                Some(wait),
            ) => {
                let retry = u64::try_from(wait.as_millis()).unwrap_or(u64::MAX);
                self.refuse(repeatable(&id), "rate", "you are sending very fast", Some(retry)).await
            }
            (Ok(ClientFrame::Ping {}), _) => Ok(self.wire.send(&ServerFrame::Pong {}).await?),
            (Ok(ClientFrame::Join { .. }) | Err(_), Some(_)) => Err(Goodbye::Nonsense.into()),
            (Ok(ClientFrame::Join { .. }), None) => {
                self.refuse(None, "frame", "you are in the room already", None).await
            }
            (Err(_), None) => self.refuse(None, "frame", "this frame could not be understood", None).await,
        }
    }

    /// Takes in a wish with a text in it.
    async fn accept(&mut self, id: &str, body: &str, wish: impl FnOnce(Body) -> Wish) -> Result<(), End> {
        match Body::parse(body) {
            Ok(body) => self.take(id, wish(body)).await,
            Err(error) => self.refuse(repeatable(id), "body", &error.to_string(), None).await,
        }
    }

    async fn take(&mut self, id: &str, wish: Wish) -> Result<(), End> {
        match ClientId::parse(id) {
            Err(error) => self.refuse(None, "id", &error.to_string(), None).await,
            Ok(client_id) if self.requests.has_room() => {
                self.requests.push(client_id, wish);
                Ok(())
            }
            Ok(_) => self.refuse(Some(id), "backlog", "earlier messages wait to be stored", Some(1000)).await,
        }
    }

    async fn answer(&mut self, id: &ClientId, outcome: Outcome) -> Result<(), End> {
        let id = id.as_str();
        let (reason, retry, error): (_, _, &(dyn std::error::Error + Send + Sync)) = match &outcome {
            Outcome::Posted(Ok(Posted { seq, at, .. })) => {
                return Ok(self.wire.send(&ServerFrame::Stored { id: id.into(), seq: *seq, at: *at }).await?);
            }
            Outcome::Changed(Ok(())) | Outcome::Renamed(Ok(Some(_))) => {
                return Ok(self.wire.send(&ServerFrame::Done { id: id.into() }).await?);
            }
            Outcome::Told(Ok(Told { room, with, posted })) => {
                let (id, room, seq) = (id.into(), room.to_string().into(), posted.as_ref().map(|posted| posted.seq));
                return Ok(self.wire.send(&ServerFrame::Direct { id, room, with: Who::from(with), seq }).await?);
            }
            Outcome::Told(Err(error)) => match error {
                TellError::Address(AddressError::Several) => ("several", None, error),
                TellError::Address(_) => ("nobody", None, error),
                TellError::Body(_) => ("body", None, error),
                TellError::Post(PostError::Busy) => ("busy", Some(500), error),
                _ => ("unavailable", Some(2000), error),
            },
            Outcome::Posted(Err(error)) => match error {
                PostError::Unknown => ("unknown_room", None, error),
                PostError::Busy => ("busy", Some(500), error),
                PostError::NotStored | PostError::Unreachable(_) => ("unavailable", Some(2000), error),
            },
            Outcome::Changed(Err(error)) => match error {
                ChangeError::NotThere => ("not_there", None, error),
                ChangeError::NotYours => ("not_yours", None, error),
                ChangeError::Busy => ("busy", Some(500), error),
                ChangeError::NotStored | ChangeError::Unreachable(_) => ("unavailable", Some(2000), error),
            },
            Outcome::Renamed(Ok(None)) => ("session", None, &Stranger),
            Outcome::Renamed(Err(error)) => ("unavailable", Some(2000), error),
        };
        tracing::warn!(room = %self.code, %error, "a wish is refused");
        self.refuse(Some(id), reason, &error.to_string(), retry).await
    }

    async fn refuse(
        &mut self,
        id: Option<&str>,
        reason: &'static str,
        text: &str,
        retry_ms: Option<u64>,
    ) -> Result<(), End> {
        telemetry::refused(reason);
        let (id, text) = (id.map(Into::into), sentence(text).into());
        Ok(self.wire.send(&ServerFrame::Refused { id, reason: reason.into(), text, retry_ms }).await?)
    }
}

/// What is no id is not repeated to the client.
fn repeatable(id: &str) -> Option<&str> {
    ClientId::parse(id).is_ok().then_some(id)
}

/// Who of these is away.
async fn away(presences: &Presences, members: &[Person]) -> Vec<PersonId> {
    presences.away(members.iter().map(|person| person.id).collect()).await
}

/// What a conversation ends with other than an [`End`].
enum Never {}

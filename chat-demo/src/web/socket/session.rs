//! One person's connection to one room, over as many incarnations of the room as it takes.

use std::sync::Arc;

use axum::extract::ws::WebSocket;
use registry::{RecvError, Subscription};
use tokio::time::{Instant, MissedTickBehavior, interval, sleep_until, timeout};
use tokio_util::sync::CancellationToken;

use super::answer::Refusal;
use super::circle::Circle;
use super::elsewhere::Listener;
use super::end::{End, Never};
use super::handshake::{Known, handshake};
use super::hear::Pace;
use super::protocol::Goodbye;
use super::requests::{Outcome, Requests};
use super::wire::{Incoming, Wire};
use crate::config::Limits;
use crate::domain::presence::{Attendance, Presences};
use crate::domain::room::{Closed, Entry, Event, Membership, Rooms};
use crate::domain::{ClientId, Person, PersonId, Revision, RoomCode, RoomKind, Seq};
use crate::telemetry::OpenSocket;
use crate::web::live::LiveSession;
use crate::web::{Bounds, Web};

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

/// A conversation: what is heard is in `hear`, what is told in `tell`, and how it comes into the room in `resume`.
pub(super) struct Session<'a> {
    pub(super) wire: &'a mut Wire,
    pub(super) rooms: &'a Rooms,
    pub(super) presences: &'a Presences,
    pub(super) attendance: Attendance,
    pub(super) limits: &'a Limits,
    pub(super) code: RoomCode,
    pub(super) person: Person,
    names: Subscription<Person>,
    pub(super) live: &'a LiveSession,
    pub(super) bounds: &'a Bounds,
    pub(super) elsewhere: Listener,
    circle: Circle,
    pub(super) requests: Requests,
    pub(super) pace: Pace,
    /// The number of the last message that was sent, or that the client had before.
    pub(super) sent: Seq,
    /// The number of the last change that was sent, or that the client had before.
    pub(super) revision: Revision,
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
            pace: Pace::new(limits),
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

    /// Whoever is here has another name.
    async fn rename(&mut self, person: Person, membership: &Membership) -> Result<(), End> {
        self.requests.rename(&person);
        self.person = person.clone();
        timeout(self.limits.write, membership.rename(person)).await.map_err(|_| Goodbye::NoRoom.into())
    }

    /// Answers a wish.
    async fn answer(&mut self, id: &ClientId, outcome: Outcome) -> Result<(), End> {
        match outcome.answer(id.as_str()) {
            Ok(frame) => Ok(self.wire.send(&frame).await?),
            Err(Refusal { reason, retry_ms, error }) => {
                tracing::warn!(room = %self.code, %error, "a wish is refused");
                self.refuse(Some(id.as_str()), reason, &error.to_string(), retry_ms).await
            }
        }
    }
}

/// Who of these is away.
pub(super) async fn away(presences: &Presences, members: &[Person]) -> Vec<PersonId> {
    presences.away(members.iter().map(|person| person.id).collect()).await
}

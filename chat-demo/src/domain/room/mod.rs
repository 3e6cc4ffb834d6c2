//! Rooms: one supervised process each, started on first use and found by name.
//!
//! [`Rooms`] is what the rest of the program sees; which process a room is, what it is called in the
//! registry, and how it comes back, stays in here.

mod entry;
mod find;
mod logic;
mod outbox;
mod server;
mod tell;
#[cfg(test)]
mod tests;
mod topics;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use registry::{Monitor, MonitorError, Namespace, Service};
use supervisor::{ChildSpec, DynamicSupervisor, DynamicSupervisorRef, Restart, ServerRef, Shutdown};
use thiserror::Error;

pub use entry::{EnterError, Entry};
pub(crate) use find::Results;
pub(crate) use outbox::Closed;
pub use outbox::Event;
pub(crate) use tell::{TellError, Telling, Told};

use self::logic::ConnectionId;
use self::outbox::{Inbox, outbox};
use self::server::{RoomMessage, RoomServer};
use super::buffer::MessageBuffer;
use super::patience::Patience;
use super::presence::Presences;
use super::{
    Attachment, Body, ClientId, Draft, Kind, Message, Person, PersonId, Revision, RoomCode, Seq, UnixMillis, Visits,
};
use crate::config::Limits;
use crate::restart;
use crate::shutdown;
use crate::store::{Store, StoreError};

/// The id of their supervisor in the tree, and its name.
const ID: &str = "rooms";

const ROOMS: Service<DynamicSupervisorRef> = Service::new(ID);

/// How many codes are drawn until one is new; with 850 thousand million of them the second one
/// should never be needed.
const DRAWS: u32 = 8;

/// How long a message or a change may take to be stored, beyond the patience with a store that takes nothing.
const POST: Duration = Duration::from_secs(6);

/// How long a caller waits for a room that is being restarted.
const RESTART: Duration = Duration::from_secs(5);

/// All rooms.
#[derive(Clone, Debug)]
pub struct Rooms {
    namespace: Namespace,
    store: Store,
    buffer: MessageBuffer,
    presences: Presences,
    visits: Visits,
    limits: Limits,
    connections: Arc<AtomicU64>,
}

/// What somebody who comes into a room is told.
#[derive(Debug)]
pub(crate) struct Welcome {
    /// That they may read it.
    pub(crate) entry: Entry,
    /// The number of the last message.
    pub(crate) last: Seq,
    /// The number after which messages were asked for is not from this history.
    pub(crate) reset: bool,
    /// The number of the last change.
    pub(crate) revision: Revision,
    /// Who is there.
    pub(crate) members: Vec<Person>,
    /// What was missed and is to be read from the history: after the first number, before the second.
    pub(crate) older: Option<(Seq, Seq)>,
    /// What was missed after that.
    pub(crate) recent: Vec<Arc<Message>>,
}

/// A connection to one incarnation of a room. Dropping it leaves the room.
#[derive(Debug)]
pub(crate) struct Membership {
    connection: ConnectionId,
    room: ServerRef<RoomServer>,
    inbox: Inbox,
}

/// A message that is stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Posted {
    /// Its number.
    pub seq: Seq,
    /// When it reached the room.
    pub at: UnixMillis,
}

/// Why there is no new room.
#[derive(Clone, Debug, Error)]
#[non_exhaustive]
pub enum CreateError {
    /// Every code that was drawn belongs to a room already.
    #[error("no free room code was found")]
    NoFreeCode,
    /// Nobody can choose this code, whether there is such a room or not.
    #[error("codes that begin with this letter cannot be chosen")]
    Reserved,
    /// The store does not work now.
    #[error("the room cannot be stored now")]
    Store(#[from] StoreError),
}

/// Why a room cannot be entered.
#[derive(Clone, Debug, Error)]
#[non_exhaustive]
pub enum JoinError {
    /// There is no such room, or they may not be in it.
    #[error("there is no such room")]
    Unknown,
    /// It has as many connections as it may.
    #[error("the room is full")]
    Full,
    /// It cannot be reached now.
    #[error("the room cannot be reached now")]
    Unreachable(#[source] Arc<dyn std::error::Error + Send + Sync>),
}

/// Why a message is not accepted. Sending it again never stores it twice.
#[derive(Clone, Debug, Error)]
#[non_exhaustive]
pub enum PostError {
    /// There is no such room, or they may not be in it.
    #[error("there is no such room")]
    Unknown,
    /// Too many messages wait to be stored.
    #[error("the room is very busy")]
    Busy,
    /// The store did not take it.
    #[error("it could not be stored")]
    NotStored,
    /// The room cannot be reached now, or went away with the message.
    #[error("the room cannot be reached now")]
    Unreachable(#[source] Arc<dyn std::error::Error + Send + Sync>),
}

/// Why a message is not changed. Asking again never does it twice.
#[derive(Clone, Debug, Error)]
#[non_exhaustive]
pub enum ChangeError {
    /// There is no such message, or it was deleted.
    #[error("this message is not there any more")]
    NotThere,
    /// Somebody else has said it.
    #[error("only its author can change a message")]
    NotYours,
    /// Too many changes wait to be stored.
    #[error("the room is very busy")]
    Busy,
    /// The store did not take it.
    #[error("it could not be stored")]
    NotStored,
    /// The room cannot be reached now, or went away with the wish.
    #[error("the room cannot be reached now")]
    Unreachable(#[source] Arc<dyn std::error::Error + Send + Sync>),
}

impl Rooms {
    /// The rooms that run in `namespace`.
    pub fn new(
        namespace: Namespace,
        store: Store,
        buffer: MessageBuffer,
        presences: Presences,
        limits: Limits,
    ) -> Self {
        let visits = Visits::new(&namespace, store.clone());
        Self { namespace, store, buffer, presences, visits, limits, connections: Arc::default() }
    }

    /// How to run them.
    pub(crate) fn child_spec(namespace: &Namespace) -> ChildSpec<DynamicSupervisorRef> {
        let (restarts, period) = restart::BUDGET_OF_MANY;
        ChildSpec::supervisor(DynamicSupervisor::new().budget(restarts, period)).id(ID).name(namespace, ROOMS)
    }

    /// Makes a room, and draws its code.
    ///
    /// # Errors
    ///
    /// [`CreateError`], in which case there is no new room.
    pub async fn create(&self) -> Result<RoomCode, CreateError> {
        self.create_drawn(|| RoomCode::random(&mut rand::rng())).await
    }

    /// Draws again when a code is taken.
    async fn create_drawn(&self, mut draw: impl FnMut() -> RoomCode) -> Result<RoomCode, CreateError> {
        for _ in 0..DRAWS {
            let code = draw();
            if self.store.create_room(code).await? {
                return Ok(code);
            }
        }
        Err(CreateError::NoFreeCode)
    }

    /// Makes the room of this code if there is none.
    ///
    /// # Errors
    ///
    /// [`CreateError`], in which case there is no new room.
    pub async fn create_as(&self, code: RoomCode) -> Result<(), CreateError> {
        if code.is_reserved() {
            return Err(CreateError::Reserved);
        }
        Ok(self.store.create_room(code).await.map(drop)?)
    }

    /// Says something in a room. When it returns, the message is stored.
    ///
    /// A room that is killed meanwhile is another one in a moment, and storing a message twice is storing it
    /// once: so it is tried again until the room has it, or patience is over.
    ///
    /// # Errors
    ///
    /// [`PostError`]; whether the message was stored is then unknown, and asking again with the same
    /// `id` is the way to find out.
    pub async fn post(
        &self,
        code: RoomCode,
        author: Person,
        id: ClientId,
        kind: Kind,
        body: Body,
    ) -> Result<Posted, PostError> {
        let draft = Draft { author, client_id: id, kind, body, attachment: None, at: UnixMillis::now() };
        self.post_draft(code, draft).await
    }

    /// As [`post`](Self::post), with a file.
    pub(crate) async fn post_file(
        &self,
        code: RoomCode,
        author: Person,
        id: ClientId,
        body: Option<Body>,
        attachment: Attachment,
    ) -> Result<Posted, PostError> {
        let (kind, body) = (Kind::Text, body.unwrap_or_else(Body::empty));
        let attachment = Some(Box::new(attachment));
        let draft = Draft { author, client_id: id, kind, body, attachment, at: UnixMillis::now() };
        self.post_draft(code, draft).await
    }

    async fn post_draft(&self, code: RoomCode, draft: Draft) -> Result<Posted, PostError> {
        let mut patience = Patience::new(self.limits.rejoin);
        loop {
            let result = self.post_once(code, draft.clone()).await;
            let again = matches!(result, Err(PostError::Unreachable(_)));
            if !again || !patience.goes_on().await {
                return result;
            }
        }
    }

    async fn post_once(&self, code: RoomCode, draft: Draft) -> Result<Posted, PostError> {
        let entry = self.admit(code, draft.author.id).await?;
        let room = self.room(code).await?;
        let posted = room
            .call_timeout(self.limits.store_patience + POST, |reply| RoomMessage::Post { entry, draft, reply })
            .await;
        posted.map_err(|error| PostError::Unreachable(Arc::new(error)))?
    }

    /// Lets one of somebody's messages say something else, or, without a body, deletes it. When it returns, that is stored.
    /// A room that is killed meanwhile is asked again, as for [`post`](Self::post).
    ///
    /// # Errors
    ///
    /// [`ChangeError`].
    pub async fn change(
        &self,
        code: RoomCode,
        author: PersonId,
        seq: Seq,
        body: Option<Body>,
    ) -> Result<(), ChangeError> {
        let mut patience = Patience::new(self.limits.rejoin);
        loop {
            let result = self.change_once(code, author, seq, body.clone()).await;
            let again = matches!(result, Err(ChangeError::Unreachable(_) | ChangeError::NotStored));
            if !again || !patience.goes_on().await {
                return result;
            }
        }
    }

    async fn change_once(
        &self,
        code: RoomCode,
        author: PersonId,
        seq: Seq,
        body: Option<Body>,
    ) -> Result<(), ChangeError> {
        let entry = self.admit(code, author).await?;
        let room = self.room(code).await?;
        let done = room
            .call_timeout(self.limits.store_patience + POST, |reply| RoomMessage::Change {
                entry,
                seq,
                author,
                body,
                reply,
            })
            .await;
        done.map_err(|error| ChangeError::Unreachable(Arc::new(error)))?
    }

    /// Comes into a room, as `person`, who has seen everything up to `after`, or wants nothing of the past.
    ///
    /// # Errors
    ///
    /// [`JoinError`].
    pub(crate) async fn join(
        &self,
        code: RoomCode,
        person: Person,
        after: Option<Seq>,
    ) -> Result<(Membership, Welcome), JoinError> {
        let entry = self.admit(code, person.id).await?;
        let room = self.room(code).await?;
        let connection = ConnectionId(self.connections.fetch_add(1, Ordering::Relaxed));
        let (outbox, inbox) = outbox(self.limits.outbox);
        let membership = Membership { connection, room, inbox };
        let join = |reply| RoomMessage::Join { entry, connection, person, after, outbox, reply };
        let welcome = membership.room.call(join).await.map_err(|error| JoinError::Unreachable(Arc::new(error)))?;
        Ok((membership, welcome?))
    }

    /// Starts the process of a room if it sleeps. Any number of callers start one between them.
    ///
    /// # Errors
    ///
    /// [`JoinError`]: there is no such room, or it does not come up.
    pub async fn ensure_started(&self, code: RoomCode) -> Result<(), JoinError> {
        Ok(self.room(code).await.map(drop)?)
    }

    /// Whether rooms can be started.
    pub fn is_ready(&self) -> bool {
        self.namespace.with(ROOMS, DynamicSupervisorRef::is_running).unwrap_or(false)
    }

    /// Asks again and again whether rooms can be started. The chat is down without them.
    pub(crate) fn monitor(namespace: &Namespace, period: Duration) -> Result<Monitor, MonitorError> {
        let runs = async |rooms: DynamicSupervisorRef| rooms.is_running().then_some(()).ok_or("it is being restarted");
        namespace.monitor(ROOMS).check(runs).every(period)
    }

    /// The process of a room, started if it sleeps.
    async fn room(&self, code: RoomCode) -> Result<ServerRef<RoomServer>, Absent> {
        let name = name(code);
        if let Ok(room) = self.namespace.lookup::<ServerRef<RoomServer>>(&*name) {
            return Ok(room);
        }
        let kind = self.store.room(code, None).await?.ok_or(Absent::Unknown)?;
        let rooms = self.namespace.wait_for(ROOMS, RESTART).await?;
        let (this, bound) = (self.clone(), shutdown::bound(ID, self.limits.shutdown));
        let spec = move || {
            let (kind, rooms) = (kind.clone(), this.clone());
            let server = move || RoomServer::new(code, kind.clone(), &rooms);
            let room = ChildSpec::server(server).id(code.to_string()).restart(Restart::Transient);
            restart::one_of_many(room).shutdown(Shutdown::Timeout(bound))
        };
        Ok(rooms.start_or_get(&self.namespace, &*name, spec).await?)
    }
}

impl Membership {
    /// What happens next in the room.
    ///
    /// Cancel safe: no event is lost when the future is dropped.
    pub(crate) async fn next(&mut self) -> Result<Event, Closed> {
        self.inbox.next().await
    }
}

impl Membership {
    /// Somebody has begun to write over this connection, or stopped. A room that is too busy to hear it never does.
    pub(crate) fn typing(&self, on: bool) {
        let _ = self.room.try_cast(RoomMessage::Typing { connection: self.connection, on });
    }

    /// Whoever is here has another name. It waits while the room is busy; one that is over is told by joining the next.
    pub(crate) async fn rename(&self, person: Person) {
        let _ = self.room.cast(RoomMessage::Rename { connection: self.connection, person }).await;
    }
}

impl Drop for Membership {
    fn drop(&mut self) {
        // A room that is over or too busy to hear it finds the inbox gone when it next has something to tell.
        let _ = self.room.try_cast(RoomMessage::Leave { connection: self.connection });
    }
}

/// Why there is no process of a room.
enum Absent {
    Unknown,
    Unreachable(Arc<dyn std::error::Error + Send + Sync>),
}

impl<E: std::error::Error + Send + Sync + 'static> From<E> for Absent {
    fn from(error: E) -> Self {
        Self::Unreachable(Arc::new(error))
    }
}

impl From<Absent> for JoinError {
    fn from(absent: Absent) -> Self {
        match absent {
            Absent::Unknown => Self::Unknown,
            Absent::Unreachable(cause) => Self::Unreachable(cause),
        }
    }
}

impl From<Absent> for ChangeError {
    fn from(absent: Absent) -> Self {
        match absent {
            Absent::Unknown => Self::NotThere,
            Absent::Unreachable(cause) => Self::Unreachable(cause),
        }
    }
}

impl From<Absent> for PostError {
    fn from(absent: Absent) -> Self {
        match absent {
            Absent::Unknown => Self::Unknown,
            Absent::Unreachable(cause) => Self::Unreachable(cause),
        }
    }
}

/// What a room is called in the registry.
fn name(code: RoomCode) -> String {
    format!("room:{code}")
}

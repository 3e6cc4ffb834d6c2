//! What is kept: rooms, people, their accounts and sessions, and messages.
//!
//! [`Store`] is what the rest of the program sees. Behind it one process passes requests on to a database. With
//! SQLite one thread owns the connection, so that nothing here ever blocks the runtime, and what many rooms want
//! stored at the same moment is one transaction; with PostgreSQL (feature `postgres`) a bounded pool of connections does.

mod accounts;
mod deliveries;
mod direct;
mod files;
mod notices;
mod password_hash;
mod place;
#[cfg(feature = "postgres")]
mod postgres;
mod request;
mod row;
mod search;
mod server;
pub(crate) mod sqlite;
#[cfg(test)]
mod tests;
mod token;
mod visits;
mod ways;
mod workspaces;

use std::sync::Arc;
use std::time::Duration;

use registry::{Monitor, MonitorError, Namespace, Service, WaitError};
use supervisor::{CallError, ChildSpec, Reply, ServerRef};
use thiserror::Error;

pub use accounts::{Account, AccountOf, NewSession};
pub(crate) use deliveries::{Claim, Claimed, Fate};
pub use direct::Opened;
pub use notices::{Notice, NoticeKey};
pub use password_hash::PasswordHash;
pub(crate) use place::Place;
pub use place::{DatabaseUrl, Location, OpenError};
use request::Request;
pub(crate) use search::FOUND;
pub use search::Found;
use server::StoreServer;
#[cfg(test)]
pub(crate) use sqlite::Gate;
pub use token::SessionToken;
pub use visits::{ChannelTitle, Visit};
#[cfg(any(test, feature = "email", feature = "push", feature = "webhooks"))]
pub(crate) use ways::NewWay;
pub(crate) use ways::WayChange;
pub use workspaces::{Admission, Opening, Workspace};

use crate::calls::{self, NoAnswer};
use crate::domain::{Body, Draft, Message, PersonId, Revision, RoomCode, RoomKind, Seq, UnixMillis};

const STORE: Service<ServerRef<StoreServer>> = Service::new("store");

/// How long an answer may take.
const ANSWER: Duration = Duration::from_secs(5);

/// How long the store may take to answer a question about its health.
const PING: Duration = Duration::from_secs(1);

/// The way to the store; it finds the process by its name.
#[derive(Clone, Debug)]
pub struct Store {
    namespace: Namespace,
}

/// Which part of a room's history.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Page {
    /// The last messages.
    Latest {
        /// At most so many.
        limit: u32,
    },
    /// The last messages before a number.
    Before {
        /// The number.
        before: Seq,
        /// At most so many.
        limit: u32,
    },
    /// The first messages that were changed after one change, in the order of the changes.
    Changed {
        /// The change.
        after: Revision,
        /// At most so many.
        limit: u32,
    },
    /// The first messages after one number and before another.
    Between {
        /// The one.
        after: Seq,
        /// The other.
        before: Seq,
        /// At most so many.
        limit: u32,
    },
}

/// A message that is in the database.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stored {
    /// The message, with its number.
    pub message: Message,
    /// Whether it is there since now; false if its author had sent it before.
    pub fresh: bool,
}

/// What became of the wish to change a message.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Changed {
    /// It is what it was to become; if it has been that already, its revision is that of the time.
    Done(Message),
    /// There is no such message, or it was deleted.
    NotThere,
    /// Somebody else has said it.
    NotYours,
}

/// Why the store did not do what it was asked. Whether it was done is unknown; everything can be asked
/// again without being done twice.
#[derive(Clone, Debug, Error)]
#[non_exhaustive]
pub enum StoreError {
    /// The database refused.
    #[error("the database failed")]
    Database(#[source] Arc<dyn std::error::Error + Send + Sync>),
    /// The store is down and did not come back in time.
    #[error("the store is down")]
    Down(#[source] Arc<WaitError>),
    /// The store did not answer.
    #[error("the store did not answer")]
    Unanswered(#[source] Arc<CallError>),
}

impl From<NoAnswer> for StoreError {
    fn from(error: NoAnswer) -> Self {
        match error {
            NoAnswer::Down(cause) => Self::Down(cause),
            NoAnswer::Unanswered(cause) => Self::Unanswered(cause),
        }
    }
}

impl From<rusqlite::Error> for StoreError {
    fn from(error: rusqlite::Error) -> Self {
        Self::Database(Arc::new(error))
    }
}

impl Store {
    /// The store that runs in `namespace`, now or later.
    pub fn new(namespace: Namespace) -> Self {
        Self { namespace }
    }

    /// How to run it.
    pub(crate) fn child_spec(namespace: &Namespace, place: Place) -> ChildSpec<ServerRef<StoreServer>> {
        ChildSpec::server(move || StoreServer::new(place.clone())).id("store").name(namespace, STORE)
    }

    /// Makes a room; false if there is one of this code already.
    ///
    /// # Errors
    ///
    /// [`StoreError`], as for everything here.
    pub async fn create_room(&self, code: RoomCode) -> Result<bool, StoreError> {
        self.ask(|reply| Request::CreateRoom { code, at: UnixMillis::now(), reply }).await
    }

    /// The kind of the room of this code as it is for somebody, if there is one.
    ///
    /// # Errors
    ///
    /// [`StoreError`], as for everything here.
    pub async fn room(&self, code: RoomCode, who: Option<PersonId>) -> Result<Option<RoomKind>, StoreError> {
        self.ask(|reply| Request::Room { code, who, reply }).await
    }

    /// Stores messages of several rooms in one transaction, those of a room numbered in this order after what it has. When
    /// it returns, what is stored survives the end of the program. A message that its author has sent before keeps its
    /// number. Each room is given once, at most, and has a result of its own.
    ///
    /// # Errors
    ///
    /// [`StoreError`], as for everything here: of a room either all messages are stored, or none is.
    pub async fn append_all(
        &self,
        batch: Vec<(RoomCode, Vec<Draft>)>,
    ) -> Result<Vec<Result<Vec<Stored>, StoreError>>, StoreError> {
        self.ask(|reply| Request::Append { batch: batch.clone(), reply }).await
    }

    /// Lets a message say something else, or, without a body, deletes it. Only its author may.
    ///
    /// # Errors
    ///
    /// [`StoreError`], as for everything here.
    pub async fn change(
        &self,
        room: RoomCode,
        seq: Seq,
        author: PersonId,
        body: Option<Body>,
    ) -> Result<Changed, StoreError> {
        self.ask(|reply| Request::Change { room, seq, author, body: body.clone(), reply }).await
    }

    /// The number of the last change in a room.
    ///
    /// # Errors
    ///
    /// [`StoreError`], as for everything here.
    pub async fn last_revision(&self, room: RoomCode) -> Result<Revision, StoreError> {
        self.ask(|reply| Request::LastRevision { room, reply }).await
    }

    /// A part of the history of a room, oldest first.
    ///
    /// # Errors
    ///
    /// [`StoreError`], as for everything here.
    pub async fn history(&self, room: RoomCode, page: Page) -> Result<Vec<Message>, StoreError> {
        self.ask(|reply| Request::History { room, page, reply }).await
    }

    /// Whether the store answers within a second that it could write.
    pub async fn is_ready(&self) -> bool {
        let Ok(server) = self.namespace.lookup(STORE) else { return false };
        ping(server).await.is_ok()
    }

    /// Asks again and again whether it answers. The chat is down without it.
    pub(crate) fn monitor(namespace: &Namespace, period: Duration) -> Result<Monitor, MonitorError> {
        namespace.monitor(STORE).check(ping).every(period)
    }

    /// Asks, and asks again if the store went away with the question.
    async fn ask<T: Send + 'static>(
        &self,
        request: impl Fn(Reply<Result<T, StoreError>>) -> Request,
    ) -> Result<T, StoreError> {
        calls::ask(&self.namespace, STORE, ANSWER, request).await?
    }
}

/// Asks the database something within a second.
async fn ping(server: ServerRef<StoreServer>) -> Result<(), StoreError> {
    let answer = server.call_timeout(PING, |reply| Request::Ping { reply }).await;
    answer.map_err(|error| StoreError::Unanswered(Arc::new(error)))?
}

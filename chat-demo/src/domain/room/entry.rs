//! What can be read of a room, by those who may be in it.

use supervisor::ServerRef;
use thiserror::Error;

use super::server::{RoomMessage, RoomServer};
use super::{Absent, Rooms, name};
use crate::domain::{Attachment, Message, Person, PersonId, Revision, RoomCode, RoomKind, Seq};
use crate::store::{Page, StoreError};

/// That somebody may be in a room, as it was found out a moment ago. Without it nothing of a room can be read, and nobody can join
/// it or say something there.
///
/// It is for one request, or for a connection to one incarnation of the room, and kept no longer.
#[derive(Clone, Debug)]
pub struct Entry {
    code: RoomCode,
    kind: RoomKind,
}

/// Why somebody may not enter a room.
#[derive(Clone, Debug, Error)]
#[non_exhaustive]
pub enum EnterError {
    /// There is no such room, or they may not be in it: which of both is not told.
    #[error("there is no such room")]
    Unknown,
    /// The store does not work now.
    #[error("it cannot be found out now")]
    Store(#[from] StoreError),
}

impl Entry {
    /// Into which room.
    pub fn code(&self) -> RoomCode {
        self.code
    }

    /// Whether it is for this room, and for somebody.
    pub(super) fn admits(&self, code: RoomCode, who: PersonId) -> bool {
        self.code == code && self.kind.admits(Some(who))
    }

    /// What kind of room it is.
    pub fn kind(&self) -> &RoomKind {
        &self.kind
    }
}

impl Rooms {
    /// Lets somebody into a room, for a look at it.
    ///
    /// # Errors
    ///
    /// [`EnterError`].
    pub async fn enter(&self, code: RoomCode, who: Option<PersonId>) -> Result<Entry, EnterError> {
        match self.store.room(code, who).await? {
            Some(kind) if kind.admits(who) => Ok(Entry { code, kind }),
            _ => Err(EnterError::Unknown),
        }
    }

    /// As [`enter`](Self::enter), to join, to say or to change something. Whether there is an open room its process knows, so
    /// that this costs no question.
    pub(super) async fn admit(&self, code: RoomCode, who: PersonId) -> Result<Entry, Absent> {
        // Rooms of all other kinds have codes that nobody can choose.
        if !code.is_reserved() {
            return Ok(Entry { code, kind: RoomKind::Open });
        }
        match self.enter(code, Some(who)).await {
            Ok(entry) => Ok(entry),
            Err(EnterError::Unknown) => Err(Absent::Unknown),
            Err(EnterError::Store(error)) => Err(error.into()),
        }
    }

    /// A part of what has been said in a room.
    ///
    /// # Errors
    ///
    /// [`StoreError`] when the store does not work now.
    pub async fn history(&self, entry: &Entry, page: Page) -> Result<Vec<Message>, StoreError> {
        self.store.history(entry.code, page).await
    }

    /// The file that came with a message, and still belongs to it.
    ///
    /// # Errors
    ///
    /// [`StoreError`] when the store does not work now.
    pub async fn attachment(&self, entry: &Entry, seq: Seq) -> Result<Option<Attachment>, StoreError> {
        let page = Page::Between { after: Seq(seq.0.saturating_sub(1)), before: seq.next(), limit: 1 };
        let messages = self.history(entry, page).await?;
        Ok(messages
            .into_iter()
            .find(|message| message.seq == seq)
            .and_then(|message| message.attachment)
            .map(|file| *file))
    }

    /// The number of the last change in a room.
    ///
    /// # Errors
    ///
    /// [`StoreError`] when the store does not work now.
    pub async fn last_revision(&self, entry: &Entry) -> Result<Revision, StoreError> {
        self.store.last_revision(entry.code).await
    }

    /// Who is in a room; nobody is in one that sleeps.
    pub async fn members(&self, entry: &Entry) -> Vec<Person> {
        let Ok(room) = self.namespace.lookup::<ServerRef<RoomServer>>(&*name(entry.code)) else { return Vec::new() };
        room.call(|reply| RoomMessage::Members { reply }).await.unwrap_or_default()
    }
}

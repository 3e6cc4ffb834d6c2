//! What a person finds in the chat itself: a list, a count of what they have not seen, and which rooms are quiet.
//!
//! A notification is a message that mentions somebody in one of their rooms, so nothing more is kept for it. It has been
//! seen when the message was read, or the list was.

use super::Notifications;
use crate::domain::{PersonId, RoomCode, UnixMillis};
use crate::store::{Notice, NoticeKey, StoreError};

impl Notifications {
    /// The messages that mention somebody in their rooms, but for the quiet ones, the newest first: the last `limit`, or those before one.
    ///
    /// # Errors
    ///
    /// [`StoreError`] when the store does not work now.
    pub async fn of(&self, person: PersonId, before: Option<NoticeKey>, limit: u32) -> Result<Vec<Notice>, StoreError> {
        self.store.notices(person, before, limit).await
    }

    /// How many of these somebody has not seen, counted up to 100, those in one room left out: what is said there, they hear there.
    ///
    /// # Errors
    ///
    /// [`StoreError`] when the store does not work now.
    pub async fn unseen(&self, person: PersonId, except: Option<RoomCode>) -> Result<u64, StoreError> {
        self.store.unseen(person, except).await
    }

    /// Somebody has seen all of them up to this moment.
    ///
    /// # Errors
    ///
    /// [`StoreError`] when the store does not work now.
    pub(crate) async fn see(&self, person: PersonId, upto: UnixMillis) -> Result<(), StoreError> {
        if self.store.see(person, upto).await? {
            self.visits.tell_notices(person);
        }
        Ok(())
    }

    /// Somebody wants no notifications from a room of theirs, or wants them again; nothing is done if it is not theirs.
    ///
    /// # Errors
    ///
    /// [`StoreError`] when the store does not work now.
    pub(crate) async fn hush(&self, person: PersonId, room: RoomCode, quiet: bool) -> Result<(), StoreError> {
        if self.store.hush(person, room, quiet).await? {
            self.visits.tell_notices(person);
        }
        Ok(())
    }
}

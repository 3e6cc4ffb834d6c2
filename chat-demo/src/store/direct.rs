//! Rooms between two people: who may begin one, and with whom somebody has one.

use super::request::{Answer, Request};
use super::{Store, StoreError};
use crate::domain::{Pair, Person, PersonId, RoomCode, UnixMillis};

/// How many of the people in somebody's rooms are looked at for a name.
pub(super) const ACQUAINTANCES: u32 = 10_000;

/// What became of the wish to talk with one person.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Opened {
    /// This is the room, with that person.
    Room(RoomCode, Person),
    /// There is none yet, and nothing that both are in: or there is nobody of this number.
    Strangers,
    /// There is none yet, and another room has the code that it was to get.
    CodeTaken,
}

/// What the store can be asked about rooms between two people.
#[derive(Debug)]
pub(crate) enum DirectRequest {
    Open { me: PersonId, other: PersonId, code: RoomCode, at: UnixMillis, reply: Answer<Opened> },
    Acquaintances { person: PersonId, reply: Answer<Vec<Person>> },
    Counterparts { person: PersonId, reply: Answer<Vec<PersonId>> },
    Person { id: PersonId, reply: Answer<Option<Person>> },
}

impl DirectRequest {
    pub(super) fn writes(&self) -> bool {
        matches!(self, Self::Open { .. })
    }
}

impl Opened {
    /// Whether somebody may begin to talk with another person.
    pub(super) fn may_begin(pair: Pair, share_a_room: bool) -> bool {
        let (one, other) = pair.ordered();
        one == other || share_a_room
    }
}

impl Store {
    /// Makes the room between `me` and another person one of `me`'s. If there is none it is made with this `code`, for which both
    /// must share a room.
    ///
    /// # Errors
    ///
    /// [`StoreError`], as for everything here.
    pub async fn open_direct(&self, me: PersonId, other: PersonId, code: RoomCode) -> Result<Opened, StoreError> {
        let at = UnixMillis::now();
        self.ask(|reply| Request::Direct(DirectRequest::Open { me, other, code, at, reply })).await
    }

    /// Who is in any of somebody's rooms, themselves included; at most 10,000 of them.
    ///
    /// # Errors
    ///
    /// [`StoreError`], as for everything here.
    pub async fn acquaintances(&self, person: PersonId) -> Result<Vec<Person>, StoreError> {
        self.ask(|reply| Request::Direct(DirectRequest::Acquaintances { person, reply })).await
    }

    /// With whom somebody has a room between two, at most 1000 of them.
    ///
    /// # Errors
    ///
    /// [`StoreError`], as for everything here.
    pub async fn counterparts(&self, person: PersonId) -> Result<Vec<PersonId>, StoreError> {
        self.ask(|reply| Request::Direct(DirectRequest::Counterparts { person, reply })).await
    }

    /// Who has this number.
    ///
    /// # Errors
    ///
    /// [`StoreError`], as for everything here.
    pub async fn person(&self, id: PersonId) -> Result<Option<Person>, StoreError> {
        self.ask(|reply| Request::Direct(DirectRequest::Person { id, reply })).await
    }
}

//! Finding messages by their words.

use super::request::Request;
use super::{ChannelTitle, Store, StoreError};
use crate::domain::search::Query;
use crate::domain::{Body, Person, PersonId, RoomCode, Seq, UnixMillis};

/// Messages on one page of what was found.
pub(crate) const FOUND: u32 = 25;

/// In how many of somebody's rooms is looked: those that became theirs last.
pub(super) const SEARCHED: u32 = 1000;

/// A message that was found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Found {
    /// Its place among all messages, by when they were stored.
    pub place: u64,
    /// Where it was said.
    pub room: RoomCode,
    /// With whom, if that is a room between two.
    pub with: Option<Person>,
    /// What that is called, if it is a channel.
    pub channel: Option<ChannelTitle>,
    /// Its number there.
    pub seq: Seq,
    /// Who said it.
    pub author: Person,
    /// When.
    pub at: UnixMillis,
    /// What it says.
    pub body: Body,
}

impl Store {
    /// The last messages that have all of `query`, before the one at a place, newest first: in one room, or in all of those
    /// that are `who`'s. Rooms that do not admit them are left out.
    ///
    /// # Errors
    ///
    /// [`StoreError`], as for everything here.
    pub async fn search(
        &self,
        who: PersonId,
        scope: Option<RoomCode>,
        query: Query,
        before: Option<u64>,
        limit: u32,
    ) -> Result<Vec<Found>, StoreError> {
        self.ask(|reply| Request::Search { who, scope, query: query.clone(), before, limit, reply }).await
    }
}

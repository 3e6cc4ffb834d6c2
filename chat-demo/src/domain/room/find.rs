//! Looking for what was said.

use super::Rooms;
use crate::domain::search::Query;
use crate::domain::{PersonId, RoomCode};
use crate::store::{FOUND, Found, StoreError};

/// A page of what was found.
#[derive(Clone, Debug)]
pub(crate) struct Results {
    /// The newest first.
    pub(crate) found: Vec<Found>,
    /// Before which the next page begins, if there is one.
    pub(crate) older: Option<u64>,
}

impl Rooms {
    /// The last 25 messages, before one of them, that have what somebody looks for, in one room or in all of theirs.
    /// What is said in rooms that they may not be in is not found.
    ///
    /// # Errors
    ///
    /// [`StoreError`] when the store does not work now.
    pub(crate) async fn find(
        &self,
        who: PersonId,
        scope: Option<RoomCode>,
        query: &Query,
        before: Option<u64>,
    ) -> Result<Results, StoreError> {
        let mut found = self.store.search(who, scope, query.clone(), before, FOUND + 1).await?;
        let more = found.len() > FOUND as usize;
        found.truncate(FOUND as usize);
        let older = more.then(|| found.last().map(|last| last.place)).flatten();
        Ok(Results { found, older })
    }
}

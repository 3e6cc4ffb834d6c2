//! By which ways somebody wants to be told.

#![cfg_attr(
    not(all(feature = "email", feature = "push", feature = "webhooks")),
    allow(dead_code, unused_imports, reason = "each way out uses a part of it")
)]

use super::request::{Answer, Request};
use super::{Store, StoreError};
use crate::domain::PersonId;
use crate::domain::notification::{Way, WaySetting};

/// A way that somebody adds.
#[derive(Clone, Debug)]
pub(crate) struct NewWay {
    pub(crate) person: PersonId,
    pub(crate) way: Way,
    pub(crate) address: String,
    pub(crate) details: String,
    pub(crate) confirmed: bool,
    /// So many of this kind they may have.
    pub(crate) most: usize,
}

/// How a way is changed.
#[cfg_attr(not(feature = "email"), allow(dead_code, reason = "a mail address is to be confirmed"))]
#[derive(Clone, Debug)]
pub(crate) enum WayChange {
    /// They want it now, or not now.
    Enabled(bool),
    /// What else it needs.
    Details(String),
    /// It is known to be theirs, if its details are still these.
    Confirmed(String),
    /// They want it no more.
    Removed,
}

/// What the store can be asked about ways.
#[derive(Debug)]
pub(crate) enum WayRequest {
    Of { person: PersonId, reply: Answer<Vec<WaySetting>> },
    Find { number: i64, reply: Answer<Option<WaySetting>> },
    Add { new: NewWay, reply: Answer<Option<i64>> },
    Change { number: i64, change: WayChange, reply: Answer<bool> },
}

impl WayRequest {
    pub(super) fn writes(&self) -> bool {
        matches!(self, Self::Add { .. } | Self::Change { .. })
    }
}

impl Store {
    /// By which ways somebody wants to be told, in the order in which they added them.
    ///
    /// # Errors
    ///
    /// [`StoreError`], as for everything here.
    pub async fn ways(&self, person: PersonId) -> Result<Vec<WaySetting>, StoreError> {
        self.ask(|reply| Request::Way(WayRequest::Of { person, reply })).await
    }

    /// One of them.
    ///
    /// # Errors
    ///
    /// [`StoreError`], as for everything here.
    pub async fn way(&self, number: i64) -> Result<Option<WaySetting>, StoreError> {
        self.ask(|reply| Request::Way(WayRequest::Find { number, reply })).await
    }

    /// Adds one, switched on, and gives its number; none if they have as many of this kind as they may. One that leads
    /// where another of theirs does takes its place.
    pub(crate) async fn add_way(&self, new: NewWay) -> Result<Option<i64>, StoreError> {
        self.ask(|reply| Request::Way(WayRequest::Add { new: new.clone(), reply })).await
    }

    /// Changes one; whether that was done. What waits to go by one that is removed is removed with it.
    pub(crate) async fn change_way(&self, number: i64, change: WayChange) -> Result<bool, StoreError> {
        self.ask(|reply| Request::Way(WayRequest::Change { number, change: change.clone(), reply })).await
    }
}

//! By which ways somebody wants to be told.

use thiserror::Error;

use super::{Notifications, Way, WaySetting};
use crate::domain::PersonId;
use crate::store::{StoreError, WayChange};

/// Why somebody is not told by another way.
#[derive(Debug, Error)]
#[non_exhaustive]
pub(crate) enum AddError {
    /// This program is not set up for it.
    #[error("this server does not do that")]
    NotHere,
    /// It leads nowhere.
    #[cfg(any(feature = "push", feature = "webhooks"))]
    #[error(transparent)]
    Target(#[from] super::target::TargetError),
    /// It is no mail address.
    #[cfg(feature = "email")]
    #[error(transparent)]
    NoAddress(#[from] super::email::NoAddress),
    /// It is no subscription of a browser.
    #[cfg(feature = "push")]
    #[error(transparent)]
    NoSubscription(#[from] super::push::NoSubscription),
    /// They have as many as they may.
    #[error("you have as many of these as you may; remove one first")]
    TooMany,
    /// The store does not work now.
    #[error("it cannot be stored now")]
    Store(#[from] StoreError),
}

impl Notifications {
    /// The ways of people that this program is set up for.
    pub(crate) fn offered(&self) -> Vec<Way> {
        Way::ALL.into_iter().filter(|&way| way != Way::Hook && self.couriers.has(way)).collect()
    }

    /// By which ways somebody wants to be told, in the order in which they added them.
    ///
    /// # Errors
    ///
    /// [`StoreError`] when the store does not work now.
    pub async fn ways(&self, person: PersonId) -> Result<Vec<WaySetting>, StoreError> {
        self.store.ways(person).await
    }

    /// Somebody wants to be told by one of their ways, or not now. Nothing is done if it is not theirs.
    ///
    /// # Errors
    ///
    /// [`StoreError`] when the store does not work now.
    pub(crate) async fn switch(&self, person: PersonId, number: i64, on: bool) -> Result<(), StoreError> {
        self.change(person, number, WayChange::Enabled(on)).await
    }

    /// Somebody does not want to be told by one of their ways any more; what waits to go by it does not go.
    ///
    /// # Errors
    ///
    /// [`StoreError`] when the store does not work now.
    pub(crate) async fn remove(&self, person: PersonId, number: i64) -> Result<(), StoreError> {
        self.change(person, number, WayChange::Removed).await
    }

    async fn change(&self, person: PersonId, number: i64, change: WayChange) -> Result<(), StoreError> {
        if self.store.way(number).await?.is_some_and(|way| way.person == person) {
            self.store.change_way(number, change).await?;
        }
        Ok(())
    }
}

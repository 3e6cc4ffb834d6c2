//! What is to go out, and what did not arrive.

use super::request::{Answer, Request};
use super::{Notice, Store, StoreError};
use crate::domain::notification::{DeadLetter, Delivery, NewDelivery};
use crate::domain::{PersonId, RoomCode, Seq, UnixMillis};

/// How many dead letters are listed: the last.
pub(super) const LISTED: u32 = 200;

/// How a program takes what waits.
#[derive(Clone, Debug)]
pub(crate) struct Claim {
    /// Its name, which no other has.
    pub(crate) owner: String,
    /// Now.
    pub(crate) now: UnixMillis,
    /// What it has is its own until then.
    pub(crate) until: UnixMillis,
    /// So many more it takes.
    pub(crate) free: usize,
    /// So many may wait in all. The newest of the least urgent beyond are put aside.
    pub(crate) most: usize,
    /// So many are kept of those that were put aside, the last.
    pub(crate) dead: usize,
}

/// What came of it.
#[derive(Clone, Debug, Default)]
pub(crate) struct Claimed {
    /// What the program has now and had not before, the most urgent first.
    pub(crate) deliveries: Vec<Delivery>,
    /// How many were put aside because too many wait.
    pub(crate) overflowed: u64,
    /// How many that were put aside are not kept any more.
    pub(crate) discarded: u64,
    /// How many wait now.
    pub(crate) waiting: u64,
    /// How many are put aside now.
    pub(crate) dead: u64,
}

/// What becomes of one.
#[derive(Clone, Debug)]
pub(crate) enum Fate {
    /// It is over.
    Over,
    /// It is due again.
    Again { due_at: UnixMillis, tries: u32, error: String },
    /// It is put aside.
    Dead { at: UnixMillis, tries: u32, error: String },
}

/// What the store can be asked about what goes out.
#[derive(Debug)]
pub(crate) enum DeliveryRequest {
    Enqueue { deliveries: Vec<NewDelivery>, now: UnixMillis, reply: Answer<()> },
    Release { owner: String, reply: Answer<()> },
    Claim { claim: Claim, reply: Answer<Claimed> },
    Settle { number: i64, fate: Fate, reply: Answer<()> },
    Mention { person: PersonId, room: RoomCode, seq: Seq, reply: Answer<Option<Notice>> },
    Dead { reply: Answer<Vec<DeadLetter>> },
    Revive { number: i64, now: UnixMillis, reply: Answer<bool> },
    Discard { number: i64, reply: Answer<bool> },
}

impl DeliveryRequest {
    pub(super) fn writes(&self) -> bool {
        !matches!(self, Self::Mention { .. } | Self::Dead { .. })
    }
}

impl Store {
    /// Keeps what is to go out, until it is over. One whose id is there already is there once.
    pub(crate) async fn enqueue(&self, deliveries: Vec<NewDelivery>) -> Result<(), StoreError> {
        let now = UnixMillis::now();
        self.ask(|reply| Request::Delivery(DeliveryRequest::Enqueue { deliveries: deliveries.clone(), now, reply }))
            .await
    }

    /// What a program has is anybody's again.
    pub(crate) async fn release(&self, owner: &str) -> Result<(), StoreError> {
        self.ask(|reply| Request::Delivery(DeliveryRequest::Release { owner: owner.to_owned(), reply })).await
    }

    /// Takes what waits and nobody has, and goes on having what it has.
    pub(crate) async fn claim(&self, claim: Claim) -> Result<Claimed, StoreError> {
        self.ask(|reply| Request::Delivery(DeliveryRequest::Claim { claim: claim.clone(), reply })).await
    }

    /// Keeps what became of one.
    pub(crate) async fn settle(&self, number: i64, fate: Fate) -> Result<(), StoreError> {
        self.ask(|reply| Request::Delivery(DeliveryRequest::Settle { number, fate: fate.clone(), reply })).await
    }

    /// The message that mentions somebody, if it still does, and they have not seen it.
    pub(crate) async fn mention(
        &self,
        person: PersonId,
        room: RoomCode,
        seq: Seq,
    ) -> Result<Option<Notice>, StoreError> {
        self.ask(|reply| Request::Delivery(DeliveryRequest::Mention { person, room, seq, reply })).await
    }

    /// What did not arrive: the last 200, the newest first.
    ///
    /// # Errors
    ///
    /// [`StoreError`], as for everything here.
    pub async fn dead_letters(&self) -> Result<Vec<DeadLetter>, StoreError> {
        self.ask(|reply| Request::Delivery(DeliveryRequest::Dead { reply })).await
    }

    /// Lets a dead letter wait again, as if it had never been tried; whether there is one.
    ///
    /// # Errors
    ///
    /// [`StoreError`], as for everything here.
    pub async fn revive(&self, number: i64) -> Result<bool, StoreError> {
        let now = UnixMillis::now();
        self.ask(|reply| Request::Delivery(DeliveryRequest::Revive { number, now, reply })).await
    }

    /// Forgets a dead letter; whether there was one.
    ///
    /// # Errors
    ///
    /// [`StoreError`], as for everything here.
    pub async fn discard(&self, number: i64) -> Result<bool, StoreError> {
        self.ask(|reply| Request::Delivery(DeliveryRequest::Discard { number, reply })).await
    }
}

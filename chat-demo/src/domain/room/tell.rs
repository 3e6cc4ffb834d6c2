//! Talking with one person.

use thiserror::Error;

use super::{DRAWS, PostError, Posted, Rooms};
use crate::domain::{AddressError, Body, BodyError, ClientId, Kind, Person, PersonId, RoomCode, addressed};
use crate::store::{Opened, StoreError};

/// What is to be said, and to whom.
#[derive(Clone, Debug)]
pub(crate) enum Telling {
    /// This, which may be nothing, to whoever has this number.
    To(PersonId, String),
    /// What follows the name that this begins with.
    Written(String),
}

/// A room between two, and what was said there.
#[derive(Clone, Debug)]
pub(crate) struct Told {
    pub(crate) room: RoomCode,
    pub(crate) with: Person,
    pub(crate) posted: Option<Posted>,
}

/// Why nothing was said to somebody. Asking again never says it twice.
#[derive(Clone, Debug, Error)]
pub(crate) enum TellError {
    #[error(transparent)]
    Address(#[from] AddressError),
    #[error(transparent)]
    Body(#[from] BodyError),
    #[error("no free room code was found")]
    NoFreeCode,
    #[error("it cannot be said now")]
    Store(#[from] StoreError),
    #[error(transparent)]
    Post(#[from] PostError),
}

impl Rooms {
    /// Opens the room between `me` and somebody, which is made if there is none, and says something there if there is
    /// something to be said. It is one of `me`'s rooms from then on, and one of the other's when something has been said.
    ///
    /// A new one is made only with somebody in one of `me`'s rooms; everybody else is nobody.
    ///
    /// # Errors
    ///
    /// [`TellError`].
    pub(crate) async fn tell(&self, me: &Person, id: ClientId, telling: Telling) -> Result<Told, TellError> {
        let (other, text) = match telling {
            Telling::To(other, text) => (other, text),
            Telling::Written(text) => {
                let people = self.store.acquaintances(me.id).await?;
                let (person, rest) = addressed(&text, me.id, &people)?;
                (person.id, rest.to_owned())
            }
        };
        let body = (!text.is_empty()).then(|| Body::parse(&text)).transpose()?;
        let (room, with) = self.open(me.id, other).await?;
        let posted = match body {
            Some(body) => Some(self.post(room, me.clone(), id, Kind::Text, body).await?),
            None => None,
        };
        Ok(Told { room, with, posted })
    }

    async fn open(&self, me: PersonId, other: PersonId) -> Result<(RoomCode, Person), TellError> {
        for _ in 0..DRAWS {
            let code = RoomCode::random_reserved(&mut rand::rng());
            match self.store.open_direct(me, other, code).await? {
                Opened::Room(room, with) => {
                    self.visits.tell_of(me, room);
                    return Ok((room, with));
                }
                Opened::Strangers => return Err(AddressError::Nobody.into()),
                Opened::CodeTaken => {}
            }
        }
        Err(TellError::NoFreeCode)
    }
}

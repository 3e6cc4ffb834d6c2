//! The rooms of people, what they have read there, and who is told of what happens in them.

use registry::{Namespace, Overflow, PubSub, Subscription};

use super::{Message, Person, PersonId, RoomCode, RoomKind, Seq};
use crate::store::{Store, StoreError, Visit};

/// Updates that wait for one listener. Whoever misses some looks at all of their rooms again.
const WAITING: usize = 16;

/// The topic of what mentions anybody.
const MENTIONS: &str = "mentions";

/// Something about one of somebody's rooms.
#[derive(Clone, Debug)]
pub(crate) enum VisitUpdate {
    /// It is theirs now, or no longer, or there is more or less to be read in it.
    Changed(RoomCode),
    /// A message there mentions them.
    Mentioned {
        /// Where.
        room: RoomCode,
        /// Which.
        seq: Seq,
        /// By whom.
        by: Person,
        /// Whether it is a room between the two.
        direct: bool,
    },
    /// They have seen notifications, or want them otherwise.
    Notices,
    /// Somebody with whom they have a room between two has another name.
    Renamed,
}

/// Everybody's rooms: those they have been in and have not left for good. What is read is kept in the store.
#[derive(Clone, Debug)]
pub struct Visits {
    store: Store,
    updates: PubSub<VisitUpdate>,
}

impl Visits {
    /// Those in the store, which are told of within `namespace`.
    pub fn new(namespace: &Namespace, store: Store) -> Self {
        Self { store, updates: namespace.pubsub() }
    }

    /// Somebody's rooms, at most 50, the newest last.
    ///
    /// # Errors
    ///
    /// [`StoreError`] when the store does not work now.
    pub async fn of(&self, person: PersonId) -> Result<Vec<Visit>, StoreError> {
        self.store.visits(person).await
    }

    /// Makes a room one of somebody's, if it is not, and gives all of them.
    ///
    /// # Errors
    ///
    /// [`StoreError`] when the store does not work now.
    pub(crate) async fn enter(&self, person: PersonId, room: RoomCode) -> Result<Vec<Visit>, StoreError> {
        let visits = self.of(person).await?;
        if visits.iter().any(|visit| visit.room == room) || !self.store.visit(person, room).await? {
            return Ok(visits);
        }
        self.tell(person, VisitUpdate::Changed(room));
        self.of(person).await
    }

    /// Somebody has read a room of theirs up to this message.
    ///
    /// # Errors
    ///
    /// [`StoreError`] when the store does not work now.
    pub(crate) async fn read(&self, person: PersonId, room: RoomCode, seq: Seq) -> Result<(), StoreError> {
        if self.store.read(person, room, seq).await? {
            self.tell(person, VisitUpdate::Changed(room));
        }
        Ok(())
    }

    /// A room is no longer one of somebody's.
    ///
    /// # Errors
    ///
    /// [`StoreError`] when the store does not work now.
    pub(crate) async fn leave(&self, person: PersonId, room: RoomCode) -> Result<(), StoreError> {
        if self.store.leave(person, room).await? {
            self.tell(person, VisitUpdate::Changed(room));
        }
        Ok(())
    }

    /// Hears of what happens in somebody's rooms; none when the program ends.
    pub(crate) fn listen(&self, person: PersonId) -> Option<Subscription<VisitUpdate>> {
        self.updates.subscribe(&topic(person), WAITING, Overflow::DropOldest).ok()
    }

    /// Tells everybody whose room it is that there is more, or less, to be read.
    pub(crate) async fn tell_all(&self, room: RoomCode) {
        match self.store.visitors(room).await {
            Ok(people) => people.into_iter().for_each(|person| self.tell(person, VisitUpdate::Changed(room))),
            Err(error) => tracing::warn!(%room, %error, "nobody elsewhere is told of new messages"),
        }
    }

    /// Hears of it when anybody is mentioned, once for all that is said meanwhile; none when the program ends.
    pub(crate) fn mentions(&self) -> Option<Subscription<VisitUpdate>> {
        self.updates.subscribe(MENTIONS, 1, Overflow::DropOldest).ok()
    }

    /// Tells those whom a message mentions, and who takes it to them elsewhere.
    pub(crate) fn tell_mentioned(&self, room: RoomCode, kind: &RoomKind, message: &Message) {
        if !message.mentions.is_empty() {
            // Refused only when the program ends.
            let _ = self.updates.try_publish(MENTIONS, VisitUpdate::Notices);
        }
        let direct = matches!(kind, RoomKind::Direct(_));
        for person in &message.mentions {
            let by = message.author.clone();
            self.tell(person.id, VisitUpdate::Mentioned { room, seq: message.seq, by, direct });
        }
    }

    /// Tells somebody that this room is one of theirs.
    pub(crate) fn tell_of(&self, person: PersonId, room: RoomCode) {
        self.tell(person, VisitUpdate::Changed(room));
    }

    /// Tells all with whom somebody has a room between two that it has another name now.
    pub(crate) async fn tell_renamed(&self, person: PersonId) {
        match self.store.counterparts(person).await {
            Ok(people) => people.into_iter().for_each(|other| self.tell(other, VisitUpdate::Renamed)),
            Err(error) => tracing::warn!(%error, "nobody elsewhere is told of a new name"),
        }
    }

    /// Tells somebody that there are other notifications than before.
    pub(crate) fn tell_notices(&self, person: PersonId) {
        self.tell(person, VisitUpdate::Notices);
    }

    fn tell(&self, person: PersonId, update: VisitUpdate) {
        // Refused only when the program ends.
        let _ = self.updates.try_publish(&topic(person), update);
    }
}

fn topic(person: PersonId) -> String {
    format!("person:{}:rooms", person.0)
}

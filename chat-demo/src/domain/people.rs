//! People's names, and who hears of another one.

use registry::{Namespace, Overflow, PubSub, Subscription};

use super::{DisplayName, Person, PersonId, Visits};
use crate::store::{Store, StoreError};

/// Names that wait for one listener. It is told the last one whatever happens.
const WAITING: usize = 2;

/// Where everybody's names are told.
const NAMES: &str = "people:names";

/// Everybody who has given a name.
#[derive(Clone, Debug)]
pub struct People {
    store: Store,
    names: PubSub<Person>,
    visits: Visits,
}

impl People {
    /// Those in the store, who are told of within `namespace`.
    pub fn new(namespace: &Namespace, store: Store) -> Self {
        let visits = Visits::new(namespace, store.clone());
        Self { store, names: namespace.pubsub(), visits }
    }

    /// Gives somebody another name, and tells all who listen; none if there is nobody of this number.
    ///
    /// # Errors
    ///
    /// [`StoreError`] when the store does not work now.
    pub async fn rename(&self, person: PersonId, name: DisplayName) -> Result<Option<Person>, StoreError> {
        let renamed = self.store.rename_person(person, name).await?;
        if let Some(person) = &renamed {
            self.tell(person).await;
        }
        Ok(renamed)
    }

    /// Tells all who listen what somebody is called, after it was stored.
    pub(crate) async fn tell(&self, person: &Person) {
        // Refused only when the program ends.
        let _ = self.names.try_publish(&topic(person.id), person.clone());
        let _ = self.names.try_publish(NAMES, person.clone());
        self.visits.tell_renamed(person.id).await;
    }

    /// Hears of each name of somebody from now on; none when the program ends.
    pub(crate) fn listen(&self, person: PersonId) -> Option<Subscription<Person>> {
        self.names.subscribe(&topic(person), WAITING, Overflow::DropOldest).ok()
    }

    /// Hears of each name of anybody from now on; whoever has room for less than `capacity` names at a time misses the oldest.
    /// None when the program ends.
    pub(crate) fn listen_to_all(&self, capacity: usize) -> Option<Subscription<Person>> {
        self.names.subscribe(NAMES, capacity, Overflow::DropOldest).ok()
    }
}

fn topic(person: PersonId) -> String {
    format!("person:{}", person.0)
}

//! What all sockets together may do: how many there are at one address, and how much one person, and one room, may say.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use super::address::ClientAddress;
use super::throttle::Throttle;
use crate::config::Limits;
use crate::domain::{PersonId, RoomCode};

/// The bounds that no socket keeps by itself.
#[derive(Debug)]
pub(crate) struct Bounds {
    people: Throttle<PersonId>,
    rooms: Throttle<RoomCode>,
    searches: Throttle<PersonId>,
    per_address: usize,
    sockets: Mutex<HashMap<ClientAddress, usize>>,
}

/// The place of an open socket among those of its address.
#[derive(Debug)]
pub(crate) struct SocketPlace {
    bounds: Arc<Bounds>,
    address: ClientAddress,
}

impl Bounds {
    pub(crate) fn new(limits: &Limits) -> Self {
        Self {
            people: Throttle::new(limits.person_burst, limits.person_posts_per_second),
            rooms: Throttle::new(limits.room_burst, limits.room_posts_per_second),
            searches: Throttle::new(limits.search_burst, limits.searches_per_minute / 60.0),
            per_address: limits.address_sockets,
            sockets: Mutex::default(),
        }
    }

    /// Somebody wants to say something; how long they have to wait if they, or the room, have said too much.
    pub(crate) fn say(&self, person: PersonId, room: RoomCode) -> Result<(), Duration> {
        let now = Instant::now();
        self.people.take(person, now)?;
        self.rooms.take(room, now)
    }

    /// Somebody wants to do something apart from a room; how long they have to wait if they have done too much.
    pub(crate) fn do_something(&self, person: PersonId) -> Result<(), Duration> {
        self.people.take(person, Instant::now())
    }

    /// Somebody wants to look for something; how long they have to wait if they have looked too often.
    pub(crate) fn look(&self, person: PersonId) -> Result<(), Duration> {
        self.searches.take(person, Instant::now())
    }

    /// A place for another socket, if there is one.
    pub(crate) fn place(self: &Arc<Self>, address: ClientAddress) -> Option<SocketPlace> {
        let mut sockets = self.sockets.lock().unwrap_or_else(PoisonError::into_inner);
        let open = sockets.entry(address).or_default();
        (*open < self.per_address).then(|| {
            *open += 1;
            SocketPlace { bounds: Arc::clone(self), address }
        })
    }
}

impl Drop for SocketPlace {
    fn drop(&mut self) {
        let mut sockets = self.bounds.sockets.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(open) = sockets.get_mut(&self.address) {
            *open -= 1;
            if *open == 0 {
                sockets.remove(&self.address);
            }
        }
    }
}

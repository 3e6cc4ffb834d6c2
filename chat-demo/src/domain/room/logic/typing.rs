//! Who is writing.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use crate::domain::{Person, PersonId};

/// Those who have said that they are writing, until they say that they have stopped, or say nothing for a while.
#[derive(Debug)]
pub(crate) struct Typing {
    expiry: Duration,
    since: BTreeMap<PersonId, Instant>,
}

impl Typing {
    /// Nobody, and nobody for longer than `expiry` after they last said so.
    pub(crate) fn new(expiry: Duration) -> Self {
        Self { expiry, since: BTreeMap::new() }
    }

    /// `person` is writing at `now`; true if that is new.
    pub(crate) fn begin(&mut self, person: &Person, now: Instant) -> bool {
        self.since.insert(person.id, now).is_none()
    }

    /// `person` is not writing any more; true if that is new.
    pub(crate) fn end(&mut self, person: PersonId) -> bool {
        self.since.remove(&person).is_some()
    }

    /// Those who have said nothing for too long at `now`.
    pub(crate) fn expire(&mut self, now: Instant) -> Vec<PersonId> {
        let expiry = self.expiry;
        let over = |since: &Instant| now.duration_since(*since) >= expiry;
        let gone = self.since.iter().filter(|(_, since)| over(since)).map(|(&person, _)| person).collect();
        self.since.retain(|_, since| !over(since));
        gone
    }

    /// When `expire` has something to do next.
    pub(crate) fn next_expiry(&self) -> Option<Instant> {
        self.since.values().min().map(|since| *since + self.expiry)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::DisplayName;

    #[test]
    fn whoever_says_nothing_more_stops() {
        let ada = Person { id: PersonId(1), name: DisplayName::parse("Ada").unwrap() };
        let bob = Person { id: PersonId(2), name: DisplayName::parse("Bob").unwrap() };
        let (begin, second) = (Instant::now(), Duration::from_secs(1));
        let mut typing = Typing::new(15 * second);
        assert_eq!((typing.begin(&ada, begin), typing.begin(&bob, begin + second)), (true, true));
        assert!(!typing.begin(&ada, begin + 10 * second), "said again");
        assert!(typing.expire(begin + 15 * second).is_empty());
        assert_eq!(typing.next_expiry(), Some(begin + 16 * second));
        assert_eq!(typing.expire(begin + 16 * second), [bob.id]);
        assert_eq!((typing.end(ada.id), typing.end(ada.id)), (true, false));
        assert_eq!(typing.next_expiry(), None);
    }
}

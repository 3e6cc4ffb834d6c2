//! Who is in a room, by any of their connections.

use std::collections::{BTreeMap, HashMap};
use std::time::{Duration, Instant};

use crate::domain::{Person, PersonId};

/// One connection to a room: a browser tab, say. Unique within the program.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct ConnectionId(pub(crate) u64);

/// What the others see of somebody's coming and going.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum MemberChange {
    /// Somebody came, or goes by another name now.
    Joined(Person),
    /// Somebody's last connection has been gone for a while.
    Left(PersonId),
}

/// The people in a room.
///
/// Somebody is there while one connection is, and for the grace period after the last one went, so
/// that the reload of a page is no coming and going.
#[derive(Debug)]
pub(crate) struct Members {
    grace: Duration,
    people: BTreeMap<PersonId, Member>,
    connections: HashMap<ConnectionId, PersonId>,
}

#[derive(Debug)]
struct Member {
    person: Person,
    connections: usize,
    gone_since: Option<Instant>,
}

impl Members {
    /// Nobody yet.
    pub(crate) fn new(grace: Duration) -> Self {
        Self { grace, people: BTreeMap::new(), connections: HashMap::new() }
    }

    /// `person` is there over `connection`.
    pub(crate) fn join(&mut self, connection: ConnectionId, person: Person) -> Option<MemberChange> {
        self.connections.insert(connection, person.id);
        let Some(member) = self.people.get_mut(&person.id) else {
            let member = Member { person: person.clone(), connections: 1, gone_since: None };
            self.people.insert(person.id, member);
            return Some(MemberChange::Joined(person));
        };
        member.connections += 1;
        member.gone_since = None;
        (member.person.name != person.name).then(|| {
            member.person = person.clone();
            MemberChange::Joined(person)
        })
    }

    /// Whoever is there over `connection` goes by the name of `person` now.
    pub(crate) fn rename(&mut self, connection: ConnectionId, person: Person) -> Option<MemberChange> {
        let member = self.people.get_mut(self.connections.get(&connection)?)?;
        (member.person.id == person.id && member.person.name != person.name).then(|| {
            member.person = person.clone();
            MemberChange::Joined(person)
        })
    }

    /// `connection` is gone since `now`.
    pub(crate) fn leave(&mut self, connection: ConnectionId, now: Instant) {
        let Some(person) = self.connections.remove(&connection) else { return };
        if let Some(member) = self.people.get_mut(&person) {
            member.connections -= 1;
            if member.connections == 0 {
                member.gone_since = Some(now);
            }
        }
    }

    /// Those whose grace is over at `now`.
    pub(crate) fn expire(&mut self, now: Instant) -> Vec<MemberChange> {
        let grace = self.grace;
        let over = |member: &Member| member.gone_since.is_some_and(|since| now >= since + grace);
        let gone: Vec<_> = self.people.iter().filter(|(_, member)| over(member)).map(|(&id, _)| id).collect();
        for id in &gone {
            self.people.remove(id);
        }
        gone.into_iter().map(MemberChange::Left).collect()
    }

    /// When `expire` has something to do next.
    pub(crate) fn next_expiry(&self) -> Option<Instant> {
        self.people.values().filter_map(|member| member.gone_since).min().map(|since| since + self.grace)
    }

    /// Who is there over `connection`.
    pub(crate) fn person(&self, connection: ConnectionId) -> Option<&Person> {
        self.people.get(self.connections.get(&connection)?).map(|member| &member.person)
    }

    /// Whether somebody is there.
    pub(crate) fn has(&self, person: PersonId) -> bool {
        self.people.contains_key(&person)
    }

    /// Who is there.
    pub(crate) fn list(&self) -> Vec<Person> {
        self.people.values().map(|member| member.person.clone()).collect()
    }

    /// How many connections there are.
    pub(crate) fn connections(&self) -> usize {
        self.connections.len()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::domain::DisplayName;

    const GRACE: Duration = Duration::from_secs(3);

    fn person(id: i64, name: &str) -> Person {
        Person { id: PersonId(id), name: DisplayName::parse(name).unwrap() }
    }

    #[test]
    fn a_reload_is_no_coming_and_going() {
        let now = Instant::now();
        let mut members = Members::new(GRACE);
        let ada = person(1, "Ada");
        assert_eq!(members.join(ConnectionId(1), ada.clone()), Some(MemberChange::Joined(ada.clone())));
        members.leave(ConnectionId(1), now);
        assert_eq!(members.expire(now + GRACE - Duration::from_millis(1)), []);
        assert_eq!(members.join(ConnectionId(2), ada), None);
        assert_eq!(members.expire(now + GRACE * 2), []);
        assert_eq!(members.next_expiry(), None);
    }

    #[test]
    fn the_last_connection_counts() {
        let now = Instant::now();
        let mut members = Members::new(GRACE);
        members.join(ConnectionId(1), person(1, "Ada"));
        members.join(ConnectionId(2), person(1, "Ada"));
        members.leave(ConnectionId(1), now);
        assert_eq!(members.next_expiry(), None);
        members.leave(ConnectionId(2), now);
        members.leave(ConnectionId(2), now + GRACE);
        assert_eq!(members.next_expiry(), Some(now + GRACE));
        assert_eq!(members.expire(now + GRACE), [MemberChange::Left(PersonId(1))]);
        assert_eq!(members.list(), []);
    }

    #[test]
    fn a_new_name_is_told() {
        let mut members = Members::new(GRACE);
        members.join(ConnectionId(1), person(1, "Ada"));
        let renamed = person(1, "Countess");
        assert_eq!(members.join(ConnectionId(2), renamed.clone()), Some(MemberChange::Joined(renamed.clone())));
        assert_eq!(members.list(), [renamed]);
        let again = person(1, "Lovelace");
        assert_eq!(members.rename(ConnectionId(1), again.clone()), Some(MemberChange::Joined(again.clone())));
        assert_eq!(members.rename(ConnectionId(2), again.clone()), None, "told once");
        assert_eq!(members.rename(ConnectionId(2), person(2, "Bob")), None, "somebody else");
        assert_eq!(members.rename(ConnectionId(3), person(1, "Ada")), None, "not there");
        assert_eq!(members.list(), [again]);
    }

    proptest! {
        /// Against the naive model: the list of open connections.
        #[test]
        fn whoever_has_a_connection_is_there(steps in prop::collection::vec((0u64..12, prop::bool::ANY), 0..100)) {
            let now = Instant::now();
            let mut members = Members::new(Duration::ZERO);
            let mut open: Vec<u64> = Vec::new();
            for (connection, joins) in steps {
                let id = i64::try_from(connection % 4).unwrap();
                if joins && !open.contains(&connection) {
                    members.join(ConnectionId(connection), person(id, "Ada"));
                    open.push(connection);
                } else if !joins {
                    members.leave(ConnectionId(connection), now);
                    open.retain(|&other| other != connection);
                }
                members.expire(now);
                let mut expected: Vec<i64> = open.iter().map(|c| i64::try_from(c % 4).unwrap()).collect();
                expected.sort_unstable();
                expected.dedup();
                let there: Vec<i64> = members.list().iter().map(|person| person.id.0).collect();
                prop_assert_eq!(there, expected);
                prop_assert_eq!(members.connections(), open.len());
            }
        }
    }
}

//! Who is online, away or gone, by all of their connections.

use std::collections::{BTreeMap, HashMap};
use std::time::{Duration, Instant};

use super::{ConnectionId, PresenceChange, Status};
use crate::domain::PersonId;

/// How long it is remembered when somebody who is gone was active.
pub(super) const REMEMBERED: Duration = Duration::from_secs(60 * 60);

/// The rules' figures.
#[derive(Clone, Copy, Debug)]
pub(super) struct Times {
    /// Without any activity for so long somebody is away.
    pub(super) away: Duration,
    /// Without any connection for so long somebody is gone.
    pub(super) gone: Duration,
    /// A connection that is not heard of for so long is none.
    pub(super) lease: Duration,
}

/// Everybody who is not gone.
///
/// Somebody is online from the first connection on, away when none of the connections has had any activity for a while,
/// and offline a while after the last one went; what is told of them until then stays true.
#[derive(Debug)]
pub(super) struct Presence {
    times: Times,
    connections: HashMap<ConnectionId, Connection>,
    people: BTreeMap<PersonId, Somebody>,
    /// When those who are gone were active last, for as long as that may be asked.
    gone: BTreeMap<PersonId, Instant>,
    /// Nothing is over before. It is exact after each look at everybody, and only comes nearer until the next, so that
    /// hearing of a connection costs the same however many there are.
    next_expiry: Option<Instant>,
}

#[derive(Debug)]
struct Connection {
    person: PersonId,
    heard: Instant,
}

#[derive(Debug)]
struct Somebody {
    connections: usize,
    active: Instant,
    /// Since when there is no connection.
    left: Option<Instant>,
    away: bool,
}

impl Presence {
    /// Nobody yet.
    pub(super) fn new(times: Times) -> Self {
        Self { times, connections: HashMap::new(), people: BTreeMap::new(), gone: BTreeMap::new(), next_expiry: None }
    }

    /// `connection` of `person` is there at `now`, and they were active over it at `active`.
    pub(super) fn here(
        &mut self,
        connection: ConnectionId,
        person: PersonId,
        active: Instant,
        now: Instant,
    ) -> Option<PresenceChange> {
        if self.connections.get(&connection).is_some_and(|known| known.person != person) {
            self.leave(connection, now);
        }
        let fresh = self.connections.insert(connection, Connection { person, heard: now }).is_none();
        let Times { away, lease, .. } = self.times;
        let is_new = !self.people.contains_key(&person);
        let somebody =
            self.people.entry(person).or_insert(Somebody { connections: 0, active, left: None, away: false });
        somebody.connections += usize::from(fresh);
        somebody.left = None;
        somebody.active = somebody.active.max(active);
        let was = std::mem::replace(&mut somebody.away, now.saturating_duration_since(somebody.active) >= away);
        let change = (is_new || was != somebody.away).then(|| PresenceChange { person, status: somebody.status() });
        let away_at = (!somebody.away).then(|| somebody.active + away);
        self.look_at(now + lease);
        away_at.into_iter().for_each(|at| self.look_at(at));
        change
    }

    /// `connection` is gone since `now`.
    pub(super) fn leave(&mut self, connection: ConnectionId, now: Instant) {
        let Some(Connection { person, .. }) = self.connections.remove(&connection) else { return };
        if let Some(somebody) = self.people.get_mut(&person) {
            somebody.connections -= 1;
            if somebody.connections == 0 {
                somebody.left = Some(now);
                self.look_at(now + self.times.gone);
            }
        }
    }

    /// Whatever is over at `now`.
    pub(super) fn expire(&mut self, now: Instant) -> Vec<PresenceChange> {
        let Times { away, gone, lease } = self.times;
        let silent = |connection: &Connection| now >= connection.heard + lease;
        let lost: Vec<_> =
            self.connections.iter().filter(|(_, connection)| silent(connection)).map(|(&id, _)| id).collect();
        for connection in lost {
            self.leave(connection, now);
        }
        let mut changes = Vec::new();
        self.people.retain(|&person, somebody| {
            if somebody.left.is_some_and(|left| now >= left + gone) {
                changes.push(PresenceChange { person, status: Status::Offline });
                self.gone.insert(person, somebody.active);
                return false;
            }
            if !somebody.away && now >= somebody.active + away {
                somebody.away = true;
                changes.push(PresenceChange { person, status: Status::Away });
            }
            true
        });
        self.gone.retain(|_, active| now < *active + REMEMBERED);
        let leases = self.connections.values().map(|connection| connection.heard + lease);
        let people = self.people.values().flat_map(|somebody| {
            let left = somebody.left.map(|left| left + gone);
            [left, (!somebody.away).then(|| somebody.active + away)].into_iter().flatten()
        });
        self.next_expiry = leases.chain(people).min();
        changes
    }

    /// When `expire` is to be asked again: something may be over then, and nothing is before.
    pub(super) fn next_expiry(&self) -> Option<Instant> {
        self.next_expiry
    }

    fn look_at(&mut self, at: Instant) {
        self.next_expiry = Some(self.next_expiry.map_or(at, |next| next.min(at)));
    }

    /// What somebody is.
    pub(super) fn status(&self, person: PersonId) -> Status {
        self.people.get(&person).map_or(Status::Offline, Somebody::status)
    }

    /// How long somebody has done nothing; none if that is longer than it is remembered.
    pub(super) fn idle(&self, person: PersonId, now: Instant) -> Option<Duration> {
        let active =
            self.people.get(&person).map(|somebody| somebody.active).or_else(|| self.gone.get(&person).copied());
        active.map(|active| now.saturating_duration_since(active))
    }

    /// How many people are not gone, and over how many connections.
    pub(super) fn count(&self) -> (usize, usize) {
        (self.people.len(), self.connections.len())
    }
}

impl Somebody {
    fn status(&self) -> Status {
        if self.away { Status::Away } else { Status::Online }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const SECOND: Duration = Duration::from_secs(1);
    const TIMES: Times =
        Times { away: Duration::from_secs(60), gone: Duration::from_secs(30), lease: Duration::from_secs(90) };
    const ADA: PersonId = PersonId(1);

    fn told(status: Status) -> PresenceChange {
        PresenceChange { person: ADA, status }
    }

    #[test]
    fn away_after_a_minute_without_activity_and_back_with_the_first() {
        let start = Instant::now();
        let mut presence = Presence::new(TIMES);
        let one = ConnectionId(1);
        assert_eq!(presence.here(one, ADA, start, start), Some(told(Status::Online)));
        assert_eq!(presence.here(one, ADA, start, start + 40 * SECOND), None, "there, and not active");
        assert_eq!(presence.next_expiry(), Some(start + 60 * SECOND));
        assert_eq!(presence.expire(start + 59 * SECOND), []);
        assert_eq!(presence.expire(start + 60 * SECOND), [told(Status::Away)]);
        assert_eq!(presence.expire(start + 61 * SECOND), [], "told once");
        let back = start + 70 * SECOND;
        assert_eq!(presence.here(one, ADA, back, back), Some(told(Status::Online)));
    }

    #[test]
    fn gone_half_a_minute_after_the_last_of_two_tabs() {
        let start = Instant::now();
        let mut presence = Presence::new(TIMES);
        presence.here(ConnectionId(1), ADA, start, start);
        presence.here(ConnectionId(2), ADA, start, start);
        presence.leave(ConnectionId(1), start + SECOND);
        assert_eq!(presence.expire(start + 40 * SECOND), [], "one is there");
        presence.leave(ConnectionId(2), start + 10 * SECOND);
        presence.leave(ConnectionId(2), start + 20 * SECOND);
        assert_eq!(presence.expire(start + 39 * SECOND), []);
        assert_eq!(presence.expire(start + 40 * SECOND), [told(Status::Offline)]);
        assert_eq!((presence.status(ADA), presence.count(), presence.next_expiry()), (Status::Offline, (0, 0), None));
    }

    #[test]
    fn a_connection_that_nobody_hears_of_is_cleaned_up() {
        let start = Instant::now();
        let mut presence = Presence::new(TIMES);
        presence.here(ConnectionId(1), ADA, start, start);
        assert_eq!(presence.expire(start + 90 * SECOND), [told(Status::Away)]);
        assert_eq!(presence.count(), (1, 0));
        assert_eq!(presence.expire(start + 120 * SECOND), [told(Status::Offline)]);
    }

    #[test]
    fn how_long_somebody_has_done_nothing_is_known_for_an_hour_after_they_went() {
        let start = Instant::now();
        let mut presence = Presence::new(TIMES);
        presence.here(ConnectionId(1), ADA, start, start);
        presence.here(ConnectionId(1), ADA, start + 10 * SECOND, start + 20 * SECOND);
        let idle = |presence: &Presence, at| presence.idle(ADA, start + at).map(|idle| idle.as_secs());
        assert_eq!(idle(&presence, 30 * SECOND), Some(20));
        presence.leave(ConnectionId(1), start + 30 * SECOND);
        presence.expire(start + 100 * SECOND);
        assert_eq!((presence.status(ADA), idle(&presence, 110 * SECOND)), (Status::Offline, Some(100)));
        presence.expire(start + 10 * SECOND + REMEMBERED);
        assert_eq!(idle(&presence, REMEMBERED), None);
    }

    /// What happens, at a second of its own.
    #[derive(Clone, Copy, Debug)]
    enum Step {
        Here(u64, bool),
        Leave(u64),
    }

    fn step() -> impl Strategy<Value = Step> {
        prop_oneof![
            (0u64..6, any::<bool>()).prop_map(|(connection, active)| Step::Here(connection, active)),
            (0u64..6).prop_map(Step::Leave),
        ]
    }

    proptest! {
        /// Against the naive model: the whole past, second by second. Connection `c` is always that of person `c % 2`.
        #[test]
        fn everybody_is_what_their_past_says(steps in prop::collection::vec(prop::option::weighted(0.3, step()), 1..200)) {
            let start = Instant::now();
            let times = Times { away: 6 * SECOND, gone: 3 * SECOND, lease: 9 * SECOND };
            let mut presence = Presence::new(times);
            let mut shown = [Status::Offline; 2];
            // By connection: since when it is there and when it was last heard of. By person: last activity, last end.
            let mut open: BTreeMap<u64, u64> = BTreeMap::new();
            let mut active = [None::<u64>; 2];
            let mut left = [None::<u64>; 2];
            for (second, step) in (0u64..).zip(steps) {
                let now = start + Duration::from_secs(second);
                let due = presence.next_expiry().is_some_and(|next| next <= now);
                let mut changes = if due { presence.expire(now) } else { Vec::new() };
                for (connection, heard) in open.clone() {
                    if second >= heard + 9 {
                        open.remove(&connection);
                        left[usize::try_from(connection % 2).unwrap()] = Some(second);
                    }
                }
                let there = |open: &BTreeMap<u64, u64>, person: u64| open.keys().any(|connection| connection % 2 == person);
                for person in 0..2u64 {
                    let at = usize::try_from(person).unwrap();
                    if !there(&open, person) && left[at].is_some_and(|left| second >= left + 3) {
                        (active[at], left[at]) = (None, None);
                    }
                }
                match step {
                    Some(Step::Here(connection, is_active)) => {
                        let at = usize::try_from(connection % 2).unwrap();
                        let when = if is_active || active[at].is_none() { second } else { active[at].unwrap() };
                        let seen = start + Duration::from_secs(when);
                        changes.extend(presence.here(ConnectionId(connection), PersonId(i64::try_from(at).unwrap()), seen, now));
                        open.insert(connection, second);
                        active[at] = Some(active[at].map_or(when, |known| known.max(when)));
                    }
                    Some(Step::Leave(connection)) => {
                        presence.leave(ConnectionId(connection), now);
                        let at = usize::try_from(connection % 2).unwrap();
                        if open.remove(&connection).is_some() && !there(&open, connection % 2) {
                            left[at] = Some(second);
                        }
                    }
                    None => {}
                }
                for PresenceChange { person, status } in changes {
                    let at = usize::try_from(person.0).unwrap();
                    prop_assert_ne!(shown[at], status, "told what was known");
                    shown[at] = status;
                }
                for at in 0..2 {
                    let expected = match active[at] {
                        None => Status::Offline,
                        Some(active) if second >= active + 6 => Status::Away,
                        Some(_) => Status::Online,
                    };
                    prop_assert_eq!(presence.status(PersonId(i64::try_from(at).unwrap())), expected, "second {}", second);
                    prop_assert_eq!(shown[at], expected, "told, second {}", second);
                }
                prop_assert_eq!(presence.count().1, open.len());
                prop_assert!(presence.next_expiry().is_none_or(|next| next > now));
            }
        }
    }
}

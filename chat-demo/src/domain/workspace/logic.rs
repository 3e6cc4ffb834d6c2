//! Who belongs to a workspace and who of them is there, by all of their connections.

use std::collections::{BTreeMap, HashMap};
use std::time::{Duration, Instant};

use super::ConnectionId;
use crate::domain::{Person, PersonId};

/// The rules' figures.
#[derive(Clone, Copy, Debug)]
pub(super) struct Times {
    /// A member without any connection for so long is idle.
    pub(super) idle: Duration,
    /// A connection that is not heard of for so long is none.
    pub(super) lease: Duration,
}

/// What the others see of a member.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Change {
    /// Somebody belongs to it now, or goes by another name.
    Joined(Person),
    /// Somebody does not belong to it any more.
    Left(PersonId),
    /// The first connection of a member is there.
    Active(PersonId),
    /// The last connection of a member has been gone for a while.
    Idle(PersonId),
}

/// Whoever it is does not belong to the workspace, as far as is known here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Stranger;

/// The members of a workspace.
///
/// A member is active from the first connection on until a while after the last one went, so that going from one channel to the
/// next is no coming and going. Nobody else has connections here.
#[derive(Debug)]
pub(super) struct Roster {
    times: Times,
    members: BTreeMap<PersonId, Member>,
    connections: HashMap<ConnectionId, Connection>,
}

#[derive(Debug)]
struct Member {
    person: Person,
    connections: usize,
    state: State,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Idle,
    /// With connections, or without since then.
    Active {
        left: Option<Instant>,
    },
}

#[derive(Debug)]
struct Connection {
    person: PersonId,
    heard: Instant,
}

impl Roster {
    /// These belong to it, and none of them is there.
    pub(super) fn new(times: Times, members: Vec<Person>) -> Self {
        let members = members.into_iter().map(|person| (person.id, Member::idle(person))).collect();
        Self { times, members, connections: HashMap::new() }
    }

    /// From now on these belong to it, in the order of their numbers.
    pub(super) fn replace(&mut self, members: Vec<Person>) -> Vec<Change> {
        let mut before = std::mem::take(&mut self.members);
        let mut changes = Vec::new();
        for person in members {
            let member = match before.remove(&person.id) {
                Some(known) if known.person.name == person.name => known,
                known => {
                    changes.push(Change::Joined(person.clone()));
                    let idle = Member::idle(person.clone());
                    known.map_or(idle, |known| Member { person, ..known })
                }
            };
            self.members.insert(member.person.id, member);
        }
        self.connections.retain(|_, connection| !before.contains_key(&connection.person));
        changes.extend(before.into_keys().map(Change::Left));
        changes
    }

    /// A member goes by another name now; nobody else is of interest.
    pub(super) fn rename(&mut self, person: Person) -> Option<Change> {
        let member = self.members.get_mut(&person.id).filter(|member| member.person.name != person.name)?;
        member.person = person.clone();
        Some(Change::Joined(person))
    }

    /// `connection` of `person` is there at `now`.
    pub(super) fn here(
        &mut self,
        connection: ConnectionId,
        person: PersonId,
        now: Instant,
    ) -> Result<Option<Change>, Stranger> {
        if !self.members.contains_key(&person) {
            return Err(Stranger);
        }
        if self.connections.get(&connection).is_some_and(|known| known.person != person) {
            self.gone(connection, now);
        }
        let fresh = self.connections.insert(connection, Connection { person, heard: now }).is_none();
        let member = self.members.get_mut(&person).ok_or(Stranger)?;
        member.connections += usize::from(fresh);
        let was = std::mem::replace(&mut member.state, State::Active { left: None });
        Ok((was == State::Idle).then_some(Change::Active(person)))
    }

    /// `connection` is gone since `now`.
    pub(super) fn gone(&mut self, connection: ConnectionId, now: Instant) {
        let Some(Connection { person, .. }) = self.connections.remove(&connection) else { return };
        if let Some(member) = self.members.get_mut(&person) {
            member.connections -= 1;
            if member.connections == 0 {
                member.state = State::Active { left: Some(now) };
            }
        }
    }

    /// Whatever is over at `now`.
    pub(super) fn expire(&mut self, now: Instant) -> Vec<Change> {
        let Times { idle, lease } = self.times;
        let silent = |connection: &Connection| now >= connection.heard + lease;
        let lost: Vec<_> =
            self.connections.iter().filter(|(_, connection)| silent(connection)).map(|(&id, _)| id).collect();
        for connection in lost {
            self.gone(connection, now);
        }
        let mut changes = Vec::new();
        for (&person, member) in &mut self.members {
            if matches!(member.state, State::Active { left: Some(left) } if now >= left + idle) {
                member.state = State::Idle;
                changes.push(Change::Idle(person));
            }
        }
        changes
    }

    /// When `expire` has something to do next.
    pub(super) fn next_expiry(&self) -> Option<Instant> {
        let leases = self.connections.values().map(|connection| connection.heard + self.times.lease);
        let members = self.members.values().filter_map(|member| match member.state {
            State::Active { left: Some(left) } => Some(left + self.times.idle),
            _ => None,
        });
        leases.chain(members).min()
    }

    /// Who is active, in the order of their numbers.
    pub(super) fn active(&self) -> Vec<PersonId> {
        let active = |member: &Member| member.state != State::Idle;
        self.members.iter().filter(|(_, member)| active(member)).map(|(&id, _)| id).collect()
    }

    /// Whether nobody is there, and nobody was a moment ago.
    pub(super) fn is_quiet(&self) -> bool {
        self.members.values().all(|member| member.state == State::Idle)
    }

    /// How many belong to it, and how many connections they have.
    pub(super) fn count(&self) -> (usize, usize) {
        (self.members.len(), self.connections.len())
    }
}

impl Member {
    fn idle(person: Person) -> Self {
        Self { person, connections: 0, state: State::Idle }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::domain::DisplayName;

    const SECOND: Duration = Duration::from_secs(1);
    const TIMES: Times = Times { idle: Duration::from_secs(30), lease: Duration::from_secs(90) };
    const ADA: PersonId = PersonId(1);

    fn person(id: i64, name: &str) -> Person {
        Person { id: PersonId(id), name: DisplayName::parse(name).unwrap() }
    }

    #[test]
    fn a_member_is_idle_half_a_minute_after_the_last_connection_went() {
        let start = Instant::now();
        let mut roster = Roster::new(TIMES, vec![person(1, "Ada")]);
        assert_eq!(roster.here(ConnectionId(1), ADA, start), Ok(Some(Change::Active(ADA))));
        assert_eq!(roster.here(ConnectionId(2), ADA, start), Ok(None));
        roster.gone(ConnectionId(1), start + SECOND);
        assert_eq!(roster.expire(start + 40 * SECOND), [], "one is there");
        roster.gone(ConnectionId(2), start + 10 * SECOND);
        assert_eq!(roster.next_expiry(), Some(start + 40 * SECOND));
        assert_eq!(roster.expire(start + 39 * SECOND), []);
        assert!(!roster.is_quiet());
        assert_eq!(roster.expire(start + 40 * SECOND), [Change::Idle(ADA)]);
        assert_eq!((roster.next_expiry(), roster.active(), roster.is_quiet()), (None, vec![], true));
        assert_eq!(roster.expire(start + 50 * SECOND), [], "told once");
    }

    #[test]
    fn whoever_comes_back_in_time_was_never_idle() {
        let start = Instant::now();
        let mut roster = Roster::new(TIMES, vec![person(1, "Ada")]);
        roster.here(ConnectionId(1), ADA, start).unwrap();
        roster.gone(ConnectionId(1), start);
        assert_eq!(roster.here(ConnectionId(2), ADA, start + 29 * SECOND), Ok(None));
        assert_eq!(roster.expire(start + 60 * SECOND), []);
    }

    #[test]
    fn a_connection_that_nobody_hears_of_is_cleaned_up() {
        let start = Instant::now();
        let mut roster = Roster::new(TIMES, vec![person(1, "Ada")]);
        roster.here(ConnectionId(1), ADA, start).unwrap();
        assert_eq!(roster.expire(start + 90 * SECOND), []);
        assert_eq!(roster.count(), (1, 0));
        assert_eq!(roster.expire(start + 120 * SECOND), [Change::Idle(ADA)]);
    }

    #[test]
    fn a_stranger_has_no_connection_and_whoever_leaves_has_none_any_more() {
        let start = Instant::now();
        let mut roster = Roster::new(TIMES, vec![person(1, "Ada")]);
        assert_eq!(roster.here(ConnectionId(7), PersonId(2), start), Err(Stranger));
        assert_eq!(roster.replace(vec![person(1, "Ada"), person(2, "Bob")]), [Change::Joined(person(2, "Bob"))]);
        roster.here(ConnectionId(7), PersonId(2), start).unwrap();
        assert_eq!(
            roster.replace(vec![person(1, "Ada L")]),
            [Change::Joined(person(1, "Ada L")), Change::Left(PersonId(2))]
        );
        assert_eq!((roster.count(), roster.next_expiry()), ((1, 0), None));
        assert_eq!(roster.rename(person(2, "Bobby")), None);
        assert_eq!(roster.rename(person(1, "Ada L")), None);
        assert_eq!(roster.rename(person(1, "Ada")), Some(Change::Joined(person(1, "Ada"))));
    }

    /// What happens, at a second of its own. Connection `c` is always that of person `c % 3`.
    #[derive(Clone, Debug)]
    enum Step {
        Here(u64),
        Gone(u64),
        Members(Vec<bool>),
    }

    fn step() -> impl Strategy<Value = Step> {
        prop_oneof![
            4 => (0u64..6).prop_map(Step::Here),
            3 => (0u64..6).prop_map(Step::Gone),
            1 => prop::collection::vec(any::<bool>(), 3).prop_map(Step::Members),
        ]
    }

    proptest! {
        /// Against the naive model: who belongs to it, and for each connection and each person when they were last there.
        #[test]
        fn everybody_is_what_their_past_says(steps in prop::collection::vec(prop::option::weighted(0.4, step()), 1..200)) {
            let start = Instant::now();
            let times = Times { idle: 3 * SECOND, lease: 9 * SECOND };
            let mut belongs = [true, true, false];
            let all = |belongs: &[bool]| -> Vec<Person> {
                (0..3i64).filter(|&id| belongs[usize::try_from(id).unwrap()]).map(|id| person(id, "x")).collect()
            };
            let mut roster = Roster::new(times, all(&belongs));
            let mut told_belongs = belongs;
            let mut told_active = [false; 3];
            let mut heard: BTreeMap<u64, u64> = BTreeMap::new();
            let mut left: [Option<u64>; 3] = [None; 3];
            let owner = |connection: u64| usize::try_from(connection % 3).unwrap();
            for (second, step) in (0u64..).zip(steps) {
                let now = start + Duration::from_secs(second);
                let due = roster.next_expiry().is_some_and(|next| next <= now);
                let mut changes = if due { roster.expire(now) } else { Vec::new() };
                for (connection, at) in heard.clone() {
                    if second >= at + 9 {
                        heard.remove(&connection);
                        left[owner(connection)] = Some(second);
                    }
                }
                match step {
                    Some(Step::Here(connection)) => {
                        let result = roster.here(ConnectionId(connection), PersonId(i64::try_from(owner(connection)).unwrap()), now);
                        prop_assert_eq!(result.is_ok(), belongs[owner(connection)]);
                        if let Ok(change) = result {
                            changes.extend(change);
                            heard.insert(connection, second);
                        }
                    }
                    Some(Step::Gone(connection)) => {
                        roster.gone(ConnectionId(connection), now);
                        if heard.remove(&connection).is_some() {
                            left[owner(connection)] = Some(second);
                        }
                    }
                    Some(Step::Members(next)) => {
                        changes.extend(roster.replace(all(&next)));
                        for at in 0..3 {
                            if !next[at] {
                                heard.retain(|&connection, _| owner(connection) != at);
                                left[at] = None;
                            }
                        }
                        belongs.copy_from_slice(&next);
                    }
                    None => {}
                }
                for change in changes {
                    let at = |person: PersonId| usize::try_from(person.0).unwrap();
                    match change {
                        Change::Joined(person) => prop_assert!(!std::mem::replace(&mut told_belongs[at(person.id)], true)),
                        Change::Left(person) => {
                            prop_assert!(std::mem::replace(&mut told_belongs[at(person)], false));
                            told_active[at(person)] = false;
                        }
                        Change::Active(person) => prop_assert!(!std::mem::replace(&mut told_active[at(person)], true)),
                        Change::Idle(person) => prop_assert!(std::mem::replace(&mut told_active[at(person)], false)),
                    }
                }
                for at in 0..3 {
                    let there = heard.keys().any(|&connection| owner(connection) == at);
                    let active = there || left[at].is_some_and(|left| second < left + 3);
                    prop_assert_eq!(told_active[at], active, "second {}, person {}", second, at);
                    prop_assert_eq!(roster.active().contains(&PersonId(i64::try_from(at).unwrap())), active);
                }
                prop_assert_eq!(told_belongs, belongs);
                prop_assert_eq!(roster.count().1, heard.len());
                prop_assert!(roster.next_expiry().is_none_or(|next| next > now));
            }
        }
    }
}

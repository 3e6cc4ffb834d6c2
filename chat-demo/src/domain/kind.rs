//! Kinds of rooms, and who may be in them.

use super::PersonId;
use super::workspace::{ChannelName, WorkspaceCode};

/// What kind of room it is; it never becomes another.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum RoomKind {
    /// Open to whoever has its code.
    Open,
    /// Between two people.
    Direct(Pair),
    /// A channel of a workspace, for its members.
    Channel(ChannelOf),
}

/// Of which workspace a room is a channel, as it is found out for somebody.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ChannelOf {
    /// The workspace.
    pub workspace: WorkspaceCode,
    /// What the room is called there.
    pub name: ChannelName,
    /// Whoever it was found out for, if they belong to the workspace. That can change, so that it is never kept.
    pub member: Option<PersonId>,
}

/// Two people in no order, or one with themselves.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Pair {
    low: PersonId,
    high: PersonId,
}

impl RoomKind {
    /// Whether somebody may be in such a room: read it, and say something there. Nobody is `None`: whoever has not given
    /// a name.
    ///
    /// This alone decides. [`Rooms::enter`](super::room::Rooms::enter) asks it before anything is shown, and before each
    /// join, message and change; the process of the room once more.
    pub fn admits(&self, who: Option<PersonId>) -> bool {
        match self {
            Self::Open => true,
            Self::Direct(pair) => who.is_some_and(|who| pair.has(who)),
            Self::Channel(channel) => who.is_some() && channel.member == who,
        }
    }
}

impl Pair {
    /// These two, in whichever order.
    pub fn of(one: PersonId, other: PersonId) -> Self {
        Self { low: one.min(other), high: one.max(other) }
    }

    /// Whether somebody is one of them.
    pub fn has(self, who: PersonId) -> bool {
        who == self.low || who == self.high
    }

    /// Whom `me` talks with: `me`, if they talk with themselves.
    pub fn other(self, me: PersonId) -> PersonId {
        if me == self.low { self.high } else { self.low }
    }

    /// The lower number, and the higher.
    pub fn ordered(self) -> (PersonId, PersonId) {
        (self.low, self.high)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn a_room_between_two_admits_them_and_nobody_else(one in 1i64..6, other in 1i64..6, who in 1i64..6) {
            let [one, other, who] = [one, other, who].map(PersonId);
            let pair = Pair::of(one, other);
            prop_assert_eq!(pair, Pair::of(other, one));
            prop_assert_eq!((pair.other(one), pair.other(other)), (other, one));
            let room = RoomKind::Direct(pair);
            prop_assert_eq!(room.admits(Some(who)), who == one || who == other);
            prop_assert!(!room.admits(None));
            prop_assert!(RoomKind::Open.admits(Some(who)) && RoomKind::Open.admits(None));
        }

        #[test]
        fn a_channel_admits_whoever_was_found_to_belong_and_nobody_else(member in prop::option::of(1i64..4), who in prop::option::of(1i64..4)) {
            let [member, who] = [member, who].map(|id| id.map(PersonId));
            let workspace = "22222222".parse().unwrap();
            let room = RoomKind::Channel(ChannelOf { workspace, name: ChannelName::parse("general").unwrap(), member });
            prop_assert_eq!(room.admits(who), who.is_some() && member == who);
        }
    }
}

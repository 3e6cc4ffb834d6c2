//! What lies over the conversation and takes the keys meanwhile.

use super::editor::Editor;
use super::places::{Around, Places};
use super::teams::Shown;
use crate::domain::workspace::ChannelName;
use crate::domain::{RoomCode, Seq};
use crate::web::socket::protocol::Unread;

/// See the module.
#[derive(Debug)]
pub(crate) enum Dialog {
    /// Commands and keys, from this row on.
    Help(usize),
    /// Who is here, from this row on.
    People(usize),
    /// Goes to another room.
    Switcher(Switcher),
    /// What was found, or what mentions them.
    Places(Places),
    /// One of these among those around it.
    Around(Box<Around>),
    /// A workspace: its channels and members.
    Team(Shown),
    /// There is no channel of this name in the workspace of this code: is it to be made?
    Channel(String, ChannelName),
    /// There is no room of this code: is it to be made?
    Create(RoomCode),
    /// Is this message to be deleted?
    Delete(Seq),
    /// Is the program to end, though so many messages are not sent?
    Quit(usize),
}

/// Finds a room by a part of its code, or of the name of whom one talks with there.
#[derive(Debug, Default)]
pub(crate) struct Switcher {
    pub(crate) field: Editor,
    pub(crate) chosen: usize,
}

impl Switcher {
    /// What is searched for.
    pub(crate) fn wanted(&self) -> String {
        self.field.text().chars().filter(|c| c.is_alphanumeric()).collect::<String>().to_uppercase()
    }

    /// The rooms that fit, but for this one: first those that mention whoever is here, then those with something new.
    pub(crate) fn found<'r>(&self, rooms: &'r [Unread], here: RoomCode) -> Vec<&'r Unread> {
        let wanted = self.wanted();
        let bare = |name: &str| name.chars().filter(|c| c.is_alphanumeric()).collect::<String>().to_uppercase();
        let fits = |room: &&Unread| {
            let names = [
                Some(&*room.code),
                room.with.as_ref().map(|who| &*who.name),
                room.name.as_deref(),
                room.workspace.as_deref(),
            ];
            room.code != here.as_str() && names.into_iter().flatten().any(|name| bare(name).contains(&wanted))
        };
        let mut found: Vec<_> = rooms.iter().filter(fits).collect();
        found.sort_by_key(|room| std::cmp::Reverse((room.mentions, room.unread)));
        found
    }

    /// The next of so many, or the one before.
    pub(crate) fn step(&mut self, down: bool, count: usize) {
        if count > 0 {
            self.chosen = (self.chosen + if down { 1 } else { count - 1 }) % count;
        }
    }
}

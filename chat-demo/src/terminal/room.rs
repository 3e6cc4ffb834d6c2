//! One room as it is shown: what was said, who is there, what is being written.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Instant;

use super::connection::Connection;
use super::conversation::Conversation;
use super::editor::Editor;
use super::uploads::Upload;
use crate::domain::{PersonId, RoomCode, Seq};
use crate::web::socket::protocol::{OneChannel, Who};

/// See the module.
#[derive(Debug)]
pub(crate) struct Room {
    pub(crate) code: RoomCode,
    pub(crate) connection: Connection,
    pub(crate) talk: Conversation,
    pub(crate) people: People,
    /// The workspace that it is a channel of.
    pub(crate) workspace: Option<Workspace>,
    /// Files on their way, and those that did not get there.
    pub(crate) uploads: Vec<Upload>,
    pub(crate) editor: Editor,
    /// The message that is being edited, and what was being written before.
    pub(crate) editing: Option<(Seq, Editor)>,
    /// How many messages of others have come that nobody has seen.
    pub(crate) news: usize,
    /// The message at the bottom of what is shown, and how many of its rows are below; nothing at the end.
    pub(crate) bottom: Option<(Seq, usize)>,
}

/// A workspace, as one of its channels knows it.
#[derive(Clone, Debug)]
pub(crate) struct Workspace {
    pub(crate) code: String,
    pub(crate) name: String,
    pub(crate) channels: Vec<OneChannel<'static>>,
}

impl Room {
    pub(crate) fn new(code: RoomCode, now: Instant) -> Self {
        Self {
            code,
            connection: Connection::new(now, rand::random()),
            talk: Conversation::default(),
            people: People::default(),
            workspace: None,
            uploads: Vec::new(),
            editor: Editor::default(),
            editing: None,
            news: 0,
            bottom: None,
        }
    }

    /// Takes what was being written before back into the field.
    pub(crate) fn end_edit(&mut self) {
        if let Some((_, draft)) = self.editing.take() {
            self.editor = draft;
        }
    }

    /// Messages and files that are not there.
    pub(crate) fn unsent(&self) -> usize {
        self.connection.outbox.unsent() + self.uploads.len()
    }

    /// Whether something of it would be lost if it were forgotten.
    pub(crate) fn is_worth_keeping(&self) -> bool {
        self.unsent() > 0 || self.connection.outbox.is_busy() || !self.editor.text().is_empty()
    }
}

/// Who is in a room.
#[derive(Debug, Default)]
pub(crate) struct People {
    members: BTreeMap<PersonId, String>,
    away: BTreeSet<PersonId>,
    writing: BTreeSet<PersonId>,
}

impl People {
    /// All who are there, in the place of those that were known.
    pub(crate) fn set(&mut self, members: Vec<Who<'static>>, away: Vec<PersonId>) {
        self.members = members.into_iter().map(|who| (who.id, who.name.into_owned())).collect();
        self.away = away.into_iter().collect();
        self.writing.clear();
    }

    /// Somebody came, or has another name; the name that they had.
    pub(crate) fn joined(&mut self, who: &Who<'static>) -> Option<String> {
        self.members.insert(who.id, who.name.to_string())
    }

    /// Somebody went; who it was.
    pub(crate) fn left(&mut self, id: PersonId) -> Option<String> {
        self.away.remove(&id);
        self.writing.remove(&id);
        self.members.remove(&id)
    }

    pub(crate) fn presence(&mut self, id: PersonId, away: bool) {
        if away {
            self.away.insert(id)
        } else {
            self.away.remove(&id)
        };
    }

    pub(crate) fn typing(&mut self, id: PersonId, on: bool) {
        if on {
            self.writing.insert(id)
        } else {
            self.writing.remove(&id)
        };
    }

    /// Nobody is known to write while there is no connection.
    pub(crate) fn silence(&mut self) {
        self.writing.clear();
    }

    pub(crate) fn is_away(&self, id: PersonId) -> bool {
        self.away.contains(&id)
    }

    pub(crate) fn count(&self) -> usize {
        self.members.len()
    }

    /// Numbers, names, and whether they are away; by name.
    pub(crate) fn by_name(&self) -> Vec<(PersonId, &str, bool)> {
        let mut all: Vec<_> =
            self.members.iter().map(|(&id, name)| (id, name.as_str(), self.away.contains(&id))).collect();
        all.sort_by_key(|(id, name, _)| (name.to_lowercase(), *id));
        all
    }

    /// Who writes, in words; nothing if nobody does.
    pub(crate) fn writing(&self, me: Option<PersonId>) -> String {
        let others = self.writing.iter().filter(|&&id| Some(id) != me);
        let names: Vec<&str> = others.filter_map(|id| self.members.get(id)).map(String::as_str).collect();
        match &names[..] {
            [] => String::new(),
            [one] => format!("{one} is writing…"),
            [one, two] => format!("{one} and {two} are writing…"),
            more => format!("{} people are writing…", more.len()),
        }
    }
}

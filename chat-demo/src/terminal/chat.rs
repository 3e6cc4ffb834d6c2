//! The whole of the client's state: what happens to it, and what is to be done then. No task, no clock, no terminal.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use crossterm::event::KeyEvent;
use jiff::tz::TimeZone;

use super::connection::{self, Input, Over, Status, Trouble};
use super::dialog::Dialog;
use super::editor::Editor;
use super::outbox::Ended;
use super::request::{Answer, Request};
use super::room::{Room, Workspace};
use super::uploads::{Progress, Unsent};
use crate::domain::{PersonId, RoomCode};
use crate::web::socket::protocol::{ClientFrame, Said, ServerFrame, Unread, Who};

/// How long a note is shown, and one that calls somebody.
const NOTE: Duration = Duration::from_secs(4);
const LONG_NOTE: Duration = Duration::from_secs(15);

/// What happens.
#[derive(Debug)]
pub(crate) enum Event {
    Key(KeyEvent),
    Paste(String),
    /// Whether the terminal has the attention of its person.
    Focus(bool),
    /// Something about one try of the connection to a room.
    Connection(RoomCode, u64, Input),
    /// What was asked has been answered, or not.
    Answered(Request, Result<Answer, Trouble>),
    /// A file is on its way, so far.
    Uploading(RoomCode, String, Progress),
    /// A file is there, or not.
    Uploaded(RoomCode, String, Result<(), Unsent>),
}

/// What is to be done.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Effect {
    Fetch(RoomCode, u64),
    Dial(RoomCode, u64),
    Send(RoomCode, ClientFrame),
    HangUp(RoomCode),
    Ask(Request),
    Upload(RoomCode, String, PathBuf),
    CancelUpload(String),
    Bell,
    Redraw,
    Suspend,
    Quit,
}

/// See the module.
#[derive(Debug)]
pub(crate) struct Chat {
    pub(crate) rooms: BTreeMap<RoomCode, Room>,
    pub(crate) current: RoomCode,
    /// Their rooms, the newest last.
    pub(crate) list: Vec<Unread>,
    /// How many notifications they have not seen, up to 100.
    pub(crate) notices: u64,
    pub(crate) me: Option<Who<'static>>,
    pub(crate) dialog: Option<Dialog>,
    pub(crate) size: (u16, u16),
    /// Where the server is, for the links to files.
    pub(crate) origin: String,
    /// Where its person is, for days and hours.
    pub(crate) zone: TimeZone,
    pub(crate) focused: bool,
    note: Option<(String, Instant)>,
    pub(super) effects: Vec<Effect>,
}

impl Chat {
    /// Begins with one room.
    pub(crate) fn new(origin: &str, room: RoomCode, size: (u16, u16), now: Instant) -> Self {
        Self {
            rooms: BTreeMap::from([(room, Room::new(room, now))]),
            current: room,
            list: Vec::new(),
            notices: 0,
            me: None,
            dialog: None,
            size,
            origin: origin.to_owned(),
            zone: TimeZone::UTC,
            focused: true,
            note: None,
            effects: Vec::new(),
        }
    }

    /// The room that is shown.
    pub(crate) fn room(&self) -> &Room {
        &self.rooms[&self.current]
    }

    /// What a room is called in their list, or its code.
    pub(crate) fn name_of(&self, code: &str) -> String {
        self.list.iter().find(|room| room.code == code).map_or_else(|| grouped(code), |room| called(room, self.my_id()))
    }

    pub(super) fn room_mut(&mut self) -> &mut Room {
        self.rooms.get_mut(&self.current).expect("the room that is shown is kept")
    }

    /// Who they are, once it is known.
    pub(crate) fn my_id(&self) -> Option<PersonId> {
        self.me.as_ref().map(|me| me.id)
    }

    /// The line below the conversation.
    pub(crate) fn status(&self, now: Instant) -> (Status, String) {
        let status = self.room().connection.status(now);
        let text = match (&status, &self.note) {
            (_, Some((note, _))) => note.clone(),
            (Status::Live, None) => "Connected".into(),
            (Status::Connecting { again: false }, None) => "Connecting…".into(),
            (Status::Connecting { again: true }, None) => "Connecting again…".into(),
            (Status::Waiting { why, seconds }, None) if *seconds > 1 => {
                format!("{why}. Trying again in {seconds} s, Ctrl+R now")
            }
            (Status::Waiting { why, .. }, None) => format!("{why}. Trying again…"),
            (Status::Over(Over::Session), None) => "Your session has ended. Leave with Ctrl+C and come in again".into(),
            (Status::Over(Over::NoRoom), None) => "There is no such room. Ctrl+K goes to another one".into(),
            (Status::Over(Over::Left), None) => "You have left this room".into(),
            (Status::Over(Over::Other(why)), None) => format!("{why}. Ctrl+R connects again"),
        };
        (status, text)
    }

    /// What is to be done now, in this order.
    pub(crate) fn effects(&mut self) -> Vec<Effect> {
        std::mem::take(&mut self.effects)
    }

    /// When to [`tick`](Self::tick) next.
    pub(crate) fn deadline(&self, now: Instant) -> Option<Instant> {
        let connections = self.rooms.values().filter_map(|room| room.connection.deadline());
        // The seconds that are left are counted down.
        let counts = matches!(self.room().connection.status(now), Status::Waiting { .. });
        let second = counts.then(|| now + Duration::from_secs(1));
        connections.chain(self.note.as_ref().map(|(_, until)| *until)).chain(second).min()
    }

    /// Time has passed.
    pub(crate) fn tick(&mut self, now: Instant) {
        self.note.take_if(|(_, until)| *until <= now);
        for code in self.codes() {
            self.rooms.get_mut(&code).expect("it is there").connection.tick(now);
        }
        self.settle(now);
    }

    /// Something has happened.
    pub(crate) fn handle(&mut self, event: Event, now: Instant) {
        match event {
            Event::Key(key) => self.key(key, now),
            Event::Paste(text) => self.paste(&text, now),
            Event::Focus(focused) => self.focused = focused,
            Event::Connection(code, attempt, input) => {
                if let Some(room) = self.rooms.get_mut(&code) {
                    room.connection.hear(attempt, input, now);
                    let missing = room.connection.status(now) == Status::Over(Over::NoRoom);
                    if missing && code == self.current && self.dialog.is_none() {
                        self.dialog = Some(Dialog::Create(code));
                    }
                }
            }
            Event::Answered(request, answer) => self.answered(&request, answer, now),
            Event::Uploading(room, id, progress) => self.uploading(room, &id, progress),
            Event::Uploaded(room, id, result) => self.uploaded(room, &id, result, now),
        }
        self.settle(now);
    }

    /// Shows something for a while.
    pub(super) fn say(&mut self, text: impl Into<String>, now: Instant) {
        self.note = Some((text.into(), now + NOTE));
    }

    pub(super) fn say_long(&mut self, text: impl Into<String>, now: Instant) {
        self.note = Some((text.into(), now + LONG_NOTE));
    }

    /// Goes to a room. What was being written in the one before is kept, and what is on its way is sent.
    pub(super) fn open(&mut self, code: RoomCode, now: Instant) {
        self.dialog = None;
        if code == self.current {
            return;
        }
        let before = self.room_mut();
        before.end_edit();
        before.connection.stop_typing();
        // One channel knows of the others, before the server tells of them there.
        let has = |workspace: &&Workspace| workspace.channels.iter().any(|channel| channel.code == code.as_str());
        let workspace = before.workspace.as_ref().filter(has).cloned();
        self.current = code;
        let room = self.rooms.entry(code).or_insert_with(|| Room::new(code, now));
        room.workspace = workspace.or(room.workspace.take());
        room.connection.connect(now);
        room.bottom = None;
    }

    fn codes(&self) -> Vec<RoomCode> {
        self.rooms.keys().copied().collect()
    }

    /// Does what the connections ask for, and lets go of rooms that nobody looks at when nothing of them is on its way.
    fn settle(&mut self, now: Instant) {
        for code in self.codes() {
            let room = self.rooms.get_mut(&code).expect("it is there");
            let shown = code == self.current;
            if !shown && !room.connection.outbox.is_busy() && !room.connection.is_left() {
                room.connection.leave(now);
            }
            for effect in room.connection.effects() {
                self.connection_effect(code, effect, now);
            }
            let room = &self.rooms[&code];
            if !shown && room.connection.is_left() && !room.is_worth_keeping() {
                self.rooms.remove(&code);
            }
        }
        let focused = self.focused;
        let room = self.room_mut();
        if focused && room.bottom.is_none() && room.connection.is_live() {
            room.news = 0;
            room.connection.read(now);
            let code = room.code;
            for effect in room.connection.effects() {
                self.connection_effect(code, effect, now);
            }
        }
    }

    fn connection_effect(&mut self, code: RoomCode, effect: connection::Effect, now: Instant) {
        let room = self.rooms.get_mut(&code).expect("it asks for something");
        match effect {
            connection::Effect::Fetch => self.effects.push(Effect::Fetch(code, room.connection.attempt())),
            connection::Effect::Dial => self.effects.push(Effect::Dial(code, room.connection.attempt())),
            connection::Effect::Send(frame) => self.effects.push(Effect::Send(code, frame)),
            connection::Effect::HangUp => {
                room.people.silence();
                self.effects.push(Effect::HangUp(code));
            }
            connection::Effect::Past(past) => {
                room.talk = super::conversation::Conversation::begin(past);
                room.bottom = None;
                if let Some(me) = self.me.as_ref() {
                    room.talk.mark_unread(me.id);
                }
            }
            connection::Effect::Ended(Ended::Failed(frame, text)) => {
                match frame {
                    ClientFrame::Post { .. } => {}
                    ClientFrame::Direct { text: written, .. } => {
                        // What was to be said is not lost.
                        if room.editor.text().is_empty() {
                            room.editor = Editor::with(&format!("/msg {written}"));
                        }
                        self.say_long(text, now);
                    }
                    _ => self.say_long(format!("Not changed. {text}"), now),
                }
            }
            connection::Effect::Ended(_) => {}
            connection::Effect::Show(frame) => self.show(code, frame, now),
        }
    }

    fn show(&mut self, code: RoomCode, frame: ServerFrame<'static>, now: Instant) {
        let me = self.my_id();
        let here = code == self.current;
        let room = self.rooms.get_mut(&code).expect("it was heard in it");
        match frame {
            ServerFrame::Welcome { you, members, away, .. } => {
                room.talk.mark_unread(you.id);
                room.people.set(members, away);
                self.me = Some(you);
            }
            ServerFrame::Message(said) => self.message(code, said),
            ServerFrame::Changed(said) => {
                let deleted = said.state.as_deref() == Some("deleted");
                if deleted && room.editing.as_ref().is_some_and(|(seq, _)| *seq == said.seq) {
                    room.end_edit();
                }
                room.talk.change(said);
            }
            ServerFrame::Members { members, away } => room.people.set(members, away),
            ServerFrame::Joined { person } => {
                let known = room.people.joined(&person);
                let name = &person.name;
                let note = match known {
                    Some(known) if known == *name => None,
                    _ if me == Some(person.id) => known.map(|_| format!("You are {name} now")),
                    Some(known) => Some(format!("{known} is now {name}")),
                    None => Some(format!("{name} is here")),
                };
                if me == Some(person.id) {
                    self.me = Some(person);
                }
                if let Some(note) = note.filter(|_| here) {
                    self.say(note, now);
                }
            }
            ServerFrame::Left { id } => {
                if let Some(name) = room.people.left(id).filter(|_| here) {
                    self.say(format!("{name} left"), now);
                }
            }
            ServerFrame::Presence { id, status } => room.people.presence(id, status == "away"),
            ServerFrame::Typing { id, on } => room.people.typing(id, on),
            ServerFrame::Rooms { rooms, notices } => (self.list, self.notices) = (rooms, notices),
            ServerFrame::Direct { room, .. } => {
                if let Some(code) = room.parse().ok().filter(|_| here) {
                    self.open(code, now);
                }
            }
            ServerFrame::Mentioned { room, by, direct, .. } => {
                let name = &by.name;
                let text = if direct {
                    format!("{name} writes to you, Ctrl+K goes there")
                } else {
                    format!("{name} mentions you in {}, Ctrl+N shows it", self.name_of(&room))
                };
                self.say_long(text, now);
                self.effects.push(Effect::Bell);
            }
            ServerFrame::Announced { by, text } => self.say_long(format!("{} to all: {text}", by.name), now),
            ServerFrame::Workspace { code, name, channels } => {
                room.workspace = Some(Workspace { code, name: name.into_owned(), channels });
            }
            ServerFrame::Refused { text, .. } => self.say(text, now),
            _ => {}
        }
    }

    fn message(&mut self, code: RoomCode, said: Said<'static>) {
        let mine = self.my_id() == Some(said.author.id);
        let called = said.mentions.iter().any(|who| Some(who.id) == self.my_id());
        let looked_at = code == self.current && self.focused;
        let room = self.rooms.get_mut(&code).expect("it was said in it");
        room.people.typing(said.author.id, false);
        let seen = looked_at && room.bottom.is_none();
        if !mine && !seen {
            if room.news == 0 {
                room.talk.unread = Some(said.seq);
            }
            room.news += 1;
        }
        room.talk.push(said, room.bottom.is_none());
        if called && !looked_at {
            self.effects.push(Effect::Bell);
        }
    }
}

/// What a room is called: after the other, if it is one between two; by its own name, if it is a channel.
pub(crate) fn called(room: &Unread, me: Option<PersonId>) -> String {
    match &room.with {
        Some(who) if Some(who.id) == me => "Notes to yourself".into(),
        Some(who) => who.name.to_string(),
        None => match (&room.name, &room.workspace) {
            (Some(name), Some(workspace)) => format!("{name} · {workspace}"),
            _ => grouped(&room.code),
        },
    }
}

/// A code as it is shown and read aloud.
pub(crate) fn grouped(code: &str) -> String {
    code.parse::<RoomCode>().map_or_else(|_| code.to_owned(), |code| code.grouped())
}

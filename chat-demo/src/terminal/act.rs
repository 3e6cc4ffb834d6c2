//! What the person does: keys and what they ask for.

use std::time::Instant;

use crossterm::event::{KeyEvent, KeyEventKind};

use super::chat::{Chat, Effect};
use super::commands::{Written, understand};
use super::dialog::{Dialog, Switcher};
use super::editor::Editor;
use super::keys::{self, Action};
use super::outbox::new_id;
use super::request::Request;
use super::view;
use crate::domain::{Kind, MAX_BODY_BYTES, UnixMillis};
use crate::web::socket::protocol::{ClientFrame, Said};

impl Chat {
    pub(super) fn key(&mut self, key: KeyEvent, now: Instant) {
        if key.kind == KeyEventKind::Release {
            return;
        }
        let away = self.my_id().is_some_and(|me| self.room().people.is_away(me));
        self.room_mut().connection.active(away, now);
        let Some(action) = keys::action(key) else { return };
        match self.dialog.take() {
            Some(dialog) => self.dialog = self.act_in(dialog, action, now),
            None => self.act(action, now),
        }
    }

    pub(super) fn paste(&mut self, text: &str, now: Instant) {
        match &mut self.dialog {
            Some(Dialog::Switcher(switcher)) => {
                switcher.field.insert(text);
            }
            Some(_) => {}
            None => self.write(text, now),
        }
    }

    fn act(&mut self, action: Action, now: Instant) {
        let editor = &mut self.room_mut().editor;
        match action {
            Action::Insert('?') if editor.text().is_empty() => self.dialog = Some(Dialog::Help(0)),
            Action::Insert(c) => self.write(c.encode_utf8(&mut [0; 4]), now),
            Action::NewLine => self.write("\n", now),
            Action::Send => self.submit(now),
            Action::Left => editor.left(),
            Action::Right => editor.right(),
            Action::WordLeft => editor.word_left(),
            Action::WordRight => editor.word_right(),
            Action::Home => editor.home(),
            Action::End => editor.end(),
            Action::Up => self.up(now),
            Action::Down => {
                let width = view::field_width(self.size);
                self.room_mut().editor.vertical(false, width);
            }
            Action::Backspace | Action::Delete | Action::DeleteWord | Action::DeleteLine => {
                match action {
                    Action::Backspace => editor.backspace(),
                    Action::Delete => editor.delete_next(),
                    Action::DeleteWord => editor.delete_word(),
                    _ => editor.delete_line(),
                }
                self.written(now);
            }
            Action::PageUp => self.scroll(true),
            Action::PageDown => self.scroll(false),
            Action::Bottom => self.room_mut().bottom = None,
            Action::Complete => self.complete(now),
            Action::Switch => self.dialog = Some(Dialog::Switcher(Switcher::default())),
            Action::PreviousRoom => self.step(false, now),
            Action::NextRoom => self.step(true, now),
            Action::Help => self.dialog = Some(Dialog::Help(0)),
            Action::Notifications => self.list_notices(),
            Action::People => self.dialog = Some(Dialog::People(0)),
            Action::Again => {
                let connection = &mut self.room_mut().connection;
                connection.connect(now);
                connection.retry(now);
                self.retry_uploads();
            }
            Action::Discard => match self.discard() {
                0 => self.say("There is nothing that was not sent", now),
                count => self.say(format!("{} discarded", counted(count, "message")), now),
            },
            Action::DeleteMessage => match self.room().editing {
                Some((seq, _)) => self.dialog = Some(Dialog::Delete(seq)),
                None => self.say("Up edits your last message, and Ctrl+D deletes it then", now),
            },
            Action::Escape => {
                let room = self.room_mut();
                if room.editing.is_some() { room.end_edit() } else { room.bottom = None }
            }
            Action::Redraw => self.effects.push(Effect::Redraw),
            Action::Suspend => self.effects.push(Effect::Suspend),
            Action::Quit => self.quit(),
        }
    }

    /// What a key does to a dialog; what lies there then.
    fn act_in(&mut self, dialog: Dialog, action: Action, now: Instant) -> Option<Dialog> {
        if matches!(action, Action::Escape) && !matches!(dialog, Dialog::Around(_)) {
            return None;
        }
        match (dialog, action) {
            (Dialog::Quit(_), Action::Quit) => {
                self.effects.push(Effect::Quit);
                None
            }
            (dialog, Action::Quit) => {
                self.quit();
                self.dialog.take().or(Some(dialog))
            }
            (Dialog::Help(_), Action::Insert('?')) => {
                self.write("?", now);
                None
            }
            (Dialog::Help(row), Action::Up) => Some(Dialog::Help(row.saturating_sub(1))),
            (Dialog::Help(row), Action::Down) => Some(Dialog::Help(row + 1)),
            (Dialog::Help(row), Action::PageUp) => Some(Dialog::Help(row.saturating_sub(8))),
            (Dialog::Help(row), Action::PageDown) => Some(Dialog::Help(row + 8)),
            (Dialog::People(row), Action::Up | Action::PageUp) => Some(Dialog::People(row.saturating_sub(1))),
            (Dialog::People(row), Action::Down | Action::PageDown) => Some(Dialog::People(row + 1)),
            (Dialog::Help(_) | Dialog::People(_), Action::Send | Action::Help | Action::People) => None,
            (Dialog::Create(code), Action::Send) => {
                self.effects.push(Effect::Ask(Request::Create(code)));
                None
            }
            (Dialog::Channel(workspace, name), Action::Send) => {
                self.effects.push(Effect::Ask(Request::OpenChannel(workspace, name.as_str().to_owned())));
                None
            }
            (Dialog::Team(shown), action) => self.act_in_team(shown, action, now),
            (Dialog::Delete(seq), Action::Send) => {
                self.room_mut().end_edit();
                let id = new_id();
                self.wish(id.clone(), ClientFrame::Delete { id, seq }, now);
                None
            }
            (Dialog::Places(places), action) => self.act_in_places(places, action),
            (Dialog::Around(around), action) => self.act_in_around(around, action, now),
            (Dialog::Switcher(switcher), action) => self.act_in_switcher(switcher, action, now),
            (dialog, _) => Some(dialog),
        }
    }

    fn act_in_switcher(&mut self, mut switcher: Switcher, action: Action, now: Instant) -> Option<Dialog> {
        let rooms = self.anywhere();
        let count = switcher.found(&rooms, self.current).len();
        match action {
            Action::Insert(c) => {
                switcher.field.insert(c.encode_utf8(&mut [0; 4]));
                switcher.chosen = 0;
            }
            Action::Backspace => switcher.field.backspace(),
            Action::DeleteLine | Action::DeleteWord => switcher.field = Editor::default(),
            Action::Down | Action::NextRoom => switcher.step(true, count),
            Action::Up | Action::PreviousRoom => switcher.step(false, count),
            Action::Switch => return None,
            Action::Send => {
                let found = switcher.found(&rooms, self.current);
                let code = found.get(switcher.chosen).map_or_else(|| switcher.wanted(), |room| room.code.clone());
                match code.parse() {
                    Ok(code) => {
                        self.open(code, now);
                        return None;
                    }
                    Err(error) => self.say(super::commands::sentence(&format!("{error}")), now),
                }
            }
            _ => {}
        }
        Some(Dialog::Switcher(switcher))
    }

    fn write(&mut self, text: &str, now: Instant) {
        if !self.room_mut().editor.insert(text) {
            self.say("This is more than a message can hold", now);
        }
        self.written(now);
    }

    /// The others are told that something is being written.
    fn written(&mut self, now: Instant) {
        let room = self.room_mut();
        if room.editing.is_none() && !room.editor.text().is_empty() {
            room.connection.typing(now);
        } else {
            room.connection.stop_typing();
        }
    }

    fn submit(&mut self, now: Instant) {
        let text = self.room().editor.text();
        if text.trim().is_empty() {
            return;
        }
        if text.len() > MAX_BODY_BYTES {
            return self.say("This message is too long. Please shorten it", now);
        }
        if let Some((seq, _)) = self.room().editing {
            let (id, body) = (new_id(), text.to_owned());
            self.room_mut().end_edit();
            return self.wish(id.clone(), ClientFrame::Edit { id, seq, body }, now);
        }
        let written = understand(text);
        if let Written::Problem(problem) = written {
            return self.say_long(problem, now);
        }
        self.room_mut().editor.take();
        self.room_mut().connection.stop_typing();
        self.obey(written, now);
    }

    fn obey(&mut self, written: Written, now: Instant) {
        match written {
            Written::Message(kind, body) => self.post(kind, body, now),
            Written::Nick(name) => {
                let id = new_id();
                self.wish(id.clone(), ClientFrame::Nick { id, name }, now);
            }
            Written::Direct(text) => {
                let id = new_id();
                self.wish(id.clone(), ClientFrame::Direct { id, person: None, text }, now);
            }
            Written::Search(words) => self.search(words),
            Written::Notifications => self.list_notices(),
            Written::Quiet(quiet) => self.effects.push(Effect::Ask(Request::Quiet(self.current, quiet))),
            Written::Who => self.dialog = Some(Dialog::People(0)),
            Written::Join(code) => self.open(code, now),
            Written::Channel(name) => self.join_channel(&name, now),
            Written::New => self.effects.push(Effect::Ask(Request::NewRoom)),
            Written::Workspace(code) => self.show_team(code, now),
            Written::Found(name) => self.found_team(name, now),
            Written::Announce(text) => self.in_team(|code| Request::Announce(code, text), now),
            Written::LeaveWorkspace => self.in_team(Request::LeaveTeam, now),
            Written::Leave => self.effects.push(Effect::Ask(Request::Leave(self.current))),
            Written::Send(path) => self.send_file(path, now),
            Written::Account => {
                let text = format!("In a browser: {0}/account, and {0}/account/notifications", self.origin);
                self.say_long(text, now);
            }
            Written::Help => self.dialog = Some(Dialog::Help(0)),
            Written::Quit => self.quit(),
            Written::Problem(problem) => self.say_long(problem, now),
        }
    }

    fn post(&mut self, kind: Kind, body: String, now: Instant) {
        self.room_mut().bottom = None;
        let id = new_id();
        self.wish(id.clone(), ClientFrame::Post { id, kind, body }, now);
    }

    fn wish(&mut self, id: String, frame: ClientFrame, now: Instant) {
        self.room_mut().connection.wish(id, frame, UnixMillis::now(), now);
    }

    /// Up in the field, or, from its first row, to edit one's last message or the one before.
    fn up(&mut self, now: Instant) {
        let width = view::field_width(self.size);
        let me = self.my_id();
        let room = self.room_mut();
        let before = room.editing.as_ref().map(|(seq, _)| *seq);
        let untouched = room.editor.text().is_empty()
            || before
                .and_then(|seq| room.talk.position(seq))
                .is_some_and(|at| room.talk.messages()[at].body == room.editor.text());
        if !untouched {
            room.editor.vertical(true, width);
        } else if let Some(said) = me.and_then(|me| room.talk.last_of(me, before)) {
            let (seq, body) = (said.seq, Editor::with(&said.body));
            let draft = std::mem::replace(&mut room.editor, body);
            let draft = room.editing.take().map_or(draft, |(_, draft)| draft);
            room.editing = Some((seq, draft));
            self.say("Editing your message. Esc leaves it as it is, Ctrl+D deletes it", now);
        }
    }

    fn step(&mut self, next: bool, now: Instant) {
        let count = self.list.len();
        let Some(at) = self.list.iter().position(|room| room.code == self.current.as_str()) else { return };
        let to = (at + if next { 1 } else { count - 1 }) % count;
        if let Ok(code) = self.list[to].code.parse() {
            self.open(code, now);
        }
    }

    /// Up or down by what is shown at once; earlier messages are asked for at the beginning.
    fn scroll(&mut self, up: bool) {
        let (bottom, at_top) = view::scrolled(self, up);
        let code = self.current;
        let room = self.room_mut();
        room.bottom = bottom;
        if up
            && at_top
            && let Some(before) = room.talk.ask_earlier()
        {
            self.effects.push(Effect::Ask(Request::Earlier(code, before)));
        }
    }

    /// Completes the name behind the last `@` before the cursor; again, the next name that fits.
    fn complete(&mut self, now: Instant) {
        let me = self.my_id();
        let room = self.room_mut();
        let before = room.editor.before();
        let Some(at) = before.rfind('@') else { return };
        let begun = before[at + 1..].to_owned();
        let names: Vec<&str> =
            room.people.by_name().into_iter().filter(|(id, ..)| Some(*id) != me).map(|(_, name, _)| name).collect();
        let whole = names.iter().position(|name| begun.strip_suffix(' ') == Some(name));
        let fits = |name: &&&str| name.to_lowercase().starts_with(&begun.to_lowercase());
        let found = match whole {
            Some(at) => names.get((at + 1) % names.len()),
            None => names.iter().find(fits),
        };
        match found {
            Some(name) => {
                let name = format!("{name} ");
                room.editor.replace_before(begun.len(), &name);
            }
            None => self.say("Nobody here is called that", now),
        }
    }

    /// Forgets what was not sent; if there is nothing, the files that are on their way. How many.
    fn discard(&mut self) -> usize {
        match self.room_mut().connection.outbox.discard() + self.discard_uploads(false) {
            0 => self.discard_uploads(true),
            count => count,
        }
    }

    /// Ends the program, unless something that was written would be lost by it.
    fn quit(&mut self) {
        match self.rooms.values().map(|room| room.unsent()).sum() {
            0 => self.effects.push(Effect::Quit),
            unsent => self.dialog = Some(Dialog::Quit(unsent)),
        }
    }
}

/// So many of something, in words.
pub(crate) fn counted(count: usize, what: &str) -> String {
    format!("{count} {what}{}", if count == 1 { "" } else { "s" })
}

/// Whether a message is shown under the same name as the one before.
pub(crate) fn together(previous: &Said<'_>, next: &Said<'_>) -> bool {
    const GAP: i64 = 5 * 60 * 1000;
    previous.author == next.author && next.at.0.saturating_sub(previous.at.0) < GAP
}

//! Which key does what: one table, which the help shows as well.

use crossterm::event::{KeyCode, KeyEvent, KeyModifiers};

/// What a key asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Action {
    Send,
    NewLine,
    Insert(char),
    Left,
    Right,
    WordLeft,
    WordRight,
    Home,
    End,
    Up,
    Down,
    Backspace,
    Delete,
    DeleteWord,
    DeleteLine,
    PageUp,
    PageDown,
    Bottom,
    Complete,
    Switch,
    PreviousRoom,
    NextRoom,
    Help,
    People,
    Notifications,
    Again,
    Discard,
    DeleteMessage,
    Escape,
    Redraw,
    Suspend,
    Quit,
}

const NONE: KeyModifiers = KeyModifiers::NONE;
const CONTROL: KeyModifiers = KeyModifiers::CONTROL;
const ALT: KeyModifiers = KeyModifiers::ALT;
const SHIFT: KeyModifiers = KeyModifiers::SHIFT;

use KeyCode::{Char, F};

/// Key, modifiers, what it does, and how the help says it; those without words are ways of writing that everybody knows.
#[rustfmt::skip]
const TABLE: &[(KeyCode, KeyModifiers, Action, &str, &str)] = &[
    (KeyCode::Enter, NONE, Action::Send, "Enter", "Send"),
    (KeyCode::Enter, ALT, Action::NewLine, "Alt+Enter, Ctrl+J", "Begin a new line"),
    (KeyCode::Enter, SHIFT, Action::NewLine, "", ""),
    (Char('j'), CONTROL, Action::NewLine, "", ""),
    (KeyCode::Tab, NONE, Action::Complete, "Tab", "Complete a name behind @"),
    (KeyCode::Up, NONE, Action::Up, "Up", "Edit your last message, again for the one before"),
    (KeyCode::Down, NONE, Action::Down, "", ""),
    (Char('d'), CONTROL, Action::DeleteMessage, "Ctrl+D", "Delete the message that you are editing"),
    (KeyCode::Esc, NONE, Action::Escape, "Esc", "Leave it as it was; close; to the newest message"),
    (KeyCode::PageUp, NONE, Action::PageUp, "PageUp, PageDown", "Earlier messages, and back"),
    (KeyCode::PageDown, NONE, Action::PageDown, "", ""),
    (KeyCode::End, CONTROL, Action::Bottom, "Ctrl+End", "To the newest message"),
    (Char('k'), CONTROL, Action::Switch, "Ctrl+K", "Go to another room"),
    (KeyCode::Up, ALT, Action::PreviousRoom, "Alt+Up, Alt+Down", "Go to the room before, or after"),
    (KeyCode::Down, ALT, Action::NextRoom, "", ""),
    (Char('p'), CONTROL, Action::People, "Ctrl+P", "Show who is here"),
    (Char('n'), CONTROL, Action::Notifications, "Ctrl+N", "Show your notifications"),
    (Char('r'), CONTROL, Action::Again, "Ctrl+R", "Send again what was not sent; connect now"),
    (Char('x'), CONTROL, Action::Discard, "Ctrl+X", "Discard what was not sent; cancel a file"),
    (F(1), NONE, Action::Help, "F1, ?", "Show this; ? in an empty field, twice to write it"),
    (Char('l'), CONTROL, Action::Redraw, "", ""),
    (Char('z'), CONTROL, Action::Suspend, "Ctrl+Z", "Stop for now, until fg"),
    (Char('c'), CONTROL, Action::Quit, "Ctrl+C", "Leave the program"),
    (KeyCode::Left, NONE, Action::Left, "", ""),
    (KeyCode::Right, NONE, Action::Right, "", ""),
    (KeyCode::Left, CONTROL, Action::WordLeft, "", ""),
    (KeyCode::Right, CONTROL, Action::WordRight, "", ""),
    (KeyCode::Left, ALT, Action::WordLeft, "", ""),
    (KeyCode::Right, ALT, Action::WordRight, "", ""),
    (Char('b'), ALT, Action::WordLeft, "", ""),
    (Char('f'), ALT, Action::WordRight, "", ""),
    (KeyCode::Home, NONE, Action::Home, "", ""),
    (KeyCode::End, NONE, Action::End, "", ""),
    (Char('a'), CONTROL, Action::Home, "", ""),
    (Char('e'), CONTROL, Action::End, "", ""),
    (KeyCode::Backspace, NONE, Action::Backspace, "", ""),
    (KeyCode::Backspace, SHIFT, Action::Backspace, "", ""),
    (KeyCode::Delete, NONE, Action::Delete, "", ""),
    (KeyCode::Backspace, ALT, Action::DeleteWord, "", ""),
    (KeyCode::Backspace, CONTROL, Action::DeleteWord, "", ""),
    (Char('h'), CONTROL, Action::DeleteWord, "", ""),
    (Char('w'), CONTROL, Action::DeleteWord, "", ""),
    (Char('u'), CONTROL, Action::DeleteLine, "", ""),
];

/// What a key asks for, if it asks for anything.
pub(crate) fn action(key: KeyEvent) -> Option<Action> {
    let found = TABLE.iter().find(|(code, modifiers, ..)| *code == key.code && *modifiers == key.modifiers);
    match (found, key.code) {
        (Some((_, _, action, ..)), _) => Some(*action),
        // Some keyboards write characters with both of them, which is how AltGr arrives.
        (None, Char(c)) if !matches!(key.modifiers.difference(SHIFT), CONTROL | ALT) => Some(Action::Insert(c)),
        _ => None,
    }
}

/// The keys and what they do, for people.
pub(crate) fn help() -> impl Iterator<Item = (&'static str, &'static str)> {
    TABLE.iter().filter(|(.., name, _)| !name.is_empty()).map(|(.., name, what)| (*name, *what))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_key_does_two_things() {
        for (n, (code, modifiers, ..)) in TABLE.iter().enumerate() {
            assert!(TABLE[..n].iter().all(|(other, with, ..)| (other, with) != (code, modifiers)), "{code:?}");
        }
    }

    #[test]
    fn characters_are_written_and_commands_are_not() {
        let press = |code, modifiers| action(KeyEvent::new(code, modifiers));
        assert_eq!(press(Char('k'), NONE), Some(Action::Insert('k')));
        assert_eq!(press(Char('K'), SHIFT), Some(Action::Insert('K')));
        assert_eq!(press(Char('k'), CONTROL), Some(Action::Switch));
        assert_eq!(press(Char('@'), CONTROL | ALT), Some(Action::Insert('@')), "by AltGr");
        assert_eq!(press(Char('q'), CONTROL), None);
        assert_eq!(press(Char('q'), ALT), None);
        assert_eq!(press(KeyCode::Enter, SHIFT), Some(Action::NewLine));
        assert_eq!(press(F(5), NONE), None);
    }
}

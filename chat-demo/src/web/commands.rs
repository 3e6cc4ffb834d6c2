//! What is written after a slash, for those who have no script; `assets/commands.js` says the same to all others.

use std::fmt::Write;

use crate::domain::Kind;

/// All of it, for whoever asks.
pub(super) const HELP: &str = "/me … says what you do, /nick NAME gives you another name, /msg NAME … writes to one \
    person, /who shows who is here, /search WORDS finds what was said here, /join CODE goes to another room or to a \
    #channel, /leave leaves this one for good, and // begins a message with a slash.";

/// What was written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Understood<'t> {
    /// Something to say, or to do.
    Message(Kind, &'t str),
    Nick(&'t str),
    /// To one person, by whose name it begins.
    Direct(&'t str),
    Who,
    Search(&'t str),
    Join(&'t str),
    Leave,
    Help,
}

impl<'t> Understood<'t> {
    /// What `text` says.
    ///
    /// # Errors
    ///
    /// What to write instead, for a command that there is not or that lacks what it needs.
    pub(super) fn of(text: &'t str) -> Result<Self, String> {
        let Some(rest) = text.strip_prefix('/') else { return Ok(Self::Message(Kind::Text, text)) };
        if rest.starts_with('/') {
            return Ok(Self::Message(Kind::Text, rest));
        }
        let (command, argument) = rest.split_at(rest.find(char::is_whitespace).unwrap_or(rest.len()));
        let argument = argument.trim();
        let with = |needs, understood| match argument {
            "" => Err(format!("Write it as /{command} {needs}")),
            _ => Ok(understood),
        };
        match command {
            "me" => with("…", Self::Message(Kind::Action, argument)),
            "nick" => with("NAME", Self::Nick(argument)),
            "msg" => with("NAME …", Self::Direct(argument)),
            "search" => with("WORDS", Self::Search(argument)),
            "join" => with("CODE", Self::Join(argument)),
            "who" => Ok(Self::Who),
            "leave" => Ok(Self::Leave),
            "help" => Ok(Self::Help),
            _ => {
                let command: String = command.chars().take(20).collect();
                Err(format!("There is no command /{command}: /help shows them, and // begins a message with a slash."))
            }
        }
    }
}

/// `text` as a value in the query of an address.
pub(super) fn in_query(text: &str) -> String {
    let mut encoded = String::with_capacity(text.len() * 3);
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() {
            encoded.push(char::from(byte));
        } else {
            write!(encoded, "%{byte:02X}").expect("a string takes all of it");
        }
    }
    encoded
}

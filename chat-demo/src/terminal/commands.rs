//! What can be written after a slash.

use std::path::PathBuf;

use crate::domain::workspace::WorkspaceCode;
use crate::domain::{Kind, RoomCode};

/// What was written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Written {
    /// Something to say, or to do.
    Message(Kind, String),
    Nick(String),
    /// To one person, by whose name it begins.
    Direct(String),
    Who,
    Search(String),
    Notifications,
    /// Whether they want none from this room.
    Quiet(bool),
    Join(RoomCode),
    /// A channel of this workspace.
    Channel(String),
    /// Make a room.
    New,
    /// Show this workspace, or join the one of this code.
    Workspace(Option<String>),
    /// Make a workspace that is called this.
    Found(String),
    /// To all who are in a channel of this workspace.
    Announce(String),
    Leave,
    LeaveWorkspace,
    Send(PathBuf),
    Account,
    Help,
    Quit,
    /// Something that cannot be understood, and what to write instead.
    Problem(String),
}

/// Each command, what it needs, and what it does.
pub(crate) const COMMANDS: &[(&str, &str, &str)] = &[
    ("nick", "NAME", "Go by another name, in all rooms"),
    ("me", "…", "Say what you do: /me waves"),
    ("msg", "NAME …", "Write to one person: /msg Ada Are you there?"),
    ("who", "", "Show who is here"),
    ("search", "WORDS", "Find what was said here, or in all your rooms"),
    ("notifications", "", "Show what mentions you"),
    ("quiet", "", "Have no notifications from this room; /quiet off ends that"),
    ("join", "CODE", "Go to another room, or to a #channel"),
    ("new", "", "Make a room"),
    ("workspace", "", "Show this workspace; with a CODE, join that one"),
    ("found", "NAME", "Make a workspace"),
    ("announce", "TEXT", "Tell all who are in this workspace now"),
    ("leave", "", "Leave this room for good; /leave workspace, all of it"),
    ("send", "PATH", "Send a file"),
    ("account", "", "Say where account and notifications are set"),
    ("help", "", "Show this"),
    ("quit", "", "Leave the program"),
];

/// What `text` means. A message that is to begin with a slash begins with two.
pub(crate) fn understand(text: &str) -> Written {
    // Blanks before it make nothing of it: what is for one person is not said aloud.
    let line = text.trim_start();
    let Some(rest) = line.strip_prefix('/').filter(|rest| !rest.starts_with('/')) else {
        let body = if line.starts_with("//") { &line[1..] } else { text };
        return Written::Message(Kind::Text, body.to_owned());
    };
    let (name, argument) = rest.split_once(char::is_whitespace).unwrap_or((rest, ""));
    let argument = argument.trim();
    let Some((_, needs, _)) = COMMANDS.iter().find(|(command, ..)| *command == name) else {
        let name: String = name.chars().take(20).collect();
        let problem = format!("There is no command /{name}: /help shows them, and // begins a message with a slash.");
        return Written::Problem(problem);
    };
    if !needs.is_empty() && argument.is_empty() {
        return Written::Problem(format!("Write it as /{name} {needs}"));
    }
    match name {
        "nick" => Written::Nick(argument.to_owned()),
        "me" => Written::Message(Kind::Action, argument.to_owned()),
        "msg" => Written::Direct(argument.to_owned()),
        "who" => Written::Who,
        "search" => Written::Search(argument.to_owned()),
        "notifications" => Written::Notifications,
        "quiet" => match argument {
            "" | "on" => Written::Quiet(true),
            "off" => Written::Quiet(false),
            _ => Written::Problem("Write it as /quiet, or /quiet off".into()),
        },
        "join" if argument.starts_with('#') => Written::Channel(argument.to_owned()),
        "join" => match argument.parse() {
            Ok(code) => Written::Join(code),
            Err(error) => Written::Problem(sentence(&error.to_string())),
        },
        "new" => Written::New,
        "workspace" if argument.is_empty() => Written::Workspace(None),
        "workspace" => match argument.parse::<WorkspaceCode>() {
            Ok(code) => Written::Workspace(Some(code.to_string())),
            Err(error) => Written::Problem(sentence(&error.to_string().replace("room code", "code"))),
        },
        "found" => Written::Found(argument.to_owned()),
        "announce" => Written::Announce(argument.to_owned()),
        "leave" if argument == "workspace" => Written::LeaveWorkspace,
        "leave" => Written::Leave,
        "send" => Written::Send(argument.into()),
        "account" => Written::Account,
        "help" => Written::Help,
        _ => Written::Quit,
    }
}

/// An error as a sentence.
pub(crate) fn sentence(error: &str) -> String {
    let mut characters = error.chars();
    let first = characters.next().map(char::to_uppercase);
    let text: String = first.into_iter().flatten().chain(characters).collect();
    if text.ends_with(['.', '?', '!']) { text } else { format!("{text}.") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_and_commands() {
        let text = |body: &str| Written::Message(Kind::Text, body.into());
        assert_eq!(understand("hello /me"), text("hello /me"));
        assert_eq!(understand("//etc"), text("/etc"));
        assert_eq!(understand(" \n/msg Bob hello"), Written::Direct("Bob hello".into()));
        assert_eq!(understand("/me  waves "), Written::Message(Kind::Action, "waves".into()));
        assert_eq!(understand("/nick Lady Ada"), Written::Nick("Lady Ada".into()));
        assert_eq!(understand("/join abcd-2345"), Written::Join("ABCD2345".parse().unwrap()));
        assert_eq!(understand("/search “two words” beg*"), Written::Search("“two words” beg*".into()));
        assert_eq!((understand("/quiet"), understand("/quiet off")), (Written::Quiet(true), Written::Quiet(false)));
        assert_eq!(understand("/join #Off Topic"), Written::Channel("#Off Topic".into()));
        assert_eq!(understand("/workspace abcd-2345"), Written::Workspace(Some("ABCD2345".into())));
        assert_eq!(understand("/leave workspace"), Written::LeaveWorkspace);
        assert_eq!(understand("/send a file.png"), Written::Send("a file.png".into()));
        for (command, needs, _) in COMMANDS {
            let understood = understand(&format!("/{command}"));
            assert_eq!(matches!(understood, Written::Problem(_)), !needs.is_empty(), "{command}");
        }
        for problem in [
            "/",
            "/shout",
            "/nick",
            "/me ",
            "/join",
            "/join ABCD234O",
            "/Me waves",
            "/search ",
            "/quiet loud",
            "/workspace it",
        ] {
            assert!(matches!(understand(problem), Written::Problem(_)), "{problem}");
        }
    }
}

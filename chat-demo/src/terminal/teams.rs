//! Workspaces: joined, made, shown, and their channels gone to.

use std::time::Instant;

use super::chat::{Chat, Effect};
use super::commands::sentence;
use super::connection::Trouble;
use super::dialog::Dialog;
use super::keys::Action;
use super::request::{Answer, Request};
use crate::domain::RoomCode;
use crate::domain::workspace::ChannelName;
use crate::web::socket::protocol::{Team, Unread};

const NO_WORKSPACE: &str = "This room is in no workspace. /workspace CODE joins one, /found NAME makes one";

/// A workspace that is shown.
#[derive(Clone, Debug)]
pub(crate) struct Shown {
    pub(crate) team: Team<'static>,
    /// The channel that is chosen.
    pub(crate) chosen: usize,
}

impl Chat {
    /// Where one can go from here: their rooms, and the channels of the workspace where they have not been.
    pub(crate) fn anywhere(&self) -> Vec<Unread> {
        let mut rooms = self.list.clone();
        if let Some(workspace) = &self.room().workspace {
            for channel in &workspace.channels {
                if rooms.iter().all(|room| room.code != channel.code) {
                    rooms.push(Unread {
                        code: channel.code.clone(),
                        name: Some(format!("#{}", channel.name)),
                        workspace: Some(workspace.name.clone()),
                        unread: 0,
                        mentions: 0,
                        with: None,
                    });
                }
            }
        }
        rooms
    }

    /// Goes to a channel of this workspace, or asks whether it is to be made.
    pub(super) fn join_channel(&mut self, name: &str, now: Instant) {
        let Some(workspace) = &self.room().workspace else { return self.say_long(NO_WORKSPACE, now) };
        let name = match ChannelName::parse(name) {
            Ok(name) => name,
            Err(error) => return self.say_long(sentence(&error.to_string()), now),
        };
        let found = workspace.channels.iter().find(|channel| channel.name == name.as_str());
        match found.map(|channel| channel.code.parse()) {
            Some(Ok(code)) => self.open(code, now),
            _ => self.dialog = Some(Dialog::Channel(workspace.code.clone(), name)),
        }
    }

    /// Shows a workspace, after joining it if it is another one than this.
    pub(super) fn show_team(&mut self, code: Option<String>, now: Instant) {
        match (code, &self.room().workspace, &self.me) {
            (None, Some(workspace), _) => {
                let asked = Request::Team(workspace.code.clone());
                self.effects.push(Effect::Ask(asked));
            }
            (None, None, _) => self.say_long(NO_WORKSPACE, now),
            (Some(code), _, Some(me)) => {
                let asked = Request::JoinTeam(code, me.name.to_string());
                self.effects.push(Effect::Ask(asked));
            }
            (Some(_), _, None) => self.say("There is no connection yet", now),
        }
    }

    /// Makes a workspace.
    pub(super) fn found_team(&mut self, called: String, now: Instant) {
        match &self.me {
            Some(me) => {
                let asked = Request::NewTeam(called, me.name.to_string());
                self.effects.push(Effect::Ask(asked));
            }
            None => self.say("There is no connection yet", now),
        }
    }

    /// Does something with the workspace of this room.
    pub(super) fn in_team(&mut self, request: impl FnOnce(String) -> Request, now: Instant) {
        match &self.room().workspace {
            Some(workspace) => {
                let asked = request(workspace.code.clone());
                self.effects.push(Effect::Ask(asked));
            }
            None => self.say_long(NO_WORKSPACE, now),
        }
    }

    /// What was asked about a workspace has been answered, or not.
    pub(super) fn team_answered(&mut self, request: &Request, answer: Result<Answer, Trouble>, now: Instant) {
        let what = match request {
            Request::NewRoom => "No room was made",
            Request::NewTeam(..) => "No workspace was made",
            Request::OpenChannel(..) => "No channel was made",
            Request::Announce(..) => "Nobody was told",
            Request::LeaveTeam(_) => "The workspace was not left",
            _ => "The workspace cannot be shown",
        };
        let answer = match answer {
            Ok(answer) => answer,
            Err(trouble) => return self.say_long(trouble.said(what), now),
        };
        match (request, answer) {
            (_, Answer::Team(team)) => self.dialog = Some(Dialog::Team(Shown { team, chosen: 0 })),
            (_, Answer::Said(text)) => self.say_long(text, now),
            (Request::NewRoom | Request::OpenChannel(..), answer) => match answer.code::<RoomCode>() {
                Some(code) => self.open(code, now),
                None => self.say_long(what, now),
            },
            (Request::JoinTeam(..) | Request::NewTeam(..), Answer::Done(path)) => {
                let code = path.rsplit('/').next().unwrap_or_default().to_owned();
                self.effects.push(Effect::Ask(Request::Team(code)));
            }
            (Request::LeaveTeam(_), _) => {
                let left = self.room().workspace.as_ref().map(|workspace| workspace.name.clone());
                self.list.retain(|room| room.workspace != left);
                match self.list.iter().rev().find_map(|room| room.code.parse().ok()) {
                    Some(next) => self.open(next, now),
                    None => self.effects.push(Effect::Quit),
                }
            }
            _ => {}
        }
    }

    pub(super) fn act_in_team(&mut self, mut shown: Shown, action: Action, now: Instant) -> Option<Dialog> {
        let last = shown.team.channels.len().saturating_sub(1);
        match action {
            Action::Up => shown.chosen = shown.chosen.saturating_sub(1),
            Action::Down => shown.chosen = (shown.chosen + 1).min(last),
            Action::PageUp => shown.chosen = 0,
            Action::PageDown => shown.chosen = last,
            Action::Send => {
                if let Some(code) = shown.team.channels.get(shown.chosen).and_then(|channel| channel.code.parse().ok())
                {
                    self.open(code, now);
                    return None;
                }
            }
            _ => {}
        }
        Some(Dialog::Team(shown))
    }
}

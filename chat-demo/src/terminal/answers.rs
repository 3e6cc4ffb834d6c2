//! What becomes of what was asked of the server beside the sockets.

use std::time::Instant;

use super::chat::{Chat, Effect};
use super::connection::Trouble;
use super::request::{Answer, Request};

impl Chat {
    pub(super) fn answered(&mut self, request: &Request, answer: Result<Answer, Trouble>, now: Instant) {
        match (request, answer) {
            (Request::Earlier(code, _), answer) => {
                if answer.is_err() && *code == self.current {
                    self.say("Earlier messages could not be loaded. PageUp tries again", now);
                }
                if let Some(room) = self.rooms.get_mut(code) {
                    room.talk.earlier(if let Ok(Answer::Past(past)) = answer { Some(past) } else { None });
                }
            }
            (Request::Leave(code), Ok(_)) => {
                self.list.retain(|room| room.code != code.as_str());
                match self.list.iter().rev().find_map(|room| room.code.parse().ok()) {
                    Some(next) => self.open(next, now),
                    None => self.effects.push(Effect::Quit),
                }
            }
            (Request::Leave(_), Err(trouble)) => self.say_long(trouble.said("The room could not be left"), now),
            (Request::Create(code), Ok(_)) => {
                self.dialog = None;
                self.open(*code, now);
                self.room_mut().connection.connect(now);
            }
            (Request::Create(_), Err(trouble)) => self.say_long(trouble.said("The room could not be made"), now),
            (Request::Quiet(_, quiet), Ok(_)) => {
                let text = if *quiet {
                    "From this room you have no notifications now. /quiet off ends that"
                } else {
                    "From this room you have notifications again"
                };
                self.say_long(text, now);
            }
            (Request::Quiet(..), Err(trouble)) => self.say_long(trouble.said("Nothing was changed"), now),
            (Request::See(_), Ok(_)) => {}
            (Request::See(_), Err(trouble)) => self.say_long(trouble.said("Nothing was marked"), now),
            (
                Request::NewRoom
                | Request::Team(_)
                | Request::JoinTeam(..)
                | Request::LeaveTeam(_)
                | Request::NewTeam(..)
                | Request::OpenChannel(..)
                | Request::Announce(..),
                answer,
            ) => self.team_answered(request, answer, now),
            (Request::Around(..) | Request::Search(..) | Request::Notices(_), answer) => {
                self.places_answered(request, answer)
            }
        }
    }
}

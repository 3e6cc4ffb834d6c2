//! What a client is told of what happens.

use super::circle::Around;
use super::elsewhere::Elsewhere;
use super::end::End;
use super::protocol::{Goodbye, OneChannel, Said, ServerFrame, Unread, Who, word};
use super::session::{Session, away};
use crate::domain::Message;
use crate::domain::room::Event;

impl Session<'_> {
    /// Sends a message, unless the client has it already.
    pub(super) async fn say(&mut self, message: &Message) -> Result<(), End> {
        if message.seq > self.sent {
            self.wire.send(&ServerFrame::Message(Said::from(message))).await?;
            self.sent = message.seq;
        }
        Ok(())
    }

    /// Tells of a change, unless the client knows it already.
    pub(super) async fn tell_change(&mut self, message: &Message) -> Result<(), End> {
        if message.revision > self.revision {
            self.wire.send(&ServerFrame::Changed(Said::from(message))).await?;
            self.revision = message.revision;
        }
        Ok(())
    }

    pub(super) async fn pass_on(&mut self, event: &Event) -> Result<(), End> {
        match event {
            Event::Message(message) => self.say(message).await?,
            Event::Changed(message) => self.tell_change(message).await?,
            Event::Typing(id, on) => self.wire.send(&ServerFrame::Typing { id: *id, on: *on }).await?,
            Event::Joined(person) => self.wire.send(&ServerFrame::Joined { person: person.into() }).await?,
            Event::Left(id) => self.wire.send(&ServerFrame::Left { id: *id }).await?,
            Event::Presence(change) => {
                let frame = ServerFrame::Presence { id: change.person, status: word(change.status).into() };
                self.wire.send(&frame).await?;
            }
            Event::Attend => self.attendance.here(),
            Event::Members(members) => {
                let away = away(self.presences, members).await;
                let members = members.iter().map(Who::from).collect();
                self.wire.send(&ServerFrame::Members { members, away }).await?;
            }
        }
        Ok(())
    }

    pub(super) async fn tell_elsewhere(&mut self, elsewhere: Elsewhere) -> Result<(), End> {
        let frame = match &elsewhere {
            Elsewhere::Rooms(visits, unseen) => {
                ServerFrame::Rooms { rooms: visits.iter().map(Unread::from).collect(), notices: *unseen }
            }
            Elsewhere::Mentioned { room, seq, by, direct } => {
                ServerFrame::Mentioned { room: room.to_string(), seq: *seq, by: Who::from(by), direct: *direct }
            }
            Elsewhere::Over => return Err(Goodbye::GoingAway.into()),
        };
        Ok(self.wire.send(&frame).await?)
    }

    pub(super) async fn tell_around(&mut self, around: Around) -> Result<(), End> {
        let frame = match &around {
            Around::Workspace(view) => ServerFrame::Workspace {
                code: view.workspace.code.to_string(),
                name: view.workspace.name.as_str().into(),
                channels: view.workspace.channels.iter().map(OneChannel::from).collect(),
            },
            Around::Said { by, body } => ServerFrame::Announced { by: Who::from(by), text: body.as_str().into() },
            Around::Left => return Err(Goodbye::NotAdmitted.into()),
            Around::Over => return Err(Goodbye::GoingAway.into()),
        };
        Ok(self.wire.send(&frame).await?)
    }
}

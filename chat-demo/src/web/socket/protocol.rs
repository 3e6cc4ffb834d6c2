//! The frames of the socket: JSON texts, version 1, as both sides read and write them.
//!
//! A client says `join` first, with the number of the last message it has; the server answers
//! `welcome`, then every later message once and in order. Each `post` is answered by `stored`, which
//! means that it is in the database, or by `refused`.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};

use crate::domain::presence::Status;
use crate::domain::workspace::Channel;
use crate::domain::{Attachment, Kind, Message, Person, PersonId, Revision, Seq, UnixMillis};
use crate::store::{Found, Notice, Visit};

/// The version spoken here.
pub(crate) const VERSION: u32 = 1;

/// The longest frame that is read, in bytes.
pub(crate) const MAX_FRAME_BYTES: usize = 64 * 1024;

/// What a client says.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case", deny_unknown_fields)]
pub(crate) enum ClientFrame {
    /// The first frame: which version, and the number of the last message that the client has.
    /// `revision` is that of the last change it knows; without it, it wants to hear of none of the past.
    Join {
        v: u32,
        #[serde(skip_serializing_if = "Option::is_none")]
        after: Option<Seq>,
        #[serde(skip_serializing_if = "Option::is_none")]
        revision: Option<Revision>,
    },
    /// A message, under the name the client has for it. Its `kind` is `text`, or `action` for what its author does.
    Post {
        id: String,
        #[serde(default, skip_serializing_if = "is_text")]
        kind: Kind,
        body: String,
    },
    /// Lets one of its messages say something else.
    Edit { id: String, seq: Seq, body: String },
    /// Deletes one of its messages.
    Delete { id: String, seq: Seq },
    /// Gives whoever is here another name, in all rooms; answered by `done`. Everybody hears of it by `joined`.
    Nick { id: String, name: String },
    /// Opens the room between whoever is here and somebody else, and says something there: to the one of this number, or
    /// to the one by whose name `text` begins; answered by `direct`.
    Direct {
        id: String,
        #[serde(skip_serializing_if = "Option::is_none")]
        person: Option<PersonId>,
        #[serde(default, skip_serializing_if = "String::is_empty")]
        text: String,
    },
    /// It is writing, said again every 10 seconds, or has stopped.
    Typing { on: bool },
    /// Whoever is here has done something, said again every 20 seconds at most: they are online, not away.
    Active {},
    /// Whoever is here has read the room up to this message; answered by nothing.
    Read { seq: Seq },
    /// Answered by `pong`: browsers can neither see nor send the pings of the protocol below.
    Ping {},
}

impl ClientFrame {
    /// What the answer is to name, if this asks for something.
    pub(crate) fn id(&self) -> Option<&str> {
        match self {
            Self::Post { id, .. }
            | Self::Edit { id, .. }
            | Self::Delete { id, .. }
            | Self::Nick { id, .. }
            | Self::Direct { id, .. } => Some(id),
            Self::Join { .. } | Self::Typing { .. } | Self::Active {} | Self::Read { .. } | Self::Ping {} => None,
        }
    }
}

/// What the server says.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub(crate) enum ServerFrame<'a> {
    /// The answer to `join`: who the client is, the number of the last message and who is there.
    /// With `reset` the numbers of the client are not from this history: it must start afresh.
    /// Of the members, those in `away` have done nothing for a while.
    Welcome {
        v: u32,
        you: Who<'a>,
        last: Seq,
        revision: Revision,
        reset: bool,
        members: Vec<Who<'a>>,
        away: Vec<PersonId>,
    },
    /// The next message of the room.
    Message(Said<'a>),
    /// The client's message is stored.
    Stored { id: Cow<'a, str>, seq: Seq, at: UnixMillis },
    /// The client's message is changed, or its name.
    Done { id: Cow<'a, str> },
    /// The room between two is this one, and what was to be said there is stored.
    Direct {
        id: Cow<'a, str>,
        room: Cow<'a, str>,
        with: Who<'a>,
        #[serde(skip_serializing_if = "Option::is_none")]
        seq: Option<Seq>,
    },
    /// A message is something else now.
    Changed(Said<'a>),
    /// Somebody has begun to write, or stopped.
    Typing { id: PersonId, on: bool },
    /// Something the client said is not accepted. With `retry_ms` it would be, that much later.
    Refused {
        #[serde(skip_serializing_if = "Option::is_none")]
        id: Option<Cow<'a, str>>,
        reason: Cow<'a, str>,
        text: Cow<'a, str>,
        #[serde(skip_serializing_if = "Option::is_none")]
        retry_ms: Option<u64>,
    },
    /// Somebody came, or has another name.
    Joined { person: Who<'a> },
    /// Somebody went.
    Left { id: PersonId },
    /// Somebody who is there is `online` or `away` now.
    Presence { id: PersonId, status: Cow<'a, str> },
    /// Everybody who is there, and who of them is away.
    Members { members: Vec<Who<'a>>, away: Vec<PersonId> },
    /// The rooms of whoever is here, the newest last, with what they have not read in them, and how many notifications
    /// from other rooms they have not seen, counted up to 100.
    Rooms { rooms: Vec<Unread>, notices: u64 },
    /// A message in another of these rooms mentions whoever is here: any message in a room between two, which is
    /// `direct` then.
    Mentioned {
        room: String,
        seq: Seq,
        by: Who<'a>,
        #[serde(default, skip_serializing_if = "is_false")]
        direct: bool,
    },
    /// The workspace of the channel, as it is now; told of no other room.
    Workspace { code: String, name: Cow<'a, str>, channels: Vec<OneChannel<'a>> },
    /// A member of the workspace tells all who are in one of its channels something; it is kept nowhere.
    Announced { by: Who<'a>, text: Cow<'a, str> },
    /// The answer to `ping`.
    Pong {},
    /// What a later version may say: clients pass over it.
    #[serde(other, skip_serializing)]
    Later,
}

/// A channel of a workspace.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct OneChannel<'a> {
    /// The code of the room.
    pub(crate) code: String,
    /// What it is called, without a `#`.
    pub(crate) name: Cow<'a, str>,
}

impl<'a> From<&'a Channel> for OneChannel<'a> {
    fn from(channel: &'a Channel) -> Self {
        Self { code: channel.room.to_string(), name: channel.name.as_str().into() }
    }
}

/// What is unread in a room.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Unread {
    pub(crate) code: String,
    /// What it is called, as `#general`; left out for a room without a name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) name: Option<String>,
    /// The name of the workspace that it is a channel of; left out for other rooms.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) workspace: Option<String>,
    pub(crate) unread: u64,
    /// How many of the unread mention them, counted up to 100.
    pub(crate) mentions: u64,
    /// With whom, if it is a room between two: whoever is here, if nobody else is in it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) with: Option<Who<'static>>,
}

impl From<&Visit> for Unread {
    fn from(visit: &Visit) -> Self {
        Self {
            code: visit.room.to_string(),
            name: visit.channel.as_ref().map(|title| title.channel.to_string()),
            workspace: visit.channel.as_ref().map(|title| title.workspace.to_string()),
            unread: visit.unread(),
            mentions: visit.mentions,
            with: visit.with.as_ref().map(|person| Who { id: person.id, name: person.name.to_string().into() }),
        }
    }
}

/// A person, as the others see them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Who<'a> {
    pub(crate) id: PersonId,
    pub(crate) name: Cow<'a, str>,
}

/// A message, as it is sent.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Said<'a> {
    pub(crate) seq: Seq,
    pub(crate) id: Cow<'a, str>,
    pub(crate) author: Who<'a>,
    pub(crate) at: UnixMillis,
    /// `action` for what its author does; left out for what is said.
    #[serde(default, skip_serializing_if = "is_text")]
    pub(crate) kind: Kind,
    pub(crate) body: Cow<'a, str>,
    /// The file that came with it, found at `/rooms/CODE/files/SEQ`; left out if there is none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) file: Option<SentFile<'a>>,
    /// Whom it mentions, by the names that its text says; left out if nobody.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) mentions: Vec<Who<'a>>,
    /// 0 for a message that is as it was said; left out then.
    #[serde(default, skip_serializing_if = "never_changed")]
    pub(crate) revision: Revision,
    /// `edited` or `deleted`; left out for a message that is as it was said.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) state: Option<Cow<'a, str>>,
}

/// A file, as it is told.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct SentFile<'a> {
    pub(crate) name: Cow<'a, str>,
    pub(crate) media_type: Cow<'a, str>,
    pub(crate) size: u64,
    /// Width and height of the picture at `/rooms/CODE/files/SEQ/thumbnail`; left out if there is none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) thumbnail: Option<(u32, u32)>,
    pub(crate) scanned: bool,
}

impl<'a> From<&'a Attachment> for SentFile<'a> {
    fn from(file: &'a Attachment) -> Self {
        let Attachment { name, media_type, size, thumbnail, scanned, .. } = file;
        Self {
            name: name.as_str().into(),
            media_type: media_type.into(),
            size: *size,
            thumbnail: *thumbnail,
            scanned: *scanned,
        }
    }
}

/// What `GET /rooms/CODE/messages` answers: a page of the past, oldest first.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Past<'a> {
    pub(crate) messages: Vec<Said<'a>>,
    /// The last change that `messages` surely shows.
    pub(crate) revision: Revision,
    /// Up to where whoever asks has read the room; left out if that is not known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) read: Option<Seq>,
}

/// What `GET /search` answers a program: what was found, the newest first.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct FoundPage<'a> {
    pub(crate) found: Vec<OneFound<'a>>,
    /// What to say as `before` for older ones; left out if there are none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) older: Option<u64>,
}

/// A message that was found, or that mentions whoever asks.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct OneFound<'a> {
    /// The code of the room.
    pub(crate) room: String,
    /// What it is called, as `#general`; left out for a room without a name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) name: Option<Cow<'a, str>>,
    /// The name of the workspace that it is a channel of.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) workspace: Option<Cow<'a, str>>,
    /// With whom, if it is a room between two.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) with: Option<Who<'a>>,
    pub(crate) seq: Seq,
    pub(crate) author: Who<'a>,
    pub(crate) at: UnixMillis,
    pub(crate) body: Cow<'a, str>,
    /// Among notifications: whether it was not seen yet.
    #[serde(default, skip_serializing_if = "is_false")]
    pub(crate) new: bool,
}

impl<'a> From<&'a Found> for OneFound<'a> {
    fn from(found: &'a Found) -> Self {
        Self {
            room: found.room.to_string(),
            name: found.channel.as_ref().map(|title| title.channel.to_string().into()),
            workspace: found.channel.as_ref().map(|title| title.workspace.as_str().into()),
            with: found.with.as_ref().map(Who::from),
            seq: found.seq,
            author: Who::from(&found.author),
            at: found.at,
            body: found.body.as_str().into(),
            new: false,
        }
    }
}

/// What `GET /notifications` answers a program: the newest first.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct NoticePage<'a> {
    pub(crate) notices: Vec<OneFound<'a>>,
    /// Whether there are older ones: those before the moment, room and number of the last of these.
    #[serde(default, skip_serializing_if = "is_false")]
    pub(crate) older: bool,
}

impl<'a> From<&'a Notice> for OneFound<'a> {
    fn from(notice: &'a Notice) -> Self {
        Self {
            room: notice.room.to_string(),
            name: notice.channel.as_ref().map(|title| title.channel.to_string().into()),
            workspace: notice.channel.as_ref().map(|title| title.workspace.as_str().into()),
            with: notice.direct.then(|| Who::from(&notice.author)),
            seq: notice.seq,
            author: Who::from(&notice.author),
            at: notice.at,
            body: notice.body.as_str().into(),
            new: notice.unseen,
        }
    }
}

/// What `GET /workspaces/CODE` answers a program of a member.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Team<'a> {
    pub(crate) code: String,
    pub(crate) name: Cow<'a, str>,
    pub(crate) channels: Vec<OneChannel<'a>>,
    pub(crate) members: Vec<Member<'a>>,
}

/// A member of a workspace.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Member<'a> {
    pub(crate) id: PersonId,
    pub(crate) name: Cow<'a, str>,
    /// `online`, `away` or `offline`.
    pub(crate) status: Cow<'a, str>,
}

/// Why a program is not given what it asks for: for programs, and for people.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Refusal<'a> {
    pub(crate) reason: Cow<'a, str>,
    pub(crate) text: Cow<'a, str>,
}

/// What `status` says.
pub(crate) fn word(status: Status) -> &'static str {
    match status {
        Status::Online => "online",
        Status::Away => "away",
        Status::Offline => "offline",
    }
}

fn is_text(kind: &Kind) -> bool {
    *kind == Kind::Text
}

fn is_false(on: &bool) -> bool {
    !on
}

fn never_changed(revision: &Revision) -> bool {
    revision.0 == 0
}

impl<'a> From<&'a Person> for Who<'a> {
    fn from(person: &'a Person) -> Self {
        Self { id: person.id, name: person.name.as_str().into() }
    }
}

impl<'a> From<&'a Message> for Said<'a> {
    fn from(message: &'a Message) -> Self {
        Self {
            seq: message.seq,
            id: message.client_id.as_str().into(),
            author: Who::from(&message.author),
            at: message.at,
            kind: message.kind,
            body: message.body.as_str().into(),
            file: message.attachment.as_deref().map(SentFile::from),
            mentions: message.mentions.iter().map(Who::from).collect(),
            revision: message.revision,
            state: message.state.word().map(Cow::from),
        }
    }
}

/// Why the server closes a socket: the code and the reason of its close frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Goodbye {
    /// The program ends.
    GoingAway,
    /// The first frame did not come in time, or was no `join` of this version.
    Handshake,
    /// A frame was no text.
    NotText,
    /// A frame was longer than [`MAX_FRAME_BYTES`].
    TooBig,
    /// Frame after frame that could not be understood.
    Nonsense,
    /// The session in which it was opened has ended.
    SessionEnded,
    /// The room is not open to them any more.
    NotAdmitted,
    /// Nothing came for too long.
    Idle,
    /// The client does not read as fast as the room talks; it may come back for the rest.
    TooSlow,
    /// The room cannot be reached now.
    NoRoom,
    /// The room is full.
    Full,
}

impl Goodbye {
    /// The code of the close frame.
    pub(crate) fn code(self) -> u16 {
        match self {
            Self::GoingAway => 1001,
            Self::NotText => 1003,
            Self::Handshake | Self::Nonsense | Self::SessionEnded | Self::NotAdmitted => 1008,
            Self::TooBig => 1009,
            Self::NoRoom | Self::Full => 1013,
            Self::Idle => 4000,
            Self::TooSlow => 4001,
        }
    }

    /// The reason of the close frame.
    pub(crate) fn reason(self) -> &'static str {
        match self {
            Self::GoingAway => "the server is going away; come back soon",
            Self::Handshake => "the first frame must be a join of version 1, within 10 seconds",
            Self::NotText => "only text frames are understood",
            Self::TooBig => "a frame can have 64 KB",
            Self::Nonsense => "too many frames that could not be understood",
            Self::SessionEnded => "your session has ended; log in again",
            Self::NotAdmitted => "this room is not open to you any more",
            Self::Idle => "nothing was heard from you for too long",
            Self::TooSlow => "you read too slowly; reconnect for what you missed",
            Self::NoRoom => "the room cannot be reached now; try again later",
            Self::Full => "the room is full; try again later",
        }
    }

    /// A short name for metrics and logs.
    pub(crate) fn label(self) -> &'static str {
        match self {
            Self::GoingAway => "going_away",
            Self::Handshake => "handshake",
            Self::NotText => "not_text",
            Self::TooBig => "too_big",
            Self::Nonsense => "nonsense",
            Self::SessionEnded => "session_ended",
            Self::NotAdmitted => "not_admitted",
            Self::Idle => "idle",
            Self::TooSlow => "too_slow",
            Self::NoRoom => "no_room",
            Self::Full => "full",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frames_are_read_strictly() {
        let read = |text: &str| serde_json::from_str::<ClientFrame>(text);
        assert!(matches!(
            read(r#"{"type":"join","v":1,"after":7}"#),
            Ok(ClientFrame::Join { v: 1, after: Some(Seq(7)), revision: None })
        ));
        assert!(matches!(read(r#"{"type":"join","v":1}"#), Ok(ClientFrame::Join { after: None, .. })));
        assert!(matches!(read(r#"{"type":"ping"}"#), Ok(ClientFrame::Ping {})));
        for wrong in [
            "",
            "null",
            "[]",
            r#"{"type":"shout"}"#,
            r#"{"type":"join","v":1,"after":-1}"#,
            r#"{"type":"join","v":1,"after":1e99}"#,
            r#"{"type":"post","id":"abcdefgh"}"#,
            r#"{"type":"post","id":7,"body":"x"}"#,
            r#"{"type":"post","id":"abcdefgh","body":"x","seq":1}"#,
            r#"{"type":"ping","type":"post"}"#,
            r#"{"type":"post","id":"abcdefgh","kind":"shout","body":"x"}"#,
            r#"{"type":"nick","id":"abcdefgh"}"#,
            r#"{"type":"edit","id":"abcdefgh","body":"x"}"#,
            r#"{"type":"delete","id":"abcdefgh","seq":"1"}"#,
            r#"{"type":"typing","on":1}"#,
        ] {
            assert!(read(wrong).is_err(), "{wrong}");
        }
        assert!(read(&"[".repeat(60_000)).is_err(), "deep nesting is an error, not a stack overflow");
    }

    #[test]
    fn markup_is_sent_as_text() {
        let frame = ServerFrame::Joined { person: Who { id: PersonId(1), name: "<b>\"".into() } };
        assert_eq!(serde_json::to_string(&frame).unwrap(), r#"{"type":"joined","person":{"id":1,"name":"<b>\""}}"#);
    }

    #[test]
    fn a_client_passes_over_what_it_does_not_know() {
        let read = |text: &str| serde_json::from_str::<ServerFrame<'_>>(text);
        assert_eq!(read(r#"{"type":"fireworks","colour":"red"}"#).unwrap(), ServerFrame::Later);
        let left = read(r#"{"type":"left","id":7,"why":"tired"}"#);
        assert_eq!(left.unwrap(), ServerFrame::Left { id: PersonId(7) });
        assert!(read(r#"{"type":"left"}"#).is_err());
    }

    #[test]
    fn a_reason_fits_into_a_close_frame() {
        use Goodbye::*;
        for goodbye in
            [GoingAway, Handshake, NotText, TooBig, Nonsense, SessionEnded, NotAdmitted, Idle, TooSlow, NoRoom, Full]
        {
            assert!(goodbye.reason().len() <= 123, "{goodbye:?}");
        }
    }
}

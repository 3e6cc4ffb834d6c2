//! What all databases have in common: how values become columns, and when a message may be changed.

use thiserror::Error;

use super::Changed;
use crate::domain::notification::Priority;
use crate::domain::workspace::ChannelName;
use crate::domain::{
    Attachment, Body, ChannelOf, DisplayName, Kind, Message, MessageState, Pair, Person, PersonId, RoomKind, mentioned,
};

/// The number of the kind of rooms between two people.
pub(super) const DIRECT: i64 = 1;

/// The number of the kind of channels.
pub(super) const CHANNEL: i64 = 2;

/// A room of a kind that is not known here: nobody is let into it.
#[derive(Debug, Error)]
#[error("a room is of the unknown kind {0}")]
pub(super) struct UnknownKind(i64);

/// What a room's kind is made of.
pub(super) struct KindColumns<'a> {
    pub(super) kind: i64,
    /// Between whom it is.
    pub(super) pair: Option<(i64, i64)>,
    /// Of which workspace it is a channel, what it is called there, and whether whoever asks belongs to it.
    pub(super) channel: Option<(&'a str, &'a str, bool)>,
}

/// The kind of a room, as it is for somebody.
pub(super) fn room_kind(columns: &KindColumns<'_>, who: Option<PersonId>) -> Result<RoomKind, UnknownKind> {
    let unknown = || UnknownKind(columns.kind);
    match (columns.kind, columns.pair, columns.channel) {
        (0, None, None) => Ok(RoomKind::Open),
        (DIRECT, Some((one, other)), None) => Ok(RoomKind::Direct(Pair::of(PersonId(one), PersonId(other)))),
        (CHANNEL, None, Some((workspace, name, belongs))) => Ok(RoomKind::Channel(ChannelOf {
            workspace: workspace.parse().map_err(|_| unknown())?,
            name: ChannelName::parse(name).map_err(|_| unknown())?,
            member: who.filter(|_| belongs),
        })),
        _ => Err(unknown()),
    }
}

/// The message, if `author` may change it into this; otherwise what is to be answered.
pub(super) fn changeable(found: Option<Message>, author: PersonId, body: Option<&Body>) -> Result<Message, Changed> {
    let message = found.ok_or(Changed::NotThere)?;
    if message.author.id != author {
        return Err(Changed::NotYours);
    }
    match (message.state, body) {
        // Asked for twice, done once.
        (MessageState::Deleted, None) => Err(Changed::Done(message)),
        (MessageState::Deleted, Some(_)) => Err(Changed::NotThere),
        (_, Some(body)) if *body == message.body => Err(Changed::Done(message)),
        _ => Ok(message),
    }
}

/// How soon those who are mentioned are told elsewhere: in a room between two, whoever writes waits for the other.
pub(super) fn urgency(both: &[Person]) -> Priority {
    if both.is_empty() { Priority::Normal } else { Priority::Urgent }
}

/// Whom a message of `author` mentions: of those that its room is known to, and in a room between two always the other of `both`.
pub(super) fn meant(body: &Body, author: PersonId, known: &[Person], both: &[Person]) -> Vec<Person> {
    let mut meant = mentioned(body.as_str(), author, known);
    for person in both.iter().filter(|person| person.id != author) {
        if meant.iter().all(|known| known.id != person.id) {
            meant.push(person.clone());
        }
    }
    meant.sort_by_key(|person| person.id);
    meant
}

/// Whom a message mentions, from lines of number and name.
pub(super) fn all_mentioned(lines: Option<&str>) -> Vec<Person> {
    let person = |line: &str| {
        let (id, name) = line.split_once(' ')?;
        Some(Person { id: PersonId(id.parse().ok()?), name: DisplayName::parse(name).ok()? })
    };
    let mut all: Vec<_> = lines.unwrap_or_default().lines().filter_map(person).collect();
    all.sort_by_key(|person| person.id);
    all
}

pub(super) fn state(code: i64) -> MessageState {
    match code {
        1 => MessageState::Edited,
        2 => MessageState::Deleted,
        _ => MessageState::Said,
    }
}

pub(super) fn state_code(state: MessageState) -> i64 {
    match state {
        MessageState::Said => 0,
        MessageState::Edited => 1,
        MessageState::Deleted => 2,
    }
}

pub(super) fn kind(code: i64) -> Kind {
    if code == 1 { Kind::Action } else { Kind::Text }
}

pub(super) fn kind_code(kind: Kind) -> i64 {
    match kind {
        Kind::Text => 0,
        Kind::Action => 1,
    }
}

/// Databases know no unsigned numbers.
pub(super) fn unsigned(number: i64) -> u64 {
    number.try_into().unwrap_or_default()
}

pub(super) fn signed(number: u64) -> i64 {
    number.try_into().unwrap_or(i64::MAX)
}

pub(super) fn attachment(text: Option<String>) -> Result<Option<Box<Attachment>>, serde_json::Error> {
    text.map(|text| serde_json::from_str(&text)).transpose()
}

pub(super) fn attachment_text(attachment: Option<&Attachment>) -> Option<String> {
    attachment.map(|attachment| serde_json::to_string(attachment).expect("it has only texts and numbers"))
}

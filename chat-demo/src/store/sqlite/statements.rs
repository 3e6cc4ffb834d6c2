//! The statements. Everything here blocks.

use rusqlite::{Connection, OptionalExtension, Row, named_params, params};

use super::{deliveries, direct, files, search, visits};
use crate::domain::{
    Body, ClientId, DisplayName, Draft, Message, MessageState, Person, PersonId, Revision, RoomCode, Seq, UnixMillis,
};
use crate::store::row::{
    all_mentioned, attachment, attachment_text, changeable, kind, kind_code, meant, signed, state, state_code,
    unsigned, urgency,
};
use crate::store::{Changed, Page, Stored};

const COLUMNS: &str = "seq, author, author_name, client_id, body, at, revision, state, kind, attachment,
     (SELECT group_concat(person || ' ' || name, char(10)) FROM mentions
      WHERE mentions.room = messages.room AND mentions.seq = messages.seq)";

/// Stores `drafts` after the last message of the room, in this order; one that the room has already
/// keeps its number.
pub(super) fn append(db: &Connection, room: RoomCode, drafts: Vec<Draft>) -> rusqlite::Result<Vec<Stored>> {
    let mut insert = db.prepare_cached(
        "INSERT INTO messages (room, seq, author, author_name, client_id, body, at, kind, attachment)
         SELECT :room, coalesce(max(seq), 0) + 1, :author, :name, :client_id, :body, :at, :kind, :attachment
         FROM messages WHERE room = :room
         ON CONFLICT (room, author, client_id) DO NOTHING
         RETURNING seq",
    )?;
    let mut find = db.prepare_cached(&format!(
        "SELECT {COLUMNS} FROM messages WHERE room = ?1 AND author = ?2 AND client_id = ?3"
    ))?;
    let known = match drafts.iter().any(|draft| draft.body.as_str().contains('@')) {
        true => visits::known(db, room)?,
        false => Vec::new(),
    };
    let both = direct::both(db, room)?;
    drafts
        .into_iter()
        .map(|draft| {
            let inserted = insert
                .query_row(
                    named_params! {
                        ":room": room.as_str(),
                        ":author": draft.author.id.0,
                        ":name": draft.author.name.as_str(),
                        ":client_id": draft.client_id.as_str(),
                        ":body": draft.body.as_str(),
                        ":at": draft.at.0,
                        ":kind": kind_code(draft.kind),
                        ":attachment": attachment_text(draft.attachment.as_deref()),
                    },
                    |row| row.get(0).map(|seq| Seq(unsigned(seq))),
                )
                .optional()?;
            match inserted {
                Some(seq) => {
                    files::take(db, draft.attachment.as_deref())?;
                    for person in &both {
                        direct::call(db, person.id, room, seq, draft.at)?;
                    }
                    visits::said(db, draft.author.id, room, seq)?;
                    search::keep(db, room, seq, &draft.body)?;
                    let mentions = meant(&draft.body, draft.author.id, &known, &both);
                    if !mentions.is_empty() {
                        visits::mention(db, room, seq, draft.at, &mentions)?;
                        for person in &mentions {
                            deliveries::tell(db, person.id, room, seq, draft.at, urgency(&both))?;
                        }
                    }
                    Ok(Stored { message: Message { mentions, ..draft.numbered(seq) }, fresh: true })
                }
                None => {
                    let key = params![room.as_str(), draft.author.id.0, draft.client_id.as_str()];
                    Ok(Stored { message: find.query_row(key, stored_message)?, fresh: false })
                }
            }
        })
        .collect()
}

/// Lets a message say something else, or deletes it, as the next change of its room.
pub(super) fn change(
    db: &Connection,
    room: RoomCode,
    seq: Seq,
    author: PersonId,
    body: Option<Body>,
) -> rusqlite::Result<Changed> {
    let sql = format!("SELECT {COLUMNS} FROM messages WHERE room = ?1 AND seq = ?2");
    let found = db.prepare_cached(&sql)?.query_row(params![room.as_str(), signed(seq.0)], stored_message).optional()?;
    let mut message = match changeable(found, author, body.as_ref()) {
        Ok(message) => message,
        Err(as_it_is) => return Ok(as_it_is),
    };
    message.revision = Revision(last_revision(db, room)?.0 + 1);
    message.state = if body.is_some() { MessageState::Edited } else { MessageState::Deleted };
    if body.is_none() {
        files::give_up(db, message.attachment.take().as_deref())?;
    }
    message.body = body.unwrap_or_else(Body::empty);
    if !message.mentions.is_empty() || message.body.as_str().contains('@') {
        let both = if message.state == MessageState::Deleted { Vec::new() } else { direct::both(db, room)? };
        message.mentions = meant(&message.body, author, &visits::known(db, room)?, &both);
        visits::mention(db, room, seq, message.at, &message.mentions)?;
    }
    db.prepare_cached(
        "UPDATE messages SET body = ?3, revision = ?4, state = ?5, attachment = ?6 WHERE room = ?1 AND seq = ?2",
    )?
    .execute(params![
        room.as_str(),
        signed(seq.0),
        message.body.as_str(),
        signed(message.revision.0),
        state_code(message.state),
        attachment_text(message.attachment.as_deref())
    ])?;
    search::keep(db, room, seq, &message.body)?;
    Ok(Changed::Done(message))
}

/// The number of the last change in a room.
pub(super) fn last_revision(db: &Connection, room: RoomCode) -> rusqlite::Result<Revision> {
    db.prepare_cached("SELECT coalesce(max(revision), 0) FROM messages WHERE room = ?1 AND revision > 0")?
        .query_row([room.as_str()], |row| row.get(0).map(|revision| Revision(unsigned(revision))))
}

/// A page of a room's history, oldest message first.
pub(super) fn history(db: &Connection, room: RoomCode, page: Page) -> rusqlite::Result<Vec<Message>> {
    let (by, after, before, order, limit) = match page {
        Page::Latest { limit } => ("seq", 0, i64::MAX, "DESC", limit),
        Page::Before { before, limit } => ("seq", 0, signed(before.0), "DESC", limit),
        Page::Between { after, before, limit } => ("seq", signed(after.0), signed(before.0), "ASC", limit),
        Page::Changed { after, limit } => ("revision", signed(after.0), i64::MAX, "ASC", limit),
    };
    let sql = format!(
        "SELECT {COLUMNS} FROM messages WHERE room = ?1 AND {by} > ?2 AND {by} < ?3 AND {by} > 0
         ORDER BY {by} {order} LIMIT ?4"
    );
    let mut statement = db.prepare_cached(&sql)?;
    let rows = statement.query_map(params![room.as_str(), after, before, limit], stored_message)?;
    let mut messages = rows.collect::<rusqlite::Result<Vec<_>>>()?;
    if order == "DESC" {
        messages.reverse();
    }
    Ok(messages)
}

fn stored_message(row: &Row<'_>) -> rusqlite::Result<Message> {
    let client_id: String = row.get(3)?;
    Ok(Message {
        seq: Seq(unsigned(row.get(0)?)),
        author: person(row, 1)?,
        client_id: ClientId::parse(&client_id).map_err(|error| malformed(3, error))?,
        body: Body::trusted(row.get(4)?),
        at: UnixMillis(row.get(5)?),
        revision: Revision(unsigned(row.get(6)?)),
        state: state(row.get(7)?),
        kind: kind(row.get(8)?),
        attachment: attachment(row.get(9)?).map_err(|error| malformed(9, error))?,
        mentions: all_mentioned(row.get::<_, Option<String>>(10)?.as_deref()),
    })
}

pub(super) fn person(row: &Row<'_>, at: usize) -> rusqlite::Result<Person> {
    let name: String = row.get(at + 1)?;
    let name = DisplayName::parse(&name).map_err(|error| malformed(at + 1, error))?;
    Ok(Person { id: PersonId(row.get(at)?), name })
}

/// What is in a column is none of what it should be.
pub(super) fn malformed_text(column: usize, error: Box<dyn std::error::Error + Send + Sync>) -> rusqlite::Error {
    rusqlite::Error::FromSqlConversionFailure(column, rusqlite::types::Type::Text, error)
}

pub(super) fn malformed(column: usize, error: impl std::error::Error + Send + Sync + 'static) -> rusqlite::Error {
    malformed_text(column, Box::new(error))
}

//! The statements. Everything here blocks.

use rusqlite::{Connection, OptionalExtension, Row, named_params, params};

use crate::domain::{Body, ClientId, DisplayName, Draft, Message, Person, PersonId, RoomCode, Seq, UnixMillis};
use crate::store::{Page, SessionToken, Stored};

/// Whether the room was made; false if there is one of this code already.
pub(super) fn create_room(db: &Connection, code: RoomCode, at: UnixMillis) -> rusqlite::Result<bool> {
    let made = db
        .prepare_cached("INSERT INTO rooms (code, created_at) VALUES (?1, ?2) ON CONFLICT DO NOTHING")?
        .execute(params![code.as_str(), at.0])?;
    Ok(made == 1)
}

pub(super) fn room_exists(db: &Connection, code: RoomCode) -> rusqlite::Result<bool> {
    db.prepare_cached("SELECT 1 FROM rooms WHERE code = ?1")?.exists([code.as_str()])
}

/// Stores `drafts` after the last message of the room, in this order; one that the room has already
/// keeps its number.
pub(super) fn append(db: &Connection, room: RoomCode, drafts: Vec<Draft>) -> rusqlite::Result<Vec<Stored>> {
    let mut insert = db.prepare_cached(
        "INSERT INTO messages (room, seq, author, author_name, client_id, body, at)
         SELECT :room, coalesce(max(seq), 0) + 1, :author, :name, :client_id, :body, :at
         FROM messages WHERE room = :room
         ON CONFLICT (room, author, client_id) DO NOTHING
         RETURNING seq",
    )?;
    let mut find = db.prepare_cached(
        "SELECT seq, author, author_name, client_id, body, at FROM messages
         WHERE room = ?1 AND author = ?2 AND client_id = ?3",
    )?;
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
                    },
                    |row| row.get(0).map(unsigned),
                )
                .optional()?;
            match inserted {
                Some(seq) => Ok(Stored {
                    message: Message {
                        seq,
                        author: draft.author,
                        client_id: draft.client_id,
                        body: draft.body,
                        at: draft.at,
                    },
                    fresh: true,
                }),
                None => {
                    let key = params![room.as_str(), draft.author.id.0, draft.client_id.as_str()];
                    Ok(Stored { message: find.query_row(key, stored_message)?, fresh: false })
                }
            }
        })
        .collect()
}

/// A page of a room's history, oldest message first.
pub(super) fn history(db: &Connection, room: RoomCode, page: Page) -> rusqlite::Result<Vec<Message>> {
    const COLUMNS: &str = "seq, author, author_name, client_id, body, at";
    let (after, before, order, limit) = match page {
        Page::Latest { limit } => (0, i64::MAX, "DESC", limit),
        Page::Before { before, limit } => (0, signed(before), "DESC", limit),
        Page::Between { after, before, limit } => (signed(after), signed(before), "ASC", limit),
    };
    let sql = format!(
        "SELECT {COLUMNS} FROM messages WHERE room = ?1 AND seq > ?2 AND seq < ?3
         ORDER BY seq {order} LIMIT ?4"
    );
    let mut statement = db.prepare_cached(&sql)?;
    let rows = statement.query_map(params![room.as_str(), after, before, limit], stored_message)?;
    let mut messages = rows.collect::<rusqlite::Result<Vec<_>>>()?;
    if order == "DESC" {
        messages.reverse();
    }
    Ok(messages)
}

/// The person of a session.
pub(super) fn find_person(db: &Connection, session: &SessionToken) -> rusqlite::Result<Option<Person>> {
    db.prepare_cached("SELECT id, name FROM people WHERE session = ?1")?
        .query_row([session.as_str()], |row| person(row, 0))
        .optional()
}

/// The person of a session, by the name `name` from now on; made if there is none.
pub(super) fn name_person(db: &Connection, session: &SessionToken, name: &DisplayName) -> rusqlite::Result<Person> {
    db.prepare_cached(
        "INSERT INTO people (session, name) VALUES (?1, ?2)
         ON CONFLICT (session) DO UPDATE SET name = excluded.name RETURNING id, name",
    )?
    .query_row(params![session.as_str(), name.as_str()], |row| person(row, 0))
}

fn stored_message(row: &Row<'_>) -> rusqlite::Result<Message> {
    let client_id: String = row.get(3)?;
    Ok(Message {
        seq: unsigned(row.get(0)?),
        author: person(row, 1)?,
        client_id: ClientId::parse(&client_id).map_err(|error| malformed(3, error))?,
        body: Body::trusted(row.get(4)?),
        at: UnixMillis(row.get(5)?),
    })
}

fn person(row: &Row<'_>, at: usize) -> rusqlite::Result<Person> {
    let name: String = row.get(at + 1)?;
    let name = DisplayName::parse(&name).map_err(|error| malformed(at + 1, error))?;
    Ok(Person { id: PersonId(row.get(at)?), name })
}

fn malformed(column: usize, error: impl std::error::Error + Send + Sync + 'static) -> rusqlite::Error {
    rusqlite::Error::FromSqlConversionFailure(column, rusqlite::types::Type::Text, Box::new(error))
}

fn unsigned(seq: i64) -> Seq {
    Seq(seq.try_into().unwrap_or_default())
}

fn signed(seq: Seq) -> i64 {
    seq.0.try_into().unwrap_or(i64::MAX)
}

//! The statements for finding messages: an FTS5 table that keeps no texts, under the numbers that `texts` gives. Everything
//! here blocks.

use rusqlite::{Connection, OptionalExtension, Row, params};

use super::rooms::{KIND, ROOMS, kind};
use super::statements::{malformed, malformed_text, person};
use crate::domain::search::{Query, Term, words};
use crate::domain::{Body, PersonId, RoomCode, Seq, UnixMillis};
use crate::store::Found;
use crate::store::row::{signed, unsigned};
use crate::store::search::SEARCHED;
use crate::store::visits::title;

/// Keeps the words of a message, in the place of those it had before.
pub(super) fn keep(db: &Connection, room: RoomCode, seq: Seq, body: &Body) -> rusqlite::Result<()> {
    let words = all_words(body.as_str());
    let place: Option<i64> = db
        .prepare_cached("SELECT id FROM texts WHERE room = ?1 AND seq = ?2")?
        .query_row(params![room.as_str(), signed(seq.0)], |row| row.get(0))
        .optional()?;
    if let Some(place) = place {
        db.prepare_cached("DELETE FROM spoken WHERE rowid = ?1")?.execute([place])?;
    }
    let place = match (place, words.is_empty()) {
        (Some(place), false) => place,
        (None, false) => db
            .prepare_cached("INSERT INTO texts (room, seq) VALUES (?1, ?2)")?
            .insert(params![room.as_str(), signed(seq.0)])?,
        (Some(place), true) => {
            return db.prepare_cached("DELETE FROM texts WHERE id = ?1")?.execute([place]).map(drop);
        }
        (None, true) => return Ok(()),
    };
    db.prepare_cached("INSERT INTO spoken (rowid, room, words) VALUES (?1, ?2, ?3)")?
        .execute(params![place, room.as_str(), words])
        .map(drop)
}

/// Keeps the words of all messages, if none are kept: they are from before they were.
pub(super) fn fill(db: &Connection) -> rusqlite::Result<()> {
    if db.prepare("SELECT 1 FROM texts LIMIT 1")?.exists([])? {
        return Ok(());
    }
    let mut all = db.prepare("SELECT room, seq, body FROM messages WHERE body <> '' ORDER BY at, room, seq")?;
    let mut rows = all.query([])?;
    while let Some(row) = rows.next()? {
        let room: String = row.get(0)?;
        let room = room.parse().map_err(|error| malformed(0, error))?;
        keep(db, room, Seq(unsigned(row.get(1)?)), &Body::trusted(row.get(2)?))?;
    }
    Ok(())
}

pub(super) fn search(
    db: &Connection,
    who: PersonId,
    scope: Option<RoomCode>,
    query: &Query,
    before: Option<u64>,
    limit: u32,
) -> rusqlite::Result<Vec<Found>> {
    let rooms = searched(db, who, scope)?;
    if rooms.is_empty() {
        return Ok(Vec::new());
    }
    let mut statement = db.prepare_cached(
        "SELECT texts.id, texts.room, texts.seq, messages.author, messages.author_name, messages.at, messages.body,
             people.id, people.name, channels.name, workspaces.name
         FROM spoken JOIN texts ON texts.id = spoken.rowid
             JOIN messages ON messages.room = texts.room AND messages.seq = texts.seq
             JOIN rooms ON rooms.code = texts.room
             LEFT JOIN people ON rooms.kind = 1 AND people.id = CASE WHEN one = ?4 THEN other ELSE one END
             LEFT JOIN channels ON channels.room = texts.room LEFT JOIN workspaces ON workspaces.code = channels.workspace
         WHERE spoken MATCH ?1 AND spoken.rowid < ?2 ORDER BY spoken.rowid DESC LIMIT ?3",
    )?;
    let before = before.map_or(i64::MAX, signed);
    statement.query_map(params![expression(&rooms, query), before, limit, who.0], found)?.collect()
}

/// The rooms that are looked through: none that does not admit whoever looks.
fn searched(db: &Connection, who: PersonId, scope: Option<RoomCode>) -> rusqlite::Result<Vec<RoomCode>> {
    let read = |row: &Row<'_>| {
        let code: String = row.get(0)?;
        let code: RoomCode = code.parse().map_err(|error| malformed(0, error))?;
        Ok(kind(row, 1, Some(who))?.admits(Some(who)).then_some(code))
    };
    let rooms: rusqlite::Result<Vec<_>> = match scope {
        Some(code) => db
            .prepare_cached(&format!("SELECT code, {KIND} FROM {ROOMS} WHERE code = ?2"))?
            .query_map(params![who.0, code.as_str()], read)?
            .collect(),
        None => db
            .prepare_cached(&format!(
                "SELECT code, {KIND} FROM visits JOIN ({ROOMS}) ON code = visits.room
                 WHERE visits.person = ?1 ORDER BY visits.since DESC LIMIT ?2"
            ))?
            .query_map(params![who.0, SEARCHED], read)?
            .collect(),
    };
    Ok(rooms?.into_iter().flatten().collect())
}

/// In the language of FTS5, of which words and codes can be no part: they are letters, digits and signs of letters.
fn expression(rooms: &[RoomCode], query: &Query) -> String {
    let rooms: Vec<_> = rooms.iter().map(|room| format!("\"{room}\"")).collect();
    let term = |Term { words, prefix }: &Term| format!("(\"{}\"{})", words.join(" "), if *prefix { " *" } else { "" });
    let terms: Vec<_> = query.terms().iter().map(term).collect();
    format!("room : ({}) AND words : ({})", rooms.join(" OR "), terms.join(" AND "))
}

fn all_words(text: &str) -> String {
    let folded: Vec<_> = words(text).into_iter().map(|word| word.folded).collect();
    folded.join(" ")
}

fn found(row: &Row<'_>) -> rusqlite::Result<Found> {
    let room: String = row.get(1)?;
    let (channel, workspace): (Option<String>, Option<String>) = (row.get(9)?, row.get(10)?);
    Ok(Found {
        place: unsigned(row.get(0)?),
        room: room.parse().map_err(|error| malformed(1, error))?,
        seq: Seq(unsigned(row.get(2)?)),
        author: person(row, 3)?,
        at: UnixMillis(row.get(5)?),
        body: Body::trusted(row.get(6)?),
        with: row.get::<_, Option<i64>>(7)?.map(|_| person(row, 7)).transpose()?,
        channel: title(channel.as_deref(), workspace.as_deref()).map_err(|error| malformed_text(9, error))?,
    })
}

//! The statements for people's rooms, what they have read there, and who is mentioned. Everything here blocks.

use rusqlite::{Connection, params};

use super::statements::{malformed, malformed_text, person};
use crate::domain::{Person, PersonId, RoomCode, Seq, UnixMillis};
use crate::store::Visit;
use crate::store::row::{signed, unsigned};
use crate::store::visits::{COUNTED, KNOWN, LISTED, title};

/// Whether the room is somebody's since now.
pub(super) fn visit(db: &Connection, id: PersonId, room: RoomCode, at: UnixMillis) -> rusqlite::Result<bool> {
    let made = db
        .prepare_cached(
            "INSERT INTO visits (person, room, since, read_seq)
             SELECT ?1, ?2, ?3, coalesce(max(seq), 0) FROM messages WHERE room = ?2
             HAVING NOT EXISTS (SELECT 1 FROM channels WHERE room = ?2)
                 OR EXISTS (SELECT 1 FROM channels JOIN workspace_members USING (workspace) WHERE room = ?2 AND person = ?1)
             ON CONFLICT DO NOTHING",
        )?
        .execute(params![id.0, room.as_str(), at.0])?;
    Ok(made == 1)
}

/// Whether it was new that somebody has read up to `seq`, or to the end if that comes before.
pub(super) fn read(db: &Connection, id: PersonId, room: RoomCode, seq: Seq) -> rusqlite::Result<bool> {
    let changed = db
        .prepare_cached(
            "UPDATE visits SET read_seq = new.seq
             FROM (SELECT min(?3, coalesce(max(seq), 0)) AS seq FROM messages WHERE room = ?2) AS new
             WHERE person = ?1 AND room = ?2 AND read_seq < new.seq",
        )?
        .execute(params![id.0, room.as_str(), signed(seq.0)])?;
    Ok(changed == 1)
}

/// Whoever has read all up to their own message has read that as well.
pub(super) fn said(db: &Connection, author: PersonId, room: RoomCode, seq: Seq) -> rusqlite::Result<()> {
    db.prepare_cached("UPDATE visits SET read_seq = ?3 WHERE person = ?1 AND room = ?2 AND read_seq + 1 = ?3")?
        .execute(params![author.0, room.as_str(), signed(seq.0)])
        .map(drop)
}

pub(super) fn leave(db: &Connection, id: PersonId, room: RoomCode) -> rusqlite::Result<bool> {
    let ended = db
        .prepare_cached("DELETE FROM visits WHERE person = ?1 AND room = ?2")?
        .execute(params![id.0, room.as_str()])?;
    Ok(ended == 1)
}

pub(super) fn visits(db: &Connection, id: PersonId) -> rusqlite::Result<Vec<Visit>> {
    let mut statement = db.prepare_cached(
        "SELECT visits.room, read_seq,
             (SELECT coalesce(max(seq), 0) FROM messages WHERE messages.room = visits.room),
             (SELECT count(*) FROM (SELECT 1 FROM mentions
                 WHERE mentions.person = visits.person AND mentions.room = visits.room AND seq > read_seq LIMIT ?3)),
             quiet, people.id, people.name, channels.name, workspaces.name
         FROM visits JOIN rooms ON rooms.code = visits.room
             LEFT JOIN people ON rooms.kind = 1 AND people.id = CASE WHEN one = person THEN other ELSE one END
             LEFT JOIN channels ON channels.room = visits.room LEFT JOIN workspaces ON workspaces.code = channels.workspace
         WHERE person = ?1 ORDER BY since DESC, visits.room LIMIT ?2",
    )?;
    let rows = statement.query_map(params![id.0, LISTED, COUNTED], |row| {
        let room: String = row.get(0)?;
        let (channel, workspace): (Option<String>, Option<String>) = (row.get(7)?, row.get(8)?);
        Ok(Visit {
            room: room.parse().map_err(|error| malformed(0, error))?,
            read: Seq(unsigned(row.get(1)?)),
            last: Seq(unsigned(row.get(2)?)),
            mentions: unsigned(row.get(3)?),
            quiet: row.get(4)?,
            with: row.get::<_, Option<i64>>(5)?.map(|_| person(row, 5)).transpose()?,
            channel: title(channel.as_deref(), workspace.as_deref()).map_err(|error| malformed_text(7, error))?,
        })
    })?;
    let mut visits = rows.collect::<rusqlite::Result<Vec<_>>>()?;
    visits.reverse();
    Ok(visits)
}

pub(super) fn visitors(db: &Connection, room: RoomCode) -> rusqlite::Result<Vec<PersonId>> {
    db.prepare_cached("SELECT person FROM visits WHERE room = ?1 ORDER BY since DESC LIMIT ?2")?
        .query_map(params![room.as_str(), KNOWN], |row| row.get(0).map(PersonId))?
        .collect()
}

/// Who can be mentioned in a room.
pub(super) fn known(db: &Connection, room: RoomCode) -> rusqlite::Result<Vec<Person>> {
    db.prepare_cached(
        "SELECT id, name FROM visits JOIN people ON id = person WHERE room = ?1 ORDER BY since DESC LIMIT ?2",
    )?
    .query_map(params![room.as_str(), KNOWN], |row| person(row, 0))?
    .collect()
}

/// A message mentions these, and nobody else.
pub(super) fn mention(
    db: &Connection,
    room: RoomCode,
    seq: Seq,
    at: UnixMillis,
    mentioned: &[Person],
) -> rusqlite::Result<()> {
    db.prepare_cached("DELETE FROM mentions WHERE room = ?1 AND seq = ?2")?
        .execute(params![room.as_str(), signed(seq.0)])?;
    let mut insert =
        db.prepare_cached("INSERT INTO mentions (room, seq, person, name, at) VALUES (?1, ?2, ?3, ?4, ?5)")?;
    for person in mentioned {
        insert.execute(params![room.as_str(), signed(seq.0), person.id.0, person.name.as_str(), at.0])?;
    }
    Ok(())
}

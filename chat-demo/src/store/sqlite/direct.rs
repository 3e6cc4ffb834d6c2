//! The statements for rooms between two people. Everything here blocks.

use rusqlite::{Connection, OptionalExtension, params};

use super::execute::{Pending, answer, untried, within};
use super::statements::{malformed, person};
use super::visits;
use crate::domain::{Pair, Person, PersonId, RoomCode, Seq, UnixMillis};
use crate::store::Opened;
use crate::store::direct::{ACQUAINTANCES, DirectRequest};
use crate::store::row::{DIRECT, signed};
use crate::store::visits::KNOWN;

impl DirectRequest {
    pub(super) fn refuse(self) -> Pending {
        match self {
            Self::Open { reply, .. } => untried(reply),
            Self::Acquaintances { reply, .. } => untried(reply),
            Self::Counterparts { reply, .. } => untried(reply),
            Self::Person { reply, .. } => untried(reply),
        }
    }

    pub(super) fn execute(self, db: &mut Connection) -> Pending {
        match self {
            Self::Open { me, other, code, at, reply } => answer(reply, within(db, |db| open(db, me, other, code, at))),
            Self::Acquaintances { person, reply } => answer(reply, acquaintances(db, person)),
            Self::Counterparts { person, reply } => answer(reply, counterparts(db, person)),
            Self::Person { id, reply } => answer(reply, find(db, id)),
        }
    }
}

fn open(db: &Connection, me: PersonId, other: PersonId, code: RoomCode, at: UnixMillis) -> rusqlite::Result<Opened> {
    let pair = Pair::of(me, other);
    let Some(with) = find(db, other)? else { return Ok(Opened::Strangers) };
    let room = match between(db, pair)? {
        Some(room) => room,
        None if !Opened::may_begin(pair, share_a_room(db, me, other)?) => return Ok(Opened::Strangers),
        None => {
            let (one, other) = pair.ordered();
            db.prepare_cached(
                "INSERT INTO rooms (code, created_at, kind, one, other) VALUES (?1, ?2, ?3, ?4, ?5)
                 ON CONFLICT DO NOTHING",
            )?
            .execute(params![code.as_str(), at.0, DIRECT, one.0, other.0])?;
            match between(db, pair)? {
                Some(room) => room,
                None => return Ok(Opened::CodeTaken),
            }
        }
    };
    visits::visit(db, me, room, at)?;
    Ok(Opened::Room(room, with))
}

fn between(db: &Connection, pair: Pair) -> rusqlite::Result<Option<RoomCode>> {
    let (one, other) = pair.ordered();
    db.prepare_cached("SELECT code FROM rooms WHERE kind = 1 AND one = ?1 AND other = ?2")?
        .query_row(params![one.0, other.0], |row| {
            let code: String = row.get(0)?;
            code.parse().map_err(|error| malformed(0, error))
        })
        .optional()
}

fn share_a_room(db: &Connection, me: PersonId, other: PersonId) -> rusqlite::Result<bool> {
    db.prepare_cached(
        "SELECT 1 FROM visits AS mine JOIN visits AS theirs USING (room) WHERE mine.person = ?1 AND theirs.person = ?2",
    )?
    .exists(params![me.0, other.0])
}

fn acquaintances(db: &Connection, id: PersonId) -> rusqlite::Result<Vec<Person>> {
    db.prepare_cached(
        "SELECT DISTINCT people.id, people.name FROM visits AS mine JOIN visits AS theirs USING (room)
             JOIN people ON people.id = theirs.person
         WHERE mine.person = ?1 LIMIT ?2",
    )?
    .query_map(params![id.0, ACQUAINTANCES], |row| person(row, 0))?
    .collect()
}

fn counterparts(db: &Connection, id: PersonId) -> rusqlite::Result<Vec<PersonId>> {
    db.prepare_cached(
        "SELECT other FROM rooms WHERE kind = 1 AND one = ?1
         UNION SELECT one FROM rooms WHERE kind = 1 AND other = ?1 LIMIT ?2",
    )?
    .query_map(params![id.0, KNOWN], |row| row.get(0).map(PersonId))?
    .collect()
}

fn find(db: &Connection, id: PersonId) -> rusqlite::Result<Option<Person>> {
    db.prepare_cached("SELECT id, name FROM people WHERE id = ?1")?.query_row([id.0], |row| person(row, 0)).optional()
}

/// The people of a room between two; nobody, of any other room.
pub(super) fn both(db: &Connection, room: RoomCode) -> rusqlite::Result<Vec<Person>> {
    db.prepare_cached("SELECT id, name FROM rooms JOIN people ON id IN (one, other) WHERE code = ?1 AND kind = 1")?
        .query_map([room.as_str()], |row| person(row, 0))?
        .collect()
}

/// The room is one of somebody's again, when something was said there that they have not read.
pub(super) fn call(db: &Connection, id: PersonId, room: RoomCode, seq: Seq, at: UnixMillis) -> rusqlite::Result<()> {
    db.prepare_cached(
        "INSERT INTO visits (person, room, since, read_seq) VALUES (?1, ?2, ?3, ?4) ON CONFLICT DO NOTHING",
    )?
    .execute(params![id.0, room.as_str(), at.0, signed(seq.0.saturating_sub(1))])
    .map(drop)
}

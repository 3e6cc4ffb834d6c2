//! The statements for rooms, of whatever kind. Everything here blocks.

use rusqlite::{Connection, OptionalExtension, params};

use super::statements::malformed;
use crate::domain::{Pair, RoomCode, RoomKind, UnixMillis};
use crate::store::row::{DIRECT, room_kind};

/// Whether the room was made; false if there is one of this code already.
pub(super) fn create_room(db: &Connection, code: RoomCode, at: UnixMillis) -> rusqlite::Result<bool> {
    let made = db
        .prepare_cached("INSERT INTO rooms (code, created_at) VALUES (?1, ?2) ON CONFLICT DO NOTHING")?
        .execute(params![code.as_str(), at.0])?;
    Ok(made == 1)
}

pub(super) fn room(db: &Connection, code: RoomCode) -> rusqlite::Result<Option<RoomKind>> {
    db.prepare_cached("SELECT kind, one, other FROM rooms WHERE code = ?1")?
        .query_row([code.as_str()], |row| {
            room_kind(row.get(0)?, row.get(1)?, row.get(2)?).map_err(|error| malformed(0, error))
        })
        .optional()
}

/// The room between two people, which is made if there is none; none if the code is taken.
pub(super) fn room_between(
    db: &Connection,
    pair: Pair,
    code: RoomCode,
    at: UnixMillis,
) -> rusqlite::Result<Option<RoomCode>> {
    let (one, other) = pair.ordered();
    db.prepare_cached(
        "INSERT INTO rooms (code, created_at, kind, one, other) VALUES (?1, ?2, ?3, ?4, ?5) ON CONFLICT DO NOTHING",
    )?
    .execute(params![code.as_str(), at.0, DIRECT, one.0, other.0])?;
    db.prepare_cached("SELECT code FROM rooms WHERE kind = 1 AND one = ?1 AND other = ?2")?
        .query_row(params![one.0, other.0], |row| {
            let code: String = row.get(0)?;
            code.parse().map_err(|error| malformed(0, error))
        })
        .optional()
}

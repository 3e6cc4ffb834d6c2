//! The statements for rooms, of whatever kind. Everything here blocks.

use rusqlite::{Connection, OptionalExtension, params};

use super::statements::malformed;
use crate::domain::{RoomCode, RoomKind, UnixMillis};
use crate::store::row::room_kind;

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

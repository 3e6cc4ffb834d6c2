//! The statements for rooms, of whatever kind. Everything here blocks.

use rusqlite::{Connection, OptionalExtension, Row, params};

use super::statements::malformed;
use crate::domain::{PersonId, RoomCode, RoomKind, UnixMillis};
use crate::store::row::{KindColumns, room_kind};

/// Whether the room was made; false if there is one of this code already.
pub(super) fn create_room(db: &Connection, code: RoomCode, at: UnixMillis) -> rusqlite::Result<bool> {
    let made = db
        .prepare_cached("INSERT INTO rooms (code, created_at) VALUES (?1, ?2) ON CONFLICT DO NOTHING")?
        .execute(params![code.as_str(), at.0])?;
    Ok(made == 1)
}

pub(super) fn room(db: &Connection, code: RoomCode, who: Option<PersonId>) -> rusqlite::Result<Option<RoomKind>> {
    db.prepare_cached(&format!("SELECT {KIND} FROM {ROOMS} WHERE code = ?2"))?
        .query_row(params![who.map(|who| who.0), code.as_str()], |row| kind(row, 0, who))
        .optional()
}

/// Rooms, with what they are as channels.
pub(super) const ROOMS: &str = "rooms LEFT JOIN channels ON channels.room = rooms.code";

/// The columns of [`ROOMS`] that [`kind`] reads; `?1` is whoever asks.
pub(super) const KIND: &str = "rooms.kind, rooms.one, rooms.other, channels.workspace, channels.name,
    EXISTS (SELECT 1 FROM workspace_members AS members
        WHERE members.workspace = channels.workspace AND members.person = ?1)";

/// What kind of room it is for somebody, from the column `first` on.
pub(super) fn kind(row: &Row<'_>, first: usize, who: Option<PersonId>) -> rusqlite::Result<RoomKind> {
    let (one, other): (Option<i64>, Option<i64>) = (row.get(first + 1)?, row.get(first + 2)?);
    let (workspace, name): (Option<String>, Option<String>) = (row.get(first + 3)?, row.get(first + 4)?);
    let belongs = row.get(first + 5)?;
    let channel = workspace.as_deref().zip(name.as_deref());
    let channel = channel.map(|(workspace, name)| (workspace, name, belongs));
    let columns = KindColumns { kind: row.get(first)?, pair: one.zip(other), channel };
    room_kind(&columns, who).map_err(|error| malformed(first, error))
}

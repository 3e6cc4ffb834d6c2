//! The statements for rooms, of whatever kind. Everything here blocks.

use rusqlite::{Connection, OptionalExtension, params};

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
    db.prepare_cached(
        "SELECT kind, one, other, workspace, name,
             EXISTS (SELECT 1 FROM workspace_members AS members WHERE members.workspace = channels.workspace AND person = ?2)
         FROM rooms LEFT JOIN channels ON room = code WHERE code = ?1",
    )?
    .query_row(params![code.as_str(), who.map(|who| who.0)], |row| {
        let (one, other): (Option<i64>, Option<i64>) = (row.get(1)?, row.get(2)?);
        let (workspace, name): (Option<String>, Option<String>) = (row.get(3)?, row.get(4)?);
        let belongs = row.get(5)?;
        let channel = workspace.as_deref().zip(name.as_deref());
        let channel = channel.map(|(workspace, name)| (workspace, name, belongs));
        let columns = KindColumns { kind: row.get(0)?, pair: one.zip(other), channel };
        room_kind(&columns, who).map_err(|error| malformed(0, error))
    })
    .optional()
}

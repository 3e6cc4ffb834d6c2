//! The statements for rooms, of whatever kind, as those of SQLite do it.

use deadpool_postgres::{GenericClient, Object};
use tokio_postgres::Row;

use super::workers::Cause;
use crate::domain::{PersonId, RoomCode, RoomKind, UnixMillis};
use crate::store::row::{KindColumns, room_kind};

/// Whether the room was made; false if there is one of this code already.
pub(super) async fn create_room(db: &Object, code: RoomCode, at: UnixMillis) -> Result<bool, Cause> {
    let sql = "INSERT INTO rooms (code, created_at) VALUES ($1, $2) ON CONFLICT DO NOTHING";
    let statement = db.prepare_cached(sql).await?;
    Ok(db.execute(&statement, &[&code.as_str(), &at.0]).await? == 1)
}

pub(super) async fn room(
    db: &impl GenericClient,
    code: RoomCode,
    who: Option<PersonId>,
) -> Result<Option<RoomKind>, Cause> {
    let statement = db.prepare_cached(&format!("SELECT {KIND} FROM {ROOMS} WHERE code = $2")).await?;
    let row = db.query_opt(&statement, &[&who.map(|who| who.0), &code.as_str()]).await?;
    row.map(|row| kind(&row, 0, who)).transpose()
}

/// Rooms, with what they are as channels.
pub(super) const ROOMS: &str = "rooms LEFT JOIN channels ON channels.room = rooms.code";

/// The columns of [`ROOMS`] that [`kind`] reads; `$1` is whoever asks.
pub(super) const KIND: &str = "rooms.kind, rooms.one, rooms.other, channels.workspace, channels.name,
    EXISTS (SELECT 1 FROM workspace_members AS members
        WHERE members.workspace = channels.workspace AND members.person = $1)";

/// What kind of room it is for somebody, from the column `first` on.
pub(super) fn kind(row: &Row, first: usize, who: Option<PersonId>) -> Result<RoomKind, Cause> {
    let (one, other): (Option<i64>, Option<i64>) = (row.get(first + 1), row.get(first + 2));
    let (workspace, name): (Option<&str>, Option<&str>) = (row.get(first + 3), row.get(first + 4));
    let channel = workspace.zip(name).map(|(workspace, name)| (workspace, name, row.get(first + 5)));
    Ok(room_kind(&KindColumns { kind: row.get(first), pair: one.zip(other), channel }, who)?)
}

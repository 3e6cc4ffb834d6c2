//! The statements for rooms, of whatever kind, as those of SQLite do it.

use deadpool_postgres::{GenericClient, Object};

use super::workers::Cause;
use crate::domain::{RoomCode, RoomKind, UnixMillis};
use crate::store::row::room_kind;

/// Whether the room was made; false if there is one of this code already.
pub(super) async fn create_room(db: &Object, code: RoomCode, at: UnixMillis) -> Result<bool, Cause> {
    let sql = "INSERT INTO rooms (code, created_at) VALUES ($1, $2) ON CONFLICT DO NOTHING";
    let statement = db.prepare_cached(sql).await?;
    Ok(db.execute(&statement, &[&code.as_str(), &at.0]).await? == 1)
}

pub(super) async fn room(db: &impl GenericClient, code: RoomCode) -> Result<Option<RoomKind>, Cause> {
    let statement = db.prepare_cached("SELECT kind, one, other FROM rooms WHERE code = $1").await?;
    let row = db.query_opt(&statement, &[&code.as_str()]).await?;
    Ok(row.map(|row| room_kind(row.get(0), row.get(1), row.get(2))).transpose()?)
}

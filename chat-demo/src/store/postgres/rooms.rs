//! The statements for rooms, of whatever kind, as those of SQLite do it.

use deadpool_postgres::Object;

use super::workers::Cause;
use crate::domain::{Pair, RoomCode, RoomKind, UnixMillis};
use crate::store::row::{DIRECT, room_kind};

/// Whether the room was made; false if there is one of this code already.
pub(super) async fn create_room(db: &Object, code: RoomCode, at: UnixMillis) -> Result<bool, Cause> {
    let sql = "INSERT INTO rooms (code, created_at) VALUES ($1, $2) ON CONFLICT DO NOTHING";
    let statement = db.prepare_cached(sql).await?;
    Ok(db.execute(&statement, &[&code.as_str(), &at.0]).await? == 1)
}

pub(super) async fn room(db: &Object, code: RoomCode) -> Result<Option<RoomKind>, Cause> {
    let statement = db.prepare_cached("SELECT kind, one, other FROM rooms WHERE code = $1").await?;
    let row = db.query_opt(&statement, &[&code.as_str()]).await?;
    Ok(row.map(|row| room_kind(row.get(0), row.get(1), row.get(2))).transpose()?)
}

/// The room between two people, which is made if there is none; none if the code is taken. Of several who make it at the
/// same moment the others wait for the first, and find its room.
pub(super) async fn room_between(
    db: &Object,
    pair: Pair,
    code: RoomCode,
    at: UnixMillis,
) -> Result<Option<RoomCode>, Cause> {
    let (one, other) = pair.ordered();
    let sql = "INSERT INTO rooms (code, created_at, kind, one, other) VALUES ($1, $2, $3, $4, $5)
               ON CONFLICT DO NOTHING";
    let make = db.prepare_cached(sql).await?;
    db.execute(&make, &[&code.as_str(), &at.0, &DIRECT, &one.0, &other.0]).await?;
    let find = db.prepare_cached("SELECT code FROM rooms WHERE kind = 1 AND one = $1 AND other = $2").await?;
    let row = db.query_opt(&find, &[&one.0, &other.0]).await?;
    Ok(row.map(|row| row.get::<_, &str>(0).parse()).transpose()?)
}

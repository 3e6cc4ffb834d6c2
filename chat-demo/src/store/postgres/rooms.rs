//! The statements for rooms, of whatever kind, as those of SQLite do it.

use deadpool_postgres::{GenericClient, Object};

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
    let sql = "SELECT kind, one, other, workspace, name,
                   EXISTS (SELECT 1 FROM workspace_members AS members
                       WHERE members.workspace = channels.workspace AND person = $2)
               FROM rooms LEFT JOIN channels ON room = code WHERE code = $1";
    let statement = db.prepare_cached(sql).await?;
    let Some(row) = db.query_opt(&statement, &[&code.as_str(), &who.map(|who| who.0)]).await? else { return Ok(None) };
    let (one, other): (Option<i64>, Option<i64>) = (row.get(1), row.get(2));
    let (workspace, name): (Option<&str>, Option<&str>) = (row.get(3), row.get(4));
    let channel = workspace.zip(name).map(|(workspace, name)| (workspace, name, row.get(5)));
    Ok(Some(room_kind(&KindColumns { kind: row.get(0), pair: one.zip(other), channel }, who)?))
}

//! The statements for workspaces, their members and their channels, as those of SQLite do it.

use std::sync::Arc;

use deadpool_postgres::{GenericClient, Object, PoolError};

use super::statements::person;
use super::workers::{Cause, answer};
use crate::domain::workspace::{Channel, WorkspaceCode};
use crate::domain::{DisplayName, PersonId, UnixMillis};
use crate::store::Workspace;
use crate::store::row::CHANNEL;
use crate::store::workspaces::{self, Admission, LISTED, Opening, WorkspaceRequest};

/// Nobody else changes members or channels of the workspace until the transaction is over.
const LOCK: &str = "SELECT 1 FROM workspaces WHERE code = $1 FOR UPDATE";

impl WorkspaceRequest {
    /// Does it, and answers; whether it was done.
    pub(super) async fn perform(self, db: Result<Object, Arc<PoolError>>) -> bool {
        match self {
            Self::Create { code, name, founder, first, at, reply } => {
                answer(reply, db, async |db| create(db, code, &name, founder, &first, at).await).await
            }
            Self::Join { workspace, person, limit, at, reply } => {
                answer(reply, db, async |db| join(db, workspace, person, limit, at).await).await
            }
            Self::Leave { workspace, person, reply } => {
                answer(reply, db, async |db| leave(db, workspace, person).await).await
            }
            Self::OpenChannel { workspace, channel, by, limit, at, reply } => {
                answer(reply, db, async move |db| open_channel(db, workspace, channel, by, limit, at).await).await
            }
            Self::Exists { workspace, reply } => answer(reply, db, async |db| exists(db, workspace).await).await,
            Self::IsMember { workspace, person, reply } => {
                answer(reply, db, async |db| is_member(db, workspace, person).await).await
            }
            Self::Find { workspace, reply } => answer(reply, db, async |db| find(db, workspace).await).await,
            Self::Of { person, reply } => answer(reply, db, async |db| of(db, person).await).await,
        }
    }
}

async fn create(
    db: &mut Object,
    code: WorkspaceCode,
    name: &DisplayName,
    founder: PersonId,
    first: &Channel,
    at: UnixMillis,
) -> Result<bool, Cause> {
    let tx = db.transaction().await?;
    let made = tx
        .prepare_cached(
            "INSERT INTO workspaces (code, name, founder, created_at) VALUES ($1, $2, $3, $4) ON CONFLICT DO NOTHING",
        )
        .await?;
    if tx.execute(&made, &[&code.as_str(), &name.as_str(), &founder.0, &at.0]).await? == 0 {
        // The same wish once more, whose answer was lost.
        let same = tx.prepare_cached("SELECT founder = $2 AND created_at = $3 FROM workspaces WHERE code = $1").await?;
        return Ok(tx.query_one(&same, &[&code.as_str(), &founder.0, &at.0]).await?.get(0));
    }
    let member =
        tx.prepare_cached("INSERT INTO workspace_members (workspace, person, since) VALUES ($1, $2, $3)").await?;
    tx.execute(&member, &[&code.as_str(), &founder.0, &at.0]).await?;
    if !insert_channel(&tx, code, first, founder, at).await? {
        // Dropped, the transaction takes the workspace along.
        return Ok(false);
    }
    tx.commit().await?;
    Ok(true)
}

/// False, and nothing done, if there is a room of this code already.
async fn insert_channel(
    tx: &impl GenericClient,
    workspace: WorkspaceCode,
    channel: &Channel,
    by: PersonId,
    at: UnixMillis,
) -> Result<bool, Cause> {
    let room = tx
        .prepare_cached("INSERT INTO rooms (code, created_at, kind) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING")
        .await?;
    if tx.execute(&room, &[&channel.room.as_str(), &at.0, &CHANNEL]).await? == 0 {
        return Ok(false);
    }
    let insert =
        tx.prepare_cached("INSERT INTO channels (room, workspace, name, made_by) VALUES ($1, $2, $3, $4)").await?;
    tx.execute(&insert, &[&channel.room.as_str(), &workspace.as_str(), &channel.name.as_str(), &by.0]).await?;
    Ok(true)
}

async fn join(
    db: &mut Object,
    workspace: WorkspaceCode,
    id: PersonId,
    limit: u32,
    at: UnixMillis,
) -> Result<Admission, Cause> {
    let tx = db.transaction().await?;
    let lock = tx.prepare_cached(LOCK).await?;
    if tx.query_opt(&lock, &[&workspace.as_str()]).await?.is_none() {
        return Ok(Admission::Unknown);
    }
    if is_member(&tx, workspace, id).await? {
        return Ok(Admission::Member { fresh: false });
    }
    let insert = tx
        .prepare_cached(
            "INSERT INTO workspace_members (workspace, person, since) SELECT $1, $2, $3
             WHERE (SELECT count(*) FROM workspace_members WHERE workspace = $1) < $4",
        )
        .await?;
    let made = tx.execute(&insert, &[&workspace.as_str(), &id.0, &at.0, &i64::from(limit)]).await?;
    tx.commit().await?;
    Ok(if made == 1 { Admission::Member { fresh: true } } else { Admission::Full })
}

async fn exists(db: &Object, workspace: WorkspaceCode) -> Result<bool, Cause> {
    let statement = db.prepare_cached("SELECT 1 FROM workspaces WHERE code = $1").await?;
    Ok(db.query_opt(&statement, &[&workspace.as_str()]).await?.is_some())
}

async fn is_member(db: &impl GenericClient, workspace: WorkspaceCode, id: PersonId) -> Result<bool, Cause> {
    let sql = "SELECT 1 FROM workspace_members WHERE workspace = $1 AND person = $2";
    let statement = db.prepare_cached(sql).await?;
    Ok(db.query_opt(&statement, &[&workspace.as_str(), &id.0]).await?.is_some())
}

async fn leave(db: &mut Object, workspace: WorkspaceCode, id: PersonId) -> Result<bool, Cause> {
    let tx = db.transaction().await?;
    let end = tx.prepare_cached("DELETE FROM workspace_members WHERE workspace = $1 AND person = $2").await?;
    let ended = tx.execute(&end, &[&workspace.as_str(), &id.0]).await?;
    let visits = tx
        .prepare_cached(
            "DELETE FROM visits WHERE person = $2 AND room IN (SELECT room FROM channels WHERE workspace = $1)",
        )
        .await?;
    tx.execute(&visits, &[&workspace.as_str(), &id.0]).await?;
    tx.commit().await?;
    Ok(ended == 1)
}

async fn open_channel(
    db: &mut Object,
    workspace: WorkspaceCode,
    channel: Channel,
    by: PersonId,
    limit: u32,
    at: UnixMillis,
) -> Result<Opening, Cause> {
    let tx = db.transaction().await?;
    let lock = tx.prepare_cached(LOCK).await?;
    tx.query_opt(&lock, &[&workspace.as_str()]).await?;
    if !is_member(&tx, workspace, by).await? {
        return Ok(Opening::NotMember);
    }
    let known = tx.prepare_cached("SELECT room FROM channels WHERE workspace = $1 AND name = $2").await?;
    if let Some(row) = tx.query_opt(&known, &[&workspace.as_str(), &channel.name.as_str()]).await? {
        return Ok(Opening::Channel(Channel { room: row.get::<_, &str>(0).parse()?, ..channel }));
    }
    let counted = tx.prepare_cached("SELECT count(*) FROM channels WHERE workspace = $1").await?;
    if tx.query_one(&counted, &[&workspace.as_str()]).await?.get::<_, i64>(0) >= i64::from(limit) {
        return Ok(Opening::Full);
    }
    if !insert_channel(&tx, workspace, &channel, by, at).await? {
        return Ok(Opening::RoomTaken);
    }
    tx.commit().await?;
    Ok(Opening::Channel(channel))
}

async fn find(db: &Object, workspace: WorkspaceCode) -> Result<Option<Workspace>, Cause> {
    let statement = db.prepare_cached("SELECT name FROM workspaces WHERE code = $1").await?;
    let Some(row) = db.query_opt(&statement, &[&workspace.as_str()]).await? else { return Ok(None) };
    let name = DisplayName::parse(row.get(0))?;
    let sql = "SELECT id, name FROM workspace_members JOIN people ON id = person WHERE workspace = $1 ORDER BY id";
    let statement = db.prepare_cached(sql).await?;
    let members = db.query(&statement, &[&workspace.as_str()]).await?;
    // The order of bytes, as that of SQLite.
    let sql = "SELECT room, name FROM channels WHERE workspace = $1 ORDER BY name COLLATE \"C\"";
    let statement = db.prepare_cached(sql).await?;
    let channels = db.query(&statement, &[&workspace.as_str()]).await?;
    Ok(Some(Workspace {
        code: workspace,
        name,
        members: members.iter().map(|row| person(row, 0)).collect::<Result<_, _>>()?,
        channels: channels.iter().map(|row| workspaces::channel(row.get(0), row.get(1))).collect::<Result<_, _>>()?,
    }))
}

async fn of(db: &Object, id: PersonId) -> Result<Vec<(WorkspaceCode, DisplayName)>, Cause> {
    let sql = "SELECT code, name FROM workspace_members JOIN workspaces ON code = workspace
               WHERE person = $1 ORDER BY since DESC, code LIMIT $2";
    let statement = db.prepare_cached(sql).await?;
    let rows = db.query(&statement, &[&id.0, &i64::from(LISTED)]).await?;
    let workspace = |row: &tokio_postgres::Row| -> Result<_, Cause> {
        Ok((row.get::<_, &str>(0).parse()?, DisplayName::parse(row.get(1))?))
    };
    rows.iter().rev().map(workspace).collect()
}

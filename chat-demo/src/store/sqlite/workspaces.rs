//! The statements for workspaces, their members and their channels. Everything here blocks.

use rusqlite::{Connection, OptionalExtension, params};

use super::execute::{Pending, answer, untried, within};
use super::statements::{malformed, malformed_text, person};
use crate::domain::workspace::{Channel, WorkspaceCode};
use crate::domain::{DisplayName, PersonId, UnixMillis};
use crate::store::Workspace;
use crate::store::row::CHANNEL;
use crate::store::workspaces::{self, Admission, LISTED, Opening, WorkspaceRequest};

impl WorkspaceRequest {
    pub(super) fn refuse(self) -> Pending {
        match self {
            Self::Create { reply, .. } | Self::Leave { reply, .. } => untried(reply),
            Self::Exists { reply, .. } | Self::IsMember { reply, .. } => untried(reply),
            Self::Join { reply, .. } => untried(reply),
            Self::OpenChannel { reply, .. } => untried(reply),
            Self::Find { reply, .. } => untried(reply),
            Self::Of { reply, .. } => untried(reply),
        }
    }

    pub(super) fn execute(self, db: &mut Connection) -> Pending {
        match self {
            Self::Create { code, name, founder, first, at, reply } => {
                answer(reply, within(db, |db| create(db, code, &name, founder, &first, at)))
            }
            Self::Join { workspace, person, limit, at, reply } => {
                answer(reply, within(db, |db| join(db, workspace, person, limit, at)))
            }
            Self::Leave { workspace, person, reply } => answer(reply, within(db, |db| leave(db, workspace, person))),
            Self::OpenChannel { workspace, channel, by, limit, at, reply } => {
                answer(reply, within(db, |db| open_channel(db, workspace, channel, by, limit, at)))
            }
            Self::Exists { workspace, reply } => answer(reply, exists(db, workspace)),
            Self::IsMember { workspace, person, reply } => answer(reply, is_member(db, workspace, person)),
            Self::Find { workspace, reply } => answer(reply, find(db, workspace)),
            Self::Of { person, reply } => answer(reply, of(db, person)),
        }
    }
}

fn create(
    db: &Connection,
    code: WorkspaceCode,
    name: &DisplayName,
    founder: PersonId,
    first: &Channel,
    at: UnixMillis,
) -> rusqlite::Result<bool> {
    let known = db
        .prepare_cached("SELECT founder = ?2 AND created_at = ?3 FROM workspaces WHERE code = ?1")?
        .query_row(params![code.as_str(), founder.0, at.0], |row| row.get(0))
        .optional()?;
    // The same wish once more, whose answer was lost.
    if let Some(same) = known {
        return Ok(same);
    }
    if db.prepare_cached("SELECT 1 FROM rooms WHERE code = ?1")?.exists([first.room.as_str()])? {
        return Ok(false);
    }
    db.prepare_cached("INSERT INTO workspaces (code, name, founder, created_at) VALUES (?1, ?2, ?3, ?4)")?
        .execute(params![code.as_str(), name.as_str(), founder.0, at.0])?;
    db.prepare_cached("INSERT INTO workspace_members (workspace, person, since) VALUES (?1, ?2, ?3)")?
        .execute(params![code.as_str(), founder.0, at.0])?;
    insert_channel(db, code, first, founder, at)?;
    Ok(true)
}

fn insert_channel(
    db: &Connection,
    workspace: WorkspaceCode,
    channel: &Channel,
    by: PersonId,
    at: UnixMillis,
) -> rusqlite::Result<()> {
    db.prepare_cached("INSERT INTO rooms (code, created_at, kind) VALUES (?1, ?2, ?3)")?.execute(params![
        channel.room.as_str(),
        at.0,
        CHANNEL
    ])?;
    db.prepare_cached("INSERT INTO channels (room, workspace, name, made_by) VALUES (?1, ?2, ?3, ?4)")?
        .execute(params![channel.room.as_str(), workspace.as_str(), channel.name.as_str(), by.0])
        .map(drop)
}

fn join(
    db: &Connection,
    workspace: WorkspaceCode,
    id: PersonId,
    limit: u32,
    at: UnixMillis,
) -> rusqlite::Result<Admission> {
    if is_member(db, workspace, id)? {
        return Ok(Admission::Member { fresh: false });
    }
    if !exists(db, workspace)? {
        return Ok(Admission::Unknown);
    }
    let made = db
        .prepare_cached(
            "INSERT INTO workspace_members (workspace, person, since) SELECT ?1, ?2, ?3
             WHERE (SELECT count(*) FROM workspace_members WHERE workspace = ?1) < ?4",
        )?
        .execute(params![workspace.as_str(), id.0, at.0, limit])?;
    Ok(if made == 1 { Admission::Member { fresh: true } } else { Admission::Full })
}

fn exists(db: &Connection, workspace: WorkspaceCode) -> rusqlite::Result<bool> {
    db.prepare_cached("SELECT 1 FROM workspaces WHERE code = ?1")?.exists([workspace.as_str()])
}

fn is_member(db: &Connection, workspace: WorkspaceCode, id: PersonId) -> rusqlite::Result<bool> {
    db.prepare_cached("SELECT 1 FROM workspace_members WHERE workspace = ?1 AND person = ?2")?
        .exists(params![workspace.as_str(), id.0])
}

fn leave(db: &Connection, workspace: WorkspaceCode, id: PersonId) -> rusqlite::Result<bool> {
    let ended = db
        .prepare_cached("DELETE FROM workspace_members WHERE workspace = ?1 AND person = ?2")?
        .execute(params![workspace.as_str(), id.0])?;
    db.prepare_cached(
        "DELETE FROM visits WHERE person = ?2 AND room IN (SELECT room FROM channels WHERE workspace = ?1)",
    )?
    .execute(params![workspace.as_str(), id.0])?;
    Ok(ended == 1)
}

fn open_channel(
    db: &Connection,
    workspace: WorkspaceCode,
    channel: Channel,
    by: PersonId,
    limit: u32,
    at: UnixMillis,
) -> rusqlite::Result<Opening> {
    if !is_member(db, workspace, by)? {
        return Ok(Opening::NotMember);
    }
    let known: Option<String> = db
        .prepare_cached("SELECT room FROM channels WHERE workspace = ?1 AND name = ?2")?
        .query_row(params![workspace.as_str(), channel.name.as_str()], |row| row.get(0))
        .optional()?;
    if let Some(room) = known {
        let room = room.parse().map_err(|error| malformed(0, error))?;
        return Ok(Opening::Channel(Channel { room, ..channel }));
    }
    let count: u32 = db
        .prepare_cached("SELECT count(*) FROM channels WHERE workspace = ?1")?
        .query_row([workspace.as_str()], |row| row.get(0))?;
    if count >= limit {
        return Ok(Opening::Full);
    }
    if db.prepare_cached("SELECT 1 FROM rooms WHERE code = ?1")?.exists([channel.room.as_str()])? {
        return Ok(Opening::RoomTaken);
    }
    insert_channel(db, workspace, &channel, by, at)?;
    Ok(Opening::Channel(channel))
}

fn find(db: &Connection, workspace: WorkspaceCode) -> rusqlite::Result<Option<Workspace>> {
    let name: Option<String> = db
        .prepare_cached("SELECT name FROM workspaces WHERE code = ?1")?
        .query_row([workspace.as_str()], |row| row.get(0))
        .optional()?;
    let Some(name) = name else { return Ok(None) };
    let members = db
        .prepare_cached(
            "SELECT id, name FROM workspace_members JOIN people ON id = person WHERE workspace = ?1 ORDER BY id",
        )?
        .query_map([workspace.as_str()], |row| person(row, 0))?
        .collect::<rusqlite::Result<_>>()?;
    let channels = db
        .prepare_cached("SELECT room, name FROM channels WHERE workspace = ?1 ORDER BY name")?
        .query_map([workspace.as_str()], |row| {
            let (room, name): (String, String) = (row.get(0)?, row.get(1)?);
            workspaces::channel(&room, &name).map_err(|error| malformed_text(0, error))
        })?
        .collect::<rusqlite::Result<_>>()?;
    let name = DisplayName::parse(&name).map_err(|error| malformed(0, error))?;
    Ok(Some(Workspace { code: workspace, name, members, channels }))
}

fn of(db: &Connection, id: PersonId) -> rusqlite::Result<Vec<(WorkspaceCode, DisplayName)>> {
    let mut statement = db.prepare_cached(
        "SELECT code, name FROM workspace_members JOIN workspaces ON code = workspace
         WHERE person = ?1 ORDER BY since DESC, code LIMIT ?2",
    )?;
    let rows = statement.query_map(params![id.0, LISTED], |row| {
        let (code, name): (String, String) = (row.get(0)?, row.get(1)?);
        let code = code.parse().map_err(|error| malformed(0, error))?;
        Ok((code, DisplayName::parse(&name).map_err(|error| malformed(1, error))?))
    })?;
    let mut all = rows.collect::<rusqlite::Result<Vec<_>>>()?;
    all.reverse();
    Ok(all)
}

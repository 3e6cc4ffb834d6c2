//! The statements for notifications. Everything here blocks.

use rusqlite::{Connection, OptionalExtension, Row, params};

use super::execute::{Pending, answer, untried, within};
use super::statements::{malformed, malformed_text, person};
use crate::domain::{Body, PersonId, RoomCode, Seq, UnixMillis};
use crate::store::Notice;
use crate::store::notices::{NoticeKey, NoticeRequest};
use crate::store::row::{signed, unsigned};
use crate::store::visits::{COUNTED, title};

impl NoticeRequest {
    pub(super) fn refuse(self) -> Pending {
        match self {
            Self::List { reply, .. } => untried(reply),
            Self::Unseen { reply, .. } => untried(reply),
            Self::See { reply, .. } | Self::Hush { reply, .. } => untried(reply),
        }
    }

    pub(super) fn execute(self, db: &mut Connection) -> Pending {
        match self {
            Self::List { person, before, limit, reply } => answer(reply, list(db, person, before, limit)),
            Self::Unseen { person, except, reply } => answer(reply, unseen(db, person, except)),
            Self::See { person, upto, reply } => answer(reply, within(db, |db| see(db, person, upto))),
            Self::Hush { person, room, quiet, reply } => answer(reply, within(db, |db| hush(db, person, room, quiet))),
        }
    }
}

const COLUMNS: &str = "mentions.room, mentions.seq, author, author_name, mentions.at, body,
     mentions.seq > read_seq AND mentions.at > seen_at, rooms.kind = 1, channels.name, workspaces.name";

const MENTIONS: &str = "mentions JOIN visits USING (person, room) JOIN people ON people.id = mentions.person
     JOIN messages ON messages.room = mentions.room AND messages.seq = mentions.seq
     JOIN rooms ON rooms.code = mentions.room
     LEFT JOIN channels ON channels.room = mentions.room LEFT JOIN workspaces ON workspaces.code = channels.workspace";

fn list(db: &Connection, id: PersonId, before: Option<NoticeKey>, limit: u32) -> rusqlite::Result<Vec<Notice>> {
    let (at, room, seq) =
        before.as_ref().map_or((i64::MAX, "", 0), |key| (key.at.0, key.room.as_str(), signed(key.seq.0)));
    let sql = format!(
        "SELECT {COLUMNS} FROM {MENTIONS} WHERE mentions.person = ?1 AND NOT quiet
             AND mentions.at <= ?2 AND (mentions.at, mentions.room, mentions.seq) < (?2, ?3, ?4)
         ORDER BY mentions.at DESC, mentions.room DESC, mentions.seq DESC LIMIT ?5"
    );
    db.prepare_cached(&sql)?.query_map(params![id.0, at, room, seq, limit], notice)?.collect()
}

/// The message that mentions somebody, if they have not seen it.
pub(super) fn unseen_one(db: &Connection, id: PersonId, room: RoomCode, seq: Seq) -> rusqlite::Result<Option<Notice>> {
    let sql = format!(
        "SELECT {COLUMNS} FROM {MENTIONS} WHERE mentions.person = ?1 AND mentions.room = ?2 AND mentions.seq = ?3
             AND NOT quiet AND mentions.seq > read_seq AND mentions.at > seen_at"
    );
    db.prepare_cached(&sql)?.query_row(params![id.0, room.as_str(), signed(seq.0)], notice).optional()
}

fn notice(row: &Row<'_>) -> rusqlite::Result<Notice> {
    let room: String = row.get(0)?;
    let (channel, workspace): (Option<String>, Option<String>) = (row.get(8)?, row.get(9)?);
    Ok(Notice {
        room: room.parse().map_err(|error| malformed(0, error))?,
        seq: Seq(unsigned(row.get(1)?)),
        author: person(row, 2)?,
        at: UnixMillis(row.get(4)?),
        body: Body::trusted(row.get(5)?),
        unseen: row.get(6)?,
        direct: row.get(7)?,
        channel: title(channel.as_deref(), workspace.as_deref()).map_err(|error| malformed_text(8, error))?,
    })
}

fn unseen(db: &Connection, id: PersonId, except: Option<RoomCode>) -> rusqlite::Result<u64> {
    db.prepare_cached(
        "SELECT count(*) FROM (SELECT 1 FROM visits JOIN people ON people.id = visits.person
             JOIN mentions ON mentions.person = visits.person AND mentions.room = visits.room AND seq > read_seq
         WHERE visits.person = ?1 AND NOT quiet AND visits.room <> ?2 AND mentions.at > seen_at LIMIT ?3)",
    )?
    .query_row(params![id.0, except.as_ref().map_or("", RoomCode::as_str), COUNTED], |row| row.get(0).map(unsigned))
}

fn see(db: &Connection, id: PersonId, upto: UnixMillis) -> rusqlite::Result<bool> {
    let seen = db
        .prepare_cached("UPDATE people SET seen_at = ?2 WHERE id = ?1 AND seen_at < ?2")?
        .execute(params![id.0, upto.0])?;
    Ok(seen == 1)
}

fn hush(db: &Connection, id: PersonId, room: RoomCode, quiet: bool) -> rusqlite::Result<bool> {
    let hushed = db
        .prepare_cached("UPDATE visits SET quiet = ?3 WHERE person = ?1 AND room = ?2")?
        .execute(params![id.0, room.as_str(), quiet])?;
    Ok(hushed == 1)
}

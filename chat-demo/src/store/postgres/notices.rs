//! The statements for notifications, as those of SQLite do it.

use std::sync::Arc;

use deadpool_postgres::{Object, PoolError};
use tokio_postgres::Row;

use super::statements::person;
use super::workers::{Cause, answer};
use crate::domain::{Body, PersonId, RoomCode, Seq, UnixMillis};
use crate::store::Notice;
use crate::store::notices::{NoticeKey, NoticeRequest};
use crate::store::row::{signed, unsigned};
use crate::store::visits::{COUNTED, title};

/// Does it; whether that worked.
pub(super) async fn perform(request: NoticeRequest, db: Result<Object, Arc<PoolError>>) -> bool {
    match request {
        NoticeRequest::List { person, before, limit, reply } => {
            answer(reply, db, async |db| list(db, person, before, limit).await).await
        }
        NoticeRequest::Unseen { person, except, reply } => {
            answer(reply, db, async |db| unseen(db, person, except).await).await
        }
        NoticeRequest::See { person, upto, reply } => answer(reply, db, async |db| see(db, person, upto).await).await,
        NoticeRequest::Hush { person, room, quiet, reply } => {
            answer(reply, db, async |db| hush(db, person, room, quiet).await).await
        }
    }
}

const COLUMNS: &str = "mentions.room, mentions.seq, author, author_name, mentions.at, body,
     mentions.seq > read_seq AND mentions.at > seen_at, rooms.kind = 1, channels.name, workspaces.name";

const MENTIONS: &str = "mentions JOIN visits USING (person, room) JOIN people ON people.id = person
     JOIN messages ON messages.room = mentions.room AND messages.seq = mentions.seq
     JOIN rooms ON rooms.code = mentions.room
     LEFT JOIN channels ON channels.room = mentions.room LEFT JOIN workspaces ON workspaces.code = channels.workspace";

async fn list(db: &Object, id: PersonId, before: Option<NoticeKey>, limit: u32) -> Result<Vec<Notice>, Cause> {
    let (at, room, seq) =
        before.as_ref().map_or((i64::MAX, "", 0), |key| (key.at.0, key.room.as_str(), signed(key.seq.0)));
    let sql = format!(
        "SELECT {COLUMNS} FROM {MENTIONS} WHERE person = $1 AND NOT quiet
             AND mentions.at <= $2 AND (mentions.at, mentions.room, mentions.seq) < ($2, $3, $4)
         ORDER BY mentions.at DESC, mentions.room DESC, mentions.seq DESC LIMIT $5"
    );
    let statement = db.prepare_cached(&sql).await?;
    db.query(&statement, &[&id.0, &at, &room, &seq, &i64::from(limit)]).await?.iter().map(notice).collect()
}

/// The message that mentions somebody, if they have not seen it.
pub(super) async fn unseen_one(db: &Object, id: PersonId, room: RoomCode, seq: Seq) -> Result<Option<Notice>, Cause> {
    let sql = format!(
        "SELECT {COLUMNS} FROM {MENTIONS} WHERE person = $1 AND mentions.room = $2 AND mentions.seq = $3
             AND NOT quiet AND mentions.seq > read_seq AND mentions.at > seen_at"
    );
    let statement = db.prepare_cached(&sql).await?;
    let found = db.query_opt(&statement, &[&id.0, &room.as_str(), &signed(seq.0)]).await?;
    found.as_ref().map(notice).transpose()
}

fn notice(row: &Row) -> Result<Notice, Cause> {
    Ok(Notice {
        room: row.get::<_, &str>(0).parse()?,
        seq: Seq(unsigned(row.get(1))),
        author: person(row, 2)?,
        at: UnixMillis(row.get(4)),
        body: Body::trusted(row.get(5)),
        unseen: row.get(6),
        direct: row.get(7),
        channel: title(row.get(8), row.get(9))?,
    })
}

async fn unseen(db: &Object, id: PersonId, except: Option<RoomCode>) -> Result<u64, Cause> {
    let sql = "SELECT count(*) FROM (SELECT 1 FROM visits JOIN people ON people.id = visits.person
                   JOIN mentions ON mentions.person = visits.person AND mentions.room = visits.room AND seq > read_seq
               WHERE visits.person = $1 AND NOT quiet AND visits.room <> $2 AND mentions.at > seen_at LIMIT $3) AS unseen";
    let statement = db.prepare_cached(sql).await?;
    let except = except.as_ref().map_or("", RoomCode::as_str);
    Ok(unsigned(db.query_one(&statement, &[&id.0, &except, &i64::from(COUNTED)]).await?.get(0)))
}

async fn see(db: &Object, id: PersonId, upto: UnixMillis) -> Result<bool, Cause> {
    let statement = db.prepare_cached("UPDATE people SET seen_at = $2 WHERE id = $1 AND seen_at < $2").await?;
    Ok(db.execute(&statement, &[&id.0, &upto.0]).await? == 1)
}

async fn hush(db: &Object, id: PersonId, room: RoomCode, quiet: bool) -> Result<bool, Cause> {
    let statement = db.prepare_cached("UPDATE visits SET quiet = $3 WHERE person = $1 AND room = $2").await?;
    Ok(db.execute(&statement, &[&id.0, &room.as_str(), &quiet]).await? == 1)
}

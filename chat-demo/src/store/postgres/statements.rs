//! The statements, as those of SQLite do it.

use deadpool_postgres::Object;
use tokio_postgres::Row;

use super::workers::{Cause, Standby};
use crate::domain::{Body, ClientId, DisplayName, Draft, Message, Person, PersonId, RoomCode, Seq, UnixMillis};
use crate::store::{Page, SessionToken, Stored};

/// Whether the room was made; false if there is one of this code already.
pub(super) async fn create_room(db: &Object, code: RoomCode, at: UnixMillis) -> Result<bool, Cause> {
    let sql = "INSERT INTO rooms (code, created_at) VALUES ($1, $2) ON CONFLICT DO NOTHING";
    let statement = db.prepare_cached(sql).await?;
    Ok(db.execute(&statement, &[&code.as_str(), &at.0]).await? == 1)
}

pub(super) async fn room_exists(db: &Object, code: RoomCode) -> Result<bool, Cause> {
    let statement = db.prepare_cached("SELECT 1 FROM rooms WHERE code = $1").await?;
    Ok(db.query_opt(&statement, &[&code.as_str()]).await?.is_some())
}

/// Stores `drafts` after the last message of the room, in this order; one that the room has already
/// keeps its number. The row of the room is locked meanwhile: nobody else numbers messages of it.
pub(super) async fn append(db: &mut Object, room: RoomCode, drafts: Vec<Draft>) -> Result<Vec<Stored>, Cause> {
    let tx = db.transaction().await?;
    let lock = tx.prepare_cached("SELECT 1 FROM rooms WHERE code = $1 FOR UPDATE").await?;
    tx.query_opt(&lock, &[&room.as_str()]).await?;
    let insert = tx
        .prepare_cached(
            "INSERT INTO messages (room, seq, author, author_name, client_id, body, at)
             SELECT $1, coalesce(max(seq), 0) + 1, $2, $3, $4, $5, $6 FROM messages WHERE room = $1
             ON CONFLICT (room, author, client_id) DO NOTHING
             RETURNING seq",
        )
        .await?;
    let find = tx
        .prepare_cached(
            "SELECT seq, author, author_name, client_id, body, at FROM messages
             WHERE room = $1 AND author = $2 AND client_id = $3",
        )
        .await?;
    let mut all = Vec::with_capacity(drafts.len());
    for Draft { author, client_id, body, at } in drafts {
        let (code, id, name) = (room.as_str(), author.id.0, author.name.as_str());
        let inserted = tx.query_opt(&insert, &[&code, &id, &name, &client_id.as_str(), &body.as_str(), &at.0]).await?;
        all.push(match inserted {
            Some(row) => {
                Stored { message: Message { seq: unsigned(row.get(0)), author, client_id, body, at }, fresh: true }
            }
            None => {
                let row = tx.query_one(&find, &[&code, &id, &client_id.as_str()]).await?;
                Stored { message: message(&row)?, fresh: false }
            }
        });
    }
    tx.commit().await?;
    Ok(all)
}

/// A page of a room's history, oldest message first.
pub(super) async fn history(db: &Object, room: RoomCode, page: Page) -> Result<Vec<Message>, Cause> {
    let (after, before, order, limit) = match page {
        Page::Latest { limit } => (0, i64::MAX, "DESC", limit),
        Page::Before { before, limit } => (0, signed(before), "DESC", limit),
        Page::Between { after, before, limit } => (signed(after), signed(before), "ASC", limit),
    };
    let sql = format!(
        "SELECT seq, author, author_name, client_id, body, at FROM messages
         WHERE room = $1 AND seq > $2 AND seq < $3 ORDER BY seq {order} LIMIT $4"
    );
    let statement = db.prepare_cached(&sql).await?;
    let rows = db.query(&statement, &[&room.as_str(), &after, &before, &i64::from(limit)]).await?;
    let mut messages = rows.iter().map(message).collect::<Result<Vec<_>, _>>()?;
    if order == "DESC" {
        messages.reverse();
    }
    Ok(messages)
}

/// The person of a session.
pub(super) async fn find_person(db: &Object, session: &SessionToken) -> Result<Option<Person>, Cause> {
    let statement = db.prepare_cached("SELECT id, name FROM people WHERE session = $1").await?;
    let row = db.query_opt(&statement, &[&session.as_str()]).await?;
    row.map(|row| person(&row, 0)).transpose()
}

/// The person of a session, by the name `name` from now on; made if there is none.
pub(super) async fn name_person(db: &Object, session: &SessionToken, name: &DisplayName) -> Result<Person, Cause> {
    let sql = "INSERT INTO people (session, name) VALUES ($1, $2)
               ON CONFLICT (session) DO UPDATE SET name = excluded.name RETURNING id, name";
    let statement = db.prepare_cached(sql).await?;
    person(&db.query_one(&statement, &[&session.as_str(), &name.as_str()]).await?, 0)
}

/// Whether it answers, and could write.
pub(super) async fn ping(db: &Object) -> Result<(), Cause> {
    let standby: bool = db.query_one("SELECT pg_is_in_recovery()", &[]).await?.get(0);
    if standby { Err(Standby.into()) } else { Ok(()) }
}

fn message(row: &Row) -> Result<Message, Cause> {
    Ok(Message {
        seq: unsigned(row.get(0)),
        author: person(row, 1)?,
        client_id: ClientId::parse(row.get(3))?,
        body: Body::trusted(row.get(4)),
        at: UnixMillis(row.get(5)),
    })
}

fn person(row: &Row, at: usize) -> Result<Person, Cause> {
    Ok(Person { id: PersonId(row.get(at)), name: DisplayName::parse(row.get(at + 1))? })
}

fn unsigned(seq: i64) -> Seq {
    Seq(seq.try_into().unwrap_or_default())
}

fn signed(seq: Seq) -> i64 {
    seq.0.try_into().unwrap_or(i64::MAX)
}

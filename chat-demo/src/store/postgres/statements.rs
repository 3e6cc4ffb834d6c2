//! The statements, as those of SQLite do it.

use deadpool_postgres::{Object, Transaction};
use tokio_postgres::Row;
use tokio_postgres::types::ToSql;

use super::workers::{Cause, Standby};
use super::{deliveries, direct, files, search, visits};
use crate::domain::{
    Body, ClientId, DisplayName, Draft, Message, MessageState, Person, PersonId, Revision, RoomCode, Seq, UnixMillis,
};
use crate::store::row::{
    all_mentioned, attachment, attachment_text, changeable, kind, kind_code, meant, signed, state, state_code,
    unsigned, urgency,
};
use crate::store::{Changed, Page, StoreError, Stored};

const COLUMNS: &str = "seq, author, author_name, client_id, body, at, revision, state, kind, attachment,
     (SELECT string_agg(person || ' ' || name, E'\n' ORDER BY person) FROM mentions
      WHERE mentions.room = messages.room AND mentions.seq = messages.seq)";
const LAST_REVISION: &str = "SELECT coalesce(max(revision), 0) FROM messages WHERE room = $1 AND revision > 0";

/// Nobody else numbers messages or changes of the room until the transaction is over.
const LOCK: &str = "SELECT 1 FROM rooms WHERE code = $1 FOR UPDATE";

/// Stores messages of several rooms: a result for each room, as [`Store::append_all`](crate::store::Store::append_all) says.
///
/// The rows of all rooms are locked meanwhile, in an order that everybody keeps to: nobody else numbers messages of them,
/// and nobody waits in a circle.
pub(super) async fn append(
    db: &mut Object,
    batch: Vec<(RoomCode, Vec<Draft>)>,
) -> Result<Vec<Result<Vec<Stored>, StoreError>>, Cause> {
    let result = append_together(db, &batch).await;
    match result {
        // What the data of one room is to blame for undoes nothing of the others: each for itself.
        Err(error) if batch.len() > 1 && is_of_the_data(&error) => {
            let mut results = Vec::with_capacity(batch.len());
            for room in batch {
                let alone = append_together(db, &[room]).await;
                let alone = alone.map(|mut stored| stored.pop().unwrap_or_default());
                results.push(alone.map_err(|error| StoreError::Database(error.into())));
            }
            Ok(results)
        }
        result => Ok(result?.into_iter().map(Ok).collect()),
    }
}

/// Whether the server refused values (classes 22 and 23 of SQLSTATE), and works.
fn is_of_the_data(error: &Cause) -> bool {
    let state = error.downcast_ref::<tokio_postgres::Error>().and_then(tokio_postgres::Error::code);
    state.is_some_and(|state| state.code().starts_with("22") || state.code().starts_with("23"))
}

async fn append_together(db: &mut Object, batch: &[(RoomCode, Vec<Draft>)]) -> Result<Vec<Vec<Stored>>, Cause> {
    let tx = db.transaction().await?;
    let lock = tx.prepare_cached("SELECT 1 FROM rooms WHERE code = ANY($1) ORDER BY code FOR UPDATE").await?;
    let rooms: Vec<&str> = batch.iter().map(|(room, _)| room.as_str()).collect();
    tx.query(&lock, &[&rooms]).await?;
    let mut all = Vec::with_capacity(batch.len());
    for (room, drafts) in batch {
        all.push(append_to(&tx, *room, drafts).await?);
    }
    tx.commit().await?;
    Ok(all)
}

/// Stores `drafts` after the last message of the room, in this order; one that the room has already
/// keeps its number.
async fn append_to(tx: &Transaction<'_>, room: RoomCode, drafts: &[Draft]) -> Result<Vec<Stored>, Cause> {
    let insert = tx
        .prepare_cached(
            "INSERT INTO messages (room, seq, author, author_name, client_id, body, at, kind, attachment)
             SELECT $1, coalesce(max(seq), 0) + 1, $2, $3, $4, $5, $6, $7, $8 FROM messages WHERE room = $1
             ON CONFLICT (room, author, client_id) DO NOTHING
             RETURNING seq",
        )
        .await?;
    let find = tx
        .prepare_cached(&format!("SELECT {COLUMNS} FROM messages WHERE room = $1 AND author = $2 AND client_id = $3"))
        .await?;
    let known = match drafts.iter().any(|draft| draft.body.as_str().contains('@')) {
        true => visits::known(tx, room).await?,
        false => Vec::new(),
    };
    let both = direct::both(tx, room).await?;
    let mut all = Vec::with_capacity(drafts.len());
    for draft in drafts {
        let (code, id, name) = (room.as_str(), draft.author.id.0, draft.author.name.as_str());
        let (client_id, body) = (draft.client_id.as_str(), draft.body.as_str());
        let (kind, file) = (kind_code(draft.kind), attachment_text(draft.attachment.as_deref()));
        let values: [&(dyn ToSql + Sync); 8] = [&code, &id, &name, &client_id, &body, &draft.at.0, &kind, &file];
        let inserted = tx.query_opt(&insert, &values).await?;
        all.push(match inserted {
            Some(row) => {
                let seq = Seq(unsigned(row.get(0)));
                files::take(tx, draft.attachment.as_deref()).await?;
                for person in &both {
                    direct::call(tx, person.id, room, seq, draft.at).await?;
                }
                visits::said(tx, draft.author.id, room, seq).await?;
                search::keep(tx, room, seq, &draft.body).await?;
                let mentions = meant(&draft.body, draft.author.id, &known, &both);
                if !mentions.is_empty() {
                    visits::mention(tx, room, seq, draft.at, &mentions).await?;
                    for person in &mentions {
                        deliveries::tell(tx, person.id, room, seq, draft.at, urgency(&both)).await?;
                    }
                }
                Stored { message: Message { mentions, ..draft.clone().numbered(seq) }, fresh: true }
            }
            None => {
                let row = tx.query_one(&find, &[&code, &id, &client_id]).await?;
                Stored { message: message(&row)?, fresh: false }
            }
        });
    }
    Ok(all)
}

/// Lets a message say something else, or deletes it, as the next change of its room.
pub(super) async fn change(
    db: &mut Object,
    room: RoomCode,
    seq: Seq,
    author: PersonId,
    body: Option<Body>,
) -> Result<Changed, Cause> {
    let tx = db.transaction().await?;
    let lock = tx.prepare_cached(LOCK).await?;
    tx.query_opt(&lock, &[&room.as_str()]).await?;
    let find = tx.prepare_cached(&format!("SELECT {COLUMNS} FROM messages WHERE room = $1 AND seq = $2")).await?;
    let found = tx.query_opt(&find, &[&room.as_str(), &signed(seq.0)]).await?;
    let mut message = match changeable(found.as_ref().map(message).transpose()?, author, body.as_ref()) {
        Ok(message) => message,
        Err(as_it_is) => return Ok(as_it_is),
    };
    let last = tx.prepare_cached(LAST_REVISION).await?;
    message.revision = Revision(unsigned(tx.query_one(&last, &[&room.as_str()]).await?.get(0)) + 1);
    message.state = if body.is_some() { MessageState::Edited } else { MessageState::Deleted };
    if body.is_none() {
        files::give_up(&tx, message.attachment.take().as_deref()).await?;
    }
    message.body = body.unwrap_or_else(Body::empty);
    if !message.mentions.is_empty() || message.body.as_str().contains('@') {
        let both = if message.state == MessageState::Deleted { Vec::new() } else { direct::both(&tx, room).await? };
        message.mentions = meant(&message.body, author, &visits::known(&tx, room).await?, &both);
        visits::mention(&tx, room, seq, message.at, &message.mentions).await?;
    }
    let sql = "UPDATE messages SET body = $3, revision = $4, state = $5, attachment = $6 WHERE room = $1 AND seq = $2";
    let update = tx.prepare_cached(sql).await?;
    let (revision, state) = (signed(message.revision.0), state_code(message.state));
    let file = attachment_text(message.attachment.as_deref());
    tx.execute(&update, &[&room.as_str(), &signed(seq.0), &message.body.as_str(), &revision, &state, &file]).await?;
    search::keep(&tx, room, seq, &message.body).await?;
    tx.commit().await?;
    Ok(Changed::Done(message))
}

/// The number of the last change in a room.
pub(super) async fn last_revision(db: &Object, room: RoomCode) -> Result<Revision, Cause> {
    let statement = db.prepare_cached(LAST_REVISION).await?;
    Ok(Revision(unsigned(db.query_one(&statement, &[&room.as_str()]).await?.get(0))))
}

/// A page of a room's history, oldest message first.
pub(super) async fn history(db: &Object, room: RoomCode, page: Page) -> Result<Vec<Message>, Cause> {
    let (by, after, before, order, limit) = match page {
        Page::Latest { limit } => ("seq", 0, i64::MAX, "DESC", limit),
        Page::Before { before, limit } => ("seq", 0, signed(before.0), "DESC", limit),
        Page::Between { after, before, limit } => ("seq", signed(after.0), signed(before.0), "ASC", limit),
        Page::Changed { after, limit } => ("revision", signed(after.0), i64::MAX, "ASC", limit),
    };
    let sql = format!(
        "SELECT {COLUMNS} FROM messages WHERE room = $1 AND {by} > $2 AND {by} < $3 AND {by} > 0
         ORDER BY {by} {order} LIMIT $4"
    );
    let statement = db.prepare_cached(&sql).await?;
    let rows = db.query(&statement, &[&room.as_str(), &after, &before, &i64::from(limit)]).await?;
    let mut messages = rows.iter().map(message).collect::<Result<Vec<_>, _>>()?;
    if order == "DESC" {
        messages.reverse();
    }
    Ok(messages)
}

/// Whether it answers, and could write.
pub(super) async fn ping(db: &Object) -> Result<(), Cause> {
    let standby: bool = db.query_one("SELECT pg_is_in_recovery()", &[]).await?.get(0);
    if standby { Err(Standby.into()) } else { Ok(()) }
}

fn message(row: &Row) -> Result<Message, Cause> {
    Ok(Message {
        seq: Seq(unsigned(row.get(0))),
        author: person(row, 1)?,
        client_id: ClientId::parse(row.get(3))?,
        body: Body::trusted(row.get(4)),
        at: UnixMillis(row.get(5)),
        revision: Revision(unsigned(row.get(6))),
        state: state(row.get(7)),
        kind: kind(row.get(8)),
        attachment: attachment(row.get(9))?,
        mentions: all_mentioned(row.get(10)),
    })
}

pub(super) fn person(row: &Row, at: usize) -> Result<Person, Cause> {
    Ok(Person { id: PersonId(row.get(at)), name: DisplayName::parse(row.get(at + 1))? })
}

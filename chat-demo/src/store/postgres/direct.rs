//! The statements for rooms between two people, as those of SQLite do it.

use std::sync::Arc;

use deadpool_postgres::{GenericClient, Object, PoolError};

use super::statements::person;
use super::visits;
use super::workers::{Cause, answer};
use crate::domain::{Pair, Person, PersonId, RoomCode, Seq, UnixMillis};
use crate::store::Opened;
use crate::store::direct::{ACQUAINTANCES, DirectRequest};
use crate::store::row::{DIRECT, signed};
use crate::store::visits::KNOWN;

/// Does it; whether that worked.
pub(super) async fn perform(request: DirectRequest, db: Result<Object, Arc<PoolError>>) -> bool {
    match request {
        DirectRequest::Open { me, other, code, at, reply } => {
            answer(reply, db, async |db| open(db, me, other, code, at).await).await
        }
        DirectRequest::Acquaintances { person, reply } => {
            answer(reply, db, async |db| acquaintances(db, person).await).await
        }
        DirectRequest::Counterparts { person, reply } => {
            answer(reply, db, async |db| counterparts(db, person).await).await
        }
        DirectRequest::Person { id, reply } => answer(reply, db, async |db| find(&*db, id).await).await,
    }
}

/// Of several who make the room at the same moment, the others wait for the first, and find its room.
async fn open(db: &mut Object, me: PersonId, other: PersonId, code: RoomCode, at: UnixMillis) -> Result<Opened, Cause> {
    let tx = db.transaction().await?;
    let pair = Pair::of(me, other);
    let Some(with) = find(&tx, other).await? else { return Ok(Opened::Strangers) };
    let room = match between(&tx, pair).await? {
        Some(room) => room,
        None if !Opened::may_begin(pair, share_a_room(&tx, me, other).await?) => return Ok(Opened::Strangers),
        None => {
            let (one, other) = pair.ordered();
            let sql = "INSERT INTO rooms (code, created_at, kind, one, other) VALUES ($1, $2, $3, $4, $5)
                       ON CONFLICT DO NOTHING";
            let make = tx.prepare_cached(sql).await?;
            tx.execute(&make, &[&code.as_str(), &at.0, &DIRECT, &one.0, &other.0]).await?;
            match between(&tx, pair).await? {
                Some(room) => room,
                None => return Ok(Opened::CodeTaken),
            }
        }
    };
    visits::visit(&tx, me, room, at).await?;
    tx.commit().await?;
    Ok(Opened::Room(room, with))
}

async fn between(db: &impl GenericClient, pair: Pair) -> Result<Option<RoomCode>, Cause> {
    let (one, other) = pair.ordered();
    let find = db.prepare_cached("SELECT code FROM rooms WHERE kind = 1 AND one = $1 AND other = $2").await?;
    let row = db.query_opt(&find, &[&one.0, &other.0]).await?;
    Ok(row.map(|row| row.get::<_, &str>(0).parse()).transpose()?)
}

async fn share_a_room(db: &impl GenericClient, me: PersonId, other: PersonId) -> Result<bool, Cause> {
    let sql = "SELECT 1 FROM visits AS mine JOIN visits AS theirs USING (room)
               WHERE mine.person = $1 AND theirs.person = $2 LIMIT 1";
    let statement = db.prepare_cached(sql).await?;
    Ok(db.query_opt(&statement, &[&me.0, &other.0]).await?.is_some())
}

async fn acquaintances(db: &Object, id: PersonId) -> Result<Vec<Person>, Cause> {
    let sql = "SELECT DISTINCT people.id, people.name FROM visits AS mine JOIN visits AS theirs USING (room)
                   JOIN people ON people.id = theirs.person
               WHERE mine.person = $1 LIMIT $2";
    let statement = db.prepare_cached(sql).await?;
    let rows = db.query(&statement, &[&id.0, &i64::from(ACQUAINTANCES)]).await?;
    rows.iter().map(|row| person(row, 0)).collect()
}

async fn counterparts(db: &Object, id: PersonId) -> Result<Vec<PersonId>, Cause> {
    let sql = "SELECT other FROM rooms WHERE kind = 1 AND one = $1
               UNION SELECT one FROM rooms WHERE kind = 1 AND other = $1 LIMIT $2";
    let statement = db.prepare_cached(sql).await?;
    let rows = db.query(&statement, &[&id.0, &i64::from(KNOWN)]).await?;
    Ok(rows.iter().map(|row| PersonId(row.get(0))).collect())
}

async fn find(db: &impl GenericClient, id: PersonId) -> Result<Option<Person>, Cause> {
    let statement = db.prepare_cached("SELECT id, name FROM people WHERE id = $1").await?;
    db.query_opt(&statement, &[&id.0]).await?.map(|row| person(&row, 0)).transpose()
}

/// The people of a room between two; nobody, of any other room.
pub(super) async fn both(db: &impl GenericClient, room: RoomCode) -> Result<Vec<Person>, Cause> {
    let sql = "SELECT id, name FROM rooms JOIN people ON id IN (one, other) WHERE code = $1 AND kind = 1";
    let statement = db.prepare_cached(sql).await?;
    db.query(&statement, &[&room.as_str()]).await?.iter().map(|row| person(row, 0)).collect()
}

/// The room is one of somebody's again, when something was said there that they have not read.
pub(super) async fn call(
    db: &impl GenericClient,
    id: PersonId,
    room: RoomCode,
    seq: Seq,
    at: UnixMillis,
) -> Result<(), Cause> {
    let sql = "INSERT INTO visits (person, room, since, read_seq) VALUES ($1, $2, $3, $4) ON CONFLICT DO NOTHING";
    let statement = db.prepare_cached(sql).await?;
    db.execute(&statement, &[&id.0, &room.as_str(), &at.0, &signed(seq.0.saturating_sub(1))]).await?;
    Ok(())
}

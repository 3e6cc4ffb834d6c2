//! The statements for what goes out, as those of SQLite do it.

use std::sync::Arc;

use deadpool_postgres::{GenericClient, Object, PoolError};
use tokio_postgres::Row;

use super::notices;
use super::workers::{Cause, answer};
use crate::domain::notification::{DeadLetter, Delivery, NewDelivery, Priority, Way};
use crate::domain::{PersonId, RoomCode, Seq, UnixMillis};
use crate::store::deliveries::{Claim, Claimed, DeliveryRequest, Fate, LISTED};
use crate::store::row::{signed, unsigned};

const COLUMNS: &str =
    "number, id, priority, way, target, address, payload, person, room, seq, created_at, due_at, tries";

/// Does it; whether that worked.
pub(super) async fn perform(request: DeliveryRequest, db: Result<Object, Arc<PoolError>>) -> bool {
    match request {
        DeliveryRequest::Enqueue { deliveries, now, reply } => {
            answer(reply, db, async |db| enqueue(db, &deliveries, now).await).await
        }
        DeliveryRequest::Release { owner, reply } => answer(reply, db, async |db| release(db, &owner).await).await,
        DeliveryRequest::Claim { claim: wanted, reply } => answer(reply, db, async |db| claim(db, &wanted).await).await,
        DeliveryRequest::Settle { number, fate, reply } => {
            answer(reply, db, async |db| settle(db, number, &fate).await).await
        }
        DeliveryRequest::Mention { person, room, seq, reply } => {
            answer(reply, db, async |db| notices::unseen_one(db, person, room, seq).await).await
        }
        DeliveryRequest::Dead { reply } => answer(reply, db, async |db| dead(db).await).await,
        DeliveryRequest::Revive { number, now, reply } => {
            answer(reply, db, async |db| revive(db, number, now).await).await
        }
        DeliveryRequest::Discard { number, reply } => answer(reply, db, async |db| discard(db, number).await).await,
    }
}

async fn enqueue(db: &mut Object, deliveries: &[NewDelivery], now: UnixMillis) -> Result<(), Cause> {
    let tx = db.transaction().await?;
    let insert = tx
        .prepare_cached(
            "INSERT INTO deliveries (id, priority, way, target, address, payload, created_at, due_at)
             VALUES ($1, $2, $3, $4, $5, $6, $7, $7) ON CONFLICT DO NOTHING",
        )
        .await?;
    for new in deliveries {
        let (priority, way) = (new.priority.code(), new.way.as_str());
        tx.execute(&insert, &[&new.id, &priority, &way, &new.target, &new.address, &new.payload, &now.0]).await?;
    }
    Ok(tx.commit().await?)
}

/// A message mentions somebody, who is to be told by all ways that they want.
pub(super) async fn tell(
    db: &impl GenericClient,
    person: PersonId,
    room: RoomCode,
    seq: Seq,
    at: UnixMillis,
    priority: Priority,
) -> Result<(), Cause> {
    let sql = "INSERT INTO deliveries (id, priority, way, target, person, room, seq, created_at, due_at)
               SELECT 'mention-' || ways.number || '-' || room || '-' || $3::BIGINT, $5, way, ways.number, person, room, $3, $4, $4
               FROM ways JOIN visits USING (person)
               WHERE person = $1 AND room = $2 AND NOT quiet AND confirmed AND enabled
               ON CONFLICT DO NOTHING";
    let statement = db.prepare_cached(sql).await?;
    let priority = priority.code();
    db.execute(&statement, &[&person.0, &room.as_str(), &signed(seq.0), &at.0, &priority]).await?;
    Ok(())
}

async fn release(db: &Object, owner: &str) -> Result<(), Cause> {
    let sql = "UPDATE deliveries SET owner = '', leased_until = 0 WHERE owner = $1 AND dead_at IS NULL";
    let statement = db.prepare_cached(sql).await?;
    db.execute(&statement, &[&owner]).await?;
    Ok(())
}

async fn claim(db: &mut Object, claim: &Claim) -> Result<Claimed, Cause> {
    let Claim { owner, now, until, free, most, dead } = claim;
    let tx = db.transaction().await?;
    let count = async |sql: &str| {
        let statement = tx.prepare_cached(sql).await?;
        Ok::<_, Cause>(unsigned(tx.query_one(&statement, &[]).await?.get(0)))
    };
    let waiting = count("SELECT count(*) FROM deliveries WHERE dead_at IS NULL").await?;
    let overflowed = match waiting.saturating_sub(*most as u64) {
        0 => 0,
        excess => {
            let sql = "UPDATE deliveries SET dead_at = $1, error = 'too many wait' WHERE number IN
                           (SELECT number FROM deliveries WHERE dead_at IS NULL AND owner = ''
                            ORDER BY priority DESC, number DESC LIMIT $2 FOR UPDATE SKIP LOCKED)";
            let statement = tx.prepare_cached(sql).await?;
            tx.execute(&statement, &[&now.0, &signed(excess)]).await?
        }
    };
    let buried = count("SELECT count(*) FROM deliveries WHERE dead_at IS NOT NULL").await?;
    let discarded = match buried.saturating_sub(*dead as u64) {
        0 => 0,
        excess => {
            let sql = "DELETE FROM deliveries WHERE number IN (SELECT number FROM deliveries WHERE dead_at IS NOT NULL
                       ORDER BY dead_at, number LIMIT $1 FOR UPDATE SKIP LOCKED)";
            let statement = tx.prepare_cached(sql).await?;
            tx.execute(&statement, &[&signed(excess)]).await?
        }
    };
    let sql = "UPDATE deliveries SET leased_until = $2 WHERE owner = $1 AND dead_at IS NULL";
    let renew = tx.prepare_cached(sql).await?;
    tx.execute(&renew, &[owner, &until.0]).await?;
    let sql = format!(
        "UPDATE deliveries SET owner = $1, leased_until = $3 WHERE number IN
             (SELECT number FROM deliveries WHERE dead_at IS NULL AND owner <> $1 AND leased_until <= $2
              ORDER BY priority, number LIMIT $4 FOR UPDATE SKIP LOCKED)
         RETURNING {COLUMNS}"
    );
    let take = tx.prepare_cached(&sql).await?;
    let rows = tx.query(&take, &[owner, &now.0, &until.0, &signed(*free as u64)]).await?;
    let mut deliveries = rows.iter().map(delivery).collect::<Result<Vec<_>, _>>()?;
    tx.commit().await?;
    deliveries.sort_by_key(|delivery| (delivery.new.priority, delivery.number));
    Ok(Claimed { deliveries, overflowed, discarded, waiting: waiting - overflowed, dead: buried - discarded })
}

async fn settle(db: &Object, number: i64, fate: &Fate) -> Result<(), Cause> {
    match fate {
        Fate::Over => {
            let sql = "DELETE FROM deliveries WHERE number = $1 AND dead_at IS NULL";
            db.execute(&db.prepare_cached(sql).await?, &[&number]).await?
        }
        Fate::Again { due_at, tries, error } => {
            let sql = "UPDATE deliveries SET due_at = $2, tries = $3, error = $4 WHERE number = $1 AND dead_at IS NULL";
            db.execute(&db.prepare_cached(sql).await?, &[&number, &due_at.0, &i64::from(*tries), error]).await?
        }
        Fate::Dead { at, tries, error } => {
            let sql =
                "UPDATE deliveries SET dead_at = $2, tries = $3, error = $4 WHERE number = $1 AND dead_at IS NULL";
            db.execute(&db.prepare_cached(sql).await?, &[&number, &at.0, &i64::from(*tries), error]).await?
        }
    };
    Ok(())
}

async fn dead(db: &Object) -> Result<Vec<DeadLetter>, Cause> {
    let sql = "SELECT number, id, way, dead_at, tries, error FROM deliveries WHERE dead_at IS NOT NULL
               ORDER BY dead_at DESC, number DESC LIMIT $1";
    let statement = db.prepare_cached(sql).await?;
    let rows = db.query(&statement, &[&i64::from(LISTED)]).await?;
    let letter = |row: &Row| {
        Ok(DeadLetter {
            number: row.get(0),
            id: row.get(1),
            way: way(row, 2)?,
            dead_at: UnixMillis(row.get(3)),
            tries: u32::try_from(row.get::<_, i64>(4))?,
            error: row.get(5),
        })
    };
    rows.iter().map(letter).collect()
}

async fn revive(db: &Object, number: i64, now: UnixMillis) -> Result<bool, Cause> {
    let sql = "UPDATE deliveries SET dead_at = NULL, tries = 0, error = '', owner = '', leased_until = 0, due_at = $2
               WHERE number = $1 AND dead_at IS NOT NULL";
    let statement = db.prepare_cached(sql).await?;
    Ok(db.execute(&statement, &[&number, &now.0]).await? == 1)
}

async fn discard(db: &Object, number: i64) -> Result<bool, Cause> {
    let statement = db.prepare_cached("DELETE FROM deliveries WHERE number = $1 AND dead_at IS NOT NULL").await?;
    Ok(db.execute(&statement, &[&number]).await? == 1)
}

fn delivery(row: &Row) -> Result<Delivery, Cause> {
    let mention = match row.get::<_, Option<&str>>(8) {
        Some(room) => Some((PersonId(row.get(7)), room.parse()?, Seq(unsigned(row.get(9))))),
        None => None,
    };
    Ok(Delivery {
        number: row.get(0),
        mention,
        created_at: UnixMillis(row.get(10)),
        due_at: UnixMillis(row.get(11)),
        tries: u32::try_from(row.get::<_, i64>(12))?,
        new: NewDelivery {
            id: row.get(1),
            priority: Priority::of(row.get(2)),
            way: way(row, 3)?,
            target: row.get(4),
            address: row.get(5),
            payload: row.get(6),
        },
    })
}

/// The way in a column.
pub(super) fn way(row: &Row, at: usize) -> Result<Way, Cause> {
    let name: &str = row.get(at);
    Way::parse(name).ok_or_else(|| format!("{name} is no way").into())
}

//! The statements for the ways by which people want to be told, as those of SQLite do it.

use std::sync::Arc;

use deadpool_postgres::{Object, PoolError};
use tokio_postgres::Row;

use super::deliveries::way;
use super::workers::{Cause, answer};
use crate::domain::PersonId;
use crate::domain::notification::WaySetting;
use crate::store::row::signed;
use crate::store::ways::{NewWay, WayChange, WayRequest};

const COLUMNS: &str = "number, person, way, address, details, confirmed, enabled";

/// Does it; whether that worked.
pub(super) async fn perform(request: WayRequest, db: Result<Object, Arc<PoolError>>) -> bool {
    match request {
        WayRequest::Of { person, reply } => answer(reply, db, async |db| of(db, person).await).await,
        WayRequest::Find { number, reply } => answer(reply, db, async |db| find(db, number).await).await,
        WayRequest::Add { new, reply } => answer(reply, db, async |db| add(db, &new).await).await,
        WayRequest::Change { number, change: wanted, reply } => {
            answer(reply, db, async |db| change(db, number, &wanted).await).await
        }
    }
}

async fn of(db: &Object, id: PersonId) -> Result<Vec<WaySetting>, Cause> {
    let sql = format!("SELECT {COLUMNS} FROM ways WHERE person = $1 ORDER BY number");
    let statement = db.prepare_cached(&sql).await?;
    db.query(&statement, &[&id.0]).await?.iter().map(setting).collect()
}

async fn find(db: &Object, number: i64) -> Result<Option<WaySetting>, Cause> {
    let statement = db.prepare_cached(&format!("SELECT {COLUMNS} FROM ways WHERE number = $1")).await?;
    db.query_opt(&statement, &[&number]).await?.as_ref().map(setting).transpose()
}

async fn add(db: &mut Object, new: &NewWay) -> Result<Option<i64>, Cause> {
    let NewWay { person, way, address, details, confirmed, most } = new;
    let tx = db.transaction().await?;
    // Nobody adds two at once: both would be the last that there is room for.
    let lock = tx.prepare_cached("SELECT 1 FROM people WHERE id = $1 FOR UPDATE").await?;
    tx.query_opt(&lock, &[&person.0]).await?;
    let sql = "INSERT INTO ways (person, way, address, details, confirmed, enabled)
               SELECT $1, $2, $3, $4, $5, TRUE
               WHERE (SELECT count(*) FROM ways WHERE person = $1 AND way = $2 AND address <> $3) < $6
               ON CONFLICT (person, way, address) DO UPDATE
                   SET details = excluded.details, confirmed = excluded.confirmed, enabled = TRUE
               RETURNING number";
    let statement = tx.prepare_cached(sql).await?;
    let most = signed(*most as u64);
    let added = tx.query_opt(&statement, &[&person.0, &way.as_str(), address, details, confirmed, &most]).await?;
    tx.commit().await?;
    Ok(added.map(|row| row.get(0)))
}

async fn change(db: &mut Object, number: i64, change: &WayChange) -> Result<bool, Cause> {
    let tx = db.transaction().await?;
    let changed = match change {
        WayChange::Enabled(enabled) => {
            let sql = "UPDATE ways SET enabled = $2 WHERE number = $1";
            tx.execute(&tx.prepare_cached(sql).await?, &[&number, enabled]).await?
        }
        WayChange::Details(details) => {
            let sql = "UPDATE ways SET details = $2 WHERE number = $1";
            tx.execute(&tx.prepare_cached(sql).await?, &[&number, details]).await?
        }
        WayChange::Confirmed(details) => {
            let sql = "UPDATE ways SET confirmed = TRUE, details = '' WHERE number = $1 AND details = $2";
            tx.execute(&tx.prepare_cached(sql).await?, &[&number, details]).await?
        }
        WayChange::Removed => {
            let sql = "DELETE FROM deliveries WHERE target = $1";
            tx.execute(&tx.prepare_cached(sql).await?, &[&number]).await?;
            tx.execute(&tx.prepare_cached("DELETE FROM ways WHERE number = $1").await?, &[&number]).await?
        }
    };
    tx.commit().await?;
    Ok(changed == 1)
}

fn setting(row: &Row) -> Result<WaySetting, Cause> {
    Ok(WaySetting {
        number: row.get(0),
        person: PersonId(row.get(1)),
        way: way(row, 2)?,
        address: row.get(3),
        details: row.get(4),
        confirmed: row.get(5),
        enabled: row.get(6),
    })
}

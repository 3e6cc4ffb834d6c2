//! The statements for the ways by which people want to be told. Everything here blocks.

use rusqlite::{Connection, OptionalExtension, Row, params};

use super::deliveries::way;
use super::execute::{Pending, answer, untried, within};
use crate::domain::PersonId;
use crate::domain::notification::WaySetting;
use crate::store::row::signed;
use crate::store::ways::{NewWay, WayChange, WayRequest};

const COLUMNS: &str = "number, person, way, address, details, confirmed, enabled";

impl WayRequest {
    pub(super) fn refuse(self) -> Pending {
        match self {
            Self::Of { reply, .. } => untried(reply),
            Self::Find { reply, .. } => untried(reply),
            Self::Add { reply, .. } => untried(reply),
            Self::Change { reply, .. } => untried(reply),
        }
    }

    pub(super) fn execute(self, db: &mut Connection) -> Pending {
        match self {
            Self::Of { person, reply } => answer(reply, of(db, person)),
            Self::Find { number, reply } => answer(reply, find(db, number)),
            Self::Add { new, reply } => answer(reply, within(db, |db| add(db, &new))),
            Self::Change { number, change: wanted, reply } => {
                answer(reply, within(db, |db| change(db, number, &wanted)))
            }
        }
    }
}

fn of(db: &Connection, id: PersonId) -> rusqlite::Result<Vec<WaySetting>> {
    db.prepare_cached(&format!("SELECT {COLUMNS} FROM ways WHERE person = ?1 ORDER BY number"))?
        .query_map([id.0], setting)?
        .collect()
}

fn find(db: &Connection, number: i64) -> rusqlite::Result<Option<WaySetting>> {
    db.prepare_cached(&format!("SELECT {COLUMNS} FROM ways WHERE number = ?1"))?.query_row([number], setting).optional()
}

fn add(db: &Connection, new: &NewWay) -> rusqlite::Result<Option<i64>> {
    let NewWay { person, way, address, details, confirmed, most } = new;
    db.prepare_cached(
        "INSERT INTO ways (person, way, address, details, confirmed, enabled)
         SELECT ?1, ?2, ?3, ?4, ?5, TRUE
         WHERE (SELECT count(*) FROM ways WHERE person = ?1 AND way = ?2 AND address <> ?3) < ?6
         ON CONFLICT (person, way, address) DO UPDATE
             SET details = excluded.details, confirmed = excluded.confirmed, enabled = TRUE
         RETURNING number",
    )?
    .query_row(params![person.0, way.as_str(), address, details, confirmed, signed(*most as u64)], |row| row.get(0))
    .optional()
}

fn change(db: &Connection, number: i64, change: &WayChange) -> rusqlite::Result<bool> {
    let changed = match change {
        WayChange::Enabled(enabled) => {
            db.prepare_cached("UPDATE ways SET enabled = ?2 WHERE number = ?1")?.execute(params![number, enabled])?
        }
        WayChange::Details(details) => {
            db.prepare_cached("UPDATE ways SET details = ?2 WHERE number = ?1")?.execute(params![number, details])?
        }
        WayChange::Confirmed(details) => db
            .prepare_cached("UPDATE ways SET confirmed = TRUE, details = '' WHERE number = ?1 AND details = ?2")?
            .execute(params![number, details])?,
        WayChange::Removed => {
            db.prepare_cached("DELETE FROM deliveries WHERE target = ?1")?.execute([number])?;
            db.prepare_cached("DELETE FROM ways WHERE number = ?1")?.execute([number])?
        }
    };
    Ok(changed == 1)
}

fn setting(row: &Row<'_>) -> rusqlite::Result<WaySetting> {
    Ok(WaySetting {
        number: row.get(0)?,
        person: PersonId(row.get(1)?),
        way: way(row, 2)?,
        address: row.get(3)?,
        details: row.get(4)?,
        confirmed: row.get(5)?,
        enabled: row.get(6)?,
    })
}

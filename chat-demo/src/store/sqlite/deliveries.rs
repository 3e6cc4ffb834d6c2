//! The statements for what goes out. Everything here blocks.

use rusqlite::types::Type;
use rusqlite::{Connection, Error, Row, named_params, params};

use super::execute::{Pending, answer, untried, within};
use super::notices;
use super::statements::malformed;
use crate::domain::notification::{DeadLetter, Delivery, NewDelivery, Priority, Way};
use crate::domain::{PersonId, RoomCode, Seq, UnixMillis};
use crate::store::deliveries::{Claim, Claimed, DeliveryRequest, Fate, LISTED};
use crate::store::row::{signed, unsigned};

const COLUMNS: &str =
    "number, id, priority, way, target, address, payload, person, room, seq, created_at, due_at, tries";

impl DeliveryRequest {
    pub(super) fn refuse(self) -> Pending {
        match self {
            Self::Enqueue { reply, .. } | Self::Release { reply, .. } | Self::Settle { reply, .. } => untried(reply),
            Self::Claim { reply, .. } => untried(reply),
            Self::Mention { reply, .. } => untried(reply),
            Self::Dead { reply } => untried(reply),
            Self::Revive { reply, .. } | Self::Discard { reply, .. } => untried(reply),
        }
    }

    pub(super) fn execute(self, db: &mut Connection) -> Pending {
        match self {
            Self::Enqueue { deliveries, now, reply } => {
                answer(reply, within(db, |db| deliveries.iter().try_for_each(|new| enqueue(db, new, now))))
            }
            Self::Release { owner, reply } => answer(reply, within(db, |db| release(db, &owner))),
            Self::Claim { claim: wanted, reply } => answer(reply, within(db, |db| claim(db, &wanted))),
            Self::Settle { number, fate, reply } => answer(reply, within(db, |db| settle(db, number, &fate))),
            Self::Mention { person, room, seq, reply } => answer(reply, notices::unseen_one(db, person, room, seq)),
            Self::Dead { reply } => answer(reply, dead(db)),
            Self::Revive { number, now, reply } => answer(reply, within(db, |db| revive(db, number, now))),
            Self::Discard { number, reply } => answer(reply, within(db, |db| discard(db, number))),
        }
    }
}

fn enqueue(db: &Connection, new: &NewDelivery, now: UnixMillis) -> rusqlite::Result<()> {
    db.prepare_cached(
        "INSERT INTO deliveries (id, priority, way, target, address, payload, created_at, due_at)
         VALUES (:id, :priority, :way, :target, :address, :payload, :now, :now) ON CONFLICT DO NOTHING",
    )?
    .execute(named_params! {
        ":id": new.id, ":priority": new.priority.code(), ":way": new.way.as_str(), ":target": new.target,
        ":address": new.address, ":payload": new.payload, ":now": now.0,
    })
    .map(drop)
}

/// A message mentions somebody, who is to be told by all ways that they want.
pub(super) fn tell(
    db: &Connection,
    person: PersonId,
    room: RoomCode,
    seq: Seq,
    at: UnixMillis,
    priority: Priority,
) -> rusqlite::Result<()> {
    db.prepare_cached(
        "INSERT INTO deliveries (id, priority, way, target, person, room, seq, created_at, due_at)
         SELECT 'mention-' || ways.number || '-' || ?2 || '-' || ?3, ?5, way, ways.number, ?1, ?2, ?3, ?4, ?4
         FROM ways JOIN visits USING (person)
         WHERE person = ?1 AND visits.room = ?2 AND NOT quiet AND confirmed AND enabled
         ON CONFLICT DO NOTHING",
    )?
    .execute(params![person.0, room.as_str(), signed(seq.0), at.0, priority.code()])
    .map(drop)
}

fn release(db: &Connection, owner: &str) -> rusqlite::Result<()> {
    db.prepare_cached("UPDATE deliveries SET owner = '', leased_until = 0 WHERE owner = ?1 AND dead_at IS NULL")?
        .execute([owner])
        .map(drop)
}

fn claim(db: &Connection, claim: &Claim) -> rusqlite::Result<Claimed> {
    let Claim { owner, now, until, free, most, dead } = claim;
    let count = |sql: &str| db.prepare_cached(sql)?.query_row([], |row| row.get(0)).map(unsigned);
    let waiting = count("SELECT count(*) FROM deliveries WHERE dead_at IS NULL")?;
    let excess = waiting.saturating_sub(*most as u64);
    let overflowed = match excess {
        0 => 0,
        excess => db
            .prepare_cached(
                "UPDATE deliveries SET dead_at = ?1, error = 'too many wait' WHERE number IN
                     (SELECT number FROM deliveries WHERE dead_at IS NULL AND owner = ''
                      ORDER BY priority DESC, number DESC LIMIT ?2)",
            )?
            .execute(params![now.0, signed(excess)])? as u64,
    };
    let buried = count("SELECT count(*) FROM deliveries WHERE dead_at IS NOT NULL")?;
    let discarded = match buried.saturating_sub(*dead as u64) {
        0 => 0,
        excess => db
            .prepare_cached(
                "DELETE FROM deliveries WHERE number IN (SELECT number FROM deliveries WHERE dead_at IS NOT NULL
                 ORDER BY dead_at, number LIMIT ?1)",
            )?
            .execute([signed(excess)])? as u64,
    };
    db.prepare_cached("UPDATE deliveries SET leased_until = ?2 WHERE owner = ?1 AND dead_at IS NULL")?
        .execute(params![owner, until.0])?;
    let sql = format!(
        "UPDATE deliveries SET owner = ?1, leased_until = ?3 WHERE number IN
             (SELECT number FROM deliveries WHERE dead_at IS NULL AND owner <> ?1 AND leased_until <= ?2
              ORDER BY priority, number LIMIT ?4)
         RETURNING {COLUMNS}"
    );
    let mut statement = db.prepare_cached(&sql)?;
    let rows = statement.query_map(params![owner, now.0, until.0, signed(*free as u64)], delivery)?;
    let mut deliveries = rows.collect::<rusqlite::Result<Vec<_>>>()?;
    deliveries.sort_by_key(|delivery| (delivery.new.priority, delivery.number));
    Ok(Claimed { deliveries, overflowed, discarded, waiting: waiting - overflowed, dead: buried - discarded })
}

fn settle(db: &Connection, number: i64, fate: &Fate) -> rusqlite::Result<()> {
    match fate {
        Fate::Over => {
            db.prepare_cached("DELETE FROM deliveries WHERE number = ?1 AND dead_at IS NULL")?.execute([number])
        }
        Fate::Again { due_at, tries, error } => db
            .prepare_cached(
                "UPDATE deliveries SET due_at = ?2, tries = ?3, error = ?4 WHERE number = ?1 AND dead_at IS NULL",
            )?
            .execute(params![number, due_at.0, tries, error]),
        Fate::Dead { at, tries, error } => db
            .prepare_cached(
                "UPDATE deliveries SET dead_at = ?2, tries = ?3, error = ?4 WHERE number = ?1 AND dead_at IS NULL",
            )?
            .execute(params![number, at.0, tries, error]),
    }
    .map(drop)
}

fn dead(db: &Connection) -> rusqlite::Result<Vec<DeadLetter>> {
    let mut statement = db.prepare_cached(
        "SELECT number, id, way, dead_at, tries, error FROM deliveries WHERE dead_at IS NOT NULL
         ORDER BY dead_at DESC, number DESC LIMIT ?1",
    )?;
    let rows = statement.query_map([LISTED], |row| {
        Ok(DeadLetter {
            number: row.get(0)?,
            id: row.get(1)?,
            way: way(row, 2)?,
            dead_at: UnixMillis(row.get(3)?),
            tries: row.get(4)?,
            error: row.get(5)?,
        })
    })?;
    rows.collect()
}

fn revive(db: &Connection, number: i64, now: UnixMillis) -> rusqlite::Result<bool> {
    let revived = db
        .prepare_cached(
            "UPDATE deliveries SET dead_at = NULL, tries = 0, error = '', owner = '', leased_until = 0, due_at = ?2
             WHERE number = ?1 AND dead_at IS NOT NULL",
        )?
        .execute(params![number, now.0])?;
    Ok(revived == 1)
}

fn discard(db: &Connection, number: i64) -> rusqlite::Result<bool> {
    let discarded =
        db.prepare_cached("DELETE FROM deliveries WHERE number = ?1 AND dead_at IS NOT NULL")?.execute([number])?;
    Ok(discarded == 1)
}

fn delivery(row: &Row<'_>) -> rusqlite::Result<Delivery> {
    let mention = match row.get::<_, Option<String>>(8)? {
        Some(room) => {
            let room = room.parse().map_err(|error| malformed(8, error))?;
            Some((PersonId(row.get(7)?), room, Seq(unsigned(row.get(9)?))))
        }
        None => None,
    };
    Ok(Delivery {
        number: row.get(0)?,
        mention,
        created_at: UnixMillis(row.get(10)?),
        due_at: UnixMillis(row.get(11)?),
        tries: row.get(12)?,
        new: NewDelivery {
            id: row.get(1)?,
            priority: Priority::of(row.get(2)?),
            way: way(row, 3)?,
            target: row.get(4)?,
            address: row.get(5)?,
            payload: row.get(6)?,
        },
    })
}

/// The way in a column.
pub(super) fn way(row: &Row<'_>, at: usize) -> rusqlite::Result<Way> {
    let name: String = row.get(at)?;
    Way::parse(&name).ok_or_else(|| Error::FromSqlConversionFailure(at, Type::Text, format!("{name} is no way").into()))
}

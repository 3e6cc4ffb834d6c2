//! The statements for people's rooms, what they have read there, and who is mentioned, as those of SQLite do it.

use deadpool_postgres::{GenericClient, Object};

use super::statements::person;
use super::workers::Cause;
use crate::domain::{Person, PersonId, RoomCode, Seq, UnixMillis};
use crate::store::Visit;
use crate::store::row::{signed, unsigned};
use crate::store::visits::{COUNTED, KNOWN, LISTED, title};

/// Whether the room is somebody's since now.
pub(super) async fn visit(
    db: &impl GenericClient,
    id: PersonId,
    room: RoomCode,
    at: UnixMillis,
) -> Result<bool, Cause> {
    let sql = "INSERT INTO visits (person, room, since, read_seq)
               SELECT $1, $2, $3, coalesce(max(seq), 0) FROM messages WHERE room = $2
               HAVING NOT EXISTS (SELECT 1 FROM channels WHERE room = $2)
                   OR EXISTS (SELECT 1 FROM channels JOIN workspace_members USING (workspace) WHERE room = $2 AND person = $1)
               ON CONFLICT DO NOTHING";
    let statement = db.prepare_cached(sql).await?;
    Ok(db.execute(&statement, &[&id.0, &room.as_str(), &at.0]).await? == 1)
}

/// Whether it was new that somebody has read up to `seq`, or to the end if that comes before.
pub(super) async fn read(db: &Object, id: PersonId, room: RoomCode, seq: Seq) -> Result<bool, Cause> {
    let sql = "UPDATE visits SET read_seq = new.seq
               FROM (SELECT least($3, coalesce(max(seq), 0)) AS seq FROM messages WHERE room = $2) AS new
               WHERE person = $1 AND room = $2 AND read_seq < new.seq";
    let statement = db.prepare_cached(sql).await?;
    Ok(db.execute(&statement, &[&id.0, &room.as_str(), &signed(seq.0)]).await? == 1)
}

/// Whoever has read all up to their own message has read that as well.
pub(super) async fn said(db: &impl GenericClient, author: PersonId, room: RoomCode, seq: Seq) -> Result<(), Cause> {
    let sql = "UPDATE visits SET read_seq = $3 WHERE person = $1 AND room = $2 AND read_seq + 1 = $3";
    let statement = db.prepare_cached(sql).await?;
    db.execute(&statement, &[&author.0, &room.as_str(), &signed(seq.0)]).await?;
    Ok(())
}

pub(super) async fn leave(db: &Object, id: PersonId, room: RoomCode) -> Result<bool, Cause> {
    let statement = db.prepare_cached("DELETE FROM visits WHERE person = $1 AND room = $2").await?;
    Ok(db.execute(&statement, &[&id.0, &room.as_str()]).await? == 1)
}

pub(super) async fn visits(db: &Object, id: PersonId) -> Result<Vec<Visit>, Cause> {
    let sql = "SELECT visits.room, read_seq,
                   (SELECT coalesce(max(seq), 0) FROM messages WHERE messages.room = visits.room),
                   (SELECT count(*) FROM (SELECT 1 FROM mentions
                       WHERE mentions.person = visits.person AND mentions.room = visits.room AND seq > read_seq
                       LIMIT $3) AS unread),
                   quiet, people.id, people.name, channels.name, workspaces.name
               FROM visits JOIN rooms ON rooms.code = visits.room
                   LEFT JOIN people ON rooms.kind = 1 AND people.id = CASE WHEN one = person THEN other ELSE one END
                   LEFT JOIN channels ON channels.room = visits.room LEFT JOIN workspaces ON workspaces.code = channels.workspace
               WHERE person = $1 ORDER BY since DESC, visits.room LIMIT $2";
    let statement = db.prepare_cached(sql).await?;
    let rows = db.query(&statement, &[&id.0, &i64::from(LISTED), &i64::from(COUNTED)]).await?;
    let visit = |row: &tokio_postgres::Row| {
        Ok(Visit {
            room: row.get::<_, &str>(0).parse()?,
            read: Seq(unsigned(row.get(1))),
            last: Seq(unsigned(row.get(2))),
            mentions: unsigned(row.get(3)),
            quiet: row.get(4),
            with: row.get::<_, Option<i64>>(5).map(|_| person(row, 5)).transpose()?,
            channel: title(row.get(7), row.get(8))?,
        })
    };
    rows.iter().rev().map(visit).collect()
}

pub(super) async fn visitors(db: &Object, room: RoomCode) -> Result<Vec<PersonId>, Cause> {
    let sql = "SELECT person FROM visits WHERE room = $1 ORDER BY since DESC LIMIT $2";
    let statement = db.prepare_cached(sql).await?;
    let rows = db.query(&statement, &[&room.as_str(), &i64::from(KNOWN)]).await?;
    Ok(rows.iter().map(|row| PersonId(row.get(0))).collect())
}

/// Who can be mentioned in a room.
pub(super) async fn known(db: &impl GenericClient, room: RoomCode) -> Result<Vec<Person>, Cause> {
    let sql = "SELECT id, name FROM visits JOIN people ON id = person WHERE room = $1 ORDER BY since DESC LIMIT $2";
    let statement = db.prepare_cached(sql).await?;
    let rows = db.query(&statement, &[&room.as_str(), &i64::from(KNOWN)]).await?;
    rows.iter().map(|row| person(row, 0)).collect()
}

/// A message mentions these, and nobody else.
pub(super) async fn mention(
    db: &impl GenericClient,
    room: RoomCode,
    seq: Seq,
    at: UnixMillis,
    mentioned: &[Person],
) -> Result<(), Cause> {
    let (room, seq) = (room.as_str(), signed(seq.0));
    let clear = db.prepare_cached("DELETE FROM mentions WHERE room = $1 AND seq = $2").await?;
    db.execute(&clear, &[&room, &seq]).await?;
    let insert =
        db.prepare_cached("INSERT INTO mentions (room, seq, person, name, at) VALUES ($1, $2, $3, $4, $5)").await?;
    for person in mentioned {
        db.execute(&insert, &[&room, &seq, &person.id.0, &person.name.as_str(), &at.0]).await?;
    }
    Ok(())
}

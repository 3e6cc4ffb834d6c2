//! The statements for finding messages, as those of SQLite do it: a `tsvector` that is written by us, word for word, so that no
//! configuration of the server decides what a word is. The room is one more word of it, which no text can have. The server keeps 255 places of one word
//! in a text: a phrase is not found behind them.

use deadpool_postgres::{GenericClient, Object};
use tokio_postgres::Row;

use super::rooms::{KIND, ROOMS, kind};
use super::statements::person;
use super::workers::Cause;
use crate::domain::search::{Query, Term, words};
use crate::domain::{Body, PersonId, RoomCode, Seq, UnixMillis};
use crate::store::Found;
use crate::store::row::{signed, unsigned};
use crate::store::search::SEARCHED;
use crate::store::visits::title;

const KEEP: &str = "INSERT INTO texts (room, seq, words) VALUES ($1, $2, $3::text::tsvector)
                    ON CONFLICT (room, seq) DO UPDATE SET words = excluded.words";

/// Messages that are filled in at a time.
const FILLED: u32 = 500;

/// Keeps the words of a message, in the place of those it had before.
pub(super) async fn keep(db: &impl GenericClient, room: RoomCode, seq: Seq, body: &Body) -> Result<(), Cause> {
    let (code, seq) = (room.as_str(), signed(seq.0));
    match vector(code, body.as_str()) {
        Some(vector) => {
            let keep = db.prepare_cached(KEEP).await?;
            db.execute(&keep, &[&code, &seq, &vector]).await?;
        }
        None => {
            let forget = db.prepare_cached("DELETE FROM texts WHERE room = $1 AND seq = $2").await?;
            db.execute(&forget, &[&code, &seq]).await?;
        }
    }
    Ok(())
}

/// Keeps the words of all messages, if none are kept: they are from before they were.
pub(super) async fn fill(tx: &tokio_postgres::Transaction<'_>) -> Result<(), tokio_postgres::Error> {
    if tx.query_opt("SELECT 1 FROM texts LIMIT 1", &[]).await?.is_some() {
        return Ok(());
    }
    tx.batch_execute(
        "SET LOCAL statement_timeout = 0;
         DECLARE old NO SCROLL CURSOR FOR
             SELECT room, seq, body FROM messages WHERE body <> '' ORDER BY at, room, seq",
    )
    .await?;
    let keep = tx.prepare(KEEP).await?;
    loop {
        let rows = tx.query(&format!("FETCH {FILLED} FROM old"), &[]).await?;
        if rows.is_empty() {
            return tx.batch_execute("CLOSE old").await;
        }
        for row in rows {
            let (room, seq, body): (&str, i64, &str) = (row.get(0), row.get(1), row.get(2));
            if let Some(vector) = vector(room, body) {
                tx.execute(&keep, &[&room, &seq, &vector]).await?;
            }
        }
    }
}

pub(super) async fn search(
    db: &Object,
    who: PersonId,
    scope: Option<RoomCode>,
    query: &Query,
    before: Option<u64>,
    limit: u32,
) -> Result<Vec<Found>, Cause> {
    let rooms = searched(db, who, scope).await?;
    if rooms.is_empty() {
        return Ok(Vec::new());
    }
    let sql =
        "SELECT texts.id, texts.room, texts.seq, messages.author, messages.author_name, messages.at, messages.body,
                   people.id, people.name, channels.name, workspaces.name
               FROM texts JOIN messages ON messages.room = texts.room AND messages.seq = texts.seq
                   JOIN rooms ON rooms.code = texts.room
                   LEFT JOIN people ON rooms.kind = 1 AND people.id = CASE WHEN one = $4 THEN other ELSE one END
                   LEFT JOIN channels ON channels.room = texts.room
                   LEFT JOIN workspaces ON workspaces.code = channels.workspace
               WHERE words @@ $1::text::tsquery AND texts.id < $2 ORDER BY texts.id DESC LIMIT $3";
    let statement = db.prepare_cached(sql).await?;
    let before = before.map_or(i64::MAX, signed);
    let rows = db.query(&statement, &[&expression(&rooms, query), &before, &i64::from(limit), &who.0]).await?;
    rows.iter().map(found).collect()
}

/// The rooms that are looked through: none that does not admit whoever looks.
async fn searched(db: &Object, who: PersonId, scope: Option<RoomCode>) -> Result<Vec<RoomCode>, Cause> {
    let rows = match scope {
        Some(code) => {
            let statement = db.prepare_cached(&format!("SELECT code, {KIND} FROM {ROOMS} WHERE code = $2")).await?;
            db.query(&statement, &[&who.0, &code.as_str()]).await?
        }
        None => {
            let sql = format!(
                "SELECT code, {KIND} FROM visits JOIN ({ROOMS}) ON code = visits.room
                 WHERE visits.person = $1 ORDER BY visits.since DESC LIMIT $2"
            );
            let statement = db.prepare_cached(&sql).await?;
            db.query(&statement, &[&who.0, &i64::from(SEARCHED)]).await?
        }
    };
    let mut rooms = Vec::new();
    for row in rows {
        if kind(&row, 1, Some(who))?.admits(Some(who)) {
            rooms.push(row.get::<_, &str>(0).parse()?);
        }
    }
    Ok(rooms)
}

/// In the language of `tsquery`, of which words and codes can be no part: they are letters, digits and signs of letters.
fn expression(rooms: &[RoomCode], query: &Query) -> String {
    let rooms: Vec<_> = rooms.iter().map(|room| format!("'@{room}'")).collect();
    let term = |Term { words, prefix }: &Term| {
        let words: Vec<_> = words.iter().map(|word| format!("'{word}'")).collect();
        format!("({}{})", words.join(" <-> "), if *prefix { ":*" } else { "" })
    };
    let terms: Vec<_> = query.terms().iter().map(term).collect();
    format!("({}) & {}", rooms.join(" | "), terms.join(" & "))
}

/// The words of a text with their places, and its room; none if it has no words.
fn vector(room: &str, text: &str) -> Option<String> {
    let mut vector = format!("'@{room}'");
    let words = words(text);
    for (index, word) in words.iter().enumerate() {
        vector.push_str(&format!(" '{}':{}", word.folded, index + 1));
    }
    (!words.is_empty()).then_some(vector)
}

fn found(row: &Row) -> Result<Found, Cause> {
    Ok(Found {
        place: unsigned(row.get(0)),
        room: row.get::<_, &str>(1).parse()?,
        seq: Seq(unsigned(row.get(2))),
        author: person(row, 3)?,
        at: UnixMillis(row.get(5)),
        body: Body::trusted(row.get(6)),
        with: row.get::<_, Option<i64>>(7).map(|_| person(row, 7)).transpose()?,
        channel: title(row.get(9), row.get(10))?,
    })
}

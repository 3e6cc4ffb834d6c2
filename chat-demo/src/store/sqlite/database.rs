//! A connection, and the tables behind it.

use std::path::Path;
use std::time::Duration;

use rusqlite::Connection;

use super::search;
use crate::store::{Location, OpenError};

/// What made the tables what they are, in order; `user_version` says how many of them a database has seen.
const MIGRATIONS: [&str; 12] = [
    include_str!("migrations/1.sql"),
    include_str!("migrations/2.sql"),
    include_str!("migrations/3.sql"),
    include_str!("migrations/4.sql"),
    include_str!("migrations/5.sql"),
    include_str!("migrations/6.sql"),
    include_str!("migrations/7.sql"),
    include_str!("migrations/8.sql"),
    include_str!("migrations/9.sql"),
    include_str!("migrations/10.sql"),
    include_str!("migrations/11.sql"),
    include_str!("migrations/12.sql"),
];

/// How long a statement waits for another program that holds the file.
const BUSY_TIMEOUT: Duration = Duration::from_secs(2);

/// An open database.
#[derive(Debug)]
pub(crate) struct Database {
    connection: Connection,
}

impl Database {
    /// Opens it, and brings its tables up to date.
    ///
    /// Write-ahead log with `synchronous = FULL`: what has been committed survives the end of the
    /// program in any way, and that of the machine.
    pub(crate) fn open(location: &Location) -> Result<Self, OpenError> {
        let mut connection = match location {
            Location::File(path) if path.is_dir() => return Err(OpenError::Folder),
            Location::File(path) if !parent(path).is_dir() => return Err(OpenError::NoFolder),
            Location::File(path) => Connection::open(path)?,
            Location::Memory(name) => Connection::open(format!("file:/{name}?vfs=memdb"))?,
            Location::Postgres(_) => return Err(OpenError::NoPostgres),
        };
        connection.busy_timeout(BUSY_TIMEOUT)?;
        connection.pragma_update(None, "foreign_keys", true)?;
        connection.pragma_update_and_check(None, "journal_mode", "wal", |_| Ok(()))?;
        connection.pragma_update(None, "synchronous", "full")?;
        let tx = connection.transaction_with_behavior(rusqlite::TransactionBehavior::Immediate)?;
        migrate(&tx)?;
        tx.commit()?;
        Ok(Self { connection })
    }

    /// The connection, to run many requests in one transaction.
    pub(crate) fn connection(&mut self) -> &mut Connection {
        &mut self.connection
    }
}

/// Runs the migrations that it has not seen yet.
fn migrate(db: &Connection) -> Result<(), OpenError> {
    let known = MIGRATIONS.len() as i64;
    let found: i64 = db.pragma_query_value(None, "user_version", |row| row.get(0))?;
    let Some(missing) = usize::try_from(found).ok().and_then(|found| MIGRATIONS.get(found..)) else {
        return Err(OpenError::Version { found, known });
    };
    for migration in missing {
        db.execute_batch(migration)?;
    }
    search::fill(db)?;
    Ok(db.pragma_update(None, "user_version", known)?)
}

fn parent(path: &Path) -> &Path {
    match path.parent() {
        Some(parent) if parent != Path::new("") => parent,
        _ => Path::new("."),
    }
}

/// What SQLite says, without the path, which whoever reads it knows.
pub(in crate::store) fn message(error: &rusqlite::Error) -> String {
    let text = error.to_string();
    text.split(": /").next().unwrap_or_default().to_owned()
}

//! Where messages are kept, and how that is opened.

use std::fmt;
use std::path::PathBuf;

use thiserror::Error;

#[cfg(feature = "postgres")]
use super::postgres;
use super::sqlite;

/// Where the messages are kept.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Location {
    /// In this file, which is made if it is missing.
    File(PathBuf),
    /// In the memory of this program, under a name of its own.
    Memory(String),
    /// In the PostgreSQL database of this URL.
    Postgres(DatabaseUrl),
}

/// The URL of a PostgreSQL database, which may hold a password: shown without it.
#[derive(Clone, PartialEq, Eq)]
pub struct DatabaseUrl(String);

impl fmt::Display for Location {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File(path) => path.display().fmt(f),
            Self::Memory(_) => f.write_str("memory"),
            Self::Postgres(url) => url.fmt(f),
        }
    }
}

impl std::str::FromStr for DatabaseUrl {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if !(text.starts_with("postgres://") || text.starts_with("postgresql://")) {
            return Err("give a URL such as postgres://user@localhost/chat");
        }
        Ok(Self(text.to_owned()))
    }
}

#[cfg(feature = "postgres")]
impl DatabaseUrl {
    /// All of it, the password included.
    pub(super) fn reveal(&self) -> &str {
        &self.0
    }
}

/// Without user, password and options.
impl fmt::Display for DatabaseUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (scheme, rest) = self.0.split_once("://").unwrap_or_default();
        let rest = rest.split('?').next().unwrap_or_default();
        let place = rest.rsplit_once('@').map_or(rest, |(_, place)| place);
        write!(f, "{scheme}://{place}")
    }
}

impl fmt::Debug for DatabaseUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "DatabaseUrl({self})")
    }
}

/// Why the database cannot be used.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum OpenError {
    /// It cannot be opened, read or written.
    #[error("{}", sqlite::message(.0))]
    Sqlite(#[from] rusqlite::Error),
    /// The path is that of a folder.
    #[error("it is a folder")]
    Folder,
    /// The folder that should hold it is missing.
    #[error("the folder does not exist")]
    NoFolder,
    /// No thread could be started for it.
    #[error("no thread could be started: {0}")]
    Thread(std::io::Error),
    /// The thread that should have opened it crashed.
    #[error("the thread that should have opened it crashed")]
    Crashed,
    /// A newer version of this program made it.
    #[error("it has version {found} of the tables, and this program knows {known}")]
    Version {
        /// The version found.
        found: i64,
        /// The newest version that this program knows.
        known: i64,
    },
    /// PostgreSQL cannot be reached, or refuses.
    #[cfg(feature = "postgres")]
    #[error("{}", postgres::message(.0))]
    Postgres(#[from] tokio_postgres::Error),
    /// It is in PostgreSQL, which this build cannot talk to.
    #[error("this build has no PostgreSQL; build it with --features postgres")]
    NoPostgres,
    /// The connection to PostgreSQL would have to be encrypted.
    #[error("an encrypted connection is asked for by sslmode, which this program cannot make")]
    NoTls,
}

/// A database that was opened once, so that it can be opened again at any time.
#[derive(Clone, Debug)]
pub(crate) enum Place {
    /// A file or memory.
    Sqlite(sqlite::Place),
    /// A server.
    #[cfg(feature = "postgres")]
    Postgres(postgres::Place),
}

impl Place {
    /// Opens the database once, to see that it can be, and brings its tables up to date.
    pub(crate) async fn prepare(location: Location) -> Result<Self, OpenError> {
        match location {
            #[cfg(feature = "postgres")]
            Location::Postgres(url) => postgres::Place::prepare(&url).await.map(Self::Postgres),
            #[cfg(not(feature = "postgres"))]
            Location::Postgres(_) => Err(OpenError::NoPostgres),
            location => {
                let prepared = tokio::task::spawn_blocking(|| sqlite::Place::prepare(location)).await;
                prepared.unwrap_or(Err(OpenError::Crashed)).map(Self::Sqlite)
            }
        }
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Sqlite(place) => place.fmt(f),
            #[cfg(feature = "postgres")]
            Self::Postgres(place) => place.fmt(f),
        }
    }
}

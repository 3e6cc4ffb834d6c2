//! The pool, and the tables behind it.

use std::fmt;
use std::time::Duration;

use deadpool_postgres::{Manager, ManagerConfig, Pool, RecyclingMethod, Runtime, Timeouts};
use tokio_postgres::config::SslMode;
use tokio_postgres::{Client, Config, NoTls};

use super::search;
use crate::store::{DatabaseUrl, OpenError};

/// What made the tables what they are, in order; `chat_schema` says how many of them a database has seen.
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

/// Connections of this program, at most.
pub(super) const CONNECTIONS: usize = 8;

/// How long a connection may take to come, and a statement to be done.
const CONNECT: Duration = Duration::from_secs(5);
const STATEMENT: Duration = Duration::from_secs(10);

/// A key of our own: programs that start at the same moment migrate one after the other.
const MIGRATING: i64 = 0x63_68_61_74;

/// A server that was reached once.
#[derive(Clone)]
pub(crate) struct Place {
    name: DatabaseUrl,
    pub(super) pool: Pool,
}

impl Place {
    /// Connects once, to see that it can be, and brings the tables up to date.
    pub(in crate::store) async fn prepare(url: &DatabaseUrl) -> Result<Self, OpenError> {
        let mut config: Config = url.reveal().parse()?;
        if matches!(config.get_ssl_mode(), SslMode::Require) {
            return Err(OpenError::NoTls);
        }
        config.connect_timeout(CONNECT).application_name("chat-demo");
        let options = config.get_options().unwrap_or_default().to_owned();
        config.options(format!("{options} -c statement_timeout={}", STATEMENT.as_millis()));
        let (mut client, connection) = config.connect(NoTls).await?;
        let talking = tokio::spawn(connection);
        let migrated = migrate(&mut client).await;
        drop(client);
        let _over = talking.await;
        migrated?;
        let recycling = ManagerConfig { recycling_method: RecyclingMethod::Fast };
        let timeouts = Timeouts { wait: Some(CONNECT), create: Some(CONNECT), recycle: Some(CONNECT) };
        let pool = Pool::builder(Manager::from_config(config, NoTls, recycling))
            .max_size(CONNECTIONS)
            .timeouts(timeouts)
            .runtime(Runtime::Tokio1)
            .build()
            .expect("a pool with timeouts has a runtime");
        Ok(Self { name: url.clone(), pool })
    }
}

/// Runs the migrations that the database has not seen yet, in one transaction.
async fn migrate(client: &mut Client) -> Result<(), OpenError> {
    let known = MIGRATIONS.len() as i64;
    let tx = client.transaction().await?;
    tx.execute("SELECT pg_advisory_xact_lock($1)", &[&MIGRATING]).await?;
    tx.batch_execute("CREATE TABLE IF NOT EXISTS chat_schema (version BIGINT NOT NULL)").await?;
    let found = tx.query_opt("SELECT version FROM chat_schema", &[]).await?.map_or(0, |row| row.get::<_, i64>(0));
    let Some(missing) = usize::try_from(found).ok().and_then(|found| MIGRATIONS.get(found..)) else {
        return Err(OpenError::Version { found, known });
    };
    for migration in missing {
        tx.batch_execute(migration).await?;
    }
    search::fill(&tx).await?;
    tx.execute("DELETE FROM chat_schema", &[]).await?;
    tx.execute("INSERT INTO chat_schema (version) VALUES ($1)", &[&known]).await?;
    Ok(tx.commit().await?)
}

/// What PostgreSQL says, and why, in one line.
pub(in crate::store) fn message(error: &tokio_postgres::Error) -> String {
    let mut text = error.to_string();
    let mut source = std::error::Error::source(error);
    while let Some(cause) = source {
        let cause_text = cause.to_string();
        if !text.contains(&cause_text) {
            text = format!("{text}: {cause_text}");
        }
        source = cause.source();
    }
    text.lines().collect::<Vec<_>>().join("; ")
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.name.fmt(f)
    }
}

impl fmt::Debug for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Place").field("name", &self.name).finish_non_exhaustive()
    }
}

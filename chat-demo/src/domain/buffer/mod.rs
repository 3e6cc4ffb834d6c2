//! The message buffer: one supervised process between all rooms and the store, found by its name.
//!
//! [`MessageBuffer`] is what the rest of the program sees. What rooms want stored it writes in few transactions, and it is the
//! one place that tries again when the store takes nothing. How it goes is published on the topic `message_buffer:stats`.

mod logic;
mod server;
#[cfg(test)]
mod tests;

use std::sync::Arc;
use std::time::Duration;

use registry::{Monitor, MonitorError, Namespace, Overflow, Service, Subscription};
use supervisor::{ChildSpec, ServerRef};
use thiserror::Error;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use self::logic::Rules;
use self::server::{BufferMessage, BufferServer};
use super::{Draft, RoomCode};
use crate::calls::{self, NoAnswer};
use crate::config::Limits;
use crate::shutdown;
use crate::store::{Store, StoreError, Stored};

/// Its id in the tree, and its name.
const ID: &str = "message_buffer";

const BUFFER: Service<ServerRef<BufferServer>> = Service::new(ID);

/// The topic of its statistics.
pub(crate) const TOPIC: &str = "message_buffer:stats";

/// Writes that are under way at once; as many questions are left to a pool of connections.
const WRITES: usize = 4;

/// Batches of rooms that wait for the process to look at them. Further rooms wait for room in the mailbox.
const MAILBOX: usize = 4096;

/// How long a write may take beyond the patience with the store.
const MARGIN: Duration = Duration::from_secs(5);

/// How long a question may take.
const ASK: Duration = Duration::from_secs(1);

/// The way to the store for what rooms say.
#[derive(Clone, Debug)]
pub struct MessageBuffer {
    namespace: Namespace,
    rules: Arc<Rules>,
    /// How long what is left at the end may take to be stored.
    flush: Duration,
    places: Places,
}

/// Where messages of all rooms wait until they are stored.
#[derive(Clone, Debug)]
struct Places {
    count: usize,
    free: Arc<Semaphore>,
}

/// The right of one message to wait until it is stored. Dropping it ends that.
#[derive(Debug)]
pub(crate) struct Place {
    _permit: OwnedSemaphorePermit,
}

/// How it goes. The counts begin with each incarnation of the process.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct BufferStats {
    /// Messages of all rooms that have a place and are not known to be stored.
    pub unstored: usize,
    /// Those of them that wait for the next write.
    pub waiting: usize,
    /// Those of them that the store has in its hands.
    pub writing: usize,
    /// Writes that stored something.
    pub writes: u64,
    /// Writes that stored nothing.
    pub failed_writes: u64,
    /// Messages stored; one that its author has sent twice counts twice.
    pub stored: u64,
    /// Messages given back because the store did not take them.
    pub given_back: u64,
    /// Batches of a room that were put back to be written again.
    pub retries: u64,
    /// How long the last write took.
    pub last_write: Duration,
    /// What went wrong last.
    pub last_error: Option<String>,
    /// For how long the store has taken nothing.
    pub failing_for: Option<Duration>,
}

/// The buffer does not work.
#[derive(Debug, Error)]
pub(crate) enum Unwell {
    /// It does not answer.
    #[error("the message buffer does not answer")]
    Silent(#[from] NoAnswer),
    /// The store takes nothing.
    #[error("the store takes nothing: {0}")]
    Failing(String),
}

impl Places {
    fn new(count: usize) -> Self {
        let count = count.min(Semaphore::MAX_PERMITS);
        Self { count, free: Arc::new(Semaphore::new(count)) }
    }

    fn taken(&self) -> usize {
        self.count.saturating_sub(self.free.available_permits())
    }
}

impl MessageBuffer {
    /// The buffer that runs in `namespace`, now or later.
    pub fn new(namespace: Namespace, limits: &Limits) -> Self {
        let rules = Rules {
            enough: limits.batch,
            most: limits.batch_most.max(limits.batch),
            wait: limits.batch_wait,
            writes: WRITES,
            patience: limits.store_patience,
        };
        let flush = shutdown::within(ID, limits.shutdown);
        Self { namespace, rules: Arc::new(rules), flush, places: Places::new(limits.buffer) }
    }

    /// How to run it.
    pub(crate) fn child_spec(&self, store: &Store) -> ChildSpec<ServerRef<BufferServer>> {
        let (store, topics) = (store.clone(), self.namespace.pubsub());
        let (rules, flush) = (*self.rules, self.flush);
        let places = self.places.clone();
        ChildSpec::server(move || BufferServer::new(store.clone(), topics.clone(), rules, flush, places.clone()))
            .id(ID)
            .mailbox(MAILBOX)
            .name(&self.namespace, BUFFER)
    }

    /// A place for one message of any room, until it is stored; none if too many wait.
    pub(crate) fn place(&self) -> Option<Place> {
        Arc::clone(&self.places.free).try_acquire_owned().ok().map(|permit| Place { _permit: permit })
    }

    /// Stores messages of one room, in this order. When it returns, they are stored. A buffer that is killed meanwhile is
    /// asked again; nothing is stored twice.
    ///
    /// # Errors
    ///
    /// [`StoreError`], after the store has been tried for as long as it is worth. Whether they are stored is then unknown.
    pub(crate) async fn store(&self, room: RoomCode, drafts: Vec<Draft>) -> Result<Vec<Stored>, StoreError> {
        let limit = self.rules.patience + MARGIN;
        let store = |reply| BufferMessage::Store { room, drafts: drafts.clone(), reply };
        calls::ask(&self.namespace, BUFFER, limit, store).await?
    }

    /// How it goes; none if it does not answer in a moment.
    pub async fn stats(&self) -> Option<BufferStats> {
        let buffer = self.namespace.lookup(BUFFER).ok()?;
        buffer.call_timeout(ASK, |reply| BufferMessage::Stats { reply }).await.ok()
    }

    /// Hears how it goes, about once a second while there is something to tell; whoever has room for less than `capacity`
    /// at a time misses the oldest. None when the program ends.
    pub fn updates(&self, capacity: usize) -> Option<Subscription<BufferStats>> {
        self.namespace.pubsub().subscribe(TOPIC, capacity, Overflow::DropOldest).ok()
    }

    /// Asks again and again whether it works. Nobody can say anything without it.
    pub(crate) fn monitor(namespace: &Namespace, period: Duration) -> Result<Monitor, MonitorError> {
        let works = async |buffer: ServerRef<BufferServer>| {
            let stats = buffer.call_timeout(ASK, |reply| BufferMessage::Stats { reply }).await;
            let stats = stats.map_err(|error| NoAnswer::Unanswered(Arc::new(error)))?;
            match stats.failing_for {
                Some(_) => Err(Unwell::Failing(stats.last_error.unwrap_or_default())),
                None => Ok(()),
            }
        };
        namespace.monitor(BUFFER).check(works).every(period)
    }
}

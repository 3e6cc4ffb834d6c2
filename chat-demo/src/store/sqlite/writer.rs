//! The thread that owns the connection.

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::{mpsc, oneshot};

use super::database::Database;
use super::execute::Pending;
#[cfg(test)]
use super::gate::Gate;
use crate::store::request::Request;
use crate::store::{Location, OpenError};
use crate::telemetry;

/// Requests that wait for the thread; further ones wait in the mailbox of the store.
const WAITING: usize = 64;

/// Requests that share one transaction, at most.
const BATCH: usize = 64;

/// A database that one writer at a time may have: the next one opens it when the one before, which
/// may still be in a transaction when its process is killed, has let go.
#[derive(Clone, Debug)]
pub(crate) struct Place {
    location: Location,
    taken: Arc<Mutex<()>>,
    #[cfg(test)]
    without_thread: bool,
    #[cfg(test)]
    gate: Arc<Gate>,
    /// Keeps a database in memory from vanishing between two writers.
    _anchor: Option<Arc<Mutex<Database>>>,
}

/// A running thread. It ends when this is dropped, after what it has been given.
#[derive(Debug)]
pub(in crate::store) struct Writer {
    requests: mpsc::Sender<Request>,
    ended: oneshot::Receiver<()>,
    /// For tests under paused time, which stands still for no other thread: does it all here and now.
    #[cfg(test)]
    here: Option<(Mutex<Database>, Arc<Gate>)>,
}

impl Place {
    /// Opens the database once, to see that it can be, and to make its tables. Blocks.
    pub(crate) fn prepare(location: Location) -> Result<Self, OpenError> {
        let database = Database::open(&location)?;
        let anchor = matches!(location, Location::Memory(_)).then(|| Arc::new(Mutex::new(database)));
        Ok(Self {
            location,
            taken: Arc::default(),
            #[cfg(test)]
            without_thread: false,
            #[cfg(test)]
            gate: Arc::new(Gate::new()),
            _anchor: anchor,
        })
    }

    /// Does without a thread.
    #[cfg(test)]
    pub(crate) fn without_thread(mut self) -> Self {
        self.without_thread = true;
        self
    }

    /// What stands in its way if it does without a thread.
    #[cfg(test)]
    pub(crate) fn gate(&self) -> Arc<Gate> {
        Arc::clone(&self.gate)
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.location.fmt(f)
    }
}

impl Writer {
    /// Starts the thread, and waits until it has opened the database.
    pub(in crate::store) async fn start(place: Place) -> Result<Self, OpenError> {
        let (requests, waiting) = mpsc::channel(WAITING);
        let (opened, is_open) = oneshot::channel();
        let (ending, ended) = oneshot::channel::<()>();
        #[cfg(test)]
        if place.without_thread {
            let here = Some((Mutex::new(Database::open(&place.location)?), place.gate));
            return Ok(Self { requests, ended, here });
        }
        std::thread::Builder::new()
            .name("store".into())
            .spawn(move || {
                let _taken = place.taken.lock().unwrap_or_else(PoisonError::into_inner);
                match Database::open(&place.location) {
                    Ok(database) => {
                        let _ = opened.send(Ok(()));
                        run(database, waiting);
                    }
                    Err(error) => drop(opened.send(Err(error))),
                }
                drop(ending);
            })
            .map_err(OpenError::Thread)?;
        is_open.await.map_err(|_| OpenError::Crashed)??;
        Ok(Self {
            requests,
            ended,
            #[cfg(test)]
            here: None,
        })
    }

    /// Hands over a request; false if the thread has ended.
    pub(in crate::store) async fn hand_over(&self, request: Request) -> bool {
        #[cfg(test)]
        if let Some((here, gate)) = &self.here {
            if !gate.pass(&request).await {
                request.refuse()(Ok(()));
                return true;
            }
            let mut database = here.lock().unwrap_or_else(PoisonError::into_inner);
            let (answers, committed) = transact(&mut database, &mut vec![request]);
            answers.into_iter().for_each(|answer| answer(committed.clone()));
            return true;
        }
        self.requests.send(request).await.is_ok()
    }

    /// Lets the thread finish what it has been given, and waits for its end.
    pub(in crate::store) async fn finish(self) {
        drop(self.requests);
        let _ = self.ended.await;
    }
}

fn run(mut database: Database, mut waiting: mpsc::Receiver<Request>) {
    let mut batch = Vec::with_capacity(BATCH);
    while waiting.blocking_recv_many(&mut batch, BATCH) > 0 {
        let (answers, committed) = transact(&mut database, &mut batch);
        for answer in answers {
            answer(committed.clone());
        }
    }
}

/// Runs a batch in one transaction: the answers, and whether they hold.
fn transact(database: &mut Database, batch: &mut Vec<Request>) -> (Vec<Pending>, Result<(), Arc<rusqlite::Error>>) {
    let begin = if batch.iter().any(Request::writes) { "BEGIN IMMEDIATE" } else { "BEGIN" };
    let db = database.connection();
    let (answers, committed) = match db.execute_batch(begin) {
        Ok(()) => {
            let answers: Vec<_> = batch.drain(..).map(|request| request.execute(db)).collect();
            (answers, db.execute_batch("COMMIT"))
        }
        Err(error) => (batch.drain(..).map(Request::refuse).collect(), Err(error)),
    };
    match &committed {
        Ok(()) => telemetry::store_committed(),
        Err(error) => {
            telemetry::store_failed();
            tracing::error!(%error, requests = answers.len(), "a transaction failed");
            // A failed COMMIT can leave the transaction open; where there is none, this fails and no harm is done.
            let _ = db.execute_batch("ROLLBACK");
        }
    }
    (answers, committed.map_err(Arc::new))
}

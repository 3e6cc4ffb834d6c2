//! The process of the store: it passes requests on to whoever talks to the database.

use registry::ExitReason;
use supervisor::{Context, Failure, Flow, Init, Server};
use thiserror::Error;

use super::Place;
#[cfg(feature = "postgres")]
use super::postgres;
use super::request::Request;
use super::sqlite::Writer;

/// The server that is found as `store`.
#[derive(Debug)]
pub(crate) struct StoreServer {
    place: Place,
    backend: Option<Backend>,
}

/// Who talks to the database.
#[derive(Debug)]
enum Backend {
    Sqlite(Writer),
    #[cfg(feature = "postgres")]
    Postgres(postgres::Workers),
}

/// The thread ended by itself: it panicked.
#[derive(Debug, Error)]
#[error("the store's thread crashed")]
struct Crashed;

impl StoreServer {
    /// A store that has not opened its database yet.
    pub(super) fn new(place: Place) -> Self {
        Self { place, backend: None }
    }
}

impl Server for StoreServer {
    type Message = Request;

    async fn init(&mut self, _cx: &mut Context<Self>) -> Result<Init, Failure> {
        self.backend = Some(match self.place.clone() {
            Place::Sqlite(place) => Backend::Sqlite(Writer::start(place).await?),
            #[cfg(feature = "postgres")]
            Place::Postgres(place) => Backend::Postgres(postgres::Workers::new(place)),
        });
        tracing::info!(database = %self.place, "the store is up");
        Ok(Init::Ready)
    }

    async fn handle(&mut self, request: Request, _cx: &mut Context<Self>) -> Result<Flow, Failure> {
        match self.backend.as_mut().ok_or(Crashed)? {
            Backend::Sqlite(writer) => {
                if !writer.hand_over(request).await {
                    return Err(Crashed.into());
                }
            }
            #[cfg(feature = "postgres")]
            Backend::Postgres(workers) => workers.hand_over(request).await,
        }
        Ok(Flow::Continue)
    }

    async fn terminate(&mut self, _reason: &ExitReason) {
        match self.backend.take() {
            Some(Backend::Sqlite(writer)) => writer.finish().await,
            #[cfg(feature = "postgres")]
            Some(Backend::Postgres(workers)) => workers.finish().await,
            None => {}
        }
    }
}

//! The process of the store: it owns the writer and passes requests on.

use registry::ExitReason;
use supervisor::{Context, Failure, Flow, Init, Server};
use thiserror::Error;

use super::request::Request;
use super::writer::{Place, Writer};

/// The server that is found as `store`.
#[derive(Debug)]
pub(crate) struct StoreServer {
    place: Place,
    writer: Option<Writer>,
}

/// The thread ended by itself: it panicked.
#[derive(Debug, Error)]
#[error("the store's thread crashed")]
struct Crashed;

impl StoreServer {
    /// A store that has not opened its database yet.
    pub(super) fn new(place: Place) -> Self {
        Self { place, writer: None }
    }
}

impl Server for StoreServer {
    type Message = Request;

    async fn init(&mut self, _cx: &mut Context<Self>) -> Result<Init, Failure> {
        self.writer = Some(Writer::start(self.place.clone()).await?);
        tracing::info!(database = %self.place, "the store is up");
        Ok(Init::Ready)
    }

    async fn handle(&mut self, request: Request, _cx: &mut Context<Self>) -> Result<Flow, Failure> {
        let writer = self.writer.as_ref().ok_or(Crashed)?;
        if writer.hand_over(request).await { Ok(Flow::Continue) } else { Err(Crashed.into()) }
    }

    async fn terminate(&mut self, _reason: &ExitReason) {
        if let Some(writer) = self.writer.take() {
            writer.finish().await;
        }
    }
}

//! Calls that outlive the process that they are made to.

use std::sync::Arc;
use std::time::Duration;

use registry::{Namespace, Service, WaitError};
use supervisor::{CallError, Reply, Server, ServerRef};
use thiserror::Error;
use tokio::time::timeout;

/// How long a caller waits for a server that is being restarted.
const RESTART: Duration = Duration::from_secs(5);

/// How often something is asked that the server goes away with.
const TRIES: u32 = 8;

/// Why there is no answer. Whether what was asked for was done is unknown.
#[derive(Clone, Debug, Error)]
pub(crate) enum NoAnswer {
    /// The server is down and did not come back in time.
    #[error("it is down")]
    Down(#[source] Arc<WaitError>),
    /// The server did not answer.
    #[error("it did not answer")]
    Unanswered(#[source] Arc<CallError>),
}

/// Asks the server of this name within `limit`, and asks again if it went away with the question: only for what can be done
/// twice without harm.
pub(crate) async fn ask<S: Server, T: Send + 'static>(
    namespace: &Namespace,
    service: Service<ServerRef<S>>,
    limit: Duration,
    message: impl Fn(Reply<T>) -> S::Message,
) -> Result<T, NoAnswer> {
    let mut tries = 1;
    loop {
        let server = match namespace.lookup(service) {
            Ok(server) => server,
            Err(_) => {
                let waited = namespace.wait_for(service, RESTART).await;
                waited.map_err(|error| NoAnswer::Down(Arc::new(error)))?
            }
        };
        match server.call_timeout(limit, &message).await {
            Ok(answer) => return Ok(answer),
            Err(CallError::Died(_) | CallError::Restarting | CallError::NoReply) if tries < TRIES => {
                tries += 1;
                // Of no interest here: if it does not come back in time, the next call says so.
                let _ = timeout(RESTART, server.running()).await;
            }
            Err(error) => return Err(NoAnswer::Unanswered(Arc::new(error))),
        }
    }
}

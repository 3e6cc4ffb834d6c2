//! Watching a namespace: what is there, and then every change of it.

use std::collections::VecDeque;
use std::fmt;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use futures_core::Stream;
use tokio::sync::futures::OwnedNotified;

use super::namespace::Namespace;
use crate::table::{Change, Listing, Watcher};

/// What a [`Watch`] tells.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum WatchEvent {
    /// The services that are there, sorted by name: the first event, and the one behind each `Lagged`.
    Snapshot(Vec<Listing>),
    /// What happened next.
    Changed(Arc<Change>),
    /// The watcher was so far behind that changes were lost: forget what you know, a snapshot follows.
    Lagged {
        /// How many changes were lost.
        missed: u64,
    },
}

/// The services of a namespace as they come and go.
///
/// It begins with a snapshot and goes on with every change after it, in the order of their happening: no gap, no
/// duplicate. A change is kept for 1,024 others; a watcher that is further behind gets [`Lagged`](WatchEvent::Lagged) and a
/// new snapshot, and never holds up those who register. After the namespace was closed it ends, behind the
/// `Unregistered` of each service.
///
/// Reserved names without a service are not told of.
///
/// ```
/// use registry::{Change, ServiceRegistry, WatchEvent};
///
/// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), registry::Error> {
/// let production = ServiceRegistry::new().namespace("production")?;
/// let mut watch = production.watch();
/// let Some(WatchEvent::Snapshot(services)) = watch.next().await else { unreachable!() };
/// assert!(services.is_empty());
///
/// let _registration = production.register("config", 7)?;
/// let Some(WatchEvent::Changed(change)) = watch.next().await else { unreachable!() };
/// assert!(matches!(&*change, Change::Registered(service) if service.name == "config"));
/// # Ok(()) }
/// ```
pub struct Watch {
    namespace: Namespace,
    watcher: Watcher,
    pending: VecDeque<WatchEvent>,
    /// Waits for the next change, between two polls of the stream.
    waiting: Option<Pin<Box<OwnedNotified>>>,
}

impl Namespace {
    /// The services that are here, and then every change: see [`Watch`].
    pub fn watch(&self) -> Watch {
        let mut watcher = Watcher::new(&self.scope);
        let snapshot = watcher.snapshot(self.processes.table());
        let pending = VecDeque::from([WatchEvent::Snapshot(snapshot)]);
        Watch { namespace: self.clone(), watcher, pending, waiting: None }
    }
}

impl Watch {
    /// The next event; `None` when the namespace was closed and everything was told.
    ///
    /// # Cancel safety
    ///
    /// No event is lost when it is dropped.
    pub async fn next(&mut self) -> Option<WatchEvent> {
        std::future::poll_fn(|cx| Pin::new(&mut *self).poll_next(cx)).await
    }

    /// The next event if it is there: `Some(None)` is the end.
    fn ready(&mut self) -> Option<Option<WatchEvent>> {
        if let Some(event) = self.pending.pop_front() {
            return Some(Some(event));
        }
        let ended = self.watcher.log().has_ended();
        match self.watcher.next() {
            Ok(Some(change)) => Some(Some(WatchEvent::Changed(change))),
            Ok(None) => ended.then_some(None),
            Err(missed) => {
                let snapshot = self.watcher.snapshot(self.namespace.processes.table());
                self.pending.push_back(WatchEvent::Snapshot(snapshot));
                Some(Some(WatchEvent::Lagged { missed }))
            }
        }
    }
}

impl Stream for Watch {
    type Item = WatchEvent;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<WatchEvent>> {
        loop {
            if let Some(event) = self.ready() {
                return Poll::Ready(event);
            }
            let waiting = match &mut self.waiting {
                Some(waiting) => waiting,
                None => {
                    // Look once more behind the asking: what came between the two would not be told.
                    let mut grown = Box::pin(self.watcher.log().grown());
                    grown.as_mut().enable();
                    self.waiting = Some(grown);
                    continue;
                }
            };
            std::task::ready!(waiting.as_mut().poll(cx));
            self.waiting = None;
        }
    }
}

impl fmt::Debug for Watch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Watch").field("namespace", &self.namespace.name()).finish_non_exhaustive()
    }
}

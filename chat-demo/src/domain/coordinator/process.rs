//! The process that has the operator's programs told.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use registry::{Monitor, MonitorError, Namespace, Service};
use supervisor::{ChildRef, ChildSpec, TaskContext};
use thiserror::Error;
use tokio::time::sleep;

use super::backlog::{Loan, Shelf};
use super::hook::Hooks;
use crate::domain::notification::Notifications;

/// Its id in the tree, and its name.
const ID: &str = "coordinator";

const COORDINATOR: Service<ChildRef> = Service::new(ID);

/// How long a store that takes nothing is left alone.
const AGAIN: Duration = Duration::from_secs(1);

/// It gives all hooks to the store, from where they go out whatever is killed then. What starts and stops while it is itself being
/// restarted, or while the store takes nothing, waits for it; killed in the middle, the next incarnation goes on with the same, under
/// the same ids. At the end of the program it keeps what is left.
#[derive(Clone, Debug)]
pub(crate) struct Coordinator {
    namespace: Namespace,
    notifications: Notifications,
    shelf: Shelf,
    /// Why the last try failed, if it did.
    failing: Arc<Mutex<Option<String>>>,
}

/// Another has the backlog, or there is none in a namespace that is closed.
#[derive(Debug, Error)]
#[error("what is to be told is not there")]
struct Missing;

impl Coordinator {
    /// The one of `namespace`. It hears of all hooks from now on.
    pub(crate) fn new(namespace: &Namespace, notifications: &Notifications) -> Self {
        Self {
            namespace: namespace.clone(),
            notifications: notifications.clone(),
            shelf: Shelf::new(&Hooks::new(namespace)),
            failing: Arc::default(),
        }
    }

    /// How to run it.
    pub(crate) fn child_spec(&self) -> ChildSpec<ChildRef> {
        let coordinator = self.clone();
        ChildSpec::task(ID, move |cx| {
            let coordinator = coordinator.clone();
            async move {
                let backlog = coordinator.shelf.take().ok_or(Missing)?;
                coordinator.run(backlog, &cx).await;
                Ok::<_, Missing>(())
            }
        })
        .name(&self.namespace, COORDINATOR)
    }

    async fn run(&self, mut backlog: Loan, cx: &TaskContext) {
        loop {
            let announcements = tokio::select! {
                biased;
                next = backlog.next() => match next {
                    Some(announcements) => announcements,
                    None => return,
                },
                () = cx.stopped() => return,
            };
            match self.notifications.announce(announcements).await {
                Ok(()) => {
                    backlog.kept();
                    self.note(None);
                }
                Err(error) => {
                    let waiting = announcements.len();
                    self.note(Some(error.to_string()));
                    tracing::warn!(waiting, %error, "the operator's programs are not told yet");
                    tokio::select! {
                        () = sleep(AGAIN) => {}
                        () = cx.stopped() => {
                            tracing::error!(waiting, "the operator's programs are not told of what stops");
                            return;
                        }
                    }
                }
            }
        }
    }

    /// Asks again and again whether it runs, and the store takes what it has. Without it people can talk.
    pub(crate) fn monitor(&self, period: Duration) -> Result<Monitor, MonitorError> {
        let failing = Arc::clone(&self.failing);
        let check = move |coordinator: ChildRef| {
            let failing = Arc::clone(&failing);
            async move {
                match failing.lock().unwrap_or_else(PoisonError::into_inner).clone() {
                    Some(error) => Err(format!("what starts and stops cannot be stored: {error}")),
                    None if coordinator.is_running() => Ok(()),
                    None => Err("it is being restarted".to_owned()),
                }
            }
        };
        self.namespace.monitor(COORDINATOR).optional().check(check).every(period)
    }

    fn note(&self, error: Option<String>) {
        *self.failing.lock().unwrap_or_else(PoisonError::into_inner) = error;
    }
}

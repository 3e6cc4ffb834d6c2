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

#[cfg(all(test, feature = "webhooks"))]
mod tests {
    use registry::ServiceRegistry;
    use supervisor::{Strategy, Supervisor};
    use tokio::time::Instant;

    use super::*;
    use crate::config::Limits;
    use crate::domain::UnixMillis;
    use crate::domain::coordinator::Hook;
    use crate::domain::notification::Couriers;
    use crate::domain::presence::Presences;
    use crate::domain::workspace::WorkspaceCode;
    use crate::store::{Claim, Location, Place, Store, sqlite};

    #[tokio::test(start_paused = true)]
    async fn what_starts_while_the_store_is_away_is_kept_when_it_is_back_and_once() {
        let namespace = ServiceRegistry::new().test_namespace();
        let store = Store::new(namespace.clone());
        let (presences, hooks) = (Presences::new(namespace.clone()), ["https://hook.example".to_owned()]);
        let (couriers, limits) = (Couriers::default(), Limits::default());
        let notifications = Notifications::new(namespace.clone(), store.clone(), presences, couriers, &hooks, limits);
        let coordinator = Coordinator::new(&namespace, &notifications);
        let tree = Supervisor::new(Strategy::OneForOne).child(coordinator.child_spec()).start().await.unwrap();

        for _ in 0..3 {
            let workspace = WorkspaceCode::random(&mut rand::rng());
            Hooks::new(&namespace).tell(Hook::WorkspaceStarted { workspace });
        }
        let failing = || coordinator.failing.lock().unwrap().is_some();
        let until = async |wanted: bool| {
            let since = Instant::now();
            while failing() != wanted {
                assert!(since.elapsed() < Duration::from_secs(120), "it says nothing of it");
                sleep(Duration::from_millis(100)).await;
            }
        };
        until(true).await;
        let place = sqlite::Place::prepare(Location::Memory("coordinator-test".into())).unwrap();
        let place = Place::Sqlite(place.without_thread());
        tree.start_child(Store::child_spec(&namespace, place)).await.unwrap();
        until(false).await;
        let (owner, now) = ("test".to_owned(), UnixMillis::now());
        let claim = Claim { owner, now, until: now, free: 10, most: 100, dead: 100 };
        assert_eq!(store.claim(claim).await.unwrap().deliveries.len(), 3);
        tree.stop().await;
    }
}

//! Telling people of what mentions them while they look elsewhere: one supervised process, found by its name.
//!
//! [`Notifications`] is what the rest of the program sees. A mention is in the store with its message (`in_app`), and
//! with it what is to leave the chat, by each way that the person wants. The service lets that out: urgent before normal
//! before low, in order among equals, so many at once. What fails is tried again, later each time; what has failed for
//! good is put aside for the operator. It goes out at least once, always under the same id.

#![cfg_attr(
    not(all(feature = "email", feature = "push", feature = "webhooks")),
    allow(dead_code, unused_imports, reason = "each way out uses a part of it")
)]

mod courier;
mod delivery;
#[cfg(feature = "email")]
mod email;
mod hook;
mod in_app;
mod logic;
#[cfg(feature = "push")]
mod push;
mod server;
mod settings;
#[cfg(any(feature = "push", feature = "webhooks"))]
mod target;
#[cfg(test)]
mod tests;
#[cfg(feature = "webhooks")]
mod webhook;

use std::sync::Arc;
use std::time::Duration;

use registry::{Monitor, MonitorError, Namespace, Overflow, Service, Subscription};
use supervisor::{CallError, ChildSpec, ServerRef};

pub(crate) use self::courier::Couriers;
use self::courier::{Content, Letter};
pub use self::delivery::{DeadLetter, Delivery, NewDelivery, Priority, Way, WaySetting};
#[cfg(feature = "email")]
pub use self::email::MailError;
pub use self::hook::{Announcement, HookEvent};
pub use self::logic::Load;
use self::server::{NotificationMessage, NotificationServer};
pub(crate) use self::settings::AddError;
use super::Visits;
use super::presence::Presences;
use crate::config::Limits;
use crate::store::{SessionToken, Store, StoreError};

/// Its id in the tree, and its name.
const ID: &str = "notifications";

const NOTIFICATIONS: Service<ServerRef<NotificationServer>> = Service::new(ID);

/// The topic of the statistics, told after each change.
pub(crate) const TOPIC: &str = "notifications:stats";

/// How long a question may take.
const ASK: Duration = Duration::from_secs(1);

/// Room in the mailbox for more than each of a batch says at its end.
const MORE: usize = 64;

/// Everybody's notifications.
#[derive(Clone, Debug)]
pub struct Notifications {
    namespace: Namespace,
    store: Store,
    visits: Visits,
    presences: Presences,
    couriers: Couriers,
    /// Where the operator wants to be told of what starts and stops.
    hooks: Arc<[String]>,
    owner: String,
    limits: Limits,
}

/// What the service does, and has done since it was started.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Statistics {
    /// What it has in hand.
    pub load: Load,
    /// Those that arrived.
    pub delivered: u64,
    /// Those that were wanted no more: read in time, or switched off.
    pub withdrawn: u64,
    /// Tries that failed and were not the last.
    pub retried: u64,
    /// Those that were put aside.
    pub died: u64,
    /// Those that were put aside because too many waited.
    pub overflowed: u64,
    /// Those put aside that were not kept any more, since there were too many.
    pub discarded: u64,
    /// Those put aside that are kept, when it was last looked.
    pub dead: u64,
}

impl Notifications {
    /// The service that runs in `namespace`, now or later.
    pub(crate) fn new(
        namespace: Namespace,
        store: Store,
        presences: Presences,
        couriers: Couriers,
        hooks: &[String],
        limits: Limits,
    ) -> Self {
        let visits = Visits::new(&namespace, store.clone());
        let owner = SessionToken::random().as_str().to_owned();
        Self { namespace, store, visits, presences, couriers, hooks: hooks.into(), owner, limits }
    }

    /// How to run it.
    pub(crate) fn child_spec(&self) -> ChildSpec<ServerRef<NotificationServer>> {
        let all = self.clone();
        let server = move || {
            let Self { namespace, store, visits, presences, couriers, owner, limits, hooks: _ } = all.clone();
            NotificationServer::new(store, presences, visits, couriers, namespace.pubsub(), owner, limits)
        };
        let mailbox = self.limits.notification_batch.saturating_add(MORE);
        ChildSpec::server(server).id(ID).mailbox(mailbox).name(&self.namespace, NOTIFICATIONS)
    }

    /// Keeps what is to go out. When it returns, it is stored, and goes out whatever is killed then.
    ///
    /// # Errors
    ///
    /// [`StoreError`] when the store does not work now; asking again with the same ids stores nothing twice.
    pub async fn enqueue(&self, deliveries: Vec<NewDelivery>) -> Result<(), StoreError> {
        self.store.enqueue(deliveries).await?;
        self.wake();
        Ok(())
    }

    /// What did not arrive: the last 200, the newest first.
    ///
    /// # Errors
    ///
    /// [`StoreError`] when the store does not work now.
    pub async fn dead_letters(&self) -> Result<Vec<DeadLetter>, StoreError> {
        self.store.dead_letters().await
    }

    /// Tries a dead letter again, as if it had never been tried; whether there is one of this number.
    ///
    /// # Errors
    ///
    /// [`StoreError`] when the store does not work now.
    pub async fn retry(&self, number: i64) -> Result<bool, StoreError> {
        let revived = self.store.revive(number).await?;
        self.wake();
        Ok(revived)
    }

    /// Forgets a dead letter; whether there was one of this number.
    ///
    /// # Errors
    ///
    /// [`StoreError`] when the store does not work now.
    pub async fn discard(&self, number: i64) -> Result<bool, StoreError> {
        let discarded = self.store.discard(number).await?;
        self.wake();
        Ok(discarded)
    }

    /// What it does, and has done; none if it does not answer within a second.
    pub async fn statistics(&self) -> Option<Statistics> {
        let server = self.namespace.lookup(NOTIFICATIONS).ok()?;
        server.call_timeout(ASK, |reply| NotificationMessage::Statistics { reply }).await.ok()
    }

    /// Hears of the statistics after each change; whoever has room for less than `capacity` misses the oldest. None when
    /// the program ends.
    pub fn events(&self, capacity: usize) -> Option<Subscription<Statistics>> {
        self.namespace.pubsub().subscribe(TOPIC, capacity, Overflow::DropOldest).ok()
    }

    /// Asks again and again whether it answers. Without it people can talk.
    pub(crate) fn monitor(&self, period: Duration) -> Result<Monitor, MonitorError> {
        self.namespace.monitor(NOTIFICATIONS).optional().check(ping).every(period)
    }

    /// There may be something to do. A service that is down finds it when it is up again.
    fn wake(&self) {
        if let Ok(server) = self.namespace.lookup(NOTIFICATIONS) {
            let _ = server.try_cast(NotificationMessage::Wake);
        }
    }
}

async fn ping(server: ServerRef<NotificationServer>) -> Result<(), CallError> {
    server.call_timeout(ASK, |reply| NotificationMessage::Statistics { reply }).await.map(drop)
}

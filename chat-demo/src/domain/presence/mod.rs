//! Who is online, away or gone, over all rooms and connections: one supervised process, found by its name.
//!
//! [`Presences`] is what the rest of the program sees. What changes is published on the topic `presence:updates`.

mod logic;
mod server;
#[cfg(test)]
mod tests;

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use registry::{Monitor, MonitorError, Namespace, Overflow, Service, Subscription};
use supervisor::{CallError, ChildSpec, ServerRef};
use tokio::time::Instant;

use self::server::{PresenceMessage, PresenceServer};
use super::PersonId;
use crate::config::Limits;

const PRESENCE: Service<ServerRef<PresenceServer>> = Service::new("presence");

/// The topic of what changes.
pub(crate) const UPDATES: &str = "presence:updates";

/// How long a question may take. Who is online is nothing to wait for.
const ASK: Duration = Duration::from_secs(1);

/// Reports that wait for the service: after its restart those of all connections come at the same moment.
const MAILBOX: usize = 4096;

/// One connection of somebody to any room. Unique within the program.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct ConnectionId(u64);

/// What somebody is to the others.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Status {
    /// There, and active a moment ago.
    Online,
    /// Not active for a while.
    Away,
    /// Without any connection for a while.
    Offline,
}

/// Somebody is something else now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct PresenceChange {
    /// Who.
    pub person: PersonId,
    /// What they are now.
    pub status: Status,
}

/// What is published on [`UPDATES`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Update {
    /// Somebody is something else now.
    Changed(PresenceChange),
    /// The process was started and knows nobody: all who attend say so again.
    Started,
}

/// Everybody's presence.
#[derive(Clone, Debug)]
pub struct Presences {
    namespace: Namespace,
    connections: Arc<AtomicU64>,
}

/// Somebody is there over one connection. Dropping it ends that.
#[derive(Debug)]
pub(crate) struct Attendance {
    namespace: Namespace,
    connection: ConnectionId,
    person: PersonId,
    active: Instant,
}

impl Presences {
    /// The service that runs in `namespace`, now or later.
    pub fn new(namespace: Namespace) -> Self {
        Self { namespace, connections: Arc::default() }
    }

    /// How to run it.
    pub(crate) fn child_spec(namespace: &Namespace, limits: Limits) -> ChildSpec<ServerRef<PresenceServer>> {
        let updates = namespace.pubsub();
        ChildSpec::server(move || PresenceServer::new(limits, updates.clone()))
            .id("presence")
            .mailbox(MAILBOX)
            .name(namespace, PRESENCE)
    }

    /// `person` is there, and active, over a connection of their own. Whoever attends says so again with
    /// [`Attendance::here`], more often than a connection may be idle, and at each [`Update::Started`].
    pub(crate) fn attend(&self, person: PersonId) -> Attendance {
        let connection = ConnectionId(self.connections.fetch_add(1, Ordering::Relaxed));
        let attendance = Attendance { namespace: self.namespace.clone(), connection, person, active: Instant::now() };
        attendance.here();
        attendance
    }

    /// Those of `people` who are away. Nobody, if the service does not answer in a moment.
    pub(crate) async fn away(&self, people: Vec<PersonId>) -> Vec<PersonId> {
        let statuses = self.of(people).await.into_iter();
        statuses.filter(|(_, status)| *status == Status::Away).map(|(person, _)| person).collect()
    }

    /// What each of `people` is: the members of a workspace, say. Of nobody is anything known, if the service does not answer in
    /// a moment.
    pub(crate) async fn of(&self, people: Vec<PersonId>) -> HashMap<PersonId, Status> {
        let Ok(server) = self.namespace.lookup(PRESENCE) else { return HashMap::new() };
        let asked = server.call_timeout(ASK, |reply| PresenceMessage::Statuses { people, reply }).await;
        asked.unwrap_or_default().into_iter().collect()
    }

    /// How long somebody has done nothing, at least, over all of their connections. None, if the service does not answer
    /// in a moment.
    pub(crate) async fn idle(&self, person: PersonId) -> Option<Duration> {
        let server = self.namespace.lookup(PRESENCE).ok()?;
        server.call_timeout(ASK, |reply| PresenceMessage::Idle { person, reply }).await.ok()
    }

    /// Hears of what changes; whoever has room for less than `capacity` updates at a time misses the oldest.
    pub(crate) fn updates(&self, capacity: usize) -> Option<Subscription<Update>> {
        self.namespace.pubsub().subscribe(UPDATES, capacity, Overflow::DropOldest).ok()
    }

    /// Asks again and again whether it answers. Without it people can talk.
    pub(crate) fn monitor(namespace: &Namespace, period: Duration) -> Result<Monitor, MonitorError> {
        namespace.monitor(PRESENCE).optional().check(ping).every(period)
    }
}

async fn ping(server: ServerRef<PresenceServer>) -> Result<(), CallError> {
    let nobody = |reply| PresenceMessage::Statuses { people: Vec::new(), reply };
    server.call_timeout(ASK, nobody).await.map(drop)
}

impl Attendance {
    /// Whoever it is has done something.
    pub(crate) fn active(&mut self) {
        self.active = Instant::now();
        self.here();
    }

    /// The connection is still there. A service that is down or too busy hears it the next time.
    pub(crate) fn here(&self) {
        let (connection, person, active) = (self.connection, self.person, self.active);
        self.tell(PresenceMessage::Here { connection, person, active });
    }

    fn tell(&self, message: PresenceMessage) {
        if let Ok(server) = self.namespace.lookup(PRESENCE) {
            let _ = server.try_cast(message);
        }
    }
}

impl Drop for Attendance {
    fn drop(&mut self) {
        // If it is not heard, the connection is none when nothing more is heard of it.
        self.tell(PresenceMessage::Leave { connection: self.connection });
    }
}

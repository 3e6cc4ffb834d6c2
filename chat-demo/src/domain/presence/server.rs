//! The process: the effects of the rules.

use std::time::Duration;

use registry::PubSub;
use supervisor::{Context, Failure, Flow, Init, Reply, Server};
use tokio::time::Instant;

use super::logic::{Presence, Times};
use super::{ConnectionId, PresenceChange, Status, UPDATES, Update};
use crate::config::Limits;
use crate::domain::PersonId;
use crate::domain::alarm::Alarm;
use crate::telemetry;

/// What it can be told.
#[derive(Debug)]
pub(crate) enum PresenceMessage {
    /// A connection is there; `person` was active over it at `active`.
    Here { connection: ConnectionId, person: PersonId, active: Instant },
    /// A connection is gone.
    Leave { connection: ConnectionId },
    /// What is each of these?
    Statuses { people: Vec<PersonId>, reply: Reply<Vec<(PersonId, Status)>> },
    /// How long has somebody done nothing, at least?
    Idle { person: PersonId, reply: Reply<Duration> },
    /// It is time to see what is over.
    Expire,
    /// It can be found by its name now.
    Started,
}

/// Everybody's presence.
#[derive(Debug)]
pub(crate) struct PresenceServer {
    presence: Presence,
    started: Instant,
    updates: PubSub<Update>,
    /// When to look what is over.
    alarm: Alarm,
}

impl PresenceServer {
    /// It knows nobody.
    pub(super) fn new(limits: Limits, updates: PubSub<Update>) -> Self {
        // A socket is closed when it is idle for so long: a connection that is not heard of for longer is none.
        let lease = limits.idle.max(limits.ping * 3);
        let times = Times { away: limits.presence_away, gone: limits.presence_gone, lease };
        Self { presence: Presence::new(times), started: Instant::now(), updates, alarm: Alarm::default() }
    }

    fn publish(&self, update: Update) {
        // Refused only when the program ends.
        let _ = self.updates.try_publish(UPDATES, update);
    }

    fn tell(&self, changes: impl IntoIterator<Item = PresenceChange>) {
        for change in changes {
            self.publish(Update::Changed(change));
        }
    }

    fn arm(&mut self, cx: &mut Context<Self>) {
        if let Some(wait) = self.alarm.set(self.presence.next_expiry(), Instant::now().into_std()) {
            cx.send_after(wait, PresenceMessage::Expire);
        }
    }
}

impl Server for PresenceServer {
    type Message = PresenceMessage;

    async fn init(&mut self, cx: &mut Context<Self>) -> Result<Init, Failure> {
        cx.send_after(Duration::ZERO, PresenceMessage::Started);
        Ok(Init::Ready)
    }

    async fn handle(&mut self, message: PresenceMessage, cx: &mut Context<Self>) -> Result<Flow, Failure> {
        let now = Instant::now().into_std();
        match message {
            PresenceMessage::Here { connection, person, active } => {
                let change = self.presence.here(connection, person, active.into_std(), now);
                self.tell(change);
                self.arm(cx);
            }
            PresenceMessage::Leave { connection } => {
                self.presence.leave(connection, now);
                self.arm(cx);
            }
            PresenceMessage::Statuses { people, reply } => {
                reply.send(people.into_iter().map(|person| (person, self.presence.status(person))).collect());
            }
            PresenceMessage::Idle { person, reply } => {
                // Whoever was not there since this process was started may have been a moment before.
                reply.send(self.presence.idle(person, now).unwrap_or_else(|| self.started.elapsed()));
            }
            PresenceMessage::Expire => {
                self.alarm.rang();
                let changes = self.presence.expire(now);
                self.tell(changes);
                self.arm(cx);
            }
            PresenceMessage::Started => self.publish(Update::Started),
        }
        let (people, connections) = self.presence.count();
        telemetry::present(people, connections);
        Ok(Flow::Continue)
    }
}

//! The process of a workspace: the effects of its rules, and the one place that changes who belongs to it and which channels it has.

use std::time::Duration;

use registry::{ExitReason, PubSub, RecvError, Subscription};
use supervisor::{Context, Failure, Flow, Init, Reply, Server, ServerRef};
use tokio::time::Instant;

use super::logic::{Change, Roster, Times};
use super::{BroadcastError, Channel, ConnectionId, WorkspaceCode, WorkspaceEvent};
use crate::config::Limits;
use crate::domain::alarm::Alarm;
use crate::domain::coordinator::{Hook, Hooks};
use crate::domain::{Body, People, Person, PersonId};
use crate::store::{Admission, Opening, Store, StoreError};
use crate::telemetry;

/// Names that wait for one workspace.
const NAMES: usize = 64;

/// How far apart the store is asked whether a stranger belongs to it since a moment ago, by another program on the same
/// database.
const FRESH: Duration = Duration::from_secs(1);

/// What a workspace can be told.
#[derive(Debug)]
pub(crate) enum WorkspaceMessage {
    /// A connection is there.
    Here { connection: ConnectionId, person: PersonId },
    /// A connection is gone.
    Gone { connection: ConnectionId },
    /// Somebody wants to belong to it.
    Join { person: PersonId, reply: Reply<Result<Admission, StoreError>> },
    /// Somebody wants to belong to it no longer.
    Leave { person: PersonId, reply: Reply<Result<(), StoreError>> },
    /// Somebody wants another channel.
    Open { channel: Channel, by: PersonId, reply: Reply<Result<Opening, StoreError>> },
    /// Somebody has something to tell all who are there.
    Broadcast { by: Person, body: Body, reply: Reply<Result<usize, BroadcastError>> },
    /// Who is there?
    Active { reply: Reply<Vec<PersonId>> },
    /// Somebody, member or not, has another name.
    Renamed { person: Person },
    /// Some names were missed.
    Reload,
    /// It is time to see what is over.
    Expire,
    /// It is time to see whether anybody still needs this process.
    Rest,
    /// It can be found by its name now.
    Started,
}

/// One workspace.
#[derive(Debug)]
pub(crate) struct WorkspaceServer {
    code: WorkspaceCode,
    store: Store,
    people: People,
    events: PubSub<WorkspaceEvent>,
    hooks: Hooks,
    limits: Limits,
    roster: Roster,
    asked_at: Instant,
    idle_since: Instant,
    /// When the next look at what is over is due.
    alarm: Alarm,
}

impl WorkspaceServer {
    /// A workspace that has not asked yet who belongs to it.
    pub(super) fn new(
        code: WorkspaceCode,
        store: Store,
        people: People,
        events: PubSub<WorkspaceEvent>,
        hooks: Hooks,
        limits: Limits,
    ) -> Self {
        // A socket is closed when it is idle for so long: a connection that is not heard of for longer is none.
        let times = Times { idle: limits.workspace_idle, lease: limits.idle.max(limits.ping * 3) };
        let (now, roster) = (Instant::now(), Roster::new(times, Vec::new()));
        Self {
            code,
            store,
            people,
            events,
            hooks,
            limits,
            roster,
            asked_at: now,
            idle_since: now,
            alarm: Alarm::default(),
        }
    }

    fn publish(&self, event: WorkspaceEvent) -> usize {
        let topic = event.part().topic(self.code);
        // Refused only when the program ends.
        self.events.try_publish(&topic, event).map_or(0, |published| published.delivered)
    }

    fn tell(&self, changes: impl IntoIterator<Item = Change>) {
        for change in changes {
            self.publish(match change {
                Change::Joined(person) => WorkspaceEvent::Joined(person),
                Change::Left(person) => WorkspaceEvent::Left(person),
                Change::Active(person) => WorkspaceEvent::Active(person),
                Change::Idle(person) => WorkspaceEvent::Idle(person),
            });
        }
    }

    /// Asks the store who belongs to it, and tells what is new.
    async fn reload(&mut self) -> Result<(), StoreError> {
        self.asked_at = Instant::now();
        if let Some(workspace) = self.store.workspace(self.code).await? {
            let changes = self.roster.replace(workspace.members);
            self.tell(changes);
        }
        Ok(())
    }

    async fn here(&mut self, connection: ConnectionId, person: PersonId) {
        let now = || Instant::now().into_std();
        let mut found = self.roster.here(connection, person, now());
        if found.is_err() && self.asked_at.elapsed() >= FRESH && self.reload().await.is_ok() {
            found = self.roster.here(connection, person, now());
        }
        if let Ok(change) = found {
            self.tell(change);
        }
    }

    async fn join(&mut self, person: PersonId) -> Result<Admission, StoreError> {
        let admission = self.store.join_workspace(self.code, person, self.limits.workspace_members).await?;
        if matches!(admission, Admission::Member { .. }) {
            self.reload().await?;
        }
        Ok(admission)
    }

    async fn leave(&mut self, person: PersonId) -> Result<(), StoreError> {
        self.store.leave_workspace(self.code, person).await?;
        // Told whatever the store says of the others: whoever left is to be out of all channels.
        self.publish(WorkspaceEvent::Left(person));
        self.reload().await
    }

    async fn open(&mut self, channel: Channel, by: PersonId) -> Result<Opening, StoreError> {
        let room = channel.room;
        let opening = self.store.open_channel(self.code, channel, by, self.limits.workspace_channels).await?;
        if let Opening::Channel(channel) = &opening
            && channel.room == room
        {
            self.publish(WorkspaceEvent::Opened(channel.clone()));
        }
        Ok(opening)
    }

    async fn broadcast(&self, by: Person, body: Body) -> Result<usize, BroadcastError> {
        if !self.store.is_member(self.code, by.id).await? {
            return Err(BroadcastError::NotMember);
        }
        Ok(self.publish(WorkspaceEvent::Said { by, body }))
    }

    fn arm(&mut self, cx: &mut Context<Self>) {
        if let Some(wait) = self.alarm.set(self.roster.next_expiry(), Instant::now().into_std()) {
            cx.send_after(wait, WorkspaceMessage::Expire);
        }
    }

    fn rest(&self, cx: &mut Context<Self>) -> Flow {
        let left = (self.idle_since + self.limits.room_idle).saturating_duration_since(Instant::now());
        if !self.roster.is_quiet() || !left.is_zero() {
            let again = if left.is_zero() { self.limits.room_idle } else { left };
            cx.send_after(again, WorkspaceMessage::Rest);
            return Flow::Continue;
        }
        tracing::info!(workspace = %self.code, "nobody needs the workspace any more");
        Flow::Stop(ExitReason::Normal)
    }
}

impl Server for WorkspaceServer {
    type Message = WorkspaceMessage;

    async fn init(&mut self, cx: &mut Context<Self>) -> Result<Init, Failure> {
        if let Some(names) = self.people.listen_to_all(NAMES) {
            cx.spawn(pass_on(names, cx.this()));
        }
        // Whoever missed what was told before a crash hears of the start, and asks the store.
        let members = self.store.workspace(self.code).await?.map(|workspace| workspace.members);
        self.roster.replace(members.unwrap_or_default());
        cx.send_after(Duration::ZERO, WorkspaceMessage::Started);
        cx.send_after(self.limits.room_idle, WorkspaceMessage::Rest);
        telemetry::workspace_started();
        let (members, _) = self.roster.count();
        tracing::info!(workspace = %self.code, members, "workspace is up");
        Ok(Init::Ready)
    }

    async fn handle(&mut self, message: WorkspaceMessage, cx: &mut Context<Self>) -> Result<Flow, Failure> {
        match message {
            WorkspaceMessage::Rest => return Ok(self.rest(cx)),
            WorkspaceMessage::Expire => {
                self.alarm.rang();
                let changes = self.roster.expire(Instant::now().into_std());
                self.tell(changes);
                self.arm(cx);
                return Ok(Flow::Continue);
            }
            _ => self.idle_since = Instant::now(),
        }
        match message {
            WorkspaceMessage::Here { connection, person } => self.here(connection, person).await,
            WorkspaceMessage::Gone { connection } => self.roster.gone(connection, Instant::now().into_std()),
            WorkspaceMessage::Join { person, reply } => reply.send(self.join(person).await),
            WorkspaceMessage::Leave { person, reply } => reply.send(self.leave(person).await),
            WorkspaceMessage::Open { channel, by, reply } => reply.send(self.open(channel, by).await),
            WorkspaceMessage::Broadcast { by, body, reply } => reply.send(self.broadcast(by, body).await),
            WorkspaceMessage::Active { reply } => reply.send(self.roster.active()),
            WorkspaceMessage::Renamed { person } => {
                let change = self.roster.rename(person);
                self.tell(change);
            }
            // If the store is down, the next rename or join mends it.
            WorkspaceMessage::Reload => drop(self.reload().await),
            WorkspaceMessage::Started => {
                self.publish(WorkspaceEvent::Started);
                self.hooks.tell(Hook::WorkspaceStarted { workspace: self.code });
            }
            WorkspaceMessage::Expire | WorkspaceMessage::Rest => {}
        }
        self.arm(cx);
        Ok(Flow::Continue)
    }

    async fn terminate(&mut self, reason: &ExitReason) {
        // Not when it fails: then it is up again in a moment.
        if reason.is_clean() {
            self.hooks.tell(Hook::WorkspaceShutdown { workspace: self.code });
        }
    }
}

/// Passes names on to the workspace, until one of them is over.
async fn pass_on(mut names: Subscription<Person>, workspace: ServerRef<WorkspaceServer>) {
    loop {
        let message = match names.recv().await {
            Ok(person) => WorkspaceMessage::Renamed { person },
            Err(RecvError::Lagged(_)) => WorkspaceMessage::Reload,
            Err(_) => return,
        };
        if workspace.cast(message).await.is_err() {
            return;
        }
    }
}

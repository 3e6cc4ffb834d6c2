//! Workspaces: people who belong together, and the channels that are theirs; one supervised process each, started on first use
//! and found by name.
//!
//! What a workspace is, is in the store: who belongs to it, and which rooms are its channels. Its process is the one place where that
//! changes, and knows who of the members is there. What happens is published on the topics `workspace:CODE:members`, `…:channels` and
//! `…:broadcast`. [`Workspaces`] is what the rest of the program sees.

mod channel;
mod code;
mod logic;
mod server;
#[cfg(test)]
mod tests;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use registry::{Monitor, MonitorError, Namespace, Overflow, Service, Subscription};
use supervisor::{ChildSpec, DynamicSupervisor, DynamicSupervisorRef, Reply, Restart, ServerRef, Shutdown};
use thiserror::Error;

pub use self::channel::{Channel, ChannelName, ChannelNameError, MAX_CHANNEL_CHARS};
pub use self::code::WorkspaceCode;
use self::server::{WorkspaceMessage, WorkspaceServer};
use super::coordinator::Hooks;
use super::patience::Patience;
use super::{Body, DisplayName, People, Person, PersonId, RoomCode};
use crate::config::Limits;
use crate::restart;
use crate::shutdown;
use crate::store::{Admission, Opening, Store, StoreError, Workspace};

/// The id of their supervisor in the tree, and its name.
const ID: &str = "workspaces";

const WORKSPACES: Service<DynamicSupervisorRef> = Service::new(ID);

/// How many codes are drawn until one is new.
const DRAWS: u32 = 8;

/// How long a wish may take: longer than a store takes to come back.
const WISH: Duration = Duration::from_secs(10);

/// How long a caller waits for a workspace that is being restarted, and for the answer of who is there.
const RESTART: Duration = Duration::from_secs(5);
const ASK: Duration = Duration::from_secs(1);

/// Reports that wait for one workspace: after its restart those of all connections come at the same moment.
const MAILBOX: usize = 4096;

/// Events that wait for one listener.
const WAITING: usize = 64;

/// What every new workspace has.
const FIRST_CHANNEL: &str = "general";

/// One connection of somebody to any channel of a workspace. Unique within the program.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct ConnectionId(u64);

/// What happens in a workspace.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum WorkspaceEvent {
    /// Its process was started and knows of nobody that they are there: all who attend say so again.
    Started,
    /// Somebody belongs to it now, or goes by another name.
    Joined(Person),
    /// Somebody does not belong to it any more.
    Left(PersonId),
    /// A member is there.
    Active(PersonId),
    /// A member has not been there for a while.
    Idle(PersonId),
    /// There is another channel.
    Opened(Channel),
    /// A member tells all who are there something.
    Said {
        /// Who.
        by: Person,
        /// What.
        body: Body,
    },
}

/// The topics of a workspace.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Part {
    Members,
    Channels,
    Broadcast,
}

/// All workspaces.
#[derive(Clone, Debug)]
pub struct Workspaces {
    namespace: Namespace,
    store: Store,
    people: People,
    limits: Limits,
    connections: Arc<AtomicU64>,
}

/// A workspace, and who is there.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct View {
    /// Its name, members and channels.
    pub workspace: Workspace,
    /// Those of the members who are in one of its channels, or were a moment ago.
    pub active: Vec<PersonId>,
}

/// Somebody is in a workspace over one connection. Dropping it ends that.
#[derive(Debug)]
pub(crate) struct Attendance {
    namespace: Namespace,
    workspace: WorkspaceCode,
    connection: ConnectionId,
    person: PersonId,
}

/// Why there is no new workspace.
#[derive(Clone, Debug, Error)]
#[non_exhaustive]
pub enum CreateError {
    /// Every code that was drawn belongs to another one already.
    #[error("no free code was found")]
    NoFreeCode,
    /// The store does not work now.
    #[error("the workspace cannot be stored now")]
    Store(#[from] StoreError),
}

/// Why somebody does not belong to a workspace.
#[derive(Clone, Debug, Error)]
#[non_exhaustive]
pub enum JoinError {
    /// There is no such workspace.
    #[error("there is no such workspace")]
    Unknown,
    /// It has as many members as it may.
    #[error("the workspace is full")]
    Full,
    /// It cannot be reached now. Asking again never does it twice.
    #[error("the workspace cannot be reached now")]
    Unreachable(#[source] Arc<dyn std::error::Error + Send + Sync>),
}

/// Why there is no such channel.
#[derive(Clone, Debug, Error)]
#[non_exhaustive]
pub enum OpenError {
    /// There is no such workspace, or whoever asks does not belong to it: which of both is not told.
    #[error("there is no such workspace")]
    Unknown,
    /// It has as many channels as it may.
    #[error("the workspace has as many channels as it may")]
    Full,
    /// Every code that was drawn belongs to another room already.
    #[error("no free code was found")]
    NoFreeCode,
    /// It cannot be reached now. Asking again never makes a second one.
    #[error("the workspace cannot be reached now")]
    Unreachable(#[source] Arc<dyn std::error::Error + Send + Sync>),
}

/// Why nobody was told.
#[derive(Clone, Debug, Error)]
#[non_exhaustive]
pub enum BroadcastError {
    /// There is no such workspace, or whoever asks does not belong to it: which of both is not told.
    #[error("there is no such workspace")]
    NotMember,
    /// It cannot be reached now.
    #[error("the workspace cannot be reached now")]
    Unreachable(#[source] Arc<dyn std::error::Error + Send + Sync>),
}

impl Workspaces {
    /// Those that run in `namespace`.
    pub fn new(namespace: Namespace, store: Store, limits: Limits) -> Self {
        let people = People::new(&namespace, store.clone());
        Self { namespace, store, people, limits, connections: Arc::default() }
    }

    /// How to run them.
    pub(crate) fn child_spec(namespace: &Namespace) -> ChildSpec<DynamicSupervisorRef> {
        let (restarts, period) = restart::BUDGET_OF_MANY;
        ChildSpec::supervisor(DynamicSupervisor::new().budget(restarts, period)).id(ID).name(namespace, WORKSPACES)
    }

    /// Makes a workspace with one member and one channel, and draws its code.
    ///
    /// # Errors
    ///
    /// [`CreateError`], in which case there is no new workspace.
    pub async fn create(&self, founder: PersonId, name: DisplayName) -> Result<WorkspaceCode, CreateError> {
        for _ in 0..DRAWS {
            let code = WorkspaceCode::random(&mut rand::rng());
            let general = ChannelName::parse(FIRST_CHANNEL).expect("a good name");
            let first = Channel { room: RoomCode::random_reserved(&mut rand::rng()), name: general };
            if self.store.create_workspace(code, name.clone(), founder, first).await? {
                return Ok(code);
            }
        }
        Err(CreateError::NoFreeCode)
    }

    /// Makes somebody a member. When it returns, that is stored.
    ///
    /// # Errors
    ///
    /// [`JoinError`].
    pub async fn join(&self, code: WorkspaceCode, person: PersonId) -> Result<(), JoinError> {
        let wish = |reply| WorkspaceMessage::Join { person, reply };
        match self.ask(code, wish).await {
            Ok(Admission::Member { .. }) => Ok(()),
            Ok(Admission::Full) => Err(JoinError::Full),
            Ok(Admission::Unknown) | Err(Absent::Unknown) => Err(JoinError::Unknown),
            Err(Absent::Unreachable(cause)) => Err(JoinError::Unreachable(cause)),
        }
    }

    /// Somebody belongs to it no longer: the channels are no longer theirs, and their connections there end. When it returns,
    /// that is stored. Of a workspace that is not there nobody is a member, so that is no error.
    ///
    /// # Errors
    ///
    /// [`StoreError`] when it cannot be done now; asking again never does it twice.
    pub async fn leave(&self, code: WorkspaceCode, person: PersonId) -> Result<(), JoinError> {
        match self.ask(code, |reply| WorkspaceMessage::Leave { person, reply }).await {
            Ok(()) | Err(Absent::Unknown) => Ok(()),
            Err(Absent::Unreachable(cause)) => Err(JoinError::Unreachable(cause)),
        }
    }

    /// The channel of this name, which is made if there is none. When it returns, that is stored.
    ///
    /// # Errors
    ///
    /// [`OpenError`].
    pub async fn open(&self, code: WorkspaceCode, by: PersonId, name: ChannelName) -> Result<Channel, OpenError> {
        for _ in 0..DRAWS {
            // The same over all tries: what was made by a lost one is found again.
            let channel = Channel { room: RoomCode::random_reserved(&mut rand::rng()), name: name.clone() };
            let wish = |reply| WorkspaceMessage::Open { channel: channel.clone(), by, reply };
            match self.ask(code, wish).await {
                Ok(Opening::Channel(channel)) => return Ok(channel),
                Ok(Opening::RoomTaken) => {}
                Ok(Opening::Full) => return Err(OpenError::Full),
                Ok(Opening::NotMember) | Err(Absent::Unknown) => return Err(OpenError::Unknown),
                Err(Absent::Unreachable(cause)) => return Err(OpenError::Unreachable(cause)),
            }
        }
        Err(OpenError::NoFreeCode)
    }

    /// Tells all who are in a channel of the workspace something, and returns over how many connections. Whoever is not there
    /// misses it: it is kept nowhere.
    ///
    /// # Errors
    ///
    /// [`BroadcastError`]. Asking again may tell it twice.
    pub async fn broadcast(&self, code: WorkspaceCode, by: Person, body: Body) -> Result<usize, BroadcastError> {
        let unreachable = |cause| BroadcastError::Unreachable(cause);
        let workspace = match self.process(code).await {
            Ok(workspace) => workspace,
            Err(Absent::Unknown) => return Err(BroadcastError::NotMember),
            Err(Absent::Unreachable(cause)) => return Err(unreachable(cause)),
        };
        let told = workspace.call_timeout(WISH, |reply| WorkspaceMessage::Broadcast { by, body, reply }).await;
        told.map_err(|error| unreachable(Arc::new(error)))?
    }

    /// A workspace as its member `who` sees it; none if there is no such workspace, or they do not belong to it: which of both is
    /// not told.
    ///
    /// # Errors
    ///
    /// [`StoreError`] when the store does not work now.
    pub async fn view(&self, code: WorkspaceCode, who: PersonId) -> Result<Option<View>, StoreError> {
        let found = self.find(code).await?;
        let mine = found.filter(|workspace| workspace.members.iter().any(|member| member.id == who));
        let Some(workspace) = mine else { return Ok(None) };
        Ok(Some(View { workspace, active: self.active(code).await }))
    }

    /// Somebody's workspaces and what they are called: those that they joined last, at most 50, in the order in which they did.
    ///
    /// # Errors
    ///
    /// [`StoreError`] when the store does not work now.
    pub async fn of(&self, person: PersonId) -> Result<Vec<(WorkspaceCode, DisplayName)>, StoreError> {
        self.store.workspaces_of(person).await
    }

    /// A workspace, whoever asks; none if there is no such workspace.
    ///
    /// # Errors
    ///
    /// [`StoreError`] when the store does not work now.
    pub(crate) async fn find(&self, code: WorkspaceCode) -> Result<Option<Workspace>, StoreError> {
        self.store.workspace(code).await
    }

    /// Whether somebody belongs to it.
    ///
    /// # Errors
    ///
    /// [`StoreError`] when the store does not work now.
    pub async fn has(&self, code: WorkspaceCode, person: PersonId) -> Result<bool, StoreError> {
        self.store.is_member(code, person).await
    }

    /// Which members are in a channel, or were a moment ago; nobody is in one that sleeps.
    async fn active(&self, code: WorkspaceCode) -> Vec<PersonId> {
        let Ok(workspace) = self.namespace.lookup::<ServerRef<WorkspaceServer>>(&*name(code)) else {
            return Vec::new();
        };
        workspace.call_timeout(ASK, |reply| WorkspaceMessage::Active { reply }).await.unwrap_or_default()
    }

    /// `person` is there over a connection of their own. Whoever attends says so again with [`Attendance::here`], more
    /// often than a connection may be idle, and at each [`WorkspaceEvent::Started`].
    pub(crate) fn attend(&self, workspace: WorkspaceCode, person: PersonId) -> Attendance {
        let connection = ConnectionId(self.connections.fetch_add(1, Ordering::Relaxed));
        let attendance = Attendance { namespace: self.namespace.clone(), workspace, connection, person };
        attendance.here();
        attendance
    }

    /// Hears of everything that happens in a workspace; none when the program ends.
    pub(crate) fn listen(&self, code: WorkspaceCode) -> Option<Subscription<WorkspaceEvent>> {
        self.namespace.pubsub().subscribe(&format!("workspace:{code}:*"), WAITING, Overflow::DropOldest).ok()
    }

    /// Starts the process of a workspace if it sleeps. Any number of callers start one between them.
    ///
    /// # Errors
    ///
    /// [`JoinError`]: there is no such workspace, or it does not come up.
    pub async fn ensure_started(&self, code: WorkspaceCode) -> Result<(), JoinError> {
        match self.process(code).await {
            Ok(_) => Ok(()),
            Err(Absent::Unknown) => Err(JoinError::Unknown),
            Err(Absent::Unreachable(cause)) => Err(JoinError::Unreachable(cause)),
        }
    }

    /// Asks again and again whether workspaces can be started. Without them people can talk.
    pub(crate) fn monitor(namespace: &Namespace, period: Duration) -> Result<Monitor, MonitorError> {
        let runs = async |all: DynamicSupervisorRef| all.is_running().then_some(()).ok_or("it is being restarted");
        namespace.monitor(WORKSPACES).optional().check(runs).every(period)
    }

    /// Asks its process, and asks again if that went away with the question or the store failed, until patience is over.
    async fn ask<T: Send + 'static>(
        &self,
        code: WorkspaceCode,
        wish: impl Fn(Reply<Result<T, StoreError>>) -> WorkspaceMessage,
    ) -> Result<T, Absent> {
        let mut patience = Patience::new(self.limits.rejoin);
        loop {
            let result = self.ask_once(code, &wish).await;
            let again = matches!(result, Err(Absent::Unreachable(_)));
            if !again || !patience.goes_on().await {
                return result;
            }
        }
    }

    async fn ask_once<T: Send + 'static>(
        &self,
        code: WorkspaceCode,
        wish: impl Fn(Reply<Result<T, StoreError>>) -> WorkspaceMessage,
    ) -> Result<T, Absent> {
        let workspace = self.process(code).await?;
        Ok(workspace.call_timeout(WISH, wish).await??)
    }

    /// The process of a workspace, started if it sleeps.
    async fn process(&self, code: WorkspaceCode) -> Result<ServerRef<WorkspaceServer>, Absent> {
        let name = name(code);
        if let Ok(workspace) = self.namespace.lookup::<ServerRef<WorkspaceServer>>(&*name) {
            return Ok(workspace);
        }
        if !self.store.workspace_exists(code).await? {
            return Err(Absent::Unknown);
        }
        let all = self.namespace.wait_for(WORKSPACES, RESTART).await?;
        let (store, people, limits) = (self.store.clone(), self.people.clone(), self.limits);
        let (events, hooks) = (self.namespace.pubsub(), Hooks::new(&self.namespace));
        let bound = shutdown::bound(ID, limits.shutdown);
        let spec = move || {
            let (store, people, events, hooks) = (store.clone(), people.clone(), events.clone(), hooks.clone());
            let server = move || {
                WorkspaceServer::new(code, store.clone(), people.clone(), events.clone(), hooks.clone(), limits)
            };
            let workspace = ChildSpec::server(server).id(code.to_string()).restart(Restart::Transient).mailbox(MAILBOX);
            restart::one_of_many(workspace).shutdown(Shutdown::Timeout(bound))
        };
        Ok(all.start_or_get(&self.namespace, &*name, spec).await?)
    }
}

impl Attendance {
    /// The connection is still there. A workspace that is down or too busy hears it the next time.
    pub(crate) fn here(&self) {
        let (connection, person) = (self.connection, self.person);
        self.tell(WorkspaceMessage::Here { connection, person });
    }

    fn tell(&self, message: WorkspaceMessage) {
        if let Ok(workspace) = self.namespace.lookup::<ServerRef<WorkspaceServer>>(&*name(self.workspace)) {
            let _ = workspace.try_cast(message);
        }
    }
}

impl Drop for Attendance {
    fn drop(&mut self) {
        // If it is not heard, the connection is none when nothing more is heard of it.
        self.tell(WorkspaceMessage::Gone { connection: self.connection });
    }
}

impl WorkspaceEvent {
    fn part(&self) -> Part {
        match self {
            Self::Started | Self::Joined(_) | Self::Left(_) | Self::Active(_) | Self::Idle(_) => Part::Members,
            Self::Opened(_) => Part::Channels,
            Self::Said { .. } => Part::Broadcast,
        }
    }
}

impl Part {
    fn topic(self, workspace: WorkspaceCode) -> String {
        let part = match self {
            Self::Members => "members",
            Self::Channels => "channels",
            Self::Broadcast => "broadcast",
        };
        format!("workspace:{workspace}:{part}")
    }
}

impl From<StoreError> for BroadcastError {
    fn from(error: StoreError) -> Self {
        Self::Unreachable(Arc::new(error))
    }
}

/// Why there is no process of a workspace, or no answer of it.
#[derive(Debug)]
enum Absent {
    Unknown,
    Unreachable(Arc<dyn std::error::Error + Send + Sync>),
}

impl<E: std::error::Error + Send + Sync + 'static> From<E> for Absent {
    fn from(error: E) -> Self {
        Self::Unreachable(Arc::new(error))
    }
}

/// What a workspace is called in the registry.
fn name(code: WorkspaceCode) -> String {
    format!("workspace:{code}")
}

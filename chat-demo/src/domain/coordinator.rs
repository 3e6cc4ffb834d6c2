//! Hooks: what starts and stops is told to whoever listens in this program, and by the coordinator, a process of its own, to the
//! operator's programs.

use registry::{Namespace, Overflow, PubSub, RecvError, Service, Subscription};
use serde_json::{Value, json};
use supervisor::{ChildSpec, Context, Failure, Flow, Init, Server, ServerRef};

use super::notification::{HookEvent, Notifications};
use super::workspace::{ChannelName, WorkspaceCode};
use super::{ChannelOf, RoomCode};

const COORDINATOR: Service<ServerRef<Coordinator>> = Service::new("coordinator");

/// Where all of it is told.
const TOPIC: &str = "coordinator:hooks";

/// What waits for one listener; whoever is slower misses the oldest, and hears that they did.
const WAITING: usize = 1024;

/// Something that started, or stops.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Hook {
    /// The process of a workspace is up: at its first use, after a rest, or after a crash.
    WorkspaceStarted {
        /// Which.
        workspace: WorkspaceCode,
    },
    /// The process of a channel is up.
    ChannelStarted {
        /// In which workspace.
        workspace: WorkspaceCode,
        /// Which room it is.
        room: RoomCode,
        /// What it is called.
        name: ChannelName,
    },
    /// Nobody needs a workspace now, and its process ends.
    WorkspaceShutdown {
        /// Which.
        workspace: WorkspaceCode,
    },
}

/// Where hooks are told and heard, within one namespace.
#[derive(Clone, Debug)]
pub struct Hooks {
    hooks: PubSub<Hook>,
}

impl Hooks {
    /// Those of `namespace`.
    pub fn new(namespace: &Namespace) -> Self {
        Self { hooks: namespace.pubsub() }
    }

    /// Hears of all that starts and stops from now on, in this program; none when it ends.
    pub fn listen(&self) -> Option<Subscription<Hook>> {
        self.hooks.subscribe(TOPIC, WAITING, Overflow::DropOldest).ok()
    }

    /// Tells all who listen. It waits for nobody.
    pub(crate) fn tell(&self, hook: Hook) {
        // Refused only when the program ends.
        let _ = self.hooks.try_publish(TOPIC, hook);
    }
}

impl Hook {
    /// That the process of this room is up.
    pub(crate) fn channel_started(room: RoomCode, channel: &ChannelOf) -> Self {
        Self::ChannelStarted { workspace: channel.workspace, room, name: channel.name.clone() }
    }

    /// As it is sent.
    fn announced(&self) -> (HookEvent, Value) {
        match self {
            Self::WorkspaceStarted { workspace } => {
                (HookEvent::WorkspaceStarted, json!({ "workspace": workspace.to_string() }))
            }
            Self::ChannelStarted { workspace, room, name } => {
                let data =
                    json!({ "workspace": workspace.to_string(), "room": room.to_string(), "channel": name.as_str() });
                (HookEvent::ChannelStarted, data)
            }
            Self::WorkspaceShutdown { workspace } => {
                (HookEvent::WorkspaceShutdown, json!({ "workspace": workspace.to_string() }))
            }
        }
    }
}

/// The process that hears all hooks and has the operator's programs told. What it has given to the store goes out whatever is
/// killed then; what starts while it is itself being restarted is not told.
#[derive(Debug)]
pub(crate) struct Coordinator {
    hooks: Hooks,
    notifications: Notifications,
}

impl Coordinator {
    /// How to run it.
    pub(crate) fn child_spec(namespace: &Namespace, notifications: &Notifications) -> ChildSpec<ServerRef<Self>> {
        let (hooks, notifications) = (Hooks::new(namespace), notifications.clone());
        ChildSpec::server(move || Self { hooks: hooks.clone(), notifications: notifications.clone() })
            .id("coordinator")
            .name(namespace, COORDINATOR)
    }
}

impl Server for Coordinator {
    type Message = Hook;

    async fn init(&mut self, cx: &mut Context<Self>) -> Result<Init, Failure> {
        if let Some(hooks) = self.hooks.listen() {
            cx.spawn(pass_on(hooks, cx.this()));
        }
        Ok(Init::Ready)
    }

    async fn handle(&mut self, hook: Hook, _cx: &mut Context<Self>) -> Result<Flow, Failure> {
        let (event, data) = hook.announced();
        if let Err(error) = self.notifications.announce(event, data).await {
            tracing::warn!(event = event.as_str(), %error, "the operator's programs are not told");
        }
        Ok(Flow::Continue)
    }
}

async fn pass_on(mut hooks: Subscription<Hook>, coordinator: ServerRef<Coordinator>) {
    loop {
        match hooks.recv().await {
            Ok(hook) => {
                if coordinator.cast(hook).await.is_err() {
                    return;
                }
            }
            Err(RecvError::Lagged(missed)) => tracing::warn!(missed, "the operator's programs are not told of all"),
            Err(_) => return,
        }
    }
}

//! What starts and stops.

use registry::{Namespace, Overflow, PubSub, Subscription};
use serde_json::json;

use crate::domain::notification::{Announcement, HookEvent};
use crate::domain::workspace::{ChannelName, WorkspaceCode};
use crate::domain::{ChannelOf, RoomCode};

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
    /// The process of a workspace ends in order: nobody needs it now, or the program ends. It is not told of one that was killed,
    /// which is up again in a moment.
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
        self.listen_with(WAITING)
    }

    /// As [`listen`](Self::listen), with room for so many that wait.
    pub(super) fn listen_with(&self, waiting: usize) -> Option<Subscription<Hook>> {
        self.hooks.subscribe(TOPIC, waiting, Overflow::DropOldest).ok()
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
    pub(super) fn announced(&self) -> Announcement {
        match self {
            Self::WorkspaceStarted { workspace } => {
                Announcement::new(HookEvent::WorkspaceStarted, &json!({ "workspace": workspace.to_string() }))
            }
            Self::ChannelStarted { workspace, room, name } => {
                let data =
                    json!({ "workspace": workspace.to_string(), "room": room.to_string(), "channel": name.as_str() });
                Announcement::new(HookEvent::ChannelStarted, &data)
            }
            Self::WorkspaceShutdown { workspace } => {
                Announcement::new(HookEvent::WorkspaceShutdown, &json!({ "workspace": workspace.to_string() }))
            }
        }
    }
}

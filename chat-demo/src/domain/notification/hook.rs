//! What the operator's programs are told of: signed webhooks to the addresses in the settings.

use serde_json::{Value, json};

use super::{NewDelivery, Notifications, Priority, Way};
use crate::domain::UnixMillis;
use crate::store::{SessionToken, StoreError};

/// Something that the operator's programs are told of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum HookEvent {
    /// The process of a workspace is up.
    WorkspaceStarted,
    /// The process of a channel is up.
    ChannelStarted,
    /// The process of a workspace ends in order: nobody needs it now, or the program ends.
    WorkspaceShutdown,
}

impl HookEvent {
    /// Its name, as it is sent.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::WorkspaceStarted => "workspace_started",
            Self::ChannelStarted => "channel_started",
            Self::WorkspaceShutdown => "workspace_shutdown",
        }
    }
}

/// What the operator's programs are to be told, with the id by which they know what comes twice.
#[derive(Clone, Debug)]
pub struct Announcement {
    id: SessionToken,
    payload: String,
}

impl Announcement {
    /// Tells of this event, now.
    pub fn new(event: HookEvent, data: &Value) -> Self {
        let payload = json!({ "type": event.as_str(), "timestamp": UnixMillis::now(), "data": data }).to_string();
        Self { id: SessionToken::random(), payload }
    }
}

impl Notifications {
    /// Tells all programs of the operator, one after the other for each announcement and behind everything more urgent. When it
    /// returns, all of them are stored, and go out whatever is killed then. Without `--hook-url` nothing is done.
    ///
    /// # Errors
    ///
    /// [`StoreError`] when the store does not work now. Asking again with the same announcements stores nothing twice that waits; what
    /// has gone out meanwhile does so once more, under the same id.
    pub async fn announce(&self, announcements: &[Announcement]) -> Result<(), StoreError> {
        if self.hooks.is_empty() {
            return Ok(());
        }
        let to = |announcement: &Announcement, (index, url): (usize, &String)| NewDelivery {
            id: format!("hook-{}-{index}", announcement.id.as_str()),
            priority: Priority::Low,
            way: Way::Hook,
            target: None,
            address: url.clone(),
            payload: announcement.payload.clone(),
        };
        let each = |announcement| self.hooks.iter().enumerate().map(move |hook| to(announcement, hook));
        self.enqueue(announcements.iter().flat_map(each).collect()).await
    }
}

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
    /// Nobody needs a workspace now, and its process ends.
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

impl Notifications {
    /// Tells all programs of the operator, one after the other for each event and behind everything more urgent. When it
    /// returns, it is stored, and goes out whatever is killed then. Without `--hook-url` nothing is done.
    ///
    /// # Errors
    ///
    /// [`StoreError`] when the store does not work now, and nobody is told.
    pub async fn announce(&self, event: HookEvent, data: Value) -> Result<(), StoreError> {
        if self.hooks.is_empty() {
            return Ok(());
        }
        let payload = json!({ "type": event.as_str(), "timestamp": UnixMillis::now(), "data": data }).to_string();
        let token = SessionToken::random();
        let to = |(index, url): (usize, &String)| NewDelivery {
            id: format!("hook-{}-{index}", token.as_str()),
            priority: Priority::Low,
            way: Way::Hook,
            target: None,
            address: url.clone(),
            payload: payload.clone(),
        };
        self.enqueue(self.hooks.iter().enumerate().map(to).collect()).await
    }
}

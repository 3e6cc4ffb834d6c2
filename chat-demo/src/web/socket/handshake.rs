//! The first frame of a client.

use tokio::time::timeout;

use super::end::End;
use super::protocol::{ClientFrame, Goodbye, VERSION};
use super::wire::{Incoming, Wire};
use crate::config::Limits;
use crate::domain::{Revision, Seq};
use crate::telemetry;

/// What a client has when it comes: the number of the last message, and of the last change.
#[derive(Clone, Copy, Debug)]
pub(super) struct Known {
    pub(super) after: Option<Seq>,
    pub(super) revision: Option<Revision>,
}

/// Waits for the `join`.
pub(super) async fn handshake(wire: &mut Wire, limits: &Limits) -> Result<Known, End> {
    let first = async {
        loop {
            match wire.receive().await {
                Incoming::Alive => {}
                first => return first,
            }
        }
    };
    match timeout(limits.handshake, first).await {
        Err(_) => Err(Goodbye::Handshake.into()),
        Ok(Incoming::Text(text)) => match serde_json::from_str(&text) {
            Ok(ClientFrame::Join { v: VERSION, after, revision }) => Ok(Known { after, revision }),
            _ => {
                telemetry::refused("frame");
                Err(Goodbye::Handshake.into())
            }
        },
        Ok(Incoming::Wrong(goodbye)) => Err(goodbye.into()),
        Ok(Incoming::Gone | Incoming::Alive) => Err(End::Gone),
    }
}

//! Tells a handler that hangs from a server that has nothing to do.

use std::sync::Arc;
use std::sync::atomic::Ordering::Acquire;
use std::time::Duration;

use registry::ExitReason;
use tokio::time::{Instant, sleep};

use super::mailbox::Slot;

/// How often a handler is looked at within its time.
const LOOKS: u32 = 4;

/// Looks at the count of handled messages now and then, which costs the server nothing, and cuts the incarnation off when
/// it has been at one and the same for `limit`. What it does after the last one is no message.
pub(super) async fn watch<M: Send + 'static>(slot: Arc<Slot<M>>, incarnation: u32, limit: Duration) {
    let period = (limit / LOOKS).max(Duration::from_millis(1));
    // The message that is handled, and when it was first seen.
    let mut seen: Option<(u64, Instant)> = None;
    loop {
        sleep(period).await;
        if slot.leaving.load(Acquire) == incarnation {
            return;
        }
        // Odd while a message is handled.
        let progress = slot.core.progress.load(Acquire);
        seen = match seen {
            _ if progress.is_multiple_of(2) => None,
            Some((same, since)) if same == progress => Some((same, since)),
            _ => Some((progress, Instant::now())),
        };
        if seen.is_some_and(|(_, since)| since.elapsed() >= limit) {
            tracing::error!(child = %slot.core.id(), incarnation, ?limit, "a handler takes too long, and is aborted");
            slot.core.cut(incarnation, ExitReason::Timeout);
            return;
        }
    }
}

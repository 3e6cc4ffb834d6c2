//! A message on its way, and the call that it is part of.

use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::sync::atomic::Ordering::{Acquire, Release};
use std::time::Duration;

use tokio::time::Instant;

pub(super) struct Envelope<M> {
    pub(super) message: M,
    /// `None` for what nobody waits for.
    pub(super) call: Option<Call>,
}

/// What the handler of a call may know of its caller.
pub(super) struct Call {
    pub(super) due: Due,
    /// Only where somebody will look at it.
    pub(super) ticket: Option<Arc<Ticket>>,
}

/// When the caller gives up.
///
/// To read the clock costs a good part of a call, and most calls are answered before their caller has anything else to do. So it
/// is read by the first who has to know: the caller that begins to wait, or the handler that asks.
#[derive(Clone, Copy)]
pub(super) enum Due {
    At(Instant),
    /// So many nanoseconds after the first look. Nobody has looked yet. With a [`Duration`] a message would be larger by a half.
    In(u64),
}

impl Due {
    pub(super) fn within(limit: Duration) -> Self {
        Self::In(u64::try_from(limit.as_nanos()).unwrap_or(u64::MAX))
    }

    /// Reads the clock unless somebody has.
    pub(super) fn fix(&mut self) -> Instant {
        match *self {
            Self::At(at) => at,
            Self::In(limit) => {
                let at = after(Instant::now(), Duration::from_nanos(limit));
                *self = Self::At(at);
                at
            }
        }
    }

    pub(super) fn is_over(self) -> bool {
        matches!(self, Self::At(at) if at <= Instant::now())
    }
}

pub(super) fn after(now: Instant, limit: Duration) -> Instant {
    // Thirty years from now is as good as never.
    now.checked_add(limit).unwrap_or(now + Duration::from_secs(60 * 60 * 24 * 365 * 30))
}

/// One call of a line of calls, each made by the handler of the one before.
pub(super) struct Ticket {
    /// The address of the caller, if that is a server; 0 otherwise.
    caller: usize,
    waiting: AtomicBool,
    dropped: AtomicBool,
    before: Option<Arc<Self>>,
}

impl Ticket {
    pub(super) fn new(caller: usize, before: Option<Arc<Self>>) -> Arc<Self> {
        Arc::new(Self { caller, waiting: AtomicBool::new(true), dropped: AtomicBool::new(false), before })
    }

    /// Whether this server waits for the end of the line, so that it cannot answer.
    pub(super) fn is_waited_for_by(&self, server: usize) -> bool {
        let mut ticket = Some(self);
        while let Some(call) = ticket {
            if call.caller == server && call.waiting.load(Acquire) {
                return true;
            }
            ticket = call.before.as_deref();
        }
        false
    }

    /// The message was dropped by a full mailbox.
    pub(super) fn drop_message(&self) {
        self.dropped.store(true, Release);
    }

    pub(super) fn was_dropped(&self) -> bool {
        self.dropped.load(Acquire)
    }
}

/// Held by a caller as long as it waits.
pub(super) struct Waits(pub(super) Option<Arc<Ticket>>);

impl Drop for Waits {
    fn drop(&mut self) {
        if let Some(ticket) = &self.0 {
            ticket.waiting.store(false, Release);
        }
    }
}

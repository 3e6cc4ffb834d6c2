//! What the others, or the server, are told beside messages: that somebody is there, writes, and has read. Each at most so often.

use std::time::{Duration, Instant};

use crate::domain::Seq;
use crate::web::socket::protocol::ClientFrame;

const ACTIVE_AGAIN: Duration = Duration::from_secs(20);
const ACTIVE_WHEN_AWAY: Duration = Duration::from_secs(1);
const READ_AGAIN: Duration = Duration::from_secs(1);
const TYPING_AGAIN: Duration = Duration::from_secs(10);
const TYPING_IDLE: Duration = Duration::from_secs(5);

/// What was told over this line, and what is still to be told. Each function gives what is to be said now; while there
/// is no line, none but [`saw`](Self::saw) is to be called.
#[derive(Debug)]
pub(super) struct Signs {
    active: Option<Instant>,
    /// Up to where they have read, and up to where that was told.
    read: Seq,
    told: Seq,
    read_again: Option<Instant>,
    /// When it was last said that they write, and when they will have stopped.
    typing: Option<(Instant, Instant)>,
}

impl Signs {
    pub(super) fn new() -> Self {
        Self { active: None, read: Seq(0), told: Seq(0), read_again: None, typing: None }
    }

    /// The line is lost: what it was told, the next one is told again.
    pub(super) fn hung_up(&mut self) {
        *self = Self { read: self.read, ..Self::new() };
    }

    /// What was read does not count any more.
    pub(super) fn forget(&mut self) {
        (self.read, self.told) = (Seq(0), Seq(0));
    }

    /// They do something, and are shown as away or not.
    pub(super) fn active(&mut self, away: bool, now: Instant) -> Option<ClientFrame> {
        let again = if away { ACTIVE_WHEN_AWAY } else { ACTIVE_AGAIN };
        if self.active.is_some_and(|said| now < said + again) {
            return None;
        }
        self.active = Some(now);
        Some(ClientFrame::Active {})
    }

    /// They have read up to here.
    pub(super) fn saw(&mut self, seq: Seq) {
        self.read = self.read.max(seq);
    }

    /// Whether what was read may be told already.
    pub(super) fn may_tell_read(&self, now: Instant) -> bool {
        self.read_again.is_none_or(|at| at <= now)
    }

    pub(super) fn tell_read(&mut self, now: Instant) -> Option<ClientFrame> {
        self.read_again = None;
        if self.read <= self.told {
            return None;
        }
        self.told = self.read;
        self.read_again = Some(now + READ_AGAIN);
        Some(ClientFrame::Read { seq: self.read })
    }

    /// They write.
    pub(super) fn typing(&mut self, now: Instant) -> Option<ClientFrame> {
        let known = self.typing.filter(|(said, _)| now < *said + TYPING_AGAIN);
        self.typing = Some((known.map_or(now, |(said, _)| said), now + TYPING_IDLE));
        known.is_none().then_some(ClientFrame::Typing { on: true })
    }

    /// They do not write any more.
    pub(super) fn stop_typing(&mut self) -> Option<ClientFrame> {
        self.typing.take().map(|_| ClientFrame::Typing { on: false })
    }

    /// What they write is sent, which says as much.
    pub(super) fn sent(&mut self) {
        self.typing = None;
    }

    /// Time has passed: whether they have stopped to write, and whether what was read is to be told.
    pub(super) fn due(&self, now: Instant) -> (bool, bool) {
        (self.typing.is_some_and(|(_, until)| until <= now), self.read_again.is_some_and(|at| at <= now))
    }

    pub(super) fn deadline(&self) -> Option<Instant> {
        self.typing.map(|(_, until)| until).into_iter().chain(self.read_again).min()
    }
}

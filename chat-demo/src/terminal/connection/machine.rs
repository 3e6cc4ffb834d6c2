//! One room over as many sockets as it takes: what to say, when to wait, what is known. No task, no clock, no network.
//!
//! # Invariants
//!
//! 1. A message is passed on if its number follows the last one, and by no other.
//! 2. What belongs to another try than the last is passed over.
//! 3. A wish that has no answer is said again, under its name, over the next socket; and nothing is said before `welcome`.

use std::time::{Duration, Instant};

use super::super::outbox::{Ended, Outbox};
use super::events::{Effect, Input, Over, Status, Trouble};
use super::line::{LATER, Line, Patience};
use super::signs::Signs;
use crate::domain::{PersonId, Revision, Seq};
use crate::web::socket::protocol::{ClientFrame, Past, Said, ServerFrame, VERSION};

const QUIET_BEFORE_PING: Duration = Duration::from_secs(25);
const PONG: Duration = Duration::from_secs(8);
/// How long a try may take until the server has said `welcome`.
const TRY: Duration = Duration::from_secs(15);

/// See the module.
#[derive(Debug)]
pub(crate) struct Connection {
    line: Line,
    attempt: u64,
    patience: Patience,
    /// Whether the past is known: `last` and `revision` count from then on.
    known: bool,
    last: Seq,
    revision: Revision,
    me: Option<PersonId>,
    pub(crate) outbox: Outbox,
    signs: Signs,
    effects: Vec<Effect>,
}

impl Connection {
    /// One that begins at the first [`tick`](Self::tick).
    pub(crate) fn new(now: Instant, seed: u64) -> Self {
        Self {
            line: Line::Waiting { until: now, why: String::new() },
            // Begun by chance, so that nothing of an earlier connection to the same room is taken for this one's.
            attempt: seed,
            patience: Patience::new(seed),
            known: false,
            last: Seq(0),
            revision: Revision(0),
            me: None,
            outbox: Outbox::default(),
            signs: Signs::new(),
            effects: Vec::new(),
        }
    }

    /// The number of the try that goes on.
    pub(crate) fn attempt(&self) -> u64 {
        self.attempt
    }

    pub(crate) fn is_live(&self) -> bool {
        matches!(self.line, Line::Live { .. })
    }

    /// Whether it was left, and does nothing until it is wanted again.
    pub(crate) fn is_left(&self) -> bool {
        matches!(self.line, Line::Over(Over::Left))
    }

    pub(crate) fn status(&self, now: Instant) -> Status {
        self.line.status(self.patience.has_failed() || self.known, now)
    }

    /// What is to be done now, in this order.
    pub(crate) fn effects(&mut self) -> Vec<Effect> {
        std::mem::take(&mut self.effects)
    }

    // What the person does

    /// Asks the server for something, as soon as it is its turn.
    pub(crate) fn wish(&mut self, id: String, frame: ClientFrame, at: crate::domain::UnixMillis, now: Instant) {
        if matches!(frame, ClientFrame::Post { .. }) {
            // The message itself says that its writer has stopped.
            self.signs.sent();
        }
        self.outbox.push(id, frame, at);
        self.pump(now);
    }

    /// Tries what has failed again.
    pub(crate) fn retry(&mut self, now: Instant) -> usize {
        let count = self.outbox.retry();
        self.pump(now);
        count
    }

    /// Tries at once, whatever it was waiting for.
    pub(crate) fn connect(&mut self, now: Instant) {
        if matches!(self.line, Line::Waiting { .. } | Line::Over(_)) {
            self.begin(now);
        }
    }

    /// They do something: they are not away, which is said at once if others think so.
    pub(crate) fn active(&mut self, away: bool, now: Instant) {
        if self.is_live() {
            let said = self.signs.active(away, now);
            self.say(said);
        }
    }

    /// They have read up to the last message that is known.
    pub(crate) fn read(&mut self, now: Instant) {
        self.signs.saw(self.last);
        if self.signs.may_tell_read(now) {
            self.tell_read(now);
        }
    }

    /// They write.
    pub(crate) fn typing(&mut self, now: Instant) {
        if self.is_live() {
            let said = self.signs.typing(now);
            self.say(said);
        }
    }

    /// They do not write any more.
    pub(crate) fn stop_typing(&mut self) {
        let said = self.signs.stop_typing();
        if self.is_live() {
            self.say(said);
        }
    }

    /// It is not needed for now: what waits to be told is told. It begins afresh by [`connect`](Self::connect).
    pub(crate) fn leave(&mut self, now: Instant) {
        self.stop_typing();
        self.tell_read(now);
        self.hang_up();
        self.known = false;
        self.patience.reset();
        self.signs.forget();
        self.line = Line::Over(Over::Left);
    }

    // What the network does

    /// Something has happened to the try of this number.
    pub(crate) fn hear(&mut self, attempt: u64, input: Input, now: Instant) {
        if attempt != self.attempt || matches!(self.line, Line::Waiting { .. } | Line::Over(_)) {
            return;
        }
        match (&mut self.line, input) {
            (Line::Fetching { .. }, Input::Past(Ok(past))) => self.begin_with(past, now),
            (Line::Fetching { .. }, Input::Past(Err(trouble))) | (_, Input::Unopened(trouble)) => {
                self.troubled(trouble, now);
            }
            (Line::Dialing { until }, Input::Opened) => {
                self.line = Line::Joining { until: *until };
                self.send(ClientFrame::Join { v: VERSION, after: Some(self.last), revision: Some(self.revision) });
            }
            (_, Input::Closed(code, reason)) => self.closed(code, reason, now),
            (Line::Joining { .. } | Line::Live { .. }, Input::Nonsense) => {
                self.drop_line("The server says what this program does not understand", 0, now);
            }
            (Line::Joining { .. }, Input::Frame(frame @ ServerFrame::Welcome { .. })) => self.welcome(frame, now),
            (Line::Live { quiet, pinged }, input) => {
                (*quiet, *pinged) = (now + QUIET_BEFORE_PING, false);
                if let Input::Frame(frame) = input {
                    self.frame(frame, now);
                }
            }
            _ => {}
        }
    }

    /// Time has passed.
    pub(crate) fn tick(&mut self, now: Instant) {
        match &mut self.line {
            Line::Waiting { until, .. } if *until <= now => self.begin(now),
            Line::Fetching { until } | Line::Dialing { until } | Line::Joining { until } if *until <= now => {
                self.drop_line("The server does not answer", 0, now);
            }
            Line::Live { quiet, pinged: true } if *quiet <= now => self.drop_line("The server does not answer", 0, now),
            Line::Live { quiet, pinged } if *quiet <= now => {
                (*quiet, *pinged) = (now + PONG, true);
                self.send(ClientFrame::Ping {});
            }
            _ => {}
        }
        if self.is_live() {
            let ended = self.outbox.tick(now);
            self.ended(ended);
            let (silent, read) = self.signs.due(now);
            if silent {
                self.stop_typing();
            }
            if read {
                self.tell_read(now);
            }
            self.pump(now);
        }
    }

    /// When to [`tick`](Self::tick) next.
    pub(crate) fn deadline(&self) -> Option<Instant> {
        let beside = if self.is_live() { [self.outbox.deadline(), self.signs.deadline()] } else { [None, None] };
        self.line.deadline().into_iter().chain(beside.into_iter().flatten()).min()
    }

    // The line

    fn begin(&mut self, now: Instant) {
        self.attempt = self.attempt.wrapping_add(1);
        let until = now + TRY;
        if self.known {
            self.line = Line::Dialing { until };
            self.effects.push(Effect::Dial);
        } else {
            self.line = Line::Fetching { until };
            self.effects.push(Effect::Fetch);
        }
    }

    fn begin_with(&mut self, past: Past<'static>, now: Instant) {
        self.known = true;
        self.last = past.messages.last().map_or(Seq(0), |message| message.seq);
        self.revision = past.revision;
        // Before who this is was known, it could not be told what of it is theirs: ids are hard to guess, and that will do.
        for message in &past.messages {
            self.settle(message);
        }
        self.effects.push(Effect::Past(past));
        self.begin(now);
    }

    fn welcome(&mut self, frame: ServerFrame<'static>, now: Instant) {
        let ServerFrame::Welcome { you, reset, .. } = &frame else { return };
        self.me = Some(you.id);
        if *reset {
            // Another history: what is not acknowledged is said there, and the rest begins afresh.
            self.known = false;
            self.signs.forget();
            self.hang_up();
            self.begin(now);
            return;
        }
        self.patience.reset();
        self.line = Line::Live { quiet: now + QUIET_BEFORE_PING, pinged: false };
        self.effects.push(Effect::Show(frame));
        self.tell_read(now);
        self.pump(now);
    }

    fn frame(&mut self, frame: ServerFrame<'static>, now: Instant) {
        match frame {
            ServerFrame::Message(said) => {
                if said.seq > self.last.next() {
                    return self.drop_line("A message is missing. Asking for it again", 0, now);
                }
                if said.seq == self.last.next() {
                    self.last = said.seq;
                    self.settle(&said);
                    self.effects.push(Effect::Show(ServerFrame::Message(said)));
                }
            }
            ServerFrame::Changed(said) => {
                if said.revision > self.revision {
                    self.revision = said.revision;
                    self.effects.push(Effect::Show(ServerFrame::Changed(said)));
                }
            }
            ServerFrame::Stored { id, .. } | ServerFrame::Done { id } => {
                let ended = self.outbox.answered(&id);
                self.ended(ended);
            }
            ServerFrame::Direct { ref id, .. } => {
                let ended = self.outbox.answered(id);
                self.ended(ended);
                self.effects.push(Effect::Show(frame));
            }
            ServerFrame::Refused { id: Some(id), text, retry_ms, .. } => {
                let retry = retry_ms.map(Duration::from_millis);
                let ended = self.outbox.refused(&id, &text, retry, now);
                self.ended(ended);
            }
            ServerFrame::Welcome { .. } | ServerFrame::Pong {} | ServerFrame::Later => {}
            frame => self.effects.push(Effect::Show(frame)),
        }
        self.pump(now);
    }

    /// What has come is not on its way any more.
    fn settle(&mut self, said: &Said<'_>) {
        if self.me.is_none_or(|me| me == said.author.id) {
            self.outbox.came(&said.id);
        }
    }

    fn ended(&mut self, ended: Ended) {
        if ended != Ended::No {
            self.effects.push(Effect::Ended(ended));
        }
    }

    fn closed(&mut self, code: Option<u16>, reason: String, now: Instant) {
        let why = if reason.is_empty() { "The connection is lost".to_owned() } else { reason };
        match code {
            Some(1008) => {
                self.hang_up();
                self.line = Line::Over(Over::Other(why));
            }
            Some(1003 | 1009) => {
                // What the server cannot read it could not read the next time.
                let ended = self.outbox.fail_flight(&why);
                self.ended(ended);
                self.drop_line(&why, 0, now);
            }
            Some(1013) => self.drop_line(&why, LATER, now),
            _ => self.drop_line(&why, 0, now),
        }
    }

    fn troubled(&mut self, trouble: Trouble, now: Instant) {
        let over = match trouble {
            Trouble::Status(401) => Over::Session,
            Trouble::Status(404) => Over::NoRoom,
            Trouble::Status(403 | 421) => Over::Other(
                "The server does not serve this address: use one of its own, or start it with --origin".into(),
            ),
            Trouble::Status(429) => return self.drop_line("The server has enough of this address for now", LATER, now),
            Trouble::Status(status) => {
                return self.drop_line(&format!("The server cannot let you in now ({status})"), 0, now);
            }
            Trouble::Refused(why) | Trouble::Network(why) => return self.drop_line(&why, 0, now),
        };
        self.hang_up();
        self.line = Line::Over(over);
    }

    /// Waits before the next try.
    fn drop_line(&mut self, why: &str, at_least: u32, now: Instant) {
        self.hang_up();
        self.line = Line::Waiting { until: now + self.patience.wait(at_least), why: why.to_owned() };
    }

    fn hang_up(&mut self) {
        self.effects.push(Effect::HangUp);
        self.outbox.grounded();
        self.signs.hung_up();
    }

    fn pump(&mut self, now: Instant) {
        if self.is_live()
            && let Some(frame) = self.outbox.next(now)
        {
            self.send(frame);
        }
    }

    fn tell_read(&mut self, now: Instant) {
        if self.is_live() {
            let said = self.signs.tell_read(now);
            self.say(said);
        }
    }

    fn say(&mut self, said: Option<ClientFrame>) {
        self.effects.extend(said.map(Effect::Send));
    }

    fn send(&mut self, frame: ClientFrame) {
        self.effects.push(Effect::Send(frame));
    }
}

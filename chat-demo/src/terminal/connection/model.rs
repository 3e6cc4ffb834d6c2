//! The connection against a naive server over a network that loses, delays and kills: each acknowledged message is there
//! once and in order, and what was not acknowledged is said again under its name.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use proptest::prelude::*;

use super::super::outbox::WishState;
use super::{Connection, Effect, Input, Over, Status, Trouble};
use crate::domain::{PersonId, Revision, Seq, UnixMillis};
use crate::web::socket::protocol::{ClientFrame, Past, Said, ServerFrame, Who};

const ME: PersonId = PersonId(1);

/// What may happen.
#[derive(Clone, Debug)]
enum Step {
    /// The person writes something.
    Write,
    /// Somebody else says something.
    Other,
    /// Somebody else changes a message.
    Change(usize),
    /// The next frame reaches the server, or the client.
    Up,
    Down,
    /// The server is asked for the past, or for a socket, and answers; or not.
    Answer,
    Refuse(u16),
    /// The connection is lost with all that is on its way, by this code.
    Kill(Option<u16>),
    /// The server does not take what comes next, for now or for good.
    Throttle,
    Reject,
    /// The person tries again what has failed.
    Retry,
    /// Something comes that belongs to an earlier try.
    Stale,
    Wait(u64),
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        4 => Just(Step::Write),
        2 => Just(Step::Other),
        1 => (0..8_usize).prop_map(Step::Change),
        6 => Just(Step::Up),
        8 => Just(Step::Down),
        6 => Just(Step::Answer),
        1 => prop_oneof![Just(500), Just(429), Just(503)].prop_map(Step::Refuse),
        2 => prop_oneof![
            Just(None), Just(Some(1001)), Just(Some(1013)), Just(Some(4000)), Just(Some(4001)), Just(Some(1009))
        ].prop_map(Step::Kill),
        1 => Just(Step::Throttle),
        1 => Just(Step::Reject),
        1 => Just(Step::Retry),
        1 => Just(Step::Stale),
        3 => prop_oneof![Just(10), Just(1_000), Just(9_000), Just(30_000)].prop_map(Step::Wait),
    ]
}

/// Both sides, and what is between them.
struct World {
    now: Instant,
    client: Connection,
    log: Vec<Said<'static>>,
    changes: u64,
    /// What the client shows: messages, and the last change of each.
    shown: Vec<Said<'static>>,
    written: Vec<String>,
    rejected: Vec<String>,
    acknowledged: Vec<(String, Seq)>,
    /// What the client has asked for and has no answer to.
    asked: Option<Effect>,
    open: bool,
    joined: bool,
    up: VecDeque<ClientFrame>,
    down: VecDeque<ServerFrame<'static>>,
    throttle: bool,
    reject: bool,
    attempts: Vec<u64>,
}

impl World {
    fn new() -> Self {
        let now = Instant::now();
        Self {
            now,
            client: Connection::new(now, 7),
            log: Vec::new(),
            changes: 0,
            shown: Vec::new(),
            written: Vec::new(),
            rejected: Vec::new(),
            acknowledged: Vec::new(),
            asked: None,
            open: false,
            joined: false,
            up: VecDeque::new(),
            down: VecDeque::new(),
            throttle: false,
            reject: false,
            attempts: Vec::new(),
        }
    }

    fn say(&mut self, author: PersonId, id: &str) -> Seq {
        // By the name that its author gave it, it is the same message.
        if let Some(known) = self.log.iter().find(|said| said.id == id && said.author.id == author) {
            return known.seq;
        }
        let said = Said {
            seq: Seq(self.log.len() as u64 + 1),
            id: id.to_owned().into(),
            author: Who { id: author, name: "x".into() },
            at: UnixMillis(0),
            kind: Default::default(),
            body: id.to_owned().into(),
            file: None,
            mentions: Vec::new(),
            revision: Revision(0),
            state: None,
        };
        self.log.push(said.clone());
        self.tell(ServerFrame::Message(said.clone()));
        said.seq
    }

    fn tell(&mut self, frame: ServerFrame<'static>) {
        if self.joined {
            self.down.push_back(frame);
        }
    }

    fn sever(&mut self) {
        (self.open, self.joined, self.asked) = (false, false, None);
        self.up.clear();
        self.down.clear();
    }

    fn hear(&mut self, input: Input) {
        self.client.hear(self.client.attempt(), input, self.now);
        self.carry_out();
    }

    fn carry_out(&mut self) {
        for effect in self.client.effects() {
            match effect {
                Effect::Fetch | Effect::Dial => {
                    assert!(!self.open, "one socket at a time");
                    self.attempts.push(self.client.attempt());
                    self.asked = Some(effect);
                }
                Effect::HangUp => self.sever(),
                Effect::Send(frame) => {
                    assert!(self.open, "nothing is said into the void: {frame:?}");
                    self.up.push_back(frame);
                }
                Effect::Past(past) => self.shown = past.messages,
                Effect::Show(ServerFrame::Message(said)) => self.shown.push(said),
                Effect::Show(ServerFrame::Changed(said)) => {
                    if let Some(known) = self.shown.iter_mut().find(|known| known.seq == said.seq) {
                        *known = said;
                    }
                }
                Effect::Show(_) | Effect::Ended(_) => {}
            }
        }
    }

    fn answer(&mut self) {
        match self.asked.take() {
            Some(Effect::Fetch) => {
                let newest = self.log.len().saturating_sub(5);
                let messages = self.log[newest..].to_vec();
                self.hear(Input::Past(Ok(Past { messages, revision: Revision(self.changes), read: None })));
            }
            Some(_) => {
                self.open = true;
                self.hear(Input::Opened);
            }
            None => {}
        }
    }

    fn up(&mut self) {
        let Some(frame) = self.up.pop_front() else { return };
        match frame {
            ClientFrame::Join { after: Some(after), revision: Some(revision), .. } => {
                self.joined = true;
                let who = Who { id: ME, name: "x".into() };
                self.tell(ServerFrame::Welcome {
                    v: 1,
                    you: who,
                    last: Seq(self.log.len() as u64),
                    revision: Revision(self.changes),
                    reset: false,
                    members: Vec::new(),
                    away: Vec::new(),
                });
                let missed: Vec<_> = self.log.iter().filter(|said| said.seq > after).cloned().collect();
                let mut changed: Vec<_> = self.log.iter().filter(|said| said.revision > revision).cloned().collect();
                changed.sort_by_key(|said| said.revision);
                missed.into_iter().for_each(|said| self.tell(ServerFrame::Message(said)));
                changed.into_iter().for_each(|said| self.tell(ServerFrame::Changed(said)));
            }
            ClientFrame::Post { id, .. } => {
                if std::mem::take(&mut self.throttle) {
                    return self.refuse(id, Some(100));
                }
                if std::mem::take(&mut self.reject) && self.log.iter().all(|said| said.id != id) {
                    self.rejected.push(id.clone());
                    return self.refuse(id, None);
                }
                let seq = self.say(ME, &id);
                self.acknowledged.push((id.clone(), seq));
                self.tell(ServerFrame::Stored { id: id.into(), seq, at: UnixMillis(0) });
            }
            ClientFrame::Ping {} => self.tell(ServerFrame::Pong {}),
            _ => {}
        }
    }

    fn refuse(&mut self, id: String, retry_ms: Option<u64>) {
        self.tell(ServerFrame::Refused { id: Some(id.into()), reason: "x".into(), text: "No.".into(), retry_ms });
    }

    fn take(&mut self, step: &Step) {
        match step {
            Step::Write => {
                let id = format!("mine-{:04}", self.written.len());
                self.written.push(id.clone());
                let frame = ClientFrame::Post { id: id.clone(), kind: Default::default(), body: id.clone() };
                self.client.wish(id, frame, UnixMillis(0), self.now);
            }
            Step::Other => {
                let id = format!("other-{:04}", self.log.len());
                self.say(PersonId(2), &id);
            }
            Step::Change(at) => {
                if !self.log.is_empty() {
                    self.changes += 1;
                    let at = at % self.log.len();
                    self.log[at].revision = Revision(self.changes);
                    self.log[at].body = format!("changed {}", self.changes).into();
                    self.tell(ServerFrame::Changed(self.log[at].clone()));
                }
            }
            Step::Up => self.up(),
            Step::Down => {
                if let Some(frame) = self.down.pop_front() {
                    self.hear(Input::Frame(frame));
                }
            }
            Step::Answer => self.answer(),
            Step::Refuse(status) => {
                if self.asked.take().is_some() {
                    self.hear(Input::Unopened(Trouble::Status(*status)));
                }
            }
            Step::Kill(code) => {
                if self.open {
                    self.sever();
                    self.hear(Input::Closed(*code, String::new()));
                }
            }
            Step::Throttle => self.throttle = true,
            Step::Reject => self.reject = true,
            Step::Retry => {
                self.client.retry(self.now);
            }
            Step::Stale => {
                if let [.., old, _] = self.attempts[..] {
                    for input in [Input::Opened, Input::Nonsense, Input::Closed(Some(1008), String::new())] {
                        self.client.hear(old, input, self.now);
                    }
                }
            }
            Step::Wait(millis) => {
                self.now += Duration::from_millis(*millis);
                self.client.tick(self.now);
            }
        }
        self.carry_out();
    }

    /// Nothing is lost any more, and everything is brought to its end.
    fn calm_down(&mut self) {
        (self.throttle, self.reject) = (false, false);
        for round in 0..10_000 {
            self.client.retry(self.now);
            self.carry_out();
            if self.asked.is_some() {
                self.answer();
            } else if !self.up.is_empty() {
                self.up();
            } else if !self.down.is_empty() {
                self.take(&Step::Down);
            } else if self.client.is_live() && !self.client.outbox.is_busy() && self.client.outbox.unsent() == 0 {
                return;
            } else {
                let next = self.client.deadline().expect("it goes on");
                self.now = self.now.max(next);
                self.take(&Step::Wait(0));
            }
            assert!(round < 9_999, "it comes to no end: {:?}", self.client);
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 256, ..ProptestConfig::default() })]

    #[test]
    fn nothing_acknowledged_is_lost_doubled_or_reordered(steps in proptest::collection::vec(step(), 0..120)) {
        let mut world = World::new();
        world.client.tick(world.now);
        world.carry_out();
        for step in &steps {
            world.take(step);
            // What is shown is always a part of what was said, without a gap.
            let first = world.shown.first().map_or(1, |said| said.seq.0);
            prop_assert!(world.shown.iter().map(|said| said.seq.0).eq((first..).take(world.shown.len())));
        }
        world.calm_down();
        prop_assert_eq!(world.shown.last(), world.log.last(), "everything has come");
        let first = world.shown.first().map_or(0, |said| said.seq.0 as usize - 1);
        prop_assert_eq!(&world.shown, &world.log[first.min(world.log.len())..], "as it is now");
        for (id, seq) in &world.acknowledged {
            prop_assert_eq!(&world.log[seq.0 as usize - 1].id, id);
        }
        let mine: Vec<_> = world.log.iter().filter(|said| said.author.id == ME).map(|said| said.id.clone()).collect();
        let mut once = mine.clone();
        once.sort();
        prop_assert_eq!(&once, &world.written, "each once, and none is lost");
        // What was refused, or given up by a close, is behind what was written after it; nothing else is.
        let gave_up = steps.iter().any(|step| matches!(step, Step::Reject | Step::Kill(Some(1009)) | Step::Wait(30_000 | 9_000)));
        prop_assert!(gave_up || mine == world.written, "in the order in which it was written: {:?}", mine);
        prop_assert_eq!(world.client.outbox.wishes().count(), 0);
    }
}

/// A connection that is live, and what it has said so far is forgotten.
fn live() -> (World, Instant) {
    let mut world = World::new();
    world.client.tick(world.now);
    world.carry_out();
    world.calm_down();
    world.up.clear();
    let now = world.now;
    (world, now)
}

fn waits(connection: &Connection, now: Instant) -> Duration {
    connection.deadline().expect("it tries again") - now
}

#[test]
fn the_wait_grows_up_to_a_bound_and_a_part_of_it_is_chance() {
    let now = Instant::now();
    let mut seen = Vec::new();
    for seed in [1, 2] {
        let mut connection = Connection::new(now, seed);
        let mut ceiling = 250;
        for _ in 0..12 {
            connection.connect(now);
            connection.hear(connection.attempt(), Input::Unopened(Trouble::Network("gone".into())), now);
            let wait = waits(&connection, now).as_millis();
            assert!((ceiling / 2..=ceiling).contains(&wait), "{wait} of {ceiling}");
            seen.push(wait);
            ceiling = (ceiling * 2).min(15_000);
        }
    }
    assert_ne!(seen[..12], seen[12..]);
}

#[test]
fn each_close_code_is_answered_as_the_protocol_says() {
    for code in [None, Some(1001), Some(4000), Some(4001), Some(1006)] {
        let (mut world, now) = live();
        world.hear(Input::Closed(code, "because".into()));
        assert!(matches!(world.client.status(now), Status::Waiting { why, .. } if why == "because"), "{code:?}");
        assert!(waits(&world.client, now) <= Duration::from_millis(250), "{code:?}");
    }
    let (mut world, now) = live();
    world.hear(Input::Closed(Some(1013), "full".into()));
    assert!(waits(&world.client, now) >= Duration::from_secs(1), "later");

    let (mut world, now) = live();
    world.hear(Input::Closed(Some(1008), "your session has ended".into()));
    assert_eq!(world.client.status(now), Status::Over(Over::Other("your session has ended".into())));
    assert_eq!(world.client.deadline(), None, "not by itself");
    world.client.connect(now);
    assert_eq!(world.client.status(now), Status::Connecting { again: true }, "but when it is asked to");

    // What the server could not read is not sent a second time by itself.
    for code in [1003, 1009] {
        let (mut world, _) = live();
        world.take(&Step::Write);
        world.hear(Input::Closed(Some(code), "too long".into()));
        let states: Vec<_> = world.client.outbox.wishes().map(|wish| wish.state.clone()).collect();
        assert_eq!(states, [WishState::Failed("too long".into())]);
    }
}

#[test]
fn what_cannot_be_mended_by_waiting_is_not_tried_again() {
    for (status, over) in [(401, Over::Session), (404, Over::NoRoom)] {
        let now = Instant::now();
        let mut connection = Connection::new(now, 1);
        connection.connect(now);
        connection.hear(connection.attempt(), Input::Past(Err(Trouble::Status(status))), now);
        assert_eq!((connection.status(now), connection.deadline()), (Status::Over(over), None));
    }
}

#[test]
fn a_server_that_says_nothing_is_asked_and_then_given_up() {
    let (mut world, now) = live();
    let asked = world.client.deadline().unwrap();
    assert_eq!(asked - now, Duration::from_secs(25));
    world.client.tick(asked);
    assert_eq!(world.client.effects(), [Effect::Send(ClientFrame::Ping {})]);
    world.client.tick(asked + Duration::from_secs(8));
    assert!(matches!(world.client.status(asked), Status::Waiting { .. }));
    // A try that comes to nothing is given up as well.
    let now = Instant::now();
    let mut connection = Connection::new(now, 1);
    connection.tick(now);
    connection.tick(now + Duration::from_secs(15));
    assert!(matches!(connection.status(now), Status::Waiting { .. }));
}

#[test]
fn another_history_begins_afresh_and_what_is_not_acknowledged_is_said_there() {
    let (mut world, _) = live();
    for _ in 0..3 {
        world.take(&Step::Other);
        world.take(&Step::Down);
    }
    world.take(&Step::Write);
    world.sever();
    world.log.clear();
    world.hear(Input::Closed(None, String::new()));
    world.take(&Step::Wait(1_000));
    world.answer();
    world.up.clear();
    let you = Who { id: ME, name: "x".into() };
    let (last, revision) = (Seq(0), Revision(0));
    world.hear(Input::Frame(ServerFrame::Welcome {
        v: 1,
        you,
        last,
        revision,
        reset: true,
        members: Vec::new(),
        away: Vec::new(),
    }));
    assert_eq!(world.asked, Some(Effect::Fetch));
    world.calm_down();
    assert!(world.shown.iter().map(|said| &*said.id).eq(["mine-0000"]), "{:?}", world.shown);
}

#[test]
fn what_one_reads_and_that_one_writes_is_told_now_and_then() {
    let (mut world, now) = live();
    let second = Duration::from_secs(1);
    let said = |world: &mut World| {
        world.carry_out();
        std::mem::take(&mut world.up).into_iter().collect::<Vec<_>>()
    };
    for _ in 0..2 {
        world.take(&Step::Other);
        world.take(&Step::Down);
        world.client.read(now);
    }
    assert_eq!(said(&mut world), [ClientFrame::Read { seq: Seq(1) }]);
    world.client.tick(now + second);
    assert_eq!(said(&mut world), [ClientFrame::Read { seq: Seq(2) }]);
    world.client.tick(now + second * 2);
    assert_eq!(said(&mut world), []);

    for at in [0, 3, 6, 9, 12] {
        world.client.typing(now + second * at);
    }
    assert_eq!(said(&mut world), [ClientFrame::Typing { on: true }, ClientFrame::Typing { on: true }]);
    world.client.tick(now + second * 17);
    assert_eq!(said(&mut world), [ClientFrame::Typing { on: false }]);

    world.client.active(false, now);
    world.client.active(false, now + second * 19);
    world.client.active(true, now + second * 19);
    assert_eq!(said(&mut world), [ClientFrame::Active {}, ClientFrame::Active {}]);
}

//! What was asked for and has no answer yet: one thing at a time is on its way, so that messages are numbered in the order
//! in which they were written.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use crate::domain::UnixMillis;
use crate::web::socket::protocol::ClientFrame;

/// Longer than the server goes on trying.
const ANSWER: Duration = Duration::from_secs(20);

/// Added to what the server asks to wait: its clock and ours are not one.
const MARGIN: Duration = Duration::from_millis(50);

/// However long a server asks to wait, it is asked again after so long.
const LONGEST_RETRY: Duration = Duration::from_secs(60);

/// Something that the server is asked to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Wish {
    pub(crate) id: String,
    pub(crate) frame: ClientFrame,
    pub(crate) at: UnixMillis,
    pub(crate) state: WishState,
}

/// What became of a wish so far.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum WishState {
    /// It has no answer.
    Pending,
    /// It is stored, and its message has not come yet.
    Stored,
    /// It was refused, or not answered; it is tried again when the person says so.
    Failed(String),
}

/// An answer that ends a wish.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Ended {
    /// There is none of this name, or it goes on.
    No,
    /// It is done.
    Done(ClientFrame),
    /// It is not done; a message stays in the outbox, anything else is gone.
    Failed(ClientFrame, String),
}

/// All wishes of one room, oldest first.
#[derive(Debug, Default)]
pub(crate) struct Outbox {
    wishes: VecDeque<Wish>,
    flight: Option<Flight>,
}

/// The one that is on its way.
#[derive(Debug)]
struct Flight {
    id: String,
    answer_by: Instant,
    /// When it is sent again, if the server has asked to wait.
    again_at: Option<Instant>,
}

impl Wish {
    pub(crate) fn is_post(&self) -> bool {
        matches!(self.frame, ClientFrame::Post { .. })
    }
}

impl Outbox {
    pub(crate) fn push(&mut self, id: String, frame: ClientFrame, at: UnixMillis) {
        self.wishes.push_back(Wish { id, frame, at, state: WishState::Pending });
    }

    pub(crate) fn wishes(&self) -> impl DoubleEndedIterator<Item = &Wish> {
        self.wishes.iter()
    }

    /// Whether anything has no answer and is not given up.
    pub(crate) fn is_busy(&self) -> bool {
        self.wishes.iter().any(|wish| wish.state == WishState::Pending)
    }

    /// Messages that are not stored, failed ones among them.
    pub(crate) fn unsent(&self) -> usize {
        self.wishes.iter().filter(|wish| wish.is_post() && wish.state != WishState::Stored).count()
    }

    /// The next frame to be sent, if nothing is on its way; to be asked while the connection is up.
    pub(crate) fn next(&mut self, now: Instant) -> Option<ClientFrame> {
        if let Some(flight) = &mut self.flight {
            flight.again_at.filter(|&at| at <= now)?;
            flight.again_at = None;
            flight.answer_by = now + ANSWER;
            let id = flight.id.clone();
            return self.wishes.iter().find(|wish| wish.id == id).map(|wish| wish.frame.clone());
        }
        let wish = self.wishes.iter().find(|wish| wish.state == WishState::Pending)?;
        self.flight = Some(Flight { id: wish.id.clone(), answer_by: now + ANSWER, again_at: None });
        Some(wish.frame.clone())
    }

    /// The connection is lost: whatever was on its way is sent again over the next one.
    pub(crate) fn grounded(&mut self) {
        self.flight = None;
    }

    /// The server has answered that this is done.
    pub(crate) fn answered(&mut self, id: &str) -> Ended {
        self.land(id);
        let Some(at) = self.position(id) else { return Ended::No };
        if self.wishes[at].is_post() {
            self.wishes[at].state = WishState::Stored;
            return Ended::No;
        }
        Ended::Done(self.wishes.remove(at).expect("it was found").frame)
    }

    /// The message of this name has come.
    pub(crate) fn came(&mut self, id: &str) {
        self.land(id);
        self.wishes.retain(|wish| wish.id != id);
    }

    /// The server has refused this, for now if it says when to try again.
    pub(crate) fn refused(&mut self, id: &str, text: &str, retry: Option<Duration>, now: Instant) -> Ended {
        match (retry, &mut self.flight) {
            (None, _) => self.fail(id, text),
            (Some(wait), Some(flight)) if flight.id == id => {
                flight.again_at = Some(now + wait.min(LONGEST_RETRY) + MARGIN);
                Ended::No
            }
            (Some(_), _) => Ended::No,
        }
    }

    /// What was on its way is given up, if anything was.
    pub(crate) fn fail_flight(&mut self, text: &str) -> Ended {
        match self.flight.take() {
            Some(flight) => self.fail(&flight.id, text),
            None => Ended::No,
        }
    }

    /// Gives up what has had no answer for too long.
    pub(crate) fn tick(&mut self, now: Instant) -> Ended {
        match &self.flight {
            Some(flight) if flight.again_at.is_none() && flight.answer_by <= now => self.fail_flight("No answer came."),
            _ => Ended::No,
        }
    }

    /// When to look again.
    pub(crate) fn deadline(&self) -> Option<Instant> {
        self.flight.as_ref().map(|flight| flight.again_at.unwrap_or(flight.answer_by))
    }

    /// Tries what has failed again, in the place that it had.
    pub(crate) fn retry(&mut self) -> usize {
        let failed = |wish: &&mut Wish| matches!(wish.state, WishState::Failed(_));
        let again = self.wishes.iter_mut().filter(failed).map(|wish| wish.state = WishState::Pending);
        again.count()
    }

    /// Forgets what has failed.
    pub(crate) fn discard(&mut self) -> usize {
        let before = self.wishes.len();
        self.wishes.retain(|wish| !matches!(wish.state, WishState::Failed(_)));
        before - self.wishes.len()
    }

    fn fail(&mut self, id: &str, text: &str) -> Ended {
        self.land(id);
        let Some(at) = self.position(id) else { return Ended::No };
        let wish = &mut self.wishes[at];
        if wish.state == WishState::Stored {
            return Ended::No;
        }
        wish.state = WishState::Failed(text.to_owned());
        let frame = wish.frame.clone();
        if !wish.is_post() {
            self.wishes.remove(at);
        }
        Ended::Failed(frame, text.to_owned())
    }

    fn land(&mut self, id: &str) {
        self.flight.take_if(|flight| flight.id == id);
    }

    fn position(&self, id: &str) -> Option<usize> {
        self.wishes.iter().position(|wish| wish.id == id)
    }
}

/// A name for a wish that nobody else has.
pub(crate) fn new_id() -> String {
    format!("{:024x}", rand::random::<u128>() >> 32)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn post(id: &str) -> (String, ClientFrame, UnixMillis) {
        let frame = ClientFrame::Post { id: id.into(), kind: Default::default(), body: id.into() };
        (id.into(), frame, UnixMillis(0))
    }

    fn outbox(ids: &[&str]) -> Outbox {
        let mut outbox = Outbox::default();
        for (id, frame, at) in ids.iter().map(|id| post(id)) {
            outbox.push(id, frame, at);
        }
        outbox
    }

    fn sent(outbox: &mut Outbox, now: Instant) -> Option<String> {
        match outbox.next(now)? {
            ClientFrame::Post { id, .. } => Some(id),
            frame => panic!("{frame:?}"),
        }
    }

    #[test]
    fn one_at_a_time_and_in_order() {
        let now = Instant::now();
        let mut outbox = outbox(&["one", "two"]);
        assert_eq!(sent(&mut outbox, now).as_deref(), Some("one"));
        assert_eq!(sent(&mut outbox, now), None, "the first has no answer");
        outbox.answered("one");
        assert_eq!(sent(&mut outbox, now).as_deref(), Some("two"));
        outbox.grounded();
        assert_eq!(sent(&mut outbox, now).as_deref(), Some("two"), "once more, by the same name");
        assert_eq!(outbox.unsent(), 1);
        outbox.came("one");
        outbox.came("two");
        assert_eq!((outbox.wishes().count(), sent(&mut outbox, now)), (0, None));
    }

    #[test]
    fn what_is_refused_for_now_is_sent_again_when_the_server_says_so() {
        let now = Instant::now();
        let mut outbox = outbox(&["one", "two"]);
        sent(&mut outbox, now);
        outbox.refused("one", "slowly", Some(Duration::from_millis(200)), now);
        assert_eq!(sent(&mut outbox, now + Duration::from_millis(200)), None);
        assert_eq!(outbox.deadline(), Some(now + Duration::from_millis(250)));
        assert_eq!(sent(&mut outbox, now + Duration::from_millis(250)).as_deref(), Some("one"));
    }

    #[test]
    fn what_fails_waits_for_the_person_and_holds_up_nothing() {
        let now = Instant::now();
        let mut outbox = outbox(&["one", "two"]);
        sent(&mut outbox, now);
        assert_eq!(outbox.tick(now + ANSWER - Duration::from_millis(1)), Ended::No);
        assert!(matches!(outbox.tick(now + ANSWER), Ended::Failed(..)));
        assert_eq!(sent(&mut outbox, now).as_deref(), Some("two"));
        assert!(matches!(outbox.refused("two", "never", None, now), Ended::Failed(..)));
        assert_eq!((outbox.unsent(), outbox.is_busy()), (2, false));
        assert_eq!(outbox.retry(), 2);
        assert_eq!(sent(&mut outbox, now).as_deref(), Some("one"));
        // An answer that comes late is an answer.
        outbox.fail_flight("lost");
        outbox.answered("one");
        assert_eq!((outbox.unsent(), outbox.discard()), (1, 0));
    }

    #[test]
    fn names_of_wishes_are_such_as_the_server_takes() {
        let id = new_id();
        assert!(crate::domain::ClientId::parse(&id).is_ok() && id != new_id(), "{id}");
    }
}

//! Messages in other places: what was found, or what mentions somebody, to be walked through and opened.

use std::time::Instant;

use super::chat::{Chat, Effect};
use super::connection::Trouble;
use super::dialog::Dialog;
use super::keys::Action;
use super::request::{Answer, Request};
use super::view;
use crate::domain::search::Query;
use crate::domain::{RoomCode, Seq};
use crate::web::socket::protocol::{OneFound, Said};

/// How many are kept; whoever walks further searches for more words.
const MOST: usize = 1_000;

/// How many are passed by a page.
const PAGE: usize = 5;

/// A list of messages, one of which is chosen.
#[derive(Clone, Debug)]
pub(crate) struct Places {
    pub(crate) source: Source,
    pub(crate) items: Vec<OneFound<'static>>,
    pub(crate) chosen: usize,
    /// What is asked at the moment, or why there was no answer.
    pub(crate) asked: Result<Option<Request>, String>,
    /// Whether there are older ones, and, of what was found, where they begin.
    more: bool,
    older: Option<u64>,
}

/// Where they come from.
#[derive(Clone, Debug)]
pub(crate) enum Source {
    /// From a search for these words, in one room or in all.
    Search { words: String, here: RoomCode, everywhere: bool },
    /// They mention whoever is here.
    Notices,
}

/// A message among those around it.
#[derive(Clone, Debug)]
pub(crate) struct Around {
    pub(crate) room: RoomCode,
    pub(crate) seq: Seq,
    /// None yet, or why there are none.
    pub(crate) messages: Result<Vec<Said<'static>>, String>,
    /// The row that is shown first; nothing for the message in the middle.
    pub(crate) top: Option<usize>,
    /// Where one came from.
    back: Places,
}

impl Places {
    fn new(source: Source) -> Self {
        Self { source, items: Vec::new(), chosen: 0, asked: Ok(None), more: false, older: None }
    }

    /// What they were searched by, if it can be understood.
    pub(crate) fn query(&self) -> Option<Query> {
        match &self.source {
            Source::Search { words, .. } => words.parse().ok(),
            Source::Notices => None,
        }
    }

    /// Whether something is on its way.
    pub(crate) fn is_asking(&self) -> bool {
        matches!(self.asked, Ok(Some(_)))
    }

    /// Begins with none of them.
    fn ask(&mut self) -> Effect {
        (self.items, self.chosen, self.more, self.older) = (Vec::new(), 0, false, None);
        self.ask_for_older()
    }

    fn ask_for_older(&mut self) -> Effect {
        let request = match &self.source {
            Source::Search { words, here, everywhere } => {
                Request::Search((!everywhere).then_some(*here), words.clone(), self.older)
            }
            Source::Notices => Request::Notices(self.items.last().map(|last| (last.at, last.room.clone(), last.seq))),
        };
        self.asked = Ok(Some(request.clone()));
        Effect::Ask(request)
    }

    /// Takes in what came, if it was asked for.
    fn answered(&mut self, request: &Request, answer: Result<Answer, Trouble>) {
        if !matches!(&self.asked, Ok(Some(asked)) if asked == request) {
            return;
        }
        self.asked = Ok(None);
        match answer {
            Ok(Answer::Found(page)) => {
                self.items.extend(page.found);
                (self.more, self.older) = (page.older.is_some(), page.older);
            }
            Ok(Answer::Notices(page)) => {
                self.items.extend(page.notices);
                self.more = page.older;
            }
            Ok(_) => {}
            Err(trouble) => self.asked = Err(trouble.said("Not found")),
        }
    }

    /// Chooses another one, so many further; what is to be asked for then.
    fn step(&mut self, down: bool, by: usize) -> Option<Effect> {
        let last = self.items.len().saturating_sub(1);
        let at_end = down && self.chosen + by > last;
        self.chosen = if down { (self.chosen + by).min(last) } else { self.chosen.saturating_sub(by) };
        (at_end && self.more && self.items.len() < MOST && !self.is_asking()).then(|| self.ask_for_older())
    }
}

impl Chat {
    /// Searches in this room.
    pub(super) fn search(&mut self, words: String) {
        self.list_places(Source::Search { words, here: self.current, everywhere: false });
    }

    /// Lists what mentions them.
    pub(super) fn list_notices(&mut self) {
        self.list_places(Source::Notices);
    }

    fn list_places(&mut self, source: Source) {
        let mut places = Places::new(source);
        self.effects.push(places.ask());
        self.dialog = Some(Dialog::Places(places));
    }

    /// What was asked for one of the lists has come, or not.
    pub(super) fn places_answered(&mut self, request: &Request, answer: Result<Answer, Trouble>) {
        match (&mut self.dialog, request) {
            (Some(Dialog::Places(places)), _) => places.answered(request, answer),
            (Some(Dialog::Around(around)), Request::Around(room, seq))
                if (*room, *seq) == (around.room, around.seq) =>
            {
                around.messages = match answer {
                    Ok(Answer::Past(past)) => Ok(past.messages),
                    Ok(_) => return,
                    Err(trouble) => Err(trouble.said("It cannot be shown")),
                };
            }
            // What was asked before one of them was opened.
            (Some(Dialog::Around(around)), _) => around.back.answered(request, answer),
            _ => {}
        }
    }

    pub(super) fn act_in_places(&mut self, mut places: Places, action: Action) -> Option<Dialog> {
        let asked = match action {
            Action::Up => places.step(false, 1),
            Action::Down => places.step(true, 1),
            Action::PageUp => places.step(false, PAGE),
            Action::PageDown => places.step(true, PAGE),
            Action::Again => Some(places.ask()),
            Action::Complete => match &mut places.source {
                Source::Search { everywhere, .. } => {
                    *everywhere = !*everywhere;
                    Some(places.ask())
                }
                Source::Notices => None,
            },
            Action::Insert('s') => match (&places.source, places.items.first()) {
                (Source::Notices, Some(newest)) => {
                    let upto = newest.at;
                    places.items.iter_mut().for_each(|item| item.new = false);
                    Some(Effect::Ask(Request::See(upto)))
                }
                _ => None,
            },
            Action::Send => match places.items.get(places.chosen).map(|item| (item.room.parse(), item.seq)) {
                Some((Ok(room), seq)) => {
                    self.effects.push(Effect::Ask(Request::Around(room, seq)));
                    let around = Around { room, seq, messages: Ok(Vec::new()), top: None, back: places };
                    return Some(Dialog::Around(Box::new(around)));
                }
                _ => None,
            },
            _ => None,
        };
        self.effects.extend(asked);
        Some(Dialog::Places(places))
    }

    pub(super) fn act_in_around(&mut self, mut around: Box<Around>, action: Action, now: Instant) -> Option<Dialog> {
        let (top, page) = view::around_top(self, &around);
        around.top = match action {
            Action::Up => Some(top.saturating_sub(1)),
            Action::Down => Some(top + 1),
            Action::PageUp => Some(top.saturating_sub(page)),
            Action::PageDown => Some(top + page),
            Action::Escape => return Some(Dialog::Places(around.back)),
            Action::Send => {
                self.open(around.room, now);
                return None;
            }
            _ => around.top,
        };
        Some(Dialog::Around(around))
    }
}

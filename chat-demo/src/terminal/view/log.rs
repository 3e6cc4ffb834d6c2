//! The conversation: messages with their days, authors and marks, and what is on its way.

use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::TimeZone;
use ratatui::style::Style;
use ratatui::text::{Line, Span};

use super::theme::Theme;
use super::wrap::{Piece, wrap};
use crate::domain::{DisplayName, Kind, Person, PersonId, Seq, UnixMillis, mentions};
use crate::terminal::act::together;
use crate::terminal::chat::Chat;
use crate::terminal::commands::sentence;
use crate::terminal::outbox::{Wish, WishState};
use crate::terminal::room::Room;
use crate::terminal::text::width;
use crate::terminal::uploads::Upload;
use crate::web::socket::protocol::{ClientFrame, Said};

/// How far what is said stands behind the name of who says it.
const INDENT: usize = 2;

/// The room's items, laid out for a width: its messages, and behind them what is on its way.
#[derive(Debug)]
pub(super) struct Log<'a> {
    chat: &'a Chat,
    room: &'a Room,
    wishes: Vec<&'a Wish>,
    columns: usize,
    theme: Theme,
    today: Option<Date>,
}

impl<'a> Log<'a> {
    pub(super) fn new(chat: &'a Chat, columns: usize, theme: Theme, now: UnixMillis) -> Self {
        let room = chat.room();
        let wishes = room.connection.outbox.wishes().filter(|wish| wish.is_post()).collect();
        Self { chat, room, wishes, columns, theme, today: date(now, &chat.zone) }
    }

    /// What is seen in so many rows, as it is scrolled now.
    pub(super) fn rows(&self, height: usize) -> Vec<Line<'static>> {
        let mut rows: Vec<Line<'static>> = Vec::new();
        let Some((mut at, below)) = self.place(self.room.bottom) else { return self.nothing() };
        let mut item = self.item(at);
        item.truncate(item.len().saturating_sub(below));
        loop {
            rows.extend(item.into_iter().rev());
            if rows.len() >= height || at == 0 {
                break;
            }
            at -= 1;
            item = self.item(at);
        }
        rows.truncate(height);
        rows.reverse();
        rows
    }

    /// Where the conversation is when it is scrolled by so many rows of a window of this height, and whether less than
    /// another window is above.
    pub(super) fn scrolled(&self, up: bool, by: usize, height: usize) -> (Option<(Seq, usize)>, bool) {
        let Some((mut at, mut below)) = self.place(self.room.bottom) else { return (None, true) };
        let mut at_top = false;
        if up {
            (at, below) = self.up(at, below, by);
            let (top, above) = self.up(at, below, height);
            let missing = height - self.distance((top, above), (at, below)).min(height);
            at_top = self.up(top, above, height) == (0, self.height(0));
            (at, below) = self.down(at, below, missing);
        } else {
            (at, below) = self.down(at, below, by);
        }
        let messages = self.room.talk.messages();
        let last = self.len() - 1;
        let place = match messages.get(at) {
            _ if at == last && below == 0 => None,
            Some(message) => Some((message.seq, below)),
            None => messages.back().map(|message| (message.seq, 0)),
        };
        (place, at_top)
    }

    fn len(&self) -> usize {
        self.room.talk.messages().len() + self.wishes.len() + self.room.uploads.len()
    }

    /// The item at the bottom, and how many of its rows are below; nothing if there are no items.
    fn place(&self, bottom: Option<(Seq, usize)>) -> Option<(usize, usize)> {
        let end = (self.len().checked_sub(1)?, 0);
        let scrolled = bottom.and_then(|(seq, below)| Some((self.room.talk.position(seq)?, below)));
        Some(scrolled.map_or(end, |(at, below)| (at, below.min(self.height(at).saturating_sub(1)))))
    }

    fn up(&self, mut at: usize, mut below: usize, by: usize) -> (usize, usize) {
        below += by;
        while below >= self.height(at) && at > 0 {
            below -= self.height(at);
            at -= 1;
        }
        (at, below.min(self.height(at)))
    }

    fn down(&self, mut at: usize, mut below: usize, mut by: usize) -> (usize, usize) {
        while by > below && at + 1 < self.len() {
            by -= below + 1;
            at += 1;
            below = self.height(at) - 1;
        }
        (at, below.saturating_sub(by))
    }

    /// How many rows lie between two places.
    fn distance(&self, (top, above): (usize, usize), (at, below): (usize, usize)) -> usize {
        let between: usize = (top + 1..=at).map(|item| self.height(item)).sum();
        between + above - below
    }

    fn height(&self, at: usize) -> usize {
        self.item(at).len()
    }

    fn item(&self, at: usize) -> Vec<Line<'static>> {
        let messages = self.room.talk.messages();
        let Some(said) = messages.get(at) else {
            let at = at - messages.len();
            let upload = |upload: &Upload| self.upload(upload);
            return self
                .wishes
                .get(at)
                .map_or_else(|| upload(&self.room.uploads[at - self.wishes.len()]), |wish| self.wish(wish));
        };
        let previous = at.checked_sub(1).map(|previous| &messages[previous]);
        let mut rows = Vec::new();
        if previous.is_none() && self.room.talk.has_earlier() {
            let text = if self.room.talk.is_loading() {
                "Loading earlier messages…"
            } else {
                "PageUp shows earlier messages"
            };
            rows.push(self.rule(text, self.theme.dim()));
        }
        let zone = &self.chat.zone;
        let day = date(said.at, zone);
        let new_day = previous.is_none_or(|previous| date(previous.at, zone) != day);
        if new_day {
            rows.push(self.rule(&self.day(day), self.theme.dim()));
        }
        let unread = self.room.talk.unread == Some(said.seq);
        if unread {
            rows.push(self.rule("New", self.theme.alert()));
        }
        let action = said.kind == Kind::Action;
        let first = new_day || unread || previous.is_none_or(|previous| !together(previous, said));
        if first && !action {
            rows.push(Line::from(vec![
                Span::styled(said.author.name.to_string(), self.theme.name(said.author.id)),
                Span::raw("  "),
                Span::styled(time(said.at, zone), self.theme.dim()),
            ]));
        }
        rows.extend(wrap(&self.words(said), self.columns, INDENT));
        if let Some(file) = said.file.as_ref().filter(|_| said.state.as_deref() != Some("deleted")) {
            let scanned = if file.scanned { "" } else { ", not scanned" };
            let what = format!("{} ({}{scanned})", file.name, size(file.size));
            rows.extend(wrap(&[(what, self.theme.strong())], self.columns, INDENT));
            let link = format!("{}/rooms/{}/files/{}", self.chat.origin, self.room.code, said.seq);
            rows.extend(wrap(&[(link, self.theme.dim())], self.columns, INDENT));
        }
        rows
    }

    /// What a message says.
    fn words(&self, said: &Said<'static>) -> Vec<Piece> {
        let (plain, dim) = (self.theme.plain(), self.theme.dim());
        let mut pieces = Vec::new();
        if said.kind == Kind::Action {
            pieces.push((format!("* {} ", said.author.name), self.theme.name(said.author.id)));
        }
        if said.state.as_deref() == Some("deleted") {
            pieces.push(("This message was deleted".into(), dim));
            return pieces;
        }
        let style = if said.kind == Kind::Action { self.theme.action() } else { plain };
        pieces.extend(self.marked(said, style));
        if said.kind == Kind::Action {
            pieces.push((format!("  {}", time(said.at, &self.chat.zone)), dim));
        }
        if said.state.is_some() {
            pieces.push(("  edited".into(), dim));
        }
        // A file says enough by itself.
        if said.body.is_empty() && said.file.is_some() && said.kind == Kind::Text {
            return vec![("sent a file:".into(), dim)];
        }
        pieces
    }

    /// The text of a message, in which mentions stand out.
    fn marked(&self, said: &Said<'static>, style: Style) -> Vec<Piece> {
        let person = |id: PersonId, name: &str| Some(Person { id, name: DisplayName::parse(name).ok()? });
        let people: Vec<Person> = said.mentions.iter().filter_map(|who| person(who.id, &who.name)).collect();
        let mut pieces = Vec::new();
        let mut end = 0;
        for (range, meant) in mentions(&said.body, &people) {
            let mine = meant.iter().any(|person| Some(person.id) == self.chat.my_id());
            pieces.push((said.body[end..range.start].to_owned(), style));
            pieces.push((said.body[range.clone()].to_owned(), self.theme.mention(mine)));
            end = range.end;
        }
        pieces.push((said.body[end..].to_owned(), style));
        pieces
    }

    fn wish(&self, wish: &Wish) -> Vec<Line<'static>> {
        let ClientFrame::Post { body, kind, .. } = &wish.frame else { return Vec::new() };
        let dim = self.theme.dim();
        let actor = if *kind == Kind::Action { "* " } else { "" };
        let body = format!("{actor}{}", crate::terminal::text::lines(body));
        let mut rows = wrap(&[(body, dim)], self.columns, INDENT);
        let (state, style) = match &wish.state {
            WishState::Stored => ("Sent".to_owned(), dim),
            WishState::Pending if self.room.connection.is_live() => ("Sending…".to_owned(), dim),
            WishState::Pending => ("Waiting for the connection…".to_owned(), dim),
            WishState::Failed(why) => {
                (format!("Not sent. {why} Ctrl+R tries again, Ctrl+X discards it"), self.theme.alert())
            }
        };
        rows.extend(wrap(&[(state, style)], self.columns, INDENT));
        rows
    }

    fn upload(&self, upload: &Upload) -> Vec<Line<'static>> {
        const BAR: usize = 20;
        let dim = self.theme.dim();
        let (size, state, style) = match &upload.state {
            Err(why) => {
                let why = sentence(why);
                (String::new(), format!("Not sent. {why} Ctrl+R tries again, Ctrl+X discards it"), self.theme.alert())
            }
            Ok(progress) if progress.size == 0 => (String::new(), "Sending…".into(), dim),
            Ok(progress) if progress.sent == progress.size => {
                (format!(" ({})", size(progress.size)), "The server looks at it…".into(), dim)
            }
            Ok(progress) => {
                let full = BAR * progress.percent() as usize / 100;
                let bar = format!("{}{}", "█".repeat(full), "░".repeat(BAR - full));
                (format!(" ({})", size(progress.size)), format!("{bar} {} %, Ctrl+X cancels", progress.percent()), dim)
            }
        };
        let mut rows = wrap(&[(format!("{}{size}", upload.name()), self.theme.strong())], self.columns, INDENT);
        rows.extend(wrap(&[(state, style)], self.columns, INDENT));
        rows
    }

    fn nothing(&self) -> Vec<Line<'static>> {
        if !self.room.connection.is_live() {
            return Vec::new();
        }
        let text = format!("Nobody has said anything yet. Pass this code on: {}", self.room.code.grouped());
        wrap(&[(text, self.theme.dim())], self.columns, 0)
    }

    /// A line over the whole width with a word in it.
    fn rule(&self, text: &str, style: Style) -> Line<'static> {
        let text = crate::terminal::text::cut(text, self.columns.saturating_sub(2));
        let left = self.columns.saturating_sub(width(&text) + 2);
        let (before, after) = ("─".repeat(left / 2), "─".repeat(left - left / 2));
        Line::styled(format!("{before} {text} {after}"), style)
    }

    fn day(&self, day: Option<Date>) -> String {
        let (Some(day), Some(today)) = (day, self.today) else { return "Some day".into() };
        if day == today {
            "Today".into()
        } else if day.tomorrow().is_ok_and(|next| next == today) {
            "Yesterday".into()
        } else {
            day.strftime("%A, %-d %B %Y").to_string()
        }
    }
}

fn date(at: UnixMillis, zone: &TimeZone) -> Option<Date> {
    Timestamp::from_millisecond(at.0).ok().map(|at| at.to_zoned(zone.clone()).date())
}

/// Day and hour.
pub(super) fn stamp(at: UnixMillis, zone: &TimeZone) -> String {
    let at = Timestamp::from_millisecond(at.0).ok();
    at.map_or_else(String::new, |at| at.to_zoned(zone.clone()).strftime("%-d %b %Y, %H:%M").to_string())
}

fn time(at: UnixMillis, zone: &TimeZone) -> String {
    let at = Timestamp::from_millisecond(at.0).ok();
    at.map_or_else(String::new, |at| at.to_zoned(zone.clone()).strftime("%H:%M").to_string())
}

fn size(bytes: u64) -> String {
    match bytes {
        0..1024 => format!("{bytes} bytes"),
        1024..1_048_576 => format!("{} KB", bytes.div_ceil(1024)),
        _ => format!("{:.1} MB", bytes as f64 / 1_048_576.0),
    }
}

//! Messages in other places, as a list and one among those around it.

use std::ops::Range;

use ratatui::buffer::Buffer;
use ratatui::style::Style;
use ratatui::text::{Line, Span};
use ratatui::widgets::{Paragraph, Widget};

use super::dialogs::{columns_of, frame, width_of};
use super::log::stamp;
use super::theme::Theme;
use super::wrap::{Piece, wrap};
use crate::domain::Kind;
use crate::domain::search::{Query, excerpt};
use crate::terminal::act::counted;
use crate::terminal::chat::{Chat, called};
use crate::terminal::places::{Around, Places, Source};
use crate::terminal::text::cut;
use crate::web::socket::protocol::{OneFound, Said, Unread};

/// How many rows of one message are shown in a list.
const ROWS: usize = 3;

/// Draws a list, with the one that is chosen in sight.
pub(super) fn draw_places(chat: &Chat, places: &Places, theme: Theme, buffer: &mut Buffer) {
    let columns = columns_of(buffer);
    let query = places.query();
    // However many there are, no more of them are laid out than are seen.
    let item = |n: usize| one(chat, &places.items[n], n == places.chosen, query.as_ref(), theme, columns);
    let count = places.items.len();
    let hint = wrap(&[(hint(places), theme.dim())], columns, 0);
    let mut needed = hint.len();
    for n in 0..count {
        if needed >= usize::from(buffer.area.height) {
            break;
        }
        needed += item(n).len();
    }
    let inner = frame(&title(chat, places), needed, width_of(buffer), buffer);
    let height = usize::from(inner.height);
    let mut rows = if count > 0 { item(places.chosen) } else { Vec::new() };
    // The hint is left out where there is no room for it beside what is chosen.
    let hint = if height >= rows.len() + hint.len() { hint } else { Vec::new() };
    let room = height - hint.len();
    rows.truncate(room);
    let (mut first, mut last) = (places.chosen, places.chosen + 1);
    while first > 0 && rows.len() < room {
        first -= 1;
        let above = item(first);
        let left_out = (above.len() + rows.len()).saturating_sub(room);
        rows.splice(0..0, above.into_iter().skip(left_out));
    }
    while last < count && rows.len() < room {
        rows.extend(item(last));
        last += 1;
    }
    rows.truncate(room);
    rows.extend(hint);
    Paragraph::new(rows).render(inner, buffer);
}

fn title(chat: &Chat, places: &Places) -> String {
    match &places.source {
        Source::Search { words, everywhere: true, .. } => format!("“{words}” in all your rooms"),
        Source::Search { words, here, .. } => format!("“{words}” in {}", name(chat, here.as_str(), None)),
        Source::Notices => match places.items.iter().filter(|item| item.new).count() {
            0 => "Notifications".into(),
            new => format!("Notifications, {new} new"),
        },
    }
}

fn hint(places: &Places) -> String {
    let count = places.items.len();
    let all = match &places.source {
        Source::Search { everywhere: true, .. } => " Tab searches in this room only.",
        Source::Search { .. } => " Tab searches in all your rooms.",
        Source::Notices if count > 0 => " S marks all as seen.",
        Source::Notices => "",
    };
    match (&places.asked, &places.source) {
        (Err(problem), _) => format!("{problem}{}{all}", if problem.ends_with('.') { "" } else { "." }),
        (Ok(Some(_)), _) if count == 0 => "Looking…".into(),
        (Ok(Some(_)), _) => "Looking for older ones…".into(),
        (Ok(None), Source::Search { .. }) if count == 0 => {
            format!("Nothing is found. Fewer words, or the beginning of one with a * behind it, find more.{all}")
        }
        (Ok(None), Source::Notices) if count == 0 => "Whoever writes your name behind an @ is found here.".into(),
        (Ok(None), _) => {
            format!("{}. Up and Down choose, Enter shows it among those around it.{all}", counted(count, "message"))
        }
    }
}

/// A message in a list: who and where, and a part of what it says.
fn one(
    chat: &Chat,
    item: &OneFound<'static>,
    chosen: bool,
    query: Option<&Query>,
    theme: Theme,
    columns: usize,
) -> Vec<Line<'static>> {
    let place = name(chat, &item.room, Some(item));
    let new = if item.new { ", new" } else { "" };
    let mark = if chosen { "▸ " } else { "  " };
    let head = format!("{mark}{} in {place}{new}  {}", item.author.name, stamp(item.at, &chat.zone));
    let style = if chosen { theme.bar() } else { theme.strong() };
    let mut rows = vec![Line::from(Span::styled(cut(&head, columns).into_owned(), style))];
    let body = item.body.replace('\n', " ");
    let marks = query.map(|query| query.marks(&body)).unwrap_or_default();
    let shown = excerpt(&body, marks.first());
    let mut pieces = marked(&body, &marks, &shown, theme);
    if shown.start > 0 {
        pieces.insert(0, ("…".into(), theme.dim()));
    }
    let mut said = wrap(&pieces, columns, 2);
    let more = said.len() >= ROWS || shown.end < body.len();
    said.truncate(ROWS - 1);
    if let Some(last) = said.last_mut().filter(|_| more) {
        last.push_span(Span::styled("…", theme.dim()));
    }
    rows.extend(said);
    rows
}

/// A part of a text in which some places stand out.
fn marked(text: &str, marks: &[Range<usize>], shown: &Range<usize>, theme: Theme) -> Vec<Piece> {
    let mut pieces = Vec::new();
    let mut rest = shown.start;
    for mark in marks.iter().filter(|mark| mark.start >= shown.start && mark.end <= shown.end) {
        pieces.push((text[rest..mark.start].to_owned(), theme.plain()));
        pieces.push((text[mark.clone()].to_owned(), theme.mention(true)));
        rest = mark.end;
    }
    pieces.push((text[rest..shown.end].to_owned(), theme.plain()));
    pieces
}

/// What a room is called: as in their list, or as it was found, or by its code.
fn name(chat: &Chat, code: &str, found: Option<&OneFound<'static>>) -> String {
    let Some(found) = found.filter(|_| chat.list.iter().all(|room| room.code != code)) else {
        return chat.name_of(code);
    };
    let as_listed = Unread {
        code: code.to_owned(),
        name: found.name.as_deref().map(str::to_owned),
        workspace: found.workspace.as_deref().map(str::to_owned),
        unread: 0,
        mentions: 0,
        with: found.with.clone(),
    };
    called(&as_listed, chat.my_id())
}

/// Draws a message among those around it.
pub(super) fn draw_around(chat: &Chat, around: &Around, theme: Theme, buffer: &mut Buffer) {
    let columns = columns_of(buffer);
    let (rows, _) = around_rows(chat, around, theme, columns);
    let title = name(chat, around.room.as_str(), None);
    let hint = wrap(&[("Enter goes to this room, Esc back to the list.".to_owned(), theme.dim())], columns, 0);
    let inner = frame(&title, usize::from(buffer.area.height), width_of(buffer), buffer);
    let height = usize::from(inner.height);
    let hint = if height > hint.len() + 1 { hint } else { Vec::new() };
    let (top, _) = place(chat, around, theme, columns, height - hint.len());
    let shown = rows.into_iter().skip(top).take(height - hint.len());
    Paragraph::new(shown.chain(hint).collect::<Vec<_>>()).render(inner, buffer);
}

/// Which row is the first that is shown, and how many are shown at once.
pub(crate) fn around_top(chat: &Chat, around: &Around) -> (usize, usize) {
    let columns = usize::from(chat.size.0.min(super::dialogs::WIDEST).saturating_sub(4));
    // Two rows of the frame, one of the hint.
    let height = usize::from(chat.size.1).saturating_sub(3).max(1);
    (place(chat, around, Theme::new(false), columns, height).0, height)
}

fn place(chat: &Chat, around: &Around, theme: Theme, columns: usize, height: usize) -> (usize, usize) {
    let (rows, at) = around_rows(chat, around, theme, columns);
    let last = rows.len().saturating_sub(height);
    (around.top.unwrap_or(at.saturating_sub(height / 2)).min(last), rows.len())
}

/// All rows, and which is the first of the message itself.
fn around_rows(chat: &Chat, around: &Around, theme: Theme, columns: usize) -> (Vec<Line<'static>>, usize) {
    let messages = match &around.messages {
        Ok(messages) if messages.is_empty() => return (wrap(&[("Looking…".to_owned(), theme.dim())], columns, 0), 0),
        Ok(messages) => messages,
        Err(problem) => return (wrap(&[(problem.clone(), theme.alert())], columns, 0), 0),
    };
    let (mut rows, mut at) = (Vec::new(), 0);
    for said in messages {
        let itself = said.seq == around.seq;
        if itself {
            at = rows.len();
        }
        let style: Style = if itself { theme.bar() } else { theme.name(said.author.id) };
        let head = format!("{}  {}", said.author.name, stamp(said.at, &chat.zone));
        rows.push(Line::from(Span::styled(cut(&head, columns).into_owned(), style)));
        rows.extend(wrap(&[words(said, theme)], columns, 2));
    }
    (rows, at)
}

fn words(said: &Said<'static>, theme: Theme) -> Piece {
    match (said.state.as_deref(), &said.file) {
        (Some("deleted"), _) => ("This message was deleted".into(), theme.dim()),
        (_, Some(file)) if said.body.is_empty() => (format!("sent a file: {}", file.name), theme.dim()),
        (_, Some(file)) => (format!("{} ({})", said.body, file.name), theme.plain()),
        _ if said.kind == Kind::Action => (format!("* {} {}", said.author.name, said.body), theme.action()),
        _ => (said.body.to_string(), theme.plain()),
    }
}

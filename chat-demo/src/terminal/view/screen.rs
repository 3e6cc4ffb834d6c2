//! The window: a bar, the conversation and who is there, a line that says how things are, and the field to write in.

use std::time::Instant;

use ratatui::Frame;
use ratatui::buffer::Buffer;
use ratatui::layout::{Position, Rect};
use ratatui::text::{Line, Span};
use ratatui::widgets::{Paragraph, Widget};

use super::dialogs;
use super::log::Log;
use super::theme::Theme;
use crate::domain::{Fate, MAX_BODY_BYTES, Seq, UnixMillis, fate};
use crate::terminal::act::counted;
use crate::terminal::chat::{Chat, called};
use crate::terminal::connection::Status;
use crate::terminal::text::{cut, width};
use crate::web::socket::protocol::Unread;

/// The mark before the field, and the column behind it that the cursor may need.
const MARK: u16 = 2;
/// Rows of the field that are shown at most.
const FIELD_ROWS: usize = 6;
/// From this width on there is a panel beside the conversation, so wide.
const WIDE: u16 = 90;
const PANEL: u16 = 28;
/// From this height on the keys are named below the field.
const TALL: u16 = 12;

/// The parts of a window.
#[derive(Clone, Copy, Debug)]
struct Areas {
    bar: Rect,
    log: Rect,
    panel: Rect,
    status: Rect,
    field: Rect,
    keys: Rect,
}

impl Areas {
    fn of(chat: &Chat) -> Self {
        let (width, height) = chat.size;
        let rows =
            chat.room().editor.rows(field_width(chat.size)).len().min(FIELD_ROWS).min(usize::from(height / 3).max(1));
        let keys = u16::from(height >= TALL);
        let panel = if width >= WIDE { PANEL } else { 0 };
        let mut left = Rect::new(0, 0, width, height);
        let mut from_below = |rows: u16| {
            let rows = rows.min(left.height);
            left.height -= rows;
            Rect { y: left.y + left.height, height: rows, ..left }
        };
        let keys = from_below(keys);
        let field = from_below(rows as u16);
        let status = from_below(1);
        let bar = Rect { height: left.height.min(1), ..left };
        let middle = Rect { y: left.y + bar.height, height: left.height - bar.height, ..left };
        let log = Rect { width: middle.width - panel, ..middle };
        Self { bar, log, panel: Rect { x: log.width, width: panel, ..middle }, status, field, keys }
    }

    /// The columns of the conversation; one is left free at the right.
    fn columns(&self) -> usize {
        usize::from(self.log.width.saturating_sub(1)).max(4)
    }
}

/// How many columns of the field can be written in.
pub(crate) fn field_width(size: (u16, u16)) -> usize {
    usize::from(size.0.saturating_sub(MARK + 1)).max(1)
}

/// Where the conversation is when it is scrolled by a page, and whether what is known begins close above.
pub(crate) fn scrolled(chat: &Chat, up: bool) -> (Option<(Seq, usize)>, bool) {
    let areas = Areas::of(chat);
    let height = usize::from(areas.log.height).max(1);
    let log = Log::new(chat, areas.columns(), Theme::new(false), UnixMillis(0));
    log.scrolled(up, height.saturating_sub(2).max(1), height)
}

/// Draws everything.
pub(crate) fn draw(frame: &mut Frame<'_>, chat: &Chat, theme: Theme, now: Instant, clock: UnixMillis) {
    let areas = Areas::of(chat);
    let buffer = frame.buffer_mut();
    // Whatever size is remembered, nothing is drawn beside the window.
    let within = |area: Rect| area.intersection(buffer.area);
    let [bar, log, panel, status, field, keys] =
        [areas.bar, areas.log, areas.panel, areas.status, areas.field, areas.keys].map(within);
    Paragraph::new(title(chat, bar.width.into())).style(theme.bar()).render(bar, buffer);
    let rows = Log::new(chat, areas.columns(), theme, clock).rows(log.height.into());
    let used = log.height.min(rows.len() as u16);
    let at_bottom = Rect { y: log.y + log.height - used, height: used, ..log };
    Paragraph::new(rows).render(at_bottom, buffer);
    Paragraph::new(beside(chat, theme, panel)).render(panel, buffer);
    Paragraph::new(state(chat, theme, now, status.width.into())).render(status, buffer);
    let cursor = write(chat, theme, field, buffer);
    let hint = "Enter sends, Alt+Enter begins a line, Up edits, Ctrl+K rooms, F1 help";
    Paragraph::new(Line::styled(cut(hint, keys.width.into()), theme.dim())).render(keys, buffer);
    let cursor = dialogs::draw(chat, theme, buffer).unwrap_or(cursor);
    disarm(buffer);
    if let Some(cursor) = cursor {
        frame.set_cursor_position(cursor);
    }
}

/// Whatever was overlooked: no cell has a character that a terminal obeys, or that turns others around.
fn disarm(buffer: &mut Buffer) {
    for cell in &mut buffer.content {
        if cell.symbol().chars().any(|c| fate(c) != Fate::Keep) {
            cell.set_symbol("\u{fffd}");
        }
    }
}

fn title(chat: &Chat, columns: usize) -> Line<'static> {
    let room = chat.room();
    let named = |listed: &&Unread| listed.with.is_some() || listed.name.is_some();
    let here = chat.list.iter().find(|listed| listed.code == room.code.as_str()).filter(named);
    let mut left = match here {
        Some(named) => format!(" {}", called(named, chat.my_id())),
        None => format!(" Room {}", room.code.grouped()),
    };
    if room.connection.is_live() {
        left.push_str(&format!(" · {} here", room.people.count()));
    }
    let others = chat.list.iter().filter(|room| room.code != chat.current.as_str());
    let (unread, mentions) = others
        .fold((0, 0), |(u, m): (u64, u64), room| (u.saturating_add(room.unread), m.saturating_add(room.mentions)));
    let mut parts = Vec::new();
    if chat.notices > 0 {
        let word = if chat.notices == 1 { "notification" } else { "notifications" };
        parts.push(format!("{} {word}", upto(chat.notices)));
    }
    if unread > 0 {
        parts.push(format!("{} elsewhere", news(unread, mentions)));
    }
    let right = if parts.is_empty() { String::new() } else { format!("{} ", parts.join(" · ")) };
    let left = cut(&left, columns).into_owned();
    let gap = columns.saturating_sub(width(&left) + width(&right));
    if gap == 0 { left.into() } else { format!("{left}{}{right}", " ".repeat(gap)).into() }
}

/// What is unread, in words.
fn news(unread: u64, mentions: u64) -> String {
    match (unread, mentions) {
        (0, _) => String::new(),
        (unread, 0) => format!("{} new", upto(unread)),
        (unread, 1) => format!("{} new, 1 mention", upto(unread)),
        (unread, more) => format!("{} new, {} mentions", upto(unread), upto(more)),
    }
}

fn upto(count: u64) -> String {
    if count > 99 { "99+".into() } else { count.to_string() }
}

/// A room in a list.
pub(super) fn listed(chat: &Chat, room: &Unread, theme: Theme, here: bool) -> Line<'static> {
    let style = if here || room.unread > 0 { theme.strong() } else { theme.plain() };
    let mark = if here { "▸ " } else { "  " };
    let mut spans = vec![Span::styled(format!("{mark}{}", called(room, chat.my_id())), style)];
    if !here && room.unread > 0 {
        let mentions = if room.mentions > 0 { format!(", @{}", upto(room.mentions)) } else { String::new() };
        spans.push(Span::styled(format!("  {} new{}", upto(room.unread), mentions), theme.alert()));
    }
    spans.into()
}

/// Somebody in a list: dot, name, and word.
pub(super) fn person(
    chat: &Chat,
    theme: Theme,
    (id, name, away): (crate::domain::PersonId, &str, bool),
) -> Line<'static> {
    let (dot, style, word) = if away { ("○ ", theme.dim(), "away") } else { ("● ", theme.good(), "online") };
    let you = if chat.my_id() == Some(id) { ", you" } else { "" };
    let name = Span::styled(name.to_owned(), theme.name(id));
    vec![Span::styled(dot, style), name, Span::styled(format!("  {word}{you}"), theme.dim())].into()
}

fn beside(chat: &Chat, theme: Theme, area: Rect) -> Vec<Line<'static>> {
    let people = chat.room().people.by_name();
    let room = usize::from(area.height);
    let mut rows = vec![Line::styled("In this room", theme.strong())];
    let most = (room / 2).max(1);
    rows.extend(people.iter().take(most).map(|&one| person(chat, theme, one)));
    if people.len() > most {
        rows.push(Line::styled(format!("and {} more, Ctrl+P", people.len() - most), theme.dim()));
    }
    rows.push(Line::default());
    rows.push(Line::styled("Your rooms", theme.strong()));
    let left = room.saturating_sub(rows.len());
    rows.extend(
        chat.list.iter().rev().take(left).map(|room| listed(chat, room, theme, room.code == chat.current.as_str())),
    );
    rows
}

fn state(chat: &Chat, theme: Theme, now: Instant, columns: usize) -> Line<'static> {
    let (status, text) = chat.status(now);
    let room = chat.room();
    let (dot, style) = match status {
        Status::Live => ("● ", theme.good()),
        Status::Connecting { .. } => ("◌ ", theme.dim()),
        Status::Waiting { .. } | Status::Over(_) => ("○ ", theme.alert()),
    };
    let mut parts = Vec::new();
    let writing = room.people.writing(chat.my_id());
    if room.bottom.is_some() {
        let news =
            if room.news > 0 { format!("{} below", counted(room.news, "new message")) } else { "More below".into() };
        parts.push(format!("{news}, Esc"));
    }
    if !writing.is_empty() {
        parts.push(writing);
    }
    let left = MAX_BODY_BYTES as i64 - room.editor.text().len() as i64;
    if left < 500 {
        parts.push(if left < 0 { format!("{} bytes too long", -left) } else { format!("{left} bytes left") });
    }
    // What is said of the connection, or just now, comes first, unless it is what is always said.
    if status == Status::Live && text == "Connected" {
        parts.push(text)
    } else {
        parts.insert(0, text)
    }
    let text = cut(&parts.join(" · "), columns.saturating_sub(2)).into_owned();
    vec![Span::styled(dot, style), Span::raw(text)].into()
}

/// Draws the field, and says where the cursor is.
fn write(chat: &Chat, theme: Theme, area: Rect, buffer: &mut Buffer) -> Option<Position> {
    if area.is_empty() {
        return None;
    }
    let room = chat.room();
    let (editor, mark) = (&room.editor, if room.editing.is_some() { "✎ " } else { "› " });
    let rows = editor.rows(field_width(chat.size));
    let (row, column) = editor.place(&rows);
    let height = usize::from(area.height);
    let first = (row + 1).saturating_sub(height).min(rows.len().saturating_sub(height));
    let mut lines = Vec::new();
    for (n, range) in rows.iter().enumerate().skip(first).take(height) {
        let mark = if n == 0 { mark } else { "  " };
        lines.push(Line::from(vec![
            Span::styled(mark, theme.strong()),
            Span::raw(editor.text()[range.clone()].to_owned()),
        ]));
    }
    if editor.text().is_empty() {
        lines = vec![vec![Span::styled(mark, theme.strong()), Span::styled("Write a message", theme.dim())].into()];
    }
    Paragraph::new(lines).render(area, buffer);
    let x = area.x + MARK + column as u16;
    Some(Position::new(x.min(area.right().saturating_sub(1)), area.y + (row - first) as u16))
}

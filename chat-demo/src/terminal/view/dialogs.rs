//! What lies over the conversation.

use ratatui::buffer::Buffer;
use ratatui::layout::{Position, Rect};
use ratatui::style::Style;
use ratatui::text::{Line, Span};
use ratatui::widgets::{Block, Clear, Paragraph, Widget};

use super::places::{draw_around, draw_places};
use super::screen::{listed, person};
use super::theme::Theme;
use super::wrap::wrap;
use crate::terminal::act::counted;
use crate::terminal::chat::{Chat, grouped};
use crate::terminal::commands::COMMANDS;
use crate::terminal::dialog::{Dialog, Switcher};
use crate::terminal::teams::Shown;
use crate::terminal::{keys, text};
use crate::web::socket::protocol::OneChannel;

/// The widest that a dialog is.
pub(super) const WIDEST: u16 = 64;

/// Draws the dialog, if there is one; where its cursor is then, if it has one.
pub(super) fn draw(chat: &Chat, theme: Theme, buffer: &mut Buffer) -> Option<Option<Position>> {
    let dialog = chat.dialog.as_ref()?;
    let (width, columns) = (width_of(buffer), columns_of(buffer));
    let paragraph = |text: String, style: Style| wrap(&[(text, style)], columns, 0);
    let plain = |text: &str| paragraph(text.to_owned(), theme.plain());
    let (title, rows, from) = match dialog {
        Dialog::Help(row) => ("Commands and keys", help(theme, columns), *row),
        Dialog::People(row) => {
            let people = chat.room().people.by_name();
            ("In this room", people.into_iter().map(|one| person(chat, theme, one)).collect(), *row)
        }
        Dialog::Switcher(switcher) => return Some(draw_switcher(chat, switcher, theme, width, buffer)),
        Dialog::Places(places) => {
            draw_places(chat, places, theme, buffer);
            return Some(None);
        }
        Dialog::Around(around) => {
            draw_around(chat, around, theme, buffer);
            return Some(None);
        }
        Dialog::Team(shown) => {
            draw_team(chat, shown, theme, buffer);
            return Some(None);
        }
        Dialog::Channel(_, name) => {
            let text = format!("There is no channel {name} in this workspace yet. Enter makes it, Esc does not.");
            ("No such channel", plain(&text), 0)
        }
        Dialog::Create(code) => {
            let text = format!("There is no room {} yet. Enter makes it, Esc does not.", code.grouped());
            ("No such room", plain(&text), 0)
        }
        Dialog::Delete(_) => ("Delete", plain("Delete this message for everybody? Enter deletes it, Esc keeps it."), 0),
        Dialog::Quit(unsent) => {
            let text = format!("{} not sent. Ctrl+C leaves all the same, Esc stays.", counted(*unsent, "message"));
            ("Leave?", plain(&text), 0)
        }
    };
    let inner = frame(title, rows.len(), width, buffer);
    // The last rows stay in sight, however far somebody goes on.
    let from = from.min(rows.len().saturating_sub(inner.height.into()));
    let shown: Vec<Line<'_>> = rows.into_iter().skip(from).take(inner.height.into()).collect();
    Paragraph::new(shown).render(inner, buffer);
    Some(None)
}

/// How wide a dialog is, and how many columns of that can be written on.
pub(super) fn width_of(buffer: &Buffer) -> u16 {
    buffer.area.width.min(WIDEST)
}

pub(super) fn columns_of(buffer: &Buffer) -> usize {
    usize::from(width_of(buffer).saturating_sub(4))
}

fn draw_switcher(chat: &Chat, switcher: &Switcher, theme: Theme, width: u16, buffer: &mut Buffer) -> Option<Position> {
    let rooms = chat.anywhere();
    let found = switcher.found(&rooms, chat.current);
    let hint = match (found.len(), switcher.wanted().is_empty()) {
        (0, true) => "You have no other room yet. Write a code.".to_owned(),
        (0, false) => "None of your rooms. Enter goes to this code.".to_owned(),
        (count, _) => format!("{} of yours. Up and Down choose, Enter goes there.", counted(count, "room")),
    };
    let columns = usize::from(width.saturating_sub(4));
    let hint = wrap(&[(hint, theme.dim())], columns, 0);
    let inner = frame("Go to a room", found.len() + hint.len() + 1, width, buffer);
    let field = text::cut(switcher.field.text(), columns.saturating_sub(3)).into_owned();
    let column = text::width(&field) as u16 + 2;
    let mut rows = vec![Line::raw(format!("› {field}"))];
    let room = usize::from(inner.height).saturating_sub(1 + hint.len()).max(1);
    let first = (switcher.chosen + 1).saturating_sub(room);
    for (n, one) in found.iter().enumerate().skip(first).take(room) {
        let line = listed(chat, one, theme, false);
        rows.push(if n == switcher.chosen { line.style(theme.bar()) } else { line });
    }
    rows.extend(hint);
    Paragraph::new(rows).render(inner, buffer);
    (!inner.is_empty()).then(|| Position::new((inner.x + column).min(inner.right() - 1), inner.y))
}

fn draw_team(chat: &Chat, shown: &Shown, theme: Theme, buffer: &mut Buffer) {
    let (team, columns) = (&shown.team, columns_of(buffer));
    let channel = |(n, channel): (usize, &OneChannel<'static>)| {
        let mark = if channel.code == chat.current.as_str() { "▸ " } else { "  " };
        let line = Line::raw(text::cut(&format!("{mark}#{}", channel.name), columns).into_owned());
        if n == shown.chosen { line.style(theme.bar()) } else { line }
    };
    let channels: Vec<Line<'_>> = team.channels.iter().enumerate().map(channel).collect();
    let mut rest = vec![Line::default(), Line::styled(counted(team.members.len(), "member"), theme.strong())];
    rest.extend(team.members.iter().map(|member| {
        let (dot, style) = if member.status == "online" { ("● ", theme.good()) } else { ("○ ", theme.dim()) };
        let name = Span::styled(member.name.to_string(), theme.name(member.id));
        vec![Span::styled(dot, style), name, Span::styled(format!("  {}", member.status), theme.dim())].into()
    }));
    let hint = format!("Enter goes to a channel. Whoever has the code {} can join: pass it on.", grouped(&team.code));
    let hint = wrap(&[(hint, theme.dim())], columns, 0);
    let inner = frame(&team.name, channels.len() + rest.len() + hint.len(), width_of(buffer), buffer);
    let height = usize::from(inner.height);
    let hint = if height > hint.len() + 1 { hint } else { Vec::new() };
    let room = height - hint.len();
    let first = (shown.chosen + 1).saturating_sub(room);
    let rows = channels.into_iter().chain(rest).skip(first).take(room).chain(hint);
    Paragraph::new(rows.collect::<Vec<_>>()).render(inner, buffer);
}

fn help(theme: Theme, columns: usize) -> Vec<Line<'static>> {
    let commands = COMMANDS.iter().map(|(name, needs, what)| (format!("/{name} {needs}"), *what));
    let keys = keys::help().map(|(name, what)| (name.to_owned(), what));
    let more = [("@NAME".to_owned(), "Mention somebody"), ("//".to_owned(), "Begin a message with a slash")];
    let entries = commands.chain(more).chain(keys);
    entries
        .flat_map(|(name, what)| {
            let pieces = [(format!("{:<18}", name.trim_end()), theme.strong()), (format!(" {what}"), theme.plain())];
            wrap(&pieces, columns, 0)
        })
        .collect()
}

/// Draws the frame of a dialog in the middle, and gives what is inside.
pub(super) fn frame(title: &str, rows: usize, width: u16, buffer: &mut Buffer) -> Rect {
    let all = buffer.area;
    let height = (rows as u16).saturating_add(2).min(all.height);
    let area = Rect { x: (all.width - width) / 2, y: (all.height - height) / 2, width, height };
    Clear.render(area, buffer);
    let block = Block::bordered().title(format!(" {title} "));
    let inner = block.inner(area);
    block.render(area, buffer);
    Rect { x: inner.x + 1.min(inner.width), width: inner.width.saturating_sub(2), ..inner }
}

//! Windows as they are drawn, to a buffer in memory.

use std::time::Instant;

use ratatui::Terminal;
use ratatui::backend::TestBackend;
use ratatui::buffer::Buffer;
use ratatui::style::{Color, Modifier};

use super::{Theme, draw};
use crate::domain::{Fate, PersonId, Revision, RoomCode, Seq, UnixMillis, fate};
use crate::terminal::chat::{Chat, Event};
use crate::terminal::connection::Input;
use crate::terminal::dialog::{Dialog, Switcher};
use crate::terminal::text;
use crate::web::socket::SentFile;
use crate::web::socket::protocol::{Past, Said, ServerFrame, Unread, Who};

/// 13 November 2025, 12:00 UTC.
const NOON: i64 = 1_763_035_200_000;
const MINUTE: i64 = 60_000;

fn code() -> RoomCode {
    "7KQ2MXPD".parse().unwrap()
}

fn who(id: i64, name: &str) -> Who<'static> {
    Who { id: PersonId(id), name: name.to_owned().into() }
}

fn said(seq: u64, author: Who<'static>, minutes: i64, body: &str) -> Said<'static> {
    Said {
        seq: Seq(seq),
        id: format!("message-{seq:04}").into(),
        author,
        at: UnixMillis(NOON + minutes * MINUTE),
        kind: Default::default(),
        body: body.to_owned().into(),
        file: None,
        mentions: Vec::new(),
        revision: Revision(0),
        state: None,
    }
}

/// A chat in a room in which this was said, read up to `read`, with Ada at the terminal.
fn chat(messages: Vec<Said<'static>>, read: u64, size: (u16, u16)) -> Chat {
    let now = Instant::now();
    let mut chat = Chat::new("http://127.0.0.1:4000", code(), size, now);
    chat.tick(now);
    let tell = |chat: &mut Chat, input| {
        let attempt = chat.room().connection.attempt();
        chat.handle(Event::Connection(code(), attempt, input), now);
    };
    let last = messages.last().map_or(Seq(0), |message| message.seq);
    let past = Past { messages, revision: Revision(0), read: Some(Seq(read)) };
    tell(&mut chat, Input::Past(Ok(text::past(past))));
    tell(&mut chat, Input::Opened);
    let members = vec![who(1, "Ada"), who(2, "Bob"), who(3, "Cleo")];
    let away = vec![PersonId(3)];
    let revision = Revision(0);
    let frame = ServerFrame::Welcome { v: 1, you: who(1, "Ada"), last, revision, reset: false, members, away };
    tell(&mut chat, Input::Frame(frame));
    let other = Unread { code: "ABCD2345".into(), name: None, workspace: None, unread: 3, mentions: 1, with: None };
    let here = Unread { code: code().to_string(), name: None, workspace: None, unread: 0, mentions: 0, with: None };
    tell(&mut chat, Input::Frame(ServerFrame::Rooms { rooms: vec![other, here], notices: 0 }));
    chat
}

fn drawn(chat: &Chat, theme: Theme) -> Buffer {
    let mut terminal = Terminal::new(TestBackend::new(chat.size.0, chat.size.1)).unwrap();
    let clock = UnixMillis(NOON + 10 * MINUTE);
    terminal.draw(|frame| draw(frame, chat, theme, Instant::now(), clock)).unwrap();
    terminal.backend().buffer().clone()
}

fn rows(buffer: &Buffer) -> Vec<String> {
    let row =
        |row: &[ratatui::buffer::Cell]| row.iter().map(|cell| cell.symbol()).collect::<String>().trim_end().to_owned();
    buffer.content.chunks(buffer.area.width.into()).map(row).collect()
}

fn shown(chat: &Chat) -> Vec<String> {
    rows(&drawn(chat, Theme::new(true)))
}

fn talk() -> Vec<Said<'static>> {
    let (ada, bob) = (who(1, "Ada"), who(2, "Bob"));
    let mut file = said(5, bob.clone(), 6, "");
    file.file = Some(SentFile {
        name: "lake.png".into(),
        media_type: "image/png".into(),
        size: 812_345,
        thumbnail: None,
        scanned: false,
    });
    let mut called = said(6, bob.clone(), 7, "Hello @ada, look");
    called.mentions = vec![who(1, "Ada")];
    let mut edited = said(4, ada.clone(), 2, "edited words");
    edited.state = Some("edited".into());
    vec![
        said(1, bob.clone(), -24 * 60, "Good evening"),
        said(2, bob, 0, "Good morning"),
        said(3, ada.clone(), 1, "Two lines\nof mine"),
        edited,
        file,
        called,
    ]
}

#[test]
fn a_room_with_days_groups_files_and_what_is_unread() {
    let rows = shown(&chat(talk(), 4, (60, 24)));
    let expected = [
        " Room 7KQ2 MXPD · 3 here         3 new, 1 mention elsewhere",
        "",
        "──────────────────────── Yesterday ────────────────────────",
        "Bob  12:00",
        "  Good evening",
        "────────────────────────── Today ──────────────────────────",
        "Bob  12:00",
        "  Good morning",
        "Ada  12:01",
        "  Two lines",
        "  of mine",
        "  edited words  edited",
        "─────────────────────────── New ───────────────────────────",
        "Bob  12:06",
        "  sent a file:",
        "  lake.png (794 KB, not scanned)",
        "  http://127.0.0.1:4000/rooms/7KQ2MXPD/files/5",
        "  Hello @ada, look",
        "● Connected",
        "› Write a message",
        "Enter sends, Alt+Enter begins a line, Up edits, Ctrl+K room…",
    ];
    let from = rows.len() - expected.len() + 1;
    let rows: Vec<_> = rows[..1].iter().chain(&rows[from..]).collect();
    for (row, expected) in rows.iter().zip(expected) {
        assert_eq!(row.as_str(), expected, "{rows:#?}");
    }
}

#[test]
fn a_wide_window_shows_who_is_there_and_their_rooms() {
    let rows = shown(&chat(talk(), 6, (100, 24))).join("\n");
    for part in ["In this room", "● Ada  online, you", "● Bob  online", "○ Cleo  away", "Your rooms", "▸ 7KQ2 MXPD"]
    {
        assert!(rows.contains(part), "{part}: {rows}");
    }
    assert!(rows.contains("  ABCD 2345  3 new, @1"), "{rows}");
}

#[test]
fn a_mention_of_oneself_stands_out_without_any_colour() {
    let chat = chat(talk(), 6, (60, 24));
    let buffer = drawn(&chat, Theme::new(false));
    let colours = buffer.content.iter().filter(|cell| cell.fg != Color::Reset || cell.bg != Color::Reset);
    assert_eq!(colours.count(), 0, "NO_COLOR");
    let marked: String = buffer.content[60..]
        .iter()
        .filter(|cell| cell.modifier.contains(Modifier::REVERSED))
        .map(|cell| cell.symbol())
        .collect();
    assert_eq!(marked, "@ada");
    assert!(drawn(&chat, Theme::new(true)).content.iter().any(|cell| cell.fg != Color::Reset));
}

#[test]
fn whatever_the_size_is_something_is_drawn_and_nothing_breaks() {
    let mut long = talk();
    long.push(said(7, who(2, &"Bob ".repeat(8)), 8, &"incomprehensibilities 字字字 👩‍🚀 ".repeat(20)));
    for width in [1, 2, 3, 5, 10, 20, 40, 89, 90, 200] {
        for height in [1, 2, 3, 4, 6, 12, 50] {
            let mut chat = chat(long.clone(), 0, (width, height));
            for dialog in 0..7 {
                chat.dialog = [
                    None,
                    Some(Dialog::Help(3)),
                    Some(Dialog::People(9)),
                    Some(Dialog::Switcher(Switcher::default())),
                    Some(Dialog::Create(code())),
                    Some(Dialog::Delete(Seq(1))),
                    Some(Dialog::Quit(2)),
                ]
                .into_iter()
                .nth(dialog)
                .unwrap();
                shown(&chat);
            }
            let (bottom, _) = super::scrolled(&chat, true);
            chat.room_mut().bottom = bottom;
            chat.room_mut().editor.insert(&"many words 字 ".repeat(60));
            shown(&chat);
        }
    }
    let narrow = shown(&chat(talk(), 6, (40, 12))).join("\n");
    assert!(narrow.contains("Hello @ada, look") && narrow.contains("Room 7KQ2 MXPD"), "{narrow}");
}

#[test]
fn scrolling_goes_through_all_rows_and_back() {
    let messages: Vec<_> = (1..=40).map(|n| said(n, who(2, "Bob"), 0, &format!("line {n}"))).collect();
    let mut chat = chat(messages, 40, (60, 12));
    let line = |chat: &Chat| -> Vec<u64> {
        shown(chat).iter().filter_map(|row| row.trim().strip_prefix("line ")?.parse().ok()).collect()
    };
    let mut seen = line(&chat);
    assert_eq!(seen.last(), Some(&40));
    for _ in 0..20 {
        let (bottom, at_top) = super::scrolled(&chat, true);
        chat.room_mut().bottom = bottom;
        let now = line(&chat);
        assert!(now.is_sorted() && now.last() >= seen.first().map(|first| first - 1).as_ref(), "no row is left out");
        seen = now;
        if seen[0] == 1 && at_top {
            break;
        }
    }
    assert_eq!(seen[0], 1);
    assert!(shown(&chat).iter().any(|row| row.contains("Today")), "up to the very first row");
    let top = chat.room().bottom;
    assert_eq!(super::scrolled(&chat, true).0, top, "no further");
    for _ in 0..20 {
        chat.room_mut().bottom = super::scrolled(&chat, false).0;
    }
    assert_eq!(chat.room().bottom, None);
    assert_eq!(line(&chat).last(), Some(&40));
}

#[test]
fn no_text_of_others_reaches_the_terminal_as_more_than_text() {
    let attack = "\u{1b}]0;owned\u{7}\u{1b}[2J\u{9b}31m\u{202e}evil\u{2066}\u{200b}\r\n\u{8}";
    let mut hostile = said(1, who(2, attack), 0, attack);
    hostile.mentions = vec![who(1, attack)];
    hostile.state = Some(attack.to_owned().into());
    hostile.file = Some(SentFile {
        name: attack.to_owned().into(),
        media_type: attack.to_owned().into(),
        size: 1,
        thumbnail: None,
        scanned: false,
    });
    let mut chat = chat(vec![hostile], 0, (100, 40));
    let now = Instant::now();
    let attempt = chat.room().connection.attempt();
    for frame in [
        ServerFrame::Members { members: vec![who(2, attack)], away: Vec::new() },
        ServerFrame::Typing { id: PersonId(2), on: true },
        ServerFrame::Rooms {
            rooms: vec![Unread {
                code: attack.into(),
                name: Some(attack.into()),
                workspace: Some(attack.into()),
                unread: 1,
                mentions: 0,
                with: Some(who(4, attack)),
            }],
            notices: 0,
        },
        ServerFrame::Refused { id: None, reason: attack.into(), text: attack.into(), retry_ms: None },
    ] {
        chat.handle(Event::Connection(code(), attempt, Input::Frame(text::frame(frame))), now);
    }
    chat.paste(attack, now);
    let clean =
        |buffer: &Buffer| buffer.content.iter().all(|cell| cell.symbol().chars().all(|c| fate(c) == Fate::Keep));
    let buffer = drawn(&chat, Theme::new(true));
    let window = rows(&buffer).join("\n");
    assert!(clean(&buffer) && window.matches("evil").count() >= 5, "{window}");
    assert!(!window.contains('\u{fffd}'), "it was clean before the last look at it: {window}");

    // And the last look: even what comes in unread is taken out.
    chat.room_mut().talk.push(said(2, who(2, attack), 0, attack), false);
    let buffer = drawn(&chat, Theme::new(true));
    assert!(clean(&buffer), "{}", rows(&buffer).join("\n"));
}

#[test]
fn the_picture_in_the_readme_is_what_is_drawn() {
    let (ada, bob) = (who(1, "Ada"), who(2, "Bob"));
    let mut file = said(4, bob.clone(), 3, "");
    let name = "tree.png".into();
    file.file = Some(SentFile { name, media_type: "image/png".into(), size: 48_213, thumbnail: None, scanned: true });
    let messages = vec![
        said(1, bob.clone(), 0, "Has anybody seen the room being killed just now?"),
        said(2, ada.clone(), 1, "Killed? I was writing all the time."),
        said(3, bob, 2, "@Ada it was, twice, and the whole program once."),
        file,
        said(5, ada, 4, "Every line is here, once and in order."),
    ];
    let mut chat = chat(messages, 5, (92, 18));
    let attempt = chat.room().connection.attempt();
    let frame = ServerFrame::Typing { id: PersonId(2), on: true };
    chat.handle(Event::Connection(code(), attempt, Input::Frame(frame)), Instant::now());
    chat.room_mut().editor.insert("So shall we go on?");
    let picture = shown(&chat).join("\n");
    let readme = include_str!("../../../../README.md");
    assert!(readme.contains(&format!("```text\n{picture}\n```")), "the picture in README.md is to be:\n{picture}");
}

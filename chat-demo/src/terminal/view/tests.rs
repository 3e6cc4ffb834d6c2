//! Windows as they are drawn, to a buffer in memory.

use std::time::Instant;

use crossterm::event::{KeyCode, KeyEvent, KeyModifiers};
use proptest::prelude::*;
use ratatui::Terminal;
use ratatui::backend::TestBackend;
use ratatui::buffer::Buffer;
use ratatui::style::{Color, Modifier};

use super::{Theme, draw};
use crate::domain::workspace::ChannelName;
use crate::domain::{Fate, PersonId, Revision, RoomCode, Seq, UnixMillis, fate};
use crate::terminal::chat::{Chat, Effect, Event};
use crate::terminal::connection::{Input, Trouble};
use crate::terminal::dialog::{Dialog, Switcher};
use crate::terminal::places::{Around, Places};
use crate::terminal::request::Answer;
use crate::terminal::teams::Shown;
use crate::terminal::text;
use crate::terminal::uploads::{Progress, Unsent};
use crate::web::socket::SentFile;
use crate::web::socket::protocol::{
    ClientFrame, FoundPage, Member, OneChannel, OneFound, Past, Said, ServerFrame, Team, Unread, Who,
};

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
    for width in [1, 2, 3, 5, 10, 20, 40, 89, 90, 300] {
        for height in [1, 2, 3, 4, 5, 6, 12, 100] {
            let mut chat = chat(long.clone(), 0, (width, height));
            for dialog in 0..11 {
                chat.dialog = [
                    None,
                    Some(Dialog::Help(3)),
                    Some(Dialog::People(9)),
                    Some(Dialog::Switcher(Switcher::default())),
                    Some(Dialog::Create(code())),
                    Some(Dialog::Delete(Seq(1))),
                    Some(Dialog::Quit(2)),
                    Some(Dialog::Places(places(&long[6..], 1))),
                    Some(Dialog::Around(around(long.clone(), 7))),
                    Some(Dialog::Team(team(30))),
                    Some(Dialog::Channel("W5K2PQ7R".into(), ChannelName::parse(&"字".repeat(32)).unwrap())),
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

/// A search for “bob” that has found so many times each of these.
fn places(messages: &[Said<'static>], times: usize) -> Places {
    let mut chat = chat(Vec::new(), 0, (60, 24));
    chat.search("bob".into());
    let found = messages.iter().flat_map(|said| std::iter::repeat_n(said, times)).map(found_at);
    answer(&mut chat, Answer::Found(FoundPage { found: found.collect(), older: None }));
    let Some(Dialog::Places(places)) = chat.dialog else { panic!("{:?}", chat.dialog) };
    places
}

/// One of the places, opened.
fn around(messages: Vec<Said<'static>>, seq: u64) -> Box<Around> {
    let mut chat = chat(Vec::new(), 0, (60, 24));
    let said = messages.iter().find(|said| said.seq == Seq(seq)).unwrap();
    chat.dialog = Some(Dialog::Places(places(std::slice::from_ref(said), 1)));
    press(&mut chat, KeyCode::Enter);
    answer(&mut chat, Answer::Past(Past { messages, revision: Revision(0), read: None }));
    let Some(Dialog::Around(around)) = chat.dialog else { panic!("{:?}", chat.dialog) };
    around
}

fn found_at(said: &Said<'static>) -> OneFound<'static> {
    OneFound {
        room: "ABCD2345".into(),
        name: Some("#general".into()),
        workspace: Some("Engines".into()),
        with: None,
        seq: said.seq,
        author: said.author.clone(),
        at: said.at,
        body: said.body.clone(),
        new: false,
    }
}

fn press(chat: &mut Chat, key: KeyCode) {
    chat.handle(Event::Key(key.into()), Instant::now());
}

/// Answers what was asked last.
fn answer(chat: &mut Chat, answer: Answer) {
    let asked = chat.effects().into_iter().rev().find_map(|effect| match effect {
        Effect::Ask(request) => Some(request),
        _ => None,
    });
    chat.handle(Event::Answered(asked.expect("something is asked"), Ok(answer)), Instant::now());
}

#[test]
fn what_was_found_is_a_list_in_which_it_stands_out() {
    let mut one = chat(Vec::new(), 0, (62, 16));
    let long = format!("{} bob 字 {}", "word ".repeat(60), "word ".repeat(60));
    let messages = [said(3, who(2, "Bob"), 1, "Bob is\nhere"), said(2, who(3, "Cleo"), 0, &long)];
    one.search("bob".into());
    assert!(shown(&one).iter().any(|row| row.contains("Looking…")));
    let found = messages.iter().map(found_at).collect();
    answer(&mut one, Answer::Found(FoundPage { found, older: None }));
    let rows = shown(&one);
    let expected = [
        "┌ “bob” in 7KQ2 MXPD ────────────────────────────────────────┐",
        "│ ▸ Bob in ABCD 2345  13 Nov 2025, 12:01                     │",
        "│   Bob is here                                              │",
        "│   Cleo in ABCD 2345  13 Nov 2025, 12:00                    │",
    ];
    for row in expected {
        assert!(rows.iter().any(|shown| shown == row), "{row}: {rows:#?}");
    }
    assert!(rows.iter().any(|row| row.contains("bob 字")), "where it was found: {rows:#?}");
    let marked = |chat: &Chat| -> String {
        let buffer = drawn(chat, Theme::new(false));
        let marked = buffer.content.iter().filter(|cell| cell.modifier.contains(Modifier::REVERSED | Modifier::BOLD));
        marked.map(|cell| cell.symbol()).collect()
    };
    assert_eq!(marked(&one), "Bobbob");
    // However small the window is, what is chosen is seen.
    for (size, items) in [((20, 5), 40), ((30, 8), 40), ((300, 100), 60)] {
        let mut chat = chat(Vec::new(), 0, size);
        chat.dialog = Some(Dialog::Places(places(&messages[..1], items)));
        for _ in 0..items + 3 {
            press(&mut chat, KeyCode::Down);
            assert!(shown(&chat).iter().any(|row| row.contains("▸ Bob")), "{size:?}: {:#?}", shown(&chat));
        }
        press(&mut chat, KeyCode::PageUp);
        assert!(shown(&chat).iter().any(|row| row.contains("▸ Bob")));
    }
}

/// A workspace with so many channels and members.
fn team(count: i64) -> Shown {
    let channels =
        (1..=count).map(|n| OneChannel { code: format!("ZM4T9X{n:02}"), name: format!("channel-{n} 字").into() });
    let status = |n: i64| if n % 2 == 0 { "online" } else { "offline" };
    let members = (1..=count).map(|n| Member { id: PersonId(n), name: "Ada".into(), status: status(n).into() });
    let (channels, members) = (channels.collect(), members.collect());
    Shown { team: Team { code: "W5K2PQ7R".into(), name: "Engines".into(), channels, members }, chosen: 0 }
}

#[test]
fn a_workspace_shows_its_channels_its_members_and_the_code_to_pass_on() {
    let mut chat = chat(talk(), 6, (62, 16));
    chat.dialog = Some(Dialog::Team(team(2)));
    let rows = shown(&chat);
    for part in ["┌ Engines ─", "│   #channel-1 字", "│ 2 members", "│ ○ Ada  offline", "│ ● Ada  online", "W5K2 PQ7R"]
    {
        assert!(rows.iter().any(|row| row.contains(part)), "{part}: {rows:#?}");
    }
    for size in [(20, 5), (62, 12), (300, 100)] {
        chat.size = size;
        chat.dialog = Some(Dialog::Team(team(30)));
        for n in 1..=30 {
            assert!(shown(&chat).iter().any(|row| row.contains(&format!("#channel-{n} 字"))), "{:#?}", shown(&chat));
            press(&mut chat, KeyCode::Down);
        }
    }
}

#[test]
fn the_switcher_has_channels_where_one_has_not_been() {
    let mut chat = chat(talk(), 6, (62, 16));
    let attempt = chat.room().connection.attempt();
    let channels = [("ABCD2345", "known"), ("ZM4T9XQ2", "general"), ("7KQ2MXPD", "here")];
    let channels = channels.map(|(code, name)| OneChannel { code: code.into(), name: name.into() }).to_vec();
    let frame = ServerFrame::Workspace { code: "W5K2PQ7R".into(), name: "Engines".into(), channels };
    chat.handle(Event::Connection(code(), attempt, Input::Frame(frame)), Instant::now());
    chat.dialog = Some(Dialog::Switcher(Switcher::default()));
    let rows = shown(&chat).join("\n");
    assert!(
        rows.contains("#general · Engines") && rows.contains("ABCD 2345  3 new, @1") && rows.contains("2 rooms"),
        "{rows}"
    );
    "gene".chars().for_each(|c| press(&mut chat, KeyCode::Char(c)));
    press(&mut chat, KeyCode::Enter);
    assert_eq!(chat.current.as_str(), "ZM4T9XQ2");
}

#[test]
fn a_file_on_its_way_shows_how_far_it_is_and_can_be_cancelled_or_tried_again() {
    let mut chat = chat(talk(), 6, (62, 16));
    "/send /tmp/the sea.png".chars().for_each(|c| press(&mut chat, KeyCode::Char(c)));
    press(&mut chat, KeyCode::Enter);
    let (room, id) = chat
        .effects()
        .into_iter()
        .find_map(|effect| if let Effect::Upload(room, id, _) = effect { Some((room, id)) } else { None })
        .expect("it is sent");
    let last = |chat: &Chat| {
        let rows = shown(chat);
        let at = rows.iter().rposition(|row| row.contains("the sea.png")).unwrap_or_else(|| panic!("{rows:#?}"));
        (rows[at].trim().to_owned(), rows[at + 1].trim().to_owned())
    };
    let tell = |chat: &mut Chat, event: Event| chat.handle(event, Instant::now());
    assert_eq!(last(&chat), ("the sea.png".into(), "Sending…".into()));
    tell(&mut chat, Event::Uploading(room, id.clone(), Progress { sent: 300_000, size: 1_000_000 }));
    let bar = format!("{}{} 30 %, Ctrl+X cancels", "█".repeat(6), "░".repeat(14));
    assert_eq!(last(&chat), ("the sea.png (977 KB)".into(), bar));
    tell(&mut chat, Event::Uploading(room, id.clone(), Progress { sent: 1_000_000, size: 1_000_000 }));
    assert_eq!(last(&chat).1, "The server looks at it…");
    tell(&mut chat, Event::Uploaded(room, id.clone(), Err(Unsent::ForNow("the connection is lost".into()))));
    assert_eq!(last(&chat).1, "Not sent. The connection is lost. Ctrl+R tries again,");
    // What was not sent is not lost without a word, and tried again under the same name.
    chat.handle(Event::Key(KeyEvent::new(KeyCode::Char('c'), KeyModifiers::CONTROL)), Instant::now());
    assert!(matches!(chat.dialog, Some(Dialog::Quit(1))), "{:?}", chat.dialog);
    press(&mut chat, KeyCode::Esc);
    chat.handle(Event::Key(KeyEvent::new(KeyCode::Char('r'), KeyModifiers::CONTROL)), Instant::now());
    assert!(chat.effects().contains(&Effect::Upload(room, id.clone(), "/tmp/the sea.png".into())));
    assert_eq!(last(&chat).1, "Sending…");
    // Cancelled, it is gone, and late news of it change nothing.
    chat.handle(Event::Key(KeyEvent::new(KeyCode::Char('x'), KeyModifiers::CONTROL)), Instant::now());
    assert!(chat.effects().contains(&Effect::CancelUpload(id.clone())));
    tell(&mut chat, Event::Uploaded(room, id, Ok(())));
    assert!(shown(&chat).iter().all(|row| !row.contains("sea.png")), "{:#?}", shown(&chat));
    // No more than some at once.
    for n in 0..6 {
        format!("/send {n}.txt").chars().for_each(|c| press(&mut chat, KeyCode::Char(c)));
        press(&mut chat, KeyCode::Enter);
    }
    assert!(shown(&chat).iter().any(|row| row.contains("5 files are on their way")));
    assert_eq!(chat.effects().iter().filter(|effect| matches!(effect, Effect::Upload(..))).count(), 5);
}

#[test]
fn a_message_is_seen_among_those_around_it_and_one_can_walk_from_there() {
    let messages: Vec<_> = (1..=50).map(|n| said(n, who(2, "Bob"), 0, &format!("line {n}"))).collect();
    for (width, height) in [(20, 5), (62, 20), (300, 100)] {
        let mut chat = chat(Vec::new(), 0, (width, height));
        chat.dialog = Some(Dialog::Around(around(messages.clone(), 25)));
        let seen = |chat: &Chat, n: u64| shown(chat).iter().any(|row| row.contains(&format!("  line {n} ")));
        let in_small = (20..30).any(|n| seen(&chat, n));
        assert!(in_small, "{:#?}", shown(&chat));
        (0..200).for_each(|_| press(&mut chat, KeyCode::PageUp));
        assert!(shown(&chat).iter().any(|row| row.contains("Bob")) && !seen(&chat, 50));
        (0..200).for_each(|_| press(&mut chat, KeyCode::PageDown));
        assert!(seen(&chat, 50), "{:#?}", shown(&chat));
        press(&mut chat, KeyCode::Up);
        press(&mut chat, KeyCode::Down);
        assert!(seen(&chat, 50));
        press(&mut chat, KeyCode::Esc);
        assert!(matches!(chat.dialog, Some(Dialog::Places(_))), "back to the list");
    }
}

#[test]
fn what_cannot_be_shown_is_said_where_it_would_stand() {
    let mut chat = chat(talk(), 6, (70, 16));
    chat.search("a*".into());
    let asked = chat.effects().pop();
    let Some(Effect::Ask(request)) = asked else { panic!("{asked:?}") };
    let refused = Trouble::Refused("Write at least 2 letters before *.".into());
    chat.handle(Event::Answered(request.clone(), Err(refused)), Instant::now());
    assert!(shown(&chat).iter().any(|row| row.contains("Write at least 2 letters before *.")));
    // An answer to what nobody waits for any more changes nothing.
    press(&mut chat, KeyCode::Tab);
    let late = FoundPage { found: vec![found_at(&talk()[0])], older: None };
    chat.handle(Event::Answered(request, Ok(Answer::Found(late))), Instant::now());
    assert!(shown(&chat).iter().any(|row| row.contains("Looking…")) && !shown(&chat).join("").contains("▸"));
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

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]

    /// A client believes no server, numbers no more than words.
    #[test]
    fn no_number_of_a_server_breaks_anything(
        numbers in proptest::collection::vec(prop_oneof![
            Just(0), Just(1), Just(7), Just(u64::MAX), Just(u64::MAX - 1), Just(i64::MAX as u64), any::<u64>()
        ], 8),
        times in prop_oneof![Just(i64::MIN), Just(i64::MAX), Just(0), any::<i64>()],
    ) {
        let n = |at: usize| numbers[at];
        let strange = |at: usize| {
            let mut said = said(n(at), who(n(at + 1) as i64, "Bob"), 0, "x");
            (said.at, said.revision) = (UnixMillis(times), Revision(n(at + 2)));
            said.file = Some(SentFile {
                name: "x".into(), media_type: "x".into(), size: n(at + 3), thumbnail: Some((u32::MAX, 0)), scanned: true,
            });
            said
        };
        let mut chat = chat(vec![strange(0), strange(1)], n(2), (100, 24));
        let unread = |at: usize| Unread {
            code: "ABCD2345".into(), name: None, workspace: None, unread: n(at), mentions: n(at + 1), with: None,
        };
        chat.handle(Event::Key(KeyEvent::new(KeyCode::Char('x'), KeyModifiers::NONE)), Instant::now());
        chat.handle(Event::Key(KeyEvent::new(KeyCode::Enter, KeyModifiers::NONE)), Instant::now());
        let id = chat.effects().into_iter().find_map(|effect| match effect {
            Effect::Send(_, ClientFrame::Post { id, .. }) => Some(id),
            _ => None,
        });
        for frame in [
            ServerFrame::Rooms { rooms: vec![unread(0), unread(2)], notices: n(4) },
            ServerFrame::Stored { id: "x".into(), seq: Seq(n(5)), at: UnixMillis(times) },
            ServerFrame::Refused {
                id: id.map(Into::into), reason: "rate".into(), text: "x".into(), retry_ms: Some(n(6)),
            },
            ServerFrame::Typing { id: PersonId(times), on: true },
            ServerFrame::Left { id: PersonId(times) },
            ServerFrame::Changed(strange(4)),
            // The last, because one that leaves a gap ends the connection.
            ServerFrame::Message(strange(3)),
        ] {
            let attempt = chat.room().connection.attempt();
            chat.handle(Event::Connection(code(), attempt, Input::Frame(frame)), Instant::now());
            shown(&chat);
            chat.tick(Instant::now());
        }
        press(&mut chat, KeyCode::PageUp);
        chat.dialog = Some(Dialog::Places(places(&[strange(0)], 2)));
        shown(&chat);
        chat.dialog = Some(Dialog::Around(around(vec![strange(0)], n(0))));
        press(&mut chat, KeyCode::PageDown);
        shown(&chat);
    }
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

//! Text of others, fit for a terminal: nothing in it moves the cursor, sets a colour, or turns what stands beside it around.
//!
//! The server takes such characters out as well; a client believes no server.

use std::borrow::Cow;

use unicode_normalization::char::is_combining_mark;
use unicode_segmentation::UnicodeSegmentation;
use unicode_width::UnicodeWidthStr;

use crate::domain::{Fate, fate};
use crate::web::socket::protocol::{
    FoundPage, Member, NoticePage, OneChannel, OneFound, Past, Said, ServerFrame, Team, Unread, Who,
};

/// Marks on one letter that are shown; more of them climb over other lines.
const MAX_MARKS: usize = 4;

/// How wide a tab is shown.
const TAB: &str = "    ";

/// Several lines of somebody's text.
pub(crate) fn lines(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    let mut marks = 0;
    let mut characters = text.chars().peekable();
    while let Some(c) = characters.next() {
        marks = if is_combining_mark(c) { marks + 1 } else { 0 };
        match (c, fate(c)) {
            ('\r', _) if characters.peek() == Some(&'\n') => {}
            ('\r', _) | (_, Fate::Break) => shown.push('\n'),
            ('\t', _) => shown.push_str(TAB),
            (_, Fate::Keep) if marks <= MAX_MARKS => shown.push(c),
            _ => {}
        }
    }
    shown
}

/// One line of somebody's text.
pub(crate) fn line(text: &str) -> String {
    lines(text).replace('\n', " ")
}

/// How many columns a text takes.
pub(crate) fn width(text: &str) -> usize {
    text.width()
}

/// As much of a line as `columns` have room for, with an ellipsis in the place of the rest.
pub(crate) fn cut(text: &str, columns: usize) -> Cow<'_, str> {
    if width(text) <= columns {
        return text.into();
    }
    let mut kept = String::new();
    let mut used = 1;
    for grapheme in text.graphemes(true) {
        used += width(grapheme);
        if used > columns {
            break;
        }
        kept.push_str(grapheme);
    }
    if columns > 0 {
        kept.push('…');
    }
    kept.into()
}

/// A frame in which all texts are fit to be shown.
pub(crate) fn frame(frame: ServerFrame<'_>) -> ServerFrame<'static> {
    use ServerFrame::*;
    match frame {
        Welcome { v, you, last, revision, reset, members, away } => {
            Welcome { v, you: who(&you), last, revision, reset, members: people(&members), away }
        }
        Message(message) => Message(said(message)),
        Changed(message) => Changed(said(message)),
        Stored { id, seq, at } => Stored { id: one(&id), seq, at },
        Done { id } => Done { id: one(&id) },
        Refused { id, reason, text, retry_ms } => {
            Refused { id: id.map(|id| one(&id)), reason: one(&reason), text: one(&text), retry_ms }
        }
        Joined { person } => Joined { person: who(&person) },
        Presence { id, status } => Presence { id, status: one(&status) },
        Members { members, away } => Members { members: people(&members), away },
        Rooms { rooms, notices } => Rooms { rooms: rooms.iter().map(room).collect(), notices },
        Mentioned { room, seq, by, direct } => Mentioned { room: line(&room), seq, by: who(&by), direct },
        Direct { id, room, with, seq } => Direct { id: one(&id), room: one(&room), with: who(&with), seq },
        Workspace { code, name, channels } => {
            Workspace { code: line(&code), name: one(&name), channels: channels.iter().map(channel).collect() }
        }
        Announced { by, text } => Announced { by: who(&by), text: one(&text) },
        Typing { id, on } => Typing { id, on },
        Left { id } => Left { id },
        Pong {} => Pong {},
        Later => Later,
    }
}

/// A page of the past in which all texts are fit to be shown.
pub(crate) fn past(past: Past<'_>) -> Past<'static> {
    let Past { messages, revision, read } = past;
    Past { messages: messages.into_iter().map(said).collect(), revision, read }
}

/// What was found, fit to be shown.
pub(crate) fn found(page: FoundPage<'_>) -> FoundPage<'static> {
    FoundPage { found: page.found.into_iter().map(one_found).collect(), older: page.older }
}

/// Notifications, fit to be shown.
pub(crate) fn notices(page: NoticePage<'_>) -> NoticePage<'static> {
    NoticePage { notices: page.notices.into_iter().map(one_found).collect(), older: page.older }
}

/// A workspace, fit to be shown.
pub(crate) fn team(team: Team<'_>) -> Team<'static> {
    let member = |member: Member<'_>| {
        let who = who(&Who { id: member.id, name: member.name });
        Member { id: who.id, name: who.name, status: one(&member.status) }
    };
    Team {
        code: line(&team.code),
        name: one(&team.name),
        channels: team.channels.iter().map(channel).collect(),
        members: team.members.into_iter().map(member).collect(),
    }
}

fn channel(channel: &OneChannel<'_>) -> OneChannel<'static> {
    OneChannel { code: line(&channel.code), name: one(&channel.name) }
}

fn one_found(found: OneFound<'_>) -> OneFound<'static> {
    let OneFound { room, name, workspace, with, seq, author, at, body, new } = found;
    OneFound {
        room: line(&room),
        name: name.map(|name| one(&name)),
        workspace: workspace.map(|workspace| one(&workspace)),
        with: with.as_ref().map(who),
        seq,
        author: who(&author),
        at,
        body: lines(&body).into(),
        new,
    }
}

fn said(said: Said<'_>) -> Said<'static> {
    let Said { seq, id, author, at, kind, body, file, mentions, revision, state } = said;
    let file = file.map(|file| crate::web::socket::SentFile {
        name: one(&file.name),
        media_type: one(&file.media_type),
        size: file.size,
        thumbnail: file.thumbnail,
        scanned: file.scanned,
    });
    Said {
        seq,
        id: one(&id),
        author: who(&author),
        at,
        kind,
        body: lines(&body).into(),
        file,
        mentions: people(&mentions),
        revision,
        state: state.map(|state| one(&state)),
    }
}

fn who(who: &Who<'_>) -> Who<'static> {
    let name = line(&who.name);
    let blank = !name.chars().any(crate::domain::is_visible);
    Who { id: who.id, name: if blank { "?".into() } else { name.into() } }
}

fn people(people: &[Who<'_>]) -> Vec<Who<'static>> {
    people.iter().map(who).collect()
}

fn room(room: &Unread) -> Unread {
    let Unread { code, name, workspace, unread, mentions, with } = room;
    let own = |text: &Option<String>| text.as_deref().map(line);
    let (code, name, workspace) = (line(code), own(name), own(workspace));
    Unread { code, name, workspace, unread: *unread, mentions: *mentions, with: with.as_ref().map(who) }
}

fn one(text: &str) -> Cow<'static, str> {
    line(text).into()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn nothing_of_an_attack_is_left_that_a_terminal_obeys() {
        for (attack, shown) in [
            ("\u{1b}[2J\u{1b}[Hgone", "[2J[Hgone"),
            ("\u{1b}]0;title\u{7}\u{1b}]52;c;cm0gLXJm\u{7}", "]0;title]52;c;cm0gLXJm"),
            ("\u{9b}31mred\u{9c}", "31mred"),
            ("a\u{8}\u{7f}\u{0}b", "ab"),
            ("Ada\u{202e}evil\u{2066}", "Adaevil"),
            ("a\u{200b}\u{feff}b", "ab"),
            ("one\r\ntwo\rthree\u{2028}four", "one two three four"),
            ("a\tb", "a    b"),
            (&format!("z{}", "\u{30d}".repeat(50)), "z\u{30d}\u{30d}\u{30d}\u{30d}"),
            ("👩‍🚀 שלום 字", "👩‍🚀 שלום 字"),
        ] {
            assert_eq!(line(attack), shown, "{attack:?}");
        }
        assert_eq!(lines("one\r\ntwo"), "one\ntwo");
    }

    #[test]
    fn cut_by_columns_and_between_graphemes() {
        assert_eq!(cut("字字字", 6), "字字字");
        assert_eq!(cut("字字字", 5), "字字…");
        assert_eq!(cut("字字字", 4), "字…");
        assert_eq!(cut("e\u{301}e\u{301}", 1), "…");
        assert_eq!(cut("abc", 0), "");
    }

    proptest! {
        #[test]
        fn any_text_becomes_one_that_can_be_shown(text: String, columns in 0..20_usize) {
            let shown = line(&text);
            prop_assert!(shown.chars().all(|c| !c.is_control() && fate(c) == Fate::Keep));
            prop_assert!(width(&cut(&shown, columns)) <= columns);
            prop_assert_eq!(line(&shown), shown);
        }

        #[test]
        fn every_text_of_every_frame_is_tidied(hostile in "[\u{1b}\u{202e}\u{9b}\u{7}a]{1,8}") {
            let h = || Cow::Owned::<'static, str>(hostile.clone());
            let who = || Who { id: crate::domain::PersonId(1), name: h() };
            let file = crate::web::socket::SentFile { name: h(), media_type: h(), size: 1, thumbnail: None, scanned: true };
            let message = Said {
                seq: crate::domain::Seq(1), id: h(), author: who(), at: crate::domain::UnixMillis(0), kind: Default::default(),
                body: h(), file: Some(file), mentions: vec![who()], revision: crate::domain::Revision(0), state: Some(h()),
            };
            let place = OneFound {
                room: h().into(), name: Some(h()), workspace: Some(h()), with: Some(who()), seq: crate::domain::Seq(1),
                author: who(), at: crate::domain::UnixMillis(0), body: h(), new: true,
            };
            let pages = (
                team(Team {
                    code: h().into(), name: h(), channels: vec![OneChannel { code: h().into(), name: h() }],
                    members: vec![Member { id: crate::domain::PersonId(1), name: h(), status: h() }],
                }),
                found(FoundPage { found: vec![place.clone()], older: None }), notices(NoticePage { notices: vec![place], older: true }),
            );
            let tidy = serde_json::to_string(&pages).unwrap();
            prop_assert!(!tidy.contains("\\u") && tidy.chars().all(|c| fate(c) == Fate::Keep), "{}", tidy);
            let (seq, id) = (crate::domain::Seq(1), crate::domain::PersonId(1));
            let revision = crate::domain::Revision(0);
            for hostile in [
                ServerFrame::Welcome {
                    v: 1, you: who(), last: seq, revision, reset: false, members: vec![who()], away: Vec::new(),
                },
                ServerFrame::Message(message.clone()),
                ServerFrame::Changed(message),
                ServerFrame::Stored { id: h(), seq, at: crate::domain::UnixMillis(0) },
                ServerFrame::Done { id: h() },
                ServerFrame::Refused { id: Some(h()), reason: h(), text: h(), retry_ms: None },
                ServerFrame::Joined { person: who() },
                ServerFrame::Presence { id, status: h() },
                ServerFrame::Members { members: vec![who()], away: Vec::new() },
                ServerFrame::Rooms { rooms: vec![Unread { code: h().into(), name: Some(h().into()), workspace: Some(h().into()), unread: 0, mentions: 0, with: Some(who()) }], notices: 0 },
                ServerFrame::Direct { id: h(), room: h(), with: who(), seq: None },
                ServerFrame::Mentioned { room: h().into(), seq, by: who(), direct: true },
                ServerFrame::Workspace {
                    code: h().into(), name: h(), channels: vec![OneChannel { code: h().into(), name: h() }],
                },
                ServerFrame::Announced { by: who(), text: h() },
            ] {
                let tidy = serde_json::to_string(&frame(hostile)).unwrap();
                // What JSON escapes would be a control; the rest stands there as it is.
                prop_assert!(!tidy.contains("\\u") && tidy.chars().all(|c| fate(c) == Fate::Keep), "{}", tidy);
            }
        }
    }
}

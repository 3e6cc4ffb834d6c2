//! The room: its history, its people, and the place to write.

use maud::{Markup, html};

use super::body::body;
use super::calendar;
use super::layout::{brand, layout};
use super::notifications::quiet_form;
use super::visits::{called, rooms, upto};
use crate::domain::workspace::ChannelName;
use crate::domain::{
    Attachment, ClientId, Kind, MAX_NAME_CHARS, Message, MessageState, Person, PersonId, Revision, RoomCode, Seq,
};
use crate::store::{Visit, Workspace};
use crate::web::socket::{SentFile, Who};

/// How far apart two messages of one author are shown as one group, in milliseconds: 5 min.
const GROUP_GAP: i64 = 5 * 60 * 1000;

/// What the page of a room shows.
#[derive(Debug)]
pub(crate) struct RoomView<'a> {
    pub(crate) code: RoomCode,
    /// Of which workspace it is a channel, if it is one.
    pub(crate) channel: Option<(&'a Workspace, &'a ChannelName)>,
    /// Who looks at it; nobody may write without a name.
    pub(crate) viewer: Option<&'a Person>,
    /// With whom, if it is a room between two; the viewer, if they talk with themselves.
    pub(crate) with: Option<&'a Person>,
    /// Who is there.
    pub(crate) members: &'a [Person],
    /// Who of them is away.
    pub(crate) away: &'a [PersonId],
    /// The rooms of whoever looks at it, with what is unread in them.
    pub(crate) visits: &'a [Visit],
    /// How many notifications from other rooms they have not seen, counted up to 100.
    pub(crate) notices: u64,
    /// A part of the history, oldest first.
    pub(crate) messages: &'a [Message],
    /// The number of the last change that `messages` may show.
    pub(crate) revision: Revision,
    /// Whether `messages` ends with the last message there is.
    pub(crate) newest: bool,
    /// What came of what was sent without a script, if it was not said.
    pub(crate) reply: Option<Reply<'a>>,
    /// What the next message written without a script is called, so that sending it twice is sending
    /// it once.
    pub(crate) next_id: ClientId,
    /// The most bytes that a file may have.
    pub(crate) file_limit: u64,
}

/// What is told to whoever sent something without a script.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Reply<'a> {
    /// What they asked for.
    Answer(&'a str),
    /// Why it was refused, and what was written: they go on with it.
    Refused { problem: &'a str, draft: &'a str },
}

/// The page of a room.
pub(crate) fn room(view: &RoomView<'_>) -> Markup {
    let code = view.code;
    let name = view.with.map(|with| called(with, view.viewer.map(|viewer| viewer.id)));
    let title = match view.channel {
        Some((workspace, channel)) => format!("{channel} · {}", workspace.name),
        None => format!("{} · Rooms", name.clone().unwrap_or_else(|| code.grouped())),
    };
    let last = view.messages.last().map_or(Seq(0), |message| message.seq);
    let live = view.newest.then_some(view.viewer).flatten();
    layout(
        &title,
        &html! {
            div.room
                data-room=[live.map(|_| code)] data-me=[live.map(|me| me.id.0)]
                data-name=[live.map(|me| me.name.as_str())] data-last=(last) data-revision=(view.revision.0) data-title=(title)
                data-with=[name.as_ref()] data-read=[view.here().map(|visit| visit.read)]
                data-workspace=[view.channel.map(|(workspace, _)| workspace.code)] data-of=[view.channel.map(|(workspace, _)| workspace.name.as_str())] {
                header {
                    (brand())
                    div.title {
                        @if let Some((workspace, channel)) = view.channel {
                            h1 { span.unseen { "Channel " } (channel) }
                            a.in href={ "/workspaces/" (workspace.code) } { (workspace.name) }
                        } @else if let Some(name) = &name {
                            h1.who { span.unseen { "Conversation with " } span #with { (name) } }
                        } @else {
                            h1 { span.unseen { "Room " } (code.grouped()) }
                            button.quiet type="button" data-copy=(code) hidden { "Copy" }
                        }
                    }
                    @if view.viewer.is_some() { (bell(view.notices)) (rooms_of(view)) }
                    (people(view))
                }
                main.log #log tabindex="0" aria-label="Conversation" { (log(view)) }
                footer.below { (below(view)) }
            }
        },
    )
}

impl RoomView<'_> {
    fn here(&self) -> Option<&Visit> {
        self.visits.iter().find(|visit| visit.room == self.code)
    }
}

fn bell(notices: u64) -> Markup {
    html! {
        a.bell #notices href="/notifications" {
            span aria-hidden="true" { "@" }
            span.unseen { "Notifications" }
            span { @if notices > 0 { span.badge.at { (upto(notices)) span.unseen { " new" } } } }
        }
    }
}

fn rooms_of(view: &RoomView<'_>) -> Markup {
    html! {
        details.menu #menu {
            summary { "Rooms" span #elsewhere {} }
            nav aria-label="Your rooms" {
                @if let Some((workspace, _)) = view.channel { (siblings(view, workspace)) }
                h2 { "Your rooms" }
                (rooms(view.visits, Some(view.code), view.viewer.map(|viewer| viewer.id)))
                p.hint { a href={ "/search?room=" (view.code) } { "Search" } " · " a href="/" { "Another room" } }
                form #leave method="post" action={ "/rooms/" (view.code) "/leave" } {
                    button.quiet { @if view.with.is_some() { "Close this conversation" } @else { "Leave this room" } }
                }
                @if let Some(visit) = view.here() { (quiet_form(view.code, visit.quiet, false)) }
            }
        }
    }
}

/// The channels of the workspace of this one.
fn siblings(view: &RoomView<'_>, workspace: &Workspace) -> Markup {
    html! {
        h2 { (workspace.name) }
        ul.rooms #siblings {
            @for channel in &workspace.channels {
                @let here = channel.room == view.code;
                li {
                    a href={ "/rooms/" (channel.room) } data-sibling=(channel.room) data-title=(channel.name.as_str())
                        aria-current=[here.then_some("page")] { span.code { (channel.name) } }
                }
            }
        }
        p.hint { a href={ "/workspaces/" (workspace.code) } { "Members and more" } }
    }
}

fn people(view: &RoomView<'_>) -> Markup {
    html! {
        details.people {
            summary {
                span.dot aria-hidden="true" {}
                span #here { "People" }
            }
            div {
                h2 { "In this room" }
                ul #members {
                    @for person in view.members {
                        li class=(hue(person.id)) data-person=(person.id.0) {
                            (avatar(person))
                            span.name { (person.name) }
                            @if view.viewer.is_some_and(|viewer| viewer.id == person.id) { span.self { "you" } }
                            @if view.with.is_none() && view.viewer.is_some_and(|viewer| viewer.id != person.id) { (talk(person)) }
                            @let status = if view.away.contains(&person.id) { "away" } else { "online" };
                            span.presence data-status=(status) { span.dot aria-hidden="true" {} (status) }
                        }
                    }
                }
                @if view.viewer.is_some() {
                    (name_form(view, "Your name", "Change"))
                    p.hint { a href={ "/account?room=" (view.code) } { "Your account" } }
                }
            }
        }
    }
}

/// The button that opens the room between the viewer and somebody.
fn talk(person: &Person) -> Markup {
    html! {
        form.talk method="post" action="/direct" {
            input type="hidden" name="person" value=(person.id.0);
            button.plain { "Message" span.unseen { " " (person.name) } }
        }
    }
}

fn name_form(view: &RoomView<'_>, label: &str, action: &str) -> Markup {
    let name = view.viewer.map_or("", |viewer| viewer.name.as_str());
    html! {
        form method="post" action="/me" {
            input type="hidden" name="room" value=(view.code);
            label for="name" { (label) }
            div.row {
                input #name name="name" value=(name) required maxlength=(MAX_NAME_CHARS) autocomplete="nickname";
                button.quiet { (action) }
            }
        }
    }
}

fn log(view: &RoomView<'_>) -> Markup {
    let first = view.messages.first().map_or(Seq(1), |message| message.seq);
    html! {
        @if first > Seq(1) {
            a.earlier #earlier href={ "/rooms/" (view.code) "?before=" (first) } { "Earlier messages" }
        }
        div #empty.empty hidden[!view.messages.is_empty()] {
            @if view.channel.is_some() {
                p { "Nobody has said anything in this channel yet." }
            } @else if view.with.is_some_and(|with| view.viewer.is_some_and(|viewer| viewer.id == with.id)) {
                p { "Nobody but you can read what you write here." }
            } @else if let Some(with) = view.with {
                p { "Nobody but " (with.name) " and you can read what is said here." }
            } @else {
                p { "Nobody has said anything yet. Pass this code on, or the address of this page:" }
                strong.big-code { (view.code.grouped()) }
                button.quiet type="button" data-copy="link" hidden { "Copy the link" }
            }
        }
        div role="log" aria-label="Messages" {
            @let unread = view.here().and_then(|visit| unread(view, visit.read));
            ol #messages {
                @for (index, message) in view.messages.iter().enumerate() {
                    @let previous = index.checked_sub(1).map(|previous| &view.messages[previous]);
                    @let new_day = previous.is_none_or(|previous| calendar::day(previous.at) != calendar::day(message.at));
                    @if new_day { li.day { (calendar::date(message.at)) } }
                    @if unread == Some(message.seq) { li.unread-line #unread { "New" } }
                    (item(view.code, message, view.viewer, new_day || previous.is_none_or(|previous| !together(previous, message))))
                }
            }
        }
        ol #outbox.outbox aria-label="Messages on their way" {}
        @if view.newest { span #latest {} }
        @if let (false, Some(last)) = (view.newest, view.messages.last()) {
            a.earlier #later href={ "/rooms/" (view.code) "?around=" (last.seq) "#m-" (last.seq) } { "Later messages" }
        }
        @if !view.newest {
            a.earlier href={ "/rooms/" (view.code) } { "To the latest messages" }
        }
    }
}

/// The first message after `read` that somebody else has said, if others are shown before it.
fn unread(view: &RoomView<'_>, read: Seq) -> Option<Seq> {
    let mut others = view.messages.iter().filter(|message| view.viewer.is_some_and(|me| me.id != message.author.id));
    others.find(|message| message.seq > read).map(|message| message.seq)
}

/// Whether `next` is shown under the same name as `previous`.
fn together(previous: &Message, next: &Message) -> bool {
    previous.author.id == next.author.id && next.at.0 - previous.at.0 < GROUP_GAP
}

fn item(code: RoomCode, message: &Message, viewer: Option<&Person>, first: bool) -> Markup {
    let author = &message.author;
    let mine = viewer.is_some_and(|viewer| viewer.id == author.id);
    let state = message.state.word();
    let deleted = message.state == MessageState::Deleted;
    let action = (message.kind == Kind::Action).then_some("action");
    html! {
        li.message.(hue(author.id)).first[first].mine[mine].deleted[deleted].action[action.is_some()] data-state=[state] data-kind=[action]
            id={ "m-" (message.seq) } data-seq=(message.seq) data-id=(message.client_id.as_str()) data-at=(message.at.0)
            data-author=(author.id.0) data-name=(author.name)
            data-file=[message.attachment.as_deref().map(file_data)] data-mentions=[mentions_data(message)] {
            (avatar(author))
            p.meta {
                span.author { @if mine { "You" } @else { (author.name) } }
                time datetime=(calendar::machine(message.at)) { (calendar::time(message.at)) }
            }
            @let silent = message.attachment.is_some() && message.body.as_str().is_empty();
            p.bubble hidden[silent] {
                @if deleted { "This message was deleted" }
                @else if action.is_some() { span.actor { (author.name) } " " span.act { (body(message, viewer)) } }
                @else { (body(message, viewer)) }
            }
            @if let Some(file) = message.attachment.as_deref() { (attachment(code, message.seq, file)) }
            @if message.state == MessageState::Edited { span.changed { "edited" } }
        }
    }
}

/// What a script knows of a file: what it is told over the socket.
fn file_data(file: &Attachment) -> String {
    serde_json::to_string(&SentFile::from(file)).expect("it has only texts and numbers")
}

/// Whom a message mentions, as a script is told of it over the socket.
fn mentions_data(message: &Message) -> Option<String> {
    let all: Vec<Who<'_>> = message.mentions.iter().map(Who::from).collect();
    (!all.is_empty()).then(|| serde_json::to_string(&all).expect("it has only texts and numbers"))
}

fn attachment(code: RoomCode, seq: Seq, file: &Attachment) -> Markup {
    let path = format!("/rooms/{code}/files/{seq}");
    html! {
        a.file href=(path) download {
            @if let Some((width, height)) = file.thumbnail {
                img src={ (path) "/thumbnail" } alt="" width=(width) height=(height) loading="lazy";
            }
            span.file-name { (file.name.as_str()) }
            span.file-size { (size(file.size)) @if !file.scanned { ", not scanned" } }
        }
    }
}

fn size(bytes: u64) -> String {
    match bytes {
        0..1024 => format!("{bytes} bytes"),
        1024..1_048_576 => format!("{} KB", bytes.div_ceil(1024)),
        _ => format!("{:.1} MB", bytes as f64 / 1_048_576.0),
    }
}

fn avatar(person: &Person) -> Markup {
    let initial: String = person.name.as_str().chars().take(1).flat_map(char::to_uppercase).collect();
    html! { span.avatar aria-hidden="true" { (initial) } }
}

/// One of eight colours, by person.
fn hue(person: PersonId) -> String {
    format!("hue-{}", person.0.rem_euclid(8))
}

fn below(view: &RoomView<'_>) -> Markup {
    html! {
        @match view.reply {
            Some(Reply::Answer(answer)) => { p.done role="status" { (answer) } }
            Some(Reply::Refused { problem, .. }) => { p.problem role="alert" { (problem) } }
            None => {}
        }
        @if !view.newest {
        } @else if view.viewer.is_some() {
            button.jump #jump type="button" hidden {}
            div.status #status {
                span.dot aria-hidden="true" {}
                span.typing #typing aria-live="off" {}
                span #connection role="status" { noscript { "Without JavaScript, reload the page for new messages." } }
                button.plain #now type="button" hidden { "Try now" }
                span #answer role="status" {}
                span #news role="status" {}
                span.count #count {}
            }
            form.composer #composer method="post" action={ "/rooms/" (view.code) "/messages" } {
                input type="hidden" name="id" value=(view.next_id.as_str());
                div.grow {
                    label.unseen for="body" { "Message" }
                    textarea #body name="body" rows="1" placeholder="Write a message" required {
                        // The first line break in a field is never part of its text.
                        @if let Some(Reply::Refused { draft, .. }) = view.reply { "\n" (draft) }
                    }
                }
                button.quiet #cancel type="button" hidden { "Cancel" }
                button #send { "Send" }
            }
            form.attach #attach method="post" enctype="multipart/form-data" action={ "/rooms/" (view.code) "/files" } {
                input type="hidden" name="id" value={ (view.next_id.as_str()) "-f" };
                label for="file" { "Send a file" }
                input #file type="file" name="file" required data-limit=(view.file_limit);
                button.quiet { "Send file" }
            }
            p.keys { "Enter sends, Shift + Enter begins a new line, ↑ edits your last message, /help shows the rest" }
        } @else {
            div.card {
                (name_form(view, "Choose a name to talk here", "Join"))
                p.hint { a href={ "/account/login?room=" (view.code) } { "Log in" } " if you have an account." }
            }
        }
    }
}

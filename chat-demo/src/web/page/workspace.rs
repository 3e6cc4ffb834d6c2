//! Workspaces: their channels and members, and the way into them.

use std::collections::HashMap;

use maud::{Markup, html};

use super::layout::welcome;
use super::visits::counts;
use crate::domain::presence::Status;
use crate::domain::workspace::{ChannelName, MAX_CHANNEL_CHARS, View, WorkspaceCode};
use crate::domain::{DisplayName, MAX_NAME_CHARS, Person, PersonId};
use crate::store::Visit;
use crate::web::socket::word;

/// What the page of a workspace shows.
#[derive(Debug)]
pub(crate) struct WorkspaceView<'a> {
    pub(crate) view: &'a View,
    /// The member who looks at it.
    pub(crate) viewer: &'a Person,
    /// What the members are; nothing, if it is not known.
    pub(crate) statuses: &'a HashMap<PersonId, Status>,
    /// The rooms of whoever looks at it, with what is unread in them.
    pub(crate) visits: &'a [Visit],
    /// What became of what they did, if they did something.
    pub(crate) outcome: Option<&'a Outcome>,
}

/// What became of something, in a sentence.
#[derive(Debug)]
pub(crate) enum Outcome {
    Done(String),
    Refused(String),
}

/// The page of a workspace, for its members.
pub(crate) fn workspace(page: &WorkspaceView<'_>) -> Markup {
    let workspace = &page.view.workspace;
    let path = format!("/workspaces/{}", workspace.code);
    let title = format!("{} · Rooms", workspace.name);
    welcome(
        &title,
        &html! {
            div {
                h1 { (workspace.name) }
                p.lead { (members_in_words(workspace.members.len())) ", " (page.view.active.len()) " in a channel now" }
            }
            @match page.outcome {
                Some(Outcome::Refused(why)) => { p.problem role="alert" { (why) } }
                Some(Outcome::Done(what)) => { p.hint role="status" { (what) } }
                None => {}
            }
            nav.card aria-labelledby="channels-title" {
                h2 #channels-title { "Channels" }
                ul.rooms #channels {
                    @for channel in &workspace.channels {
                        li {
                            a href={ "/rooms/" (channel.room) } {
                                span.code { (channel.name) }
                                @if let Some(visit) = page.visits.iter().find(|visit| visit.room == channel.room) { (counts(visit)) }
                            }
                        }
                    }
                }
                form method="post" action={ (path) "/channels" } {
                    label for="channel" { "Another channel" }
                    div.row {
                        input #channel name="name" required maxlength=(MAX_CHANNEL_CHARS * 2) autocomplete="off"
                            autocapitalize="none" placeholder="off-topic";
                        button.quiet { "Open" }
                    }
                }
            }
            section.card.people aria-labelledby="members-title" {
                h2 #members-title { "Members" }
                ul #members { @for person in by_name(&workspace.members) { (member(page, person)) } }
                form method="post" action={ (path) "/announcements" } {
                    label for="body" { "Tell all who are in a channel now" }
                    div.row {
                        input #body name="body" required maxlength="500" autocomplete="off" placeholder="Lunch!";
                        button.quiet { "Tell" }
                    }
                    p.hint { "It is shown for a moment, and kept nowhere." }
                }
            }
            section.card aria-labelledby="invite-title" {
                h2 #invite-title { "Invite somebody" }
                p.hint { "Whoever has this code can join:" }
                strong.big-code { (workspace.code.grouped()) }
                button.quiet type="button" data-copy="link" hidden { "Copy the link" }
                form #leave method="post" action={ (path) "/leave" } { button.quiet { "Leave this workspace" } }
            }
        },
    )
}

fn member(page: &WorkspaceView<'_>, person: &Person) -> Markup {
    html! {
        li data-person=(person.id.0) {
            span.name { (person.name) }
            @if person.id == page.viewer.id { span.self { "you" } }
            @if let Some(&status) = page.statuses.get(&person.id) {
                span.presence data-status=(word(status)) { span.dot aria-hidden="true" {} (word(status)) }
            }
        }
    }
}

fn by_name(members: &[Person]) -> Vec<&Person> {
    let mut members: Vec<_> = members.iter().collect();
    members.sort_by_key(|person| person.name.as_str().to_lowercase());
    members
}

fn members_in_words(members: usize) -> String {
    if members == 1 { "1 member".to_owned() } else { format!("{members} members") }
}

/// What somebody with the code of a workspace is shown who does not belong to it.
pub(crate) fn invitation(code: WorkspaceCode, name: &DisplayName, viewer: Option<&Person>) -> Markup {
    let known = viewer.map_or("", |person| person.name.as_str());
    welcome(
        "Join a workspace",
        &html! {
            div {
                h1 { (name) }
                p.lead { "You have the code of this workspace. Join, and its channels are yours." }
            }
            div.card {
                form method="post" action={ "/workspaces/" (code) "/join" } {
                    div.field {
                        label for="name" { "Your name" }
                        input #name name="name" value=(known) required maxlength=(MAX_NAME_CHARS)
                            autocomplete="nickname" placeholder="What the others see";
                    }
                    button { "Join" }
                }
            }
        },
    )
}

/// There is no channel of this name; it can be made.
pub(crate) fn unknown_channel(code: WorkspaceCode, name: &ChannelName) -> Markup {
    welcome(
        "No such channel",
        &html! {
            div {
                h1 { "There is no such channel yet." }
                p.lead { "Look at the name again, or open the channel." }
            }
            div.card {
                strong.big-code { (name) }
                form method="post" action={ "/workspaces/" (code) "/channels" } {
                    input type="hidden" name="name" value=(name.as_str());
                    button { "Open this channel" }
                }
                p.hint { a href={ "/workspaces/" (code) } { "To the workspace" } }
            }
        },
    )
}

/// Somebody's workspaces.
pub(super) fn workspaces(all: &[(WorkspaceCode, DisplayName)]) -> Markup {
    html! {
        ul.rooms #workspaces { @for (code, name) in all { li { a href={ "/workspaces/" (code) } { span.code { (name) } } } } }
    }
}

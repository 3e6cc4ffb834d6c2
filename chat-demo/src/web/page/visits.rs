//! Somebody's rooms, with what is unread in them.

use maud::{Markup, html};

use crate::domain::{Person, PersonId, RoomCode};
use crate::store::Visit;

/// The list of `me`; the room that is looked at shows no counts.
pub(super) fn rooms(visits: &[Visit], current: Option<RoomCode>, me: Option<PersonId>) -> Markup {
    html! {
        ul.rooms #rooms {
            @for visit in visits {
                @let here = current == Some(visit.room);
                li {
                    @let name = visit.with.as_ref().map(|with| with.name.to_string());
                    @let name = name.or_else(|| visit.channel.as_ref().map(|title| title.channel.to_string()));
                    a href={ "/rooms/" (visit.room) } data-code=(visit.room) aria-current=[here.then_some("page")]
                        data-with=[visit.with.as_ref().map(|with| with.id.0)] data-name=[name]
                        data-workspace=[visit.channel.as_ref().map(|title| title.workspace.as_str())] {
                        @match &visit.with {
                            Some(with) => span.who { (called(with, me)) },
                            None => span.code { (visit.title()) },
                        }
                        @if let Some(title) = &visit.channel { span.in { (title.workspace) } }
                        @if !here { (counts(visit)) }
                    }
                }
            }
        }
    }
}

/// What the room between `me` and somebody is called: by the other, or as one's own.
pub(super) fn called(with: &Person, me: Option<PersonId>) -> String {
    if me == Some(with.id) { format!("{} (you)", with.name) } else { with.name.to_string() }
}

pub(super) fn counts(visit: &Visit) -> Markup {
    html! {
        @if visit.unread() > 0 { " " span.new { (upto(visit.unread())) " new" } }
        @if visit.mentions > 0 {
            " " span.at { (upto(visit.mentions)) @if visit.mentions == 1 { " mention" } @else { " mentions" } }
        }
    }
}

/// A count that is counted up to 100.
pub(super) fn upto(count: u64) -> String {
    if count > 99 { "99+".to_owned() } else { count.to_string() }
}

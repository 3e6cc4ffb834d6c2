//! Somebody's rooms, with what is unread in them.

use maud::{Markup, html};

use crate::domain::RoomCode;
use crate::store::Visit;

/// The list; the room that is looked at shows no counts.
pub(super) fn rooms(visits: &[Visit], current: Option<RoomCode>) -> Markup {
    html! {
        ul.rooms #rooms {
            @for visit in visits {
                @let here = current == Some(visit.room);
                li {
                    a href={ "/rooms/" (visit.room) } data-code=(visit.room) aria-current=[here.then_some("page")] {
                        span.code { (visit.room.grouped()) }
                        @if !here { (counts(visit)) }
                    }
                }
            }
        }
    }
}

fn counts(visit: &Visit) -> Markup {
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

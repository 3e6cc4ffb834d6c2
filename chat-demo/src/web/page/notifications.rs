//! What mentions somebody, and how they want to be told of it.

use maud::{Markup, html};

use super::calendar;
use super::layout::welcome;
use crate::domain::RoomCode;
use crate::store::{Notice, Visit};

/// How much of a message is shown, in characters.
const EXCERPT: usize = 200;

/// The list, the newest first.
pub(crate) fn notifications(notices: &[Notice]) -> Markup {
    let unseen = notices.iter().filter(|notice| notice.unseen).count();
    welcome(
        "Notifications",
        &html! {
            div {
                h1 { "Notifications" }
                p.lead { (count(unseen)) }
            }
            div.card {
                @if notices.is_empty() { p { "Whoever writes your name behind an @ is found here." } }
                ol.notices #notices {
                    @for notice in notices {
                        li.unseen-notice[notice.unseen] {
                            a href={ "/rooms/" (notice.room) } {
                                strong { (notice.author.name) } " in " span.code { (notice.room.grouped()) }
                                @if notice.unseen { " " span.new { "new" } }
                            }
                            p { (excerpt(notice.body.as_str())) }
                            time datetime=(calendar::machine(notice.at)) { (calendar::date(notice.at)) ", " (calendar::time(notice.at)) " UTC" }
                        }
                    }
                }
                @if let (Some(newest), 1..) = (notices.first(), unseen) {
                    form method="post" action="/notifications/seen" {
                        input type="hidden" name="upto" value=(newest.at.0);
                        button.quiet { "Mark all as seen" }
                    }
                }
            }
            p.hint { a href="/account/notifications" { "How you are told" } " · " a href="/" { "To the first page" } }
        },
    )
}

/// How somebody is told.
pub(crate) fn notification_settings(visits: &[Visit]) -> Markup {
    welcome(
        "How you are told",
        &html! {
            div {
                h1 { "How you are told" }
                p.lead { "Who mentions you is always found in " a href="/notifications" { "your notifications" } "." }
            }
            section.card aria-labelledby="quiet" {
                h2 #quiet { "Quiet rooms" }
                p.hint { "From a quiet room you have no notifications at all." }
                @if visits.is_empty() { p { "You have no rooms yet." } }
                ul.ways {
                    @for visit in visits.iter().rev() {
                        li {
                            @match &visit.with {
                                Some(with) => a.who href={ "/rooms/" (visit.room) } { (with.name) },
                                None => a.code href={ "/rooms/" (visit.room) } { (visit.room.grouped()) },
                            }
                            (quiet_form(visit.room, visit.quiet, true))
                        }
                    }
                }
            }
            p.hint { a href="/" { "To the first page" } }
        },
    )
}

/// The button that makes a room quiet, or ends that.
pub(super) fn quiet_form(room: RoomCode, quiet: bool, settings: bool) -> Markup {
    html! {
        form method="post" action={ "/rooms/" (room) "/quiet" } {
            input type="hidden" name="quiet" value=(!quiet);
            @if settings { input type="hidden" name="settings" value="true"; }
            button.quiet {
                @if quiet { "Notify me again" } @else { "Make quiet" }
                @if settings { span.unseen { ": room " (room.grouped()) } }
            }
        }
    }
}

fn count(unseen: usize) -> String {
    match unseen {
        0 => "Nothing new.".to_owned(),
        1 => "1 is new.".to_owned(),
        more => format!("{more} are new."),
    }
}

fn excerpt(text: &str) -> String {
    let mut chars = text.chars();
    let mut excerpt: String = chars.by_ref().take(EXCERPT).collect();
    if chars.next().is_some() {
        excerpt.push('…');
    }
    excerpt
}

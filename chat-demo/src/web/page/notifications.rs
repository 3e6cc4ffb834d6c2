//! What mentions somebody, and how they want to be told of it.

use maud::{Markup, html};

use super::calendar;
use super::layout::welcome;
use super::visits::upto;
use crate::domain::RoomCode;
use crate::domain::notification::{Way, WaySetting};
use crate::store::{Notice, Visit};

/// How much of a message is shown, in characters.
const EXCERPT: usize = 200;

/// What the page of somebody's notifications shows.
#[derive(Clone, Copy, Debug)]
pub(crate) struct NoticesView<'a> {
    /// A part of them, the newest first.
    pub(crate) notices: &'a [Notice],
    /// How many of all are new, counted up to 100.
    pub(crate) unseen: u64,
    /// Whether `notices` begins with the newest.
    pub(crate) newest: bool,
    /// Whether there are older ones.
    pub(crate) older: bool,
}

/// The list.
pub(crate) fn notifications(view: &NoticesView<'_>) -> Markup {
    let &NoticesView { notices, unseen, newest, older } = view;
    welcome(
        "Notifications",
        &html! {
            div {
                h1 { "Notifications" }
                p.lead { (count(unseen)) }
            }
            div.card {
                @if notices.is_empty() && newest { p { "Whoever writes your name behind an @ is found here." } }
                @else if notices.is_empty() { p { "There are no older ones." } }
                ol.notices #notices {
                    @for notice in notices {
                        li.unseen-notice[notice.unseen] {
                            a href={ "/rooms/" (notice.room) } {
                                strong { (notice.author.name) } " "
                                @match &notice.channel {
                                    Some(title) => { "in " span.code { (title.channel) } " of " (title.workspace) },
                                    None if notice.direct => "to you",
                                    None => { "in " span.code { (notice.room.grouped()) } },
                                }
                                @if notice.unseen { " " span.new { "new" } }
                            }
                            p { (excerpt(notice.body.as_str())) }
                            time datetime=(calendar::machine(notice.at)) { (calendar::date(notice.at)) ", " (calendar::time(notice.at)) " UTC" }
                        }
                    }
                }
                @if let (Some(first), true) = (notices.first(), if newest { unseen > 0 } else { notices.iter().any(|notice| notice.unseen) }) {
                    form method="post" action="/notifications/seen" {
                        input type="hidden" name="upto" value=(first.at.0);
                        button.quiet { @if newest { "Mark all as seen" } @else { "Mark these and older ones as seen" } }
                    }
                }
                @if let (Some(last), true) = (notices.last(), older) {
                    p.hint { a #older href={ "/notifications?at=" (last.at.0) "&room=" (last.room) "&seq=" (last.seq) } { "Older ones" } }
                }
                @if !newest { p.hint { a href="/notifications" { "To the newest" } } }
            }
            p.hint { a href="/account/notifications" { "How you are told" } " · " a href="/" { "To the first page" } }
        },
    )
}

/// What the page of the settings shows.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Settings<'a> {
    /// The rooms of whoever looks at it.
    pub(crate) visits: &'a [Visit],
    /// By which ways they are told.
    pub(crate) ways: &'a [WaySetting],
    /// What this program is set up for.
    pub(crate) offers: &'a [Way],
    /// What browsers know this server by; none if it sends no push messages.
    pub(crate) push_key: Option<&'a str>,
    /// What was done, if something was.
    pub(crate) done: Option<&'a str>,
    /// What was refused, if something was.
    pub(crate) problem: Option<&'a str>,
    /// The secret of the webhook that was added, if one was.
    pub(crate) secret: Option<&'a str>,
}

/// How somebody is told.
pub(crate) fn notification_settings(settings: &Settings<'_>) -> Markup {
    welcome(
        "How you are told",
        &html! {
            div {
                h1 { "How you are told" }
                p.lead { "Who mentions you is always found in " a href="/notifications" { "your notifications" } "." }
                @if !settings.offers.is_empty() {
                    p.hint { "When you have done nothing here for a while and have not read it, you are told in these ways as well." }
                }
            }
            @if let Some(done) = settings.done { p.done role="status" { (done) } }
            @if let Some(problem) = settings.problem { p.problem role="alert" { (problem) } }
            @if settings.offers.contains(&Way::Email) { (mails(settings)) }
            @if let Some(key) = settings.push_key { (pushes(settings, key)) }
            @if settings.offers.contains(&Way::Webhook) { (webhooks(settings)) }
            section.card aria-labelledby="quiet" {
                h2 #quiet { "Quiet rooms" }
                p.hint { "From a quiet room you have no notifications at all." }
                @if settings.visits.is_empty() { p { "You have no rooms yet." } }
                ul.ways {
                    @for visit in settings.visits.iter().rev() {
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

fn mails(settings: &Settings<'_>) -> Markup {
    html! {
        section.card aria-labelledby="mails" {
            h2 #mails { "Mails" }
            p.hint { "A mail for each message that mentions you, once you have confirmed that the address is yours." }
            (listed(settings, Way::Email))
            form method="post" action="/account/notifications/email" {
                div.field {
                    label for="address" { "Mail address" }
                    input #address name="address" type="email" required maxlength="254" autocomplete="email";
                }
                button { "Add it" }
            }
        }
    }
}

fn pushes(settings: &Settings<'_>, key: &str) -> Markup {
    html! {
        section.card aria-labelledby="pushes" {
            h2 #pushes { "Push messages" }
            p.hint { "In this browser, also when the chat is not open." }
            (listed(settings, Way::Push))
            form #push method="post" action="/account/notifications/push" data-key=(key) {
                input type="hidden" name="endpoint";
                input type="hidden" name="p256dh";
                input type="hidden" name="auth";
                button disabled { "Tell me in this browser" }
                p.hint role="status" { noscript { "The browser can be asked only with JavaScript." } }
            }
        }
    }
}

fn webhooks(settings: &Settings<'_>) -> Markup {
    html! {
        section.card aria-labelledby="webhooks" {
            h2 #webhooks { "Webhooks" }
            p.hint { "A signed POST to an address of yours." }
            @if let Some(secret) = settings.secret {
                p.done role="status" {
                    "The secret that it is signed with, shown only now: " code.secret #secret { (secret) }
                }
            }
            (listed(settings, Way::Webhook))
            form method="post" action="/account/notifications/webhooks" {
                div.field {
                    label for="url" { "Address" }
                    input #url name="url" type="url" required maxlength="2048" autocomplete="off"
                        placeholder="https://example.org/hook";
                }
                button { "Add it" }
            }
        }
    }
}

/// The ways of one kind, each with what can be done with it.
fn listed(settings: &Settings<'_>, way: Way) -> Markup {
    html! {
        ul.ways {
            @for one in settings.ways.iter().filter(|one| one.way == way) {
                li {
                    span.code { (shown(&one.address)) }
                    @if !one.confirmed { span.hint { "not confirmed yet" } }
                    @else if !one.enabled { span.hint { "off" } }
                    form.row method="post" action={ "/account/notifications/" (one.number) } {
                        @if one.confirmed {
                            @let (action, label) = if one.enabled { ("off", "Switch off") } else { ("on", "Switch on") };
                            button.quiet name="action" value=(action) { (label) span.unseen { ": " (shown(&one.address)) } }
                        }
                        button.quiet name="action" value="remove" { "Remove" span.unseen { ": " (shown(&one.address)) } }
                    }
                }
            }
        }
    }
}

/// An address without what may be a secret in it.
fn shown(address: &str) -> &str {
    address.split(['?', '#']).next().unwrap_or_default()
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

fn count(unseen: u64) -> String {
    match unseen {
        0 => "Nothing new.".to_owned(),
        1 => "1 is new.".to_owned(),
        more => format!("{} are new.", upto(more)),
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

//! What was looked for, and what was found.

use std::ops::Range;

use maud::{Markup, html};

use super::calendar;
use super::layout::welcome;
use super::visits::called;
use crate::domain::room::Results;
use crate::domain::search::{MAX_QUERY_CHARS, Query, excerpt};
use crate::domain::{PersonId, RoomCode};
use crate::store::{Found, Visit};

/// What the page shows.
#[derive(Debug)]
pub(crate) struct SearchView<'a> {
    /// Who looks.
    pub(crate) me: PersonId,
    /// What for, as it was written.
    pub(crate) text: &'a str,
    /// In which room only.
    pub(crate) scope: Option<RoomCode>,
    /// The rooms that can be chosen.
    pub(crate) visits: &'a [Visit],
    /// What `text` means.
    pub(crate) query: Option<&'a Query>,
    /// What was found.
    pub(crate) results: Option<&'a Results>,
    /// Why nothing was looked for.
    pub(crate) problem: Option<&'a str>,
}

/// The page.
pub(crate) fn search(view: &SearchView<'_>) -> Markup {
    welcome(
        "Search",
        &html! {
            div { h1 { "Search" } }
            div.card {
                @if let Some(problem) = view.problem { p.problem #problem role="alert" { (problem) } }
                form.search method="get" action="/search" role="search" {
                    label for="q" { "Words that a message has" }
                    input #q type="search" name="q" value=(view.text) required maxlength=(MAX_QUERY_CHARS) autocomplete="off"
                        autofocus[view.results.is_none()] aria-describedby="how";
                    label for="where" { "Where" }
                    div.row { (scopes(view)) button { "Search" } }
                    p.hint #how { "“Some words” finds them in this order, begin* what begins so. Case and accents do not matter." }
                }
            }
            @if let (Some(results), Some(query)) = (view.results, view.query) { (found(view, query, results)) }
            p.hint { a href="/" { "To the first page" } }
        },
    )
}

fn scopes(view: &SearchView<'_>) -> Markup {
    let listed = |code| view.visits.iter().any(|visit| visit.room == code);
    html! {
        select #where name="room" {
            option value="" { "All your rooms" }
            @if let Some(code) = view.scope.filter(|&code| !listed(code)) {
                option value=(code) selected { (code.grouped()) }
            }
            @for visit in view.visits.iter().rev() {
                option value=(visit.room) selected[view.scope == Some(visit.room)] {
                    @match &visit.with {
                        Some(with) => (called(with, Some(view.me))),
                        None => (visit.title()),
                    }
                }
            }
        }
    }
}

fn found(view: &SearchView<'_>, query: &Query, results: &Results) -> Markup {
    html! {
        section.card aria-labelledby="results" {
            h2 #results {
                @if results.found.is_empty() { "Nothing is found" } @else { "Found, the newest first" }
            }
            @if results.found.is_empty() { p { "Fewer words, or the beginning of one with a * behind it, find more." } }
            ol.notices #found {
                @for found in &results.found { (item(view.me, query, found)) }
            }
            @if let Some(older) = results.older {
                form method="get" action="/search" {
                    input type="hidden" name="q" value=(view.text);
                    input type="hidden" name="room" value=[view.scope];
                    input type="hidden" name="before" value=(older);
                    button.quiet #older { "Older ones" }
                }
            }
        }
    }
}

fn item(me: PersonId, query: &Query, found: &Found) -> Markup {
    let text = found.body.as_str();
    let marks = query.marks(text);
    let shown = excerpt(text, marks.first());
    html! {
        li {
            a href={ "/rooms/" (found.room) "?around=" (found.seq) "#m-" (found.seq) } {
                strong { (found.author.name) } " "
                @match &found.with {
                    Some(with) if with.id == me => "to yourself",
                    Some(with) if with.id == found.author.id => "to you",
                    Some(with) => { "to " (with.name) },
                    None => {
                        "in "
                        @match &found.channel {
                            Some(title) => { (title.channel) " of " (title.workspace) },
                            None => span.code { (found.room.grouped()) },
                        }
                    }
                }
            }
            p {
                @if shown.start > 0 { "…" }
                (marked(text, &marks, &shown))
                @if shown.end < text.len() { "…" }
            }
            time datetime=(calendar::machine(found.at)) { (calendar::date(found.at)) ", " (calendar::time(found.at)) " UTC" }
        }
    }
}

/// A part of a text, never markup, in which what was found stands out.
fn marked(text: &str, marks: &[Range<usize>], shown: &Range<usize>) -> Markup {
    let mut rest = shown.start;
    html! {
        @for mark in marks.iter().filter(|mark| mark.start >= shown.start && mark.end <= shown.end) {
            (text[std::mem::replace(&mut rest, mark.end)..mark.start])
            mark { (text[mark.clone()]) }
        }
        (text[rest..shown.end])
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::search::EXCERPT;

    #[test]
    fn what_was_found_is_shown_wherever_it_stands_and_is_never_markup() {
        let shown = |text: &str, query: &str| {
            let query: Query = query.parse().unwrap();
            let marks = query.marks(text);
            marked(text, &marks, &excerpt(text, marks.first())).into_string()
        };
        assert_eq!(shown("<b>Été</b> & x", "ete"), "&lt;b&gt;<mark>Été</mark>&lt;/b&gt; &amp; x");
        let long = format!("{} needle {}", "é ".repeat(900), "字".repeat(400));
        let part = shown(&long, "needle");
        assert!(part.contains("<mark>needle</mark>") && part.len() < EXCERPT + 30, "{part}");
        let word = "x".repeat(4000);
        assert_eq!(shown(&word, "xx*"), format!("<mark>{word}</mark>"), "one that is longer than what is shown");
    }
}

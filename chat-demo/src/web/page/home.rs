//! The first page: a name and a room.

use maud::{Markup, html};

use super::layout::welcome;
use super::visits::rooms;
use crate::domain::{MAX_NAME_CHARS, Person};
use crate::store::Visit;

/// The first page, for `person` if they have given a name before, with their rooms `visits`, and with `problem` if something that
/// they entered was refused.
pub(crate) fn home(person: Option<&Person>, visits: &[Visit], problem: Option<&str>) -> Markup {
    let name = person.map_or("", |person| person.name.as_str());
    welcome(
        "Rooms",
        &html! {
            div {
                h1 { "A room of your own to talk in." }
                p.lead { "Make one, pass its code on, and talk. No account needed, nothing to install." }
            }
            div.card {
                @if let Some(problem) = problem { p.problem role="alert" { (problem) } }
                form method="post" action="/rooms" {
                    div.field {
                        label for="name" { "Your name" }
                        input #name name="name" value=(name) required maxlength=(MAX_NAME_CHARS)
                            autocomplete="nickname" placeholder="What the others see";
                    }
                    button { "Create a room" }
                }
                form method="get" action="/rooms" {
                    label for="code" { "Have a code?" }
                    div.row {
                        input #code.code-field name="code" required maxlength="24" autocomplete="off"
                            autocapitalize="characters" spellcheck="false" placeholder="7KQ2 MXPD";
                        button.quiet { "Join" }
                    }
                }
            }
            @if !visits.is_empty() {
                nav.card aria-labelledby="yours" { h2 #yours { "Your rooms" } (rooms(visits, None, person.map(|person| person.id))) }
            }
            p.hint {
                @if person.is_some() { a href="/account" { "Your account" } " · " a href="/notifications" { "Notifications" } }
                @else { a href="/account/login" { "Log in" } " if you have an account." }
            }
        },
    )
}

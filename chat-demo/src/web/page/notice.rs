//! Pages that say what went wrong and what can be done about it.

use maud::{Markup, html};

use super::layout::welcome;
use crate::domain::{CodeError, MAX_NAME_CHARS, Person, RoomCode};

/// A page that says one thing.
pub(crate) fn notice(title: &str, text: &str) -> Markup {
    welcome(
        title,
        &html! {
            div { h1 { (title) } p.lead { (text) } }
            div.card { a.button href="/" { "Go to the first page" } }
        },
    )
}

/// A page that asks one thing, which one button does.
#[cfg(feature = "email")]
pub(crate) fn one_button(title: &str, text: &str, label: &str, action: &str) -> Markup {
    welcome(
        title,
        &html! {
            div { h1 { (title) } p.lead { (text) } }
            div.card { form method="post" action=(action) { button { (label) } } }
        },
    )
}

/// What was given as a room code is none.
pub(crate) fn malformed_code(error: CodeError) -> Markup {
    welcome(
        "Not a room code",
        &html! {
            div {
                h1 { "That is not a room code." }
                p.lead { (sentence(&error.to_string())) }
            }
            div.card {
                form method="get" action="/rooms" {
                    label for="code" { "Try again" }
                    div.row {
                        input #code.code-field name="code" required maxlength="24" autocomplete="off"
                            autocapitalize="characters" spellcheck="false" placeholder="7KQ2 MXPD";
                        button { "Join" }
                    }
                    p.hint { "Eight characters, digits 2 to 9 and letters. Capitals, spaces and hyphens do not matter." }
                }
            }
        },
    )
}

/// There is no room of this code, and nobody can make it.
pub(crate) fn reserved_code() -> Markup {
    notice("There is no such room.", "Look at the code again: it is not one that a room can be made with.")
}

/// There is no room of this code; it can be made.
pub(crate) fn unknown_room(code: RoomCode, person: Option<&Person>) -> Markup {
    if code.is_reserved() {
        return reserved_code();
    }
    let name = person.map_or("", |person| person.name.as_str());
    welcome(
        "No such room",
        &html! {
            div {
                h1 { "There is no such room yet." }
                p.lead { "Look at the code again, or create the room with it." }
            }
            div.card {
                strong.big-code { (code.grouped()) }
                form method="post" action="/rooms" {
                    input type="hidden" name="code" value=(code);
                    div.field {
                        label for="name" { "Your name" }
                        input #name name="name" value=(name) required maxlength=(MAX_NAME_CHARS)
                            autocomplete="nickname" placeholder="What the others see";
                    }
                    button { "Create this room" }
                }
            }
        },
    )
}

/// `text` with a capital and a full stop.
pub(crate) fn sentence(text: &str) -> String {
    let mut chars = text.chars();
    let first = chars.next().map(|first| first.to_uppercase().to_string()).unwrap_or_default();
    format!("{first}{}.", chars.as_str())
}

//! The first page: a name and a room.

use maud::{Markup, html};

use super::layout::welcome;
use super::visits::rooms;
use super::workspace;
use crate::domain::workspace::WorkspaceCode;
use crate::domain::{DisplayName, MAX_NAME_CHARS, Person};
use crate::store::Visit;

/// The first page, for `person` if they have given a name before, with their rooms `visits` and their `workspaces`, and with `problem` if something that
/// they entered was refused.
pub(crate) fn home(
    person: Option<&Person>,
    visits: &[Visit],
    workspaces: &[(WorkspaceCode, DisplayName)],
    problem: Option<&str>,
) -> Markup {
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
            @if !workspaces.is_empty() {
                nav.card aria-labelledby="yours-too" { h2 #yours-too { "Your workspaces" } (workspace::workspaces(workspaces)) }
            }
            details.card {
                summary { "A workspace, with channels for a team" }
                form method="post" action="/workspaces" {
                    div.field {
                        label for="workspace-name" { "Your name" }
                        input #workspace-name name="name" value=(name) required maxlength=(MAX_NAME_CHARS) autocomplete="nickname";
                    }
                    div.field {
                        label for="workspace" { "Its name" }
                        input #workspace name="workspace" required maxlength=(MAX_NAME_CHARS) autocomplete="off" placeholder="Our team";
                    }
                    button { "Create a workspace" }
                }
                form method="get" action="/workspaces" {
                    label for="workspace-code" { "Have the code of one?" }
                    div.row {
                        input #workspace-code.code-field name="code" required maxlength="24" autocomplete="off"
                            autocapitalize="characters" spellcheck="false" placeholder="7KQ2 MXPD";
                        button.quiet { "Go there" }
                    }
                }
            }
            @if !visits.is_empty() {
                nav.card aria-labelledby="yours" { h2 #yours { "Your rooms" } (rooms(visits, None, person.map(|person| person.id))) }
            }
            p.hint {
                @if person.is_some() { a href="/account" { "Your account" } " · " a href="/notifications" { "Notifications" } " · " a href="/search" { "Search" } }
                @else { a href="/account/login" { "Log in" } " if you have an account." }
            }
        },
    )
}

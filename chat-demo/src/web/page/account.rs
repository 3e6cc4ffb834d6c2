//! Logging in, making an account, and what can be done with one.

use maud::{Markup, html};

use super::layout::welcome;
use crate::domain::account::{MAX_PASSWORD_CHARS, MIN_PASSWORD_CHARS};
use crate::domain::{MAX_LOGIN_CHARS, MAX_NAME_CHARS, MIN_LOGIN_CHARS, Person, RoomCode};
use crate::store::Account;

/// The form to log in by, on the way into `room` if there is one.
pub(crate) fn log_in(room: Option<RoomCode>, login: &str, problem: Option<&str>) -> Markup {
    welcome(
        "Log in",
        &html! {
            h1 { "Log in." }
            div.card {
                (said(problem))
                form method="post" action="/account/login" {
                    (on_the_way(room))
                    (login_field(login))
                    div.field {
                        label for="password" { "Password" }
                        input #password name="password" type="password" required autocomplete="current-password";
                    }
                    button { "Log in" }
                }
            }
            p.hint { "No account yet? " a href={ "/account/register" (query(room)) } { "Make one" } " and keep your name." }
        },
    )
}

/// The form that makes an account, for `guest` if they have given a name before.
pub(crate) fn register(
    room: Option<RoomCode>,
    guest: Option<&Person>,
    name: &str,
    login: &str,
    problem: Option<&str>,
) -> Markup {
    welcome(
        "Make an account",
        &html! {
            div {
                h1 { "Keep your name." }
                p.lead {
                    @if guest.is_some() { "With an account you are yourself in every browser, and what you have said stays yours." }
                    @else { "With an account you are yourself in every browser." }
                }
            }
            div.card {
                (said(problem))
                form method="post" action="/account/register" {
                    (on_the_way(room))
                    div.field {
                        label for="name" { "Your name" }
                        input #name name="name" value=(name) required maxlength=(MAX_NAME_CHARS)
                            autocomplete="nickname" placeholder="What the others see";
                    }
                    (login_field(login))
                    (new_password())
                    button { "Make the account" }
                }
            }
            p.hint { "You have one? " a href={ "/account/login" (query(room)) } { "Log in" } "." }
        },
    )
}

/// What the owner of an account can do with it.
pub(crate) fn account(room: Option<RoomCode>, account: &Account, done: Option<&str>, problem: Option<&str>) -> Markup {
    welcome(
        "Your account",
        &html! {
            div {
                h1 { "Your account" }
                p.lead { (account.person.name) ", who logs in as " strong { (account.login) } "." }
            }
            div.card {
                @if let Some(done) = done { p.done role="status" { (done) } }
                (said(problem))
                form method="post" action="/account/password" {
                    (on_the_way(room))
                    // Lets a password safe know what it changes.
                    input type="hidden" name="login" value=(account.login) autocomplete="username";
                    div.field {
                        label for="password" { "Your password" }
                        input #password name="password" type="password" required autocomplete="current-password";
                    }
                    (new_password())
                    p.hint { "Whoever is logged in as you elsewhere is logged out." }
                    button { "Change the password" }
                }
                form method="post" action="/account/logout" { button.quiet { "Log out" } }
            }
            p.hint { a href="/account/notifications" { "How you are told of what mentions you" } }
            @if let Some(room) = room { p.hint { a href={ "/rooms/" (room) } { "Back to the room" } } }
            @else { p.hint { a href="/" { "To the first page" } } }
        },
    )
}

fn said(problem: Option<&str>) -> Markup {
    html! { @if let Some(problem) = problem { p.problem role="alert" { (problem) } } }
}

fn on_the_way(room: Option<RoomCode>) -> Markup {
    html! { @if let Some(room) = room { input type="hidden" name="room" value=(room); } }
}

fn query(room: Option<RoomCode>) -> String {
    room.map(|room| format!("?room={room}")).unwrap_or_default()
}

fn login_field(login: &str) -> Markup {
    html! {
        div.field {
            label for="login" { "Login name" }
            input #login name="login" value=(login) required minlength=(MIN_LOGIN_CHARS) maxlength=(MAX_LOGIN_CHARS)
                autocomplete="username" autocapitalize="none" spellcheck="false";
        }
    }
}

fn new_password() -> Markup {
    html! {
        div.field {
            label for="new" { "New password" }
            input #new name="new" type="password" required minlength=(MIN_PASSWORD_CHARS) maxlength=(MAX_PASSWORD_CHARS)
                autocomplete="new-password" aria-describedby="rules";
            p.hint #rules { "At least " (MIN_PASSWORD_CHARS) " characters." }
        }
    }
}

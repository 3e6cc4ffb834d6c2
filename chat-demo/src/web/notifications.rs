//! Somebody's notifications, and of which rooms they want none.

use axum::extract::rejection::FormRejection;
use axum::extract::{Form, Path, State};
use axum::http::HeaderMap;
use axum::response::{IntoResponse, Redirect, Response};
use serde::Deserialize;

use super::forms::{bad_form, malformed, visitor};
use super::{Web, page, unavailable};
use crate::domain::{RoomCode, UnixMillis};

#[derive(Deserialize)]
pub(super) struct Seen {
    upto: UnixMillis,
}

#[derive(Deserialize)]
pub(super) struct Quiet {
    quiet: bool,
    #[serde(default)]
    settings: bool,
}

type Sent<T> = Result<Form<T>, FormRejection>;

/// `GET /notifications`
pub(super) async fn list(State(web): State<Web>, headers: HeaderMap) -> Response {
    let person = match visitor(&web, &headers).await {
        Ok(Some(person)) => person,
        Ok(None) => return Redirect::to("/").into_response(),
        Err(error) => return unavailable(&error),
    };
    match web.notifications.of(person.id).await {
        Ok(notices) => page::notifications(&notices).into_response(),
        Err(error) => unavailable(&error),
    }
}

/// `POST /notifications/seen`: everything on the page that was looked at, and nothing that came since.
pub(super) async fn seen(State(web): State<Web>, headers: HeaderMap, form: Sent<Seen>) -> Response {
    let Ok(Form(form)) = form else { return bad_form() };
    let upto = form.upto.min(UnixMillis::now());
    let seen = match visitor(&web, &headers).await {
        Ok(Some(person)) => web.notifications.see(person.id, upto).await,
        Ok(None) => Ok(()),
        Err(error) => Err(error),
    };
    match seen {
        Ok(()) => Redirect::to("/notifications").into_response(),
        Err(error) => unavailable(&error),
    }
}

/// `GET /account/notifications`
pub(super) async fn settings(State(web): State<Web>, headers: HeaderMap) -> Response {
    let person = match visitor(&web, &headers).await {
        Ok(Some(person)) => person,
        Ok(None) => return Redirect::to("/").into_response(),
        Err(error) => return unavailable(&error),
    };
    match web.visits.of(person.id).await {
        Ok(visits) => page::notification_settings(&visits).into_response(),
        Err(error) => unavailable(&error),
    }
}

/// `POST /rooms/{code}/quiet`: no notifications from this room, or again.
pub(super) async fn quiet(
    State(web): State<Web>,
    Path(code): Path<String>,
    headers: HeaderMap,
    form: Sent<Quiet>,
) -> Response {
    let code = match code.parse::<RoomCode>() {
        Ok(code) => code,
        Err(error) => return malformed(error),
    };
    let Ok(Form(form)) = form else { return bad_form() };
    let hushed = match visitor(&web, &headers).await {
        Ok(Some(person)) => web.notifications.hush(person.id, code, form.quiet).await,
        Ok(None) => Ok(()),
        Err(error) => Err(error),
    };
    match hushed {
        Ok(()) if form.settings => Redirect::to("/account/notifications").into_response(),
        Ok(()) => Redirect::to(&format!("/rooms/{code}")).into_response(),
        Err(error) => unavailable(&error),
    }
}

//! The first page, and what people enter there: a name, a code.

use std::time::Duration;

use axum::extract::rejection::FormRejection;
use axum::extract::{Form, Query, State};
use axum::http::header::{ACCEPT, SET_COOKIE};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{AppendHeaders, IntoResponse, Redirect, Response};
use serde::Deserialize;

use super::{Web, page, unavailable};
use crate::domain::room::CreateError;
use crate::domain::{DisplayName, Person, RoomCode};
use crate::store::{NewSession, SessionToken, StoreError};
use crate::telemetry;

#[derive(Deserialize)]
pub(super) struct NewRoom {
    /// Whoever has a name need not say it.
    name: Option<String>,
    code: Option<String>,
}

#[derive(Deserialize)]
pub(super) struct NewName {
    name: String,
    room: String,
}

#[derive(Deserialize)]
pub(super) struct Wanted {
    #[serde(default)]
    code: String,
}

/// `GET /`
pub(super) async fn home(State(web): State<Web>, headers: HeaderMap) -> Response {
    match visitor(&web, &headers).await {
        Ok(person) => {
            let (visits, workspaces) = match &person {
                Some(person) => tokio::join!(web.visits.of(person.id), web.workspaces.of(person.id)),
                None => (Ok(Vec::new()), Ok(Vec::new())),
            };
            let (visits, workspaces) = (visits.unwrap_or_default(), workspaces.unwrap_or_default());
            page::home(person.as_ref(), &visits, &workspaces, None).into_response()
        }
        Err(error) => unavailable(&error),
    }
}

/// `POST /rooms`: makes a room, of this code if one is given.
pub(super) async fn create_room(
    State(web): State<Web>,
    headers: HeaderMap,
    form: Result<Form<NewRoom>, FormRejection>,
) -> Response {
    let Ok(Form(form)) = form else { return bad_form() };
    let wanted = match form.code.as_deref().map(str::parse::<RoomCode>).transpose() {
        Ok(wanted) => wanted,
        Err(error) => return malformed(error),
    };
    let named = match (&form.name, visitor(&web, &headers).await) {
        (None, Ok(Some(_))) => Ok(None),
        (name, _) => name_visitor(&web, &headers, name.as_deref().unwrap_or_default()).await.map(|(named, _)| named),
    };
    let named = match named {
        Ok(named) => named,
        Err(refusal) => return refusal,
    };
    let created = match wanted {
        Some(code) => web.rooms.create_as(code).await.map(|()| code),
        None => web.rooms.create().await,
    };
    match created {
        Ok(code) => (named, Redirect::to(&format!("/rooms/{code}"))).into_response(),
        Err(CreateError::Store(error)) => unavailable(&error),
        Err(CreateError::Reserved) => {
            telemetry::refused("reserved_code");
            (StatusCode::NOT_FOUND, named, page::reserved_code()).into_response()
        }
        Err(CreateError::NoFreeCode) => {
            tracing::error!("no free room code was found");
            let page = page::notice("No room could be made.", "All codes that were tried are taken. Please try again.");
            (StatusCode::SERVICE_UNAVAILABLE, page).into_response()
        }
    }
}

/// `GET /rooms?code=…`: goes to a room whose code was written by hand.
pub(super) async fn find_room(Query(wanted): Query<Wanted>) -> Response {
    match wanted.code.parse::<RoomCode>() {
        Ok(code) => Redirect::to(&format!("/rooms/{code}")).into_response(),
        Err(error) => malformed(error),
    }
}

/// `POST /me`: gives the visitor a name, on the way into a room.
pub(super) async fn name(
    State(web): State<Web>,
    headers: HeaderMap,
    form: Result<Form<NewName>, FormRejection>,
) -> Response {
    let Ok(Form(form)) = form else { return bad_form() };
    let code = match form.room.parse::<RoomCode>() {
        Ok(code) => code,
        Err(error) => return malformed(error),
    };
    match name_visitor(&web, &headers, &form.name).await {
        Ok((named, _)) => (named, Redirect::to(&format!("/rooms/{code}"))).into_response(),
        Err(refusal) => refusal,
    }
}

/// Who asks, if they have given a name before.
pub(super) async fn visitor(web: &Web, headers: &HeaderMap) -> Result<Option<Person>, StoreError> {
    match web.cookies.session(&web.store, headers).await? {
        Some(session) => web.store.find_person(session).await,
        None => Ok(None),
    }
}

pub(super) type SetCookie = AppendHeaders<[(axum::http::HeaderName, axum::http::HeaderValue); 1]>;

/// Gives the visitor a name, and a session if they have none that we gave them.
pub(super) async fn name_visitor(
    web: &Web,
    headers: &HeaderMap,
    name: &str,
) -> Result<(Option<SetCookie>, Person), Response> {
    let name = DisplayName::parse(name).map_err(|error| {
        telemetry::refused("name");
        (StatusCode::UNPROCESSABLE_ENTITY, page::home(None, &[], &[], Some(&page::sentence(&error.to_string()))))
            .into_response()
    })?;
    remember(web, headers, name).await.map_err(|error| unavailable(&error))
}

/// Goes by this name from now on.
pub(super) async fn remember(
    web: &Web,
    headers: &HeaderMap,
    name: DisplayName,
) -> Result<(Option<SetCookie>, Person), StoreError> {
    let lasts = web.limits.guest_session;
    if let Some(token) = web.cookies.session(&web.store, headers).await?
        && web.store.find_person(token.clone()).await?.is_some()
    {
        // It goes on for as long as it was given.
        let person = web.store.name_person(NewSession::lasting(token, lasts), name).await?;
        web.people.tell(&person).await;
        return Ok((None, person));
    }
    let session = NewSession::lasting(SessionToken::random(), lasts);
    let person = web.store.name_person(session.clone(), name).await?;
    Ok((Some(give(web, headers, &session.token, lasts).await?), person))
}

/// Gives the visitor's browser a session.
pub(super) async fn give(
    web: &Web,
    headers: &HeaderMap,
    session: &SessionToken,
    lasts: Duration,
) -> Result<SetCookie, StoreError> {
    let cookie = web.cookies.set(&web.store, session, lasts, web.origins.encrypted(headers)).await?;
    Ok(AppendHeaders([(SET_COOKIE, cookie)]))
}

/// Whether a program asks, which wants JSON and no page.
pub(super) fn is_program(headers: &HeaderMap) -> bool {
    headers.get(ACCEPT).is_some_and(|accept| accept == "application/json")
}

/// Somebody without a session asks for something of their own.
pub(super) fn nobody(program: bool) -> Response {
    if !program {
        return Redirect::to("/").into_response();
    }
    telemetry::refused("session");
    (StatusCode::UNAUTHORIZED, "choose a name first").into_response()
}

/// What was given as a code is none.
pub(super) fn malformed(error: crate::domain::CodeError) -> Response {
    telemetry::refused("code");
    (StatusCode::NOT_FOUND, page::malformed_code(error)).into_response()
}

/// A form that none of our pages sends.
pub(super) fn bad_form() -> Response {
    telemetry::refused("form");
    let page = page::notice("This form cannot be read.", "It is too long, or something is missing in it.");
    (StatusCode::BAD_REQUEST, page).into_response()
}

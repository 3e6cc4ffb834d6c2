//! Writing to one person, without a script.

use axum::extract::rejection::FormRejection;
use axum::extract::{Form, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Redirect, Response};
use serde::Deserialize;

use super::forms::{bad_form, visitor};
use super::page::sentence;
use super::{Web, page, unavailable};
use crate::domain::room::{TellError, Telling};
use crate::domain::{AddressError, ClientId, Person, PersonId, RoomCode};
use crate::store::SessionToken;
use crate::telemetry;

#[derive(Deserialize)]
pub(super) struct Chosen {
    person: PersonId,
}

/// `POST /direct`: opens the room between the visitor and somebody.
pub(super) async fn open(
    State(web): State<Web>,
    headers: HeaderMap,
    form: Result<Form<Chosen>, FormRejection>,
) -> Response {
    let Ok(Form(form)) = form else { return bad_form() };
    let me = match visitor(&web, &headers).await {
        Ok(Some(me)) => me,
        Ok(None) => return Redirect::to("/").into_response(),
        Err(error) => return unavailable(&error),
    };
    let id = ClientId::parse(SessionToken::random().as_str()).expect("a token has the form of an id");
    match tell(&web, &me, id, Telling::To(form.person, String::new())).await {
        Ok(room) => Redirect::to(&format!("/rooms/{room}")).into_response(),
        Err((status, problem)) => (status, page::notice("This was not done.", &sentence(&problem))).into_response(),
    }
}

/// Says something to one person; the room between the two, or why not.
pub(super) async fn tell(
    web: &Web,
    me: &Person,
    id: ClientId,
    telling: Telling,
) -> Result<RoomCode, (StatusCode, String)> {
    let refused = |status, label, problem| {
        telemetry::refused(label);
        Err((status, problem))
    };
    if web.bounds.do_something(me.id).is_err() {
        return refused(StatusCode::TOO_MANY_REQUESTS, "rate", "this was not sent: you are sending very fast".into());
    }
    match web.rooms.tell(me, id, telling).await {
        Ok(told) => Ok(told.room),
        Err(TellError::Address(error)) => {
            let label = if error == AddressError::Several { "several" } else { "nobody" };
            refused(StatusCode::UNPROCESSABLE_ENTITY, label, error.to_string())
        }
        Err(TellError::Body(error)) => refused(StatusCode::UNPROCESSABLE_ENTITY, "body", error.to_string()),
        Err(error) => {
            tracing::warn!(%error, "nothing is said to somebody");
            let problem = format!("this was not sent: {error}; please try again");
            refused(StatusCode::SERVICE_UNAVAILABLE, "unavailable", problem)
        }
    }
}

//! Logging in and out, and making an account.

use std::time::{Duration, Instant};

use axum::extract::rejection::FormRejection;
use axum::extract::{Extension, Form, Query, State};
use axum::http::header::{RETRY_AFTER, SET_COOKIE};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{AppendHeaders, IntoResponse, Redirect, Response};
use maud::Markup;
use serde::Deserialize;

use super::address::{ClientAddress, Peer};
use super::forms::{bad_form, give, visitor};
use super::page::sentence;
use super::throttle::Throttle;
use super::{Cookies, Web, page, unavailable};
use crate::config::Limits;
use crate::domain::account::{CheckError, RegisterError};
use crate::domain::{DisplayName, MAX_LOGIN_CHARS, RoomCode};
use crate::store::{Account, SessionToken, StoreError};
use crate::telemetry;

/// How often it may be tried to come in.
#[derive(Debug)]
pub(crate) struct Doors {
    /// To each account, whether it exists or not: the name is cut, so that few of them fill no memory.
    accounts: Throttle<String>,
    addresses: Throttle<ClientAddress>,
}

/// Where somebody was going.
#[derive(Deserialize)]
pub(super) struct Way {
    room: Option<String>,
}

#[derive(Deserialize)]
pub(super) struct Credentials {
    login: String,
    password: String,
    room: Option<String>,
}

#[derive(Deserialize)]
pub(super) struct Registration {
    name: String,
    login: String,
    new: String,
    room: Option<String>,
}

#[derive(Deserialize)]
pub(super) struct NewPassword {
    password: String,
    new: String,
    room: Option<String>,
}

type Sent<T> = Result<Form<T>, FormRejection>;

impl Doors {
    pub(crate) fn new(limits: &Limits) -> Self {
        Self {
            accounts: Throttle::new(limits.login_burst, limits.logins_per_minute / 60.0),
            addresses: Throttle::new(limits.address_login_burst, limits.address_logins_per_minute / 60.0),
        }
    }

    /// Counts a try to get into an account, or to make one; how long to wait if there were too many.
    fn knock(&self, address: ClientAddress, login: Option<&str>) -> Result<(), Duration> {
        let now = Instant::now();
        self.addresses.take(address, now)?;
        let Some(login) = login else { return Ok(()) };
        let login = login.trim().chars().take(MAX_LOGIN_CHARS + 1).collect::<String>().to_ascii_lowercase();
        self.accounts.take(login, now)
    }
}

/// `GET /account`: for guests, how to get one.
pub(super) async fn show(State(web): State<Web>, Query(way): Query<Way>, headers: HeaderMap) -> Response {
    let room = code(way.room.as_deref());
    match own(&web, &headers).await {
        Ok(Some(account)) => page::account(room, &account, None, None).into_response(),
        Ok(None) => {
            let query = room.map(|room| format!("?room={room}")).unwrap_or_default();
            Redirect::to(&format!("/account/register{query}")).into_response()
        }
        Err(error) => unavailable(&error),
    }
}

/// `GET /account/login`
pub(super) async fn log_in_page(Query(way): Query<Way>) -> Markup {
    page::log_in(code(way.room.as_deref()), "", None)
}

/// `GET /account/register`
pub(super) async fn register_page(State(web): State<Web>, Query(way): Query<Way>, headers: HeaderMap) -> Response {
    match visitor(&web, &headers).await {
        Ok(guest) => {
            let name = guest.as_ref().map_or("", |guest| guest.name.as_str());
            page::register(code(way.room.as_deref()), guest.as_ref(), name, "", None).into_response()
        }
        Err(error) => unavailable(&error),
    }
}

/// `POST /account/login`
pub(super) async fn log_in(
    State(web): State<Web>,
    Extension(peer): Extension<Peer>,
    headers: HeaderMap,
    form: Sent<Credentials>,
) -> Response {
    let Ok(Form(form)) = form else { return bad_form() };
    let room = code(form.room.as_deref());
    let again = |problem: &str| page::log_in(room, &form.login, Some(problem));
    if let Err(wait) = web.doors.knock(web.client_address(peer, &headers), Some(&form.login)) {
        return too_often(wait, again);
    }
    match web.accounts.log_in(&form.login, &form.password).await {
        Ok(session) => enter(&web, &headers, session, room).await,
        Err(error) => refused(&error, again),
    }
}

/// `POST /account/register`
pub(super) async fn register(
    State(web): State<Web>,
    Extension(peer): Extension<Peer>,
    headers: HeaderMap,
    form: Sent<Registration>,
) -> Response {
    let Ok(Form(form)) = form else { return bad_form() };
    let room = code(form.room.as_deref());
    let guest = match visitor(&web, &headers).await {
        Ok(guest) => guest,
        Err(error) => return unavailable(&error),
    };
    let again = |problem: &str| page::register(room, guest.as_ref(), &form.name, &form.login, Some(problem));
    if let Err(wait) = web.doors.knock(web.client_address(peer, &headers), None) {
        return too_often(wait, again);
    }
    let name = match DisplayName::parse(&form.name) {
        Ok(name) => name,
        Err(error) => return problem(StatusCode::UNPROCESSABLE_ENTITY, "name", &error, again),
    };
    match web.accounts.register(guest.as_ref(), name, &form.login, &form.new).await {
        Ok(session) => {
            if let Some(guest) = &guest {
                web.live.end_all_of(guest.id);
            }
            enter(&web, &headers, session, room).await
        }
        Err(RegisterError::Store(error)) => unavailable(&error),
        Err(error @ RegisterError::Busy(_)) => problem(StatusCode::SERVICE_UNAVAILABLE, "busy", &error, again),
        Err(error @ RegisterError::Taken) => problem(StatusCode::CONFLICT, "login_taken", &error, again),
        Err(error) => problem(StatusCode::UNPROCESSABLE_ENTITY, "registration", &error, again),
    }
}

/// `POST /account/logout`
pub(super) async fn log_out(State(web): State<Web>, headers: HeaderMap) -> Response {
    let ended = async {
        match web.cookies.session(&web.store, &headers).await? {
            Some(session) => end(&web, session).await,
            None => Ok(()),
        }
    };
    match ended.await {
        Ok(()) => {
            let cookie = Cookies::forget(web.origins.encrypted(&headers));
            (AppendHeaders([(SET_COOKIE, cookie)]), Redirect::to("/")).into_response()
        }
        Err(error) => unavailable(&error),
    }
}

/// `POST /account/password`
pub(super) async fn change_password(
    State(web): State<Web>,
    Extension(peer): Extension<Peer>,
    headers: HeaderMap,
    form: Sent<NewPassword>,
) -> Response {
    let Ok(Form(form)) = form else { return bad_form() };
    let room = code(form.room.as_deref());
    let account = match own(&web, &headers).await {
        Ok(Some(account)) => account,
        Ok(None) => return Redirect::to("/account/login").into_response(),
        Err(error) => return unavailable(&error),
    };
    let again = |problem: &str| page::account(room, &account, None, Some(problem));
    if let Err(wait) = web.doors.knock(web.client_address(peer, &headers), Some(account.login.as_str())) {
        return too_often(wait, again);
    }
    let session = match web.accounts.change_password(&account, &form.password, &form.new).await {
        Ok(session) => session,
        Err(CheckError::Wrong) => {
            telemetry::refused("password");
            return (StatusCode::FORBIDDEN, again("This is not your password.")).into_response();
        }
        Err(error) => return refused(&error, again),
    };
    web.live.end_all_of(account.person.id);
    match give(&web, &headers, &session, web.limits.account_session).await {
        Ok(cookie) => (cookie, page::account(room, &account, Some("Your password is changed."), None)).into_response(),
        Err(error) => unavailable(&error),
    }
}

/// The account of whoever asks, if they have one.
async fn own(web: &Web, headers: &HeaderMap) -> Result<Option<Account>, StoreError> {
    match visitor(web, headers).await? {
        Some(person) => web.accounts.of(&person).await,
        None => Ok(None),
    }
}

/// Ends a session, and the sockets that were opened in it.
async fn end(web: &Web, session: SessionToken) -> Result<(), StoreError> {
    web.accounts.log_out(session.clone()).await?;
    web.live.end(&session);
    Ok(())
}

/// Lets somebody in under a new session; the one that they came with ends.
async fn enter(web: &Web, headers: &HeaderMap, session: SessionToken, room: Option<RoomCode>) -> Response {
    let entered = async {
        if let Some(old) = web.cookies.session(&web.store, headers).await? {
            end(web, old).await?;
        }
        give(web, headers, &session, web.limits.account_session).await
    };
    match entered.await {
        Ok(cookie) => {
            let to = room.map_or("/account".to_owned(), |room| format!("/rooms/{room}"));
            (cookie, Redirect::to(&to)).into_response()
        }
        Err(error) => unavailable(&error),
    }
}

/// What cannot be a code is no way to anywhere.
fn code(room: Option<&str>) -> Option<RoomCode> {
    room.and_then(|room| room.parse().ok())
}

fn refused(error: &CheckError, again: impl FnOnce(&str) -> Markup) -> Response {
    match error {
        CheckError::Wrong => problem(StatusCode::UNAUTHORIZED, "login", error, again),
        CheckError::Password(_) => problem(StatusCode::UNPROCESSABLE_ENTITY, "registration", error, again),
        CheckError::Busy(_) => problem(StatusCode::SERVICE_UNAVAILABLE, "busy", error, again),
        CheckError::Store(error) => unavailable(error),
    }
}

fn problem(
    status: StatusCode,
    reason: &'static str,
    error: &dyn std::error::Error,
    again: impl FnOnce(&str) -> Markup,
) -> Response {
    telemetry::refused(reason);
    (status, again(&sentence(&error.to_string()))).into_response()
}

fn too_often(wait: Duration, again: impl FnOnce(&str) -> Markup) -> Response {
    telemetry::refused("login_rate");
    let seconds = wait.as_secs() + 1;
    let page = again(&format!("Too many tries. Please wait {seconds} s."));
    (StatusCode::TOO_MANY_REQUESTS, AppendHeaders([(RETRY_AFTER, seconds)]), page).into_response()
}

//! Somebody's notifications, and how they want to be told of them.

use axum::extract::rejection::{FormRejection, QueryRejection};
use axum::extract::{Form, Path, Query, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Redirect, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use serde::Deserialize;

use super::forms::{bad_form, is_program, malformed, nobody, visitor};
use super::page::{NoticesView, Settings};
use super::socket::{NoticePage, OneFound};
use super::{Web, page, unavailable};
#[cfg(any(feature = "email", feature = "push", feature = "webhooks"))]
use crate::domain::notification::AddError;
use crate::domain::{Person, RoomCode, Seq, UnixMillis};
use crate::store::NoticeKey;

/// How many notifications a page shows.
const PAGE: u32 = 50;

/// Where a page ends: before this notification.
#[derive(Deserialize)]
pub(super) struct Before {
    at: UnixMillis,
    room: String,
    seq: Seq,
}

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

/// What becomes of one of somebody's ways.
#[derive(Deserialize)]
pub(super) struct Change {
    action: Action,
}

#[derive(Deserialize)]
#[serde(rename_all = "snake_case")]
enum Action {
    On,
    Off,
    Remove,
}

#[cfg(feature = "webhooks")]
#[derive(Deserialize)]
pub(super) struct NewWebhook {
    url: String,
}

/// The longest mail address that is remembered, in characters.
#[cfg(feature = "email")]
const MAX_ADDRESS: usize = 254;

#[cfg(feature = "email")]
#[derive(Deserialize)]
pub(super) struct NewEmail {
    address: String,
}

#[cfg(feature = "push")]
#[derive(Deserialize)]
pub(super) struct NewPush {
    endpoint: String,
    p256dh: String,
    auth: String,
}

type Sent<T> = Result<Form<T>, FormRejection>;

/// Everything here. What is not part of the build has no routes.
pub(super) fn routes() -> Router<Web> {
    let routes = Router::new()
        .route("/rooms/{code}/quiet", post(quiet))
        .route("/notifications", get(list))
        .route("/notifications/seen", post(seen))
        .route("/account/notifications", get(settings))
        .route("/account/notifications/{number}", post(change));
    #[cfg(feature = "webhooks")]
    let routes = routes.route("/account/notifications/webhooks", post(add_webhook));
    #[cfg(feature = "email")]
    let routes = routes
        .route("/account/notifications/email", post(add_email))
        .route("/confirm/{number}/{token}", get(ask).post(confirm));
    #[cfg(feature = "push")]
    let routes = routes.route("/account/notifications/push", post(add_push));
    routes
}

/// `GET /notifications`: the last ones, or those before the one of this moment, room and number; a page, or JSON for programs.
pub(super) async fn list(
    State(web): State<Web>,
    before: Result<Query<Before>, QueryRejection>,
    headers: HeaderMap,
) -> Response {
    let before = before.ok().and_then(|Query(Before { at, room, seq })| {
        let room = room.parse().ok()?;
        Some(NoticeKey { at, room, seq })
    });
    let program = is_program(&headers);
    let person = match visitor(&web, &headers).await {
        Ok(Some(person)) => person,
        Ok(None) => return nobody(program),
        Err(error) => return unavailable(&error),
    };
    let (listed, unseen) =
        tokio::join!(web.notifications.of(person.id, before, PAGE + 1), web.notifications.unseen(person.id, None));
    match (listed, unseen) {
        (Ok(mut notices), Ok(unseen)) => {
            let older = notices.len() > PAGE as usize;
            notices.truncate(PAGE as usize);
            if program {
                return Json(NoticePage { notices: notices.iter().map(OneFound::from).collect(), older })
                    .into_response();
            }
            page::notifications(&NoticesView { notices: &notices, unseen, newest: before.is_none(), older })
                .into_response()
        }
        (Err(error), _) | (_, Err(error)) => unavailable(&error),
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
    match visitor(&web, &headers).await {
        Ok(Some(person)) => shown(&web, &person, StatusCode::OK, &Settings::default()).await,
        Ok(None) => Redirect::to("/").into_response(),
        Err(error) => unavailable(&error),
    }
}

/// `POST /account/notifications/{number}`: on, off or away with one of the visitor's ways. Of others nothing is said.
pub(super) async fn change(
    State(web): State<Web>,
    Path(number): Path<i64>,
    headers: HeaderMap,
    form: Sent<Change>,
) -> Response {
    let Ok(Form(form)) = form else { return bad_form() };
    let changed = match visitor(&web, &headers).await {
        Ok(Some(person)) => match form.action {
            Action::On => web.notifications.switch(person.id, number, true).await,
            Action::Off => web.notifications.switch(person.id, number, false).await,
            Action::Remove => web.notifications.remove(person.id, number).await,
        },
        Ok(None) => Ok(()),
        Err(error) => Err(error),
    };
    match changed {
        Ok(()) => Redirect::to("/account/notifications").into_response(),
        Err(error) => unavailable(&error),
    }
}

/// `POST /account/notifications/webhooks`: the answer shows the secret, which nothing else ever does.
#[cfg(feature = "webhooks")]
pub(super) async fn add_webhook(State(web): State<Web>, headers: HeaderMap, form: Sent<NewWebhook>) -> Response {
    let Ok(Form(form)) = form else { return bad_form() };
    let person = match visitor(&web, &headers).await {
        Ok(Some(person)) => person,
        Ok(None) => return Redirect::to("/").into_response(),
        Err(error) => return unavailable(&error),
    };
    match web.notifications.add_webhook(person.id, form.url.trim()).await {
        Ok(secret) => {
            let settings = Settings { secret: Some(&secret), ..Settings::default() };
            shown(&web, &person, StatusCode::OK, &settings).await
        }
        Err(error) => refused(&web, &person, error).await,
    }
}

/// `POST /account/notifications/email`: a mail asks whether the address is the visitor's.
#[cfg(feature = "email")]
pub(super) async fn add_email(State(web): State<Web>, headers: HeaderMap, form: Sent<NewEmail>) -> Response {
    let Ok(Form(form)) = form else { return bad_form() };
    let person = match visitor(&web, &headers).await {
        Ok(Some(person)) => person,
        Ok(None) => return Redirect::to("/").into_response(),
        Err(error) => return unavailable(&error),
    };
    let address = form.address.trim();
    let now = std::time::Instant::now();
    // Neither can anybody write to many, nor can many write to anybody.
    let wait = web.mails.take(format!("person {}", person.id.0), now).and_then(|()| {
        let key = address.chars().take(MAX_ADDRESS).collect::<String>().to_lowercase();
        web.mails.take(format!("address {key}"), now)
    });
    if let Err(wait) = wait {
        crate::telemetry::refused("mail_rate");
        let problem = format!("Too many mails were asked for. Please wait {} minutes.", wait.as_secs() / 60 + 1);
        let settings = Settings { problem: Some(&problem), ..Settings::default() };
        return shown(&web, &person, StatusCode::TOO_MANY_REQUESTS, &settings).await;
    }
    match web.notifications.add_email(person.id, address).await {
        Ok(()) => {
            let settings =
                Settings { done: Some("Look into your mail, and confirm the address."), ..Settings::default() };
            shown(&web, &person, StatusCode::OK, &settings).await
        }
        Err(error) => refused(&web, &person, error).await,
    }
}

/// `GET /confirm/{number}/{token}`: asks; programs that follow links in mails confirm nothing.
#[cfg(feature = "email")]
pub(super) async fn ask(Path((number, token)): Path<(i64, String)>) -> Response {
    page::one_button(
        "Is this your address?",
        "Then you are told here of what mentions you.",
        "Yes, confirm it",
        &format!("/confirm/{number}/{token}"),
    )
    .into_response()
}

/// `POST /confirm/{number}/{token}`: whoever has the mail need not be logged in here.
#[cfg(feature = "email")]
pub(super) async fn confirm(State(web): State<Web>, Path((number, token)): Path<(i64, String)>) -> Response {
    match web.notifications.confirm_email(number, &token).await {
        Ok(true) => page::notice("Your address is confirmed.", "From now on you are told there of what mentions you.")
            .into_response(),
        Ok(false) => {
            crate::telemetry::refused("confirmation");
            let text = "It works once, and for a day. Add the address again for another one.";
            (StatusCode::GONE, page::notice("This link does not work any more.", text)).into_response()
        }
        Err(error) => unavailable(&error),
    }
}

/// `GET /unsubscribe/{number}/{seal}`: asks.
#[cfg(feature = "email")]
pub(super) async fn ask_unsubscribe(Path((number, seal)): Path<(i64, String)>) -> Response {
    page::one_button(
        "No more mails?",
        "You can switch them on again in your settings.",
        "No more mails",
        &format!("/unsubscribe/{number}/{seal}"),
    )
    .into_response()
}

/// `POST /unsubscribe/{number}/{seal}`: also by the program in which the mail is read, which has no `Origin` of ours: who
/// has the link may do this, and nothing else.
#[cfg(feature = "email")]
pub(super) async fn unsubscribe(State(web): State<Web>, Path((number, seal)): Path<(i64, String)>) -> Response {
    match web.notifications.unsubscribe(number, &seal).await {
        Ok(true) => page::notice("No more mails.", "Your settings have them switched off.").into_response(),
        Ok(false) => {
            crate::telemetry::refused("unsubscribe");
            (StatusCode::NOT_FOUND, page::notice("This link is none of ours.", "It may have been cut in two."))
                .into_response()
        }
        Err(error) => unavailable(&error),
    }
}

/// `POST /account/notifications/push`: what the visitor's browser gives.
#[cfg(feature = "push")]
pub(super) async fn add_push(State(web): State<Web>, headers: HeaderMap, form: Sent<NewPush>) -> Response {
    let Ok(Form(form)) = form else { return bad_form() };
    let person = match visitor(&web, &headers).await {
        Ok(Some(person)) => person,
        Ok(None) => return Redirect::to("/").into_response(),
        Err(error) => return unavailable(&error),
    };
    match web.notifications.add_push(person.id, &form.endpoint, form.p256dh, form.auth).await {
        Ok(()) => Redirect::to("/account/notifications").into_response(),
        Err(error) => refused(&web, &person, error).await,
    }
}

/// Why a way was not added.
#[cfg(any(feature = "email", feature = "push", feature = "webhooks"))]
async fn refused(web: &Web, person: &Person, error: AddError) -> Response {
    let status = match error {
        AddError::Store(error) => return unavailable(&error),
        AddError::NotHere => StatusCode::NOT_FOUND,
        AddError::TooMany => StatusCode::CONFLICT,
        _ => StatusCode::UNPROCESSABLE_ENTITY,
    };
    crate::telemetry::refused("notification_way");
    let problem = super::page::sentence(&error.to_string());
    shown(web, person, status, &Settings { problem: Some(&problem), ..Settings::default() }).await
}

/// The page of somebody's settings, with what is to be said on it.
async fn shown(web: &Web, person: &Person, status: StatusCode, said: &Settings<'_>) -> Response {
    let (visits, ways) = match tokio::try_join!(web.visits.of(person.id), web.notifications.ways(person.id)) {
        Ok(found) => found,
        Err(error) => return unavailable(&error),
    };
    #[cfg(feature = "push")]
    let key = match web.notifications.push_key().await {
        Ok(key) => key,
        Err(error) => return unavailable(&error),
    };
    #[cfg(not(feature = "push"))]
    let key: Option<String> = None;
    let page = page::notification_settings(&Settings {
        push_key: key.as_deref(),
        visits: &visits,
        ways: &ways,
        offers: &web.notifications.offered(),
        ..*said
    });
    (status, page).into_response()
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

//! The page of a room, and writing in it without a script.

use axum::Json;
use axum::extract::rejection::{FormRejection, QueryRejection};
use axum::extract::{Form, Path, Query, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Redirect, Response};
use serde::Deserialize;

use super::commands::{HELP, Understood, in_query};
use super::forms::{bad_form, malformed, remember, visitor};
use super::page::{Reply, RoomView, room, sentence, unknown_room};
use super::socket::{Past, Said};
use super::{Web, direct, page, unavailable};
use crate::domain::room::{EnterError, Entry, PostError, Telling};
use crate::domain::{Body, ClientId, DisplayName, Person, RoomCode, RoomKind, Seq};
use crate::store::{Page, SessionToken, StoreError, Visit};
use crate::telemetry;

/// Messages that a page shows.
const PAGE: u32 = 50;

#[derive(Deserialize)]
pub(super) struct Place {
    before: Option<Seq>,
    /// The message that is to be in the middle.
    around: Option<Seq>,
}

#[derive(Deserialize)]
pub(super) struct Written {
    id: String,
    body: String,
}

/// `GET /rooms/{code}`
pub(super) async fn show(
    State(web): State<Web>,
    Path(text): Path<String>,
    place: Result<Query<Place>, QueryRejection>,
    headers: HeaderMap,
) -> Response {
    let code = match text.parse::<RoomCode>() {
        Ok(code) if code.as_str() != text => return Redirect::permanent(&format!("/rooms/{code}")).into_response(),
        Ok(code) => code,
        Err(error) => return malformed(error),
    };
    let place = place.ok().map(|Query(place)| place);
    let before = place.and_then(|place| place.before());
    let shown = async {
        let viewer = visitor(&web, &headers).await.map_err(|error| unavailable(&error))?;
        let entry = enter(&web, code, viewer.as_ref()).await?;
        view(&web, &entry, viewer.as_ref(), before, None).await.map_err(|error| unavailable(&error))
    };
    shown.await.unwrap_or_else(|refusal| refusal)
}

/// Lets somebody into a room; whoever may not be in it is answered as if there were none.
pub(super) async fn enter(web: &Web, code: RoomCode, viewer: Option<&Person>) -> Result<Entry, Response> {
    web.rooms.enter(code, viewer.map(|viewer| viewer.id)).await.map_err(|error| match error {
        EnterError::Store(error) => unavailable(&error),
        _ => nowhere(code, viewer),
    })
}

/// There is no room of this code, or none for whoever asks.
pub(super) fn nowhere(code: RoomCode, viewer: Option<&Person>) -> Response {
    telemetry::refused("unknown_room");
    (StatusCode::NOT_FOUND, unknown_room(code, viewer)).into_response()
}

/// `GET /rooms/{code}/messages`: a page of the past for programs, in the form in which the socket tells messages.
pub(super) async fn past(
    State(web): State<Web>,
    Path(code): Path<String>,
    place: Result<Query<Place>, QueryRejection>,
    headers: HeaderMap,
) -> Response {
    let Ok(code) = code.parse::<RoomCode>() else {
        telemetry::refused("code");
        return (StatusCode::NOT_FOUND, "that is not a room code").into_response();
    };
    let Ok(Query(place)) = place else {
        telemetry::refused("place");
        return (StatusCode::BAD_REQUEST, "before and around are numbers of messages").into_response();
    };
    let told = async {
        let Some(viewer) = visitor(&web, &headers).await? else {
            telemetry::refused("session");
            return Ok((StatusCode::UNAUTHORIZED, "choose a name first").into_response());
        };
        let entry = match web.rooms.enter(code, Some(viewer.id)).await {
            Ok(entry) => entry,
            Err(EnterError::Store(error)) => return Err(error),
            Err(_) => {
                telemetry::refused("unknown_room");
                return Ok((StatusCode::NOT_FOUND, "there is no such room").into_response());
            }
        };
        // Read first: a change that comes in between is told once more by the socket.
        let revision = web.rooms.last_revision(&entry).await?;
        let messages = web.rooms.history(&entry, part(place.before())).await?;
        let visits = visits(&web, code, Some(&viewer)).await;
        let read = visits.iter().find(|visit| visit.room == code).map(|visit| visit.read);
        Ok(Json(Past { messages: messages.iter().map(Said::from).collect(), revision, read }).into_response())
    };
    told.await.unwrap_or_else(|error| unavailable(&error))
}

/// `POST /rooms/{code}/messages`: for those who have no script.
pub(super) async fn post(
    State(web): State<Web>,
    Path(code): Path<String>,
    headers: HeaderMap,
    form: Result<Form<Written>, FormRejection>,
) -> Response {
    let code = match code.parse::<RoomCode>() {
        Ok(code) => code,
        Err(error) => return malformed(error),
    };
    let Ok(Form(form)) = form else { return bad_form() };
    let Ok(id) = ClientId::parse(&form.id) else { return bad_form() };
    let author = match visitor(&web, &headers).await {
        Ok(Some(author)) => author,
        Ok(None) => return Redirect::to(&format!("/rooms/{code}")).into_response(),
        Err(error) => return unavailable(&error),
    };
    let entry = match enter(&web, code, Some(&author)).await {
        Ok(entry) => entry,
        Err(refusal) => return refusal,
    };
    let (status, answer) = match say(&web, &entry, &author, &headers, id, &form.body).await {
        Ok(Outcome::Done(response)) => return response,
        Ok(Outcome::Answer(answer)) => (StatusCode::OK, answer),
        Err(refusal) => refusal,
    };
    let reply = match status {
        StatusCode::OK => Reply::Answer(&answer),
        _ => Reply::Refused { problem: &answer, draft: &form.body },
    };
    match view(&web, &entry, Some(&author), None, Some(reply)).await {
        Ok(page) => (status, page).into_response(),
        Err(error) => unavailable(&error),
    }
}

/// What came of what was written without a script.
enum Outcome {
    Done(Response),
    /// What was asked for, to be shown in the room.
    Answer(String),
}

/// Says what was written, or does it; or why not.
async fn say(
    web: &Web,
    entry: &Entry,
    author: &Person,
    headers: &HeaderMap,
    id: ClientId,
    text: &str,
) -> Result<Outcome, (StatusCode, String)> {
    let code = entry.code();
    let refused = |status, label, problem| {
        telemetry::refused(label);
        (status, problem)
    };
    let wrong = |label, problem: &str| refused(StatusCode::UNPROCESSABLE_ENTITY, label, sentence(problem));
    let failed = |error: StoreError| Ok(Outcome::Done(unavailable(&error)));
    let go = |address: String| Ok(Outcome::Done(Redirect::to(&address).into_response()));
    let body = Body::parse(text).map_err(|error| wrong("body", &error.to_string()))?;
    if web.bounds.say(author.id, code).is_err() {
        let problem = "This was not sent: you, or all in this room, are sending very fast.";
        return Err(refused(StatusCode::TOO_MANY_REQUESTS, "rate", problem.into()));
    }
    let written = Understood::of(body.as_str())
        .map_err(|problem| refused(StatusCode::UNPROCESSABLE_ENTITY, "command", problem))?;
    match written {
        Understood::Message(kind, text) => {
            let body = Body::parse(text).map_err(|error| wrong("body", &error.to_string()))?;
            match web.rooms.post(code, author.clone(), id, kind, body).await {
                Ok(_) => Ok(Outcome::Done(latest(code))),
                Err(PostError::Unknown) => Ok(Outcome::Done(nowhere(code, Some(author)))),
                Err(error) => {
                    let problem = format!("This was not sent: {error}; please try again.");
                    Err(refused(StatusCode::SERVICE_UNAVAILABLE, "unavailable", problem))
                }
            }
        }
        Understood::Direct(text) => match direct::tell(web, author, id, Telling::Written(text.to_owned())).await {
            Ok(room) => Ok(Outcome::Done(latest(room))),
            Err((status, problem)) => Err((status, sentence(&problem))),
        },
        Understood::Nick(name) => {
            let name = DisplayName::parse(name).map_err(|error| wrong("name", &error.to_string()))?;
            match remember(web, headers, name).await {
                Ok((cookie, _)) => Ok(Outcome::Done((cookie, latest(code)).into_response())),
                Err(error) => failed(error),
            }
        }
        Understood::Who => {
            let members = web.rooms.members(entry).await;
            let names: Vec<&str> = members.iter().map(|person| person.name.as_str()).collect();
            Ok(Outcome::Answer(match names.len() {
                0 => "Nobody is here now who would be told at once.".to_owned(),
                all => format!("{all} here: {}", names.join(", ")),
            }))
        }
        Understood::Search(words) => go(format!("/search?q={}&room={code}", in_query(words))),
        Understood::Join(channel) if channel.starts_with('#') => match entry.kind() {
            RoomKind::Channel(here) => {
                go(format!("/workspaces/{}/channels?name={}", here.workspace, in_query(channel)))
            }
            _ => Err(wrong("command", "this room is in no workspace, so there are no channels to join")),
        },
        Understood::Join(wanted) => match wanted.parse::<RoomCode>() {
            Ok(wanted) => go(format!("/rooms/{wanted}")),
            Err(error) => Err(wrong("code", &error.to_string())),
        },
        Understood::Leave => match out_of(web, author, code).await {
            Ok(next) => go(next),
            Err(error) => failed(error),
        },
        Understood::Help => Ok(Outcome::Answer(HELP.to_owned())),
    }
}

/// To the newest message of a room, which the page is scrolled to.
pub(super) fn latest(code: RoomCode) -> Response {
    Redirect::to(&format!("/rooms/{code}#latest")).into_response()
}

/// `POST /rooms/{code}/leave`: it is no longer one of the visitor's rooms. Whoever leaves a channel still belongs to its workspace.
pub(super) async fn leave(State(web): State<Web>, Path(code): Path<String>, headers: HeaderMap) -> Response {
    let code = match code.parse::<RoomCode>() {
        Ok(code) => code,
        Err(error) => return malformed(error),
    };
    let left = async {
        match visitor(&web, &headers).await? {
            Some(person) => out_of(&web, &person, code).await,
            None => Ok("/".to_owned()),
        }
    };
    match left.await {
        Ok(next) => Redirect::to(&next).into_response(),
        Err(error) => unavailable(&error),
    }
}

/// Takes a room off somebody's list; where they go then.
async fn out_of(web: &Web, person: &Person, code: RoomCode) -> Result<String, StoreError> {
    web.visits.leave(person.id, code).await?;
    Ok(match web.rooms.enter(code, Some(person.id)).await {
        Ok(entry) => match entry.kind() {
            RoomKind::Channel(channel) => format!("/workspaces/{}", channel.workspace),
            _ => "/".to_owned(),
        },
        Err(_) => "/".to_owned(),
    })
}

/// Whatever has no route.
pub(super) async fn nothing_here() -> Response {
    let page = page::notice("There is nothing here.", "The address may be misspelt, or out of date.");
    (StatusCode::NOT_FOUND, page).into_response()
}

pub(super) async fn view(
    web: &Web,
    entry: &Entry,
    viewer: Option<&Person>,
    before: Option<Seq>,
    reply: Option<Reply<'_>>,
) -> Result<Response, StoreError> {
    let code = entry.code();
    // Read first: a change that comes in between is told once more by the socket.
    let revision = web.rooms.last_revision(entry).await?;
    let messages = web.rooms.history(entry, part(before)).await?;
    let members = web.rooms.members(entry).await;
    let away = web.presences.away(members.iter().map(|person| person.id).collect()).await;
    let visits = visits(web, code, viewer).await;
    let workspace = match entry.kind() {
        RoomKind::Channel(channel) => web.workspaces.find(channel.workspace).await?.map(|found| (found, &channel.name)),
        _ => None,
    };
    let with = match (entry.kind(), viewer) {
        (RoomKind::Direct(pair), Some(viewer)) => web.store.person(pair.other(viewer.id)).await?,
        _ => None,
    };
    let notices = match viewer {
        Some(viewer) => web.notifications.unseen(viewer.id, Some(code)).await.unwrap_or_default(),
        None => 0,
    };
    let next_id = ClientId::parse(SessionToken::random().as_str()).expect("a token has the form of an id");
    let newest = before.is_none();
    if let (Some(viewer), Some(last), true) = (viewer, messages.last(), newest)
        && let Err(error) = web.visits.read(viewer.id, code, last.seq).await
    {
        tracing::warn!(room = %code, %error, "what was read is not kept");
    }
    Ok(room(&RoomView {
        code,
        channel: workspace.as_ref().map(|(workspace, name)| (workspace, *name)),
        viewer,
        with: with.as_ref(),
        members: &members,
        away: &away,
        visits: &visits,
        notices,
        messages: &messages,
        revision,
        newest,
        reply,
        next_id,
        file_limit: web.uploads.limit(),
    })
    .into_response())
}

impl Place {
    /// Before which message the page ends.
    fn before(&self) -> Option<Seq> {
        let middle = |around: Seq| Seq(around.0.saturating_add(u64::from(PAGE) / 2 + 1));
        self.around.map(middle).or(self.before)
    }
}

/// The page before this message, or the last one.
fn part(before: Option<Seq>) -> Page {
    match before {
        Some(before) => Page::Before { before, limit: PAGE },
        None => Page::Latest { limit: PAGE },
    }
}

/// The rooms of whoever looks at this one, which is one of them from now on. A store that cannot write them down holds
/// up nobody who reads.
async fn visits(web: &Web, code: RoomCode, viewer: Option<&Person>) -> Vec<Visit> {
    let Some(viewer) = viewer else { return Vec::new() };
    let visits = match web.visits.enter(viewer.id, code).await {
        Err(error) => {
            tracing::warn!(room = %code, %error, "a visit is not kept");
            web.visits.of(viewer.id).await
        }
        visits => visits,
    };
    visits.unwrap_or_default()
}

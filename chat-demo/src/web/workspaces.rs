//! The pages of workspaces, and what is done there: all of it without a script.

use std::collections::HashMap;

use axum::Json;
use axum::extract::rejection::FormRejection;
use axum::extract::{Form, Path, Query, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Redirect, Response};
use serde::Deserialize;

use super::forms::{bad_form, is_program, name_visitor, visitor};
use super::page::{self, Outcome, WorkspaceView, sentence};
use super::socket::{self, Member, OneChannel, Team};
use super::{Web, unavailable};
use crate::domain::presence::Status;
use crate::domain::workspace::{BroadcastError, ChannelName, CreateError, JoinError, OpenError, View, WorkspaceCode};
use crate::domain::{Body, CodeError, DisplayName, Person, PersonId};
use crate::store::StoreError;
use crate::telemetry;

#[derive(Deserialize)]
pub(super) struct NewWorkspace {
    name: String,
    workspace: String,
}

#[derive(Deserialize)]
pub(super) struct Joining {
    name: String,
}

#[derive(Deserialize)]
pub(super) struct Wanted {
    #[serde(default)]
    code: String,
}

#[derive(Deserialize)]
pub(super) struct Named {
    #[serde(default)]
    name: String,
}

#[derive(Deserialize)]
pub(super) struct Announcement {
    body: String,
}

/// `POST /workspaces`: makes a workspace.
pub(super) async fn create(
    State(web): State<Web>,
    headers: HeaderMap,
    form: Result<Form<NewWorkspace>, FormRejection>,
) -> Response {
    let Ok(Form(form)) = form else { return bad_form() };
    let name = match DisplayName::parse(&form.workspace) {
        Ok(name) => name,
        Err(error) => {
            telemetry::refused("name");
            let problem = format!("the name of the workspace: {error}");
            let page = page::home(None, &[], &[], Some(&sentence(&problem)));
            return (StatusCode::UNPROCESSABLE_ENTITY, page).into_response();
        }
    };
    let (named, founder) = match name_visitor(&web, &headers, &form.name).await {
        Ok(named) => named,
        Err(refusal) => return refusal,
    };
    match web.workspaces.create(founder.id, name).await {
        Ok(code) => (named, Redirect::to(&format!("/workspaces/{code}"))).into_response(),
        Err(CreateError::Store(error)) => unavailable(&error),
        Err(_) => {
            tracing::error!("no free code was found");
            let page =
                page::notice("No workspace could be made.", "All codes that were tried are taken. Please try again.");
            (StatusCode::SERVICE_UNAVAILABLE, page).into_response()
        }
    }
}

/// `GET /workspaces?code=…`: goes to a workspace whose code was written by hand.
pub(super) async fn find(Query(wanted): Query<Wanted>) -> Response {
    match wanted.code.parse::<WorkspaceCode>() {
        Ok(code) => Redirect::to(&format!("/workspaces/{code}")).into_response(),
        Err(error) => malformed(error),
    }
}

/// `GET /workspaces/{code}`
pub(super) async fn show(State(web): State<Web>, Path(text): Path<String>, headers: HeaderMap) -> Response {
    let code = match text.parse::<WorkspaceCode>() {
        Ok(code) if code.as_str() != text => {
            return Redirect::permanent(&format!("/workspaces/{code}")).into_response();
        }
        Ok(code) => code,
        Err(error) => return malformed(error),
    };
    let shown = async {
        let viewer = visitor(&web, &headers).await?;
        if let Some(member) = &viewer
            && let Some(view) = web.workspaces.view(code, member.id).await?
        {
            return if is_program(&headers) {
                told(&web, &view).await
            } else {
                within(&web, &view, member, None).await
            };
        }
        Ok(match web.workspaces.find(code).await? {
            // Whoever has the code may know what it is called, and nothing else.
            Some(_) if is_program(&headers) => {
                let text = "This workspace is not one of yours: join it first.".into();
                (StatusCode::FORBIDDEN, Json(socket::Refusal { reason: "not_member".into(), text })).into_response()
            }
            Some(workspace) => page::invitation(code, &workspace.name, viewer.as_ref()).into_response(),
            None => nowhere(),
        })
    };
    shown.await.unwrap_or_else(|error: StoreError| unavailable(&error))
}

/// `POST /workspaces/{code}/join`: whoever has the code belongs to it.
pub(super) async fn join(
    State(web): State<Web>,
    Path(code): Path<String>,
    headers: HeaderMap,
    form: Result<Form<Joining>, FormRejection>,
) -> Response {
    let code = match code.parse::<WorkspaceCode>() {
        Ok(code) => code,
        Err(error) => return malformed(error),
    };
    let Ok(Form(form)) = form else { return bad_form() };
    let (named, person) = match name_visitor(&web, &headers, &form.name).await {
        Ok(named) => named,
        Err(refusal) => return refusal,
    };
    match web.workspaces.join(code, person.id).await {
        Ok(()) => (named, Redirect::to(&format!("/workspaces/{code}"))).into_response(),
        Err(JoinError::Unknown) => (named, nowhere()).into_response(),
        Err(JoinError::Full) => {
            telemetry::refused("workspace_full");
            let (problem, help) = ("This workspace is full.", "Somebody has to leave it before another one can join.");
            if is_program(&headers) {
                let refusal =
                    socket::Refusal { reason: "workspace_full".into(), text: format!("{problem} {help}").into() };
                return (StatusCode::CONFLICT, named, Json(refusal)).into_response();
            }
            (StatusCode::CONFLICT, named, page::notice(problem, help)).into_response()
        }
        Err(JoinError::Unreachable(cause)) => (named, unreachable(&cause)).into_response(),
    }
}

/// `POST /workspaces/{code}/leave`: it is no longer the visitor's, and neither are its channels.
pub(super) async fn leave(State(web): State<Web>, Path(code): Path<String>, headers: HeaderMap) -> Response {
    let code = match code.parse::<WorkspaceCode>() {
        Ok(code) => code,
        Err(error) => return malformed(error),
    };
    let left = match visitor(&web, &headers).await {
        Ok(Some(person)) => web.workspaces.leave(code, person.id).await,
        Ok(None) => Ok(()),
        Err(error) => return unavailable(&error),
    };
    match left {
        Err(JoinError::Unreachable(cause)) => unreachable(&cause),
        _ => Redirect::to("/").into_response(),
    }
}

/// `GET /workspaces/{code}/channels?name=…`: goes to a channel by its name, or offers to make it.
pub(super) async fn find_channel(
    State(web): State<Web>,
    Path(code): Path<String>,
    Query(wanted): Query<Named>,
    headers: HeaderMap,
) -> Response {
    let code = match code.parse::<WorkspaceCode>() {
        Ok(code) => code,
        Err(error) => return malformed(error),
    };
    let found = async {
        let Some((member, view)) = member(&web, code, &headers).await? else { return Ok(nowhere()) };
        let name = match ChannelName::parse(&wanted.name) {
            Ok(name) => name,
            Err(error) => {
                telemetry::refused("channel_name");
                let page = within(&web, &view, &member, Some(Outcome::Refused(sentence(&error.to_string())))).await?;
                return Ok((StatusCode::UNPROCESSABLE_ENTITY, page).into_response());
            }
        };
        Ok(match view.workspace.channels.iter().find(|channel| channel.name == name) {
            Some(channel) => Redirect::to(&format!("/rooms/{}", channel.room)).into_response(),
            None => (StatusCode::NOT_FOUND, page::unknown_channel(code, &name)).into_response(),
        })
    };
    found.await.unwrap_or_else(|error: StoreError| unavailable(&error))
}

/// `POST /workspaces/{code}/channels`: makes a channel, or finds the one of this name.
pub(super) async fn open_channel(
    State(web): State<Web>,
    Path(code): Path<String>,
    headers: HeaderMap,
    form: Result<Form<Named>, FormRejection>,
) -> Response {
    let code = match code.parse::<WorkspaceCode>() {
        Ok(code) => code,
        Err(error) => return malformed(error),
    };
    let Ok(Form(form)) = form else { return bad_form() };
    let opened = async {
        let Some((member, view)) = member(&web, code, &headers).await? else { return Ok(nowhere()) };
        let (status, problem) = match ChannelName::parse(&form.name) {
            Err(error) => {
                telemetry::refused("channel_name");
                (StatusCode::UNPROCESSABLE_ENTITY, error.to_string())
            }
            Ok(_) if web.bounds.do_something(member.id).is_err() => {
                telemetry::refused("rate");
                (StatusCode::TOO_MANY_REQUESTS, "no channel was made: you are doing much at once".to_owned())
            }
            Ok(name) => match web.workspaces.open(code, member.id, name).await {
                Ok(channel) => return Ok(Redirect::to(&format!("/rooms/{}", channel.room)).into_response()),
                Err(OpenError::Unknown) => return Ok(nowhere()),
                Err(error @ OpenError::Full) => {
                    telemetry::refused("channels_full");
                    (StatusCode::CONFLICT, error.to_string())
                }
                Err(error) => (StatusCode::SERVICE_UNAVAILABLE, format!("{error}; please try again")),
            },
        };
        Ok((status, outcome(&web, &view, &member, &headers, Outcome::Refused(sentence(&problem))).await?)
            .into_response())
    };
    opened.await.unwrap_or_else(|error: StoreError| unavailable(&error))
}

/// `POST /workspaces/{code}/announcements`: tells all who are in a channel something.
pub(super) async fn announce(
    State(web): State<Web>,
    Path(code): Path<String>,
    headers: HeaderMap,
    form: Result<Form<Announcement>, FormRejection>,
) -> Response {
    let code = match code.parse::<WorkspaceCode>() {
        Ok(code) => code,
        Err(error) => return malformed(error),
    };
    let Ok(Form(form)) = form else { return bad_form() };
    let told = async {
        let Some((member, view)) = member(&web, code, &headers).await? else { return Ok(nowhere()) };
        let (status, said) = match Body::parse(&form.body) {
            Err(error) => {
                telemetry::refused("body");
                (StatusCode::UNPROCESSABLE_ENTITY, error.to_string())
            }
            Ok(_) if web.bounds.do_something(member.id).is_err() => {
                telemetry::refused("rate");
                (StatusCode::TOO_MANY_REQUESTS, "nobody was told: you are sending very fast".to_owned())
            }
            Ok(body) => match web.workspaces.broadcast(code, member.clone(), body).await {
                Ok(0) => (StatusCode::OK, "nobody is in a channel now, so nobody was told".to_owned()),
                Ok(_) => (StatusCode::OK, "all who are in a channel now were told".to_owned()),
                Err(BroadcastError::NotMember) => return Ok(nowhere()),
                Err(error) => (StatusCode::SERVICE_UNAVAILABLE, format!("nobody was told: {error}; please try again")),
            },
        };
        let kind = if status == StatusCode::OK { Outcome::Done } else { Outcome::Refused };
        Ok((status, outcome(&web, &view, &member, &headers, kind(sentence(&said))).await?).into_response())
    };
    told.await.unwrap_or_else(|error: StoreError| unavailable(&error))
}

/// Who asks, and the workspace, if it is theirs.
async fn member(web: &Web, code: WorkspaceCode, headers: &HeaderMap) -> Result<Option<(Person, View)>, StoreError> {
    let Some(person) = visitor(web, headers).await? else { return Ok(None) };
    Ok(web.workspaces.view(code, person.id).await?.map(|view| (person, view)))
}

/// What became of something: on the page of the workspace, or for a program in words.
async fn outcome(
    web: &Web,
    view: &View,
    member: &Person,
    headers: &HeaderMap,
    outcome: Outcome,
) -> Result<Response, StoreError> {
    if !is_program(headers) {
        return within(web, view, member, Some(outcome)).await;
    }
    let (reason, text) = match outcome {
        Outcome::Done(text) => ("done", text),
        Outcome::Refused(text) => ("refused", text),
    };
    Ok(Json(socket::Refusal { reason: reason.into(), text: text.into() }).into_response())
}

/// A workspace, as a program is told of it.
async fn told(web: &Web, view: &View) -> Result<Response, StoreError> {
    let workspace = &view.workspace;
    let statuses = web.presences.of(workspace.members.iter().map(|person| person.id).collect()).await;
    let status = |id| socket::word(statuses.get(&id).copied().unwrap_or(Status::Offline));
    let members = workspace.members.iter();
    let members = members.map(|person| Member {
        id: person.id,
        name: person.name.as_str().into(),
        status: status(person.id).into(),
    });
    Ok(Json(Team {
        code: workspace.code.to_string(),
        name: workspace.name.as_str().into(),
        channels: workspace.channels.iter().map(OneChannel::from).collect(),
        members: members.collect(),
    })
    .into_response())
}

/// The page of a workspace, for a member.
async fn within(web: &Web, view: &View, member: &Person, outcome: Option<Outcome>) -> Result<Response, StoreError> {
    let people = view.workspace.members.iter().map(|person| person.id).collect();
    let statuses: HashMap<PersonId, Status> = web.presences.of(people).await;
    let visits = web.visits.of(member.id).await?;
    Ok(page::workspace(&WorkspaceView {
        view,
        viewer: member,
        statuses: &statuses,
        visits: &visits,
        outcome: outcome.as_ref(),
    })
    .into_response())
}

/// There is no such workspace, or none for whoever asks.
fn nowhere() -> Response {
    telemetry::refused("unknown_workspace");
    let page = page::notice("There is no such workspace.", "Look at the code again, or ask whoever gave it to you.");
    (StatusCode::NOT_FOUND, page).into_response()
}

fn unreachable(cause: &std::sync::Arc<dyn std::error::Error + Send + Sync>) -> Response {
    tracing::error!(error = &**cause as &dyn std::error::Error, "a request failed");
    super::try_again()
}

/// What was given as a code is none.
fn malformed(error: CodeError) -> Response {
    telemetry::refused("code");
    let problem = sentence(&error.to_string().replace("room code", "code"));
    (StatusCode::NOT_FOUND, page::notice("That is not the code of a workspace.", &problem)).into_response()
}

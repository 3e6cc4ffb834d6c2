//! Looking for what was said.

use axum::extract::rejection::QueryRejection;
use axum::extract::{Query as Parameters, State};
use axum::http::header::RETRY_AFTER;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{AppendHeaders, IntoResponse, Redirect, Response};
use serde::Deserialize;

use super::forms::{bad_form, malformed, visitor};
use super::page::{SearchView, search, sentence};
use super::rooms::enter;
use super::{Web, unavailable};
use crate::domain::RoomCode;
use crate::domain::search::Query;
use crate::telemetry;

#[derive(Deserialize)]
pub(super) struct Wanted {
    #[serde(default)]
    q: String,
    #[serde(default)]
    room: String,
    before: Option<u64>,
}

/// `GET /search`
pub(super) async fn show(
    State(web): State<Web>,
    wanted: Result<Parameters<Wanted>, QueryRejection>,
    headers: HeaderMap,
) -> Response {
    let Ok(Parameters(wanted)) = wanted else { return bad_form() };
    let me = match visitor(&web, &headers).await {
        Ok(Some(me)) => me,
        Ok(None) => return Redirect::to("/").into_response(),
        Err(error) => return unavailable(&error),
    };
    let scope = match Some(wanted.room.trim()).filter(|room| !room.is_empty()).map(str::parse::<RoomCode>).transpose() {
        Ok(scope) => scope,
        Err(error) => return malformed(error),
    };
    if let Some(code) = scope
        && let Err(refusal) = enter(&web, code, Some(&me)).await
    {
        return refusal;
    }
    let visits = match web.visits.of(me.id).await {
        Ok(visits) => visits,
        Err(error) => return unavailable(&error),
    };
    let text = wanted.q.trim();
    let view = SearchView { me: me.id, text, scope, visits: &visits, query: None, results: None, problem: None };
    if text.is_empty() {
        return search(&view).into_response();
    }
    if let Err(wait) = web.bounds.look(me.id) {
        telemetry::refused("search_rate");
        let seconds = wait.as_secs() + 1;
        let problem = format!("You search very fast. Please wait {seconds} s.");
        let page = search(&SearchView { problem: Some(&problem), ..view });
        return (StatusCode::TOO_MANY_REQUESTS, AppendHeaders([(RETRY_AFTER, seconds)]), page).into_response();
    }
    let query: Query = match text.parse() {
        Ok(query) => query,
        Err(error) => {
            telemetry::refused("search");
            let problem = sentence(&format!("{error}"));
            let page = search(&SearchView { problem: Some(&problem), ..view });
            return (StatusCode::UNPROCESSABLE_ENTITY, page).into_response();
        }
    };
    match web.rooms.find(me.id, scope, &query, wanted.before).await {
        Ok(results) => {
            telemetry::searched(if results.found.is_empty() { "nothing" } else { "found" });
            search(&SearchView { query: Some(&query), results: Some(&results), ..view }).into_response()
        }
        Err(error) => {
            telemetry::searched("failed");
            unavailable(&error)
        }
    }
}

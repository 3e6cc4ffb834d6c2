//! Looking for what was said: on a page, or in JSON for programs.

use axum::Json;
use axum::extract::rejection::QueryRejection;
use axum::extract::{Query as Parameters, State};
use axum::http::header::RETRY_AFTER;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{AppendHeaders, IntoResponse, Response};
use serde::Deserialize;

use super::forms::{bad_form, is_program, malformed, nobody, visitor};
use super::page::{SearchView, search, sentence};
use super::rooms::enter;
use super::socket::{FoundPage, OneFound, Refusal};
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
    let program = is_program(&headers);
    let me = match visitor(&web, &headers).await {
        Ok(Some(me)) => me,
        Ok(None) => return nobody(program),
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
    if text.is_empty() && !program {
        return search(&view).into_response();
    }
    let refused = |status: StatusCode, reason: &'static str, problem: &str| {
        telemetry::refused(reason);
        if program {
            (status, Json(Refusal { reason: reason.into(), text: problem.into() })).into_response()
        } else {
            (status, search(&SearchView { problem: Some(problem), ..view })).into_response()
        }
    };
    if let Err(wait) = web.bounds.look(me.id) {
        let seconds = wait.as_secs() + 1;
        let problem = format!("You search very fast. Please wait {seconds} s.");
        let answer = refused(StatusCode::TOO_MANY_REQUESTS, "search_rate", &problem);
        return (AppendHeaders([(RETRY_AFTER, seconds)]), answer).into_response();
    }
    let query: Query = match text.parse() {
        Ok(query) => query,
        Err(error) => {
            return refused(StatusCode::UNPROCESSABLE_ENTITY, "search", &sentence(&format!("{error}")));
        }
    };
    match web.rooms.find(me.id, scope, &query, wanted.before).await {
        Ok(results) => {
            telemetry::searched(if results.found.is_empty() { "nothing" } else { "found" });
            if program {
                let found = results.found.iter().map(OneFound::from).collect();
                return Json(FoundPage { found, older: results.older }).into_response();
            }
            search(&SearchView { query: Some(&query), results: Some(&results), ..view }).into_response()
        }
        Err(error) => {
            telemetry::searched("failed");
            unavailable(&error)
        }
    }
}

//! What only the operator may do.

use axum::Json;
use axum::extract::{Path, State};
use axum::http::header::AUTHORIZATION;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};

use super::Web;
use crate::domain::notification::DeadLetter;
use crate::kill;
use crate::store::StoreError;

const UNKNOWN: (StatusCode, &str) = (StatusCode::UNAUTHORIZED, "the admin token is missing or wrong\n");

/// `POST /admin/kill/{path}`: kills what has this path in the tree, as a crash would: `services/rooms/CODE` the process of a room,
/// `services/message_buffer` the message buffer, `web` the endpoint, with the connection by which it was asked. Nobody loses
/// anything; that is what it is there to show.
pub(super) async fn kill(
    State(web): State<Web>,
    Path(path): Path<String>,
    headers: HeaderMap,
) -> (StatusCode, &'static str) {
    if !is_operator(&web, &headers) {
        return UNKNOWN;
    }
    tracing::warn!(path, "the operator kills");
    match web.root.get() {
        Some(root) if kill::kill(root, &path).await => (StatusCode::OK, "killed\n"),
        _ => (StatusCode::NOT_FOUND, "nothing of this path runs\n"),
    }
}

/// `GET /admin/notifications`: what the service does, and what did not arrive, without what it says.
pub(super) async fn notifications(State(web): State<Web>, headers: HeaderMap) -> Response {
    if !is_operator(&web, &headers) {
        return UNKNOWN.into_response();
    }
    let (statistics, dead) = tokio::join!(web.notifications.statistics(), web.notifications.dead_letters());
    let dead = match dead {
        Ok(dead) => dead,
        Err(error) => return failed(&error),
    };
    let letter = |letter: DeadLetter| {
        json!({
            "number": letter.number,
            "id": letter.id,
            "way": letter.way.as_str(),
            "at": letter.dead_at,
            "tries": letter.tries,
            "error": letter.error,
        })
    };
    let service = statistics.map(|statistics| {
        json!({
            "waiting": statistics.load.waiting,
            "running": statistics.load.running,
            "delivered": statistics.delivered,
            "withdrawn": statistics.withdrawn,
            "retried": statistics.retried,
            "dead": statistics.died,
            "overflowed": statistics.overflowed,
            "discarded": statistics.discarded,
        })
    });
    let dead: Vec<Value> = dead.into_iter().map(letter).collect();
    Json(json!({ "service": service, "dead": dead })).into_response()
}

/// `POST /admin/notifications/{number}/retry`: one that did not arrive goes out again.
pub(super) async fn retry_notification(
    State(web): State<Web>,
    Path(number): Path<i64>,
    headers: HeaderMap,
) -> Response {
    if !is_operator(&web, &headers) {
        return UNKNOWN.into_response();
    }
    done(web.notifications.retry(number).await, "it goes out again\n")
}

/// `POST /admin/notifications/{number}/discard`: one that did not arrive is forgotten.
pub(super) async fn discard_notification(
    State(web): State<Web>,
    Path(number): Path<i64>,
    headers: HeaderMap,
) -> Response {
    if !is_operator(&web, &headers) {
        return UNKNOWN.into_response();
    }
    if !web.destructive {
        let text = "this cannot be undone; whoever runs this server allows it with --allow-destructive\n";
        return (StatusCode::FORBIDDEN, text).into_response();
    }
    done(web.notifications.discard(number).await, "forgotten\n")
}

fn done(result: Result<bool, StoreError>, text: &'static str) -> Response {
    match result {
        Ok(true) => (StatusCode::OK, text).into_response(),
        Ok(false) => (StatusCode::NOT_FOUND, "nothing of this number is put aside\n").into_response(),
        Err(error) => failed(&error),
    }
}

fn failed(error: &StoreError) -> Response {
    tracing::error!(error = error as &dyn std::error::Error, "a request of the operator failed");
    (StatusCode::SERVICE_UNAVAILABLE, "the store does not work now\n").into_response()
}

fn is_operator(web: &Web, headers: &HeaderMap) -> bool {
    let offered = headers.get(AUTHORIZATION).and_then(|header| header.to_str().ok());
    match (&web.admin, offered.and_then(|header| header.strip_prefix("Bearer "))) {
        (Some(token), Some(offered)) => token.matches(offered),
        _ => false,
    }
}

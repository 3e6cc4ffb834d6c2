//! What only the operator may do.

use axum::extract::{Path, State};
use axum::http::header::AUTHORIZATION;
use axum::http::{HeaderMap, StatusCode};

use super::Web;
use crate::domain::RoomCode;

/// `POST /admin/rooms/{code}/kill`: kills the process of a room, as a crash would. Nobody in the room
/// loses anything; that is what it is there to show.
pub(super) async fn kill_room(
    State(web): State<Web>,
    Path(code): Path<String>,
    headers: HeaderMap,
) -> (StatusCode, &'static str) {
    if !is_operator(&web, &headers) {
        return (StatusCode::UNAUTHORIZED, "the admin token is missing or wrong\n");
    }
    let Ok(code) = code.parse::<RoomCode>() else {
        return (StatusCode::NOT_FOUND, "that is not a room code\n");
    };
    if web.rooms.kill(code).await {
        tracing::warn!(room = %code, "killed by the operator");
        (StatusCode::OK, "killed\n")
    } else {
        (StatusCode::NOT_FOUND, "no process of this room runs\n")
    }
}

fn is_operator(web: &Web, headers: &HeaderMap) -> bool {
    let offered = headers.get(AUTHORIZATION).and_then(|header| header.to_str().ok());
    match (&web.admin, offered.and_then(|header| header.strip_prefix("Bearer "))) {
        (Some(token), Some(offered)) => token.matches(offered),
        _ => false,
    }
}

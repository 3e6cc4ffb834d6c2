//! The socket of a room: one task for each, between a browser and the room's process.

mod answer;
mod circle;
#[cfg(test)]
mod documented;
mod elsewhere;
mod end;
mod handshake;
mod hear;
pub(crate) mod protocol;
mod requests;
mod resume;
mod session;
mod tell;
mod wire;

pub(crate) use protocol::{
    FoundPage, Member, NoticePage, OneChannel, OneFound, Past, Refusal, Said, SentFile, Team, Who, word,
};

use std::sync::Arc;

use axum::extract::ws::WebSocketUpgrade;
use axum::extract::{Extension, Path};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};

use self::protocol::MAX_FRAME_BYTES;
use super::Web;
use super::address::Peer;
use super::live::LiveSession;
use crate::domain::room::EnterError;
use crate::domain::{Person, RoomCode};
use crate::store::StoreError;
use crate::telemetry;

/// What axum reads of one message before it gives up; between this and [`MAX_FRAME_BYTES`] a client is
/// told what was wrong in so many words.
const READ_LIMIT: usize = 4 * MAX_FRAME_BYTES;

/// `GET /rooms/{code}/socket`
pub(crate) async fn open(
    Extension(web): Extension<Arc<Web>>,
    Path(code): Path<String>,
    Extension(peer): Extension<Peer>,
    headers: HeaderMap,
    upgrade: WebSocketUpgrade,
) -> Response {
    if !web.origins.allow(&headers) {
        telemetry::refused("origin");
        return (StatusCode::FORBIDDEN, "this origin may not open sockets here").into_response();
    }
    let Ok(code) = code.parse::<RoomCode>() else {
        telemetry::refused("code");
        return (StatusCode::NOT_FOUND, "that is not a room code").into_response();
    };
    let Some(place) = web.bounds.place(web.client_address(peer, &headers)) else {
        telemetry::refused("address_sockets");
        return (StatusCode::TOO_MANY_REQUESTS, "there are too many sockets from your address").into_response();
    };
    let (person, live) = match live_session(&web, &headers).await {
        Ok(Some(session)) => session,
        Ok(None) => {
            telemetry::refused("session");
            return (StatusCode::UNAUTHORIZED, "choose a name first").into_response();
        }
        Err(error) => return super::unavailable(&error),
    };
    let entry = match web.rooms.enter(code, Some(person.id)).await {
        Ok(entry) => entry,
        Err(EnterError::Store(error)) => return super::unavailable(&error),
        Err(_) => {
            telemetry::refused("unknown_room");
            return (StatusCode::NOT_FOUND, "there is no such room").into_response();
        }
    };
    let Some(names) = web.people.listen(person.id) else {
        return (StatusCode::SERVICE_UNAVAILABLE, "the server is going away").into_response();
    };
    // axum's own buffers would cost 140 KB a connection.
    upgrade
        .read_buffer_size(4096)
        .write_buffer_size(0)
        .max_message_size(READ_LIMIT)
        .max_frame_size(READ_LIMIT)
        .on_upgrade(move |socket| {
            let tracker = web.sockets.clone();
            tracker.track_future(async move {
                session::run(web, socket, entry, person, names, live).await;
                drop(place);
            })
        })
}

/// Who asks, and the session in which they do, from now on counted among those with sockets.
async fn live_session(web: &Web, headers: &HeaderMap) -> Result<Option<(Person, LiveSession)>, StoreError> {
    let Some(token) = web.cookies.session(&web.store, headers).await? else { return Ok(None) };
    let Some(person) = web.store.find_person(token.clone()).await? else { return Ok(None) };
    let live = web.live.open(token.clone(), person.id);
    // It may have ended before it was counted.
    Ok(web.store.find_person(token).await?.map(|person| (person, live)))
}

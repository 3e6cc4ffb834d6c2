//! What the operator asks.

use axum::extract::State;
use axum::http::StatusCode;
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse, Response};

use super::Web;

/// `GET /livez`: this program answers.
pub(super) async fn live() -> &'static str {
    "ok\n"
}

/// `GET /readyz`: people can be let in.
pub(super) async fn ready(State(web): State<Web>) -> Response {
    let (store, rooms) = (web.store.is_ready().await, web.rooms.is_ready());
    let status = if store && rooms { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    let word = |ready: bool| if ready { "ok" } else { "down" };
    (status, format!("store: {}\nrooms: {}\n", word(store), word(rooms))).into_response()
}

/// `GET /metrics`, in the text format of Prometheus.
pub(super) async fn metrics(State(web): State<Web>) -> Response {
    web.registry.publish_metrics();
    web.metrics.run_upkeep();
    ([(CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")], web.metrics.render()).into_response()
}

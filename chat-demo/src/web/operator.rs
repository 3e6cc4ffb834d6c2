//! What the operator asks.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse, Response};

use registry::SystemHealth;
use serde_json::{Value, json};

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

/// `GET /healthz`: what the monitors know, as JSON. `degraded` is still 200: people can talk.
pub(super) async fn health(State(web): State<Web>) -> Response {
    let report = web.registry.health();
    let services: Vec<Value> = report
        .probes()
        .iter()
        .map(|probe| {
            json!({
                "service": probe.service,
                "probe": probe.probe.to_string(),
                "importance": probe.importance.to_string(),
                "standing": probe.standing.to_string(),
                "for_seconds": probe.lasting.as_secs(),
                "last": probe.last.as_ref().map(ToString::to_string),
            })
        })
        .collect();
    let status = match report.overall() {
        SystemHealth::Healthy | SystemHealth::Degraded => StatusCode::OK,
        _ => StatusCode::SERVICE_UNAVAILABLE,
    };
    (status, Json(json!({ "status": report.overall().as_str(), "services": services }))).into_response()
}

/// `GET /metrics`, in the text format of Prometheus.
pub(super) async fn metrics(State(web): State<Web>) -> Response {
    web.registry.publish_metrics();
    web.metrics.run_upkeep();
    ([(CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")], web.metrics.render()).into_response()
}

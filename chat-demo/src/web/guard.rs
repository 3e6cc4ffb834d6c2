//! What holds for every request and every answer.

use axum::extract::{Request, State};
use axum::http::header::{
    CACHE_CONTROL, CONTENT_SECURITY_POLICY, HeaderName, HeaderValue, REFERRER_POLICY, X_CONTENT_TYPE_OPTIONS,
};
use axum::http::{Method, StatusCode};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};

use super::{Web, page};
use crate::telemetry;

const POLICY: &str =
    "default-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'; object-src 'none'";

/// Refuses whatever would change something and was not sent by one of our own pages.
pub(super) async fn own_pages_only(State(web): State<Web>, request: Request, next: Next) -> Response {
    let changes = !matches!(*request.method(), Method::GET | Method::HEAD);
    if changes && !web.origins.allow(request.headers()) {
        telemetry::refused("origin");
        let page = page::notice("This form is not ours.", "It was sent by another site, so nothing was done.");
        return (StatusCode::FORBIDDEN, page).into_response();
    }
    next.run(request).await
}

/// Refuses whatever asks for us by a name that is not ours.
pub(super) async fn own_hosts_only(State(web): State<Web>, request: Request, next: Next) -> Response {
    if !web.origins.serve(request.headers()) {
        telemetry::refused("host");
        let text = "This address is not served here. Whoever runs this server adds it with --origin.";
        return (StatusCode::MISDIRECTED_REQUEST, page::notice("This is not the place.", text)).into_response();
    }
    next.run(request).await
}

/// Adds the headers that tell a browser to be careful.
pub(super) async fn headers(mut response: Response) -> Response {
    let headers = response.headers_mut();
    headers.entry(CONTENT_SECURITY_POLICY).or_insert(HeaderValue::from_static(POLICY));
    headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    headers.insert(REFERRER_POLICY, HeaderValue::from_static("same-origin"));
    headers.insert(HeaderName::from_static("cross-origin-opener-policy"), HeaderValue::from_static("same-origin"));
    headers.entry(CACHE_CONTROL).or_insert(HeaderValue::from_static("no-store"));
    response
}

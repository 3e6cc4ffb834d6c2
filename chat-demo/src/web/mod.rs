//! The web endpoint: pages, sockets, and what the operator sees. Handlers call the domain's functions and
//! decide nothing themselves.

mod account;
mod address;
mod admin;
mod assets;
mod bounds;
mod bucket;
mod commands;
mod compress;
mod cookie;
mod direct;
mod endpoint;
mod files;
mod forms;
mod guard;
mod live;
mod notifications;
mod operator;
mod origin;
mod page;
mod rooms;
mod search;
pub(crate) mod socket;
mod throttle;
mod workspaces;

use std::sync::{Arc, OnceLock};

use axum::extract::DefaultBodyLimit;
use axum::http::{HeaderMap, HeaderName, StatusCode};
use axum::middleware::{from_fn, from_fn_with_state, map_response};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Extension, Router};
use metrics_exporter_prometheus::PrometheusHandle;
use registry::ServiceRegistry;
use supervisor::SupervisorRef;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

pub(crate) use account::Doors;
use address::{ClientAddress, Peer};
pub(crate) use assets::Assets;
pub(crate) use bounds::Bounds;
pub(crate) use cookie::Cookies;
pub(crate) use endpoint::{Endpoint, child_spec};
pub(crate) use live::LiveSessions;
pub(crate) use origin::Origins;
#[cfg(feature = "email")]
pub(crate) use throttle::Throttle;

use crate::config::{AdminToken, Limits};
use crate::domain::account::Accounts;
use crate::domain::notification::Notifications;
use crate::domain::presence::Presences;
use crate::domain::room::Rooms;
use crate::domain::upload::Uploads;
use crate::domain::workspace::Workspaces;
use crate::domain::{People, Visits};
use crate::store::{Store, StoreError};

/// The longest form that is read, in bytes: the longest message, with every byte escaped, and some.
const MAX_FORM_BYTES: usize = 16 * 1024;

/// What every handler has.
#[derive(Clone, Debug)]
pub(crate) struct Web {
    pub(crate) rooms: Rooms,
    pub(crate) workspaces: Workspaces,
    pub(crate) people: People,
    pub(crate) uploads: Uploads,
    pub(crate) presences: Presences,
    pub(crate) notifications: Notifications,
    pub(crate) visits: Visits,
    pub(crate) store: Store,
    pub(crate) limits: Limits,
    pub(crate) origins: Arc<Origins>,
    pub(crate) cookies: Cookies,
    pub(crate) accounts: Accounts,
    pub(crate) assets: Arc<Assets>,
    pub(crate) doors: Arc<Doors>,
    /// How often mails may be asked for, by whom and to where.
    #[cfg(feature = "email")]
    pub(crate) mails: Arc<Throttle<String>>,
    pub(crate) live: Arc<LiveSessions>,
    pub(crate) bounds: Arc<Bounds>,
    /// The header of a proxy that is believed.
    pub(crate) client_address_header: Option<HeaderName>,
    pub(crate) admin: Option<AdminToken>,
    /// Whether the operator may do what cannot be undone.
    pub(crate) destructive: bool,
    /// The root of the tree, when all of it is up.
    pub(crate) root: Arc<OnceLock<SupervisorRef>>,
    pub(crate) registry: ServiceRegistry,
    pub(crate) metrics: PrometheusHandle,
    /// Cancelled when the endpoint is to stop.
    pub(crate) stop: CancellationToken,
    /// The open sockets.
    pub(crate) sockets: TaskTracker,
}

impl Web {
    /// From where a request comes.
    fn client_address(&self, peer: Peer, headers: &HeaderMap) -> ClientAddress {
        ClientAddress::of(peer, headers, self.client_address_header.as_ref())
    }
}

/// All routes.
fn router(web: &Web) -> Router {
    let most = web.uploads.limit().saturating_mul(files::PATIENCE).saturating_add(MAX_FORM_BYTES as u64);
    let files = Router::new()
        .route("/rooms/{code}/files", post(files::send))
        .layer(DefaultBodyLimit::max(usize::try_from(most).unwrap_or(usize::MAX)))
        .route("/rooms/{code}/files/{seq}", get(files::file_of))
        .route("/rooms/{code}/files/{seq}/thumbnail", get(files::thumbnail_of));
    let pages = Router::new()
        .route("/", get(forms::home))
        .route("/me", post(forms::name))
        .route("/rooms", get(forms::find_room).post(forms::create_room))
        .route("/rooms/{code}", get(rooms::show))
        .route("/rooms/{code}/messages", get(rooms::past).post(rooms::post))
        .route("/search", get(search::show))
        .route("/direct", post(direct::open))
        .route("/rooms/{code}/leave", post(rooms::leave))
        .route("/workspaces", get(workspaces::find).post(workspaces::create))
        .route("/workspaces/{code}", get(workspaces::show))
        .route("/workspaces/{code}/join", post(workspaces::join))
        .route("/workspaces/{code}/leave", post(workspaces::leave))
        .route("/workspaces/{code}/channels", get(workspaces::find_channel).post(workspaces::open_channel))
        .route("/workspaces/{code}/announcements", post(workspaces::announce))
        .route("/account", get(account::show))
        .route("/account/login", get(account::log_in_page).post(account::log_in))
        .route("/account/register", get(account::register_page).post(account::register))
        .route("/account/logout", post(account::log_out))
        .route("/account/password", post(account::change_password))
        .merge(notifications::routes())
        .layer(DefaultBodyLimit::max(MAX_FORM_BYTES))
        .layer(from_fn(compress::pages))
        .merge(files)
        .layer(from_fn_with_state(web.clone(), guard::own_pages_only));
    // Once for all sockets, which stay.
    let shared = Extension(Arc::new(web.clone()));
    let mut own = pages.route("/rooms/{code}/socket", get(socket::open).layer(shared));
    #[cfg(feature = "push")]
    {
        own = own.route("/worker.js", get(assets::worker));
    }
    #[cfg(feature = "email")]
    {
        let (ask, end) = (notifications::ask_unsubscribe, notifications::unsubscribe);
        own = own.route("/unsubscribe/{number}/{seal}", get(ask).post(end));
    }
    if web.admin.is_some() {
        own = own
            .route("/admin/kill/{*path}", post(admin::kill))
            .route("/admin/notifications", get(admin::notifications))
            .route("/admin/notifications/{number}/retry", post(admin::retry_notification))
            .route("/admin/notifications/{number}/discard", post(admin::discard_notification));
    }
    // What probes and scrapers ask, they ask by any name.
    own.layer(from_fn_with_state(web.clone(), guard::own_hosts_only))
        .route("/assets/{version}/{name}", get(assets::serve))
        .route("/metrics", get(operator::metrics))
        .route("/livez", get(operator::live))
        .route("/readyz", get(operator::ready))
        .route("/healthz", get(operator::health))
        .fallback(rooms::nothing_here)
        .layer(map_response(guard::headers))
        .with_state(web.clone())
}

/// The store does not work now.
fn unavailable(error: &StoreError) -> Response {
    tracing::error!(error = error as &dyn std::error::Error, "a request failed");
    try_again()
}

/// Something does not work now.
fn try_again() -> Response {
    let page = page::notice(
        "Please try again in a moment.",
        "Something behind this page is being restarted. What has been sent is safe.",
    );
    (StatusCode::SERVICE_UNAVAILABLE, page).into_response()
}

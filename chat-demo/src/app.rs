//! The whole program: its tree, from the store up to the web endpoint.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use metrics_exporter_prometheus::PrometheusHandle;
use registry::ServiceRegistry;
use supervisor::{ChildSpec, Run, Strategy, Supervisor, SupervisorRef, Tree};
use thiserror::Error;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::config::Config;
use crate::domain::account::Accounts;
use crate::domain::buffer::MessageBuffer;
use crate::domain::coordinator::{Coordinator, Hooks};
use crate::domain::notification::{Couriers, Notifications};
use crate::domain::presence::Presences;
use crate::domain::room::Rooms;
use crate::domain::upload::{Ffmpeg, Files, Folder, Uploads};
use crate::domain::workspace::Workspaces;
use crate::domain::{People, Visits};
use crate::restart::{optional, vital};
use crate::shutdown::bounded;
use crate::store::{Location, OpenError, Place, Store};
use crate::web::{self, Assets, Bounds, Cookies, Doors, Endpoint, LiveSessions, Origins, Web};
use crate::{health, restart, telemetry};

/// Mails that ask for a confirmation, by one person or to one address, at once and in the long run: five a day.
#[cfg(feature = "email")]
const MAILS: u32 = 5;
#[cfg(feature = "email")]
const MAILS_A_SECOND: f64 = 5.0 / 86_400.0;

/// The program, running.
///
/// ```text
/// chat-demo (one_for_one)
/// ├── store                    the writer of the database
/// ├── metrics                  folds samples together
/// ├── coordinator              has the operator's programs told of what starts and stops
/// ├── services (one_for_one)
/// │   ├── message_buffer       what rooms say, on its way to the store
/// │   ├── presence             who is online, away or gone
/// │   ├── notifications        lets out of the chat what mentions people
/// │   ├── uploads              looks at files, and publishes them
/// │   ├── workspaces (dynamic)
/// │   │   └── CODE …           transient, started on first use, named workspace:CODE
/// │   └── rooms (dynamic)
/// │       └── CODE …           transient, started on first use, named room:CODE
/// ├── health                   asks the services whether they work
/// ├── sessions                 asks the store whether those with sockets go on
/// └── web                      pages and sockets
/// ```
///
/// Names and topics are no processes: the registry is a table that all share, and a topic is a list in it, so that neither can
/// crash or has to be started again; what a process had there goes with it. Nobody's crash takes a neighbour along, and all of it
/// is started in this order and ends in the reverse of it.
#[derive(Debug)]
pub struct App {
    tree: Tree<SupervisorRef>,
    /// How long its stop may take.
    whole: Duration,
    address: SocketAddr,
    rooms: Rooms,
    buffer: MessageBuffer,
    workspaces: Workspaces,
    uploads: Uploads,
    notifications: Notifications,
    hooks: Hooks,
}

/// Why the program does not start. Each says in one line what is wrong and what can be done.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum StartError {
    /// Another program listens there.
    #[error("port {} on {} is in use: stop the other program, or choose another port with --port (0 picks a free one)", .0.port(), .0.ip())]
    PortInUse(SocketAddr),
    /// The address cannot be listened on.
    #[error("cannot listen on {address}: {cause}; choose another address with --host and --port")]
    Listen {
        /// The address.
        address: SocketAddr,
        /// What the system says.
        #[source]
        cause: std::io::Error,
    },
    /// The database cannot be used.
    #[error(
        "cannot use the database {location}: {cause}; choose another one with --database PATH or --database-url URL, or keep nothing with --memory"
    )]
    Database {
        /// Where it is.
        location: Location,
        /// What is wrong with it.
        #[source]
        cause: OpenError,
    },
    /// Files cannot be kept.
    #[error("cannot keep files in {}: {cause}; choose another folder with --files PATH", path.display())]
    Files {
        /// The folder.
        path: PathBuf,
        /// What the system says.
        #[source]
        cause: std::io::Error,
    },
    /// Mails cannot be sent.
    #[cfg(feature = "email")]
    #[error(transparent)]
    Mail(#[from] crate::domain::notification::MailError),
    /// Something did not come up.
    #[error("the program did not come up: {0}")]
    Tree(#[from] supervisor::StartError),
}

impl App {
    /// Starts everything; when it returns, the endpoint accepts connections.
    ///
    /// # Errors
    ///
    /// [`StartError`], with nothing left running.
    pub async fn start(config: Config, metrics: PrometheusHandle) -> Result<Self, StartError> {
        let limits = config.limits;
        let endpoint = listen(SocketAddr::new(config.host, config.port))?;
        let address = endpoint.address();
        let location = match config.database_url.clone() {
            Some(url) => Location::Postgres(url),
            None if config.memory => Location::Memory(format!("chat-{}", address.port())),
            None => Location::File(config.database.clone()),
        };
        let place = prepare(location).await?;

        let registry = ServiceRegistry::new();
        registry.describe_metrics();
        supervisor::describe_metrics();
        let namespace = registry.namespace("production").expect("a good name");
        let store = Store::new(namespace.clone());
        let listening = Hooks::new(&namespace);
        let presences = Presences::new(namespace.clone());
        let buffer = MessageBuffer::new(namespace.clone(), &limits);
        let rooms = Rooms::new(namespace.clone(), store.clone(), buffer.clone(), presences.clone(), limits);
        let workspaces = Workspaces::new(namespace.clone(), store.clone(), limits);
        let buffering = buffer.child_spec(&store);
        let accounts = Accounts::new(store.clone(), &limits);
        let (scanner, ffmpeg) = (config.clamd.clone(), Ffmpeg::find(&config.ffmpeg));
        let files = Files::new(folder(&config)?, store.clone());
        let uploads = Uploads::new(namespace.clone(), files, scanner, ffmpeg, limits);
        let site = config.origins.first().cloned().unwrap_or_else(|| format!("http://{address}"));
        let site = site.trim_end_matches('/');
        #[cfg(feature = "email")]
        let couriers = Couriers::new(&config.outlets, &store, site)?;
        #[cfg(not(feature = "email"))]
        let couriers = Couriers::without_mail(&config.outlets, &store, site);
        #[cfg(feature = "webhooks")]
        let hooks = &*config.outlets.hook_urls;
        #[cfg(not(feature = "webhooks"))]
        let hooks = &[];
        let notifications =
            Notifications::new(namespace.clone(), store.clone(), presences.clone(), couriers, hooks, limits);
        let coordinator = Coordinator::new(&namespace, &notifications);
        let root = Arc::<OnceLock<SupervisorRef>>::default();
        let live = Arc::<LiveSessions>::default();
        let sessions = live.child_spec(&store, limits.session_check);
        let web = Web {
            rooms: rooms.clone(),
            workspaces: workspaces.clone(),
            presences,
            notifications: notifications.clone(),
            visits: Visits::new(&namespace, store.clone()),
            people: People::new(&namespace, store.clone()),
            uploads: uploads.clone(),
            store,
            limits,
            origins: Arc::new(Origins::new(address, &config.origins)),
            cookies: Cookies::new(config.cookie_key.as_ref()),
            accounts,
            assets: Arc::new(Assets::new()),
            doors: Arc::new(Doors::new(&limits)),
            #[cfg(feature = "email")]
            mails: Arc::new(web::Throttle::new(MAILS, MAILS_A_SECOND)),
            live,
            bounds: Arc::new(Bounds::new(&limits)),
            client_address_header: config.client_address_header,
            admin: config.admin_token,
            destructive: config.allow_destructive,
            root: Arc::clone(&root),
            registry,
            metrics: metrics.clone(),
            stop: CancellationToken::new(),
            sockets: TaskTracker::new(),
        };
        let ((restarts, period), whole) = (restart::BUDGET, limits.shutdown);
        let services = Supervisor::new(Strategy::OneForOne)
            .id("services")
            .budget(restarts, period)
            .child(vital(bounded(buffering, whole)))
            .child(optional(bounded(Presences::child_spec(&namespace, limits), whole)))
            .child(optional(bounded(notifications.child_spec(), whole)))
            .child(optional(bounded(uploads.child_spec(), whole)))
            .child(optional(Workspaces::child_spec(&namespace)))
            .child(vital(Rooms::child_spec(&namespace)));
        let health = health::child_spec(&namespace, &uploads, &notifications, &coordinator, config.health_period);
        let tree = Supervisor::new(Strategy::OneForOne)
            .id("chat-demo")
            .budget(restarts, period)
            .child(vital(bounded(Store::child_spec(&namespace, place), whole)))
            .child(optional(bounded(telemetry::upkeep(metrics), whole)))
            .child(optional(bounded(coordinator.child_spec(), whole)))
            .child(vital(ChildSpec::supervisor(services)))
            .child(optional(bounded(health, whole)))
            .child(optional(bounded(sessions, whole)))
            .child(vital(bounded(web::child_spec(&endpoint, web), whole)))
            .start()
            .await?;
        root.get_or_init(|| tree.reference());
        Ok(Self { tree, whole, address, rooms, workspaces, buffer, uploads, notifications, hooks: listening })
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The address to open in a browser.
    pub fn url(&self) -> String {
        format!("http://{}/", self.address)
    }

    /// The rooms.
    pub fn rooms(&self) -> &Rooms {
        &self.rooms
    }

    /// What starts and stops.
    pub fn hooks(&self) -> &Hooks {
        &self.hooks
    }

    /// The message buffer.
    pub fn buffer(&self) -> &MessageBuffer {
        &self.buffer
    }

    /// The workspaces.
    pub fn workspaces(&self) -> &Workspaces {
        &self.workspaces
    }

    /// The uploads.
    pub fn uploads(&self) -> &Uploads {
        &self.uploads
    }

    /// The notifications.
    pub fn notifications(&self) -> &Notifications {
        &self.notifications
    }

    /// The root of the tree.
    pub fn tree(&self) -> &SupervisorRef {
        &self.tree
    }

    /// Runs until a signal comes or the program cannot help itself, and ends in order: within `--shutdown`, or 5 seconds more for
    /// what does not even end when aborted. The code says why, as for [`supervisor::Run`].
    ///
    /// # Panics
    ///
    /// When no handlers can be installed for the signals.
    pub async fn run(self) -> ExitCode {
        Run::new(self.tree).deadline(self.whole).run().await
    }

    /// The tree itself.
    pub fn into_tree(self) -> Tree<SupervisorRef> {
        self.tree
    }
}

fn listen(address: SocketAddr) -> Result<Endpoint, StartError> {
    Endpoint::bind(address).map_err(|cause| match cause.kind() {
        std::io::ErrorKind::AddrInUse => StartError::PortInUse(address),
        _ => StartError::Listen { address, cause },
    })
}

/// Where files are kept: with a database in memory, for as long as the program runs.
fn folder(config: &Config) -> Result<Folder, StartError> {
    let path = config.files.clone().unwrap_or_else(|| config.database.with_extension("files"));
    let folder = if config.memory && config.files.is_none() { Folder::temporary() } else { Folder::new(path.clone()) };
    folder.map_err(|cause| StartError::Files { path, cause })
}

async fn prepare(location: Location) -> Result<Place, StartError> {
    let named = location.clone();
    Place::prepare(location).await.map_err(|cause| StartError::Database { location: named, cause })
}

//! The process of the endpoint: it accepts connections until it is asked to stop, and then says goodbye.

use std::io;
use std::net::{SocketAddr, TcpListener};
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use hyper::Request;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::{Service, service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use supervisor::{ChildRef, ChildSpec, TaskContext};
use thiserror::Error;
use tokio::net::TcpStream;
use tokio::sync::Semaphore;
use tokio::time::{sleep, timeout};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::address::Peer;
use super::{Web, router};
use crate::shutdown;

/// Its id in the tree.
const ID: &str = "web";

/// How long the endpoint rests when the system has no file descriptors left for another connection.
const REST: Duration = Duration::from_millis(100);

/// An address that is listened on. It outlives the process that serves it: while that is being
/// restarted, connections wait instead of being refused.
#[derive(Clone, Debug)]
pub(crate) struct Endpoint {
    listener: Arc<TcpListener>,
    address: SocketAddr,
}

/// The endpoint cannot serve.
#[derive(Debug, Error)]
#[error("the web endpoint failed: {0}")]
pub(crate) struct Failed(#[from] io::Error);

impl Endpoint {
    /// Begins to listen.
    pub(crate) fn bind(address: SocketAddr) -> io::Result<Self> {
        let listener = TcpListener::bind(address)?;
        listener.set_nonblocking(true)?;
        let address = listener.local_addr()?;
        Ok(Self { listener: Arc::new(listener), address })
    }

    /// The address, with the port that was found if none was asked for.
    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }
}

/// How to run it. `web` is what each incarnation begins with, but for its stop and its sockets.
pub(crate) fn child_spec(endpoint: &Endpoint, web: Web) -> ChildSpec<ChildRef> {
    let listener = Arc::clone(&endpoint.listener);
    ChildSpec::task(ID, move |cx| {
        let web = Web { stop: cx.token(), sockets: TaskTracker::new(), ..web.clone() };
        serve(cx, Arc::clone(&listener), web)
    })
}

async fn serve(cx: TaskContext, listener: Arc<TcpListener>, web: Web) -> Result<(), Failed> {
    let listener = tokio::net::TcpListener::from_std(listener.try_clone()?)?;
    tracing::info!(address = %listener.local_addr()?, "listening");
    let router = router(&web);
    let connections = TaskTracker::new();
    let places = Arc::new(Semaphore::new(web.limits.http_connections));
    let accepting = async {
        loop {
            let place = Arc::clone(&places).acquire_owned().await.expect("it is never closed");
            match listener.accept().await {
                Ok((stream, peer)) => {
                    let router = router.clone();
                    let serving = connection(stream, Peer(peer.ip()), router, web.limits.handshake, web.stop.clone());
                    cx.spawn(connections.track_future(async move {
                        serving.await;
                        drop(place);
                    }));
                }
                Err(error) => {
                    tracing::warn!(%error, "a connection could not be accepted");
                    sleep(REST).await;
                }
            }
        }
    };
    tokio::select! {
        () = accepting => {}
        () = web.stop.cancelled() => {}
    }
    // Every connection and every socket has seen the same token.
    web.sockets.close();
    connections.close();
    let drained = async { tokio::join!(web.sockets.wait(), connections.wait()) };
    if timeout(shutdown::within(ID, web.limits.shutdown), drained).await.is_err() {
        tracing::warn!(sockets = web.sockets.len(), connections = connections.len(), "not all closed in time");
    }
    Ok(())
}

/// Serves one connection until it is closed, has become a socket, or is asked to stop after the request
/// it is at.
async fn connection(stream: TcpStream, peer: Peer, router: Router, head: Duration, stop: CancellationToken) {
    // Small frames follow each other closely; waiting for the first to be acknowledged would cost 40 ms each.
    if let Err(error) = stream.set_nodelay(true) {
        tracing::debug!(%error, "no TCP_NODELAY");
    }
    let router = TowerToHyperService::new(router);
    let router = service_fn(move |mut request: Request<Incoming>| {
        request.extensions_mut().insert(peer);
        router.call(request)
    });
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(head)
        .serve_connection(TokioIo::new(stream), router)
        .with_upgrades();
    let mut connection = pin!(connection);
    let served = tokio::select! {
        served = connection.as_mut() => served,
        () = stop.cancelled() => {
            connection.as_mut().graceful_shutdown();
            connection.await
        }
    };
    if let Err(error) = served {
        tracing::debug!(%error, "a connection ended early");
    }
}

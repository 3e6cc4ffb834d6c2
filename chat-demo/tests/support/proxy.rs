//! A network that can be cut: what connects to it is connected with a server.

use std::sync::{Arc, Mutex};

use tokio::io::copy_bidirectional;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::{AbortHandle, JoinSet};

pub struct Proxy {
    pub address: String,
    state: Arc<Mutex<State>>,
    accepting: AbortHandle,
}

struct State {
    server: String,
    cut: bool,
    connections: JoinSet<()>,
}

impl Proxy {
    pub async fn listen() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("an address").to_string();
        let connections = JoinSet::new();
        let state = Arc::new(Mutex::new(State { server: String::new(), cut: true, connections }));
        let shared = state.clone();
        let accepting = tokio::spawn(async move {
            while let Ok((mut stream, _)) = listener.accept().await {
                let mut state = shared.lock().expect("not poisoned");
                if state.cut {
                    continue;
                }
                let server = state.server.clone();
                state.connections.spawn(async move {
                    if let Ok(mut server) = TcpStream::connect(server).await {
                        let _ = copy_bidirectional(&mut stream, &mut server).await;
                    }
                });
            }
        });
        Self { address, state, accepting: accepting.abort_handle() }
    }

    /// Everything goes to this server from now on.
    pub fn connect(&self, server: &str) {
        let mut state = self.state.lock().expect("not poisoned");
        (state.server, state.cut) = (server.to_owned(), false);
    }

    /// Ends all connections, and lets no other through; how many there were.
    pub fn cut(&self) -> usize {
        let mut state = self.state.lock().expect("not poisoned");
        state.cut = true;
        let connections = std::mem::take(&mut state.connections);
        connections.len()
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}

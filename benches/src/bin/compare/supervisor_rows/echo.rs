//! The supervisor's own contender: a server that answers a ping and panics when told to.

use registry::Namespace;
use supervisor::{
    ChildSpec, Context, DynamicSupervisor, DynamicSupervisorRef, Failure, Flow, Init, Reply, Server, ServerRef, Tree,
};
use tokio::sync::mpsc::UnboundedSender;

use super::ALWAYS;

/// A server that answers, and says when it is up to whoever wants to know.
pub(super) struct Echo(Option<UnboundedSender<()>>);

/// What it is told.
pub(super) enum Message {
    Ping(Reply<u64>),
    Panic,
}

impl Server for Echo {
    type Message = Message;

    async fn init(&mut self, _: &mut Context<Self>) -> Result<Init, Failure> {
        if let Some(up) = &self.0 {
            up.send(())?;
        }
        Ok(Init::Ready)
    }

    async fn handle(&mut self, message: Message, _: &mut Context<Self>) -> Result<Flow, Failure> {
        match message {
            Message::Ping(reply) => reply.send(1),
            Message::Panic => panic!("told to"),
        }
        Ok(Flow::Continue)
    }
}

pub(super) fn spec() -> ChildSpec<ServerRef<Echo>> {
    ChildSpec::server(|| Echo(None))
}

/// An echo that tells of each of its incarnations.
pub(super) fn telling(up: UnboundedSender<()>) -> ChildSpec<ServerRef<Echo>> {
    ChildSpec::server(move || Echo(Some(up.clone())))
}

/// The same under a name.
pub(super) fn named(namespace: &Namespace, name: &str, up: UnboundedSender<()>) -> ChildSpec<ServerRef<Echo>> {
    telling(up).name(namespace, name)
}

/// A supervisor that restarts whatever fails, however often.
pub(super) async fn supervisor() -> Tree<DynamicSupervisorRef> {
    let supervisor = DynamicSupervisor::new().budget(ALWAYS.0, ALWAYS.1);
    supervisor.start().await.unwrap_or_else(|error| panic!("{error}"))
}

pub(super) async fn start(supervisor: &DynamicSupervisorRef) -> ServerRef<Echo> {
    supervisor.start_child(spec()).await.unwrap_or_else(|error| panic!("{error}"))
}

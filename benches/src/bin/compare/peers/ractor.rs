//! ractor: actors with names in one global table.

use std::sync::Arc;
use std::sync::atomic::AtomicUsize;
use std::sync::atomic::Ordering::Release;

use ractor::{Actor, ActorCell, ActorProcessingErr, ActorRef, RpcReplyPort, SupervisionEvent};
use ractor::{pg, registry};
use tokio::runtime::Runtime;
use tokio::sync::mpsc::UnboundedSender;
use tokio::task::JoinHandle;

/// An actor that answers.
pub(crate) struct Echo;

/// What it is told.
pub(crate) enum Message {
    Ping(RpcReplyPort<u64>),
    Panic,
}

impl Actor for Echo {
    type Msg = Message;
    type State = ();
    type Arguments = ();

    async fn pre_start(&self, _: ActorRef<Message>, (): ()) -> Result<(), ActorProcessingErr> {
        Ok(())
    }

    async fn handle(&self, _: ActorRef<Message>, message: Message, (): &mut ()) -> Result<(), ActorProcessingErr> {
        match message {
            Message::Ping(reply) => drop(reply.send(1)),
            Message::Panic => panic!("told to"),
        }
        Ok(())
    }
}

pub(crate) fn where_is(name: &str) -> Option<ActorCell> {
    registry::where_is(name)
}

/// A running actor and its task.
pub(crate) type Running = (ActorRef<Message>, JoinHandle<()>);

pub(crate) async fn spawn(name: Option<String>) -> Running {
    Actor::spawn(name, Echo, ()).await.unwrap_or_else(|error| panic!("{error}"))
}

/// Stops actors and waits for their tasks.
pub(crate) async fn stop(actors: Vec<Running>) {
    for (actor, _) in &actors {
        actor.stop(None);
    }
    for (_, task) in actors {
        let _ = task.await;
    }
}

/// An actor under each of some names.
pub(crate) struct Named {
    runtime: Runtime,
    actors: Vec<Running>,
}

impl Named {
    pub(crate) fn spawn(names: &[String]) -> Self {
        let runtime = super::runtime();
        let actors = runtime.block_on(async {
            let mut actors = Vec::with_capacity(names.len());
            for name in names {
                actors.push(spawn(Some(name.clone())).await);
            }
            actors
        });
        Self { runtime, actors }
    }

    pub(crate) fn stop(self) {
        self.runtime.block_on(stop(self.actors));
    }
}

/// An actor that counts what it gets.
struct Listener(Arc<AtomicUsize>);

impl Actor for Listener {
    type Msg = u64;
    type State = ();
    type Arguments = ();

    async fn pre_start(&self, _: ActorRef<u64>, (): ()) -> Result<(), ActorProcessingErr> {
        Ok(())
    }

    async fn handle(&self, _: ActorRef<u64>, _: u64, (): &mut ()) -> Result<(), ActorProcessingErr> {
        self.0.fetch_add(1, Release);
        Ok(())
    }
}

/// Actors that are in one group.
pub(crate) type Listeners = Vec<(ActorRef<u64>, JoinHandle<()>)>;

pub(crate) async fn listeners(group: &str, count: usize, delivered: &Arc<AtomicUsize>) -> Listeners {
    let mut listeners = Vec::with_capacity(count);
    for _ in 0..count {
        let listener = Actor::spawn(None, Listener(Arc::clone(delivered)), ()).await;
        listeners.push(listener.unwrap_or_else(|error| panic!("{error}")));
    }
    pg::join(group.to_owned(), listeners.iter().map(|(actor, _)| actor.get_cell()).collect());
    listeners
}

/// Sends to each member of a group.
pub(crate) fn dispatch(group: &str, number: u64) {
    for actor in pg::get_members(&group.to_owned()) {
        let _ = actor.send_message(number);
    }
}

pub(crate) async fn stop_listeners(listeners: Listeners) {
    for (actor, _) in &listeners {
        actor.stop(None);
    }
    for (_, task) in listeners {
        let _ = task.await;
    }
}

pub(crate) async fn call(actor: &ActorRef<Message>) -> Option<u64> {
    ractor::call!(actor, Message::Ping).ok()
}

/// Restarts its one child, which has a name, and says when the next one is up.
pub(crate) struct Restarter(pub(crate) UnboundedSender<()>);

pub(crate) const VICTIM: &str = "victim";

impl Restarter {
    async fn start_child(&self, me: &ActorRef<()>) -> Result<(), ActorProcessingErr> {
        Actor::spawn_linked(Some(VICTIM.into()), Echo, (), me.get_cell()).await?;
        let _ = self.0.send(());
        Ok(())
    }
}

impl Actor for Restarter {
    type Msg = ();
    type State = ();
    type Arguments = ();

    async fn pre_start(&self, me: ActorRef<()>, (): ()) -> Result<(), ActorProcessingErr> {
        self.start_child(&me).await
    }

    async fn handle_supervisor_evt(
        &self,
        me: ActorRef<()>,
        event: SupervisionEvent,
        (): &mut (),
    ) -> Result<(), ActorProcessingErr> {
        if matches!(event, SupervisionEvent::ActorFailed(..) | SupervisionEvent::ActorTerminated(..)) {
            // The name may be the last child's for a moment more.
            while self.start_child(&me).await.is_err() {
                tokio::task::yield_now().await;
            }
        }
        Ok(())
    }
}

//! kameo: actors with names in one global table.

use kameo::prelude::{Actor, ActorRef, Context, Message, Spawn};
use kameo::registry::ACTOR_REGISTRY;
use tokio::runtime::Runtime;

/// An actor that answers.
#[derive(Actor)]
pub(crate) struct Echo;

/// What it is asked.
pub(crate) struct Ping;

impl Message<Ping> for Echo {
    type Reply = u64;

    async fn handle(&mut self, _: Ping, _: &mut Context<Self, u64>) -> u64 {
        1
    }
}

pub(crate) fn lookup(name: &str) -> Option<ActorRef<Echo>> {
    ActorRef::lookup(name).ok().flatten()
}

/// A running actor.
pub(crate) type Running = ActorRef<Echo>;

pub(crate) fn spawn() -> Running {
    Echo::spawn(Echo)
}

/// Starts an actor and waits until it is up.
pub(crate) async fn start() -> Running {
    let actor = spawn();
    actor.wait_for_startup().await;
    actor
}

/// Stops actors and waits until they have ended.
pub(crate) async fn stop(actors: &[ActorRef<Echo>]) {
    for actor in actors {
        let _ = actor.stop_gracefully().await;
    }
    for actor in actors {
        actor.wait_for_shutdown().await;
    }
}

/// Frees a name.
pub(crate) fn forget(name: &str) {
    if let Ok(mut table) = ACTOR_REGISTRY.lock() {
        table.remove(name);
    }
}

/// One actor under some names: the table is the same as with an actor for each.
pub(crate) struct Named {
    _runtime: Runtime,
    actor: ActorRef<Echo>,
    names: Vec<String>,
}

impl Named {
    pub(crate) fn register(names: &[String]) -> Self {
        let runtime = super::runtime();
        let guard = runtime.enter();
        let actor = spawn();
        for name in names {
            actor.register(name.clone()).unwrap_or_else(|error| panic!("{error}"));
        }
        drop(guard);
        Self { _runtime: runtime, actor, names: names.to_vec() }
    }

    pub(crate) fn stop(self) {
        self.actor.kill();
        self.names.iter().for_each(|name| forget(name));
    }
}

pub(crate) async fn call(actor: &ActorRef<Echo>) -> Option<u64> {
    actor.ask(Ping).await.ok()
}

//! A question to a server and its answer; the same with the server looked up each time.

use std::hint::black_box;
use std::sync::Arc;

use ractor::ActorRef;
use registry::ServiceRegistry;
use supervisor::ServerRef;

use super::echo::{self, Echo, Message};
use super::{contender, run, runtime};
use crate::harness::{Results, take_turns, timed_async};
use crate::peers::{bare, kameo, ractor as ractors};
use crate::who;

const CALLS: u64 = 2_000;
const TURNS: usize = 25;
const NAME: &str = "echo_of_the_calls";

/// A round of calls, each of which must be answered.
macro_rules! calls {
    ($captured:ident = $from:expr => $call:expr) => {{
        let $captured = Arc::clone(&$from);
        move || {
            let $captured = Arc::clone(&$captured);
            timed_async(CALLS, async move {
                for _ in 0..CALLS {
                    assert_eq!(black_box($call), Some(1));
                }
            })
        }
    }};
}

pub(super) fn rows(results: &mut Results) {
    let runtime = runtime();
    let namespace = ServiceRegistry::new().namespace("production").unwrap_or_else(|error| panic!("{error}"));
    let (up, _ups) = tokio::sync::mpsc::unbounded_channel();
    let spec = echo::named(&namespace, NAME, up);
    let (tree, server, actor, kameo, bare) = run(&runtime, async move {
        let tree = echo::supervisor().await;
        let server = tree.start_child(spec).await.unwrap_or_else(|error| panic!("{error}"));
        let actor = ractors::spawn(Some(NAME.into())).await;
        let kameo = kameo::spawn();
        let _ = kameo.register(NAME);
        (tree, Arc::new(server), actor, Arc::new(kameo), Arc::new(bare::start().await))
    });
    let (echo, namespace) = (Arc::new(actor.0.clone()), Arc::new(namespace));
    let contenders = vec![
        contender(&runtime, who::SUPERVISOR, calls!(server = server => server.call(Message::Ping).await.ok())),
        contender(&runtime, who::TOKIO, calls!(bare = bare => bare::call(&bare).await)),
        contender(&runtime, who::RACTOR, calls!(echo = echo => ractors::call(&echo).await)),
        contender(&runtime, who::KAMEO, calls!(kameo = kameo => kameo::call(&kameo).await)),
    ];
    take_turns(results, "call", TURNS, contenders);

    let unit = Arc::new(());
    let contenders = vec![
        contender(
            &runtime,
            who::SUPERVISOR,
            calls!(namespace = namespace => {
                match namespace.lookup::<ServerRef<Echo>>(NAME) {
                    Ok(server) => server.call(Message::Ping).await.ok(),
                    Err(_) => None,
                }
            }),
        ),
        contender(
            &runtime,
            who::RACTOR,
            calls!(_unit = unit => {
                match ractors::where_is(NAME) {
                    Some(actor) => ractors::call(&ActorRef::from(actor)).await,
                    None => None,
                }
            }),
        ),
        contender(
            &runtime,
            who::KAMEO,
            calls!(_unit = unit => {
                match kameo::lookup(NAME) {
                    Some(actor) => kameo::call(&actor).await,
                    None => None,
                }
            }),
        ),
    ];
    take_turns(results, "look up and call", TURNS, contenders);
    run(&runtime, async move {
        tree.stop().await;
        ractors::stop(vec![actor]).await;
        kameo::stop(std::slice::from_ref(&*kameo)).await;
        kameo::forget(NAME);
    });
}

//! A static tree: a child that crashes is restarted, together with what leans on it, until that does not help.
//!
//! ```sh
//! cargo run -p supervisor --example restarts 2>/dev/null
//! ```
//!
//! ```text
//! twice 21: 42
//! twice many: the server ended: error: invalid digit found in string
//! twice 4: 8
//!   shop/doubler #1 exited (error: invalid digit found in string)
//!   shop/doubler #1 restarting (error: invalid digit found in string)
//!   shop/printer #1 exited (shutdown)
//!   shop/doubler #2 started
//!   shop/printer #2 started
//! twice much: the server ended: error: invalid digit found in string
//! twice more: the server ended: error: invalid digit found in string
//! twice 5: the server is not running
//! meltdown: child `doubler` ended with error: invalid digit found in string
//! ```

use std::error::Error;
use std::time::Duration;

use supervisor::{ChildSpec, Context, Failure, Flow, Reply, Server, ServerRef, Strategy, Supervisor, TaskContext};

struct Doubler;

enum Message {
    Double(&'static str, Reply<u64>),
}

impl Server for Doubler {
    type Message = Message;

    async fn handle(&mut self, Message::Double(text, reply): Message, _: &mut Context<Self>) -> Result<Flow, Failure> {
        let number: u64 = text.parse()?; // an error ends this incarnation, and its caller is told why
        reply.send(2 * number);
        Ok(Flow::Continue)
    }
}

async fn until_stopped(cx: TaskContext) {
    cx.stopped().await;
}

async fn double(doubler: &ServerRef<Doubler>, text: &'static str) {
    doubler.running().await; // if it is being restarted, when that is done
    match doubler.call(|reply| Message::Double(text, reply)).await {
        Ok(number) => println!("twice {text}: {number}"),
        Err(error) => println!("twice {text}: {error}"),
    }
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    let mut doubler = ChildSpec::server(|| Doubler).id("doubler");
    let reference = doubler.reference(); // the same over all restarts
    let tree = Supervisor::new(Strategy::RestForOne)
        .id("shop")
        .budget(2, Duration::from_secs(5))
        .child(ChildSpec::task("store", until_stopped))
        .child(doubler)
        .child(ChildSpec::task("printer", until_stopped))
        .start()
        .await?;

    let mut events = tree.events(64);
    for text in ["21", "many", "4"] {
        double(&reference, text).await;
    }
    while let Some(event) = events.try_recv() {
        println!("  {}", event?);
    }
    for text in ["much", "more", "5"] {
        double(&reference, text).await;
    }
    tree.exited().await;
    let meltdown = tree.meltdown().expect("a third restart is one too many");
    println!("{meltdown}");
    Ok(())
}

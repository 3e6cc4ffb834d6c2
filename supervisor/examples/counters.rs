//! Counters spread over partitions by word, which are made more while they count.
//!
//! ```sh
//! cargo run -p supervisor --example counters
//! ```
//!
//! ```text
//! over 2 partitions: ant 1, bee 2, cat 3, dog 4, eel 5, fox 6
//! over 5 partitions: ant 1, bee 2, cat 3, dog 4, eel 5, fox 6
//! the partition of `cat` is killed: cat 0
//! those in other partitions keep their counts: true
//! counts again: cat 1
//! fewer than there can be: there cannot be 0 partitions: ask for 1 to 1048576
//! ```

use std::collections::HashMap;
use std::error::Error;

use supervisor::{
    CallError, ChildSpec, Context, Failure, Flow, PartitionSupervisor, PartitionSupervisorRef, Reply, Server, ServerRef,
};

const WORDS: [&str; 6] = ["ant", "bee", "cat", "dog", "eel", "fox"];

type Counters = PartitionSupervisorRef<ServerRef<Counter>>;
type Counts = HashMap<&'static str, u64>;

/// The counts of the words that belong to one partition.
#[derive(Default)]
struct Counter(Counts);

enum Message {
    Add(&'static str, u64),
    Count(&'static str, Reply<u64>),
    /// Gives all counts away.
    Take(Reply<Counts>),
}

impl Server for Counter {
    type Message = Message;

    async fn handle(&mut self, message: Message, _: &mut Context<Self>) -> Result<Flow, Failure> {
        match message {
            Message::Add(word, n) => *self.0.entry(word).or_default() += n,
            Message::Count(word, reply) => reply.send(self.0.get(word).copied().unwrap_or(0)),
            Message::Take(reply) => reply.send(std::mem::take(&mut self.0)),
        }
        Ok(Flow::Continue)
    }
}

async fn count(counters: &Counters, word: &'static str) -> Result<u64, CallError> {
    counters.route(word).call(|reply| Message::Count(word, reply)).await
}

async fn all(counters: &Counters) -> Result<String, CallError> {
    let mut counts = Vec::new();
    for word in WORDS {
        counts.push(format!("{word} {}", count(counters, word).await?));
    }
    Ok(format!("over {} partitions: {}", counters.partitions(), counts.join(", ")))
}

/// A resize moves keys, and not what the partitions know of them: that is for their owner to do, while nobody else counts.
async fn resize(counters: &Counters, partitions: usize) -> Result<(), Box<dyn Error>> {
    let mut counts = Counts::new();
    for partition in counters.handles() {
        counts.extend(partition.call(Message::Take).await?);
    }
    counters.resize(partitions).await?;
    for (word, n) in counts {
        counters.route(word).cast(Message::Add(word, n)).await?;
    }
    Ok(())
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    let plan = PartitionSupervisor::new(|_index| ChildSpec::server(Counter::default));
    let counters = plan.partitions(2).start().await?;
    for (word, n) in WORDS.into_iter().zip(1..) {
        counters.route(word).cast(Message::Add(word, n)).await?;
    }
    println!("{}", all(&counters).await?);
    resize(&counters, 5).await?;
    println!("{}", all(&counters).await?);

    let killed = counters.index_of("cat");
    counters.kill_partition(killed).await?;
    let cat = counters.route("cat"); // the same over restarts
    cat.child().ended(1).await;
    cat.running().await;
    println!("the partition of `cat` is killed: cat {}", count(&counters, "cat").await?);
    let mut kept = true;
    for (word, n) in WORDS.into_iter().zip(1..) {
        kept &= counters.index_of(word) == killed || count(&counters, word).await? == n;
    }
    println!("those in other partitions keep their counts: {kept}");
    cat.cast(Message::Add("cat", 1)).await?;
    println!("counts again: cat {}", count(&counters, "cat").await?);

    println!("fewer than there can be: {}", counters.resize(0).await.unwrap_err());
    counters.stop().await;
    Ok(())
}

//! Rooms that are started when somebody enters them, found by name, and gone when nobody is left.
//!
//! ```sh
//! cargo run -p supervisor --example rooms
//! ```
//!
//! ```text
//! 100 visitors of two rooms: 2 rooms
//! attic has 50 visitors, cellar has 50
//! attic is killed: name `attic` in namespace `house` is taken by p5 (ready)
//! attic has 0 visitors, as incarnation 2; cellar has 50
//! a third room: no more than 2 children
//! all have left the cellar: 1 room
//! ```

use std::error::Error;

use registry::{Namespace, ServiceRegistry};
use supervisor::{
    ChildSpec, Context, DynamicSupervisor, DynamicSupervisorRef, ExitReason, Failure, Flow, Reply, Restart, Server,
    ServerRef, StartChildError,
};

#[derive(Default)]
struct Room {
    visitors: u32,
}

enum Message {
    Enter(Reply<()>),
    Leave,
    Visitors(Reply<u32>),
}

impl Server for Room {
    type Message = Message;

    async fn handle(&mut self, message: Message, _: &mut Context<Self>) -> Result<Flow, Failure> {
        match message {
            Message::Enter(reply) => {
                self.visitors += 1;
                reply.send(());
            }
            Message::Leave => {
                self.visitors -= 1;
                if self.visitors == 0 {
                    return Ok(Flow::Stop(ExitReason::Normal));
                }
            }
            Message::Visitors(reply) => reply.send(self.visitors),
        }
        Ok(Flow::Continue)
    }
}

/// The room of this name: however many ask at once, one is started.
async fn room(
    rooms: &DynamicSupervisorRef,
    house: &Namespace,
    name: &'static str,
) -> Result<ServerRef<Room>, StartChildError> {
    // Transient: one that is empty may end, one that crashes begins anew.
    rooms.start_or_get(house, name, || ChildSpec::server(Room::default).id(name).restart(Restart::Transient)).await
}

async fn enter(rooms: DynamicSupervisorRef, house: Namespace, name: &'static str) {
    let room = room(&rooms, &house, name).await.expect("there is room for it");
    room.call(Message::Enter).await.expect("it answers");
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    let house = ServiceRegistry::new().namespace("house")?;
    let rooms = DynamicSupervisor::new().max_children(2).start().await?;

    let visit = |n: usize| tokio::spawn(enter(rooms.reference(), house.clone(), ["attic", "cellar"][n % 2]));
    let visits: Vec<_> = (0..100).map(visit).collect();
    for visit in visits {
        visit.await?;
    }
    println!("100 visitors of two rooms: {} rooms", rooms.count_children().specs);
    let attic = room(&rooms, &house, "attic").await?;
    let cellar = room(&rooms, &house, "cellar").await?;
    let (up, down) = (attic.call(Message::Visitors).await?, cellar.call(Message::Visitors).await?);
    println!("attic has {up} visitors, cellar has {down}");

    rooms.kill_child(attic.child())?;
    attic.child().ended(1).await; // its name is never free in between
    println!("attic is killed: {}", house.register("attic", "a thief").unwrap_err());
    attic.running().await;
    let (up, down) = (attic.call(Message::Visitors).await?, cellar.call(Message::Visitors).await?);
    println!("attic has {up} visitors, as incarnation {}; cellar has {down}", attic.incarnation());

    println!("a third room: {}", room(&rooms, &house, "garden").await.unwrap_err());
    for _ in 0..50 {
        cellar.cast(Message::Leave).await?;
    }
    cellar.child().gone().await;
    println!("all have left the cellar: {} room", rooms.count_children().active);
    rooms.stop().await;
    Ok(())
}

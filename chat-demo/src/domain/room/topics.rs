//! What happens in a room, for parts of this program that are no connection of anybody: `channel:CODE:messages`, `…:members`
//! and `…:typing`.

use registry::{Namespace, Overflow, PubSub, Subscription};

use super::outbox::Event;
use super::{Entry, Rooms};
use crate::domain::RoomCode;

/// What waits for one listener; whoever is slower misses the oldest, and hears that they did.
const WAITING: usize = 256;

/// The topics of one room.
#[derive(Debug)]
pub(super) struct Topics {
    events: PubSub<Event>,
    messages: String,
    members: String,
    typing: String,
}

impl Topics {
    pub(super) fn new(namespace: &Namespace, code: RoomCode) -> Self {
        Self {
            events: namespace.pubsub(),
            messages: topic(code, "messages"),
            members: topic(code, "members"),
            typing: topic(code, "typing"),
        }
    }

    /// Tells whoever listens; nobody is waited for.
    pub(super) fn tell(&self, event: &Event) {
        let topic = match event {
            Event::Message(_) | Event::Changed(_) => &self.messages,
            Event::Joined(_) | Event::Left(_) | Event::Members(_) => &self.members,
            Event::Typing(..) => &self.typing,
            // They are told on a topic of the presence service.
            Event::Presence(_) | Event::Attend => return,
        };
        // Refused only when the program ends.
        let _ = self.events.try_publish(topic, event.clone());
    }
}

impl Rooms {
    /// Hears of all that happens in a room from now on, over all its incarnations; none when the program ends.
    ///
    /// It does not keep the room awake, and does not end when whoever was let in may not be there any more: it is for parts of
    /// this program, which show nothing of it to anybody. Connections of people end with their membership.
    pub fn listen(&self, entry: &Entry) -> Option<Subscription<Event>> {
        let topic = topic(entry.code(), "*");
        self.namespace.pubsub().subscribe(&topic, WAITING, Overflow::DropOldest).ok()
    }
}

fn topic(code: RoomCode, part: &str) -> String {
    format!("channel:{code}:{part}")
}

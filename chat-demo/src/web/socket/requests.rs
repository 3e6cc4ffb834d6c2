//! What one client has asked for and has no answer to yet.

use std::collections::VecDeque;
use std::pin::Pin;

use crate::domain::room::{ChangeError, PostError, Posted, Rooms};
use crate::domain::{Body, ClientId, Person, RoomCode, Seq};

/// Something that is done in the order in which it was asked for.
#[derive(Debug)]
pub(super) enum Wish {
    /// To say something.
    Post(Body),
    /// To let a message say something else, or, without a body, to delete it.
    Change(Seq, Option<Body>),
}

/// What became of a wish.
pub(super) enum Outcome {
    Posted(Result<Posted, PostError>),
    Changed(Result<(), ChangeError>),
}

type Doing = Pin<Box<dyn Future<Output = Outcome> + Send>>;

/// Wishes in the order in which they came, one at a time, so that messages are numbered in that order
/// whatever happens to the room meanwhile.
pub(super) struct Requests {
    rooms: Rooms,
    code: RoomCode,
    author: Person,
    capacity: usize,
    waiting: VecDeque<(ClientId, Wish)>,
    doing: Option<(ClientId, Doing)>,
}

impl Requests {
    /// Nothing asked for yet. Up to `capacity` wishes wait.
    pub(super) fn new(rooms: Rooms, code: RoomCode, author: Person, capacity: usize) -> Self {
        Self { rooms, code, author, capacity, waiting: VecDeque::new(), doing: None }
    }

    /// Whether another wish may come.
    pub(super) fn has_room(&self) -> bool {
        self.waiting.len() + usize::from(self.doing.is_some()) < self.capacity
    }

    /// Takes in a wish.
    pub(super) fn push(&mut self, id: ClientId, wish: Wish) {
        self.waiting.push_back((id, wish));
    }

    /// What became of the next wish; pending as long as there is none.
    ///
    /// Cancel safe: it goes on being done at the next call.
    pub(super) async fn next(&mut self) -> (ClientId, Outcome) {
        if self.doing.is_none() {
            let Some((id, wish)) = self.waiting.pop_front() else { return std::future::pending().await };
            self.doing = Some((id.clone(), self.begin(id, wish)));
        }
        let Some((_, doing)) = &mut self.doing else { return std::future::pending().await };
        let outcome = doing.await;
        let id = self.doing.take().map(|(id, _)| id);
        (id.expect("it was just awaited"), outcome)
    }

    fn begin(&self, id: ClientId, wish: Wish) -> Doing {
        let (rooms, code, author) = (self.rooms.clone(), self.code, self.author.clone());
        Box::pin(async move {
            match wish {
                Wish::Post(body) => Outcome::Posted(rooms.post(code, author, id, body).await),
                Wish::Change(seq, body) => Outcome::Changed(rooms.change(code, author.id, seq, body).await),
            }
        })
    }
}

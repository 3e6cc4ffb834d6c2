//! What one client has said and has no number for yet.

use std::collections::VecDeque;
use std::pin::Pin;

use crate::domain::room::{PostError, Posted, Rooms};
use crate::domain::{Body, ClientId, Person, RoomCode};

type Posting = Pin<Box<dyn Future<Output = Result<Posted, PostError>> + Send>>;

/// Posts in the order in which they were said, one at a time, so that they are numbered in that order
/// whatever happens to the room meanwhile.
pub(super) struct Posts {
    rooms: Rooms,
    code: RoomCode,
    author: Person,
    capacity: usize,
    waiting: VecDeque<(ClientId, Body)>,
    posting: Option<(ClientId, Posting)>,
}

impl Posts {
    /// Nothing said yet. Up to `capacity` messages wait.
    pub(super) fn new(rooms: Rooms, code: RoomCode, author: Person, capacity: usize) -> Self {
        Self { rooms, code, author, capacity, waiting: VecDeque::new(), posting: None }
    }

    /// Takes in a message; false if too many wait.
    pub(super) fn push(&mut self, id: ClientId, body: Body) -> bool {
        let room = self.waiting.len() + usize::from(self.posting.is_some()) < self.capacity;
        if room {
            self.waiting.push_back((id, body));
        }
        room
    }

    /// What became of the next message; pending as long as there is none.
    ///
    /// Cancel safe: the message goes on being posted at the next call.
    pub(super) async fn next(&mut self) -> (ClientId, Result<Posted, PostError>) {
        if self.posting.is_none() {
            let Some((id, body)) = self.waiting.pop_front() else { return std::future::pending().await };
            self.posting = Some((id.clone(), self.post(id, body)));
        }
        let Some((_, posting)) = &mut self.posting else { return std::future::pending().await };
        let result = posting.await;
        let id = self.posting.take().map(|(id, _)| id);
        (id.expect("it was just awaited"), result)
    }

    fn post(&self, id: ClientId, body: Body) -> Posting {
        let (rooms, code, author) = (self.rooms.clone(), self.code, self.author.clone());
        Box::pin(async move { rooms.post(code, author, id, body).await })
    }
}

//! What one client has asked for and has no answer to yet.

use std::collections::VecDeque;
use std::pin::Pin;
use std::sync::Arc;

use crate::domain::patience::Patience;
use crate::domain::room::{ChangeError, EnterError, PostError, Posted, TellError, Telling, Told};
use crate::domain::{Body, ClientId, DisplayName, Kind, Person, PersonId, RoomCode, Seq};
use crate::store::StoreError;
use crate::web::Web;

/// Something that is done in the order in which it was asked for.
#[derive(Debug)]
pub(super) enum Wish {
    /// To say something.
    Post(Kind, Body),
    /// To let a message say something else, or, without a body, to delete it.
    Change(Seq, Option<Body>),
    /// To talk with one person.
    Tell(Telling),
    /// To have another name.
    Rename(DisplayName),
}

/// What became of a wish.
pub(super) enum Outcome {
    Posted(Result<Posted, PostError>),
    Changed(Result<(), ChangeError>),
    Told(Result<Told, TellError>),
    Renamed(Result<Option<Person>, StoreError>),
}

type Doing = Pin<Box<dyn Future<Output = Outcome> + Send>>;

/// Wishes in the order in which they came, one at a time, so that messages are numbered in that order
/// whatever happens to the room meanwhile.
pub(super) struct Requests {
    web: Arc<Web>,
    code: RoomCode,
    author: Person,
    capacity: usize,
    waiting: VecDeque<(ClientId, Wish)>,
    doing: Option<(ClientId, Doing)>,
}

impl Requests {
    /// Nothing asked for yet. As many wishes wait as may be unacknowledged.
    pub(super) fn new(web: &Arc<Web>, code: RoomCode, author: Person) -> Self {
        let capacity = web.limits.unacknowledged;
        Self { web: Arc::clone(web), code, author, capacity, waiting: VecDeque::new(), doing: None }
    }

    /// What comes next is asked for by this name.
    pub(super) fn rename(&mut self, author: &Person) {
        self.author = author.clone();
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
        if let Outcome::Renamed(Ok(Some(person))) = &outcome {
            self.author = person.clone();
        }
        let id = self.doing.take().map(|(id, _)| id);
        (id.expect("it was just awaited"), outcome)
    }

    fn begin(&self, id: ClientId, wish: Wish) -> Doing {
        let web = Arc::clone(&self.web);
        let (code, author) = (self.code, self.author.clone());
        Box::pin(async move {
            let Web { rooms, people, .. } = &*web;
            match wish {
                Wish::Post(kind, body) => Outcome::Posted(rooms.post(code, author, id, kind, body).await),
                Wish::Change(seq, None) => {
                    let deleting = delete(Arc::clone(&web), code, author.id, seq);
                    // Begun, it is done, whether or not anybody still waits for it.
                    let deleted = tokio::spawn(web.sockets.track_future(deleting)).await;
                    Outcome::Changed(deleted.unwrap_or_else(|error| Err(ChangeError::Unreachable(Arc::new(error)))))
                }
                Wish::Change(seq, body) => Outcome::Changed(rooms.change(code, author.id, seq, body).await),
                Wish::Tell(telling) => Outcome::Told(rooms.tell(&author, id, telling).await),
                Wish::Rename(name) => Outcome::Renamed(people.rename(author.id, name).await),
            }
        })
    }
}

/// Deletes a message, and the file that came with it.
async fn delete(web: Arc<Web>, code: RoomCode, author: PersonId, seq: Seq) -> Result<(), ChangeError> {
    let Web { rooms, uploads, limits, .. } = &*web;
    let mut patience = Patience::new(limits.rejoin);
    let file = loop {
        let found = async { Ok(rooms.attachment(&rooms.enter(code, Some(author)).await?, seq).await?) };
        match found.await {
            Ok(file) => break file,
            Err(EnterError::Unknown) => return Err(ChangeError::NotThere),
            Err(_) if patience.goes_on().await => {}
            Err(_) => return Err(ChangeError::NotStored),
        }
    };
    let Some(file) = file else { return rooms.change(code, author, seq, None).await };
    let doubt = uploads.doubt(file.file).await;
    let deleted = rooms.change(code, author, seq, None).await;
    // What may still be on its way to the store is settled at the next start.
    if !matches!(deleted, Err(ChangeError::NotStored | ChangeError::Unreachable(_))) {
        uploads.settle(doubt).await;
    }
    deleted
}

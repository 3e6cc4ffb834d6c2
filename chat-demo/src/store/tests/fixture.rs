//! A store of its own for each test, and what is said in it.

use registry::ServiceRegistry;
use supervisor::{Strategy, Supervisor, SupervisorRef, Tree};

use super::*;

pub(super) struct Fixture {
    pub(super) store: Store,
    pub(super) tree: Tree<SupervisorRef>,
    _registry: ServiceRegistry,
}

pub(super) async fn open(location: Location) -> Fixture {
    let registry = ServiceRegistry::new();
    let namespace = registry.namespace("production").unwrap();
    let place = Place::prepare(location).await.unwrap();
    let tree = Supervisor::new(Strategy::OneForOne).child(Store::child_spec(&namespace, place)).start().await.unwrap();
    Fixture { store: Store::new(namespace), tree, _registry: registry }
}

impl Store {
    /// As [`append_all`](Self::append_all), for one room.
    pub(crate) async fn append(&self, room: RoomCode, drafts: Vec<Draft>) -> Result<Vec<Stored>, StoreError> {
        self.append_all(vec![(room, drafts)]).await?.pop().expect("a result for the room")
    }
}

pub(super) fn code(text: &str) -> RoomCode {
    text.parse().unwrap()
}

pub(super) fn draft(author: i64, client_id: &str, body: &str) -> Draft {
    Draft {
        author: Person { id: PersonId(author), name: DisplayName::parse("Ada").unwrap() },
        client_id: ClientId::parse(client_id).unwrap(),
        kind: Kind::Text,
        body: Body::parse(body).unwrap(),
        attachment: None,
        at: UnixMillis(1_000),
    }
}

pub(super) fn seqs<'a>(messages: impl IntoIterator<Item = &'a Message>) -> Vec<u64> {
    messages.into_iter().map(|message| message.seq.0).collect()
}

pub(super) fn name(text: &str) -> DisplayName {
    DisplayName::parse(text).unwrap()
}

pub(super) fn session() -> NewSession {
    NewSession { token: SessionToken::random(), expires_at: UnixMillis(UnixMillis::now().0 + 60_000) }
}

/// A room, and people who are in it.
pub(super) async fn inhabited(store: &Store, room: &str, names: &[&str]) -> (RoomCode, Vec<Person>) {
    let room = code(room);
    store.create_room(room).await.unwrap();
    let mut people = Vec::new();
    for each in names {
        let person = store.name_person(session(), name(each)).await.unwrap();
        assert!(store.visit(person.id, room).await.unwrap());
        people.push(person);
    }
    (room, people)
}

pub(super) fn said_by(author: &Person, client_id: &str, body: &str) -> Draft {
    Draft { author: author.clone(), ..draft(1, client_id, body) }
}

pub(super) async fn somebody(store: &Store, called: &str) -> Person {
    store.name_person(session(), name(called)).await.unwrap()
}

pub(super) fn channel(room: &str, name: &str) -> Channel {
    Channel { room: code(room), name: ChannelName::parse(name).unwrap() }
}

pub(super) async fn workspace(store: &Store, text: &str, founder: &Person, first: &str) -> WorkspaceCode {
    let workspace = text.parse().unwrap();
    let name = DisplayName::parse("Engines").unwrap();
    assert!(store.create_workspace(workspace, name, founder.id, channel(first, "general")).await.unwrap());
    workspace
}

pub(super) async fn look_for(
    store: &Store,
    who: &Person,
    scope: Option<RoomCode>,
    query: &str,
) -> Vec<(RoomCode, u64)> {
    let found = store.search(who.id, scope, query.parse().unwrap(), None, 100).await.unwrap();
    found.iter().map(|found| (found.room, found.seq.0)).collect()
}

//! What the store can be asked.

use supervisor::Reply;

use super::deliveries::DeliveryRequest;
use super::direct::DirectRequest;
use super::notices::NoticeRequest;
use super::ways::WayRequest;
use super::workspaces::WorkspaceRequest;
use super::{
    Account, AccountOf, Changed, Found, NewSession, Page, PasswordHash, SessionToken, StoreError, Stored, Visit,
};
use crate::domain::search::Query;
use crate::domain::{
    Body, DisplayName, Draft, FileId, LoginName, Message, Person, PersonId, Revision, RoomCode, RoomKind, Seq,
    UnixMillis,
};

pub(super) type Answer<T> = Reply<Result<T, StoreError>>;

/// One question, with the port for its answer.
#[derive(Debug)]
pub(crate) enum Request {
    CreateRoom {
        code: RoomCode,
        at: UnixMillis,
        reply: Answer<bool>,
    },
    Room {
        code: RoomCode,
        who: Option<PersonId>,
        reply: Answer<Option<RoomKind>>,
    },
    Append {
        batch: Vec<(RoomCode, Vec<Draft>)>,
        reply: Answer<Vec<Result<Vec<Stored>, StoreError>>>,
    },
    Change {
        room: RoomCode,
        seq: Seq,
        author: PersonId,
        body: Option<Body>,
        reply: Answer<Changed>,
    },
    LastRevision {
        room: RoomCode,
        reply: Answer<Revision>,
    },
    History {
        room: RoomCode,
        page: Page,
        reply: Answer<Vec<Message>>,
    },
    FindPerson {
        session: SessionToken,
        now: UnixMillis,
        reply: Answer<Option<Person>>,
    },
    NamePerson {
        session: NewSession,
        now: UnixMillis,
        name: DisplayName,
        reply: Answer<Person>,
    },
    RenamePerson {
        person: PersonId,
        name: DisplayName,
        reply: Answer<Option<Person>>,
    },
    CreateAccount {
        guest: Option<PersonId>,
        name: DisplayName,
        login: LoginName,
        password: PasswordHash,
        session: NewSession,
        now: UnixMillis,
        reply: Answer<Option<Person>>,
    },
    FindAccount {
        of: AccountOf,
        reply: Answer<Option<Account>>,
    },
    OpenSession {
        person: PersonId,
        checked: PasswordHash,
        session: NewSession,
        now: UnixMillis,
        reply: Answer<bool>,
    },
    EndSession {
        session: SessionToken,
        reply: Answer<()>,
    },
    ChangePassword {
        person: PersonId,
        checked: PasswordHash,
        password: PasswordHash,
        session: NewSession,
        reply: Answer<bool>,
    },
    Visit {
        person: PersonId,
        room: RoomCode,
        at: UnixMillis,
        reply: Answer<bool>,
    },
    Read {
        person: PersonId,
        room: RoomCode,
        seq: Seq,
        reply: Answer<bool>,
    },
    Leave {
        person: PersonId,
        room: RoomCode,
        reply: Answer<bool>,
    },
    Visits {
        person: PersonId,
        reply: Answer<Vec<Visit>>,
    },
    Visitors {
        room: RoomCode,
        reply: Answer<Vec<PersonId>>,
    },
    Search {
        who: PersonId,
        scope: Option<RoomCode>,
        query: Query,
        before: Option<u64>,
        limit: u32,
        reply: Answer<Vec<Found>>,
    },
    Notice(NoticeRequest),
    Direct(DirectRequest),
    Delivery(DeliveryRequest),
    Way(WayRequest),
    Workspace(WorkspaceRequest),
    Disown {
        file: FileId,
        reply: Answer<bool>,
    },
    Secret {
        name: &'static str,
        fresh: String,
        reply: Answer<String>,
    },
    Ping {
        reply: Answer<()>,
    },
}

impl Request {
    /// Whether it needs the right to write: what changes something, and the question whether that could be done.
    pub(super) fn writes(&self) -> bool {
        match self {
            Self::Notice(request) => return request.writes(),
            Self::Direct(request) => return request.writes(),
            Self::Delivery(request) => return request.writes(),
            Self::Way(request) => return request.writes(),
            Self::Workspace(request) => return request.writes(),
            _ => {}
        }
        matches!(
            self,
            Self::CreateRoom { .. }
                | Self::Append { .. }
                | Self::Change { .. }
                | Self::NamePerson { .. }
                | Self::RenamePerson { .. }
                | Self::CreateAccount { .. }
                | Self::OpenSession { .. }
                | Self::EndSession { .. }
                | Self::ChangePassword { .. }
                | Self::Visit { .. }
                | Self::Read { .. }
                | Self::Leave { .. }
                | Self::Disown { .. }
                | Self::Secret { .. }
                | Self::Ping { .. }
        )
    }
}

impl From<WorkspaceRequest> for Request {
    fn from(request: WorkspaceRequest) -> Self {
        Self::Workspace(request)
    }
}

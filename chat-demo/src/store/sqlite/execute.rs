//! How a request is done, and how its answer waits for the transaction.

use std::sync::Arc;

use rusqlite::Connection;

use super::{accounts, files, rooms, search, statements, visits};
use crate::store::StoreError;
use crate::store::request::{Answer, Request};

/// An answer that is given when it is known whether the transaction was committed.
pub(super) type Pending = Box<dyn FnOnce(Result<(), Arc<rusqlite::Error>>) + Send>;

impl Request {
    /// The answer if it is not even tried.
    pub(super) fn refuse(self) -> Pending {
        match self {
            Self::CreateRoom { reply, .. } => untried(reply),
            Self::Room { reply, .. } => untried(reply),
            Self::Append { reply, .. } => untried(reply),
            Self::Change { reply, .. } => untried(reply),
            Self::LastRevision { reply, .. } => untried(reply),
            Self::History { reply, .. } => untried(reply),
            Self::FindPerson { reply, .. } => untried(reply),
            Self::NamePerson { reply, .. } => untried(reply),
            Self::RenamePerson { reply, .. } => untried(reply),
            Self::CreateAccount { reply, .. } => untried(reply),
            Self::FindAccount { reply, .. } => untried(reply),
            Self::OpenSession { reply, .. } | Self::ChangePassword { reply, .. } => untried(reply),
            Self::EndSession { reply, .. } => untried(reply),
            Self::Visit { reply, .. } | Self::Read { reply, .. } | Self::Leave { reply, .. } => untried(reply),
            Self::Visits { reply, .. } => untried(reply),
            Self::Visitors { reply, .. } => untried(reply),
            Self::Search { reply, .. } => untried(reply),
            Self::Notice(request) => request.refuse(),
            Self::Direct(request) => request.refuse(),
            Self::Delivery(request) => request.refuse(),
            Self::Way(request) => request.refuse(),
            Self::Workspace(request) => request.refuse(),
            Self::Disown { reply, .. } => untried(reply),
            Self::Secret { reply, .. } => untried(reply),
            Self::Ping { reply } => untried(reply),
        }
    }

    /// Does it, within a savepoint of its own: what fails here undoes nothing of the others.
    pub(super) fn execute(self, db: &mut Connection) -> Pending {
        match self {
            Self::CreateRoom { code, at, reply } => answer(reply, within(db, |db| rooms::create_room(db, code, at))),
            Self::Room { code, who, reply } => answer(reply, rooms::room(db, code, who)),
            Self::Append { batch, reply } => {
                let room = |(room, drafts)| Ok(within(db, |db| statements::append(db, room, drafts))?);
                answer(reply, Ok(batch.into_iter().map(room).collect()))
            }
            Self::Change { room, seq, author, body, reply } => {
                answer(reply, within(db, |db| statements::change(db, room, seq, author, body)))
            }
            Self::LastRevision { room, reply } => answer(reply, statements::last_revision(db, room)),
            Self::History { room, page, reply } => answer(reply, statements::history(db, room, page)),
            Self::FindPerson { session, now, reply } => answer(reply, accounts::find_person(db, &session, now)),
            Self::NamePerson { session, now, name, reply } => {
                answer(reply, within(db, |db| accounts::name_person(db, &session, now, &name)))
            }
            Self::RenamePerson { person, name, reply } => {
                answer(reply, within(db, |db| accounts::rename_person(db, person, &name)))
            }
            Self::CreateAccount { guest, name, login, password, session, now, reply } => answer(
                reply,
                within(db, |db| accounts::create_account(db, guest, &name, &login, &password, &session, now)),
            ),
            Self::FindAccount { of, reply } => answer(reply, accounts::find_account(db, &of)),
            Self::OpenSession { person, checked, session, now, reply } => {
                answer(reply, within(db, |db| accounts::open_session(db, person, &checked, &session, now)))
            }
            Self::EndSession { session, reply } => answer(reply, within(db, |db| accounts::end_session(db, &session))),
            Self::ChangePassword { person, checked, password, session, reply } => {
                answer(reply, within(db, |db| accounts::change_password(db, person, &checked, &password, &session)))
            }
            Self::Visit { person, room, at, reply } => {
                answer(reply, within(db, |db| visits::visit(db, person, room, at)))
            }
            Self::Read { person, room, seq, reply } => {
                answer(reply, within(db, |db| visits::read(db, person, room, seq)))
            }
            Self::Leave { person, room, reply } => answer(reply, within(db, |db| visits::leave(db, person, room))),
            Self::Visits { person, reply } => answer(reply, visits::visits(db, person)),
            Self::Visitors { room, reply } => answer(reply, visits::visitors(db, room)),
            Self::Search { who, scope, query, before, limit, reply } => {
                answer(reply, search::search(db, who, scope, &query, before, limit))
            }
            Self::Notice(request) => request.execute(db),
            Self::Direct(request) => request.execute(db),
            Self::Delivery(request) => request.execute(db),
            Self::Way(request) => request.execute(db),
            Self::Workspace(request) => request.execute(db),
            Self::Disown { file, reply } => answer(reply, within(db, |db| files::disown(db, &file))),
            Self::Secret { name, fresh, reply } => answer(reply, within(db, |db| accounts::secret(db, name, &fresh))),
            Self::Ping { reply } => answer(reply, db.query_row("SELECT 1", [], |_| Ok(()))),
        }
    }
}

pub(super) fn within<T>(
    db: &mut Connection,
    statements: impl FnOnce(&Connection) -> rusqlite::Result<T>,
) -> rusqlite::Result<T> {
    let savepoint = db.savepoint()?;
    let value = statements(&savepoint)?;
    savepoint.commit()?;
    Ok(value)
}

pub(super) fn answer<T: Send + 'static>(reply: Answer<T>, result: rusqlite::Result<T>) -> Pending {
    Box::new(move |committed| {
        let answer = match committed {
            Ok(()) => result.map_err(StoreError::from),
            Err(error) => Err(StoreError::Database(error)),
        };
        reply.send(answer);
    })
}

pub(super) fn untried<T: Send + 'static>(reply: Answer<T>) -> Pending {
    answer(reply, Err(rusqlite::Error::InvalidQuery))
}

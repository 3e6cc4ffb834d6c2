//! Requests under way, each in a task with a connection of its own.

use std::sync::Arc;

use deadpool_postgres::{Object, Pool, PoolError};
use thiserror::Error;
use tokio::task::JoinSet;

use super::place::{CONNECTIONS, Place};
use super::{accounts, deliveries, direct, files, notices, rooms, search, statements, visits, ways};
use crate::store::StoreError;
use crate::store::request::{Answer, Request};
use crate::telemetry;

/// As many requests as there are connections are under way; further ones wait in the mailbox of the store.
#[derive(Debug)]
pub(in crate::store) struct Workers {
    pool: Pool,
    tasks: JoinSet<()>,
}

impl Workers {
    pub(in crate::store) fn new(place: Place) -> Self {
        Self { pool: place.pool, tasks: JoinSet::new() }
    }

    /// Begins a request, once one of those before has ended if there are too many.
    pub(in crate::store) async fn hand_over(&mut self, request: Request) {
        while self.tasks.try_join_next().is_some() {}
        if self.tasks.len() >= CONNECTIONS {
            // A panic in one of them is of its caller's interest, who hears that there is no reply.
            let _ended = self.tasks.join_next().await;
        }
        self.tasks.spawn(perform(self.pool.clone(), request));
    }

    /// Waits for those that are under way.
    pub(in crate::store) async fn finish(mut self) {
        while self.tasks.join_next().await.is_some() {}
    }
}

/// It answers, and takes no writes.
#[derive(Debug, Error)]
#[error("the server is a standby, which takes no writes")]
pub(super) struct Standby;

/// What can go wrong between the pool and the answer.
pub(super) type Cause = Box<dyn std::error::Error + Send + Sync>;

async fn perform(pool: Pool, request: Request) {
    let db = pool.get().await.map_err(Arc::new);
    let writes = request.writes();
    let done = match request {
        Request::CreateRoom { code, at, reply } => {
            answer(reply, db, async |db| rooms::create_room(db, code, at).await).await
        }
        Request::Room { code, who, reply } => answer(reply, db, async |db| rooms::room(db, code, who).await).await,
        Request::Append { batch, reply } => {
            answer(reply, db, async move |db| statements::append(db, batch).await).await
        }
        Request::Change { room, seq, author, body, reply } => {
            answer(reply, db, async move |db| statements::change(db, room, seq, author, body).await).await
        }
        Request::LastRevision { room, reply } => {
            answer(reply, db, async |db| statements::last_revision(db, room).await).await
        }
        Request::History { room, page, reply } => {
            answer(reply, db, async |db| statements::history(db, room, page).await).await
        }
        Request::FindPerson { session, now, reply } => {
            answer(reply, db, async |db| accounts::find_person(db, &session, now).await).await
        }
        Request::NamePerson { session, now, name, reply } => {
            answer(reply, db, async |db| accounts::name_person(db, &session, now, &name).await).await
        }
        Request::RenamePerson { person, name, reply } => {
            answer(reply, db, async |db| accounts::rename_person(db, person, &name).await).await
        }
        Request::CreateAccount { guest, name, login, password, session, now, reply } => {
            let create = async |db: &mut Object| {
                accounts::create_account(db, guest, &name, &login, &password, &session, now).await
            };
            answer(reply, db, create).await
        }
        Request::FindAccount { of, reply } => answer(reply, db, async |db| accounts::find_account(db, &of).await).await,
        Request::OpenSession { person, checked, session, now, reply } => {
            answer(reply, db, async |db| accounts::open_session(db, person, &checked, &session, now).await).await
        }
        Request::EndSession { session, reply } => {
            answer(reply, db, async |db| accounts::end_session(db, &session).await).await
        }
        Request::ChangePassword { person, checked, password, session, reply } => {
            let change =
                async |db: &mut Object| accounts::change_password(db, person, &checked, &password, &session).await;
            answer(reply, db, change).await
        }
        Request::Visit { person, room, at, reply } => {
            answer(reply, db, async |db| visits::visit(db, person, room, at).await).await
        }
        Request::Read { person, room, seq, reply } => {
            answer(reply, db, async |db| visits::read(db, person, room, seq).await).await
        }
        Request::Leave { person, room, reply } => {
            answer(reply, db, async |db| visits::leave(db, person, room).await).await
        }
        Request::Visits { person, reply } => answer(reply, db, async |db| visits::visits(db, person).await).await,
        Request::Visitors { room, reply } => answer(reply, db, async |db| visits::visitors(db, room).await).await,
        Request::Delivery(request) => deliveries::perform(request, db).await,
        Request::Way(request) => ways::perform(request, db).await,
        Request::Search { who, scope, query, before, limit, reply } => {
            answer(reply, db, async |db| search::search(db, who, scope, &query, before, limit).await).await
        }
        Request::Notice(request) => notices::perform(request, db).await,
        Request::Direct(request) => direct::perform(request, db).await,
        Request::Workspace(request) => request.perform(db).await,
        Request::Disown { file, reply } => answer(reply, db, async |db| files::disown(db, &file).await).await,
        Request::Secret { name, fresh, reply } => {
            answer(reply, db, async |db| accounts::secret(db, name, &fresh).await).await
        }
        Request::Ping { reply } => answer(reply, db, async |db| statements::ping(db).await).await,
    };
    match done {
        true if writes => telemetry::store_committed(),
        true => {}
        false => telemetry::store_failed(),
    }
}

/// Answers with what `statements` give; whether they did.
pub(super) async fn answer<T: Send + 'static>(
    reply: Answer<T>,
    db: Result<Object, Arc<PoolError>>,
    statements: impl AsyncFnOnce(&mut Object) -> Result<T, Cause>,
) -> bool {
    let result = match db {
        Ok(mut db) => statements(&mut db).await.map_err(|error| StoreError::Database(error.into())),
        Err(error) => Err(StoreError::Database(error)),
    };
    if let Err(StoreError::Database(error)) = &result {
        tracing::error!(error = &**error as &dyn std::error::Error, "a request to the database failed");
    }
    let done = result.is_ok();
    reply.send(result);
    done
}

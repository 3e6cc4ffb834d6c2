//! The statements for people, their sessions and accounts, as those of SQLite do it.

use deadpool_postgres::{GenericClient, Object};

use super::statements::person;
use super::workers::Cause;
use crate::domain::{DisplayName, LoginName, Person, PersonId, UnixMillis};
use crate::store::{Account, AccountOf, NewSession, PasswordHash, SessionToken};

/// The person of a session that is not over.
pub(super) async fn find_person(
    db: &impl GenericClient,
    token: &SessionToken,
    now: UnixMillis,
) -> Result<Option<Person>, Cause> {
    let sql = "SELECT people.id, people.name FROM sessions JOIN people ON people.id = sessions.person
               WHERE sessions.token = $1 AND sessions.expires_at > $2";
    let statement = db.prepare_cached(sql).await?;
    let row = db.query_opt(&statement, &[&token.as_str(), &now.0]).await?;
    row.map(|row| person(&row, 0)).transpose()
}

/// The person of a session, by the name `name` from now on; made if there is none.
pub(super) async fn name_person(
    db: &mut Object,
    session: &NewSession,
    now: UnixMillis,
    name: &DisplayName,
) -> Result<Person, Cause> {
    let tx = db.transaction().await?;
    let named = match find_person(&tx, &session.token, now).await? {
        Some(known) => rename(&tx, known.id, name).await?,
        None => {
            let person = create_person(&tx, name).await?;
            begin(&tx, person.id, session, now).await?;
            person
        }
    };
    tx.commit().await?;
    Ok(named)
}

/// An account, for a guest or for somebody new; none if there is one of this name, or of this person.
pub(super) async fn create_account(
    db: &mut Object,
    guest: Option<PersonId>,
    name: &DisplayName,
    login: &LoginName,
    password: &PasswordHash,
    session: &NewSession,
    now: UnixMillis,
) -> Result<Option<Person>, Cause> {
    let tx = db.transaction().await?;
    if let Some(done) = find_person(&tx, &session.token, now).await? {
        return Ok(Some(done));
    }
    let person = match guest {
        Some(guest) => rename(&tx, guest, name).await?,
        None => create_person(&tx, name).await?,
    };
    // Two who want the same name at the same moment wait for each other here, and one of them gets it.
    let sql = "INSERT INTO accounts (person, login, password) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING";
    let insert = tx.prepare_cached(sql).await?;
    if tx.execute(&insert, &[&person.id.0, &login.as_str(), &password.as_str()]).await? == 0 {
        return Ok(None);
    }
    end_all(&tx, person.id).await?;
    begin(&tx, person.id, session, now).await?;
    tx.commit().await?;
    Ok(Some(person))
}

pub(super) async fn find_account(db: &Object, of: &AccountOf) -> Result<Option<Account>, Cause> {
    const FIND: &str = "SELECT people.id, people.name, login, password FROM accounts JOIN people ON id = person";
    let row = match of {
        AccountOf::Login(login) => {
            let statement = db.prepare_cached(&format!("{FIND} WHERE login = $1")).await?;
            db.query_opt(&statement, &[&login.as_str()]).await?
        }
        AccountOf::Person(person) => {
            let statement = db.prepare_cached(&format!("{FIND} WHERE person = $1")).await?;
            db.query_opt(&statement, &[&person.0]).await?
        }
    };
    let Some(row) = row else { return Ok(None) };
    let login = row.get::<_, &str>(2).parse()?;
    Ok(Some(Account { person: person(&row, 0)?, login, password: PasswordHash::trusted(row.get(3)) }))
}

/// A new session, if `checked` is still the password; whether it is.
pub(super) async fn open_session(
    db: &mut Object,
    person: PersonId,
    checked: &PasswordHash,
    session: &NewSession,
    now: UnixMillis,
) -> Result<bool, Cause> {
    let tx = db.transaction().await?;
    if find_person(&tx, &session.token, now).await?.is_some() {
        return Ok(true);
    }
    // Locked, so that a change of the password ends this session, or comes first.
    let sql = "SELECT 1 FROM accounts WHERE person = $1 AND password = $2 FOR UPDATE";
    let current = tx.prepare_cached(sql).await?;
    let current = tx.query_opt(&current, &[&person.0, &checked.as_str()]).await?.is_some();
    if current {
        begin(&tx, person, session, now).await?;
    }
    tx.commit().await?;
    Ok(current)
}

pub(super) async fn end_session(db: &Object, token: &SessionToken) -> Result<(), Cause> {
    let statement = db.prepare_cached("DELETE FROM sessions WHERE token = $1").await?;
    db.execute(&statement, &[&token.as_str()]).await?;
    Ok(())
}

/// Another password, if `checked` is still the one there was, and only the new session; whether it is.
pub(super) async fn change_password(
    db: &mut Object,
    person: PersonId,
    checked: &PasswordHash,
    password: &PasswordHash,
    session: &NewSession,
) -> Result<bool, Cause> {
    let tx = db.transaction().await?;
    let sql = "UPDATE accounts SET password = $3 WHERE person = $1 AND password IN ($2, $3)";
    let update = tx.prepare_cached(sql).await?;
    let changed = tx.execute(&update, &[&person.0, &checked.as_str(), &password.as_str()]).await? == 1;
    if changed {
        end_all(&tx, person).await?;
        insert(&tx, person, session).await?;
    }
    tx.commit().await?;
    Ok(changed)
}

/// The secret of this name, `fresh` if there was none.
pub(super) async fn secret(db: &Object, name: &str, fresh: &str) -> Result<String, Cause> {
    let sql = "INSERT INTO secrets (name, value) VALUES ($1, $2) ON CONFLICT DO NOTHING";
    let insert = db.prepare_cached(sql).await?;
    db.execute(&insert, &[&name, &fresh]).await?;
    let find = db.prepare_cached("SELECT value FROM secrets WHERE name = $1").await?;
    Ok(db.query_one(&find, &[&name]).await?.get(0))
}

async fn create_person(db: &impl GenericClient, name: &DisplayName) -> Result<Person, Cause> {
    let statement = db.prepare_cached("INSERT INTO people (name) VALUES ($1) RETURNING id, name").await?;
    person(&db.query_one(&statement, &[&name.as_str()]).await?, 0)
}

const RENAME: &str = "UPDATE people SET name = $2 WHERE id = $1 RETURNING id, name";

async fn rename(db: &impl GenericClient, id: PersonId, name: &DisplayName) -> Result<Person, Cause> {
    let statement = db.prepare_cached(RENAME).await?;
    person(&db.query_one(&statement, &[&id.0, &name.as_str()]).await?, 0)
}

/// Another name for somebody; none if there is nobody of this number.
pub(super) async fn rename_person(db: &Object, id: PersonId, name: &DisplayName) -> Result<Option<Person>, Cause> {
    let statement = db.prepare_cached(RENAME).await?;
    db.query_opt(&statement, &[&id.0, &name.as_str()]).await?.map(|row| person(&row, 0)).transpose()
}

async fn end_all(db: &impl GenericClient, person: PersonId) -> Result<(), Cause> {
    let statement = db.prepare_cached("DELETE FROM sessions WHERE person = $1").await?;
    db.execute(&statement, &[&person.0]).await?;
    Ok(())
}

/// Begins a session, and forgets those that are over.
async fn begin(db: &impl GenericClient, person: PersonId, session: &NewSession, now: UnixMillis) -> Result<(), Cause> {
    // Rows that another one forgets at this moment are passed over, so that nobody waits in a circle.
    let sql = "DELETE FROM sessions WHERE token IN
               (SELECT token FROM sessions WHERE expires_at <= $1 FOR UPDATE SKIP LOCKED)";
    let over = db.prepare_cached(sql).await?;
    db.execute(&over, &[&now.0]).await?;
    insert(db, person, session).await
}

async fn insert(db: &impl GenericClient, person: PersonId, session: &NewSession) -> Result<(), Cause> {
    let statement = db.prepare_cached("INSERT INTO sessions (token, person, expires_at) VALUES ($1, $2, $3)").await?;
    db.execute(&statement, &[&session.token.as_str(), &person.0, &session.expires_at.0]).await?;
    Ok(())
}

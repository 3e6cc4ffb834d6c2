//! The statements for people, their sessions and accounts. Everything here blocks.

use rusqlite::{Connection, OptionalExtension, params};

use super::statements::{malformed, person};
use crate::domain::{DisplayName, LoginName, Person, PersonId, UnixMillis};
use crate::store::{Account, AccountOf, NewSession, PasswordHash, SessionToken};

/// The person of a session that is not over.
pub(super) fn find_person(db: &Connection, token: &SessionToken, now: UnixMillis) -> rusqlite::Result<Option<Person>> {
    db.prepare_cached(
        "SELECT people.id, people.name FROM sessions JOIN people ON people.id = sessions.person
         WHERE sessions.token = ?1 AND sessions.expires_at > ?2",
    )?
    .query_row(params![token.as_str(), now.0], |row| person(row, 0))
    .optional()
}

/// The person of a session, by the name `name` from now on; made if there is none.
pub(super) fn name_person(
    db: &Connection,
    session: &NewSession,
    now: UnixMillis,
    name: &DisplayName,
) -> rusqlite::Result<Person> {
    match find_person(db, &session.token, now)? {
        Some(known) => rename(db, known.id, name),
        None => {
            let person = create_person(db, name)?;
            begin(db, person.id, session, now)?;
            Ok(person)
        }
    }
}

/// Another name for somebody; none if there is nobody of this number.
pub(super) fn rename_person(db: &Connection, id: PersonId, name: &DisplayName) -> rusqlite::Result<Option<Person>> {
    rename(db, id, name).optional()
}

/// An account, for a guest or for somebody new; none if there is one of this name, or of this person.
pub(super) fn create_account(
    db: &Connection,
    guest: Option<PersonId>,
    name: &DisplayName,
    login: &LoginName,
    password: &PasswordHash,
    session: &NewSession,
    now: UnixMillis,
) -> rusqlite::Result<Option<Person>> {
    if let Some(done) = find_person(db, &session.token, now)? {
        return Ok(Some(done));
    }
    let taken = find_account(db, &AccountOf::Login(login.clone()))?.is_some();
    let has_one = guest.map(|guest| find_account(db, &AccountOf::Person(guest))).transpose()?.flatten().is_some();
    if taken || has_one {
        return Ok(None);
    }
    let person = match guest {
        Some(guest) => rename(db, guest, name)?,
        None => create_person(db, name)?,
    };
    db.prepare_cached("INSERT INTO accounts (person, login, password) VALUES (?1, ?2, ?3)")?.execute(params![
        person.id.0,
        login.as_str(),
        password.as_str()
    ])?;
    db.prepare_cached("DELETE FROM sessions WHERE person = ?1")?.execute([person.id.0])?;
    begin(db, person.id, session, now)?;
    Ok(Some(person))
}

pub(super) fn find_account(db: &Connection, of: &AccountOf) -> rusqlite::Result<Option<Account>> {
    let account = |row: &rusqlite::Row<'_>| {
        let login: String = row.get(2)?;
        let login = login.parse().map_err(|error| malformed(2, error))?;
        Ok(Account { person: person(row, 0)?, login, password: PasswordHash::trusted(row.get(3)?) })
    };
    const FIND: &str = "SELECT people.id, people.name, login, password FROM accounts JOIN people ON id = person";
    match of {
        AccountOf::Login(login) => {
            db.prepare_cached(&format!("{FIND} WHERE login = ?1"))?.query_row([login.as_str()], account).optional()
        }
        AccountOf::Person(person) => {
            db.prepare_cached(&format!("{FIND} WHERE person = ?1"))?.query_row([person.0], account).optional()
        }
    }
}

/// A new session, if `checked` is still the password; whether it is.
pub(super) fn open_session(
    db: &Connection,
    person: PersonId,
    checked: &PasswordHash,
    session: &NewSession,
    now: UnixMillis,
) -> rusqlite::Result<bool> {
    if find_person(db, &session.token, now)?.is_some() {
        return Ok(true);
    }
    let current = db
        .prepare_cached("SELECT 1 FROM accounts WHERE person = ?1 AND password = ?2")?
        .exists(params![person.0, checked.as_str()])?;
    if current {
        begin(db, person, session, now)?;
    }
    Ok(current)
}

pub(super) fn end_session(db: &Connection, token: &SessionToken) -> rusqlite::Result<()> {
    db.prepare_cached("DELETE FROM sessions WHERE token = ?1")?.execute([token.as_str()]).map(drop)
}

/// Another password, if `checked` is still the one there was, and only the new session; whether it is.
pub(super) fn change_password(
    db: &Connection,
    person: PersonId,
    checked: &PasswordHash,
    password: &PasswordHash,
    session: &NewSession,
) -> rusqlite::Result<bool> {
    let changed = db
        .prepare_cached("UPDATE accounts SET password = ?3 WHERE person = ?1 AND password IN (?2, ?3)")?
        .execute(params![person.0, checked.as_str(), password.as_str()])?;
    if changed == 1 {
        db.prepare_cached("DELETE FROM sessions WHERE person = ?1")?.execute([person.0])?;
        insert(db, person, session)?;
    }
    Ok(changed == 1)
}

/// The secret of this name, `fresh` if there was none.
pub(super) fn secret(db: &Connection, name: &str, fresh: &str) -> rusqlite::Result<String> {
    db.prepare_cached("INSERT INTO secrets (name, value) VALUES (?1, ?2) ON CONFLICT DO NOTHING")?
        .execute([name, fresh])?;
    db.prepare_cached("SELECT value FROM secrets WHERE name = ?1")?.query_row([name], |row| row.get(0))
}

fn create_person(db: &Connection, name: &DisplayName) -> rusqlite::Result<Person> {
    db.prepare_cached("INSERT INTO people (name) VALUES (?1) RETURNING id, name")?
        .query_row([name.as_str()], |row| person(row, 0))
}

fn rename(db: &Connection, id: PersonId, name: &DisplayName) -> rusqlite::Result<Person> {
    db.prepare_cached("UPDATE people SET name = ?2 WHERE id = ?1 RETURNING id, name")?
        .query_row(params![id.0, name.as_str()], |row| person(row, 0))
}

/// Begins a session, and forgets those that are over.
fn begin(db: &Connection, person: PersonId, session: &NewSession, now: UnixMillis) -> rusqlite::Result<()> {
    db.prepare_cached("DELETE FROM sessions WHERE expires_at <= ?1")?.execute([now.0])?;
    insert(db, person, session)
}

fn insert(db: &Connection, person: PersonId, session: &NewSession) -> rusqlite::Result<()> {
    db.prepare_cached("INSERT INTO sessions (token, person, expires_at) VALUES (?1, ?2, ?3)")?
        .execute(params![session.token.as_str(), person.0, session.expires_at.0])
        .map(drop)
}

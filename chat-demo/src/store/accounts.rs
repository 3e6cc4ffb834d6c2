//! Accounts and sessions, as the rest of the program asks for them.

use std::time::Duration;

use super::request::Request;
use super::{PasswordHash, SessionToken, Store, StoreError};
use crate::domain::{DisplayName, LoginName, Person, PersonId, UnixMillis};

/// A session, and when it ends by itself.
#[derive(Clone, Debug)]
pub struct NewSession {
    /// What proves it.
    pub token: SessionToken,
    /// From then on it is none.
    pub expires_at: UnixMillis,
}

impl NewSession {
    /// One that begins now.
    pub fn lasting(token: SessionToken, lasts: Duration) -> Self {
        let lasts = i64::try_from(lasts.as_millis()).unwrap_or(i64::MAX);
        Self { token, expires_at: UnixMillis(UnixMillis::now().0.saturating_add(lasts)) }
    }
}

/// Somebody who can log in.
#[derive(Clone, Debug)]
pub struct Account {
    /// Who it is.
    pub person: Person,
    /// What they log in by.
    pub login: LoginName,
    /// What their password is checked against.
    pub password: PasswordHash,
}

/// By what an account is found.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum AccountOf {
    /// What is given on logging in.
    Login(LoginName),
    /// Who has it.
    Person(PersonId),
}

impl Store {
    /// Who has this session, if it is not over.
    ///
    /// # Errors
    ///
    /// [`StoreError`], as for everything here.
    pub async fn find_person(&self, session: SessionToken) -> Result<Option<Person>, StoreError> {
        self.ask(|reply| Request::FindPerson { session: session.clone(), now: UnixMillis::now(), reply }).await
    }

    /// Gives whoever has this session a name. If nobody has, it becomes that of somebody new.
    ///
    /// # Errors
    ///
    /// [`StoreError`], as for everything here.
    pub async fn name_person(&self, session: NewSession, name: DisplayName) -> Result<Person, StoreError> {
        let now = UnixMillis::now();
        self.ask(|reply| Request::NamePerson { session: session.clone(), now, name: name.clone(), reply }).await
    }

    /// Gives somebody another name, in all their sessions; none if there is nobody of this number.
    ///
    /// # Errors
    ///
    /// [`StoreError`], as for everything here.
    pub async fn rename_person(&self, person: PersonId, name: DisplayName) -> Result<Option<Person>, StoreError> {
        self.ask(|reply| Request::RenamePerson { person, name: name.clone(), reply }).await
    }

    /// Makes an account, for a guest or for somebody new, with `session` as the only one; none if somebody logs in
    /// by this name already, or the guest has an account. Asking again with the same session changes nothing.
    ///
    /// # Errors
    ///
    /// [`StoreError`], as for everything here.
    pub async fn create_account(
        &self,
        guest: Option<PersonId>,
        name: DisplayName,
        login: LoginName,
        password: PasswordHash,
        session: NewSession,
    ) -> Result<Option<Person>, StoreError> {
        self.ask(|reply| Request::CreateAccount {
            guest,
            name: name.clone(),
            login: login.clone(),
            password: password.clone(),
            session: session.clone(),
            now: UnixMillis::now(),
            reply,
        })
        .await
    }

    /// An account.
    ///
    /// # Errors
    ///
    /// [`StoreError`], as for everything here.
    pub async fn find_account(&self, of: AccountOf) -> Result<Option<Account>, StoreError> {
        self.ask(|reply| Request::FindAccount { of: of.clone(), reply }).await
    }

    /// Begins a session of somebody, unless their password is no longer the one that was checked; whether it did.
    ///
    /// # Errors
    ///
    /// [`StoreError`], as for everything here.
    pub async fn open_session(
        &self,
        person: PersonId,
        checked: PasswordHash,
        session: NewSession,
    ) -> Result<bool, StoreError> {
        let now = UnixMillis::now();
        self.ask(|reply| Request::OpenSession {
            person,
            checked: checked.clone(),
            session: session.clone(),
            now,
            reply,
        })
        .await
    }

    /// Ends a session; there may be none.
    ///
    /// # Errors
    ///
    /// [`StoreError`], as for everything here.
    pub async fn end_session(&self, session: SessionToken) -> Result<(), StoreError> {
        self.ask(|reply| Request::EndSession { session: session.clone(), reply }).await
    }

    /// Gives an account another password, unless it is no longer the one that was checked, and ends all its sessions
    /// but the new `session`. Whether it did. Asking again with the same session changes nothing.
    ///
    /// # Errors
    ///
    /// [`StoreError`], as for everything here.
    pub async fn change_password(
        &self,
        person: PersonId,
        checked: PasswordHash,
        password: PasswordHash,
        session: NewSession,
    ) -> Result<bool, StoreError> {
        self.ask(|reply| Request::ChangePassword {
            person,
            checked: checked.clone(),
            password: password.clone(),
            session: session.clone(),
            reply,
        })
        .await
    }

    /// The secret of this name: `fresh` from now on, if there is none yet.
    pub(crate) async fn secret(&self, name: &'static str, fresh: &str) -> Result<String, StoreError> {
        self.ask(|reply| Request::Secret { name, fresh: fresh.to_owned(), reply }).await
    }
}

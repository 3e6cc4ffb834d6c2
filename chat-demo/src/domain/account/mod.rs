//! Accounts: a login name and a password for who was a guest, and the sessions that they give.

mod password;

use std::time::Duration;

use thiserror::Error;

use self::password::Hasher;
pub use self::password::{Busy, MAX_PASSWORD_CHARS, MIN_PASSWORD_CHARS, Password, PasswordError};
use super::{DisplayName, LoginError, LoginName, Person};
use crate::config::Limits;
use crate::store::{Account, AccountOf, NewSession, SessionToken, Store, StoreError};

/// All accounts.
#[derive(Clone, Debug)]
pub struct Accounts {
    store: Store,
    hasher: Hasher,
    session: Duration,
}

/// Why there is no new account.
#[derive(Clone, Debug, Error)]
#[non_exhaustive]
pub enum RegisterError {
    /// Nobody can log in by this name.
    #[error(transparent)]
    Login(#[from] LoginError),
    /// Nobody should choose this password.
    #[error(transparent)]
    Password(#[from] PasswordError),
    /// Somebody else logs in by this name, or the guest has an account.
    #[error("this login name is taken")]
    Taken,
    /// Too many passwords are being hashed.
    #[error(transparent)]
    Busy(#[from] Busy),
    /// The store does not work now.
    #[error("the account cannot be stored now")]
    Store(#[from] StoreError),
}

/// Why nobody is logged in, or no password changed.
#[derive(Clone, Debug, Error)]
#[non_exhaustive]
pub enum CheckError {
    /// There is no such account, or it has another password; which of the two is not said.
    #[error("this is not a login name and its password")]
    Wrong,
    /// Nobody should choose this password.
    #[error(transparent)]
    Password(#[from] PasswordError),
    /// Too many passwords are being checked.
    #[error(transparent)]
    Busy(#[from] Busy),
    /// The store does not work now.
    #[error("accounts cannot be looked up now")]
    Store(#[from] StoreError),
}

impl Accounts {
    /// The accounts in `store`.
    pub fn new(store: Store, limits: &Limits) -> Self {
        Self { store, hasher: Hasher::new(limits.hashes_at_once), session: limits.account_session }
    }

    /// Makes an account, for a guest, who stays who they are, or for somebody new. Sessions of the guest end.
    ///
    /// # Errors
    ///
    /// [`RegisterError`], in which case there is no new account.
    pub async fn register(
        &self,
        guest: Option<&Person>,
        name: DisplayName,
        login: &str,
        password: &str,
    ) -> Result<SessionToken, RegisterError> {
        let login: LoginName = login.parse()?;
        let password = Password::choose(password, &login)?;
        let hash = self.hasher.hash(password).await?;
        let session = self.session();
        let guest = guest.map(|guest| guest.id);
        let made = self.store.create_account(guest, name, login, hash, session.clone()).await?;
        made.map(|_| session.token).ok_or(RegisterError::Taken)
    }

    /// Begins a session. What is answered, and how long it takes, is the same for an unknown name and a wrong password.
    ///
    /// # Errors
    ///
    /// [`CheckError`], in which case there is no session.
    pub async fn log_in(&self, login: &str, password: &str) -> Result<SessionToken, CheckError> {
        let account = match login.parse() {
            Ok(login) => self.store.find_account(AccountOf::Login(login)).await?,
            Err(_) => None,
        };
        let kept = account.as_ref().map(|account| account.password.clone());
        let right = self.hasher.check(Password::offered(password), kept).await?;
        let Some(account) = account.filter(|_| right) else { return Err(CheckError::Wrong) };
        let session = self.session();
        let opened = self.store.open_session(account.person.id, account.password, session.clone()).await?;
        opened.then_some(session.token).ok_or(CheckError::Wrong)
    }

    /// Ends a session.
    ///
    /// # Errors
    ///
    /// [`StoreError`] when the store does not work now.
    pub async fn log_out(&self, session: SessionToken) -> Result<(), StoreError> {
        self.store.end_session(session).await
    }

    /// The account of somebody, if they have one.
    ///
    /// # Errors
    ///
    /// [`StoreError`] when the store does not work now.
    pub async fn of(&self, person: &Person) -> Result<Option<Account>, StoreError> {
        self.store.find_account(AccountOf::Person(person.id)).await
    }

    /// Gives an account another password. All sessions of it end, and the one that is returned begins.
    ///
    /// # Errors
    ///
    /// [`CheckError`], in which case nothing is changed.
    pub async fn change_password(&self, account: &Account, old: &str, new: &str) -> Result<SessionToken, CheckError> {
        let new = Password::choose(new, &account.login)?;
        let kept = account.password.clone();
        if !self.hasher.check(Password::offered(old), Some(kept.clone())).await? {
            return Err(CheckError::Wrong);
        }
        let hash = self.hasher.hash(new).await?;
        let session = self.session();
        let changed = self.store.change_password(account.person.id, kept, hash, session.clone()).await?;
        changed.then_some(session.token).ok_or(CheckError::Wrong)
    }

    fn session(&self) -> NewSession {
        NewSession::lasting(SessionToken::random(), self.session)
    }
}

//! Passwords: which may be chosen, and how they are hashed and checked.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use argon2::password_hash::{PasswordHash as Phc, PasswordHasher, PasswordVerifier, SaltString};
use argon2::{Argon2, Params};
use rand::RngCore;
use thiserror::Error;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::timeout;
use unicode_normalization::UnicodeNormalization;

use crate::domain::LoginName;
use crate::store::PasswordHash;

/// The fewest characters of a password.
pub const MIN_PASSWORD_CHARS: usize = 8;
/// The most characters of a password.
pub const MAX_PASSWORD_CHARS: usize = 128;

/// How long somebody waits for a place to hash at.
const PATIENCE: Duration = Duration::from_secs(5);

/// A password in the clear: NFC, so that it is the same from every keyboard.
#[derive(Clone)]
pub struct Password(String);

/// Why a text cannot be chosen as a password.
#[derive(Clone, Copy, Debug, Error, PartialEq, Eq)]
#[non_exhaustive]
pub enum PasswordError {
    /// Too short.
    #[error("a password has at least {MIN_PASSWORD_CHARS} characters")]
    TooShort,
    /// Too long.
    #[error("a password has at most {MAX_PASSWORD_CHARS} characters")]
    TooLong,
    /// One character over and over, or the login name.
    #[error(
        "this password is too easy to guess; several words that have nothing to do with each other make a good one"
    )]
    Easy,
}

/// Too many passwords are being checked.
#[derive(Clone, Copy, Debug, Error, PartialEq, Eq)]
#[error("too many people are logging in at the moment")]
pub struct Busy;

/// Hashes passwords with Argon2id, apart from the runtime's own threads and only so many at once.
#[derive(Clone, Debug)]
pub(super) struct Hasher {
    places: Arc<Semaphore>,
}

impl Password {
    /// The password that `text` gives, to be kept with `login`.
    ///
    /// # Errors
    ///
    /// [`PasswordError`] when nobody should choose it.
    pub fn choose(text: &str, login: &LoginName) -> Result<Self, PasswordError> {
        let password = Self::offered(text);
        match password.0.chars().count() {
            ..MIN_PASSWORD_CHARS => Err(PasswordError::TooShort),
            MIN_PASSWORD_CHARS..=MAX_PASSWORD_CHARS => {
                let first = password.0.chars().next();
                let same = password.0.chars().all(|c| Some(c) == first);
                let named = password.0.eq_ignore_ascii_case(login.as_str());
                if same || named { Err(PasswordError::Easy) } else { Ok(password) }
            }
            _ => Err(PasswordError::TooLong),
        }
    }

    /// What somebody says is the password. Whatever is longer than any password is cut off, and not it either way.
    pub fn offered(text: &str) -> Self {
        Self(text.chars().take(MAX_PASSWORD_CHARS + 1).nfc().collect())
    }
}

/// Nothing of it.
impl fmt::Debug for Password {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Password(…)")
    }
}

impl Hasher {
    /// As many hashes as `at_once`: each takes 19 MiB and a core for a moment.
    pub(super) fn new(at_once: usize) -> Self {
        Self { places: Arc::new(Semaphore::new(at_once)) }
    }

    /// The hash of a new password, under a salt of its own.
    pub(super) async fn hash(&self, password: Password) -> Result<PasswordHash, Busy> {
        self.apart(move || {
            let mut salt = [0; 16];
            rand::rng().fill_bytes(&mut salt);
            let salt = SaltString::encode_b64(&salt).expect("16 bytes are a salt");
            let hash = argon2().hash_password(password.0.as_bytes(), &salt).expect("a password is not too long");
            PasswordHash::trusted(hash.to_string())
        })
        .await
    }

    /// Whether this is the password. Where there is none to compare with, as much is done and the answer is no.
    pub(super) async fn check(&self, offered: Password, kept: Option<PasswordHash>) -> Result<bool, Busy> {
        self.apart(move || {
            let known = kept.is_some();
            let kept = kept.map_or_else(nobodys, |kept| kept.as_str().to_owned());
            let same = Phc::new(&kept).is_ok_and(|kept| argon2().verify_password(offered.0.as_bytes(), &kept).is_ok());
            same && known
        })
        .await
    }

    /// Runs on a thread that may block. Whoever asked may go away; the place is taken until it is done.
    async fn apart<T: Send + 'static>(&self, work: impl FnOnce() -> T + Send + 'static) -> Result<T, Busy> {
        let place: OwnedSemaphorePermit = match timeout(PATIENCE, Arc::clone(&self.places).acquire_owned()).await {
            Ok(Ok(place)) => place,
            _ => return Err(Busy),
        };
        let done = tokio::task::spawn_blocking(move || {
            let done = work();
            drop(place);
            done
        });
        done.await.map_err(|_| Busy)
    }
}

/// Argon2id with 19 MiB and two passes, as OWASP's password storage cheat sheet has it.
fn argon2() -> Argon2<'static> {
    Argon2::default()
}

/// A hash of the form of all others that no password has.
fn nobodys() -> String {
    let params = Params::default();
    let (memory, passes, lanes) = (params.m_cost(), params.t_cost(), params.p_cost());
    let (salt, output) = ("A".repeat(22), "A".repeat(43));
    format!("$argon2id$v=19$m={memory},t={passes},p={lanes}${salt}${output}")
}

#[cfg(test)]
mod tests {
    use std::time::Instant;

    use super::*;

    fn choose(text: &str) -> Result<(), PasswordError> {
        Password::choose(text, &"ada.lovelace".parse().unwrap()).map(drop)
    }

    #[test]
    fn which_may_be_chosen() {
        assert_eq!(choose("analytical"), Ok(()));
        assert_eq!(choose("seven77"), Err(PasswordError::TooShort));
        assert_eq!(choose(&"ab".repeat(64)), Ok(()));
        assert_eq!(choose(&"ab".repeat(65)), Err(PasswordError::TooLong));
        assert_eq!(choose(&"ab".repeat(100_000)), Err(PasswordError::TooLong));
        assert_eq!(choose("aaaaaaaaaa"), Err(PasswordError::Easy));
        assert_eq!(choose("Ada.Lovelace"), Err(PasswordError::Easy));
        assert!(!format!("{:?}", Password::offered("analytical")).contains("analytical"));
    }

    #[tokio::test]
    async fn only_the_password_is_the_password() {
        let hasher = Hasher::new(1);
        let (one, other) = (Password::offered("ame\u{301}lie in oz"), Password::offered("another one"));
        let hash = hasher.hash(one).await.unwrap();
        assert!(hash.as_str().starts_with("$argon2id$v=19$m=19456,t=2,p=1$"), "{}", hash.as_str());
        assert_eq!(hasher.check(Password::offered("amélie in oz"), Some(hash.clone())).await, Ok(true));
        assert_eq!(hasher.check(other.clone(), Some(hash.clone())).await, Ok(false));
        assert_eq!(hasher.check(other.clone(), None).await, Ok(false));
        assert_ne!(hasher.hash(other.clone()).await.unwrap(), hasher.hash(other).await.unwrap(), "salted");
    }

    #[test]
    fn where_there_is_nothing_to_compare_with_as_much_is_done() {
        let argon2 = argon2();
        let nobodys = nobodys();
        let kept = Phc::new(&nobodys).unwrap();
        assert_eq!(kept.params.get_decimal("m"), Some(argon2.params().m_cost()));
        let started = Instant::now();
        let refused = argon2.verify_password(b"x", &kept).unwrap_err();
        let took = started.elapsed();
        assert_eq!(refused, argon2::password_hash::Error::Password, "it was hashed and compared");
        assert!(took > Duration::from_millis(1), "{took:?}");
    }

    #[tokio::test(start_paused = true)]
    async fn only_so_many_at_once() {
        let hasher = Hasher::new(1);
        let taken = Arc::clone(&hasher.places).acquire_owned().await.unwrap();
        assert_eq!(hasher.check(Password::offered("x"), None).await, Err(Busy), "nobody waits for ever");
        drop(taken);
        assert_eq!(hasher.check(Password::offered("x"), None).await, Ok(false));
        assert_eq!(hasher.places.available_permits(), 1);
    }
}

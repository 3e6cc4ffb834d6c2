//! The one cookie there is: the session, signed.

use std::sync::Arc;
use std::time::Duration;

use axum::http::header::COOKIE;
use axum::http::{HeaderMap, HeaderValue};
use cookie::{Cookie, CookieJar, Key, SameSite};
use tokio::sync::OnceCell;

use crate::config::CookieKey;
use crate::store::{SessionToken, Store, StoreError};

const NAME: &str = "chat_session";

/// What the key is called among the secrets of the store.
const SECRET: &str = "cookie_key";

/// Gives and reads cookies. Where no key is set, one is made at the first use and kept in the store, so that all
/// programs on one database, and the next start of this one, have the same.
#[derive(Clone)]
pub(crate) struct Cookies {
    key: Arc<OnceCell<Key>>,
}

impl Cookies {
    pub(crate) fn new(key: Option<&CookieKey>) -> Self {
        let key = key.map(|key| Key::derive_from(key.reveal()));
        Self { key: Arc::new(OnceCell::new_with(key)) }
    }

    /// The session that the browser shows, if it has one that we signed.
    pub(crate) async fn session(&self, store: &Store, headers: &HeaderMap) -> Result<Option<SessionToken>, StoreError> {
        let sent: Vec<Cookie<'static>> = headers
            .get_all(COOKIE)
            .iter()
            .filter_map(|header| header.to_str().ok())
            .flat_map(|header| header.split(';'))
            .filter_map(|pair| Cookie::parse(pair.trim().to_owned()).ok())
            .filter(|cookie| cookie.name() == NAME)
            .collect();
        if sent.is_empty() {
            return Ok(None);
        }
        let key = self.key(store).await?;
        let signed = |cookie| CookieJar::new().signed(key).verify(cookie);
        Ok(sent.into_iter().filter_map(signed).find_map(|cookie| SessionToken::parse(cookie.value())))
    }

    /// The header value that gives the browser its session: out of reach for scripts, not sent with what other sites
    /// do, and, if the page came encrypted, never sent in the clear.
    pub(crate) async fn set(
        &self,
        store: &Store,
        session: &SessionToken,
        lasts: Duration,
        secure: bool,
    ) -> Result<HeaderValue, StoreError> {
        let mut jar = CookieJar::new();
        jar.signed_mut(self.key(store).await?).add((NAME, session.as_str().to_owned()));
        let value = jar.get(NAME).map(Cookie::value).unwrap_or_default().to_owned();
        Ok(header(value, lasts, secure))
    }

    /// The header value that takes the session away.
    pub(crate) fn forget(secure: bool) -> HeaderValue {
        header(String::new(), Duration::ZERO, secure)
    }

    async fn key(&self, store: &Store) -> Result<&Key, StoreError> {
        let make = async || {
            // Each token is 160 bits of chance.
            let fresh: String = [(); 2].map(|()| SessionToken::random().as_str().to_owned()).concat();
            let secret = store.secret(SECRET, &fresh).await?;
            Ok(Key::derive_from(secret.as_bytes()))
        };
        self.key.get_or_try_init(make).await
    }
}

fn header(value: String, lasts: Duration, secure: bool) -> HeaderValue {
    let lasts = i64::try_from(lasts.as_secs()).unwrap_or(i64::MAX);
    let cookie = Cookie::build((NAME, value)).path("/").http_only(true).same_site(SameSite::Lax).secure(secure);
    // Written by hand: the crate counts in a type of another one.
    HeaderValue::try_from(format!("{cookie}; Max-Age={lasts}")).expect("a signed token is ASCII")
}

/// Nothing of the key.
impl std::fmt::Debug for Cookies {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Cookies(…)")
    }
}

#[cfg(test)]
mod tests {
    use registry::ServiceRegistry;

    use super::*;

    fn cookies(key: &str) -> Cookies {
        Cookies::new(Some(&key.parse().unwrap()))
    }

    /// Never asked: the keys of these tests are set.
    fn store() -> Store {
        Store::new(ServiceRegistry::new().namespace("production").unwrap())
    }

    async fn shown(cookies: &Cookies, header: &str) -> Option<SessionToken> {
        let mut headers = HeaderMap::new();
        headers.insert(COOKIE, header.parse().unwrap());
        cookies.session(&store(), &headers).await.unwrap()
    }

    #[tokio::test]
    async fn only_what_we_signed_is_a_session() {
        let ours = cookies("a key of thirty-two characters, or more");
        let token = SessionToken::random();
        let set = ours.set(&store(), &token, Duration::from_secs(60), false).await.unwrap();
        let given = set.to_str().unwrap().split(';').next().unwrap().to_owned();
        assert_eq!(shown(&ours, &format!("a=b; {given}; c")).await, Some(token.clone()));
        assert_eq!(shown(&ours, &format!("{NAME}={}; {given}", token.as_str())).await, Some(token.clone()));

        let other = cookies("another key of thirty-two characters or more");
        assert_eq!(shown(&other, &given).await, None, "signed by another key");
        assert_eq!(shown(&ours, &format!("{NAME}={}", token.as_str())).await, None, "not signed");
        let swapped = given.replace(token.as_str(), SessionToken::random().as_str());
        assert_eq!(shown(&ours, &swapped).await, None, "signed for another session");
        assert_eq!(shown(&ours, "chat_session=' OR 1=1").await, None);
        assert_eq!(shown(&ours, "chat_session=").await, None);
    }

    #[test]
    fn scripts_and_other_sites_do_not_get_it() {
        let plain = header("x".into(), Duration::from_secs(60), false);
        assert_eq!(plain, "chat_session=x; HttpOnly; SameSite=Lax; Path=/; Max-Age=60");
        let encrypted = header("x".into(), Duration::from_secs(60), true);
        assert!(encrypted.to_str().unwrap().contains("; Secure"));
    }
}

//! The one cookie there is.

use axum::http::header::COOKIE;
use axum::http::{HeaderMap, HeaderValue};

use crate::store::SessionToken;

const NAME: &str = "chat_session";

/// A year, in seconds.
const MAX_AGE: u32 = 365 * 24 * 60 * 60;

/// The session that the browser shows, if it has one of our form.
pub(crate) fn session(headers: &HeaderMap) -> Option<SessionToken> {
    headers
        .get_all(COOKIE)
        .iter()
        .filter_map(|header| header.to_str().ok())
        .flat_map(|header| header.split(';'))
        .filter_map(|pair| pair.trim().split_once('='))
        .filter(|(name, _)| *name == NAME)
        .find_map(|(_, value)| SessionToken::parse(value))
}

/// The header value that gives the browser its session: out of reach for scripts, and not sent with
/// what other sites do.
pub(crate) fn set(session: &SessionToken) -> HeaderValue {
    let token = session.as_str();
    HeaderValue::try_from(format!("{NAME}={token}; Path=/; Max-Age={MAX_AGE}; HttpOnly; SameSite=Lax"))
        .expect("a token is ASCII")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn our_cookie_among_others() {
        let token = SessionToken::random();
        let mut headers = HeaderMap::new();
        assert_eq!(session(&headers), None);
        let cookies = format!("a=b; {NAME}={}; c", token.as_str());
        headers.insert(COOKIE, cookies.parse().unwrap());
        assert_eq!(session(&headers), Some(token));
        headers.insert(COOKIE, "chat_session=' OR 1=1".parse().unwrap());
        assert_eq!(session(&headers), None);
    }

    #[test]
    fn scripts_and_other_sites_do_not_get_it() {
        let value = set(&SessionToken::random());
        let value = value.to_str().unwrap();
        assert!(value.contains("; HttpOnly") && value.contains("; SameSite=Lax"), "{value}");
    }
}

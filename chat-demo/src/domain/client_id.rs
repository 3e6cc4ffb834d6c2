//! The number a client gives a message before the server has one for it.

use std::fmt;
use std::sync::Arc;

use thiserror::Error;

/// The longest identifier, in characters.
const MAX_CHARS: usize = 36;

/// What a client calls a message it sends, so that sending it twice stores it once.
///
/// It is unique for its author within a room: 8 to 36 letters, digits, `-` or `_`.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct ClientId(Arc<str>);

/// Why a text cannot be a [`ClientId`].
#[derive(Clone, Copy, Debug, Error, PartialEq, Eq)]
#[error("a message needs an id of 8 to {MAX_CHARS} letters, digits, hyphens or underscores")]
#[non_exhaustive]
pub struct ClientIdError;

impl ClientId {
    /// The identifier `text` is.
    ///
    /// # Errors
    ///
    /// When it has a forbidden character or length.
    pub fn parse(text: &str) -> Result<Self, ClientIdError> {
        let allowed = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
        if (8..=MAX_CHARS).contains(&text.len()) && text.bytes().all(allowed) {
            Ok(Self(text.into()))
        } else {
            Err(ClientIdError)
        }
    }

    /// The identifier as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for ClientId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ClientId({})", self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_short_plain_identifiers() {
        assert_eq!(ClientId::parse("a1B2-c3_D4").unwrap().as_str(), "a1B2-c3_D4");
        for wrong in ["", "short", "with space", "semi;colon", "ünïcödé-id", &"x".repeat(37)] {
            assert_eq!(ClientId::parse(wrong), Err(ClientIdError), "{wrong:?}");
        }
    }
}

//! What a message says.

use std::fmt;
use std::sync::Arc;

use thiserror::Error;

use super::text::{Fate, fate, is_visible};

/// The longest body, in bytes of UTF-8.
pub const MAX_BODY_BYTES: usize = 4096;

/// The text of a message: plain, never markup, 1 to [`MAX_BODY_BYTES`] bytes, no control characters
/// but line breaks and tabs, no blank lines at either end.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Body(Arc<str>);

/// Why a text cannot be the body of a message.
#[derive(Clone, Copy, Debug, Error, PartialEq, Eq)]
#[non_exhaustive]
pub enum BodyError {
    /// Nothing that can be seen.
    #[error("there is nothing to send")]
    Blank,
    /// More than [`MAX_BODY_BYTES`] bytes.
    #[error("a message can have {MAX_BODY_BYTES} bytes, this one has {found}")]
    TooLong {
        /// Its length in bytes.
        found: usize,
    },
}

impl Body {
    /// The body that `text` gives, without what [`Body`] excludes.
    ///
    /// # Errors
    ///
    /// [`BodyError`] when it is too long as it was sent, or blank after tidying.
    pub fn parse(text: &str) -> Result<Self, BodyError> {
        if text.len() > MAX_BODY_BYTES {
            return Err(BodyError::TooLong { found: text.len() });
        }
        let mut body = String::with_capacity(text.len());
        for c in text.replace("\r\n", "\n").chars() {
            match (c, fate(c)) {
                ('\r', _) | (_, Fate::Break) => body.push('\n'),
                (c, Fate::Keep) => body.push(c),
                (_, Fate::Strip) => {}
            }
        }
        let tidy = body.trim_end().trim_start_matches(['\n', '\t', ' ']);
        if !tidy.chars().any(is_visible) {
            return Err(BodyError::Blank);
        }
        Ok(Self(tidy.into()))
    }

    /// A body that was parsed before it was stored.
    pub(crate) fn trusted(text: String) -> Self {
        Self(text.into())
    }

    /// What a deleted message says, and one that is nothing but a file.
    pub(crate) fn empty() -> Self {
        Self("".into())
    }

    /// The body as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// Its length only: what people say to each other stays out of logs.
impl fmt::Debug for Body {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Body({} bytes)", self.0.len())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn body(text: &str) -> Result<String, BodyError> {
        Body::parse(text).map(|body| body.as_str().to_owned())
    }

    #[test]
    fn bodies_are_tidied_and_otherwise_left_alone() {
        assert_eq!(body("hello\r\nthere\rall \n\n"), Ok("hello\nthere\nall".into()));
        assert_eq!(body("<script>alert(1)</script>"), Ok("<script>alert(1)</script>".into()));
        assert_eq!(body("a\u{0}b\u{1b}[2J\u{202e}c"), Ok("ab[2Jc".into()));
        assert_eq!(body("fn main() {\n\tprint\n}"), Ok("fn main() {\n\tprint\n}".into()));
    }

    #[test]
    fn the_limit_is_exact() {
        assert!(body(&"x".repeat(MAX_BODY_BYTES)).is_ok());
        let over = MAX_BODY_BYTES + 1;
        assert_eq!(body(&"x".repeat(over)), Err(BodyError::TooLong { found: over }));
        assert_eq!(body(&"é".repeat(MAX_BODY_BYTES)), Err(BodyError::TooLong { found: 8192 }));
        for blank in ["", "   ", "\n\t\n", "\u{200b}", "\0\0"] {
            assert_eq!(body(blank), Err(BodyError::Blank), "{blank:?}");
        }
    }

    #[test]
    fn a_body_stays_out_of_logs() {
        assert_eq!(format!("{:?}", Body::parse("secret").unwrap()), "Body(6 bytes)");
    }

    proptest! {
        #[test]
        fn a_body_is_its_own_body(text: String) {
            if let Ok(once) = Body::parse(&text) {
                prop_assert_eq!(Body::parse(once.as_str()), Ok(once.clone()));
                prop_assert!(once.as_str().len() <= MAX_BODY_BYTES);
                prop_assert!(once.as_str().chars().all(|c| c == '\n' || c == '\t' || !c.is_control()));
            }
        }
    }
}

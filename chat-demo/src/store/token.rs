//! What proves that two visits are by the same person.

use std::fmt;

use rand::Rng;

/// How many characters a token has: 32 of base 32, 160 bits.
const LENGTH: usize = 32;

const DIGITS: &[u8; 32] = b"abcdefghijklmnopqrstuvwxyz234567";

/// A random secret that a browser keeps in its cookie.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct SessionToken(String);

impl SessionToken {
    /// A new one.
    pub fn random() -> Self {
        let mut rng = rand::rng();
        Self((0..LENGTH).map(|_| char::from(DIGITS[rng.random_range(0..DIGITS.len())])).collect())
    }

    /// The token `text` is, if it has the form of one.
    pub fn parse(text: &str) -> Option<Self> {
        (text.len() == LENGTH && text.bytes().all(|byte| DIGITS.contains(&byte))).then(|| Self(text.to_owned()))
    }

    /// The token as text: for the cookie and the database, nothing else.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// Nothing of the secret.
impl fmt::Debug for SessionToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SessionToken(…)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_tokens_of_our_own_form() {
        let token = SessionToken::random();
        assert_eq!(SessionToken::parse(token.as_str()), Some(token.clone()));
        assert_ne!(SessionToken::random(), token);
        assert_eq!(SessionToken::parse(&token.as_str()[1..]), None);
        assert_eq!(SessionToken::parse(&"'".repeat(LENGTH)), None);
        assert!(!format!("{token:?}").contains(token.as_str()));
    }
}

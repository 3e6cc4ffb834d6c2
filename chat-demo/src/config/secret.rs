//! Secrets from outside.

/// The secret of the admin routes: at least 16 characters.
#[derive(Clone)]
pub struct AdminToken(String);

impl AdminToken {
    /// Whether `offered` is the secret; how long that takes tells nothing but the lengths.
    pub fn matches(&self, offered: &str) -> bool {
        let (secret, offered) = (self.0.as_bytes(), offered.as_bytes());
        let differences = secret.iter().zip(offered).fold(0, |all, (a, b)| all | std::hint::black_box(a ^ b));
        secret.len() == offered.len() && differences == 0
    }
}

impl std::str::FromStr for AdminToken {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if text.len() < 16 {
            return Err("the admin token needs at least 16 characters");
        }
        Ok(Self(text.to_owned()))
    }
}

/// Nothing of the secret.
impl std::fmt::Debug for AdminToken {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("AdminToken(…)")
    }
}

/// What cookies are signed with: at least 32 characters, the more random the better.
#[derive(Clone)]
pub struct CookieKey(String);

impl CookieKey {
    /// All of it.
    pub(crate) fn reveal(&self) -> &[u8] {
        self.0.as_bytes()
    }
}

impl std::str::FromStr for CookieKey {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if text.len() < 32 {
            return Err("the cookie key needs at least 32 characters");
        }
        Ok(Self(text.to_owned()))
    }
}

/// Nothing of the secret.
impl std::fmt::Debug for CookieKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("CookieKey(…)")
    }
}

/// What the operator's webhooks are signed with: `whsec_` and 24 to 64 bytes in base 64.
#[cfg(feature = "webhooks")]
#[derive(Clone)]
pub struct HookSecret(String);

#[cfg(feature = "webhooks")]
impl HookSecret {
    /// All of it.
    pub(crate) fn reveal(&self) -> &str {
        &self.0
    }
}

#[cfg(feature = "webhooks")]
impl std::str::FromStr for HookSecret {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        use base64::Engine;
        let bytes = text.strip_prefix("whsec_").map(|key| base64::engine::general_purpose::STANDARD.decode(key));
        match bytes {
            Some(Ok(bytes)) if (24..=64).contains(&bytes.len()) => Ok(Self(text.to_owned())),
            _ => Err("the secret of hooks is whsec_ followed by 24 to 64 bytes in base 64"),
        }
    }
}

/// Nothing of the secret.
#[cfg(feature = "webhooks")]
impl std::fmt::Debug for HookSecret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("HookSecret(…)")
    }
}

/// What the mail server lets this program in by.
#[cfg(feature = "email")]
#[derive(Clone)]
pub struct SmtpPassword(String);

#[cfg(feature = "email")]
impl SmtpPassword {
    /// All of it.
    pub(crate) fn reveal(&self) -> &str {
        &self.0
    }
}

#[cfg(feature = "email")]
impl std::str::FromStr for SmtpPassword {
    type Err = std::convert::Infallible;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Ok(Self(text.to_owned()))
    }
}

/// Nothing of the secret.
#[cfg(feature = "email")]
impl std::fmt::Debug for SmtpPassword {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("SmtpPassword(…)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_whole_secret_matches() {
        let token: AdminToken = "correct horse battery".parse().unwrap();
        assert!(token.matches("correct horse battery"));
        for wrong in ["", "correct horse batterY", "correct horse batter", "correct horse battery "] {
            assert!(!token.matches(wrong), "{wrong:?}");
        }
        assert!("short".parse::<AdminToken>().is_err());
        assert!(!format!("{token:?}").contains("horse"));
    }
}

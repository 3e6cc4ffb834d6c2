//! What can be set from outside. One schema for flags, the environment and a TOML file; the first that says something counts.

mod limits;
mod load;
mod outlets;
mod schema;
mod secret;

pub use limits::Limits;
pub use load::{ConfigError, Layered};
pub use outlets::Outlets;
pub use schema::{Config, LogFormat};
#[cfg(feature = "webhooks")]
pub use secret::HookSecret;
#[cfg(feature = "email")]
pub use secret::SmtpPassword;
pub use secret::{AdminToken, CookieKey};

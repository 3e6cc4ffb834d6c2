//! What can be set from outside. One schema for flags, the environment and a TOML file; the first that says something counts.

mod limits;
mod load;
mod schema;
mod secret;

pub use limits::Limits;
pub use load::{ConfigError, Layered};
pub use schema::{Config, LogFormat};
pub use secret::{AdminToken, CookieKey};

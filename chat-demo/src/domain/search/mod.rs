//! What is looked for in messages, and where in a text it is found.

mod excerpt;
mod query;
mod words;

#[cfg(test)]
pub(crate) use excerpt::EXCERPT;
pub(crate) use excerpt::excerpt;
pub(crate) use query::Term;
pub use query::{MAX_QUERY_CHARS, MAX_QUERY_WORDS, Query, QueryError};
pub(crate) use words::words;

//! One room over as many sockets as it takes.

mod events;
mod line;
mod machine;
#[cfg(test)]
mod model;
mod signs;

pub(crate) use events::{Effect, Input, Over, Status, Trouble};
pub(crate) use machine::Connection;

//! SQLite: one thread owns the one connection that writes.

mod accounts;
mod database;
mod deliveries;
mod direct;
mod execute;
mod files;
#[cfg(test)]
mod gate;
mod notices;
mod rooms;
mod search;
mod statements;
mod visits;
mod ways;
mod workspaces;
mod writer;

#[cfg(test)]
pub(super) use database::Database;
pub(super) use database::message;
#[cfg(test)]
pub(crate) use gate::Gate;
pub(crate) use writer::Place;
pub(super) use writer::Writer;

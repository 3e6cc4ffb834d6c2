//! PostgreSQL: a bounded pool of connections.

mod accounts;
mod deliveries;
mod direct;
mod files;
mod notices;
mod place;
mod rooms;
mod search;
mod statements;
mod visits;
mod ways;
mod workers;
mod workspaces;

pub(crate) use place::Place;
pub(super) use place::message;
pub(super) use workers::Workers;

//! A room chat whose processes can be killed while people talk.
//!
//! Every part is a supervised process found by name: the store, each room, the web endpoint. What
//! decides is pure and lies in `logic` modules; what runs are the servers; what callers see are the
//! functions of each service, which hide processes and names.

mod app;
mod calls;
pub mod config;
pub mod domain;
mod health;
mod kill;
mod restart;
mod shutdown;
pub mod store;
pub mod telemetry;
#[cfg(feature = "tui")]
pub mod terminal;
mod web;

pub use app::{App, StartError};

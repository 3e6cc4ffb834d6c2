//! The way to the server: connections, requests, sockets.

mod address;
mod dial;
mod http;
mod requests;
mod socket;
mod upload;

pub(crate) use address::place;
pub use address::{AddressError, Server};
pub(crate) use dial::certificates;
pub use http::EnterError;
pub(crate) use socket::run;

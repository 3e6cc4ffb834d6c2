//! The root of a program: signals, a deadline, and the exit code.

mod notify;
mod run;

pub use run::{Run, run};

//! Measuring on a machine that others use at the same time.
//!
//! Contenders take turns in rounds of a few milliseconds at most, in an order that rotates, so that whatever slows the
//! machine slows all of them. A round counts only if its threads had the processor while it ran. What is reported of the
//! rounds is the lower quartile, and the median of the ratios of two contenders' times within one turn.

mod allocator;
mod clock;
mod elixir;
mod machine;
mod pair;
mod results;
mod turns;

pub(crate) use allocator::{Counting, count_whole_program, live_bytes, whole_program_bytes};
pub(crate) use clock::{Round, timed, timed_async};
pub(crate) use elixir::run_script;
pub(crate) use machine::{describe, load};
pub(crate) use pair::{Job, Pair};
pub(crate) use results::Results;
pub(crate) use turns::{Contender, take_turns, take_turns_of_rows};

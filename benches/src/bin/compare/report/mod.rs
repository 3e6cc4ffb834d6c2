//! From what was measured to tables and verdicts.

mod gates;
mod page;
mod table;

pub(crate) use gates::{Verdict, judge};
pub(crate) use page::{text, write};

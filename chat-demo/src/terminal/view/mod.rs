//! How the state looks.

mod dialogs;
mod log;
mod places;
mod screen;
#[cfg(test)]
mod tests;
mod theme;
mod wrap;

pub(crate) use places::around_top;
pub(crate) use screen::{draw, field_width, scrolled};
pub(crate) use theme::Theme;

//! How the state looks.

mod dialogs;
mod log;
mod screen;
#[cfg(test)]
mod tests;
mod theme;
mod wrap;

pub(crate) use screen::{draw, field_width, scrolled};
pub(crate) use theme::Theme;

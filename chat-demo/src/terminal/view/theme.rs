//! Styles: only colours that a dark and a light terminal both show well, and none where `NO_COLOR` asks for that.

use ratatui::style::{Color, Modifier, Style};

use crate::domain::PersonId;

/// Colours that people are told apart by; what they say is told apart by their names as well.
const HUES: [Color; 5] = [Color::Cyan, Color::Magenta, Color::Green, Color::Blue, Color::Red];

/// How things look.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Theme {
    colors: bool,
}

impl Theme {
    /// With colours, or by weight alone.
    pub(crate) fn new(colors: bool) -> Self {
        Self { colors }
    }

    /// As the environment wishes: `NO_COLOR` with any value takes the colours away (no-color.org).
    pub(crate) fn from_env() -> Self {
        Self::new(std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty()))
    }

    pub(super) fn name(self, id: PersonId) -> Style {
        let hue = HUES[id.0.rem_euclid(HUES.len() as i64) as usize];
        self.colored(hue).add_modifier(Modifier::BOLD)
    }

    pub(super) fn plain(self) -> Style {
        Style::new()
    }

    pub(super) fn strong(self) -> Style {
        Style::new().add_modifier(Modifier::BOLD)
    }

    pub(super) fn dim(self) -> Style {
        Style::new().add_modifier(Modifier::DIM)
    }

    pub(super) fn action(self) -> Style {
        Style::new().add_modifier(Modifier::ITALIC)
    }

    pub(super) fn bar(self) -> Style {
        Style::new().add_modifier(Modifier::REVERSED)
    }

    pub(super) fn good(self) -> Style {
        self.colored(Color::Green)
    }

    pub(super) fn alert(self) -> Style {
        self.colored(Color::Red).add_modifier(Modifier::BOLD)
    }

    pub(super) fn mention(self, mine: bool) -> Style {
        if mine { self.strong().add_modifier(Modifier::REVERSED) } else { self.strong() }
    }

    fn colored(self, color: Color) -> Style {
        if self.colors { Style::new().fg(color) } else { Style::new() }
    }
}

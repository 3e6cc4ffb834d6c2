//! Styled text broken into rows: between words, or, where a word is longer than a row, between graphemes.

use ratatui::style::Style;
use ratatui::text::{Line, Span};
use unicode_segmentation::UnicodeSegmentation;

use crate::terminal::text::width;

/// A piece of text that looks the same all over.
pub(super) type Piece = (String, Style);

/// The rows that `pieces` fill, each behind `indent` columns and, with it, no wider than `columns`; there is one at least.
pub(super) fn wrap(pieces: &[Piece], columns: usize, indent: usize) -> Vec<Line<'static>> {
    let room = columns.saturating_sub(indent).max(2);
    let mut rows: Vec<Vec<(&str, Style)>> = vec![Vec::new()];
    let mut used = 0;
    // Where the row can be broken: behind its last space.
    let mut space = 0;
    for (text, style) in pieces {
        'next: for grapheme in text.graphemes(true) {
            if grapheme == "\n" {
                rows.push(Vec::new());
                (used, space) = (0, 0);
                continue;
            }
            let columns = width(grapheme);
            while used + columns > room && used > 0 {
                let row = rows.last_mut().expect("there is one at least");
                if grapheme == " " {
                    // Nobody sees a space at the end of a full row.
                    space = row.len();
                    continue 'next;
                }
                let next = row.split_off(if space > 0 { space } else { row.len() });
                used = next.iter().map(|(grapheme, _)| width(grapheme)).sum();
                space = 0;
                rows.push(next);
            }
            let row = rows.last_mut().expect("there is one at least");
            row.push((grapheme, *style));
            used += columns;
            if grapheme == " " {
                space = row.len();
            }
        }
    }
    rows.into_iter().map(|row| line(&row, indent)).collect()
}

fn line(row: &[(&str, Style)], indent: usize) -> Line<'static> {
    let mut spans = vec![Span::raw(" ".repeat(indent))];
    for run in row.chunk_by(|a, b| a.1 == b.1) {
        let text: String = run.iter().map(|(grapheme, _)| *grapheme).collect();
        spans.push(Span::styled(text, run[0].1));
    }
    spans.into()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn rows(text: &str, columns: usize) -> Vec<String> {
        wrap(&[(text.to_owned(), Style::new())], columns, 0).iter().map(Line::to_string).collect()
    }

    #[test]
    fn between_words_or_in_them() {
        assert_eq!(rows("", 10), [""]);
        assert_eq!(rows("one two three", 8), ["one two ", "three"]);
        assert_eq!(rows("one two", 7), ["one two"]);
        assert_eq!(rows("one two three", 7), ["one two", "three"]);
        assert_eq!(rows("incomprehensible", 6), ["incomp", "rehens", "ible"]);
        assert_eq!(rows("a\n\nb", 6), ["a", "", "b"]);
        assert_eq!(rows("字字字 字", 5), ["字字", "字 字"]);
        assert_eq!(rows("👩‍🚀👩‍🚀", 3), ["👩‍🚀", "👩‍🚀"]);
    }

    proptest! {
        #[test]
        fn no_row_is_too_wide_and_no_letter_is_lost(text in "[a-c 字👩🚀\u{200d}e\u{301}\n]{0,60}", columns in 2..20_usize) {
            let rows = rows(&text, columns);
            let fits = |row: &String| width(row) <= columns || row.graphemes(true).filter(|one| width(one) > 0).count() == 1;
            prop_assert!(rows.iter().all(fits), "{:?}", rows);
            let letters = |text: &str| text.chars().filter(|c| !c.is_whitespace()).collect::<String>();
            prop_assert_eq!(letters(&rows.concat()), letters(&text));
        }
    }
}

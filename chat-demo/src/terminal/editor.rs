//! The field in which something is written: a text of several lines and a cursor between its graphemes.

use std::ops::Range;

use unicode_segmentation::UnicodeSegmentation;

use super::text;

/// The longest text that is taken in, in bytes; more than any message may have, so that one that is too long can be cut.
const MAX: usize = 32 * 1024;

/// See the module. The cursor is always at the boundary of a grapheme.
#[derive(Clone, Debug, Default)]
pub(crate) struct Editor {
    text: String,
    cursor: usize,
    /// The column that up and down keep to.
    goal: Option<usize>,
}

impl Editor {
    pub(crate) fn with(text: &str) -> Self {
        Self { text: text.to_owned(), cursor: text.len(), goal: None }
    }

    pub(crate) fn text(&self) -> &str {
        &self.text
    }

    /// The text, which is taken out.
    pub(crate) fn take(&mut self) -> String {
        std::mem::take(self).text
    }

    /// What stands before the cursor.
    pub(crate) fn before(&self) -> &str {
        &self.text[..self.cursor]
    }

    /// Writes something at the cursor, without what no message has; whether there was room for it.
    pub(crate) fn insert(&mut self, written: &str) -> bool {
        let written = text::lines(written);
        if self.text.len() + written.len() > MAX {
            return false;
        }
        self.text.insert_str(self.cursor, &written);
        self.move_to(self.cursor + written.len());
        self.snap();
        true
    }

    /// Puts `with` in the place of so many bytes before the cursor.
    pub(crate) fn replace_before(&mut self, bytes: usize, with: &str) {
        self.text.replace_range(self.cursor - bytes..self.cursor, "");
        self.move_to(self.cursor - bytes);
        self.insert(with);
    }

    pub(crate) fn left(&mut self) {
        self.move_to(self.previous());
    }

    pub(crate) fn right(&mut self) {
        self.move_to(self.next());
    }

    pub(crate) fn word_left(&mut self) {
        self.move_to(self.word_before());
    }

    pub(crate) fn word_right(&mut self) {
        let words = self.text.unicode_word_indices().map(|(at, word)| at + word.len());
        let end = words.into_iter().find(|&end| end > self.cursor);
        self.move_to(end.unwrap_or(self.text.len()));
    }

    /// To the beginning of the line.
    pub(crate) fn home(&mut self) {
        self.move_to(self.line_start());
    }

    /// To the end of the line.
    pub(crate) fn end(&mut self) {
        let end = self.text[self.cursor..].find('\n').map_or(self.text.len(), |at| self.cursor + at);
        self.move_to(end);
    }

    pub(crate) fn backspace(&mut self) {
        self.delete(self.previous()..self.cursor);
    }

    pub(crate) fn delete_next(&mut self) {
        self.delete(self.cursor..self.next());
    }

    pub(crate) fn delete_word(&mut self) {
        self.delete(self.word_before()..self.cursor);
    }

    /// Deletes what stands before the cursor in its line.
    pub(crate) fn delete_line(&mut self) {
        self.delete(self.line_start()..self.cursor);
    }

    /// Up, or down, by one of the rows that a field of this width shows; whether there is one.
    pub(crate) fn vertical(&mut self, up: bool, width: usize) -> bool {
        let rows = self.rows(width);
        let (row, column) = self.place(&rows);
        let goal = self.goal.unwrap_or(column);
        let to = if up { row.checked_sub(1) } else { Some(row + 1).filter(|&row| row < rows.len()) };
        let Some(to) = to else { return false };
        let range = rows[to].clone();
        let mut at = range.start;
        let mut used = 0;
        for grapheme in self.text[range].graphemes(true) {
            used += text::width(grapheme);
            if used > goal {
                break;
            }
            at += grapheme.len();
        }
        self.move_to(at);
        self.goal = Some(goal);
        true
    }

    /// The rows that a field of this width shows, broken between graphemes; there is one at least.
    pub(crate) fn rows(&self, width: usize) -> Vec<Range<usize>> {
        let width = width.max(1);
        let mut rows = Vec::new();
        let (mut start, mut used) = (0, 0);
        for (at, grapheme) in self.text.grapheme_indices(true) {
            if grapheme == "\n" {
                rows.push(start..at);
                (start, used) = (at + 1, 0);
                continue;
            }
            let columns = text::width(grapheme);
            if used + columns > width && used > 0 {
                rows.push(start..at);
                (start, used) = (at, 0);
            }
            used += columns;
        }
        rows.push(start..self.text.len());
        rows
    }

    /// The row and the column of the cursor.
    pub(crate) fn place(&self, rows: &[Range<usize>]) -> (usize, usize) {
        let row = rows.iter().rposition(|row| row.start <= self.cursor).unwrap_or(0);
        (row, text::width(&self.text[rows[row].start..self.cursor]))
    }

    fn boundaries(&self) -> impl DoubleEndedIterator<Item = usize> {
        self.text.grapheme_indices(true).map(|(at, _)| at)
    }

    fn previous(&self) -> usize {
        self.boundaries().rev().find(|&at| at < self.cursor).unwrap_or(0)
    }

    fn next(&self) -> usize {
        self.boundaries().find(|&at| at > self.cursor).unwrap_or(self.text.len())
    }

    fn word_before(&self) -> usize {
        let mut words = self.text.unicode_word_indices().map(|(at, _)| at).rev();
        words.find(|&at| at < self.cursor).unwrap_or(0)
    }

    fn line_start(&self) -> usize {
        self.text[..self.cursor].rfind('\n').map_or(0, |at| at + 1)
    }

    fn delete(&mut self, range: Range<usize>) {
        let start = range.start;
        self.text.replace_range(range, "");
        self.move_to(start);
        self.snap();
    }

    /// Where two texts have met, they may have become one grapheme: the cursor goes behind it.
    fn snap(&mut self) {
        let boundary = self.boundaries().find(|&at| at >= self.cursor);
        self.cursor = boundary.unwrap_or(self.text.len());
    }

    fn move_to(&mut self, at: usize) {
        self.cursor = at;
        self.goal = None;
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn the_cursor_steps_over_graphemes_and_not_over_bytes() {
        let mut editor = Editor::with("a👩‍🚀e\u{301}字");
        for before in ["a👩‍🚀e\u{301}", "a👩‍🚀", "a", "", ""] {
            editor.left();
            assert_eq!(editor.before(), before);
        }
        editor.right();
        editor.delete_next();
        assert_eq!(editor.text(), "ae\u{301}字");
        editor.end();
        editor.backspace();
        editor.backspace();
        assert_eq!(editor.text(), "a");
    }

    #[test]
    fn words_and_lines() {
        let mut editor = Editor::with("one two, three\nfour");
        editor.word_left();
        assert_eq!(editor.before(), "one two, three\n");
        editor.left();
        editor.delete_word();
        assert_eq!(editor.text(), "one two, \nfour");
        editor.home();
        editor.word_right();
        assert_eq!(editor.before(), "one");
        editor.delete_line();
        assert_eq!(editor.text(), " two, \nfour");
        editor.end();
        assert_eq!(editor.before(), " two, ");
        editor.insert("\u{1b}[31m\u{202e}!");
        assert_eq!(editor.before(), " two, [31m!");
    }

    #[test]
    fn up_and_down_keep_their_column_over_wide_and_short_rows() {
        let mut editor = Editor::with("abcdef\nx\n字字字");
        assert!(editor.vertical(true, 10));
        assert_eq!(editor.before(), "abcdef\nx");
        assert!(editor.vertical(true, 10));
        assert_eq!(editor.before(), "abcdef");
        assert!(!editor.vertical(true, 10));
        editor.left();
        assert!(editor.vertical(false, 10) && editor.vertical(false, 10));
        assert_eq!(editor.before(), "abcdef\nx\n字字", "five columns have room for two of them");
        assert!(!editor.vertical(false, 10));
        // By rows as they are shown.
        let mut editor = Editor::with("abcdef");
        assert!(editor.vertical(true, 4));
        assert_eq!(editor.before(), "ab");
    }

    #[test]
    fn rows_are_broken_between_graphemes() {
        let rows = |text: &str, width| -> Vec<String> {
            let editor = Editor::with(text);
            editor.rows(width).into_iter().map(|row| editor.text()[row].to_owned()).collect()
        };
        assert_eq!(rows("", 4), [""]);
        assert_eq!(rows("abcdef", 4), ["abcd", "ef"]);
        assert_eq!(rows("abcd", 4), ["abcd"], "behind it there is a column for the cursor");
        assert_eq!(rows("字字字", 5), ["字字", "字"]);
        assert_eq!(rows("字", 1), ["字"]);
        assert_eq!(rows("a\n\nb", 4), ["a", "", "b"]);
    }

    #[test]
    fn there_is_a_bound() {
        let mut editor = Editor::default();
        assert!(!editor.insert(&"x".repeat(MAX + 1)));
        assert!(editor.insert(&"x".repeat(MAX)) && !editor.insert("x"));
    }

    proptest! {
        #[test]
        fn whatever_is_done_the_cursor_is_between_graphemes(
            steps in proptest::collection::vec((0..13_u8, "[a\u{301}👩🚀\u{200d}字 \n🇩🇪]{0,3}"), 0..40),
            width in 1..9_usize,
        ) {
            let mut editor = Editor::default();
            for (step, written) in steps {
                match step {
                    0..=3 => { editor.insert(&written); }
                    4 => editor.left(),
                    5 => editor.right(),
                    6 => editor.backspace(),
                    7 => editor.delete_next(),
                    8 => { editor.vertical(true, width); }
                    9 => { editor.vertical(false, width); }
                    10 => editor.word_left(),
                    11 => editor.delete_word(),
                    _ => editor.home(),
                }
                let at = editor.before().len();
                prop_assert!(at == editor.text().len() || editor.boundaries().any(|boundary| boundary == at));
                let rows = editor.rows(width);
                let (row, column) = editor.place(&rows);
                let wide = editor.text()[rows[row].clone()].graphemes(true).filter(|one| text::width(one) > 0).count();
                prop_assert!(row < rows.len() && (column <= width || wide == 1));
            }
        }
    }
}

//! Where two lists differ.

use std::fmt::Display;

/// One line for each entry: those that match as they happened, `-` before what is missing and `+` before what is too much.
/// `None` when all of them match in order.
pub(super) fn diff<E: Display, H: Display>(
    expected: &[E],
    happened: &[H],
    same: impl Fn(&E, &H) -> bool,
) -> Option<String> {
    // The longest common subsequence of what follows each pair of places.
    let mut longest = vec![vec![0_usize; happened.len() + 1]; expected.len() + 1];
    for e in (0..expected.len()).rev() {
        for h in (0..happened.len()).rev() {
            longest[e][h] = if same(&expected[e], &happened[h]) {
                longest[e + 1][h + 1] + 1
            } else {
                longest[e + 1][h].max(longest[e][h + 1])
            };
        }
    }
    if longest[0][0] == expected.len() && expected.len() == happened.len() {
        return None;
    }
    let (mut e, mut h) = (0, 0);
    let mut lines = Vec::new();
    while e < expected.len() || h < happened.len() {
        if e < expected.len() && h < happened.len() && same(&expected[e], &happened[h]) {
            lines.push(format!("  {}", happened[h]));
            (e, h) = (e + 1, h + 1);
        } else if h == happened.len() || (e < expected.len() && longest[e + 1][h] >= longest[e][h + 1]) {
            lines.push(format!("- {}", expected[e]));
            e += 1;
        } else {
            lines.push(format!("+ {}", happened[h]));
            h += 1;
        }
    }
    Some(lines.join("\n"))
}

#[cfg(test)]
mod tests {
    use super::diff;

    #[test]
    fn s10_1_a_diff_shows_what_is_missing_and_what_is_too_much() {
        let lines = |expected: &[&str], happened: &[&str]| diff(expected, happened, |e, h| e == h);
        assert_eq!(lines(&["a", "b"], &["a", "b"]), None);
        assert_eq!(lines(&[], &[]), None);
        assert_eq!(lines(&["a", "b", "c"], &["a", "x", "c"]).as_deref(), Some("  a\n- b\n+ x\n  c"));
        assert_eq!(lines(&["a"], &[]).as_deref(), Some("- a"));
        assert_eq!(lines(&[], &["a"]).as_deref(), Some("+ a"));
        assert_eq!(lines(&["b", "a"], &["a", "b"]).as_deref(), Some("- b\n  a\n+ b"));
    }
}

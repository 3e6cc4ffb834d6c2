//! What of a long text is shown.

use std::ops::Range;

/// How much of a message is shown around the first place where it was found, in bytes, before it and in all.
const BEFORE: usize = 80;
pub(crate) const EXCERPT: usize = 320;

/// Which part of a text is shown: all of a short one, or what surrounds the first place.
pub(crate) fn excerpt(text: &str, first: Option<&Range<usize>>) -> Range<usize> {
    if text.len() <= EXCERPT {
        return 0..text.len();
    }
    let (start, end) = first.map_or((0, 0), |first| (first.start.saturating_sub(BEFORE), first.end));
    let start = text.floor_char_boundary(start);
    start..text.ceil_char_boundary((start + EXCERPT).max(end).min(text.len()))
}

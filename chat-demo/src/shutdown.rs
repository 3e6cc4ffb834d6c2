//! How long each part of the program may take to end.
//!
//! Parts end one after the other, in the reverse of the order in which they were started: first who lets people in, then who
//! works for them, last who keeps what they said. One setting bounds it all (`--shutdown`), and each part has its share of that,
//! whatever those before it have left over.

use std::time::Duration;

use supervisor::{ChildSpec, Shutdown};

/// What ends, in this order, and how many of the 48 shares of the whole time it has. The rooms, and the workspaces, end all at once.
const ORDER: [(&str, u32); 12] = [
    // Requests are answered, and sockets hear that the server goes away.
    ("web", 10),
    ("sessions", 1),
    ("health", 1),
    ("rooms", 4),
    ("workspaces", 4),
    ("uploads", 2),
    ("notifications", 4),
    ("presence", 1),
    // Stores what rooms have given it.
    ("message_buffer", 8),
    // Keeps what the operator's programs are still to be told.
    ("coordinator", 4),
    ("metrics", 1),
    ("store", 8),
];

/// All of them together.
const SHARES: u32 = 48;

/// How long the part of this id may take to end.
///
/// # Panics
///
/// When it has no share.
pub(crate) fn bound(id: &str, whole: Duration) -> Duration {
    let share = ORDER.iter().find(|(part, _)| *part == id).map(|(_, share)| *share);
    whole * share.unwrap_or_else(|| panic!("`{id}` has no share of the time that a stop takes")) / SHARES
}

/// How long what this part does at its end may take, so that it is given up by whoever does it, and can be told, before all of the
/// part is aborted.
pub(crate) fn within(id: &str, whole: Duration) -> Duration {
    bound(id, whole) * 9 / 10
}

/// A part that ends within its bound, or is aborted.
pub(crate) fn bounded<H: Clone + Send + Sync + 'static>(spec: ChildSpec<H>, whole: Duration) -> ChildSpec<H> {
    let bound = bound(spec.child_id().as_str(), whole);
    spec.shutdown(Shutdown::Timeout(bound))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_parts_together_take_no_longer_than_the_whole() {
        let whole = Duration::from_secs(24);
        assert_eq!(ORDER.iter().map(|(id, _)| bound(id, whole)).sum::<Duration>(), whole);
        assert!(ORDER.iter().all(|(id, _)| within(id, whole) < bound(id, whole)));
        assert_eq!(bound("web", whole), Duration::from_secs(5));
    }

    #[test]
    #[should_panic(expected = "`cellar` has no share")]
    fn a_part_without_a_share_is_found_out_at_the_start() {
        let _ = bounded(ChildSpec::task("cellar", |cx| async move { cx.stopped().await }), Duration::from_secs(1));
    }
}

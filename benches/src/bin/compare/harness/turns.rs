//! Contenders that take turns.

use super::clock::Round;
use super::results::Results;

/// One of those that are compared, and how it does a round.
pub(crate) struct Contender<'a> {
    name: &'static str,
    round: Box<dyn FnMut() -> Round + 'a>,
}

impl<'a> Contender<'a> {
    pub(crate) fn new(name: &'static str, round: impl FnMut() -> Round + 'a) -> Self {
        Self { name, round: Box::new(round) }
    }
}

/// How often a contender tries for a round that counts before its turn is given up.
const TRIES: usize = 4;

/// Lets each contender have `turns` turns, after one to warm up, and notes them as rounds of `row`.
pub(crate) fn take_turns(results: &mut Results, row: &str, turns: usize, mut contenders: Vec<Contender<'_>>) {
    for contender in &mut contenders {
        (contender.round)();
    }
    let count = contenders.len();
    for turn in 0..turns {
        let mut rounds = vec![None; count];
        for offset in 0..count {
            let at = (turn + offset) % count;
            rounds[at] = (0..TRIES).map(|_| (contenders[at].round)()).find(|round| round.clean);
        }
        for (contender, round) in contenders.iter().zip(&rounds) {
            results.note_turn(row, contender.name, round.map(|round| round.nanos));
            if let Some(allocations) = round.and_then(|round| round.allocations) {
                results.note_allocations(row, contender.name, allocations);
            }
        }
    }
}

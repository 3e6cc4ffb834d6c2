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
pub(crate) fn take_turns(results: &mut Results, row: &str, turns: usize, contenders: Vec<Contender<'_>>) {
    take_turns_of_rows(results, turns, [(row, contenders)]);
}

/// [`take_turns`] for several rows: a turn of each, and then the next turn, so that they can be compared with each other.
pub(crate) fn take_turns_of_rows<const ROWS: usize>(
    results: &mut Results,
    turns: usize,
    mut rows: [(&str, Vec<Contender<'_>>); ROWS],
) {
    for contender in rows.iter_mut().flat_map(|(_, contenders)| contenders) {
        (contender.round)();
    }
    for turn in 0..turns {
        for (row, contenders) in &mut rows {
            take_turn(results, row, turn, contenders);
        }
    }
}

fn take_turn(results: &mut Results, row: &str, turn: usize, contenders: &mut [Contender<'_>]) {
    let count = contenders.len();
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

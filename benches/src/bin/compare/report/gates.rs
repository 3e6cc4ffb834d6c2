//! What the measurements have to reach.
//!
//! Ratios are of one session, so that they hold on other machines; absolute figures are those that hardly depend on one.

use crate::harness::Results;
use crate::who;

/// What a gate asks for.
#[derive(Clone, Copy)]
enum Bound {
    /// At least so many times as fast as this contender of the same row.
    TimesAsFast(&'static str, f64),
    /// At most so many times the time of this contender of the same row.
    TimeOf(&'static str, f64),
    /// At most so many times its own time in another row.
    TimeIn(&'static str, f64),
    /// At most so many times its own time in another row that took its turns with this one.
    TimeBeside(&'static str, f64),
    /// At most this, in the unit of the row.
    AtMost(f64),
    /// At most so many allocations for each operation.
    Allocations(f64),
}

struct Gate {
    row: &'static str,
    contender: &'static str,
    bound: Bound,
}

/// A gate and whether it holds.
pub(crate) struct Verdict {
    pub(crate) claim: String,
    /// What was measured; `None` when something that it takes was not.
    pub(crate) measured: Option<f64>,
    pub(crate) holds: bool,
}

impl Verdict {
    /// Whether it was measured and does not hold.
    pub(crate) fn fails(&self) -> bool {
        self.measured.is_some() && !self.holds
    }
}

/// Every gate of which anything was measured.
pub(crate) fn judge(results: &Results) -> Vec<Verdict> {
    let measured = |gate: &&Gate| results.figure(gate.row, gate.contender).is_some();
    GATES.iter().filter(measured).map(|gate| gate.judge(results)).collect()
}

impl Gate {
    fn judge(&self, results: &Results) -> Verdict {
        let Self { row, contender, bound } = *self;
        let own = results.figure(row, contender);
        let (claim, measured, holds) = match bound {
            Bound::TimesAsFast(peer, least) => {
                let times = results.ratio(row, peer, contender);
                (format!("at least {least} times as fast as {peer}"), times, times >= Some(least))
            }
            Bound::TimeOf(peer, most) => {
                let times = results.ratio(row, contender, peer);
                (format!("at most {most} times the time of {peer}"), times, times <= Some(most))
            }
            Bound::TimeIn(other, most) => {
                let other_row = results.figure(other, contender);
                let times = own.zip(other_row).map(|(own, other)| own.lower_quartile / other.lower_quartile);
                (format!("at most {most} times its time in *{other}*"), times, times <= Some(most))
            }
            Bound::TimeBeside(other, most) => {
                let times = results.ratio_of((row, contender), (other, contender));
                (format!("at most {most} times its time in *{other}*, turn by turn"), times, times <= Some(most))
            }
            Bound::AtMost(most) => {
                let value = own.map(|own| own.lower_quartile);
                (format!("at most {most}"), value, value <= Some(most))
            }
            Bound::Allocations(most) => {
                let value = own.and_then(|own| own.allocations);
                (format!("at most {most} allocations"), value, value <= Some(most))
            }
        };
        Verdict { claim: format!("{row}, {contender}: {claim}"), holds: measured.is_some() && holds, measured }
    }
}

const fn gate(row: &'static str, contender: &'static str, bound: Bound) -> Gate {
    Gate { row, contender, bound }
}

use Bound::{Allocations, AtMost, TimeBeside, TimeIn, TimeOf, TimesAsFast};

const ONE: &str = "lookup hit n=1000 t=1";
const TWO: &str = "lookup hit n=1000 t=2";
const ONE_HOT: &str = "lookup hot key n=1000 t=1";
const TWO_HOT: &str = "lookup hot key n=1000 t=2";
const REGISTER_ONE: &str = "register + unregister t=1";
const REGISTER_TWO: &str = "register + unregister t=2";
const DISPATCH: &str = "dispatch to 100, delivered";
const START: &str = "start child among n=100000";
const RESTART: &str = "panic to new incarnation";
const BYTES: &str = "bytes per service, name of 20 bytes";

const GATES: &[Gate] = &[
    gate(ONE, who::WITH, TimesAsFast(who::ELIXIR, 15.0)),
    gate(TWO, who::WITH, TimesAsFast(who::ELIXIR, 20.0)),
    gate(ONE, who::WITH, TimesAsFast(who::ELIXIR_EVENT, 25.0)),
    gate(TWO, who::WITH, TimesAsFast(who::ELIXIR_EVENT, 30.0)),
    gate(ONE, who::WITH, TimesAsFast(who::RACTOR, 1.4)),
    gate(TWO, who::WITH, TimesAsFast(who::RACTOR, 3.0)),
    gate(TWO_HOT, who::WITH, TimesAsFast(who::RACTOR, 12.0)),
    gate(ONE, who::WITH, TimesAsFast(who::KAMEO, 1.5)),
    gate(TWO, who::WITH, TimesAsFast(who::KAMEO, 10.0)),
    gate(TWO_HOT, who::WITH, TimesAsFast(who::KAMEO, 12.0)),
    gate(ONE, who::WITH, TimeOf(who::DASHMAP, 0.75)),
    gate(TWO, who::WITH, TimeOf(who::DASHMAP, 0.40)),
    gate(TWO_HOT, who::WITH, TimeOf(who::DASHMAP, 0.12)),
    gate(TWO, who::WITH, TimeBeside(ONE, 1.15)),
    gate(TWO_HOT, who::WITH, TimeBeside(ONE_HOT, 1.15)),
    gate(ONE, who::WITH, TimeOf(who::UNCOUNTED, 1.25)),
    gate(ONE_HOT, who::WITH, TimeOf(who::UNCOUNTED, 1.25)),
    gate(ONE, who::WITH, Allocations(0.0)),
    gate("lookup miss n=1000 t=1", who::WITH, Allocations(0.0)),
    gate(ONE, who::WHEREIS, TimesAsFast(who::ELIXIR, 15.0)),
    gate(TWO, who::WHEREIS, TimesAsFast(who::ELIXIR, 20.0)),
    gate(ONE, who::WHEREIS, TimesAsFast(who::ELIXIR_EVENT, 25.0)),
    gate(TWO, who::WHEREIS, TimesAsFast(who::ELIXIR_EVENT, 30.0)),
    gate(ONE, who::WHEREIS, TimesAsFast(who::RACTOR, 1.4)),
    gate(TWO, who::WHEREIS, TimesAsFast(who::RACTOR, 3.0)),
    gate(TWO_HOT, who::WHEREIS, TimesAsFast(who::RACTOR, 12.0)),
    gate(ONE, who::WHEREIS, TimesAsFast(who::KAMEO, 1.5)),
    gate(TWO, who::WHEREIS, TimesAsFast(who::KAMEO, 10.0)),
    gate(TWO_HOT, who::WHEREIS, TimesAsFast(who::KAMEO, 12.0)),
    gate(ONE, who::WHEREIS, TimeOf(who::DASHMAP, 0.75)),
    gate(TWO, who::WHEREIS, TimeOf(who::DASHMAP, 0.40)),
    gate(TWO_HOT, who::WHEREIS, TimeOf(who::DASHMAP, 0.12)),
    gate(TWO, who::WHEREIS, TimeBeside(ONE, 1.15)),
    gate(TWO_HOT, who::WHEREIS, TimeBeside(ONE_HOT, 1.15)),
    gate(ONE, who::WHEREIS, TimeOf(who::WHEREIS_UNCOUNTED, 1.25)),
    gate(ONE_HOT, who::WHEREIS, TimeOf(who::WHEREIS_UNCOUNTED, 1.25)),
    gate(ONE, who::WHEREIS, Allocations(0.0)),
    gate("lookup miss n=1000 t=1", who::WHEREIS, Allocations(0.0)),
    gate("held reference t=1", who::HELD, AtMost(3.0)),
    gate("held reference t=2", who::HELD, AtMost(3.0)),
    gate(REGISTER_ONE, who::GUARD, TimesAsFast(who::ELIXIR, 8.0)),
    gate(REGISTER_TWO, who::GUARD, TimesAsFast(who::ELIXIR, 5.0)),
    gate(REGISTER_ONE, who::PROCESS, TimesAsFast(who::ELIXIR, 8.0)),
    gate(REGISTER_TWO, who::PROCESS, TimesAsFast(who::ELIXIR, 5.0)),
    gate(REGISTER_ONE, who::GUARD, TimeOf(who::DASHMAP, 2.5)),
    gate(REGISTER_TWO, who::GUARD, TimeOf(who::DASHMAP, 2.5)),
    gate("wake one waiter, 100000 parked on other names", who::REGISTRY, AtMost(600.0)),
    gate(DISPATCH, who::REGISTRY, TimesAsFast(who::ELIXIR, 3.0)),
    gate(DISPATCH, who::REGISTRY, TimesAsFast(who::RACTOR, 2.5)),
    gate(DISPATCH, who::REGISTRY, TimeOf(who::TOKIO, 1.5)),
    gate("leave and join", who::GROUP_OF_ALL, TimeOf(who::GROUPS_OF_TEN, 2.0)),
    gate(BYTES, who::GUARD, AtMost(160.0)),
    gate(BYTES, who::PROCESS, AtMost(160.0)),
    gate("empty registry", who::REGISTRY, AtMost(16_384.0)),
    gate("look up and call", who::SUPERVISOR, TimesAsFast(who::ELIXIR, 3.5)),
    gate("look up and call", who::SUPERVISOR, TimesAsFast(who::RACTOR, 1.4)),
    gate("call", who::SUPERVISOR, TimesAsFast(who::ELIXIR, 3.0)),
    gate("call", who::SUPERVISOR, TimesAsFast(who::RACTOR, 1.4)),
    gate("call", who::SUPERVISOR, TimesAsFast(who::KAMEO, 1.7)),
    gate("call", who::SUPERVISOR, TimeOf(who::TOKIO, 1.25)),
    gate(START, who::SUPERVISOR, TimesAsFast(who::ELIXIR, 4.0)),
    gate(START, who::SUPERVISOR, TimesAsFast(who::RACTOR, 1.5)),
    gate(START, who::SUPERVISOR, TimesAsFast(who::KAMEO, 1.2)),
    gate(RESTART, who::SUPERVISOR, TimesAsFast(who::ELIXIR, 2.5)),
    gate(RESTART, who::SUPERVISOR, TimesAsFast(who::RACTOR, 1.0)),
    gate(RESTART, who::SUPERVISOR, TimeOf(who::TOKIO, 1.6)),
    gate("stop all children, each n=100000", who::SUPERVISOR, TimeIn("stop all children, each n=1000", 2.0)),
    // 0.5 s for all of them.
    gate("stop all children, each n=100000", who::SUPERVISOR, AtMost(5_000.0)),
    gate("bytes per child n=100000", who::SUPERVISOR, AtMost(1_600.0)),
];

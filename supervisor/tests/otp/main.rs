//! The supervisors of this crate held against Erlang's own.
//!
//! Random trees are put through random failures twice: on `supervisor` of the Erlang that is installed (`otp.escript`),
//! and here. After the start, after each step and after the stop both say what began and ended and in which order, how
//! the step was answered, which children there are in which state, how they are counted, which supervisors are new, and
//! whether and why the root has ended. All of it has to be equal.
//!
//! A spec is replaced by a code change there, whose module gives all specs anew. What it gives for a child of the first start, it
//! gives to later incarnations of the supervisor too.
//!
//! # Known differences
//!
//! Not generated, because one of the two has no defined or no comparable outcome:
//!
//! - *The window of the budget.* Erlang truncates to seconds, ours is exact. Scenarios take no time, and all attempts are
//!   within the period of an hour.
//! - *Supervisors that are not given the time to stop.* What is below them is left behind by Erlang's parent, and awaited
//!   by ours. Nested supervisors have infinity.
//! - *Calls during a stop.* They wait for ever in Erlang, and are told `ShuttingDown` here.
//! - *A failing init after several crashes at once.* Ours skips incarnations that would be stopped again, so that the
//!   scripts of inits would not be used up alike. They are forgotten before each burst.
//! - *Kills in a burst.* They come from outside, so that nobody says in which order they arrive.
//! - *A dynamic child that asks to be left out.* On a restart Erlang's keeps an entry without a process, which nothing ever
//!   removes. Ours drops it, as Elixir's does.
//! - *Terminating a dynamic child that has ended.* Erlang says `ok` to any process that is dead.
//! - *A child that is down and is made temporary.* Restarted by hand in vain, it stays in Erlang's list, and is removed here.
//!
//! Taken out of what is compared:
//!
//! - *Several crashes at once.* Erlang restarts after the first, and then finds the second in its mailbox and stops what
//!   it has just started. Ours has heard of both. What begins and ends within such a step is not compared.
//! - *A killed supervisor.* Its children end in no order in Erlang, while it is already restarted; reasons differ by
//!   whether they trap exits. Here they have ended before. The ends of such a step are compared as a set.
//! - *Dynamic children* stop in parallel, in both. Ends that follow each other are sorted. Erlang counts one spec for all.
//! - *Meltdown* is `shutdown` there and a `ShutdownWith` that names the child here.
//! - *Timeout* is `killed` there.
//! - *Ignored.* `start_child` and `restart_child` of a child that asks to be left out are `{ok, undefined}` there, and an
//!   error with `StartFailure::Ignored` here.
//!
//! # By hand
//!
//! `OTP_SCENARIOS=20000 OTP_SEED=7 cargo test -p supervisor --test otp`. Both are printed; a scenario that fails is shrunk
//! and printed in full.

mod acting;
mod generate;
mod normal;
mod ours;
mod peer;
mod scenario;

use std::cell::RefCell;

use proptest::test_runner::{Config, RngAlgorithm, TestError, TestRng, TestRunner};

use normal::{Normal, observed};
use peer::Peer;
use scenario::Scenario;

/// In CI always the same: what it finds is a change of ours.
const SCENARIOS: u32 = 300;
const SEED: u64 = 1;

fn setting<T: std::str::FromStr>(name: &str, default: T) -> T {
    std::env::var(name).ok().map_or(default, |text| text.parse().ok().unwrap_or_else(|| panic!("{name} is no number")))
}

#[test]
fn supervisors_do_what_erlangs_do() {
    let Some(peer) = Peer::start() else {
        assert!(std::env::var_os("CI").is_none(), "escript is not installed (Debian: erlang-base)");
        eprintln!("NOT COMPARED WITH OTP: escript is not installed (Debian: erlang-base)");
        return;
    };
    let (scenarios, seed) = (setting("OTP_SCENARIOS", SCENARIOS), setting("OTP_SEED", SEED));
    println!("OTP_SCENARIOS={scenarios} OTP_SEED={seed}");
    let config = Config { cases: scenarios, failure_persistence: None, ..Config::default() };
    let mut bytes = [0; 32];
    bytes[..8].copy_from_slice(&seed.to_le_bytes());
    let mut runner = TestRunner::new_with_rng(config, TestRng::from_seed(RngAlgorithm::ChaCha, &bytes));
    let peer = RefCell::new(peer);
    let outcome = runner.run(&generate::scenario(), |scenario| {
        let told = compare(&mut peer.borrow_mut(), &scenario);
        told.map_err(proptest::test_runner::TestCaseError::fail)
    });
    match outcome {
        Ok(()) => {}
        Err(TestError::Fail(told, scenario)) => panic!("OTP_SEED={seed}\n{scenario}\n{told}"),
        Err(aborted) => panic!("OTP_SEED={seed}: {aborted}"),
    }
}

/// Where the two part, if they do.
fn compare(peer: &mut Peer, scenario: &Scenario) -> Result<(), String> {
    let theirs = peer.run(scenario);
    let ours = ours::run(scenario);
    let normal = Normal::new(&scenario.root);
    let steps = observed(scenario);
    for at in 0..theirs.len().max(ours.len()) {
        let line = |lines: &[String]| lines.get(at).cloned().unwrap_or_else(|| "-".to_owned());
        let (theirs, ours) = (line(&theirs), line(&ours));
        let step = steps.get(at).copied().flatten();
        if normal.line(step, &theirs) != normal.line(step, &ours) {
            let what = step.map_or_else(|| if at == 0 { "start" } else { "stop" }.to_owned(), ToString::to_string);
            return Err(format!("observation {at}, {what}\n  otp:  {theirs}\n  ours: {ours}"));
        }
    }
    Ok(())
}

//! The registry and the supervisor beside their peers, in one session.
//!
//! `cargo compare [registry] [supervisor] [--passes N] [--gate] [--write]`
//!
//! Prints what was measured, the ratios and which of the gates hold. With `--gate` it exits with 1 when one does not, with
//! `--write` it puts the tables into `docs/benchmarks.md`. Elixir takes part when it is installed.
#![allow(clippy::print_stdout, reason = "a program whose output is its purpose")]

mod harness;
mod peers;
mod registry_rows;
mod report;
mod supervisor_rows;
mod who;

use std::process::ExitCode;

use harness::{Pair, Results, load};

#[global_allocator]
static ALLOCATOR: harness::Counting = harness::Counting;

/// What the command line asks for.
struct Options {
    registry: bool,
    supervisor: bool,
    passes: usize,
    gate: bool,
    write: bool,
}

impl Options {
    fn parse(mut arguments: impl Iterator<Item = String>) -> Result<Self, String> {
        let mut options = Self { registry: false, supervisor: false, passes: 3, gate: false, write: false };
        while let Some(argument) = arguments.next() {
            match argument.as_str() {
                "registry" => options.registry = true,
                "supervisor" => options.supervisor = true,
                "--gate" => options.gate = true,
                "--write" => options.write = true,
                "--passes" => {
                    let passes = arguments.next().and_then(|passes| passes.parse().ok());
                    options.passes = passes.filter(|passes| *passes > 0).ok_or("--passes needs a number above 0")?;
                }
                other => return Err(format!("unknown argument `{other}`; see the head of this program for its use")),
            }
        }
        if !options.registry && !options.supervisor {
            (options.registry, options.supervisor) = (true, true);
        }
        Ok(options)
    }
}

fn main() -> ExitCode {
    let options = match Options::parse(std::env::args().skip(1)) {
        Ok(options) => options,
        Err(problem) => {
            eprintln!("{problem}");
            return ExitCode::from(2);
        }
    };
    // Panics are part of what is measured; before anything else adds to the hook.
    if options.supervisor {
        std::panic::set_hook(Box::new(|info| {
            if info.payload_as_str() != Some("told to") {
                eprintln!("{info}");
            }
        }));
    }
    let mut results = Results::default();
    let mut loads = vec![load()];
    let pair = Pair::new();
    for pass in 1..=options.passes {
        eprintln!("pass {pass} of {}", options.passes);
        if options.registry {
            registry_rows::pass(&mut results, &pair);
        }
        if options.supervisor {
            supervisor_rows::pass(&mut results);
        }
        loads.push(load());
    }
    let verdicts = report::judge(&results);
    println!("{}", report::text(&results, &verdicts, &loads, options.passes));
    if options.write
        && let Err(error) = report::write(&results, &verdicts, &loads, options.passes)
    {
        eprintln!("cannot write the page: {error}");
        return ExitCode::FAILURE;
    }
    if options.gate && verdicts.iter().any(report::Verdict::fails) { ExitCode::FAILURE } else { ExitCode::SUCCESS }
}

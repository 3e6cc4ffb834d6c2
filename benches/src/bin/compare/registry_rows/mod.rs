//! What the registry is measured by.

mod groups;
mod lookup;
mod memory;
mod register;
mod wake;

use std::sync::Arc;

use registry::{Namespace, Process, ServiceRegistry};

use crate::harness::{Pair, Results, run_script};
use crate::who;

/// Every row of the registry once, with tables made anew.
pub(crate) fn pass(results: &mut Results, pair: &Pair) {
    lookup::rows(results, pair);
    register::rows(results, pair);
    memory::rows(results);
    wake::rows(results);
    groups::rows(results);
    run_script(results, "registry.exs", &[who::ELIXIR, who::ELIXIR_EVENT]);
}

/// A namespace in which a process holds these names, each with the number of its place.
fn registered(names: &[String]) -> (Namespace, Process) {
    let namespace = ServiceRegistry::new().namespace("production").unwrap_or_else(|error| panic!("{error}"));
    let process = Process::new();
    for (name, number) in names.iter().zip(0_u64..) {
        let registered = namespace.register_for(&process.reference(), name.as_str(), Arc::new(number));
        registered.unwrap_or_else(|error| panic!("{error}"));
    }
    (namespace, process)
}

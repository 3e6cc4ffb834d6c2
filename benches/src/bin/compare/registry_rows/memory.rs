//! Bytes: of a registry with nothing in it, and of each service in one that is full.

use std::sync::Arc;

use dashmap::DashMap;
use registry::{Namespace, Process, ServiceRegistry};

use crate::harness::{Results, live_bytes};
use crate::who;

const SERVICES: u64 = 100_000;

pub(super) fn rows(results: &mut Results) {
    let before = live_bytes();
    let registry = ServiceRegistry::new();
    results.note("empty registry", who::REGISTRY, (live_bytes() - before) as f64);
    drop(registry);

    let names: Vec<String> = (0..SERVICES).map(|number| format!("service_{number:012}")).collect();
    // The handle is one that all of them share: what counts is what the table adds.
    let handle = Arc::new(0_u64);
    let row = "bytes per service, name of 20 bytes";
    {
        let namespace = namespace();
        let mut guards = Vec::with_capacity(names.len());
        let bytes = bytes_of(&namespace, || {
            guards.extend(names.iter().map(|name| namespace.register(name, Arc::clone(&handle))));
        });
        results.note(row, who::GUARD, bytes);
    }
    {
        let namespace = namespace();
        let process = Process::new();
        let holder = process.reference();
        let bytes = bytes_of(&namespace, || {
            for name in &names {
                let _ = namespace.register_for(&holder, name, Arc::clone(&handle));
            }
        });
        results.note(row, who::PROCESS, bytes);
    }
    let before = live_bytes();
    let dash: DashMap<String, Arc<u64>> = DashMap::new();
    for name in &names {
        dash.insert(name.clone(), Arc::clone(&handle));
    }
    results.note(row, who::DASHMAP, (live_bytes() - before) as f64 / SERVICES as f64);
}

fn namespace() -> Namespace {
    ServiceRegistry::new().namespace("production").unwrap_or_else(|error| panic!("{error}"))
}

/// What `fill` leaves in memory for each service, once what the index outgrew has been reclaimed.
fn bytes_of(namespace: &Namespace, fill: impl FnOnce()) -> f64 {
    let before = live_bytes();
    fill();
    for number in 0..4_096_u64 {
        drop(namespace.register("passing", Arc::new(number)));
    }
    assert_eq!(namespace.count() as u64, SERVICES);
    (live_bytes() - before) as f64 / SERVICES as f64
}

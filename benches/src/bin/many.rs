//! Many names in one registry: the time and the memory that they take.
//!
//! `cargo run --release -p benches --bin many -- 10000000`

use std::hint::black_box;
use std::time::Instant;

use registry::{Process, ServiceRegistry};

fn main() {
    let names: u64 = std::env::args().nth(1).and_then(|text| text.parse().ok()).unwrap_or(1_000_000);
    let registry = ServiceRegistry::new();
    let production = registry.namespace("production").unwrap_or_else(|error| panic!("{error}"));
    let process = Process::new();
    let name = |n: u64| format!("service-{n:012}");

    let before = resident();
    let begin = Instant::now();
    for n in 0..names {
        production.register_for(&process.reference(), name(n), n).unwrap_or_else(|error| panic!("{error}"));
    }
    report("registered for one process", names, begin);
    let bytes = resident().saturating_sub(before) / names;
    println!("{bytes} bytes resident for each name of 20 bytes, what the process notes of it included");
    println!(
        "{} bytes for each of them by the registry's own statistics",
        registry.stats().memory_bytes as u64 / names
    );

    let begin = Instant::now();
    for n in 0..names {
        black_box(production.whereis(&name(n.wrapping_mul(7_919) % names)));
    }
    report("looked up, scattered, the making of the name included", names, begin);
    let begin = Instant::now();
    let found = production.count_where(|_, _, n: &u64| n.is_multiple_of(2));
    report(&format!("walked, {found} selected"), names, begin);
    let begin = Instant::now();
    drop(process);
    report("freed by the end of the process", names, begin);
    println!("{} names left", registry.processes().count());
}

fn report(what: &str, names: u64, begin: Instant) {
    let took = begin.elapsed();
    println!("{names} names {what}: {took:.1?}, {} ns each", took.as_nanos() as u64 / names);
}

/// Resident memory, in bytes; 0 where the system does not tell.
fn resident() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    line.and_then(|line| line.trim().trim_end_matches("kB").trim().parse::<u64>().ok()).unwrap_or(0) * 1024
}

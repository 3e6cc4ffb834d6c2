//! What the figures were measured on.

use std::fs::read_to_string;
use std::process::Command;
use std::thread::available_parallelism;

/// Processor, cores, system and versions, one to a line.
pub(crate) fn describe() -> Vec<String> {
    let cpuinfo = read_to_string("/proc/cpuinfo").unwrap_or_default();
    let model = cpuinfo.lines().find_map(|line| line.strip_prefix("model name")?.split_once(": "));
    let cores = available_parallelism().map_or(0, usize::from);
    let kernel = read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default();
    vec![
        format!("processor: {}, {cores} cores", model.map_or("unknown", |(_, model)| model)),
        format!("system: Linux {}, the allocator of glibc", kernel.trim()),
        format!("rust: {}", version("rustc", &["--version"])),
        format!("elixir: {}", version("elixir", &["--short-version"])),
    ]
}

/// The load average of the last minute.
pub(crate) fn load() -> String {
    let load = read_to_string("/proc/loadavg").unwrap_or_default();
    load.split_whitespace().next().unwrap_or("unknown").to_owned()
}

fn version(command: &str, arguments: &[&str]) -> String {
    match Command::new(command).args(arguments).output() {
        Ok(output) => String::from_utf8_lossy(&output.stdout).trim().to_owned(),
        Err(_) => "not installed".to_owned(),
    }
}

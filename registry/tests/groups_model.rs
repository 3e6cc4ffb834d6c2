//! Groups beside a naive model, over random operations.

mod support;

use std::collections::BTreeSet;

use proptest::prelude::*;
use registry::{Process, ServiceRegistry};
use support::registries;

#[derive(Clone, Debug)]
enum Op {
    Join(usize, usize, u32),
    JoinGuard(usize, u32),
    DropGuard(usize),
    Leave(usize, usize),
    LeaveMatching(usize, usize, u32),
    End(usize),
    Dispatch(usize),
}

const KEYS: [&str; 3] = ["a", "b", "c"];

fn op() -> impl Strategy<Value = Op> {
    let (process, key, value) = (0..3_usize, 0..KEYS.len(), 0..4_u32);
    prop_oneof![
        4 => (process.clone(), key.clone(), value.clone()).prop_map(|(p, k, v)| Op::Join(p, k, v)),
        2 => (key.clone(), value.clone()).prop_map(|(k, v)| Op::JoinGuard(k, v)),
        1 => (0..8_usize).prop_map(Op::DropGuard),
        1 => (process.clone(), key.clone()).prop_map(|(p, k)| Op::Leave(p, k)),
        1 => (process.clone(), key.clone(), value).prop_map(|(p, k, v)| Op::LeaveMatching(p, k, v)),
        1 => process.prop_map(Op::End),
        2 => key.prop_map(Op::Dispatch),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]
    #[test]
    fn groups_behave_as_the_naive_model(ops in prop::collection::vec(op(), 1..150)) {
        for registry in registries() {
            run(&registry, &ops)?;
        }
    }
}

/// The model is a list of (key, owner, value); guards have owners of their own.
fn run(registry: &ServiceRegistry, ops: &[Op]) -> Result<(), TestCaseError> {
    let namespace = registry.namespace("production").unwrap();
    let mut processes: Vec<_> = (0..3).map(|_| Process::new()).collect();
    let mut guards = Vec::new();
    let mut next_owner = 100;
    let mut model: Vec<(usize, usize, u32)> = Vec::new();
    for op in ops {
        let before = model.len();
        match *op {
            Op::Join(process, key, value) => {
                namespace.join(&processes[process].reference(), KEYS[key], value).unwrap();
                model.push((key, process, value));
            }
            Op::JoinGuard(key, value) => {
                next_owner += 1;
                guards.push((next_owner, namespace.join_guard(KEYS[key], value).unwrap()));
                model.push((key, next_owner, value));
            }
            Op::DropGuard(at) if at < guards.len() => {
                let (owner, _guard) = guards.swap_remove(at);
                model.retain(|entry| entry.1 != owner);
            }
            Op::DropGuard(_) => {}
            Op::Leave(process, key) => {
                let left = namespace.leave(&processes[process].reference(), KEYS[key]);
                model.retain(|entry| (entry.0, entry.1) != (key, process));
                prop_assert_eq!(left, before - model.len());
            }
            Op::LeaveMatching(process, key, value) => {
                let process_ref = processes[process].reference();
                let left = namespace.leave_matching(&process_ref, KEYS[key], |it: &u32| *it == value).unwrap();
                model.retain(|entry| *entry != (key, process, value));
                prop_assert_eq!(left, before - model.len());
            }
            Op::End(process) => {
                processes[process] = Process::new();
                model.retain(|entry| entry.1 != process);
            }
            Op::Dispatch(key) => {
                let mut seen = Vec::<u32>::new();
                namespace.dispatch(KEYS[key], |member| seen.push(*member.value())).unwrap();
                seen.sort_unstable();
                prop_assert_eq!(seen, values(&model, key));
            }
        }
        for (key, name) in KEYS.iter().enumerate() {
            let mut members = namespace.members::<u32>(*name).unwrap();
            members.sort_unstable();
            prop_assert_eq!(namespace.member_count(name), members.len());
            prop_assert_eq!(members, values(&model, key));
        }
        let groups: Vec<_> = namespace.groups().into_iter().map(|group| group.name).collect();
        let expected: BTreeSet<_> = model.iter().map(|entry| KEYS[entry.0].to_owned()).collect();
        prop_assert_eq!(groups, expected.into_iter().collect::<Vec<_>>());
        for (at, process) in processes.iter().enumerate() {
            let memberships = registry.processes().memberships(&process.reference()).len();
            prop_assert_eq!(memberships, model.iter().filter(|entry| entry.1 == at).count());
        }
        prop_assert_eq!(registry.stats().memberships, model.len());
    }
    Ok(())
}

fn values(model: &[(usize, usize, u32)], key: usize) -> Vec<u32> {
    let mut values: Vec<_> = model.iter().filter(|entry| entry.0 == key).map(|entry| entry.2).collect();
    values.sort_unstable();
    values
}

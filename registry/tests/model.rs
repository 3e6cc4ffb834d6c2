//! The whole registry against a naive model: random operations, deaths included.

mod support;

use std::collections::BTreeMap;

use proptest::prelude::*;
use registry::{Ensured, ErrorKind, ExitReason, LookupError, NameState, Namespace, Process, Registration, Reservation};
use support::registries;

const NAMES: [&str; 4] = ["a", "b", "c", "d"];
const PROCESSES: usize = 3;

#[derive(Clone, Debug)]
enum Op {
    Register(usize),
    DropGuard(usize),
    DrainGuard(usize),
    RegisterFor(usize, usize),
    Ensure(usize, usize),
    Unregister(usize, usize),
    Transfer(usize, usize, usize),
    /// Ends the process in this place and puts a new one there.
    End(usize),
    Reserve(usize),
    Publish(usize, usize),
    DropReservation(usize),
    Batch(usize, usize, usize),
}

fn op() -> impl Strategy<Value = Op> {
    let (name, process) = (0..NAMES.len(), 0..PROCESSES);
    prop_oneof![
        name.clone().prop_map(Op::Register),
        name.clone().prop_map(Op::DropGuard),
        name.clone().prop_map(Op::DrainGuard),
        (process.clone(), name.clone()).prop_map(|(p, n)| Op::RegisterFor(p, n)),
        (process.clone(), name.clone()).prop_map(|(p, n)| Op::Ensure(p, n)),
        (process.clone(), name.clone()).prop_map(|(p, n)| Op::Unregister(p, n)),
        (name.clone(), process.clone(), process.clone()).prop_map(|(n, p, q)| Op::Transfer(n, p, q)),
        process.clone().prop_map(Op::End),
        name.clone().prop_map(Op::Reserve),
        (process.clone(), name.clone()).prop_map(|(p, n)| Op::Publish(p, n)),
        name.clone().prop_map(Op::DropReservation),
        (process, name.clone(), name).prop_map(|(p, n, m)| Op::Batch(p, n, m)),
    ]
}

/// Who holds a name in the model.
#[derive(Clone, Debug, PartialEq)]
enum Held {
    Guard { value: u32, draining: bool },
    Process { process: usize, value: u32 },
    Reserved { was_published: bool },
    Published { process: usize, value: u32 },
}

impl Held {
    fn process(&self) -> Option<usize> {
        match self {
            Self::Process { process, .. } | Self::Published { process, .. } => Some(*process),
            _ => None,
        }
    }
}

/// The real thing beside the model.
struct Pair {
    namespace: Namespace,
    keys: Box<dyn Fn(&Process) -> usize>,
    model: BTreeMap<usize, Held>,
    guards: BTreeMap<usize, Registration>,
    reservations: BTreeMap<usize, Reservation<u32>>,
    processes: Vec<Process>,
    next: u32,
}

impl Pair {
    fn run(&mut self, op: &Op) {
        self.next += 1;
        let value = self.next;
        match *op {
            Op::Register(name) => match self.namespace.register(NAMES[name], value) {
                Ok(guard) => {
                    assert_eq!(self.model.insert(name, Held::Guard { value, draining: false }), None);
                    self.guards.insert(name, guard);
                }
                Err(error) => {
                    assert!(self.model.contains_key(&name));
                    assert_eq!(error.into_handle(), value);
                }
            },
            Op::DropGuard(name) => {
                if self.guards.remove(&name).is_some() {
                    self.model.remove(&name);
                }
            }
            Op::DrainGuard(name) => {
                if let Some(guard) = self.guards.get(&name) {
                    guard.drain();
                    if let Some(Held::Guard { draining, .. }) = self.model.get_mut(&name) {
                        *draining = true;
                    }
                }
            }
            Op::RegisterFor(process, name) => {
                let owner = self.processes[process].reference();
                let done = self.namespace.register_for(&owner, NAMES[name], value).is_ok();
                assert_eq!(done, !self.model.contains_key(&name));
                if done {
                    self.model.insert(name, Held::Process { process, value });
                }
            }
            Op::Ensure(process, name) => {
                let owner = self.processes[process].reference();
                let outcome = self.namespace.ensure_for(&owner, NAMES[name], value);
                match self.model.get_mut(&name) {
                    None => {
                        assert!(matches!(outcome, Ok(Ensured::Registered(_))));
                        self.model.insert(name, Held::Process { process, value });
                    }
                    Some(
                        Held::Process { process: holder, value: old } | Held::Published { process: holder, value: old },
                    ) if *holder == process => {
                        assert!(matches!(outcome, Ok(Ensured::Updated(_))));
                        *old = value;
                    }
                    Some(_) => assert_eq!(outcome.unwrap_err().kind(), ErrorKind::Taken),
                }
            }
            Op::Unregister(process, name) => {
                let owner = self.processes[process].reference();
                let outcome = self.namespace.unregister(&owner, NAMES[name]);
                match self.model.get(&name).cloned() {
                    Some(Held::Process { process: holder, .. }) if holder == process => {
                        assert!(outcome.unwrap());
                        self.model.remove(&name);
                    }
                    Some(Held::Published { process: holder, .. }) if holder == process => {
                        assert!(outcome.unwrap());
                        self.model.insert(name, Held::Reserved { was_published: true });
                    }
                    None => assert!(!outcome.unwrap()),
                    Some(Held::Reserved { .. }) => assert!(!matches!(outcome, Ok(true))),
                    Some(_) => assert!(outcome.is_err()),
                }
            }
            Op::Transfer(name, from, to) => {
                let (giver, taker) = (self.processes[from].reference(), self.processes[to].reference());
                let done = self.namespace.transfer(NAMES[name], &giver, &taker).is_ok();
                match self.model.get_mut(&name) {
                    Some(Held::Process { process, .. } | Held::Published { process, .. }) if *process == from => {
                        assert!(done);
                        *process = to;
                    }
                    _ => assert!(!done),
                }
            }
            Op::End(process) => {
                let ended = std::mem::take(&mut self.processes[process]);
                ended.end(ExitReason::Normal);
                self.model
                    .retain(|_, held| !matches!(held, Held::Process { process: holder, .. } if *holder == process));
                for held in self.model.values_mut() {
                    if held.process() == Some(process) {
                        *held = Held::Reserved { was_published: true };
                    }
                }
            }
            Op::Reserve(name) => match self.namespace.reserve(NAMES[name]) {
                Ok(reservation) => {
                    assert_eq!(self.model.insert(name, Held::Reserved { was_published: false }), None);
                    self.reservations.insert(name, reservation);
                }
                Err(_) => assert!(self.model.contains_key(&name)),
            },
            Op::Publish(process, name) => {
                if let Some(reservation) = self.reservations.get(&name) {
                    let done = reservation.publish(&self.processes[process].reference(), value).is_ok();
                    assert_eq!(done, matches!(self.model[&name], Held::Reserved { .. }));
                    if done {
                        self.model.insert(name, Held::Published { process, value });
                    }
                }
            }
            Op::DropReservation(name) => {
                if self.reservations.remove(&name).is_some() {
                    self.model.remove(&name);
                }
            }
            Op::Batch(process, one, other) => {
                let owner = self.processes[process].reference();
                let batch = self.namespace.batch(&owner).add(NAMES[one], value).add(NAMES[other], value);
                let done = batch.commit().is_ok();
                let free = one != other && !self.model.contains_key(&one) && !self.model.contains_key(&other);
                assert_eq!(done, free);
                if done {
                    self.model.insert(one, Held::Process { process, value });
                    self.model.insert(other, Held::Process { process, value });
                }
            }
        }
    }

    fn compare(&self) {
        for (at, name) in NAMES.iter().enumerate() {
            let found = self.namespace.lookup::<u32>(*name);
            match self.model.get(&at) {
                Some(Held::Guard { value, draining: false }) => assert_eq!(found.unwrap(), *value),
                Some(Held::Process { process, value } | Held::Published { process, value }) => {
                    assert_eq!(found.unwrap(), *value);
                    assert_eq!(self.namespace.whereis(name), Some(self.processes[*process].id()));
                }
                Some(Held::Guard { .. }) => assert!(matches!(found, Err(LookupError::Draining { .. }))),
                Some(Held::Reserved { was_published: false }) => {
                    assert!(matches!(found, Err(LookupError::Starting { .. })));
                }
                Some(Held::Reserved { .. }) => assert!(matches!(found, Err(LookupError::Restarting { .. }))),
                None => assert!(matches!(found, Err(LookupError::NotFound { .. }))),
            }
        }
        assert_eq!(self.namespace.count(), self.model.len());
        let list = self.namespace.list();
        assert_eq!(list.len(), self.model.len());
        let ready = list.iter().filter(|listing| listing.state == NameState::Ready).count();
        assert_eq!(ready, self.namespace.names().len());
        for (at, process) in self.processes.iter().enumerate() {
            let held = self.model.values().filter(|held| held.process() == Some(at)).count();
            assert_eq!((self.keys)(process), held);
        }
    }
}

proptest! {
    #[test]
    fn the_registry_behaves_as_the_naive_model(ops in prop::collection::vec(op(), 1..120)) {
        for registry in registries() {
            let namespace = registry.namespace("production").unwrap();
            let processes = registry.processes().clone();
            let mut pair = Pair {
                namespace,
                keys: Box::new(move |process| processes.keys(&process.reference()).len()),
                model: BTreeMap::new(),
                guards: BTreeMap::new(),
                reservations: BTreeMap::new(),
                processes: (0..PROCESSES).map(|_| Process::new()).collect(),
                next: 0,
            };
            for op in &ops {
                pair.run(op);
                pair.compare();
            }
            drop(pair);
            prop_assert_eq!(registry.processes().count(), 0);
        }
    }
}

//! Section 1: unique names.

mod support;

use std::collections::HashSet;
use std::sync::atomic::AtomicUsize;
use std::sync::atomic::Ordering::SeqCst;
use std::sync::{Arc, Barrier};
use std::thread;
use std::time::Duration;

use registry::{
    Ensured, ErrorKind, ExitReason, GetOrRegisterError, LookupError, NameState, Process, RegisterRefusal, Service,
    TransferError, UnregisterError,
};
use support::{Drops, namespaces, registries};

const KEY: Service<u32> = Service::new("key");

#[test]
fn s1_1_an_empty_registry_counts_and_lists_nothing() {
    for registry in registries() {
        assert_eq!(registry.processes().count(), 0);
        assert!(registry.processes().list().is_empty());
        let production = registry.namespace("production").unwrap();
        assert_eq!((production.count(), production.names().len(), production.list().len()), (0, 0, 0));
    }
}

#[test]
fn s1_2_a_lookup_gives_what_was_registered() {
    for production in namespaces() {
        let handle = Arc::new(String::from("value"));
        let registration = production.register("key", Arc::clone(&handle)).unwrap();
        assert!(Arc::ptr_eq(&production.lookup::<Arc<String>>("key").unwrap(), &handle));
        assert!(production.with("key", |found: &Arc<String>| Arc::ptr_eq(found, &handle)).unwrap());
        assert_eq!(production.whereis("key"), Some(registration.holder()));
        let list = production.list();
        assert_eq!(
            (list[0].name.as_str(), list[0].registration, list[0].state),
            ("key", registration.id(), NameState::Ready)
        );
    }
}

#[test]
fn s1_3_a_second_registration_fails_with_the_holder_and_gives_the_handle_back() {
    for production in namespaces() {
        let drops = Drops::default();
        let registration = production.register("key", Arc::new(drops.tracked())).unwrap();
        let rejected = Arc::new(drops.tracked());
        let error = production.register("key", Arc::clone(&rejected)).unwrap_err();
        assert!(matches!(error.refusal(),
            RegisterRefusal::Taken { holder, state: NameState::Ready, .. } if *holder == registration.holder()));
        assert!(Arc::ptr_eq(&error.into_handle(), &rejected));
        assert_eq!(production.whereis("key"), Some(registration.holder()));
        assert_eq!(drops.count(), 0);
    }
}

#[test]
fn s1_4_the_same_owner_is_refused_too_and_ensure_updates() {
    for production in namespaces() {
        let process = Process::new();
        let me = process.reference();
        let id = production.register_for(&me, KEY, 1).unwrap();
        let error = production.register_for(&me, KEY, 2).unwrap_err();
        assert!(matches!(error.refusal(), RegisterRefusal::Taken { holder, .. } if *holder == me.id()));
        assert_eq!(production.lookup(KEY).unwrap(), 1);

        assert_eq!(production.ensure_for(&me, KEY, 3).unwrap(), Ensured::Updated(id));
        assert_eq!(production.lookup(KEY).unwrap(), 3);
        assert!(
            matches!(production.ensure_for(&me, "other", 4_u32).unwrap(), Ensured::Registered(other) if other != id)
        );

        let other = Process::new();
        assert_eq!(production.ensure_for(&other.reference(), KEY, 5).unwrap_err().kind(), ErrorKind::Taken);
        assert_eq!(production.ensure_for(&me, "key", "text").unwrap_err().kind(), ErrorKind::TypeMismatch);
        assert_eq!(production.lookup(KEY).unwrap(), 3);
    }
}

#[test]
fn s1_5_of_64_that_race_one_wins_and_every_loser_names_it() {
    for production in namespaces() {
        let start = Arc::new(Barrier::new(64));
        let racers: Vec<_> = (0..64)
            .map(|n| {
                let (production, start) = (production.clone(), Arc::clone(&start));
                thread::spawn(move || {
                    let process = Process::new();
                    start.wait();
                    (
                        production.register_for(&process.reference(), KEY, n).map_err(|error| error.into_refusal()),
                        process,
                    )
                })
            })
            .collect();
        let outcomes: Vec<_> = racers.into_iter().map(|racer| racer.join().unwrap()).collect();
        let winners: Vec<_> = outcomes.iter().filter(|(outcome, _)| outcome.is_ok()).collect();
        assert_eq!(winners.len(), 1);
        let winner = winners[0].1.id();
        for (outcome, _) in &outcomes {
            assert!(matches!(outcome, Ok(_) | Err(RegisterRefusal::Taken { .. })));
            if let Err(RegisterRefusal::Taken { holder, .. }) = outcome {
                assert_eq!(*holder, winner);
            }
        }
    }
}

#[test]
fn s1_6_rejected_registrations_leave_no_residue() {
    for registry in registries() {
        let production = registry.namespace("production").unwrap();
        let _held = production.register(KEY, 0).unwrap();
        let process = Process::new();
        let drops = Drops::default();
        for _ in 0..100_000 {
            drop(production.register_for(&process.reference(), "key", drops.tracked()).unwrap_err());
        }
        assert_eq!(drops.count(), 100_000);
        assert_eq!(registry.processes().count(), 1);
        assert_eq!(registry.processes().list().len(), 1);
        assert!(registry.processes().keys(&process.reference()).is_empty());
        let stats = registry.stats();
        assert_eq!((stats.total_services, stats.production_services, stats.waiters), (1, 1, 0));
    }
}

#[test]
fn s1_7_an_owner_lists_its_many_keys() {
    for registry in registries() {
        let (production, other) = (registry.namespace("production").unwrap(), registry.namespace("other").unwrap());
        let (mine, theirs) = (Process::new(), Process::new());
        for n in 0..100 {
            production.register_for(&mine.reference(), format!("mine-{n:02}"), n).unwrap();
            other.register_for(&theirs.reference(), format!("theirs-{n:02}"), n).unwrap();
        }
        other.register_for(&mine.reference(), "mine", 0).unwrap();
        let keys = registry.processes().keys(&mine.reference());
        assert_eq!(keys.len(), 101);
        assert_eq!(keys[0], ("other".into(), "mine".into()));
        assert_eq!(keys[100], ("production".into(), "mine-99".into()));
        assert!(production.unregister(&mine.reference(), "mine-00").unwrap());
        assert_eq!(registry.processes().keys(&mine.reference()).len(), 100);
    }
}

#[test]
fn s1_8_keys_are_compared_exactly() {
    for production in namespaces() {
        let names = ["1", "01", "_", "*", " ", "a", "A", "é", "e\u{301}"];
        let held: Vec<_> = names.iter().zip(0_u32..).map(|(name, n)| production.register(*name, n).unwrap()).collect();
        for (name, n) in names.iter().zip(0_u32..) {
            assert_eq!(production.lookup::<u32>(*name).unwrap(), n);
        }
        assert_eq!(held.len(), production.count());
        assert!(production.lookup::<u32>("__").is_err());
    }
}

#[test]
fn s1_9_unregistering_is_idempotent_and_only_for_the_holder() {
    for production in namespaces() {
        let (mine, theirs) = (Process::new(), Process::new());
        assert!(!production.unregister(&mine.reference(), "key").unwrap());
        production.register_for(&mine.reference(), KEY, 1).unwrap();
        let refused = production.unregister(&theirs.reference(), "key").unwrap_err();
        assert!(matches!(refused, UnregisterError::NotOwner { holder, .. } if holder == mine.id()));
        assert_eq!(production.lookup(KEY).unwrap(), 1);
        assert!(production.unregister(&mine.reference(), "key").unwrap());
        assert!(!production.unregister(&mine.reference(), "key").unwrap());
        assert!(matches!(production.lookup(KEY), Err(LookupError::NotFound { .. })));
    }
}

#[test]
fn s1_10_a_freed_key_is_taken_at_once_under_a_new_id() {
    for production in namespaces() {
        let mut ids = HashSet::new();
        for n in 0..10_000 {
            let registration = production.register(KEY, n).unwrap();
            assert_eq!(production.lookup(KEY).unwrap(), n);
            assert!(ids.insert(registration.id()), "ids are never reused");
        }
        let others: Vec<_> = (0..100).map(|n| production.register(format!("other-{n}"), n).unwrap()).collect();
        assert!(others.iter().all(|other| ids.insert(other.id())));
    }
}

#[test]
fn s1_11_a_late_guard_spares_the_successor() {
    for registry in registries() {
        let first = registry.namespace("production").unwrap();
        let late = first.register(KEY, 1).unwrap();
        first.close();
        let second = registry.namespace("production").unwrap();
        let successor = second.register(KEY, 2).unwrap();
        drop(late);
        assert_eq!(second.lookup(KEY).unwrap(), 2);
        assert_eq!(second.whereis("key"), Some(successor.holder()));
    }
    // Within one namespace: a process loses its name by transfer, ends late, and frees nothing of its successor's.
    for production in namespaces() {
        let (late, successor) = (Process::new(), Process::new());
        production.register_for(&late.reference(), KEY, 1).unwrap();
        production.transfer("key", &late.reference(), &successor.reference()).unwrap();
        late.end(ExitReason::Normal);
        assert_eq!(production.whereis("key"), Some(successor.id()));
    }
}

#[test]
fn s1_12_an_ended_owner_is_refused() {
    for production in namespaces() {
        let process = Process::new();
        let ended = process.reference();
        process.end(ExitReason::Normal);
        let error = production.register_for(&ended, KEY, 1).unwrap_err();
        assert!(matches!(error.refusal(), RegisterRefusal::NotAlive { process, .. } if *process == ended.id()));
        assert_eq!(error.into_handle(), 1);
        assert_eq!(production.count(), 0);
    }
}

#[test]
fn s1_12_registration_racing_death_100_000_times_leaves_nothing() {
    for registry in registries() {
        let production = registry.namespace("production").unwrap();
        let (to_killer, killer) = std::sync::mpsc::sync_channel::<Process>(16);
        let killing = thread::spawn(move || killer.into_iter().for_each(drop));
        let mut refused = 0;
        for n in 0..100_000_u32 {
            let process = Process::new();
            let reference = process.reference();
            to_killer.send(process).unwrap();
            refused += usize::from(production.register_for(&reference, format!("key-{}", n % 7), n).is_err());
        }
        drop(to_killer);
        killing.join().unwrap();
        assert_eq!(registry.processes().count(), 0);
        assert!(registry.processes().list().is_empty());
        assert!(refused < 100_000, "the race was one");
    }
}

#[test]
fn s1_13_a_batch_with_one_conflict_registers_nothing() {
    for registry in registries() {
        let production = registry.namespace("production").unwrap();
        let process = Process::new();
        let me = process.reference();
        let taken = production.register("c", 0).unwrap();
        let batch = || production.batch(&me).add("a", 1).add("b", "text").add("c", 3).add("d", 4);
        let error = batch().commit().unwrap_err();
        assert!(matches!(error.refusal(), RegisterRefusal::Taken { at, holder, .. }
            if at.service() == "c" && *holder == taken.holder()));
        assert_eq!(production.names(), ["c"]);
        assert!(registry.processes().keys(&me).is_empty());

        let twice = production.batch(&me).add("a", 1).add("a", 2).commit().unwrap_err();
        assert_eq!(twice.refusal().service(), "a");
        let invalid = production.batch(&me).add("a", 1).add("", 2).commit().unwrap_err();
        assert_eq!(invalid.refusal().kind(), ErrorKind::InvalidName);
        assert_eq!(production.names(), ["c"]);

        drop(taken);
        assert_eq!(error.into_batch().commit().unwrap().len(), 4);
        assert_eq!(production.names(), ["a", "b", "c", "d"]);
        process.end(ExitReason::Normal);
        assert_eq!(production.count(), 0);
        assert_eq!(batch().commit().unwrap_err().refusal().kind(), ErrorKind::NotAlive);
    }
}

#[test]
fn s1_14_the_wrong_type_is_a_mismatch_that_names_both() {
    for production in namespaces() {
        let _registration = production.register(KEY, 7).unwrap();
        let error = production.lookup::<String>("key").unwrap_err();
        assert!(
            matches!(error, LookupError::TypeMismatch { expected, found, .. }
            if expected.ends_with("String") && found == "u32"),
            "{error:?}"
        );
        assert_eq!(production.with("key", |_: &i32| ()).unwrap_err().kind(), ErrorKind::TypeMismatch);
        assert_eq!(production.lookup(KEY).unwrap(), 7);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn s1_15_of_64_callers_one_runs_the_factory_and_all_get_its_handle() {
    for production in namespaces() {
        let runs = Arc::new(AtomicUsize::new(0));
        let (open, gate) = tokio::sync::watch::channel(false);
        let callers: Vec<_> = (0..64)
            .map(|n| {
                let (production, runs, mut gate) = (production.clone(), Arc::clone(&runs), gate.clone());
                tokio::spawn(async move {
                    let factory = async || {
                        runs.fetch_add(1, SeqCst);
                        gate.wait_for(|open| *open).await.unwrap();
                        Ok::<_, std::convert::Infallible>((registry::spawn(std::future::pending::<()>()), n))
                    };
                    production.get_or_register(KEY, factory).await.unwrap()
                })
            })
            .collect();
        // Nothing is locked while the factory runs: other names, and even this one, can be used.
        while runs.load(SeqCst) == 0 {
            tokio::task::yield_now().await;
        }
        assert!(matches!(production.lookup(KEY), Err(LookupError::NotFound { .. })));
        drop(production.register("other", 1).unwrap());
        open.send(true).unwrap();
        let mut handles = HashSet::new();
        for caller in callers {
            handles.insert(caller.await.unwrap());
        }
        assert_eq!((handles.len(), runs.load(SeqCst)), (1, 1));
    }
}

#[tokio::test(start_paused = true)]
async fn s1_15_a_failing_factory_fails_its_caller_and_the_next_one_tries() {
    for production in namespaces() {
        let runs = Arc::new(AtomicUsize::new(0));
        let callers: Vec<_> = (0..8)
            .map(|_| {
                let (production, runs) = (production.clone(), Arc::clone(&runs));
                tokio::spawn(async move {
                    let factory = async || {
                        let run = runs.fetch_add(1, SeqCst);
                        tokio::time::sleep(Duration::from_millis(5)).await;
                        if run < 3 { Err(run) } else { Ok((registry::spawn(std::future::pending::<()>()), 7)) }
                    };
                    production.get_or_register(KEY, factory).await
                })
            })
            .collect();
        let mut failed = Vec::new();
        for caller in callers {
            match caller.await.unwrap() {
                Ok(handle) => assert_eq!(handle, 7),
                Err(GetOrRegisterError::Factory { error: run, .. }) => failed.push(run),
                Err(other) => panic!("{other:?}"),
            }
        }
        failed.sort_unstable();
        assert_eq!((failed, runs.load(SeqCst)), (vec![0, 1, 2], 4));
    }
}

#[tokio::test(start_paused = true)]
async fn s1_15_a_dropped_factory_hands_the_turn_on() {
    for production in namespaces() {
        let stuck = production.get_or_register(KEY, std::future::pending::<Result<_, ()>>);
        assert!(tokio::time::timeout(Duration::from_secs(1), stuck).await.is_err());
        let process = Process::new();
        let made = production.get_or_register(KEY, async || Ok::<_, ()>((process.reference(), 1))).await;
        assert_eq!(made.unwrap(), 1);
    }
}

#[test]
fn s1_16_a_transfer_is_atomic_and_never_to_an_ended_process() {
    for registry in registries() {
        let production = registry.namespace("production").unwrap();
        let processes: Vec<_> = (0..2).map(|_| Process::new()).collect();
        let refs: Vec<_> = processes.iter().map(Process::reference).collect();
        production.register_for(&refs[0], KEY, 7).unwrap();
        let watching = production.clone();
        let done = Arc::new(std::sync::atomic::AtomicBool::new(false));
        let seen_done = Arc::clone(&done);
        let watcher = thread::spawn(move || {
            let mut looks = 0_u64;
            while !seen_done.load(SeqCst) {
                assert_eq!(watching.lookup(KEY).unwrap(), 7);
                assert!(watching.whereis("key").is_some());
                looks += 1;
            }
            looks
        });
        for n in 0..20_000 {
            production.transfer("key", &refs[n % 2], &refs[(n + 1) % 2]).unwrap();
        }
        done.store(true, SeqCst);
        assert!(watcher.join().unwrap() > 0);

        let foreign = production.transfer("key", &refs[1], &refs[0]).unwrap_err();
        assert!(matches!(foreign, TransferError::NotOwner { holder, .. } if holder == refs[0].id()));
        let gone = Process::new();
        let ended = gone.reference();
        gone.end(ExitReason::Normal);
        let refused = production.transfer("key", &refs[0], &ended).unwrap_err();
        assert!(matches!(refused, TransferError::NotAlive { process, .. } if process == ended.id()));
        assert_eq!(production.whereis("key"), Some(refs[0].id()));
        assert_eq!(registry.processes().keys(&refs[0]).len(), 1);
        assert!(matches!(production.transfer("absent", &refs[0], &refs[1]), Err(TransferError::NotFound { .. })));
    }
}

//! What closing a namespace looks at, counted.

use std::num::NonZeroUsize;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;

use super::{Claim, Key, NamespaceClass, Owner, Scope, SlotRef, Table};
use crate::process::ProcessId;

fn claim(table: &Arc<Table>, scope: &Scope, name: &str) {
    let claim = Claim { scope, name, owner: Owner::Guard(ProcessId::next()), reserved: false };
    assert!(table.claim(&claim, Some(1_u32)).is_ok());
}

/// Entries and slots that walks have come by, since the last time.
fn walked(table: &Table) -> (usize, usize) {
    let slots = (0..table.partitions().len()).map(|index| table.partitions().lock(index).slots.walked.swap(0, Relaxed));
    (table.index().walked.swap(0, Relaxed), slots.sum())
}

#[test]
fn s6_4_closing_looks_at_the_names_and_slots_of_its_own_namespace_only() {
    for partitions in [1, 8] {
        let table = Arc::new(Table::new(NonZeroUsize::new(partitions).unwrap()));
        let scope = |id, class| Scope::new(&table, id, format!("scope-{id}"), class);
        let crowd = scope(0, NamespaceClass::Production);
        let mut references = Vec::new();
        for n in 0..10_000 {
            let name = format!("name-{n}");
            claim(&table, &crowd, &name);
            references.push(SlotRef::new(&table, Key { scope: &crowd, name: &name }));
        }
        walked(&table);
        for (id, class) in [(1, NamespaceClass::Named), (2, NamespaceClass::Test)] {
            let small = scope(id, class);
            for n in 0..20 {
                claim(&table, &small, &format!("name-{n}"));
            }
            let _reference = SlotRef::new(&table, Key { scope: &small, name: "name-7" });
            table.close(&small);
            assert_eq!((small.count(), crowd.count(), table.index().len()), (0, 10_000, 10_000));
            assert_eq!(walked(&table), (0, 1), "{partitions} partitions, {class:?}");
        }
        // Too many to be known one by one.
        table.close(&crowd);
        assert_eq!((crowd.count(), table.index().len()), (0, 0));
        assert_eq!(walked(&table), (10_000, 10_000));
    }
}

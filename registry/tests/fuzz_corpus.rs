//! What the fuzzer in `registry/fuzz` has found interesting, replayed; and random bytes beside it.

#[path = "../fuzz/src/names.rs"]
mod names;

use std::path::Path;

use proptest::prelude::*;

#[test]
fn names_and_topics_agree_with_the_model_on_the_corpus() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/corpus/names");
    let inputs: Vec<_> = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    assert!(inputs.len() >= 8, "{} inputs", inputs.len());
    for input in inputs {
        names::agree(&std::fs::read(&input).unwrap());
    }
}

/// One operation: what to do, and a name of pieces that mean something.
fn operation() -> impl Strategy<Value = Vec<u8>> {
    let pieces =
        prop::sample::select(vec![&b"a"[..], b"b", b":", b"*", b"\n", b"\xc3\xa9", b"\xc2\x85", b"\xe2", &[b'x'; 128]]);
    (0..5_u8, prop::collection::vec(pieces, 0..5)).prop_map(|(what, name)| {
        let mut operation = vec![what];
        operation.extend(name.concat());
        operation.push(0xff);
        operation
    })
}

proptest! {
    #[test]
    fn names_and_topics_agree_with_the_model_on_random_bytes(
        operations in prop::collection::vec(operation(), 0..40), tail in prop::collection::vec(any::<u8>(), 0..64)
    ) {
        let mut bytes = operations.concat();
        bytes.extend(tail);
        names::agree(&bytes);
    }
}

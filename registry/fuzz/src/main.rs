//! Looks for bytes on which the registry and a naive model disagree, guided by the coverage of the registry's code.
//!
//! From this folder, for five minutes, with what is found interesting kept in the first folder:
//!
//! ```sh
//! mkdir -p target/found && cargo run --release -- target/found corpus/names -max_total_time=300 -max_len=1024
//! ```
//!
//! A finding is written to a file `crash-…`: move it to `corpus/names`, which `registry/tests/fuzz_corpus.rs` replays.
#![no_main]

mod names;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| names::agree(bytes));

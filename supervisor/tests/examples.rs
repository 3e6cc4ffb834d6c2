//! The examples print what their headers say.

#[path = "../../registry/tests/support/examples.rs"]
mod examples;

#[test]
fn each_example_prints_what_its_header_says() {
    examples::check_all("supervisor", env!("CARGO_MANIFEST_DIR"));
}

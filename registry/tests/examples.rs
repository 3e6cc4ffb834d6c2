//! The examples print what their headers say.

#[path = "support/examples.rs"]
mod examples;

#[test]
fn each_example_prints_what_its_header_says() {
    examples::check_all("registry", env!("CARGO_MANIFEST_DIR"));
}

//! The chat in a terminal: `cargo run --release -p chat-demo --features tui --bin chat -- http://127.0.0.1:4000/rooms/CODE`.

use std::process::ExitCode;

fn main() -> ExitCode {
    chat_demo::terminal::main()
}

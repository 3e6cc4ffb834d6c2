//! Settings from flags, the environment and a file.

mod support;

use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use chat_demo::config::{Config, ConfigError};
use support::binary;
use tempfile::NamedTempFile;

fn file(text: &str) -> NamedTempFile {
    let mut file = NamedTempFile::new().unwrap();
    file.write_all(text.as_bytes()).unwrap();
    file
}

fn load(path: &Path, flags: &[&str]) -> Result<Config, ConfigError> {
    let first = ["chat-demo", "--config", path.to_str().unwrap()];
    Config::load(first.iter().chain(flags)).map(|layered| layered.config)
}

#[test]
fn a_flag_outweighs_the_file_and_the_file_the_default() {
    let file = file(
        "port = 5000\nhost = '::1'\norigins = ['https://a.example', 'https://b.example']\n\
         [limits]\noutbox = 7\nidle = '90s'\nposts_per_second = 2\n",
    );
    let config = load(file.path(), &["--port", "6000", "--outbox", "8"]).unwrap();
    assert_eq!((config.port, config.host.to_string()), (6000, "::1".into()));
    assert_eq!(config.origins, ["https://a.example", "https://b.example"]);
    assert_eq!((config.limits.outbox, config.limits.idle), (8, Duration::from_secs(90)));
    assert_eq!((config.limits.posts_per_second, config.limits.batch), (2.0, 10));
}

#[test]
fn the_environment_stands_between() {
    let file = file("port = 5000\n[limits]\noutbox = 7\n");
    let shown = |flags: &[&str]| {
        let mut command = binary::chat_demo(["--config", file.path().to_str().unwrap(), "--print-config"]);
        let output = command.args(flags).env("CHAT_PORT", "5500").env("CHAT_OUTBOX", "9").output().unwrap();
        String::from_utf8(output.stdout).unwrap()
    };
    let text = shown(&[]);
    assert!(text.contains("\nport = 5500\n") && text.contains("\noutbox = 9\n"), "{text}");
    assert!(shown(&["--outbox", "10"]).contains("\noutbox = 10\n"));
}

#[test]
fn what_is_printed_can_be_read_again_and_tells_no_secret() {
    let secret = "correct horse battery";
    let before = file("memory = true\n[limits]\nidle = '1h 2s'\nposts_per_second = 0.5\n");
    let arguments = ["chat-demo", "--config", before.path().to_str().unwrap(), "--admin-token", secret];
    let text = Config::load(arguments).unwrap().to_toml();
    assert!(!text.contains(secret), "{text}");
    let again = file(&text);
    let config = load(again.path(), &[]).unwrap();
    assert!(config.memory && config.admin_token.is_none());
    assert_eq!((config.limits.idle, config.limits.posts_per_second), (Duration::from_secs(3602), 0.5));
    assert_eq!(Config::load(["chat-demo", "--config", again.path().to_str().unwrap()]).unwrap().to_toml(), text);
}

#[test]
fn a_database_asked_for_outweighs_memory_in_the_file() {
    let file = file("memory = true\n");
    assert!(load(file.path(), &[]).unwrap().memory);
    let config = load(file.path(), &["--database", "x.sqlite3"]).unwrap();
    assert!(!config.memory);
    assert_eq!(config.database, PathBuf::from("x.sqlite3"));
}

#[test]
fn a_wrong_file_is_refused_in_one_line_that_says_where() {
    for (text, says) in [
        ("port = ", "line 1 is not TOML"),
        ("host = '127.0.0.1'\nport = = 3", "line 2 is not TOML"),
        ("prot = 4000", "prot: there is no such setting"),
        ("outbox = 5", "outbox: there is no such setting"),
        ("[limits]\nport = 5", "limits.port: there is no such setting"),
        ("[other]\nport = 5", "other: there is no such setting"),
        ("config = 'x'", "config: there is no such setting"),
        ("port = 65536", "port: "),
        ("port = [1, 2]", "port: it has one value"),
        ("memory = 'perhaps'", "memory: "),
        ("admin_token = 'short'", "at least 16 characters"),
        ("origin = ['http://a']", "there is no such setting; in a file it is called origins"),
        ("port = 1979-05-27", "port: give a text, a number"),
        ("[limits]\noutbox = 0", "limits.outbox: "),
        ("[limits]\nping = '0s'", "longer than 0"),
        ("[limits]\nping = 'soon'", "500ms"),
        ("[limits]\nposts_per_second = nan", "above 0"),
    ] {
        let file = file(text);
        let said = load(file.path(), &[]).unwrap_err().to_string();
        assert!(said.contains(says) && said.contains(file.path().to_str().unwrap()), "{text}: {said}");
        assert_eq!(said.lines().count(), 1, "{said}");
    }
    let said = load(Path::new("/no/such/file.toml"), &[]).unwrap_err().to_string();
    assert!(said.contains("/no/such/file.toml") && said.contains("--config"), "{said}");
}

#[test]
fn what_is_of_no_use_alone_is_refused_wherever_it_is_said() {
    let mut texts: Vec<(&str, &str, &str)> = Vec::new();
    if cfg!(feature = "webhooks") {
        texts.push(("hook_urls = ['https://example.org/hook']", "--hook-url=https://example.org/hook", "secret"));
    }
    if cfg!(feature = "email") {
        texts.push(("smtp_url = 'smtp://localhost'", "--smtp-url=smtp://localhost", "from"));
        texts.push(("smtp_user = 'chat'", "--smtp-user=chat", "password"));
    }
    for (text, flag, needed) in texts {
        let said = load(file(text).path(), &[]).unwrap_err().to_string();
        assert!(said.contains("of no use without") && said.contains(needed), "{text}: {said}");
        let said = load(file("port = 4000").path(), &[flag]).unwrap_err().to_string();
        assert!(said.contains(needed), "{flag}: {said}");
    }
}

#[test]
fn a_secret_that_is_refused_is_not_printed() {
    let in_file = load(file("admin_token = 'sesame'").path(), &[]).unwrap_err().to_string();
    let by_flag = load(file("port = 4000").path(), &["--admin-token", "sesame"]).unwrap_err().to_string();
    let by_environment = binary::chat_demo(["--memory"]).env("CHAT_ADMIN_TOKEN", "sesame").output().unwrap();
    let by_environment = String::from_utf8(by_environment.stderr).unwrap();
    for said in [in_file, by_flag, by_environment] {
        assert!(said.contains("at least 16 characters") && !said.contains("sesame"), "{said}");
    }
    let port = load(file("port = 4000").path(), &["--port", "abc"]).unwrap_err().to_string();
    assert!(port.contains("abc"), "what is no secret is shown: {port}");
}

#[test]
fn the_program_refuses_a_wrong_file_with_exit_code_1() {
    let file = file("port = 65536\n");
    let output = binary::chat_demo(["--config", file.path().to_str().unwrap()]).output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(said.starts_with("chat-demo: ") && said.contains("port") && said.lines().count() == 1, "{said}");
}

#[test]
fn the_log_can_be_read_by_machines() {
    let folder = tempfile::tempdir().unwrap();
    let mut command = binary::chat_demo(["--port", "0", "--memory", "--log-format", "json"]);
    command.current_dir(&folder).env("RUST_LOG", "info").stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    let mut line = String::new();
    BufReader::new(child.stderr.take().unwrap()).read_line(&mut line).unwrap();
    child.kill().unwrap();
    child.wait().unwrap();
    assert!(!line.contains('\u{1b}'), "colours are for terminals");
    let event: serde_json::Value = serde_json::from_str(&line).unwrap_or_else(|error| panic!("{error}: {line}"));
    assert!(event["fields"].is_object() && event["level"] == "INFO", "{line}");
}

//! The dashboard and the alert rules in `docs/`: what they ask for is what the program tells.

mod support;

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::process::Command;

use serde_json::Value;
use support::binary::Running;
use support::{ADMIN_TOKEN, PATIENCE, files, program};
use tokio::time::timeout;

fn document(name: &str) -> String {
    std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs").join(name)).unwrap()
}

/// The queries of all panels, by their title.
fn queries() -> Vec<(String, String)> {
    let dashboard: Value = serde_json::from_str(&document("grafana-chat.json")).unwrap();
    let mut queries = Vec::new();
    for panel in dashboard["panels"].as_array().unwrap().iter().filter(|panel| panel["type"] != "row") {
        let title = panel["title"].as_str().unwrap();
        let targets = panel["targets"].as_array().unwrap();
        assert!(!targets.is_empty(), "{title} asks for nothing");
        for target in targets {
            assert_eq!(target["datasource"]["uid"], "${datasource}", "{title}");
            queries.push((title.to_owned(), target["expr"].as_str().unwrap().to_owned()));
        }
    }
    let variables: Vec<_> = dashboard["templating"]["list"].as_array().unwrap().iter().map(|v| &v["name"]).collect();
    assert_eq!(variables, ["datasource", "instance"]);
    queries
}

/// The metrics in a query, each with the labels by which it is selected or which are kept of it.
fn metrics(query: &str) -> Vec<(String, BTreeSet<String>)> {
    let word = |character: char| character.is_ascii_alphanumeric() || character == '_';
    let mut kept = BTreeSet::new();
    for by in query.split("by (").skip(1) {
        kept.extend(by.split(')').next().unwrap().split(',').map(|label| label.trim().to_owned()));
    }
    let mut found = Vec::new();
    let mut rest = query;
    while let Some(at) = ["chat_", "registry_", "supervisor_"].iter().filter_map(|prefix| rest.find(prefix)).min() {
        rest = &rest[at..];
        let name: String = rest.chars().take_while(|&character| word(character)).collect();
        rest = &rest[name.len()..];
        let mut labels = kept.clone();
        if let Some(selected) = rest.strip_prefix('{').and_then(|rest| rest.split_once('}')) {
            labels.extend(selected.0.split(',').map(|label| label.trim().split(['=', '!']).next().unwrap().to_owned()));
        }
        found.push((name, labels));
    }
    found
}

/// What a scrape has: metrics with the labels that any sample of theirs has.
fn told(scrape: &str) -> BTreeMap<String, BTreeSet<String>> {
    let mut told: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for sample in scrape.lines().filter(|line| !line.starts_with('#') && !line.is_empty()) {
        let (name, rest) = sample.split_at(sample.find(['{', ' ']).unwrap());
        let labels = told.entry(name.to_owned()).or_default();
        if let Some((selected, _)) = rest.strip_prefix('{').and_then(|rest| rest.rsplit_once('}')) {
            labels.extend(selected.split("\",").map(|label| label.split('=').next().unwrap().trim().to_owned()));
        }
    }
    told
}

#[test]
fn a_query_is_taken_apart() {
    let query = r#"sum by (reason, le) (rate(chat_a_total{x="y", z=~"chat"}[5m])) / sum(supervisor_b{n!="1"})"#;
    let labels = |labels: &[&str]| labels.iter().map(|&label| label.to_owned()).collect::<BTreeSet<_>>();
    let expected = [
        ("chat_a_total".to_owned(), labels(&["le", "reason", "x", "z"])),
        ("supervisor_b".to_owned(), labels(&["le", "n", "reason"])),
    ];
    assert_eq!(metrics(query), expected);
}

#[tokio::test(flavor = "multi_thread")]
async fn every_panel_asks_for_what_there_is() {
    let running =
        Running::start(&["--port", "0", "--memory", "--admin-token", ADMIN_TOKEN, "--health-period", "100ms"]);
    let (ada, code) = running.founder("Ada").await;
    // Something of everything.
    let mut socket = ada.join(&code, 0).await;
    for n in 0..10 {
        socket.post(&format!("ada-{n:04}"), "hello").await;
        socket.next_of("stored").await;
    }
    socket.post("ada-9999", "").await;
    socket.next_of("refused").await;
    assert_eq!(files::send(&ada, &code, "file-0001", "notes.txt", b"a few words").await.0, 200);
    assert_eq!(ada.kill(&code).await, 200);
    socket.post("ada-9998", "still here?").await;
    socket.next_of("stored").await;
    drop(ada.join(&code, 0).await);

    let mut asked = queries();
    assert!(asked.len() > 30);
    asked.push(("the alert rules".into(), document("alerts.yml")));
    // Calls and lookups are sampled, and samples are told of when they are folded together.
    let complete = async {
        loop {
            let told = told(&ada.get("/metrics").await.body);
            let missing: Vec<String> = asked
                .iter()
                .flat_map(|(title, query)| metrics(query).into_iter().map(move |metric| (title, metric)))
                .filter(|(_, (name, labels))| {
                    let of_prometheus = |label: &String| label == "instance";
                    told.get(name).is_none_or(|known| !labels.iter().all(|l| of_prometheus(l) || known.contains(l)))
                })
                .map(|(title, (name, labels))| format!("{title}: {name}, with {labels:?}"))
                .collect();
            if missing.is_empty() {
                return;
            }
            println!("{missing:#?}");
            for _ in 0..70 {
                assert_eq!(ada.get(&format!("/rooms/{code}")).await.status, 200);
            }
        }
    };
    timeout(PATIENCE, complete).await.expect("everything that is asked for is told");
}

#[test]
fn prometheus_understands_every_query() {
    let Some(promtool) = program::find(&["promtool"]) else { return };
    let mut rules = String::from("groups:\n  - name: dashboard\n    rules:\n");
    for (n, (_, query)) in queries().into_iter().enumerate() {
        let query = query.replace("$__rate_interval", "1m");
        rules += &format!("      - {{record: \"panel:query:{n}\", expr: {}}}\n", Value::from(query));
    }
    let file = tempfile::Builder::new().suffix(".yml").tempfile().unwrap();
    std::fs::write(file.path(), rules).unwrap();
    program::run(Command::new(promtool).args(["check", "rules", "--lint=none"]).arg(file.path()));
}

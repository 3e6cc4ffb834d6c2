//! What `/healthz` says of each service: that it is broken, and what that means.

mod support;

use std::time::Duration;

use serde_json::Value;
use supervisor::SupervisorRef;
use support::{PATIENCE, Server, wide};
use tokio::time::{sleep, timeout};

/// The services, whose child they are, and whether people can talk without them.
const SERVICES: [(&str, bool, bool); 8] = [
    ("store", false, false),
    ("message_buffer", true, false),
    ("rooms", true, false),
    ("workspaces", true, true),
    ("presence", true, true),
    ("notifications", true, true),
    ("uploads", true, true),
    ("coordinator", false, true),
];

/// Asks until `/healthz` says of the service, and of all of them, what is expected; returns what it says last.
async fn until(server: &Server, service: &str, status: u16, overall: &str, standing: &str) -> Value {
    let asked = async {
        loop {
            let answer = server.stranger().get("/healthz").await;
            let told: Value = serde_json::from_str(&answer.body).unwrap();
            let found = told["services"].as_array().unwrap().iter().find(|found| found["service"] == service);
            let found = found.unwrap_or_else(|| panic!("{service} is asked for its health: {told}"));
            if (answer.status, &told["status"], &found["standing"]) == (status, &overall.into(), &standing.into()) {
                return told;
            }
            sleep(Duration::from_millis(20)).await;
        }
    };
    let expected = format!("{service}: {standing}, {overall}");
    timeout(PATIENCE, asked).await.unwrap_or_else(|_| panic!("the monitors notice {expected}"))
}

#[tokio::test(flavor = "multi_thread")]
async fn each_service_that_is_broken_is_reported_as_degraded_or_down() {
    let server = Server::with(wide(), &["--memory", "--health-period", "20ms"]).await;
    let root = server.app.tree();
    let services: SupervisorRef = root.find_child("services").await.unwrap().unwrap().supervisor().unwrap();
    let told = until(&server, "store", 200, "healthy", "up").await;
    assert_eq!(told["services"].as_array().unwrap().len(), SERVICES.len(), "{told}");
    for (service, below, optional) in SERVICES {
        let parent = if below { &services } else { root };
        parent.terminate_child(service).await.unwrap();
        let (status, overall) = if optional { (200, "degraded") } else { (503, "unhealthy") };
        let told = until(&server, service, status, overall, "down").await;
        let found = told["services"].as_array().unwrap().iter().find(|found| found["service"] == service).unwrap();
        assert!(found["last"].is_string(), "it is said what is wrong: {found}");
        parent.restart_child(service).await.unwrap();
        until(&server, service, 200, "healthy", "up").await;
    }
}

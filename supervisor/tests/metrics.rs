//! Section 10.2: what is counted, by its value in what Prometheus reads.

mod support;

use std::io::Write;
use std::process::{Command, Stdio};

use metrics_exporter_prometheus::{PrometheusBuilder, PrometheusHandle};
use supervisor::testing::settle;
use supervisor::{ChildRef, ChildSpec, DynamicSupervisor, ExitReason, Strategy, Supervisor, describe_metrics};

use support::{Ask, Journal, SECOND, Script, probe, scripted, tell};

fn idle(id: impl Into<supervisor::ChildId>) -> ChildSpec<ChildRef> {
    ChildSpec::task(id, |cx| async move { cx.stopped().await })
}

/// Whether each of these is a line of what is read.
#[track_caller]
fn assert_lines(prometheus: &PrometheusHandle, lines: &[&str]) {
    let text = prometheus.render();
    for line in lines {
        assert!(text.lines().any(|found| found == *line), "{line} is not in\n{text}");
    }
}

/// The value of this series.
#[track_caller]
fn value(prometheus: &PrometheusHandle, series: &str) -> f64 {
    let text = prometheus.render();
    let line = text.lines().find_map(|line| line.strip_prefix(series)?.strip_prefix(' '));
    line.unwrap_or_else(|| panic!("{series} is not in\n{text}")).parse().unwrap()
}

#[tokio::test(start_paused = true)]
async fn s10_2_restarts_exits_meltdowns_and_children_are_counted_exactly() {
    let recorder = PrometheusBuilder::new().build_recorder();
    let prometheus = recorder.handle();
    let _guard = metrics::set_default_local_recorder(&recorder);
    describe_metrics();
    let journal = Journal::default();
    let script = Script { init_time: 2 * SECOND, ..Script::default() };
    let mut slow = scripted("slow", &journal, &script);
    let server = slow.reference();
    let inner = Supervisor::new(Strategy::OneForOne).budget(2, 100 * SECOND).child(slow);
    let tree = Supervisor::new(Strategy::OneForOne)
        .id("app")
        .child(ChildSpec::supervisor(inner).id("inner"))
        .child(idle("other"))
        .start()
        .await
        .unwrap();
    assert_lines(
        &prometheus,
        &[
            "supervisor_children{state=\"running\"} 4",
            "supervisor_children{state=\"starting\"} 0",
            "supervisor_restarts_total{supervisor=\"inner\",reason=\"panic\"} 0",
            "supervisor_exits_total{reason=\"panic\"} 0",
            "supervisor_meltdowns_total 0",
        ],
    );
    tell(&server, Ask::Panic);
    settle().await;
    assert_lines(
        &prometheus,
        &["supervisor_children{state=\"running\"} 3", "supervisor_children{state=\"starting\"} 1"],
    );
    server.running().await;
    tell(&server, Ask::Fail);
    server.child().ended(2).await;
    server.running().await;
    assert_lines(
        &prometheus,
        &[
            "supervisor_restarts_total{supervisor=\"inner\",reason=\"panic\"} 1",
            "supervisor_restarts_total{supervisor=\"inner\",reason=\"error\"} 1",
            "supervisor_restarts_total{supervisor=\"app\",reason=\"shutdown\"} 0",
            "supervisor_exits_total{reason=\"error\"} 1",
        ],
    );
    tell(&server, Ask::Fail);
    server.child().ended(3).await;
    server.running().await;
    assert_lines(
        &prometheus,
        &[
            "supervisor_meltdowns_total 1",
            "supervisor_restarts_total{supervisor=\"inner\",reason=\"error\"} 1",
            "supervisor_restarts_total{supervisor=\"app\",reason=\"shutdown\"} 1",
            "supervisor_children{state=\"running\"} 4",
            "supervisor_children{state=\"restarting\"} 0",
        ],
    );
    // Of each of the four incarnations, and of the two of the supervisor that waited for them.
    let inits = value(&prometheus, "supervisor_init_duration_seconds_sum");
    assert!((inits - (4.0 * 2.0 + 3.0 * 2.0)).abs() < 0.1, "{inits}");
    tree.stop().await;
    assert_lines(
        &prometheus,
        &["supervisor_children{state=\"running\"} 0", "supervisor_children{state=\"starting\"} 0"],
    );
}

#[tokio::test(start_paused = true)]
async fn s10_2_a_restart_is_timed_from_the_end_to_the_next_acknowledgement() {
    let recorder = PrometheusBuilder::new().build_recorder();
    let prometheus = recorder.handle();
    let _guard = metrics::set_default_local_recorder(&recorder);
    let journal = Journal::default();
    let script = Script { init_time: 3 * SECOND, ..Script::default() };
    let mut spec = scripted("slow", &journal, &script);
    let server = spec.reference();
    let tree = Supervisor::new(Strategy::OneForOne).child(spec).start().await.unwrap();
    tell(&server, Ask::Panic);
    server.child().ended(1).await;
    server.running().await;
    assert_lines(&prometheus, &["supervisor_restart_duration_seconds_count 1"]);
    let took = value(&prometheus, "supervisor_restart_duration_seconds_sum");
    assert!((took - 3.0).abs() < 0.1, "{took}");
    tree.stop().await;
}

#[tokio::test(start_paused = true)]
async fn s10_2_one_call_in_64_is_timed_and_tells_the_depth_of_the_mailbox() {
    let recorder = PrometheusBuilder::new().build_recorder();
    let prometheus = recorder.handle();
    let _guard = metrics::set_default_local_recorder(&recorder);
    let journal = Journal::default();
    let mut spec = probe("a", &journal);
    let server = spec.reference();
    let tree = Supervisor::new(Strategy::OneForOne).child(spec).start().await.unwrap();
    for _ in 0..128 {
        tell(&server, Ask::Answer);
        tell(&server, Ask::Answer);
        server.call(|reply| Ask::Wait(SECOND, reply)).await.unwrap();
    }
    assert_lines(
        &prometheus,
        &[
            "supervisor_call_duration_seconds_count 2",
            "supervisor_mailbox_depth_count 2",
            "supervisor_mailbox_depth_sum 4",
        ],
    );
    let took = value(&prometheus, "supervisor_call_duration_seconds_sum");
    assert!((took - 2.0).abs() < 0.1, "{took}");
    tree.stop().await;
}

#[tokio::test(start_paused = true)]
async fn s10_2_no_id_below_a_dynamic_supervisor_is_a_label_and_of_others_64_are() {
    let recorder = PrometheusBuilder::new().build_recorder();
    let prometheus = recorder.handle();
    let _guard = metrics::set_default_local_recorder(&recorder);
    describe_metrics();
    let jobs = DynamicSupervisor::new().id("jobs").start().await.unwrap();
    for n in 0..100 {
        let inner = Supervisor::new(Strategy::OneForOne).child(idle(format!("worker-{n}")));
        let inner = jobs.start_child(ChildSpec::supervisor(inner).id(format!("job-{n}"))).await.unwrap();
        inner.kill_child(format!("worker-{n}")).await.unwrap();
    }
    settle().await;
    let text = prometheus.render();
    assert!(!text.contains("job-") && !text.contains("worker-"), "{text}");
    assert_lines(&prometheus, &["supervisor_restarts_total{supervisor=\"jobs\",reason=\"killed\"} 100"]);

    for n in 0..100 {
        let tree = Supervisor::new(Strategy::OneForOne).id(format!("tree-{n}")).child(idle("a")).start().await.unwrap();
        tree.kill_child("a").await.unwrap();
        settle().await;
        assert_eq!(tree.stop().await, ExitReason::Shutdown);
    }
    let text = prometheus.render();
    let labels = text.lines().filter(|line| line.contains("_restarts_total{") && line.contains("\"killed\"")).count();
    assert!(labels <= 65, "{labels}");
    assert!(value(&prometheus, "supervisor_restarts_total{supervisor=\"other\",reason=\"killed\"}") >= 36.0);
    promtool(&text);
}

/// Prometheus has nothing to say against it, where it is installed.
fn promtool(text: &str) {
    let checking =
        Command::new("promtool").args(["check", "metrics"]).stdin(Stdio::piped()).stderr(Stdio::piped()).spawn();
    let Ok(mut checking) = checking else { return };
    checking.stdin.take().unwrap().write_all(text.as_bytes()).unwrap();
    let checked = checking.wait_with_output().unwrap();
    assert!(checked.status.success(), "{}\n{text}", String::from_utf8_lossy(&checked.stderr));
}

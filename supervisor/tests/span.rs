//! Section 10.2: a span for each incarnation.

mod support;

use std::sync::atomic::AtomicUsize;
use std::sync::atomic::Ordering::SeqCst;
use std::sync::{Arc, Mutex};

use supervisor::testing::settle;
use supervisor::{
    ChildRef, ChildSpec, Context, DynamicSupervisor, ExitReason, Failure, Flow, Init, Restart, Server, ServerRef,
    Strategy, Supervisor,
};
use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id};
use tracing::{Event, Subscriber};
use tracing_subscriber::layer::{Context as Layers, Layer, SubscriberExt};
use tracing_subscriber::registry::{LookupSpan, Registry};

/// Events of these tests, each with the span that it was in.
#[derive(Clone, Default)]
struct Seen {
    said: Arc<Mutex<Vec<String>>>,
    open: Arc<AtomicUsize>,
}

impl Seen {
    fn take(&self) -> Vec<String> {
        std::mem::take(&mut *self.said.lock().unwrap())
    }

    fn open(&self) -> usize {
        self.open.load(SeqCst)
    }
}

struct Text(String);

impl Visit for Text {
    fn record_debug(&mut self, field: &Field, value: &dyn std::fmt::Debug) {
        self.0.push_str(&format!("{}={value:?} ", field.name()));
    }
}

impl<S: Subscriber + for<'a> LookupSpan<'a>> Layer<S> for Seen {
    fn on_new_span(&self, span: &Attributes<'_>, id: &Id, layers: Layers<'_, S>) {
        assert!(span.is_root(), "no child is part of what it was started from");
        let mut text = Text(String::new());
        span.record(&mut text);
        layers.span(id).unwrap().extensions_mut().insert(text);
        self.open.fetch_add(1, SeqCst);
    }

    fn on_close(&self, _: Id, _: Layers<'_, S>) {
        self.open.fetch_sub(1, SeqCst);
    }

    fn on_event(&self, event: &Event<'_>, layers: Layers<'_, S>) {
        if event.metadata().target() != "own" {
            return;
        }
        let mut text = Text(String::new());
        event.record(&mut text);
        let span = layers.event_span(event);
        let span = span.map_or_else(|| "nowhere".to_owned(), |span| span.extensions().get::<Text>().unwrap().0.clone());
        self.said.lock().unwrap().push(format!("{}in {}", text.0, span.trim()));
    }
}

fn say(what: &str) {
    tracing::info!(target: "own", what);
}

/// Speaks when it is made, comes up, is sent something, and goes.
struct Speaker;

impl Server for Speaker {
    type Message = &'static str;

    async fn init(&mut self, cx: &mut Context<Self>) -> Result<Init, Failure> {
        say("init");
        cx.spawn(async { say("scope") });
        Ok(Init::Ready)
    }

    async fn handle(&mut self, message: &'static str, _cx: &mut Context<Self>) -> Result<Flow, Failure> {
        tokio::task::yield_now().await;
        say(message);
        Ok(Flow::Continue)
    }

    async fn terminate(&mut self, _: &ExitReason) {
        say("terminate");
    }
}

impl Drop for Speaker {
    fn drop(&mut self) {
        say("drop");
    }
}

fn speaker() -> ChildSpec<ServerRef<Speaker>> {
    ChildSpec::server(|| {
        say("factory");
        Speaker
    })
}

#[tokio::test(start_paused = true)]
async fn s10_2_all_that_a_child_says_is_within_the_span_of_its_incarnation() {
    let seen = Seen::default();
    let _guard = tracing::subscriber::set_default(Registry::default().with(seen.clone()));
    let mut spec = speaker().id("speaker");
    let server = spec.reference();
    let inner = Supervisor::new(Strategy::OneForOne).child(spec);
    let tree =
        Supervisor::new(Strategy::OneForOne).id("app").child(ChildSpec::supervisor(inner).id("inner")).start().await;
    let tree = tree.unwrap();
    server.try_cast("hello").unwrap();
    settle().await;
    let first = "in supervisor=app/inner child=speaker incarnation=1";
    let expect = |words: &[&str], span: &str| words.iter().map(|w| format!("what={w:?} {span}")).collect::<Vec<_>>();
    let mut said = seen.take();
    said.sort();
    assert_eq!(said, expect(&["factory", "hello", "init", "scope"], first));

    let inner = tree.find_child("inner").await.unwrap().unwrap().supervisor().unwrap();
    inner.kill_child("speaker").await.unwrap();
    settle().await;
    let mut said = seen.take();
    assert_eq!(said.remove(0), format!("what=\"drop\" {first}"), "also when it is aborted");
    let second = "in supervisor=app/inner child=speaker incarnation=2";
    assert_eq!(said, expect(&["factory", "init", "scope"], second));
    tree.stop().await;
    assert_eq!(seen.take(), expect(&["terminate", "drop"], second));
    say("outside");
    assert_eq!(seen.take(), ["what=\"outside\" in nowhere"]);
    assert_eq!(seen.open(), 0, "every span is closed");
}

#[tokio::test(start_paused = true)]
async fn s10_2_tasks_and_threads_have_spans_too() {
    let seen = Seen::default();
    let dispatch = tracing::Dispatch::new(Registry::default().with(seen.clone()));
    let _guard = tracing::dispatcher::set_default(&dispatch);
    let jobs = DynamicSupervisor::new().id("jobs").start().await.unwrap();
    let job: ChildRef =
        jobs.start_child(ChildSpec::task("job", |_| async { say("task") }).restart(Restart::Temporary)).await.unwrap();
    job.gone().await;
    assert_eq!(seen.take(), ["what=\"task\" in supervisor=jobs child=job incarnation=1"]);
    let thread = ChildSpec::blocking("thread", move |_| {
        let _guard = tracing::dispatcher::set_default(&dispatch);
        say("thread");
    });
    jobs.start_child(thread.restart(Restart::Temporary)).await.unwrap().gone().await;
    assert_eq!(seen.take(), ["what=\"thread\" in supervisor=jobs child=thread incarnation=1"]);
    jobs.stop().await;
}

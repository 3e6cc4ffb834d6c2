//! Section 9.1: the `tracing` events.

mod support;

use std::collections::BTreeMap;
use std::fmt;
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering::SeqCst;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use registry::{Failure, Member, Overflow, Process};
use support::registries;
use tracing::field::{Field, Visit};
use tracing::subscriber::{DefaultGuard, Interest};
use tracing::{Event, Id, Level, Metadata, Subscriber, span};

type Fields = BTreeMap<&'static str, String>;
type Notes = Arc<Mutex<Vec<(Level, Fields)>>>;

/// Notes the events of the registry up to a level, each with its level and its fields.
struct Noting {
    most: Level,
    notes: Notes,
    spans: AtomicU64,
}

/// Notes what this thread does until the guard is dropped.
fn noting(most: Level) -> (Notes, DefaultGuard) {
    let notes = Arc::new(Mutex::new(Vec::new()));
    let subscriber = Noting { most, notes: Arc::clone(&notes), spans: AtomicU64::new(1) };
    (notes, tracing::subscriber::set_default(subscriber))
}

impl Subscriber for Noting {
    fn register_callsite(&self, _: &'static Metadata<'static>) -> Interest {
        Interest::sometimes()
    }

    fn max_level_hint(&self) -> Option<tracing::level_filters::LevelFilter> {
        Some(self.most.into())
    }

    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        metadata.target().starts_with("registry") && *metadata.level() <= self.most
    }

    fn event(&self, event: &Event<'_>) {
        let mut fields = Taking(Fields::new());
        event.record(&mut fields);
        self.notes.lock().unwrap().push((*event.metadata().level(), fields.0));
    }

    fn new_span(&self, _: &span::Attributes<'_>) -> Id {
        Id::from_u64(self.spans.fetch_add(1, SeqCst))
    }

    fn record(&self, _: &Id, _: &span::Record<'_>) {}
    fn record_follows_from(&self, _: &Id, _: &Id) {}
    fn enter(&self, _: &Id) {}
    fn exit(&self, _: &Id) {}
}

struct Taking(Fields);

impl Visit for Taking {
    fn record_str(&mut self, field: &Field, value: &str) {
        self.0.insert(field.name(), value.to_owned());
    }

    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.0.insert(field.name(), format!("{value:?}"));
    }
}

/// The events of level TRACE, as one line each.
fn traced(notes: &Notes) -> Vec<String> {
    let notes = notes.lock().unwrap();
    let traced = notes.iter().filter(|(level, _)| *level == Level::TRACE).map(|(_, fields)| {
        let field = |name| fields.get(name).unwrap_or_else(|| panic!("no field {name}: {fields:?}"));
        format!("{} {}/{} {}", field("operation"), field("namespace"), field("service"), field("result"))
    });
    traced.collect()
}

#[tokio::test(start_paused = true)]
async fn s9_1_each_operation_is_a_trace_event_with_namespace_and_service() {
    for registry in registries() {
        let production = registry.namespace("production").unwrap();
        let (notes, tracing) = noting(Level::TRACE);
        let guard = production.register("key", 1_u32).unwrap();
        drop(production.register("key", 2_u32).unwrap_err());
        assert!(production.lookup::<u32>("key").is_ok());
        assert!(production.with("key", |_: &String| ()).is_err());
        assert!(production.whereis("absent").is_none());
        assert!(production.wait_for::<u32>("key", Duration::from_secs(1)).await.is_ok());
        assert!(production.wait_for::<u32>("absent", Duration::from_secs(1)).await.is_err());
        drop(guard);
        let process = Process::new();
        production.register_for(&process.reference(), "owned", 1_u32).unwrap();
        let verdict = production.health_check("owned").check(async |_: u32| Ok::<(), Failure>(())).await;
        assert!(verdict.is_healthy(), "{verdict:?}");
        drop(process);
        let _member = production.join_guard("group", 1_u32).unwrap();
        production.dispatch("group", |_: &Member<u32>| {}).unwrap();
        let topics = production.pubsub::<u32>();
        let _subscription = topics.subscribe("room:*", 1, Overflow::DropOldest).unwrap();
        topics.try_publish("room:7", 1).unwrap();
        drop(tracing);
        assert!(production.lookup::<u32>("nobody listens").is_err());
        assert_eq!(
            traced(&notes),
            [
                "register production/key registered",
                "register production/key taken",
                "lookup production/key found",
                "lookup production/key type_mismatch",
                "lookup production/absent not_found",
                "wait production/key found",
                "wait production/absent timeout",
                "unregister production/key unregistered",
                "register production/owned registered",
                "lookup production/owned found",
                "health production/owned healthy",
                "unregister production/owned unregistered",
                "join production/group joined",
                "dispatch production/group visited",
                "join production/room:* joined",
                "publish production/room:7 published",
            ]
        );
    }
}

#[test]
fn s9_1_registrations_and_refusals_are_debug_events_with_their_process() {
    for registry in registries() {
        let production = registry.namespace("production").unwrap();
        let (notes, _tracing) = noting(Level::DEBUG);
        let process = Process::new();
        production.register_for(&process.reference(), "key", 1_u32).unwrap();
        drop(production.register("key", 2_u32).unwrap_err());
        assert!(production.lookup::<u32>("key").is_ok());
        let expected = |fields: &[(&'static str, &str)]| {
            let fields = fields.iter().map(|&(name, value)| (name, value.to_owned()));
            (Level::DEBUG, fields.collect::<Fields>())
        };
        let id = process.id().to_string();
        assert_eq!(
            *notes.lock().unwrap(),
            [
                expected(&[
                    ("message", "registered"),
                    ("namespace", "production"),
                    ("service", "key"),
                    ("process", &id)
                ]),
                expected(&[
                    ("message", "registration refused"),
                    ("namespace", "production"),
                    ("service", "key"),
                    ("result", "taken")
                ]),
            ]
        );
    }
}

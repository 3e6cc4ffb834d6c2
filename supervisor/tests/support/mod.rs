//! What the tests share: a journal, and a server that does what it is told.
#![allow(dead_code, reason = "each test file uses a part of it")]

use std::sync::Arc;
use std::sync::Mutex;
use std::sync::atomic::AtomicU32;
use std::sync::atomic::Ordering::SeqCst;
use std::time::Duration;

use supervisor::{ChildSpec, Context, ExitReason, Failure, Flow, Init, Reply, Server, ServerRef};

pub(crate) const SECOND: Duration = Duration::from_secs(1);

/// What happened, in order.
#[derive(Clone, Default)]
pub(crate) struct Journal(Arc<Mutex<Vec<String>>>);

impl Journal {
    pub(crate) fn note(&self, entry: impl Into<String>) {
        self.0.lock().unwrap().push(entry.into());
    }

    /// Everything since the last look, separated by spaces.
    pub(crate) fn take(&self) -> String {
        std::mem::take(&mut *self.0.lock().unwrap()).join(" ")
    }
}

/// Notes `+name` when it comes up and `-name` when it terminates.
pub(crate) struct Probe {
    name: &'static str,
    journal: Journal,
    script: Script,
    replies: Vec<Reply<u32>>,
}

/// How the next incarnations begin. Shared by all of them.
#[derive(Clone, Default)]
pub(crate) struct Script {
    pub(crate) failures: Arc<AtomicU32>,
    pub(crate) ignores: Arc<AtomicU32>,
    pub(crate) panics: Arc<AtomicU32>,
    /// How many inits have begun.
    pub(crate) inits: Arc<AtomicU32>,
    pub(crate) init_time: Duration,
    /// How many inits take their time, when not all of them do.
    pub(crate) stalls: Arc<Mutex<Option<u32>>>,
    pub(crate) stop_time: Duration,
}

impl Script {
    pub(crate) fn fail(&self, times: u32) {
        self.failures.store(times, SeqCst);
    }

    pub(crate) fn panic(&self, times: u32) {
        self.panics.store(times, SeqCst);
    }

    /// Only the next inits take their time, this many of them.
    pub(crate) fn stall(&self, times: u32) {
        *self.stalls.lock().unwrap() = Some(times);
    }

    fn is_slow(&self) -> bool {
        match &mut *self.stalls.lock().unwrap() {
            None => true,
            Some(0) => false,
            Some(left) => {
                *left -= 1;
                true
            }
        }
    }

    pub(crate) fn ignore(&self, times: u32) {
        self.ignores.store(times, SeqCst);
    }
}

#[derive(Debug)]
pub(crate) enum Ask {
    /// Answers with the incarnation.
    Ping(Reply<u32>),
    Panic,
    Fail,
    Stop(ExitReason),
    /// Handles this for ever.
    Hang,
    /// Drops the reply and goes on.
    Forget(Reply<u32>),
    /// Drops the reply and fails.
    ForgetAndFail(Reply<u32>),
    /// Answers when the next `Answer` comes.
    Keep(Reply<u32>),
    Answer,
    Wait(Duration, Reply<u32>),
    CallYourself(Reply<Result<u32, supervisor::CallError>>),
}

impl Server for Probe {
    type Message = Ask;

    async fn init(&mut self, _cx: &mut Context<Self>) -> Result<Init, Failure> {
        self.script.inits.fetch_add(1, SeqCst);
        if self.script.is_slow() {
            tokio::time::sleep(self.script.init_time).await;
        }
        if take_one(&self.script.failures) {
            return Err("told to fail".into());
        }
        if take_one(&self.script.panics) {
            panic!("told to panic");
        }
        if take_one(&self.script.ignores) {
            return Ok(Init::Ignore);
        }
        self.journal.note(format!("+{}", self.name));
        Ok(Init::Ready)
    }

    async fn handle(&mut self, ask: Ask, cx: &mut Context<Self>) -> Result<Flow, Failure> {
        match ask {
            Ask::Ping(reply) => reply.send(cx.incarnation()),
            Ask::Panic => panic!("{} panicked", self.name),
            Ask::Fail => return Err("told to fail".into()),
            Ask::Stop(reason) => return Ok(Flow::Stop(reason)),
            Ask::Hang => std::future::pending().await,
            Ask::Forget(reply) => drop(reply),
            Ask::ForgetAndFail(reply) => {
                drop(reply);
                tokio::time::sleep(SECOND).await;
                return Err("told to fail".into());
            }
            Ask::Keep(reply) => self.replies.push(reply),
            Ask::Answer => self.replies.drain(..).for_each(|reply| reply.send(7)),
            Ask::Wait(time, reply) => {
                tokio::time::sleep(time).await;
                reply.send(cx.incarnation());
            }
            Ask::CallYourself(reply) => reply.send(cx.this().call(Ask::Ping).await),
        }
        Ok(Flow::Continue)
    }

    async fn terminate(&mut self, _reason: &ExitReason) {
        tokio::time::sleep(self.script.stop_time).await;
        self.journal.note(format!("-{}", self.name));
    }
}

fn take_one(left: &AtomicU32) -> bool {
    left.fetch_update(SeqCst, SeqCst, |left| left.checked_sub(1)).is_ok()
}

pub(crate) fn probe(name: &'static str, journal: &Journal) -> ChildSpec<ServerRef<Probe>> {
    scripted(name, journal, &Script::default())
}

pub(crate) fn scripted(name: &'static str, journal: &Journal, script: &Script) -> ChildSpec<ServerRef<Probe>> {
    let (journal, script) = (journal.clone(), script.clone());
    ChildSpec::server(move || Probe { name, journal: journal.clone(), script: script.clone(), replies: Vec::new() })
        .id(name)
}

/// Sends without an answer; the server is up and has room.
pub(crate) fn tell(server: &ServerRef<Probe>, ask: Ask) {
    server.try_cast(ask).expect("the server takes mail");
}

/// Writes down tracing events as text.
pub(crate) struct Collect(pub(crate) Arc<Mutex<Vec<String>>>);

impl tracing::Subscriber for Collect {
    fn enabled(&self, _: &tracing::Metadata<'_>) -> bool {
        true
    }

    fn new_span(&self, _: &tracing::span::Attributes<'_>) -> tracing::span::Id {
        tracing::span::Id::from_u64(1)
    }

    fn record(&self, _: &tracing::span::Id, _: &tracing::span::Record<'_>) {}

    fn record_follows_from(&self, _: &tracing::span::Id, _: &tracing::span::Id) {}

    fn event(&self, event: &tracing::Event<'_>) {
        struct Text(String);

        impl tracing::field::Visit for Text {
            fn record_debug(&mut self, field: &tracing::field::Field, value: &dyn std::fmt::Debug) {
                self.0.push_str(&format!(" {field}={value:?}"));
            }
        }

        let mut text = Text(event.metadata().level().to_string());
        event.record(&mut text);
        self.0.lock().unwrap().push(text.0);
    }

    fn enter(&self, _: &tracing::span::Id) {}

    fn exit(&self, _: &tracing::span::Id) {}
}

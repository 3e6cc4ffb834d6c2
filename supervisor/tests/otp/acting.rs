//! Workers that do what a scenario says, and write down what they do.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use supervisor::{ChildSpec, Context, ExitReason, Failure, Flow, Init, Server, ServerRef};

use super::scenario::{Outcome, Restart, Script, Shutdown, Stop, Why, Worker};

/// What the workers share.
#[derive(Clone, Default)]
pub(super) struct World(Arc<Mutex<Shared>>);

#[derive(Default)]
struct Shared {
    scripts: HashMap<String, VecDeque<Outcome>>,
    events: Vec<String>,
}

impl World {
    pub(super) fn script(&self, Script { id, outcomes }: &Script) {
        self.0.lock().unwrap().scripts.insert(id.clone(), outcomes.iter().copied().collect());
    }

    pub(super) fn forget_scripts(&self) {
        self.0.lock().unwrap().scripts.clear();
    }

    fn next(&self, id: &str) -> Outcome {
        let mut shared = self.0.lock().unwrap();
        let outcome = shared.scripts.get_mut(id).and_then(VecDeque::pop_front).unwrap_or(Outcome::Ok);
        let sign = match outcome {
            Outcome::Ok => '+',
            Outcome::Ignore => '?',
            Outcome::Fail | Outcome::Panic => '!',
        };
        shared.events.push(format!("{sign}{id}"));
        outcome
    }

    fn ended(&self, id: &str, reason: &str) {
        self.0.lock().unwrap().events.push(format!("-{id}:{reason}"));
    }

    pub(super) fn take(&self) -> String {
        std::mem::take(&mut self.0.lock().unwrap().events).join(" ")
    }
}

/// A worker that does what the scenario says.
pub(super) struct Acting {
    id: String,
    stop: Stop,
    world: World,
    up: bool,
    /// It ends by itself.
    leaving: bool,
    reason: Option<&'static str>,
}

impl Server for Acting {
    type Message = Why;

    async fn init(&mut self, _cx: &mut Context<Self>) -> Result<Init, Failure> {
        match self.world.next(&self.id) {
            Outcome::Ok => self.up = true,
            Outcome::Fail => return Err("failed".into()),
            Outcome::Panic => panic!("failed"),
            Outcome::Ignore => return Ok(Init::Ignore),
        }
        Ok(Init::Ready)
    }

    async fn handle(&mut self, why: Why, _cx: &mut Context<Self>) -> Result<Flow, Failure> {
        self.leaving = true;
        let reason = match why {
            Why::Crash => return Err("crash".into()),
            Why::Panic | Why::Kill => panic!("crash"),
            Why::Normal => ExitReason::Normal,
            Why::Shutdown => ExitReason::Shutdown,
            Why::ShutdownWith => ExitReason::shutdown_with("a reason"),
        };
        Ok(Flow::Stop(reason))
    }

    async fn terminate(&mut self, reason: &ExitReason) {
        match self.stop {
            Stop::Crash if !self.leaving => panic!("crash"),
            Stop::Stubborn if !self.leaving => std::future::pending().await,
            _ => self.reason = Some(class(reason)),
        }
    }
}

impl Drop for Acting {
    fn drop(&mut self) {
        if self.up {
            let unsaid = if std::thread::panicking() { "crash" } else { "killed" };
            self.world.ended(&self.id, self.reason.unwrap_or(unsaid));
        }
    }
}

pub(super) fn class(reason: &ExitReason) -> &'static str {
    match reason {
        ExitReason::Normal => "normal",
        ExitReason::Shutdown => "shutdown",
        ExitReason::ShutdownWith(_) => "shutdown_with",
        ExitReason::Killed | ExitReason::Timeout => "killed",
        _ => "crash",
    }
}

pub(super) fn worker(worker: &Worker, world: &World) -> ChildSpec<ServerRef<Acting>> {
    let (id, stop, world) = (worker.id.clone(), worker.stop, world.clone());
    let spec = ChildSpec::server(move || Acting {
        id: id.clone(),
        stop,
        world: world.clone(),
        up: false,
        leaving: false,
        reason: None,
    })
    .id(worker.id.clone())
    .restart(restart(worker.restart))
    .shutdown(shutdown(worker.shutdown));
    if worker.significant { spec.significant() } else { spec }
}

pub(super) fn restart(restart: Restart) -> supervisor::Restart {
    match restart {
        Restart::Permanent => supervisor::Restart::Permanent,
        Restart::Transient => supervisor::Restart::Transient,
        Restart::Temporary => supervisor::Restart::Temporary,
    }
}

fn shutdown(shutdown: Shutdown) -> supervisor::Shutdown {
    match shutdown {
        Shutdown::BrutalKill => supervisor::Shutdown::BrutalKill,
        Shutdown::Infinity => supervisor::Shutdown::Infinity,
        Shutdown::Millis(millis) => supervisor::Shutdown::Timeout(Duration::from_millis(millis)),
    }
}

//! Section 9.3: the root of a program, as a program of its own that gets real signals.

use std::io::{BufRead, BufReader, Read};
use std::os::linux::net::SocketAddrExt;
use std::os::unix::net::{SocketAddr, UnixDatagram};
use std::process::{Child, Command, ExitCode, Stdio};
use std::sync::atomic::AtomicBool;
use std::sync::atomic::Ordering::SeqCst;
use std::time::{Duration, Instant};

use supervisor::{ChildSpec, Restart, Run, Shutdown, Strategy, Supervisor};

/// Which program to be: set for the process that a test starts.
const ROLE: &str = "SUPERVISOR_TEST_ROLE";

/// Whether a thread is held.
static HELD: AtomicBool = AtomicBool::new(false);

/// Not a test: what the tests below start, and what returns at once for anyone else.
#[test]
fn program() {
    let Ok(role) = std::env::var(ROLE) else { return };
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    let code = runtime.block_on(play(&role));
    drop(runtime);
    // The code of `main` is not a test's to give: only `exit` can say it.
    let code = (0..=255).find(|&byte| format!("{:?}", ExitCode::from(byte)) == format!("{code:?}")).unwrap();
    std::process::exit(code.into());
}

async fn play(role: &str) -> ExitCode {
    let say = |what: &'static str| {
        ChildSpec::task(what, move |cx| async move {
            cx.stopped().await;
            println!("stopped {what}");
        })
    };
    let supervisor = Supervisor::new(Strategy::OneForOne).budget(0, Duration::from_secs(1));
    let supervisor = match role {
        "ordered" => supervisor.child(say("first")).child(say("second")),
        "slow" | "hesitant" => {
            supervisor.child(ChildSpec::task("slow", |_| std::future::pending::<()>()).shutdown(Shutdown::Infinity))
        }
        // A task that holds its thread for ever.
        "stuck" => {
            supervisor.child(ChildSpec::task("stuck", |_| async { hold_the_thread() }).shutdown(Shutdown::BrutalKill))
        }
        "nested" => supervisor.child(ChildSpec::supervisor(
            Supervisor::new(Strategy::OneForOne)
                .child(ChildSpec::blocking("stuck", |_| hold_the_thread()).shutdown(Shutdown::BrutalKill)),
        )),
        "meltdown" => supervisor.child(ChildSpec::task("fails", |_| async {
            tokio::time::sleep(Duration::from_millis(50)).await;
            Err::<(), _>("no")
        })),
        "hung" => supervisor,
        other => panic!("no role {other}"),
    };
    let tree = supervisor.grace(Duration::from_millis(100)).start().await.unwrap();
    println!("up");
    if role == "hung" {
        // The supervisor itself: it drops the spec of a child that has gone, and what is the user's in it.
        let holds = Holds;
        let gone = ChildSpec::task("gone", move |_| {
            let _ = &holds;
            tokio::time::sleep(Duration::from_millis(50))
        });
        tree.start_child(gone.restart(Restart::Temporary)).await.unwrap();
        // The thread that is held may be the one that had waited for timers: another one is woken to do that.
        let runtime = tokio::runtime::Handle::current();
        std::thread::spawn(move || {
            loop {
                std::thread::sleep(Duration::from_millis(10));
                drop(runtime.spawn(async {}));
            }
        });
    }
    // Aborted before it has begun, it would end like any other task.
    while role == "stuck" && !HELD.load(SeqCst) {
        tokio::task::yield_now().await;
    }
    match role {
        "slow" => Run::new(tree).deadline(Duration::from_millis(300)).run().await,
        _ => supervisor::run(tree).await,
    }
}

fn hold_the_thread() {
    HELD.store(true, SeqCst);
    loop {
        std::thread::sleep(Duration::from_secs(1));
    }
}

/// Holds the thread on which it is dropped.
struct Holds;

impl Drop for Holds {
    fn drop(&mut self) {
        println!("held");
        hold_the_thread();
    }
}

/// A program of its own, and the service manager that it tells how it is.
struct Program {
    process: Child,
    output: BufReader<std::process::ChildStdout>,
    manager: UnixDatagram,
}

impl Program {
    /// Starts it, and returns when it is ready: signals are handled from then on.
    fn start(test: &str, role: &str) -> Self {
        let name = format!("supervisor-{test}-{role}-{}", std::process::id());
        let address = SocketAddr::from_abstract_name(name.as_bytes()).unwrap();
        Self::start_with(UnixDatagram::bind_addr(&address).unwrap(), &format!("@{name}"), role, &[])
    }

    fn start_with(manager: UnixDatagram, address: &str, role: &str, env: &[(&str, &str)]) -> Self {
        manager.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
        let mut command = Command::new(std::env::current_exe().unwrap());
        command.args(["--exact", "program", "--nocapture", "--test-threads=1"]).env(ROLE, role);
        command.env_remove("WATCHDOG_USEC").env_remove("WATCHDOG_PID").env("NOTIFY_SOCKET", address);
        command.envs(env.iter().copied());
        let mut process = command.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
        let output = BufReader::new(process.stdout.take().unwrap());
        let mut program = Self { process, output, manager };
        program.read_until("up");
        assert_eq!(program.told(), "READY=1");
        program
    }

    /// What it tells the service manager next.
    fn told(&self) -> String {
        let mut state = [0; 64];
        let length = self.manager.recv(&mut state).unwrap();
        String::from_utf8_lossy(&state[..length]).into_owned()
    }

    fn read_until(&mut self, line: &str) {
        let mut read = String::new();
        while self.output.read_line(&mut read).unwrap() > 0 {
            if read.ends_with(&format!("{line}\n")) {
                return;
            }
        }
        panic!("no line `{line}` in `{read}`");
    }

    fn signal(&self, signal: &str) {
        let sent = Command::new("kill").args([signal, &self.process.id().to_string()]).status().unwrap();
        assert!(sent.success());
    }

    /// The exit code, and the rest of its output.
    fn end(mut self) -> (Option<i32>, String) {
        let mut rest = String::new();
        self.output.read_to_string(&mut rest).unwrap();
        (self.process.wait().unwrap().code(), rest)
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        // It has ended, unless the test failed.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

#[test]
fn s9_3_a_signal_stops_the_tree_in_order() {
    for signal in ["-TERM", "-INT"] {
        let program = Program::start(signal, "ordered");
        program.signal(signal);
        let (code, output) = program.end();
        assert_eq!(code, Some(0), "{output}");
        assert_eq!(output, "stopped second\nstopped first\n");
    }
}

#[test]
fn s9_3_a_second_signal_kills() {
    for (signal, expected) in [("-TERM", 143), ("-INT", 130)] {
        let program = Program::start(signal, "hesitant");
        program.signal("-TERM");
        assert_eq!(program.told(), "STOPPING=1", "the first one stops in order, which takes for ever");
        program.signal(signal);
        assert_eq!(program.end().0, Some(expected));
    }
}

#[test]
fn s9_3_the_stop_has_a_deadline() {
    let begun = Instant::now();
    let program = Program::start("deadline", "slow");
    program.signal("-TERM");
    assert_eq!(program.end().0, Some(2));
    assert!(begun.elapsed() < Duration::from_secs(10));
}

#[test]
fn s9_3_a_child_that_cannot_be_killed_does_not_keep_the_program() {
    for role in ["stuck", "nested"] {
        let program = Program::start("left", role);
        program.signal("-TERM");
        assert_eq!(program.end().0, Some(2), "{role}");
    }
}

#[test]
fn s9_3_a_meltdown_is_exit_code_1() {
    assert_eq!(Program::start("code", "meltdown").end().0, Some(1));
}

#[test]
fn s9_3_the_service_manager_is_told_ready_watchdog_and_stopping() {
    // A socket with a path; those of the other tests have abstract names.
    let path = std::env::temp_dir().join(format!("supervisor-watchdog-{}", std::process::id()));
    let manager = UnixDatagram::bind(&path).unwrap();
    let program = Program::start_with(manager, path.to_str().unwrap(), "ordered", &[("WATCHDOG_USEC", "20000")]);
    for _ in 0..3 {
        assert_eq!(program.told(), "WATCHDOG=1");
    }
    program.signal("-TERM");
    let last = std::iter::repeat_with(|| program.told()).find(|state| state != "WATCHDOG=1");
    assert_eq!(last.as_deref(), Some("STOPPING=1"));
    assert_eq!(program.end().0, Some(0));
    std::fs::remove_file(path).unwrap();
}

#[test]
fn s9_3_the_watchdog_hears_nothing_of_a_supervisor_that_hangs() {
    let name = format!("supervisor-hung-{}", std::process::id());
    let address = SocketAddr::from_abstract_name(name.as_bytes()).unwrap();
    let manager = UnixDatagram::bind_addr(&address).unwrap();
    let mut program = Program::start_with(manager, &format!("@{name}"), "hung", &[("WATCHDOG_USEC", "20000")]);
    program.read_until("held");
    program.manager.set_read_timeout(Some(Duration::from_millis(500))).unwrap();
    // What was told before is still there to be read; one more comes each 10 ms as long as the supervisor answers.
    let told = std::iter::repeat_with(|| program.manager.recv(&mut [0; 64])).take_while(Result::is_ok);
    assert!(told.take(1_000).count() < 1_000, "it is told to be alive");
}

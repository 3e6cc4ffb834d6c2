//! Section 8.1: servers that are state machines.

mod support;

use std::time::Duration;

use supervisor::testing::settle;
use supervisor::{
    CallError, ChildSpec, Context, Failure, Flow, Reply, Server, ServerRef, StateMachine, Strategy, Supervisor,
    SupervisorRef, Tree,
};
use tokio::time::sleep;

use support::{Journal, SECOND};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Busy,
    Free,
}

enum Message {
    Enter(State),
    /// Done when it is free, put off until then.
    Work(u32),
    /// The same, by somebody who waits for it.
    Ask(Reply<u32>),
    /// Puts this ahead, and enters.
    AheadAndEnter(u32, State),
    Note(u32),
    TimeoutAfter(Duration),
    Timeout,
    Cancel(Reply<bool>),
    /// Free without having entered it.
    Change,
    Postponed(Reply<usize>),
    Panic,
}

struct Worker {
    machine: StateMachine<State, Message>,
    journal: Journal,
}

impl Server for Worker {
    type Message = Message;

    async fn handle(&mut self, message: Message, cx: &mut Context<Self>) -> Result<Flow, Failure> {
        match (*self.machine.state(), message) {
            (before, Message::Enter(state)) => assert_eq!(self.machine.enter(state, cx), before),
            (_, Message::AheadAndEnter(n, state)) => {
                cx.handle_next(Message::Note(n));
                self.machine.enter(state, cx);
            }
            (State::Free, Message::Work(n)) | (_, Message::Note(n)) => self.journal.note(n.to_string()),
            (State::Free, Message::Ask(reply)) => reply.send(7),
            (State::Busy, message @ (Message::Work(_) | Message::Ask(_))) => {
                if self.machine.postpone(message).is_err() {
                    self.journal.note("full");
                }
            }
            (_, Message::TimeoutAfter(delay)) => self.machine.timeout(delay, Message::Timeout, cx),
            (state, Message::Timeout) => self.journal.note(format!("timeout:{state:?}")),
            (_, Message::Cancel(reply)) => reply.send(self.machine.cancel_timeout(cx)),
            (_, Message::Change) => *self.machine.state_mut() = State::Free,
            (_, Message::Postponed(reply)) => reply.send(self.machine.postponed()),
            (_, Message::Panic) => panic!("told to"),
        }
        Ok(Flow::Continue)
    }
}

async fn start(room: usize) -> (Tree<SupervisorRef>, ServerRef<Worker>, Journal) {
    let journal = Journal::default();
    let noted = journal.clone();
    let mut spec = ChildSpec::server(move || Worker {
        machine: StateMachine::new(State::Busy).max_postponed(room),
        journal: noted.clone(),
    });
    let server = spec.reference();
    (Supervisor::new(Strategy::OneForOne).child(spec).start().await.unwrap(), server, journal)
}

fn tell(server: &ServerRef<Worker>, messages: impl IntoIterator<Item = Message>) {
    for message in messages {
        assert!(server.try_cast(message).is_ok());
    }
}

#[tokio::test(start_paused = true)]
async fn s8_1_what_a_state_puts_off_is_handled_in_order_by_the_next_before_any_mail() {
    let (tree, server, journal) = start(9).await;
    tell(&server, [Message::Work(1), Message::Work(2), Message::Enter(State::Free), Message::Work(3)]);
    settle().await;
    assert_eq!(journal.take(), "1 2 3");
    tell(&server, [Message::Enter(State::Busy), Message::Work(4), Message::Enter(State::Busy), Message::Work(5)]);
    settle().await;
    assert_eq!(server.call(Message::Postponed).await, Ok(2), "put off once more, in the same order");
    tell(&server, [Message::AheadAndEnter(0, State::Free), Message::Work(6)]);
    settle().await;
    assert_eq!(journal.take(), "0 4 5 6", "behind what the server itself has put ahead");
    tree.stop().await;
}

#[tokio::test(start_paused = true)]
async fn s8_1_a_change_within_a_state_is_no_other_state() {
    let (tree, server, journal) = start(9).await;
    tell(&server, [Message::TimeoutAfter(SECOND), Message::Work(1), Message::Change, Message::Work(2)]);
    settle().await;
    assert_eq!(journal.take(), "2");
    sleep(SECOND).await;
    assert_eq!(journal.take(), "timeout:Free", "the timeout has gone on");
    tell(&server, [Message::Enter(State::Free)]);
    settle().await;
    assert_eq!(journal.take(), "1", "the same state, entered again");
    tree.stop().await;
}

#[tokio::test(start_paused = true)]
async fn s8_1_a_caller_that_is_put_off_is_answered_by_the_next_state_or_gives_up() {
    let (tree, server, _) = start(9).await;
    let ask = || {
        let server = server.clone();
        tokio::spawn(async move { server.call(Message::Ask).await })
    };
    assert_eq!(server.call(Message::Ask).await, Err(CallError::Timeout));
    let answered = ask();
    settle().await;
    tell(&server, [Message::Enter(State::Free)]);
    assert_eq!(answered.await.unwrap(), Ok(7));

    tell(&server, [Message::Enter(State::Busy)]);
    let died = ask();
    settle().await;
    tell(&server, [Message::Panic]);
    assert!(matches!(died.await.unwrap(), Err(CallError::Died(_))));
    settle().await;
    assert_eq!(server.call(Message::Postponed).await, Ok(0), "nothing is left to the next incarnation");
    tree.stop().await;
}

#[tokio::test(start_paused = true)]
async fn s8_1_no_more_is_put_off_than_there_is_room_for() {
    let (tree, server, journal) = start(2).await;
    tell(&server, (1..=4).map(Message::Work));
    settle().await;
    assert_eq!(journal.take(), "full full");
    tell(&server, [Message::Enter(State::Busy), Message::Work(3), Message::Enter(State::Free)]);
    settle().await;
    assert_eq!(journal.take(), "full 1 2");
    tree.stop().await;
}

#[tokio::test(start_paused = true)]
async fn s8_1_a_timeout_ends_with_its_state() {
    let (tree, server, journal) = start(9).await;
    tell(&server, [Message::TimeoutAfter(SECOND)]);
    sleep(SECOND + Duration::from_millis(1)).await;
    assert_eq!(journal.take(), "timeout:Busy");
    assert_eq!(server.call(Message::Cancel).await, Ok(false), "it has come");

    tell(&server, [Message::TimeoutAfter(SECOND), Message::Enter(State::Busy)]);
    sleep(SECOND * 2).await;
    assert_eq!(journal.take(), "", "cancelled, also by the same state entered again");

    tell(&server, [Message::TimeoutAfter(SECOND), Message::TimeoutAfter(SECOND * 3)]);
    sleep(SECOND * 2).await;
    assert_eq!(journal.take(), "", "another one is in its place");
    sleep(SECOND * 2).await;
    assert_eq!(journal.take(), "timeout:Busy");

    tell(&server, [Message::TimeoutAfter(SECOND)]);
    assert_eq!(server.call(Message::Cancel).await, Ok(true));
    assert_eq!(server.call(Message::Cancel).await, Ok(false));
    sleep(SECOND * 2).await;
    assert_eq!(journal.take(), "");
    tree.stop().await;
}

//! Section 8.2: what a call inherits from the call that it is made for.

mod support;

use std::time::Duration;

use supervisor::testing::settle;
use supervisor::{
    CallError, ChildSpec, Context, Failure, Flow, Reply, Server, ServerRef, Strategy, Supervisor, SupervisorRef, Tree,
};
use tokio::sync::oneshot;
use tokio::time::Instant;

use support::SECOND;

/// Passes a question on to the next of a line, the last of which answers.
struct Relay(Option<ServerRef<Relay>>);

/// How much time the last of the line has for its answer; `None` when nobody waits for one.
type Answer = Result<Option<Duration>, CallError>;

type Outcome = oneshot::Sender<Result<(), CallError>>;

enum Question {
    TimeLeft(Reply<Answer>),
    /// Passed on after this time only.
    After(Duration, Reply<Answer>),
    /// Asked by two calls at a time.
    Both(Reply<(Answer, Answer)>),
    Ping(Reply<()>),
    /// Asks the next to call back after two seconds, and gives it so much time.
    Wait(Duration, Outcome),
    CallBack(Outcome, Reply<()>),
    /// Nobody waits for an answer.
    Cast(oneshot::Sender<Answer>),
    Next(ServerRef<Relay>),
    Hang(Reply<()>),
}

impl Relay {
    async fn time_left(&self, cx: &Context<Self>) -> Answer {
        match &self.0 {
            Some(next) => cx.call(next, Question::TimeLeft).await?,
            None => Ok(cx.deadline().map(|deadline| deadline.duration_since(Instant::now()))),
        }
    }
}

impl Server for Relay {
    type Message = Question;

    async fn handle(&mut self, question: Question, cx: &mut Context<Self>) -> Result<Flow, Failure> {
        match question {
            Question::TimeLeft(reply) => reply.send(self.time_left(cx).await),
            Question::After(time, reply) => {
                tokio::time::sleep(time).await;
                reply.send(self.time_left(cx).await);
            }
            Question::Both(reply) => reply.send(tokio::join!(self.time_left(cx), self.time_left(cx))),
            Question::Ping(reply) => reply.send(()),
            Question::Wait(time, outcome) => {
                if let Some(next) = &self.0 {
                    let call = cx.call(next, |reply| Question::CallBack(outcome, reply));
                    let _ = tokio::time::timeout(time, call).await;
                }
            }
            Question::CallBack(outcome, reply) => {
                tokio::time::sleep(SECOND * 2).await;
                if let Some(next) = &self.0 {
                    let _ = outcome.send(cx.call(next, Question::Ping).await);
                }
                reply.send(());
            }
            Question::Cast(then) => {
                let _ = then.send(self.time_left(cx).await);
            }
            Question::Next(next) => self.0 = Some(next),
            Question::Hang(_reply) => std::future::pending().await,
        }
        Ok(Flow::Continue)
    }
}

/// A line of so many servers, the first first.
async fn line(length: usize) -> (Tree<SupervisorRef>, Vec<ServerRef<Relay>>) {
    let mut tree = Supervisor::new(Strategy::OneForOne);
    let mut servers: Vec<ServerRef<Relay>> = Vec::new();
    for n in 0..length {
        let next = servers.last().cloned();
        let mut spec = ChildSpec::server(move || Relay(next.clone())).id(format!("relay{n}"));
        servers.push(spec.reference());
        tree = tree.child(spec);
    }
    servers.reverse();
    (tree.start().await.unwrap(), servers)
}

/// Two servers that pass everything on to each other.
async fn circle(length: usize) -> (Tree<SupervisorRef>, Vec<ServerRef<Relay>>) {
    let (tree, servers) = line(length).await;
    assert!(servers[length - 1].try_cast(Question::Next(servers[0].clone())).is_ok());
    (tree, servers)
}

async fn hang(server: &ServerRef<Relay>) {
    let server = server.clone();
    tokio::spawn(async move { server.call(Question::Hang).await });
    settle().await;
}

#[tokio::test(start_paused = true)]
async fn s8_2_the_deadline_of_a_call_goes_along_the_line() {
    let (tree, servers) = line(3).await;
    let first = &servers[0];
    assert_eq!(first.call(Question::TimeLeft).await, Ok(Ok(Some(SECOND * 5))));
    assert_eq!(first.call_timeout(SECOND * 2, Question::TimeLeft).await, Ok(Ok(Some(SECOND * 2))));
    let late = first.call_timeout(SECOND * 3, |reply| Question::After(SECOND, reply)).await;
    assert_eq!(late, Ok(Ok(Some(SECOND * 2))), "what is left of it");
    let long = first.call_timeout(SECOND * 60, Question::TimeLeft).await;
    assert_eq!(long, Ok(Ok(Some(SECOND * 5))), "and never more than a call has by itself");
    tree.stop().await;
}

#[tokio::test(start_paused = true)]
async fn s8_2_a_nested_call_never_waits_longer_than_its_caller() {
    let (tree, servers) = line(2).await;
    hang(&servers[1]).await;
    let begun = Instant::now();
    assert_eq!(servers[0].call_timeout(SECOND, Question::TimeLeft).await, Err(CallError::Timeout));
    // The server in between is free again: its own call has ended with that of its caller.
    let next = servers[1].clone();
    servers[0].cast(Question::Next(next)).await.unwrap();
    settle().await;
    assert_eq!(servers[0].mailbox_len(), 0);
    assert!(begun.elapsed() < SECOND + Duration::from_millis(10), "{:?}", begun.elapsed());
    tree.stop().await;
}

#[tokio::test(start_paused = true)]
async fn s8_2_a_nested_call_whose_time_is_over_is_not_sent() {
    let (tree, servers) = line(2).await;
    let late = servers[0].call_timeout(SECOND, |reply| Question::After(SECOND * 2, reply)).await;
    assert_eq!(late, Err(CallError::Timeout));
    hang(&servers[1]).await;
    tokio::time::sleep(SECOND * 2).await;
    assert_eq!((servers[0].mailbox_len(), servers[1].mailbox_len()), (0, 0));
    tree.stop().await;
}

#[tokio::test(start_paused = true)]
async fn s8_2_what_is_cast_has_no_deadline() {
    let (tree, servers) = line(1).await;
    let (then, answer) = oneshot::channel();
    assert!(servers[0].try_cast(Question::Cast(then)).is_ok());
    assert_eq!(answer.await, Ok(Ok(None)));
    // What is called for it has the time of any call.
    let (tree_of_two, servers) = line(2).await;
    let (then, answer) = oneshot::channel();
    assert!(servers[0].try_cast(Question::Cast(then)).is_ok());
    assert_eq!(answer.await, Ok(Ok(Some(SECOND * 5))));
    tree.stop().await;
    tree_of_two.stop().await;
}

#[tokio::test(start_paused = true)]
async fn s8_2_a_circle_of_nested_calls_is_found_out_at_once() {
    for length in 1..=4 {
        let (tree, servers) = circle(length).await;
        let begun = Instant::now();
        assert_eq!(servers[0].call(Question::TimeLeft).await, Ok(Err(CallError::WouldDeadlock)), "{length}");
        let both = (Err(CallError::WouldDeadlock), Err(CallError::WouldDeadlock));
        assert_eq!(servers[0].call(Question::Both).await, Ok(both));
        // Nobody calls the first of them, so what is cast is found out as well.
        let (then, answer) = oneshot::channel();
        assert!(servers[0].try_cast(Question::Cast(then)).is_ok());
        assert_eq!(answer.await, Ok(Err(CallError::WouldDeadlock)));
        assert_eq!(begun.elapsed(), Duration::ZERO);
        tree.stop().await;
    }
}

#[tokio::test(start_paused = true)]
async fn s8_2_a_server_that_does_not_wait_any_more_can_be_called_back() {
    for (waits, expected) in [(SECOND * 3, Err(CallError::WouldDeadlock)), (SECOND, Ok(()))] {
        let (tree, servers) = circle(2).await;
        let (outcome, called_back) = oneshot::channel();
        assert!(servers[0].try_cast(Question::Wait(waits, outcome)).is_ok());
        assert_eq!(called_back.await, Ok(expected), "{waits:?}");
        tree.stop().await;
    }
}

//! Section 8.1: what a server does later: what is put ahead, timers, and replies that are kept.

mod support;

use std::time::Duration;

use supervisor::testing::settle;
use supervisor::{
    CallError, ChildSpec, Context, ExitReason, Failure, Flow, Reply, Server, ServerRef, Strategy, Supervisor,
    SupervisorRef, Tree,
};
use tokio::time::Instant;

use support::{Journal, SECOND};

struct Later(Journal);

enum Message {
    /// Answered by a task of the scope, a second later.
    Answer(Reply<u32>),
    /// Dropped by a task of the scope, a second later.
    Lose(Reply<u32>),
    /// Held by a task of the scope for ever.
    Hold(Reply<u32>),
    Ping(Reply<u32>),
    /// Noted, and put ahead again with one less.
    Again(u32),
    Mail,
    Every(Duration),
    Tick,
    Sleep(Duration),
}

impl Server for Later {
    type Message = Message;

    async fn handle(&mut self, message: Message, cx: &mut Context<Self>) -> Result<Flow, Failure> {
        match message {
            Message::Answer(reply) => drop(cx.spawn(async {
                tokio::time::sleep(SECOND).await;
                reply.send(7);
            })),
            Message::Lose(reply) => drop(cx.spawn(async {
                tokio::time::sleep(SECOND).await;
                drop(reply);
            })),
            Message::Hold(reply) => drop(cx.spawn(async {
                let _reply = reply;
                std::future::pending::<()>().await;
            })),
            Message::Ping(reply) => reply.send(cx.incarnation()),
            Message::Again(n) => {
                self.0.note(n.to_string());
                if n > 0 {
                    cx.handle_next(Message::Again(n - 1));
                }
            }
            Message::Mail => self.0.note("mail"),
            Message::Every(period) => drop(cx.send_interval(period, || Message::Tick)),
            Message::Tick => self.0.note("tick"),
            Message::Sleep(time) => tokio::time::sleep(time).await,
        }
        Ok(Flow::Continue)
    }
}

async fn start() -> (Tree<SupervisorRef>, ServerRef<Later>, Journal) {
    let journal = Journal::default();
    let mut spec = ChildSpec::server({
        let journal = journal.clone();
        move || Later(journal.clone())
    });
    let server = spec.reference();
    (Supervisor::new(Strategy::OneForOne).child(spec).start().await.unwrap(), server, journal)
}

#[tokio::test(start_paused = true)]
async fn s8_1_a_reply_can_be_sent_later_by_a_task_of_the_scope() {
    let (tree, server, _) = start().await;
    let begun = Instant::now();
    let (answer, lost, ping) =
        tokio::join!(server.call(Message::Answer), server.call(Message::Lose), server.call(Message::Ping));
    assert_eq!((answer, ping), (Ok(7), Ok(1)));
    assert_eq!(lost, Err(CallError::NoReply), "dropped by a server that goes on");
    assert_eq!(begun.elapsed().as_secs(), 1, "and told when it was");
    tree.stop().await;
}

#[tokio::test(start_paused = true)]
async fn s8_1_a_reply_that_is_kept_by_a_task_dies_with_the_incarnation() {
    let (tree, server, _) = start().await;
    let held = tokio::spawn({
        let server = server.clone();
        async move { server.call(Message::Hold).await }
    });
    settle().await;
    tree.kill_child("Later").await.unwrap();
    assert_eq!(held.await.unwrap(), Err(CallError::Died(ExitReason::Killed)));
    assert!(server.running().await);
    assert_eq!(server.call(Message::Ping).await, Ok(2));
    tree.stop().await;
}

#[tokio::test(start_paused = true)]
async fn s8_1_what_a_handler_puts_ahead_comes_before_the_mail_that_waits() {
    let (tree, server, journal) = start().await;
    for message in [Message::Again(3), Message::Mail, Message::Again(1), Message::Mail] {
        assert!(server.try_cast(message).is_ok());
    }
    settle().await;
    assert_eq!(journal.take(), "3 2 1 0 mail 1 0 mail");
    tree.stop().await;
}

#[tokio::test(start_paused = true)]
async fn s8_1_ticks_that_come_due_while_a_message_is_handled_are_one() {
    let (tree, server, journal) = start().await;
    assert!(server.try_cast(Message::Every(SECOND)).is_ok());
    assert!(server.try_cast(Message::Sleep(Duration::from_millis(3_500))).is_ok());
    tokio::time::sleep(Duration::from_millis(3_600)).await;
    assert_eq!(journal.take(), "tick");
    tokio::time::sleep(Duration::from_millis(300)).await;
    assert_eq!(journal.take(), "");
    tokio::time::sleep(Duration::from_millis(200)).await;
    assert_eq!(journal.take(), "tick", "four seconds after the start: the rhythm is kept");
    tree.stop().await;
}

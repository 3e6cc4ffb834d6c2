//! Nothing but tokio: a task that answers.

use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinHandle;

/// A way to the task, and the task.
pub(crate) struct Task {
    mailbox: mpsc::Sender<oneshot::Sender<u64>>,
    task: JoinHandle<()>,
}

/// A task that is known to have started.
pub(crate) async fn start() -> Task {
    let (sender, mut mailbox) = mpsc::channel::<oneshot::Sender<u64>>(1_024);
    let (up, started) = oneshot::channel();
    let task = tokio::spawn(async move {
        let _ = up.send(());
        while let Some(reply) = mailbox.recv().await {
            let _ = reply.send(1);
        }
    });
    let _ = started.await;
    Task { mailbox: sender, task }
}

pub(crate) async fn call(task: &Task) -> Option<u64> {
    let (reply, answer) = oneshot::channel();
    task.mailbox.send(reply).await.ok()?;
    answer.await.ok()
}

/// Ends tasks and waits until they have ended.
pub(crate) async fn stop(tasks: Vec<Task>) {
    let (mailboxes, tasks): (Vec<_>, Vec<_>) = tasks.into_iter().map(|task| (task.mailbox, task.task)).unzip();
    drop(mailboxes);
    for task in tasks {
        let _ = task.await;
    }
}

//! What one client is told of the workspace of the channel that it is in, and that its person is there.

use std::pin::Pin;
use std::time::Duration;

use registry::{RecvError, Subscription};
use tokio::time::{Instant, sleep_until};

use crate::domain::workspace::{Attendance, View, WorkspaceCode, WorkspaceEvent, Workspaces};
use crate::domain::{Body, Person, PersonId};
use crate::store::StoreError;

/// What comes within this time after something was told is told together at its end.
const TOGETHER: Duration = Duration::from_secs(1);

/// What is to be told.
pub(super) enum Around {
    /// The workspace, as it is now.
    Workspace(View),
    /// A member tells all who are there something.
    Said { by: Person, body: Body },
    /// The person does not belong to the workspace any more.
    Left,
    /// The program ends.
    Over,
}

type Doing = Pin<Box<dyn Future<Output = Result<Option<View>, StoreError>> + Send>>;

/// Listens, and asks no more than once a second. In a room that is no channel there is nothing to be told.
pub(super) struct Circle(Option<Inner>);

struct Inner {
    workspaces: Workspaces,
    workspace: WorkspaceCode,
    person: PersonId,
    attendance: Attendance,
    updates: Option<Subscription<WorkspaceEvent>>,
    /// Whether what the client knows of the workspace is not as it is now.
    stale: bool,
    not_before: Instant,
    doing: Option<Doing>,
}

impl Circle {
    /// Of whoever is here; it listens from now on, and tells of the workspace first.
    pub(super) fn new(workspaces: &Workspaces, workspace: Option<WorkspaceCode>, person: PersonId) -> Self {
        Self(workspace.map(|workspace| Inner {
            workspaces: workspaces.clone(),
            workspace,
            person,
            updates: workspaces.listen(workspace),
            attendance: workspaces.attend(workspace, person),
            stale: true,
            not_before: Instant::now(),
            doing: None,
        }))
    }

    /// The connection is still there.
    pub(super) fn here(&self) {
        self.0.iter().for_each(|inner| inner.attendance.here());
    }

    /// What is to be told next; pending as long as there is nothing.
    ///
    /// Cancel safe: what is being asked goes on at the next call.
    pub(super) async fn next(&mut self) -> Around {
        match &mut self.0 {
            Some(inner) => inner.next().await,
            None => std::future::pending().await,
        }
    }
}

impl Inner {
    async fn next(&mut self) -> Around {
        loop {
            if self.doing.is_none() && self.stale && Instant::now() >= self.not_before {
                self.begin();
                continue;
            }
            let Some(updates) = &mut self.updates else { return Around::Over };
            tokio::select! {
                update = updates.recv() => match update {
                    Ok(WorkspaceEvent::Left(person)) if person == self.person => return Around::Left,
                    Ok(WorkspaceEvent::Said { by, body }) => return Around::Said { by, body },
                    Ok(WorkspaceEvent::Opened(_)) => self.stale = true,
                    Ok(WorkspaceEvent::Started) => {
                        self.attendance.here();
                        // What was told just before the last process ended may have been missed.
                        self.stale = true;
                    }
                    Err(RecvError::Lagged(_)) => self.stale = true,
                    Ok(_) => {}
                    Err(_) => return Around::Over,
                },
                done = async { self.doing.as_mut().expect("it is there").await }, if self.doing.is_some() => {
                    self.doing = None;
                    match done {
                        Ok(Some(view)) => return Around::Workspace(view),
                        Ok(None) => return Around::Left,
                        Err(error) => {
                            tracing::warn!(workspace = %self.workspace, %error, "what it is like is not known now");
                            self.stale = true;
                        }
                    }
                }
                () = sleep_until(self.not_before), if self.doing.is_none() && self.stale => {}
            }
        }
    }

    fn begin(&mut self) {
        self.not_before = Instant::now() + TOGETHER;
        self.stale = false;
        let (workspaces, workspace, person) = (self.workspaces.clone(), self.workspace, self.person);
        self.doing = Some(Box::pin(async move {
            // If it does not come up, people talk all the same.
            let _ = workspaces.ensure_started(workspace).await;
            workspaces.view(workspace, person).await
        }));
    }
}

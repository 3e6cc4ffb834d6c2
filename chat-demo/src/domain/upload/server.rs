//! The process of the service: it gives out places, and starts the jobs.

use std::collections::HashMap;
use std::path::PathBuf;

use registry::{ExitReason, PubSub};
use supervisor::{Context, Failure, Flow, Init, Reply, Server};
use tokio::task::JoinHandle;

use super::files::Files;
use super::folder::{Published, Quarantine};
use super::job::{Step, Workshop};
use super::logic::{Bounds, Full, Load, Queue};
use super::{Stage, Statistics, TOPIC, UploadError, UploadEvent, UploadStatus};
use crate::domain::{FileId, FileName, PersonId};
use crate::telemetry;

/// What the service can be told.
#[derive(Debug)]
pub(crate) enum UploadMessage {
    /// Somebody wants to send a file; the answer says where its bytes go.
    Begin { id: FileId, person: PersonId, name: FileName, reply: Reply<Result<PathBuf, UploadError>> },
    /// All its bytes are there.
    Received { id: FileId, size: u64, reply: Reply<Result<Published, UploadError>> },
    /// It is given up: for this reason, or because whoever sent it wants it no more or is gone.
    Cancel { id: FileId, refused: Option<&'static str> },
    /// A job is so far.
    Step { id: FileId, step: Step },
    /// A job is over.
    Done { id: FileId, result: Result<Published, UploadError> },
    /// All that are not over.
    Jobs { reply: Reply<Vec<UploadStatus>> },
    /// What there is now, and what there was.
    Statistics { reply: Reply<Statistics> },
}

/// The server that is found as `uploads`.
#[derive(Debug)]
pub(crate) struct UploadServer {
    /// Before the jobs, so that it is clean when those who wait for them hear that it is over.
    quarantine: Option<Quarantine>,
    files: Files,
    workshop: Workshop,
    topics: PubSub<UploadEvent>,
    queue: Queue,
    jobs: HashMap<FileId, Job>,
    statistics: Statistics,
}

#[derive(Debug)]
struct Job {
    name: FileName,
    size: u64,
    stage: Stage,
    reply: Option<Reply<Result<Published, UploadError>>>,
    task: Option<JoinHandle<()>>,
}

impl UploadServer {
    pub(super) fn new(files: Files, workshop: Workshop, topics: PubSub<UploadEvent>, bounds: Bounds) -> Self {
        Self {
            files,
            workshop,
            topics,
            queue: Queue::new(bounds),
            jobs: HashMap::new(),
            quarantine: None,
            statistics: Statistics::default(),
        }
    }
}

impl Server for UploadServer {
    type Message = UploadMessage;

    async fn init(&mut self, cx: &mut Context<Self>) -> Result<Init, Failure> {
        let folder = self.files.folder().clone();
        self.quarantine = Some(tokio::task::spawn_blocking(move || folder.quarantine()).await??);
        cx.spawn(self.files.clone().sweep());
        self.count();
        tracing::info!("uploads are taken");
        Ok(Init::Ready)
    }

    async fn handle(&mut self, message: UploadMessage, cx: &mut Context<Self>) -> Result<Flow, Failure> {
        match message {
            UploadMessage::Begin { id, person, name, reply } => reply.send(self.begin(&id, person, name)),
            UploadMessage::Received { id, size, reply } => {
                match self.jobs.get_mut(&id).filter(|_| self.queue.received(&id, size)) {
                    Some(job) => {
                        (job.size, job.reply) = (size, Some(reply));
                        self.tell(&id, Stage::Waiting);
                        self.start(cx);
                    }
                    None => reply.send(Err(UploadError::Interrupted)),
                }
            }
            UploadMessage::Cancel { id, refused } => {
                if let Some(reason) = refused {
                    self.tell(&id, Stage::Refused(reason));
                }
                if let Some(task) = self.remove(&id).and_then(|job| job.task) {
                    task.abort();
                }
                self.start(cx);
            }
            UploadMessage::Step { id, step } => self.tell(&id, Stage::Step(step)),
            UploadMessage::Done { id, result } => {
                self.done(&id, result);
                self.start(cx);
            }
            UploadMessage::Jobs { reply } => {
                let status =
                    |(id, job): (&FileId, &Job)| UploadStatus { upload: id.clone(), size: job.size, stage: job.stage };
                reply.send(self.jobs.iter().map(status).collect());
            }
            UploadMessage::Statistics { reply } => {
                reply.send(Statistics { load: self.queue.load(), ..self.statistics });
            }
        }
        self.count();
        Ok(Flow::Continue)
    }

    async fn terminate(&mut self, _reason: &ExitReason) {
        self.quarantine = None;
    }
}

impl UploadServer {
    fn begin(&mut self, id: &FileId, person: PersonId, name: FileName) -> Result<PathBuf, UploadError> {
        let quarantine = self.quarantine.as_ref().ok_or(UploadError::Interrupted)?;
        self.queue.begin(id.clone(), person).map_err(|full| match full {
            Full::ForAll => UploadError::Busy,
            Full::ForPerson => UploadError::TooMany,
        })?;
        let place = quarantine.place(id);
        self.jobs.insert(id.clone(), Job { name, size: 0, stage: Stage::Receiving, reply: None, task: None });
        self.tell(id, Stage::Receiving);
        Ok(place)
    }

    /// Starts jobs for as long as there are places for them.
    fn start(&mut self, cx: &Context<Self>) {
        while let Some(id) = self.queue.start_next() {
            let (Some(job), Some(quarantine)) = (self.jobs.get_mut(&id), &self.quarantine) else { return };
            let (workshop, place, server) = (self.workshop.clone(), quarantine.place(&id), cx.this());
            let (name, size, lease) = (job.name.clone(), job.size, quarantine.lease().clone());
            job.task = Some(cx.spawn(async move {
                let step = |step| drop(server.try_cast(UploadMessage::Step { id: id.clone(), step }));
                let result = workshop.publish(place, name, size, &lease, step).await;
                // Refused only when the service is over, and the upload with it.
                let _ = server.cast(UploadMessage::Done { id, result }).await;
            }));
        }
    }

    fn done(&mut self, id: &FileId, result: Result<Published, UploadError>) {
        let stage = match &result {
            Ok(_) => Stage::Published,
            Err(error) => Stage::Refused(error.label()),
        };
        if !self.jobs.contains_key(id) {
            // It was cancelled, and what came of it is deleted.
            return;
        }
        self.tell(id, stage);
        if let Some(reply) = self.remove(id).and_then(|job| job.reply) {
            reply.send(result);
        }
    }

    fn remove(&mut self, id: &FileId) -> Option<Job> {
        self.queue.remove(id);
        let job = self.jobs.remove(id)?;
        let count = match job.stage {
            Stage::Published => &mut self.statistics.published,
            Stage::Refused(_) => &mut self.statistics.refused,
            _ => &mut self.statistics.cancelled,
        };
        *count += 1;
        telemetry::upload_ended(match job.stage {
            Stage::Published => "published",
            Stage::Refused(reason) => reason,
            _ => "cancelled",
        });
        if !matches!(job.stage, Stage::Published | Stage::Refused(_)) {
            self.publish(id, job.size, Stage::Cancelled);
        }
        Some(job)
    }

    fn tell(&mut self, id: &FileId, stage: Stage) {
        let Some(job) = self.jobs.get_mut(id) else { return };
        job.stage = stage;
        let size = job.size;
        self.publish(id, size, stage);
    }

    fn count(&self) {
        let Load { receiving, waiting, running } = self.queue.load();
        telemetry::uploads_in_progress(receiving, waiting, running);
    }

    fn publish(&self, upload: &FileId, size: u64, stage: Stage) {
        let event = UploadEvent { upload: upload.clone(), size, stage };
        if let Err(error) = self.topics.try_publish(TOPIC, event) {
            tracing::debug!(%error, "nobody hears of an upload");
        }
    }
}

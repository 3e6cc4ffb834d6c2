//! The service through the functions of its callers.

use std::path::Path;

use futures_util::poll;
use registry::ServiceRegistry;
use supervisor::{Strategy, Supervisor, SupervisorRef, Tree};
use tokio::net::TcpListener;
use tokio::time::timeout;

use super::*;
use crate::store::Store;

const PATIENCE: Duration = Duration::from_secs(20);

/// The service, and a scanner that takes every connection and never says anything.
struct Fixture {
    uploads: Uploads,
    events: Subscription<UploadEvent>,
    tree: Tree<SupervisorRef>,
    root: tempfile::TempDir,
    _namespace: registry::TestNamespace,
    _scanner: TcpListener,
}

async fn fixture(limits: Limits) -> Fixture {
    let root = tempfile::tempdir().unwrap();
    let namespace = ServiceRegistry::new().test_namespace();
    let scanner = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = ScannerAddress::Tcp(scanner.local_addr().unwrap().to_string());
    let folder = Folder::new(root.path().to_owned()).unwrap();
    let files = Files::new(folder, Store::new(namespace.clone()));
    let uploads = Uploads::new(namespace.clone(), files, Some(address), None, limits);
    let tree = Supervisor::new(Strategy::OneForOne).child(uploads.child_spec()).start().await.unwrap();
    let events = uploads.events(100).unwrap();
    Fixture { uploads, events, tree, root, _namespace: namespace, _scanner: scanner }
}

impl Fixture {
    async fn next(&mut self) -> UploadEvent {
        timeout(PATIENCE, self.events.recv()).await.expect("an event").unwrap()
    }

    async fn until(&mut self, wanted: Stage) -> UploadEvent {
        loop {
            let event = self.next().await;
            if event.stage == wanted {
                return event;
            }
        }
    }

    async fn begin(&self) -> Result<Upload, UploadError> {
        self.uploads.begin(PersonId(1), FileName::tidy("a.txt")).await
    }

    async fn load(&self) -> Load {
        self.uploads.statistics().await.unwrap().load
    }

    async fn stop(self) {
        self.tree.stop().await;
        let empty = |folder| std::fs::read_dir(Path::new(self.root.path()).join(folder)).unwrap().count() == 0;
        assert!(empty("published") && empty("quarantine"));
    }
}

#[tokio::test]
async fn who_goes_away_cancels_and_the_topic_tells_every_step() {
    let mut fixture = fixture(Limits { upload_jobs: 1, uploads: 2, ..Limits::default() }).await;
    let mut first = fixture.begin().await.unwrap();
    let second = fixture.begin().await.unwrap();
    assert_eq!(fixture.begin().await.unwrap_err(), UploadError::Busy);
    first.write(b"text").await.unwrap();
    let working = tokio::spawn(first.finish());
    for stage in [Stage::Receiving, Stage::Receiving, Stage::Waiting] {
        assert_eq!(fixture.next().await.stage, stage);
    }
    fixture.until(Stage::Step(Step::Scanning)).await;
    assert_eq!(fixture.load().await, Load { receiving: 1, waiting: 0, running: 1 });

    working.abort();
    fixture.until(Stage::Cancelled).await;
    drop(second);
    fixture.until(Stage::Cancelled).await;
    let statistics = fixture.uploads.statistics().await.unwrap();
    assert_eq!(statistics, Statistics { cancelled: 2, ..Statistics::default() });
    assert!(fixture.begin().await.is_ok(), "there is room again");
    fixture.stop().await;
}

#[tokio::test]
async fn five_are_worked_on_at_once_and_any_of_them_can_be_cancelled() {
    let mut fixture = fixture(Limits::default()).await;
    let mut working = tokio::task::JoinSet::new();
    for _ in 0..7 {
        let mut upload = fixture.begin().await.unwrap();
        upload.write(b"text").await.unwrap();
        working.spawn(upload.finish());
    }
    let (mut received, mut scanning) = (0, 0);
    while (received, scanning) != (7, 5) {
        let stage = fixture.next().await.stage;
        received += usize::from(stage == Stage::Waiting);
        scanning += usize::from(stage == Stage::Step(Step::Scanning));
    }
    let mut jobs = fixture.uploads.jobs().await.unwrap();
    let waiting = jobs.extract_if(.., |job| job.stage == Stage::Waiting).count();
    assert_eq!((jobs.len(), waiting), (5, 2));
    assert!(jobs.iter().all(|job| job.size == 4 && job.stage == Stage::Step(Step::Scanning)), "{jobs:?}");

    fixture.uploads.cancel(&jobs[0].upload).await.unwrap();
    assert_eq!(fixture.until(Stage::Cancelled).await.upload, jobs[0].upload);
    let ended = working.join_next().await.unwrap().unwrap();
    assert_eq!(ended.unwrap_err(), UploadError::Interrupted, "whoever waits for it is told");
    let next = fixture.until(Stage::Step(Step::Scanning)).await.upload;
    assert!(jobs.iter().all(|job| job.upload != next), "the next one has its place");
    assert_eq!(fixture.load().await, Load { receiving: 0, waiting: 1, running: 5 });
    fixture.uploads.cancel(&FileId::random()).await.unwrap();
    assert_eq!(fixture.load().await, Load { receiving: 0, waiting: 1, running: 5 }, "nobody knows that one");
    working.shutdown().await;
    fixture.stop().await;
}

#[tokio::test]
async fn what_cannot_be_received_is_told_as_refused() {
    let mut fixture = fixture(Limits { upload_bytes: 4, ..Limits::default() }).await;
    let mut upload = fixture.begin().await.unwrap();
    upload.write(b"text").await.unwrap();
    assert_eq!(upload.write(b"!").await, Err(UploadError::TooLarge { limit: 4 }));
    drop(upload);
    fixture.until(Stage::Refused("too_large")).await;
    assert_eq!(fixture.begin().await.unwrap().finish().await.unwrap_err(), UploadError::Empty);
    fixture.until(Stage::Refused("empty")).await;
    let statistics = fixture.uploads.statistics().await.unwrap();
    assert_eq!(statistics, Statistics { refused: 2, ..Statistics::default() });
    fixture.stop().await;
}

#[tokio::test]
async fn a_beginning_that_is_given_up_leaves_its_place() {
    let mut fixture = fixture(Limits::default()).await;
    for polls in 1..4 {
        let begin = fixture.begin();
        let mut begin = Box::pin(begin);
        for _ in 0..polls {
            if poll!(&mut begin).is_ready() {
                break;
            }
            tokio::task::yield_now().await;
        }
        drop(begin);
        fixture.until(Stage::Cancelled).await;
        assert_eq!(fixture.load().await, Load::default());
    }
    fixture.stop().await;
}

#[tokio::test(start_paused = true)]
async fn a_scanner_that_says_nothing_is_waited_for_a_minute_and_nothing_is_published() {
    let mut fixture = fixture(Limits::default()).await;
    let mut upload = fixture.begin().await.unwrap();
    upload.write(b"text").await.unwrap();
    let begun = tokio::time::Instant::now();
    assert_eq!(upload.finish().await.unwrap_err(), UploadError::NotScanned);
    assert!((60..62).contains(&begun.elapsed().as_secs()), "{:?}", begun.elapsed());
    fixture.until(Stage::Refused("not_scanned")).await;
    assert_eq!(fixture.load().await, Load::default());
    fixture.stop().await;
}

//! The service through the functions of its callers.

use registry::{Overflow, ServiceRegistry, Subscription};
use supervisor::{Strategy, Supervisor};
use tokio::net::TcpListener;

use super::*;

async fn until(events: &mut Subscription<UploadEvent>, wanted: Stage) {
    while events.recv().await.unwrap().stage != wanted {}
}

#[tokio::test]
async fn who_goes_away_cancels_and_the_topic_tells_every_step() {
    let root = tempfile::tempdir().unwrap();
    let namespace = ServiceRegistry::new().test_namespace();
    // It takes the connection, and never says anything.
    let scanner = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = ScannerAddress::Tcp(scanner.local_addr().unwrap().to_string());
    let limits = Limits { upload_jobs: 1, uploads: 2, ..Limits::default() };
    let folder = Folder::new(root.path().to_owned()).unwrap();
    let uploads = Uploads::new(namespace.clone(), folder, Some(address), None, limits);
    let tree = Supervisor::new(Strategy::OneForOne).child(uploads.child_spec()).start().await.unwrap();
    let mut events = namespace.pubsub::<UploadEvent>().subscribe(TOPIC, 100, Overflow::DropOldest).unwrap();

    let (person, name) = (PersonId(1), FileName::tidy("a.txt"));
    let mut first = uploads.begin(person, name.clone()).await.unwrap();
    let second = uploads.begin(person, name.clone()).await.unwrap();
    assert_eq!(uploads.begin(person, name.clone()).await.unwrap_err(), UploadError::Busy);
    first.write(b"text").await.unwrap();
    let working = tokio::spawn(first.finish());
    until(&mut events, Stage::Step(Step::Scanning)).await;
    let load = uploads.statistics().await.unwrap().load;
    assert_eq!(load, Load { receiving: 1, waiting: 0, running: 1 });

    working.abort();
    until(&mut events, Stage::Cancelled).await;
    drop(second);
    until(&mut events, Stage::Cancelled).await;
    let statistics = uploads.statistics().await.unwrap();
    assert_eq!(statistics, Statistics { cancelled: 2, ..Statistics::default() });
    assert!(uploads.begin(person, name).await.is_ok(), "there is room again");
    tree.stop().await;
    for folder in ["published", "quarantine"] {
        assert_eq!(std::fs::read_dir(root.path().join(folder)).unwrap().count(), 0, "{folder}");
    }
}

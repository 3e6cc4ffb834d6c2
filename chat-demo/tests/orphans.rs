//! Files between their publication and the storing of their message, when the program is killed in between: a file is kept if a message has
//! it, and only then, whoever else uses the folder.

mod support;

use std::path::{Path, PathBuf};
use std::time::Duration;

use support::binary::Running;
use support::files::{asked_to_scan, form, get, head, left, send};
use support::{PATIENCE, Visitor};
use tempfile::TempDir;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::timeout;

/// Waits for a state of the files: how many are published, and how many wait or are not settled.
async fn until_left(files: &Path, wanted: (usize, usize)) {
    let looking = async {
        while left(files) != wanted {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    timeout(PATIENCE, looking).await.unwrap_or_else(|_| panic!("{wanted:?} and not {:?}", left(files)));
}

/// Sends a file, and does not wait for the answer.
async fn begin_to_send(ada: &Visitor, code: &str, id: &str) -> TcpStream {
    let whole = form(id, "a.txt", b"text");
    let head = format!("{}host: {}\r\nconnection: close\r\n\r\n", head(ada, code, whole.len()), ada.address());
    let mut stream = TcpStream::connect(ada.address()).await.unwrap();
    stream.write_all(&[head.as_bytes(), &whole].concat()).await.unwrap();
    stream
}

/// In the place of a scanner: finds nothing in the next file.
async fn pass(scanner: &TcpListener) {
    let mut stream = asked_to_scan(scanner).await;
    let mut got = Vec::new();
    while !got.ends_with(&[0, 0, 0, 0]) {
        assert_ne!(stream.read_buf(&mut got).await.unwrap(), 0, "all of the file");
    }
    stream.write_all(b"stream: OK\0").await.unwrap();
}

/// What a program leaves that is killed before it knows whether a message of this database has the file.
fn leave_note(files: &Path, file: &str, database: &str) {
    let left = files.join("quarantine").join(file);
    std::fs::write(left.with_extension("lock"), "").unwrap();
    std::fs::create_dir(left.with_extension("notes")).unwrap();
    std::fs::write(left.with_extension("notes").join(format!("{file}.{database}")), "").unwrap();
}

/// Files that no message has, left by programs that were killed.
fn leave_orphans(files: &Path, database: &str) {
    for digit in 'a'..='f' {
        let file: String = std::iter::repeat_n(digit, 32).collect();
        std::fs::write(files.join("published").join(&file), "orphan").unwrap();
        leave_note(files, &file, database);
    }
}

/// The word by which the files of a database are told from those of others, and the file that a message came with.
fn known_to(database: &Path) -> (String, String) {
    let db = rusqlite::Connection::open(database).unwrap();
    let word = db.query_row("SELECT value FROM secrets WHERE name = 'files'", [], |row| row.get(0)).unwrap();
    let sql = "SELECT json_extract(attachment, '$.file') FROM messages WHERE attachment IS NOT NULL";
    (word, db.query_row(sql, [], |row| row.get(0)).unwrap())
}

async fn killed(mut running: Running) {
    running.signal("KILL");
    tokio::task::block_in_place(|| running.child.wait()).unwrap();
}

struct Folder {
    folder: TempDir,
}

impl Folder {
    fn new() -> Self {
        Self { folder: tempfile::tempdir().unwrap() }
    }

    fn database(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn files(&self) -> PathBuf {
        self.folder.path().join("files")
    }

    /// A program with this database, and the folder that all of them share.
    fn start(&self, database: &str, more: &[&str]) -> Running {
        let (path, files) = (self.database(database), self.files());
        let mut flags = vec!["--port", "0", "--files", files.to_str().unwrap()];
        match database {
            "memory" => flags.push("--memory"),
            _ => flags.extend(["--database", path.to_str().unwrap()]),
        }
        flags.extend(more);
        Running::start(&flags)
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_whose_message_was_not_stored_is_deleted_after_a_kill() {
    let folder = Folder::new();
    let scanner = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let clamd = scanner.local_addr().unwrap().to_string();
    let running = folder.start("chat.sqlite3", &["--clamd", &clamd]);
    let (mut ada, code) = running.founder("Ada").await;
    let _there = ada.join(&code, 0).await;
    let (sent, ()) = tokio::join!(send(&ada, &code, "file-0001", "a.txt", b"kept"), pass(&scanner));
    assert_eq!((sent.0, left(&folder.files())), (200, (1, 0)));

    let _asks = begin_to_send(&ada, &code, "file-0002").await;
    let mut stream = asked_to_scan(&scanner).await;
    let intruder = rusqlite::Connection::open(folder.database("chat.sqlite3")).unwrap();
    intruder.execute_batch("BEGIN IMMEDIATE").unwrap();
    stream.write_all(b"stream: OK\0").await.unwrap();
    until_left(&folder.files(), (2, 1)).await;
    killed(running).await;
    drop(intruder);

    let running = folder.start("chat.sqlite3", &[]);
    ada.move_to(&running.address);
    until_left(&folder.files(), (1, 0)).await;
    assert_eq!(get(&ada, &format!("/rooms/{code}/files/1")).await.body, b"kept");
    assert_eq!(send(&ada, &code, "file-0002", "a.txt", b"again").await.1["seq"], 2, "nothing was stored");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_whose_message_was_stored_stays_after_a_kill() {
    let folder = Folder::new();
    let mut running = folder.start("chat.sqlite3", &[]);
    let (mut ada, code) = running.founder("Ada").await;
    for n in 1..=5 {
        let _asks = begin_to_send(&ada, &code, &format!("file-{n:04}")).await;
        let database = rusqlite::Connection::open(folder.database("chat.sqlite3")).unwrap();
        let stored = || database.query_row("SELECT count(*) FROM messages", [], |row| row.get::<_, i64>(0)).unwrap();
        let looking = async {
            while stored() < n {
                tokio::task::yield_now().await;
            }
        };
        timeout(PATIENCE, looking).await.expect("it is stored");
        // Whether it was settled in this moment or not.
        killed(running).await;
        running = folder.start("chat.sqlite3", &[]);
        ada.move_to(&running.address);
        until_left(&folder.files(), (n as usize, 0)).await;
        assert_eq!(get(&ada, &format!("/rooms/{code}/files/{n}")).await.body, b"text");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn programs_with_other_databases_leave_each_others_files_alone() {
    let folder = Folder::new();
    let files = folder.files();
    let running = folder.start("one.sqlite3", &[]);
    let (mut ada, code) = running.founder("Ada").await;
    assert_eq!(send(&ada, &code, "file-0001", "a.txt", b"one").await.0, 200);
    killed(running).await;
    let (one, file) = known_to(&folder.database("one.sqlite3"));
    leave_note(&files, &file, &one);

    let two = folder.start("two.sqlite3", &[]);
    let (bob, room) = two.founder("Bob").await;
    assert_eq!(send(&bob, &room, "file-0001", "a.txt", b"two").await.0, 200);
    killed(two).await;
    leave_orphans(&files, &known_to(&folder.database("two.sqlite3")).0);
    assert_eq!(left(&files), (8, 7));
    let two = folder.start("two.sqlite3", &[]);
    let memory = folder.start("memory", &[]);
    let (cleo, third) = memory.founder("Cleo").await;
    assert_eq!(send(&cleo, &third, "file-0001", "a.txt", b"memory").await.0, 200);
    until_left(&files, (3, 1)).await;
    drop((two, memory));
    assert_eq!(left(&files), (3, 1), "the note of the first one waits for its own program");

    let running = folder.start("one.sqlite3", &[]);
    ada.move_to(&running.address);
    until_left(&files, (3, 0)).await;
    assert_eq!(get(&ada, &format!("/rooms/{code}/files/1")).await.body, b"one");
}

/// What stands still inside of the server, so that the program can be killed at a moment that is known.
#[cfg(feature = "postgres")]
mod in_postgres {
    use chat_demo::config::Limits;
    use support::postgres::Postgres;
    use support::{Server, wide};
    use tokio_postgres::{Client, NoTls};

    use super::*;

    struct Fixture {
        folder: Folder,
        url: String,
        db: Client,
        _server: Postgres,
    }

    /// Where the server stands still.
    const STORING: &str = "CREATE TRIGGER hold BEFORE INSERT ON messages FOR EACH ROW EXECUTE FUNCTION hold()";
    const COMMITTING: &str = "CREATE CONSTRAINT TRIGGER hold AFTER INSERT ON messages DEFERRABLE INITIALLY DEFERRED
        FOR EACH ROW EXECUTE FUNCTION hold()";
    const SETTLING: &str =
        "CREATE TRIGGER hold BEFORE INSERT ON files FOR EACH ROW WHEN (NOT NEW.used) EXECUTE FUNCTION hold()";

    async fn fixture() -> Option<Fixture> {
        let server = tokio::task::block_in_place(Postgres::start)?;
        let url = server.database();
        let (db, connection) = tokio_postgres::connect(&url, NoTls).await.unwrap();
        tokio::spawn(connection);
        db.batch_execute(
            "CREATE FUNCTION hold() RETURNS trigger LANGUAGE plpgsql AS
             $$ BEGIN PERFORM pg_advisory_xact_lock(7); RETURN NEW; END $$",
        )
        .await
        .unwrap();
        Some(Fixture { folder: Folder::new(), url, db, _server: server })
    }

    impl Fixture {
        fn flags(&self) -> [String; 4] {
            let files = self.folder.files().to_str().unwrap().to_owned();
            ["--files".into(), files, "--database-url".into(), self.url.clone()]
        }

        fn start(&self) -> Running {
            let flags = self.flags();
            let flags: Vec<&str> = ["--port", "0"].into_iter().chain(flags.iter().map(String::as_str)).collect();
            Running::start(&flags)
        }

        async fn server(&self, limits: Limits) -> Server {
            Server::with(limits, &self.flags().each_ref().map(String::as_str)).await
        }

        /// Lets it stand still there.
        async fn hold(&self, at: &str) {
            self.db.batch_execute(&format!("SELECT pg_advisory_lock(7); {at}")).await.unwrap();
        }

        async fn release(&self) {
            self.db.batch_execute("SELECT pg_advisory_unlock(7)").await.unwrap();
        }

        async fn count(&self, sql: &str) -> i64 {
            self.db.query_one(sql, &[]).await.unwrap().get(0)
        }

        async fn until(&self, sql: &str) {
            let looking = async {
                while self.count(sql).await == 0 {
                    tokio::time::sleep(Duration::from_millis(5)).await;
                }
            };
            timeout(PATIENCE, looking).await.unwrap_or_else(|_| panic!("never: {sql}"));
        }

        /// Until somebody stands still.
        async fn until_held(&self) {
            self.until("SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND NOT granted").await;
        }

        async fn let_pass(&self, table: &str) {
            self.release().await;
            self.db.batch_execute(&format!("DROP TRIGGER hold ON {table}")).await.unwrap();
        }
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn a_file_whose_message_was_not_stored_is_deleted_after_a_kill() {
        let Some(fixture) = fixture().await else { return };
        let files = fixture.folder.files();
        let running = fixture.start();
        let (mut ada, code) = running.founder("Ada").await;
        fixture.hold(STORING).await;
        let _asks = begin_to_send(&ada, &code, "file-0001").await;
        fixture.until_held().await;
        assert_eq!(left(&files), (1, 1));
        killed(running).await;
        let running = fixture.start();
        ada.move_to(&running.address);
        until_left(&files, (0, 0)).await;
        fixture.let_pass("messages").await;
        assert_eq!(send(&ada, &code, "file-0001", "a.txt", b"again").await.1["seq"], 1, "nothing was stored");
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn a_message_that_is_stored_after_its_program_was_killed_has_its_file() {
        let Some(fixture) = fixture().await else { return };
        let files = fixture.folder.files();
        let running = fixture.start();
        let (mut ada, code) = running.founder("Ada").await;
        fixture.hold(COMMITTING).await;
        let _asks = begin_to_send(&ada, &code, "file-0001").await;
        fixture.until_held().await;
        let held = std::time::Instant::now();
        killed(running).await;
        let running = fixture.start();
        ada.move_to(&running.address);
        fixture
            .until(
                "SELECT count(*) FROM pg_stat_activity
                 WHERE query LIKE 'INSERT INTO files%' AND wait_event = 'transactionid'",
            )
            .await;
        assert_eq!(left(&files), (1, 1), "nobody knows yet");
        let held = held.elapsed();
        fixture.let_pass("messages").await;
        // What takes the server more than ten seconds it gives up by itself.
        let stored = usize::try_from(fixture.count("SELECT count(*) FROM messages").await).unwrap();
        assert!(stored == 1 || held > Duration::from_secs(9), "{held:?}");
        until_left(&files, (stored, 0)).await;
        assert_eq!(get(&ada, &format!("/rooms/{code}/files/1")).await.status, if stored == 1 { 200 } else { 404 });
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn a_file_whose_message_was_stored_stays_after_a_kill() {
        let Some(fixture) = fixture().await else { return };
        let files = fixture.folder.files();
        let running = fixture.start();
        let (mut ada, code) = running.founder("Ada").await;
        fixture.hold(SETTLING).await;
        let _asks = begin_to_send(&ada, &code, "file-0001").await;
        fixture.until_held().await;
        assert_eq!((left(&files), fixture.count("SELECT count(*) FROM messages").await), ((1, 1), 1));
        killed(running).await;
        fixture.let_pass("files").await;
        let running = fixture.start();
        ada.move_to(&running.address);
        until_left(&files, (1, 0)).await;
        assert_eq!(get(&ada, &format!("/rooms/{code}/files/1")).await.body, b"text");
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn a_file_whose_message_was_deleted_goes_after_a_kill() {
        let Some(fixture) = fixture().await else { return };
        let files = fixture.folder.files();
        let running = fixture.start();
        let (ada, code) = running.founder("Ada").await;
        let mut socket = ada.join(&code, 0).await;
        for n in 1..=2 {
            assert_eq!(send(&ada, &code, &format!("file-{n:04}"), "a.txt", b"text").await.0, 200);
        }
        fixture.hold(SETTLING).await;
        socket.delete("gone-0001", 1).await;
        fixture.until_held().await;
        assert_eq!(left(&files), (2, 1));
        killed(running).await;
        fixture.let_pass("files").await;
        let _running = fixture.start();
        until_left(&files, (1, 0)).await;
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn whoever_hangs_up_while_a_message_is_deleted_leaves_no_file() {
        let Some(fixture) = fixture().await else { return };
        let files = fixture.folder.files();
        let running = fixture.start();
        let (ada, code) = running.founder("Ada").await;
        let mut socket = ada.join(&code, 0).await;
        assert_eq!(send(&ada, &code, "file-0001", "a.txt", b"text").await.0, 200);
        fixture.hold("CREATE TRIGGER hold BEFORE UPDATE ON messages FOR EACH ROW EXECUTE FUNCTION hold()").await;
        socket.delete("gone-0001", 1).await;
        fixture.until_held().await;
        drop(socket);
        let hanging_up =
            async { while !ada.get("/metrics").await.body.lines().any(|line| line == "chat_sockets 0") {} };
        timeout(PATIENCE, hanging_up).await.expect("nobody is there");
        fixture.let_pass("messages").await;
        until_left(&files, (0, 0)).await;
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn programs_that_share_a_database_leave_alone_what_is_being_stored() {
        let Some(fixture) = fixture().await else { return };
        let files = fixture.folder.files();
        let server = fixture.server(wide()).await;
        let (ada, code) = server.founder("Ada").await;
        assert_eq!(send(&ada, &code, "file-0001", "a.txt", b"text").await.0, 200);
        let row = fixture.db.query_one("SELECT value FROM secrets WHERE name = 'files'", &[]).await.unwrap();
        let database: String = row.get(0);
        fixture.hold(STORING).await;
        let mut asks = begin_to_send(&ada, &code, "file-0002").await;
        fixture.until_held().await;
        // Another program begins, and another incarnation of the service here.
        leave_orphans(&files, &database);
        let _other = fixture.start();
        until_left(&files, (2, 1)).await;
        leave_orphans(&files, &database);
        supervisor::testing::Chaos::of(server.app.tree(), 0).kill("uploads").unwrap();
        until_left(&files, (2, 1)).await;
        fixture.let_pass("messages").await;
        let mut answer = Vec::new();
        asks.read_to_end(&mut answer).await.unwrap();
        assert!(answer.starts_with(b"HTTP/1.1 200"), "{}", String::from_utf8_lossy(&answer));
        until_left(&files, (2, 0)).await;
        assert_eq!(get(&ada, &format!("/rooms/{code}/files/2")).await.body, b"text");
    }
}

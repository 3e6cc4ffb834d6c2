//! Files: sent as browsers do and as no browser would, looked at by a real scanner, and given out.

mod support;

use std::io::{Cursor, Write};

use chat_demo::config::Limits;
use chat_demo::domain::upload::{Stage, Step, UploadEvent};
use image::{ImageFormat, RgbImage};
use serde_json::Value;
use supervisor::testing::Chaos;
use support::clamd::{Clamd, eicar};
use support::files::{asked_to_scan, exchange, form, get, head, left, send};
use support::{PATIENCE, Server, program, wide};
use tempfile::TempDir;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::timeout;

/// A program whose files lie in a folder of the test.
async fn server(limits: Limits, clamd: Option<&str>) -> (Server, TempDir) {
    let folder = tempfile::tempdir().unwrap();
    let mut flags = vec!["--memory", "--health-period", "100ms", "--files", folder.path().to_str().unwrap()];
    flags.extend(clamd.iter().flat_map(|address| ["--clamd", *address]));
    (Server::with(limits, &flags).await, folder)
}

fn picture(format: ImageFormat) -> Vec<u8> {
    let mut bytes = Vec::new();
    let image = RgbImage::from_fn(960, 600, |x, y| image::Rgb([(x ^ y) as u8, x as u8, y as u8]));
    image.write_to(&mut Cursor::new(&mut bytes), format).unwrap();
    bytes
}

#[tokio::test(flavor = "multi_thread")]
async fn a_picture_is_shown_small_and_given_out_to_be_kept() {
    let (server, folder) = server(wide(), None).await;
    let (ada, code) = server.founder("Ada").await;
    let mut socket = ada.join(&code, 0).await;
    let png = picture(ImageFormat::Png);
    let (status, sent) = send(&ada, &code, "file-0001", "..\\\u{202e}lake 字.png", &png).await;
    assert_eq!((status, &sent["seq"]), (200, &Value::from(1)), "{sent}");
    assert_eq!(left(folder.path()), (2, 0));
    let told = socket.next_of("message").await;
    let file = serde_json::json!({
        "name": "lake 字.png", "media_type": "image/png", "size": png.len(), "thumbnail": [480, 300], "scanned": false,
    });
    assert_eq!(told["file"], file);

    let path = format!("/rooms/{code}/files/1");
    let kept = get(&ada, &path).await;
    assert!(kept.status == 200 && kept.body == png, "{}", kept.head);
    for header in [
        "content-type: image/png",
        "content-disposition: attachment; filename=\"lake _.png\"; filename*=UTF-8''lake%20%E5%AD%97.png",
        "content-security-policy: default-src 'none'; sandbox;",
        "x-content-type-options: nosniff",
    ] {
        assert!(kept.head.contains(header), "{header}\n{}", kept.head);
    }
    let small = get(&ada, &format!("{path}/thumbnail")).await;
    assert!(small.head.contains("content-type: image/jpeg") && small.head.contains("sandbox"), "{}", small.head);
    let small = image::load_from_memory_with_format(&small.body, ImageFormat::Jpeg).unwrap();
    assert_eq!((small.width(), small.height()), (480, 300));
    let page = ada.get(&format!("/rooms/{code}")).await.body;
    assert!(page.contains(&format!("src=\"{path}/thumbnail\"")) && page.contains("not scanned"), "{page}");

    // The same message, sent again, is the one that there is, and leaves no second file.
    let (status, again) = send(&ada, &code, "file-0001", "other.png", &png).await;
    assert_eq!((status, &again["seq"]), (200, &Value::from(1)));
    assert_eq!(left(folder.path()), (2, 0));

    assert_eq!(get(&server.stranger(), &path).await.status, 403, "whoever has no name");
    for wrong in
        ["/rooms/22222222/files/1", &format!("/rooms/{code}/files/2"), &format!("/rooms/{code}/files/2/thumbnail")]
    {
        assert_eq!(get(&ada, wrong).await.status, 404, "{wrong}");
    }
    socket.send(serde_json::json!({"type": "delete", "id": "gone-0001", "seq": 1})).await;
    socket.next_of("done").await;
    assert_eq!(get(&ada, &path).await.status, 404, "deleted with its message");
    assert_eq!(left(folder.path()), (0, 0));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_name_is_shown_as_its_sender_wrote_it() {
    let (server, _folder) = server(wide(), None).await;
    let (ada, code) = server.founder("Ada").await;
    let mut socket = ada.join(&code, 0).await;
    for (number, (in_the_form, shown)) in
        [("the %22lake%22.txt", "the \"lake\".txt"), ("one%0D%0Atwo 100%.txt", "one two 100%.txt")].iter().enumerate()
    {
        let (status, sent) = send(&ada, &code, &format!("file-000{number}"), in_the_form, b"text").await;
        assert_eq!(status, 200, "{sent}");
        assert_eq!(socket.next_of("message").await["file"]["name"], *shown, "{in_the_form}");
    }
    let kept = get(&ada, &format!("/rooms/{code}/files/1")).await;
    assert!(kept.head.contains("filename=\"the _lake_.txt\"; filename*=UTF-8''the%20%22lake%22.txt"), "{}", kept.head);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_refused_is_told_and_leaves_nothing() {
    let mut limits = wide();
    limits.upload_bytes = 3 << 20;
    let (server, folder) = server(limits, None).await;
    let (ada, code) = server.founder("Ada").await;
    let png = picture(ImageFormat::Png);
    let mut bomb = picture(ImageFormat::Png);
    bomb[16..24].copy_from_slice(&[0, 0, 0xc0, 0, 0, 0, 0xc0, 0]);
    let crc = !bomb[12..29].iter().fold(!0u32, |crc, &byte| {
        (0..8).fold(crc ^ u32::from(byte), |crc, _| (crc >> 1) ^ (0xedb8_8320 & (crc & 1).wrapping_neg()))
    });
    bomb[29..33].copy_from_slice(&crc.to_be_bytes());
    for (name, bytes, status, why) in [
        ("large.bin", vec![0; (3 << 20) + 1], 413, "A file can have 3 MB."),
        ("far-too-large.bin", vec![0; 9 << 20], 413, "A file can have 3 MB."),
        ("empty.txt", vec![], 422, "The file is empty."),
        ("page.png", b"<html><script>alert(1)</script></html>".to_vec(), 422, "not what its name says"),
        ("cut.png", png[..png.len() / 2].to_vec(), 422, "damaged or cut off"),
        ("bomb.png", bomb, 422, "too many pixels"),
    ] {
        let (found, told) = send(&ada, &code, "file-0001", name, &bytes).await;
        assert_eq!(found, status, "{name}: {told}");
        assert!(told["text"].as_str().unwrap().contains(why), "{name}: {told}");
        assert_eq!(left(folder.path()), (0, 0), "{name}");
    }
    let whole = form("file-0001", "a.txt", b"text");
    for (what, sent) in [("the end is missing", &whole[..whole.len() - 20]), ("no id", &whole[60..])] {
        let reply = exchange(&server.address(), &head(&ada, &code, sent.len()), sent).await;
        assert_eq!(reply.status, 400, "{what}");
        assert_eq!(left(folder.path()), (0, 0), "{what}");
    }
    let evil = head(&ada, &code, whole.len()).replace(&ada.origin(), "http://evil.example");
    assert_eq!(exchange(&server.address(), &evil, &whole).await.status, 403, "another site");
    assert_eq!(send(&server.stranger(), &code, "file-0001", "a.txt", b"text").await.0, 403);
    assert_eq!(send(&ada, "22222222", "file-0001", "a.txt", b"text").await.0, 404);
    let rooms = server.app.rooms();
    let entry = rooms.enter(code.parse().unwrap(), None).await.unwrap();
    assert!(rooms.history(&entry, chat_demo::store::Page::Latest { limit: 9 }).await.unwrap().is_empty());
    // After all of that, whoever sends a good one is served.
    assert_eq!(send(&ada, &code, "file-0001", "a.txt", b"text").await.0, 200);
    assert_eq!(left(folder.path()), (1, 0));
}

/// What is one thing by its name or its beginning and another by the rest of it.
#[tokio::test(flavor = "multi_thread")]
async fn what_lies_about_itself_is_refused() {
    let (server, folder) = server(wide(), None).await;
    let (ada, code) = server.founder("Ada").await;
    let archive = zip("a.txt", b"text");
    let behind = |head: &[u8]| [head, &*archive].concat();
    for (name, bytes, reason) in [
        ("invoice.pdf", b"MZ\x90\0".to_vec(), "lie"),
        ("film.mp4", b"#EXTM3U\n#EXTINF:1,\nfile:///etc/passwd\n".to_vec(), "lie"),
        ("report.docx", b"<html><script>alert(1)</script></html>".to_vec(), "lie"),
        ("photo.gif", b"GIF89a=0;alert(1)".to_vec(), "too_many_pixels"),
        ("photo.png", behind(&picture(ImageFormat::Png)), "polyglot"),
        ("photo.jpg", behind(&picture(ImageFormat::Jpeg)), "polyglot"),
        ("paper.pdf", behind(b"%PDF-1.7\n%%EOF\n"), "polyglot"),
    ] {
        let (status, told) = send(&ada, &code, "file-0001", name, &bytes).await;
        assert_eq!((status, &told["reason"]), (422, &reason.into()), "{name}: {told}");
        assert_eq!(left(folder.path()), (0, 0), "{name}");
    }
    // What a picture says besides what it shows is given out with it, and is not in what is shown.
    let mut talkative = picture(ImageFormat::Jpeg);
    let comment = b"<script>alert(1)</script>";
    talkative.splice(2..2, [&[0xff, 0xfe, 0, 2 + comment.len() as u8], &comment[..]].concat());
    assert_eq!(send(&ada, &code, "file-0001", "photo.jpg", &talkative).await.0, 200);
    let path = format!("/rooms/{code}/files/1");
    assert_eq!(get(&ada, &path).await.body, talkative);
    let shown = get(&ada, &format!("{path}/thumbnail")).await.body;
    assert!(!shown.windows(comment.len()).any(|bytes| bytes == comment));
}

#[tokio::test(flavor = "multi_thread")]
async fn archives_that_become_too_much_are_refused() {
    let (server, folder) = server(wide(), None).await;
    let (ada, code) = server.founder("Ada").await;
    let bomb = overlapping(1 << 20, 600);
    assert!(bomb.len() < 100_000, "{} bytes", bomb.len());
    for (name, bytes) in [("bomb.zip", bomb.clone()), ("setup.run", [b"#!/bin/sh\n", &*bomb].concat())] {
        let (status, told) = send(&ada, &code, "file-0001", name, &bytes).await;
        assert_eq!((status, &told["reason"]), (422, &"bomb".into()), "{name}: {told}");
        assert!(told["text"].as_str().unwrap().contains("at most 512 MB and 10000 files"), "{told}");
        assert_eq!(left(folder.path()), (0, 0), "{name}");
    }
    assert_eq!(send(&ada, &code, "file-0002", "large.zip", &overlapping(1 << 20, 500)).await.0, 200);
    let cut = &zip("a.txt", b"text")[..40];
    let (status, told) = send(&ada, &code, "file-0003", "cut.zip", cut).await;
    assert_eq!((status, &told["reason"]), (422, &"damaged".into()), "{told}");
}

/// A yes of a scanner that has not seen everything is none.
#[tokio::test(flavor = "multi_thread")]
async fn what_the_scanner_cannot_see_is_refused() {
    let more = "AlertExceedsMax yes\nMaxScanSize 1M\nMaxFileSize 1M\n";
    let Some(clamd) = tokio::task::block_in_place(|| Clamd::with(more)) else { return };
    let (server, folder) = server(wide(), Some(clamd.socket().to_str().unwrap())).await;
    let (ada, code) = server.founder("Ada").await;
    let mut locked = zip("a.txt", b"text");
    let directory = locked.windows(4).position(|bytes| bytes == b"PK\x01\x02").unwrap();
    locked[6] |= 1;
    locked[directory + 8] |= 1;
    let large = zip("large.bin", &vec![7; 2 << 20]);
    for (name, bytes, reason) in [("locked.zip", &locked, "locked"), ("large.zip", &large, "bomb")] {
        let (status, told) = send(&ada, &code, "file-0001", name, bytes).await;
        assert_eq!((status, &told["reason"]), (422, &reason.into()), "{name}: {told}");
        assert_eq!(left(folder.path()), (0, 0), "{name}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_film_is_shown_as_a_picture_if_ffmpeg_is_there() {
    let Some(ffmpeg) = program::find(&["ffmpeg"]) else { return };
    let folder = tempfile::tempdir().unwrap();
    let film = |name: &str, codec: &str| {
        let path = folder.path().join(name);
        let mut command = std::process::Command::new(&ffmpeg);
        command.args(["-v", "error", "-f", "lavfi", "-i", "testsrc=size=640x360:rate=10:duration=1", "-c:v", codec]);
        tokio::task::block_in_place(|| program::run(command.arg(&path)));
        std::fs::read(path).unwrap()
    };
    let (mp4, mkv) = (film("a.mp4", "mpeg4"), film("a.mkv", "mpeg4"));
    let (server, files) = server(wide(), None).await;
    let (ada, code) = server.founder("Ada").await;
    let mut socket = ada.join(&code, 0).await;
    for (n, (name, bytes)) in [("a.mp4", &mp4), ("a.mov", &mp4), ("a.mkv", &mkv)].into_iter().enumerate() {
        let (status, told) = send(&ada, &code, &format!("film-{n:04}"), name, bytes).await;
        assert_eq!(status, 200, "{name}: {told}");
        assert_eq!(socket.next_of("message").await["file"]["thumbnail"], serde_json::json!([480, 270]), "{name}");
        let small = get(&ada, &format!("/rooms/{code}/files/{}/thumbnail", n + 1)).await;
        let small = image::load_from_memory_with_format(&small.body, ImageFormat::Jpeg).unwrap();
        assert_eq!((small.width(), small.height()), (480, 270), "{name}");
    }
    // A film that nobody understands is a file like any other.
    let (status, _) = send(&ada, &code, "film-0009", "cut.mp4", &mp4[..200]).await;
    assert_eq!(status, 200);
    assert_eq!(socket.next_of("message").await["file"].get("thumbnail"), None);
    assert_eq!(left(files.path()), (7, 0));
}

#[tokio::test(flavor = "multi_thread")]
async fn files_are_said_no_faster_than_messages() {
    let mut limits = wide();
    (limits.person_burst, limits.person_posts_per_second) = (1, 0.001);
    let (server, folder) = server(limits, None).await;
    let (ada, code) = server.founder("Ada").await;
    assert_eq!(send(&ada, &code, "file-0001", "a.txt", b"text").await.0, 200);
    let (status, told) = send(&ada, &code, "file-0002", "a.txt", b"text").await;
    assert_eq!((status, &told["reason"]), (429, &Value::from("rate")), "{told}");
    assert_eq!(left(folder.path()), (1, 0));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_scanner_finds_what_is_harmful_and_nothing_passes_without_it() {
    let Some(mut clamd) = tokio::task::block_in_place(Clamd::start) else { return };
    let (server, folder) = server(wide(), Some(clamd.socket().to_str().unwrap())).await;
    let (ada, code) = server.founder("Ada").await;
    for (name, bytes) in [("plain.txt", eicar()), ("packed.zip", zip("eicar.txt", &eicar()))] {
        let (status, told) = send(&ada, &code, "file-0001", name, &bytes).await;
        assert_eq!((status, &told["reason"]), (422, &Value::from("infected")), "{name}: {told}");
        assert_eq!(left(folder.path()), (0, 0), "{name}");
    }
    let mut socket = ada.join(&code, 0).await;
    for (n, bytes) in [b"harmless".to_vec(), vec![7; 20 << 20]].into_iter().enumerate() {
        let (status, told) = send(&ada, &code, &format!("good-{n:04}"), "good.bin", &bytes).await;
        assert_eq!(status, 200, "{told}");
        assert_eq!(socket.next_of("message").await["file"]["scanned"], true);
    }
    health(&server, "healthy").await;

    tokio::task::block_in_place(|| clamd.crash());
    let (status, told) = send(&ada, &code, "file-0002", "good.txt", b"harmless").await;
    assert_eq!((status, &told["reason"]), (503, &Value::from("not_scanned")), "{told}");
    assert_eq!(left(folder.path()), (2, 0));
    health(&server, "degraded").await;
}

/// Waits until the monitors say so.
async fn health(server: &Server, wanted: &str) {
    let asked = async {
        loop {
            let answer: Value = serde_json::from_str(&server.stranger().get("/healthz").await.body).unwrap();
            if answer["status"] == wanted {
                return;
            }
            tokio::time::sleep(std::time::Duration::from_millis(50)).await;
        }
    };
    timeout(PATIENCE, asked).await.unwrap_or_else(|_| panic!("it never became {wanted}"));
}

#[tokio::test(flavor = "multi_thread")]
async fn hanging_up_cancels() {
    // It takes every connection, and says nothing.
    let scanner = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let (server, folder) = server(wide(), Some(&scanner.local_addr().unwrap().to_string())).await;
    let (ada, code) = server.founder("Ada").await;
    let mut events = server.app.uploads().events(100).unwrap();
    let until = async |events: &mut registry::Subscription<UploadEvent>, wanted: Stage| {
        let waiting = async { while events.recv().await.unwrap().stage != wanted {} };
        timeout(PATIENCE, waiting).await.unwrap_or_else(|_| panic!("it never became {wanted:?}"));
    };
    let whole = form("file-0001", "a.txt", &[b'a'; 1000]);
    let head = format!("{}host: {}\r\n\r\n", head(&ada, &code, whole.len()), server.address());
    for (sent, stage) in [(whole.len() - 20, Stage::Receiving), (whole.len(), Stage::Step(Step::Scanning))] {
        let mut stream = TcpStream::connect(server.address()).await.unwrap();
        stream.write_all(&[head.as_bytes(), &whole[..sent]].concat()).await.unwrap();
        until(&mut events, stage).await;
        drop(stream);
        until(&mut events, Stage::Cancelled).await;
        assert!(server.app.uploads().jobs().await.unwrap().is_empty());
    }
    assert_eq!(left(folder.path()), (0, 0));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_service_that_is_killed_in_the_middle_of_a_job_publishes_nothing() {
    let scanner = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = scanner.local_addr().unwrap().to_string();
    let (server, folder) = server(wide(), Some(&address)).await;
    let (ada, code) = server.founder("Ada").await;
    let killing = async {
        let stream = asked_to_scan(&scanner).await;
        assert_eq!(left(folder.path()), (0, 1), "it is in quarantine");
        Chaos::of(server.app.tree(), 0).kill("uploads").unwrap();
        stream
    };
    let bytes = vec![7; 100_000];
    let (sent, mut stream) = tokio::join!(send(&ada, &code, "file-0001", "a.bin", &bytes), killing);
    assert_eq!((sent.0, &sent.1["reason"]), (503, &Value::from("interrupted")), "{}", sent.1);
    assert_eq!(left(folder.path()), (0, 0), "the quarantine is clean");
    // Late words of the scanner change nothing.
    let _ = stream.write_all(b"stream: OK\0").await;

    let answering = async {
        let mut stream = asked_to_scan(&scanner).await;
        let mut got = Vec::new();
        while !got.ends_with(&[7, 0, 0, 0, 0]) {
            stream.read_buf(&mut got).await.unwrap();
        }
        stream.write_all(b"stream: OK\0").await.unwrap();
    };
    let (sent, ()) = tokio::join!(send(&ada, &code, "file-0001", "a.bin", &bytes), answering);
    assert_eq!(sent.0, 200, "the next incarnation takes it: {}", sent.1);
    assert_eq!(left(folder.path()), (1, 0));
}

/// An archive of `count` files that are all the same bytes of it: `length` zeros, compressed.
fn overlapping(length: usize, count: u16) -> Vec<u8> {
    let mut deflate = flate2::write::DeflateEncoder::new(Vec::new(), flate2::Compression::best());
    deflate.write_all(&vec![0; length]).unwrap();
    let packed = deflate.finish().unwrap();
    let mut crc = flate2::Crc::new();
    crc.update(&vec![0; length]);
    let mut entry = vec![20, 0, 0, 0, 8, 0, 0, 0, 0, 0];
    entry.extend(crc.sum().to_le_bytes());
    entry.extend(u32::try_from(packed.len()).unwrap().to_le_bytes());
    entry.extend(u32::try_from(length).unwrap().to_le_bytes());
    entry.extend([5, 0, 0, 0]);
    let mut zip = [b"PK\x03\x04", &*entry, b"00000", &packed].concat();
    let directory = u32::try_from(zip.len()).unwrap();
    for n in 0..count {
        zip.extend([b"PK\x01\x02\x14\0", &*entry, &[0; 14], format!("{n:05}").as_bytes()].concat());
    }
    let length = u32::try_from(zip.len()).unwrap() - directory;
    zip.extend(b"PK\x05\x06\0\0\0\0");
    zip.extend(count.to_le_bytes());
    zip.extend(count.to_le_bytes());
    zip.extend(length.to_le_bytes());
    zip.extend(directory.to_le_bytes());
    zip.extend([0, 0]);
    zip
}

/// An archive of one file, not compressed.
fn zip(name: &str, bytes: &[u8]) -> Vec<u8> {
    let crc = !bytes.iter().fold(!0u32, |crc, &byte| {
        (0..8).fold(crc ^ u32::from(byte), |crc, _| (crc >> 1) ^ (0xedb8_8320 & (crc & 1).wrapping_neg()))
    });
    let size = u32::try_from(bytes.len()).unwrap().to_le_bytes();
    let mut entry = vec![20, 0, 0, 0, 0, 0, 0, 0, 0, 0];
    entry.extend(crc.to_le_bytes());
    entry.extend(size);
    entry.extend(size);
    entry.extend(u16::try_from(name.len()).unwrap().to_le_bytes());
    entry.extend([0, 0]);
    let mut zip = [b"PK\x03\x04", &*entry, name.as_bytes(), bytes].concat();
    let directory = u32::try_from(zip.len()).unwrap();
    zip.extend([b"PK\x01\x02\x14\0", &*entry, &[0; 14], name.as_bytes()].concat());
    let length = u32::try_from(zip.len()).unwrap() - directory;
    zip.extend(b"PK\x05\x06\0\0\0\0\x01\0\x01\0");
    zip.extend(length.to_le_bytes());
    zip.extend(directory.to_le_bytes());
    zip.extend([0, 0]);
    zip
}

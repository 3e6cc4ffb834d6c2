//! How much goes over the wire, and in which form.

mod support;

use std::collections::BTreeSet;

use support::http::{Answer, request};
use support::{Server, Visitor};

/// What Chromium says that it can read.
const BROWSER: &str = "gzip, deflate, br, zstd";

/// A page with all that it loads may take so many bytes of the wire, heads of the answers included.
const ON_THE_WIRE: usize = 60_000;

/// And so many as texts: compression hides no growth.
const AS_TEXT: usize = 100_000;

async fn ask(visitor: &Visitor, method: &str, path: &str, encoding: &str) -> Answer {
    let headers = [("cookie", visitor.cookie()), ("accept-encoding", encoding)];
    request(visitor.address(), method, path, &headers, "").await
}

/// The bytes on the wire and the characters of a page with all it loads, and how many files these are.
async fn load(visitor: &Visitor, path: &str) -> (usize, usize, usize) {
    let page = ask(visitor, "GET", path, BROWSER).await;
    assert_eq!(page.status, 200, "{path}");
    let (mut weight, mut text) = (page.weight, page.body.len());
    let quoted = |text: &str, begin: &str| -> Vec<String> {
        text.split('"').filter(|quoted| quoted.starts_with(begin)).map(str::to_owned).collect()
    };
    let mut wanted = quoted(&page.body, "/assets/");
    let mut loaded = BTreeSet::new();
    while let Some(path) = wanted.pop() {
        if !loaded.insert(path.clone()) {
            continue;
        }
        let asset = ask(visitor, "GET", &path, BROWSER).await;
        assert_eq!(asset.status, 200, "{path}");
        assert!(asset.header("cache-control").unwrap().contains("immutable"));
        weight += asset.weight;
        text += asset.body.len();
        // What a module imports lies beside it.
        let folder = path.rsplit_once('/').unwrap().0.to_owned();
        let imports = if path.ends_with(".js") { quoted(&asset.body, "./") } else { Vec::new() };
        wanted.extend(imports.iter().map(|import| format!("{folder}/{}", &import[2..])));
    }
    (weight, text, loaded.len())
}

#[tokio::test(flavor = "multi_thread")]
async fn the_first_page_and_that_of_a_room_are_light() {
    let server = Server::start().await;
    let (ada, code) = server.founder("Ada").await;
    for n in 0..50 {
        let id = format!("ada-{n:04}");
        let said = [("id", &*id), ("body", "Somebody says something of a usual length here.")];
        assert_eq!(ada.post(&format!("/rooms/{code}/messages"), &said).await.status, 303);
    }
    for (what, visitor, path) in
        [("the first page", server.stranger(), "/".to_owned()), ("a room", ada, format!("/rooms/{code}"))]
    {
        let (weight, text, files) = load(&visitor, &path).await;
        println!("{what} with all {files} files: {weight} bytes on the wire, {text} as text");
        assert!(files >= 9, "{what}: {files} files");
        assert!(weight < ON_THE_WIRE, "{what}: {weight} bytes on the wire");
        assert!(text < AS_TEXT, "{what}: {text} bytes as text");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn pages_and_assets_are_compressed_for_those_who_can_read_it() {
    let server = Server::start().await;
    let (ada, code) = server.founder("Ada").await;
    let page = ada.get(&format!("/rooms/{code}")).await.body;
    let style = page.split('"').find(|quoted| quoted.ends_with("chat.css")).unwrap();
    let room = format!("/rooms/{code}");
    for path in ["/", &*room, "/rooms/22222222", "/rooms/none", "/account/login", style] {
        let plain = ask(&ada, "GET", path, "identity").await;
        let zipped = ask(&ada, "GET", path, BROWSER).await;
        for answer in [&plain, &zipped] {
            assert_eq!(answer.header("vary"), Some("accept-encoding"), "{path}: {}", answer.head);
        }
        assert_eq!(
            (plain.header("content-encoding"), zipped.header("content-encoding")),
            (None, Some("gzip")),
            "{path}"
        );
        assert!(zipped.weight < plain.weight, "{path}: {} for {}", zipped.weight, plain.weight);
        let stays = |answer: &Answer| answer.status == plain.status && answer.body.len() == plain.body.len();
        assert!(stays(&zipped) && stays(&ask(&ada, "GET", path, "").await), "{path}");
        for (encoding, full) in [("identity", &plain), (BROWSER, &zipped)] {
            let head = ask(&ada, "HEAD", path, encoding).await;
            assert_eq!((head.status, &*head.body), (full.status, ""), "{path}");
            for name in ["content-type", "content-encoding", "vary", "cache-control"] {
                assert_eq!(head.header(name), full.header(name), "{path}, {encoding}: {name}");
            }
            // A page has an id of its own in it, which is compressed a little better or worse.
            let length = |answer: &Answer| answer.header("content-length").unwrap().parse::<usize>().unwrap();
            assert!(length(&head).abs_diff(length(full)) < 32, "{path}, {encoding}: {}", head.head);
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_no_text_for_a_browser_is_left_as_it_is() {
    let server = Server::start().await;
    let (ada, code) = server.founder("Ada").await;
    let file = "the same again and again ".repeat(200);
    let (status, sent) = support::files::send(&ada, &code, "file-0001", "notes.txt", file.as_bytes()).await;
    assert_eq!(status, 200, "{sent}");
    let path_of_file = format!("/rooms/{code}/files/1");
    for path in ["/metrics", "/livez", "/readyz", "/healthz", &*path_of_file] {
        let answer = ask(&ada, "GET", path, BROWSER).await;
        assert_eq!(
            (answer.status, answer.header("content-encoding"), answer.header("vary")),
            (200, None, None),
            "{path}"
        );
    }
    let answer = ask(&ada, "GET", &path_of_file, BROWSER).await;
    assert!(answer.body.contains(&file) && answer.weight > file.len(), "{}", answer.head);
}

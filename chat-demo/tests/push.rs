//! Push messages, against a push service of our own that is also the browser, and reads what it was sent.

#![cfg(feature = "push")]

mod support;

use std::time::Duration;

use aes_gcm::aead::Aead;
use aes_gcm::{Aes128Gcm, KeyInit, Nonce};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use chat_demo::config::Limits;
use hkdf::Hkdf;
use p256::ecdsa::signature::Verifier;
use p256::ecdsa::{Signature, VerifyingKey};
use p256::elliptic_curve::sec1::ToEncodedPoint;
use p256::{PublicKey, SecretKey};
use serde_json::Value;
use sha2::Sha256;
use support::http;
use support::receiver::{Received, Receiver};
use support::{Server, Visitor, wide};

const HOME: [&str; 3] = ["--memory", "--webhook-http", "--webhook-private"];

fn quick() -> Limits {
    let mut limits = wide();
    limits.notification_after = Duration::from_millis(1);
    limits.notification_backoff = Duration::from_millis(10);
    limits
}

struct Browser {
    key: SecretKey,
    auth: [u8; 16],
}

impl Browser {
    fn new(seed: u8) -> Self {
        Self { key: SecretKey::from_slice(&[seed; 32]).unwrap(), auth: [seed; 16] }
    }

    fn public(&self) -> Vec<u8> {
        self.key.public_key().to_encoded_point(false).as_bytes().to_vec()
    }

    async fn subscribe(&self, visitor: &Visitor, endpoint: &str) -> u16 {
        let (p256dh, auth) = (URL_SAFE_NO_PAD.encode(self.public()), URL_SAFE_NO_PAD.encode(self.auth));
        let form = [("endpoint", endpoint), ("p256dh", &*p256dh), ("auth", &*auth)];
        visitor.post("/account/notifications/push", &form).await.status
    }

    /// What was sent, by RFC 8291 from the other side.
    fn read(&self, body: &[u8]) -> Value {
        let (salt, sender) = (&body[..16], &body[21..86]);
        assert_eq!((&body[16..20], body[20]), (&4096u32.to_be_bytes()[..], 65));
        let theirs = PublicKey::from_sec1_bytes(sender).unwrap();
        let shared = p256::ecdh::diffie_hellman(self.key.to_nonzero_scalar(), theirs.as_affine());
        let expand = |salt: &[u8], ikm: &[u8], info: &[u8], length: usize| {
            let mut okm = vec![0; length];
            Hkdf::<Sha256>::new(Some(salt), ikm).expand(info, &mut okm).unwrap();
            okm
        };
        let info = [b"WebPush: info\0", &*self.public(), sender].concat();
        let ikm = expand(&self.auth, shared.raw_secret_bytes(), &info, 32);
        let key = expand(salt, &ikm, b"Content-Encoding: aes128gcm\0", 16);
        let nonce = expand(salt, &ikm, b"Content-Encoding: nonce\0", 12);
        let cipher = Aes128Gcm::new_from_slice(&key).unwrap();
        let text = cipher.decrypt(Nonce::from_slice(&nonce), &body[86..]).expect("it is for this browser");
        assert_eq!(text.last(), Some(&2), "nothing follows");
        serde_json::from_slice(&text[..text.len() - 1]).unwrap()
    }
}

/// The key by which a page lets browsers know the server.
async fn server_key(visitor: &Visitor) -> String {
    let page = visitor.get("/account/notifications").await.body;
    page.split("data-key=\"").nth(1).expect("a key").split('"').next().unwrap().to_owned()
}

fn verify(received: &Received, key: &str, audience: &str) {
    let header = received.header("authorization");
    let (token, sent) = header.strip_prefix("vapid t=").unwrap().split_once(", k=").unwrap();
    assert_eq!(sent, key);
    let (signed, signature) = token.rsplit_once('.').unwrap();
    let bytes = |text: &str| URL_SAFE_NO_PAD.decode(text).unwrap();
    let signature = Signature::from_slice(&bytes(signature)).unwrap();
    VerifyingKey::from_sec1_bytes(&bytes(key)).unwrap().verify(signed.as_bytes(), &signature).unwrap();
    let claims: Value = serde_json::from_slice(&bytes(signed.split_once('.').unwrap().1)).unwrap();
    assert_eq!(claims["aud"], audience);
    let left = claims["exp"].as_i64().unwrap() - chat_demo::domain::UnixMillis::now().0 / 1000;
    assert!((0..=86_400).contains(&left), "{left}");
}

async fn people(server: &Server) -> (Visitor, Visitor, String) {
    let (bob, code) = server.founder("Bob").await;
    let ada = server.guest("Ada", &code).await;
    assert_eq!(ada.get(&format!("/rooms/{code}")).await.status, 200);
    (ada, bob, code)
}

async fn say(visitor: &Visitor, code: &str, id: &str, body: &str) {
    let answer = visitor.post(&format!("/rooms/{code}/messages"), &[("id", id), ("body", body)]).await;
    assert_eq!(answer.status, 303);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_push_message_is_for_the_browser_alone_and_signed_by_the_key_that_the_page_shows() {
    let server = Server::with(quick(), &HOME).await;
    let mut service = Receiver::start().await;
    let (ada, bob, code) = people(&server).await;
    let key = server_key(&ada).await;
    assert_eq!(server_key(&bob).await, key, "one for all");
    let browser = Browser::new(7);
    assert_eq!(browser.subscribe(&ada, &service.url("/send/abc")).await, 303);
    service.answer("201 Created");
    say(&bob, &code, "bob-0001", "@ada <b>hello</b>").await;
    let received = service.next().await;
    assert_eq!(received.line, "POST /send/abc HTTP/1.1");
    assert_eq!((received.header("content-encoding"), received.header("ttl")), ("aes128gcm", "86400"));
    verify(&received, &key, service.url("").trim_end_matches('/'));
    let message = browser.read(&received.body);
    assert_eq!(message["body"], "@ada <b>hello</b>");
    assert_eq!(message["url"], format!("/rooms/{code}"));
    // A body as long as there is fits into one record.
    service.answer("201 Created");
    say(&bob, &code, "bob-0002", &format!("@ada {}", "字".repeat(1300))).await;
    assert!(service.next().await.body.len() < 4096);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_browser_that_has_unsubscribed_is_forgotten() {
    let server = Server::with(quick(), &HOME).await;
    let mut service = Receiver::start().await;
    let (ada, bob, code) = people(&server).await;
    for (n, answer) in ["404 No", "410 Gone"].into_iter().enumerate() {
        assert_eq!(Browser::new(7).subscribe(&ada, &service.url("/send")).await, 303);
        let mut events = server.app.notifications().events(64).unwrap();
        service.answer(answer);
        say(&bob, &code, &format!("bob-{n:04}"), "@ada").await;
        service.next().await;
        let withdrawn = n as u64 + 1;
        while events.recv().await.unwrap().withdrawn < withdrawn {}
        assert!(!ada.get("/account/notifications").await.body.contains("/send"));
    }
    assert!(service.is_idle());
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_no_subscription_or_leads_into_the_network_of_the_server_is_refused() {
    let server = Server::with(quick(), &["--memory"]).await;
    let (ada, _) = server.founder("Ada").await;
    let browser = Browser::new(7);
    for endpoint in ["https://127.0.0.1/", "http://push.example/", "https://[fd00::1]/", "nowhere"] {
        assert_eq!(browser.subscribe(&ada, endpoint).await, 422, "{endpoint}");
    }
    let bad = [("endpoint", "https://push.example/a"), ("p256dh", "AAAA"), ("auth", "AAAA")];
    assert_eq!(ada.post("/account/notifications/push", &bad).await.status, 422);
    for n in 0..5 {
        assert_eq!(browser.subscribe(&ada, &format!("https://push.example/{n}")).await, 303);
    }
    assert_eq!(browser.subscribe(&ada, "https://push.example/0").await, 303, "the same again");
    assert_eq!(browser.subscribe(&ada, "https://push.example/5").await, 409, "five are enough");
    let headers = [
        ("cookie", ada.cookie()),
        ("origin", "https://evil.example"),
        ("content-type", "application/x-www-form-urlencoded"),
    ];
    assert_eq!(
        http::request(ada.address(), "POST", "/account/notifications/push", &headers, "endpoint=a").await.status,
        403
    );
    assert_eq!(browser.subscribe(&server.stranger(), "https://push.example/6").await, 303);
    let worker = ada.get("/worker.js").await;
    assert_eq!((worker.status, worker.header("content-type")), (200, Some("text/javascript; charset=utf-8")));
    assert!(worker.header("content-security-policy").unwrap().contains("default-src 'self'"));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_key_is_made_once_for_a_database() {
    let folder = tempfile::tempdir().unwrap();
    let database = folder.path().join("chat.sqlite3");
    let flags = ["--database", database.to_str().unwrap()];
    let server = Server::with(wide(), &flags).await;
    let (mut ada, _) = server.founder("Ada").await;
    let key = server_key(&ada).await;
    server.app.into_tree().stop().await;
    let server = Server::with(wide(), &flags).await;
    ada.move_to(&server.address());
    assert_eq!(server_key(&ada).await, key);
    let other = Server::start().await;
    let (eve, _) = other.founder("Eve").await;
    assert_ne!(server_key(&eve).await, key);
}

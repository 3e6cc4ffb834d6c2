//! Somebody who talks on whatever happens, as the program's clients do: comes back after a lost socket, resumes after the last
//! message heard, and sends what was not acknowledged again under the same name.

use std::collections::VecDeque;
use std::time::Duration;

use serde_json::{Value, json};
use tokio::time::{Instant, sleep};

use super::socket::Socket;
use super::{PATIENCE, Visitor};

pub struct Talker {
    pub visitor: Visitor,
    code: String,
    name: String,
    socket: Option<Socket>,
    said: usize,
    /// What was said and is not acknowledged.
    waiting: VecDeque<String>,
    /// What was, and as which number.
    pub acknowledged: Vec<(u64, String)>,
    /// What was heard, in this order.
    pub heard: Vec<(u64, String)>,
    /// How often the socket was lost.
    pub lost: usize,
}

impl Talker {
    pub fn new(visitor: Visitor, code: &str, name: &str) -> Self {
        Self {
            visitor,
            code: code.to_owned(),
            name: name.to_owned(),
            socket: None,
            said: 0,
            waiting: VecDeque::new(),
            acknowledged: Vec::new(),
            heard: Vec::new(),
            lost: 0,
        }
    }

    /// The room.
    pub fn code(&self) -> &str {
        &self.code
    }

    /// Says another line, and waits until all that was said is acknowledged.
    pub async fn say(&mut self) {
        self.begin().await;
        self.until(|talker| talker.waiting.is_empty()).await;
    }

    /// Says another line, and waits for nothing.
    pub async fn begin(&mut self) {
        let line = format!("{} {:05}", self.name, self.said);
        self.said += 1;
        self.waiting.push_back(line.clone());
        if let Some(socket) = &mut self.socket {
            socket.post(&line.replace(' ', "-"), &line).await;
        }
    }

    /// Waits until all messages up to this number were heard.
    pub async fn hear(&mut self, last: u64) {
        self.until(|talker| talker.heard.last().is_some_and(|(seq, _)| *seq >= last)).await;
    }

    async fn until(&mut self, done: impl Fn(&Self) -> bool) {
        let deadline = Instant::now() + PATIENCE;
        while !done(self) {
            assert!(
                Instant::now() < deadline,
                "{} waits for {:?}, has heard {:?}",
                self.name,
                self.waiting,
                self.heard.last()
            );
            if self.socket.is_none() {
                self.connect(deadline).await;
            }
            let socket = self.socket.as_mut().expect("it is connected");
            match socket.frame().await {
                Ok(frame) => self.take(&frame),
                Err((code, reason)) => {
                    assert!([0, 1001, 1013].contains(&code), "{} is sent away: {code} {reason}", self.name);
                    self.lost += 1;
                    self.socket = None;
                }
            }
        }
    }

    fn take(&mut self, frame: &Value) {
        match frame["type"].as_str().expect("a type") {
            "message" => {
                let (seq, body) = (frame["seq"].as_u64().unwrap(), frame["body"].as_str().unwrap().to_owned());
                self.heard.push((seq, body));
            }
            "stored" => {
                let (id, seq) = (frame["id"].as_str().unwrap().replace('-', " "), frame["seq"].as_u64().unwrap());
                if let Some(at) = self.waiting.iter().position(|line| *line == id) {
                    self.acknowledged.push((seq, self.waiting.remove(at).unwrap()));
                }
            }
            "refused" => panic!("{}: {frame}", self.name),
            _ => {}
        }
    }

    /// Tries until it is in the room again.
    async fn connect(&mut self, deadline: Instant) {
        let (address, cookie) = (self.visitor.address().to_owned(), self.visitor.cookie().to_owned());
        loop {
            match Socket::open(&address, &self.code, &cookie, Some(&self.visitor.origin())).await {
                Ok(mut socket) => {
                    let after = self.heard.last().map_or(0, |(seq, _)| *seq);
                    socket.send(json!({"type": "join", "v": 1, "after": after})).await;
                    match socket.frame().await {
                        Ok(welcome) => {
                            assert_eq!(welcome["type"], "welcome", "{welcome}");
                            assert_eq!(
                                (&welcome["you"]["name"], &welcome["reset"]),
                                (&json!(self.name), &json!(false))
                            );
                            for line in &self.waiting {
                                socket.post(&line.replace(' ', "-"), line).await;
                            }
                            self.socket = Some(socket);
                            return;
                        }
                        Err((code, reason)) => {
                            assert!([0, 1001, 1013].contains(&code), "{} is sent away: {code} {reason}", self.name);
                        }
                    }
                }
                // Nobody has to log in, or to give a name, again.
                Err(status) => assert!([0, 503].contains(&status), "{} is refused with {status}", self.name),
            }
            assert!(Instant::now() < deadline, "{} is not let in any more", self.name);
            sleep(Duration::from_millis(20)).await;
        }
    }
}

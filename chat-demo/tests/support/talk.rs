//! People who talk while something is killed, and what each of them must have heard.

use std::cell::Cell;
use std::collections::HashMap;
use std::time::Duration;

use supervisor::testing::Chaos;

use super::{Server, Visitor};

/// Says `count` things, each as soon as the one before is acknowledged, and reads all that `total` people said.
/// Returns the numbers by which they were acknowledged, and what was read.
async fn talk(
    visitor: &Visitor,
    code: &str,
    name: &str,
    count: usize,
    total: usize,
) -> (HashMap<String, u64>, Vec<(u64, String)>) {
    let mut socket = visitor.join(code, 0).await;
    let (mut acknowledged, mut heard) = (HashMap::new(), Vec::new());
    socket.post(&format!("{name}-00000"), &format!("{name} 0")).await;
    while heard.len() < total || acknowledged.len() < count {
        let frame = socket.next().await;
        match frame["type"].as_str().unwrap() {
            "message" => heard.push((frame["seq"].as_u64().unwrap(), frame["body"].as_str().unwrap().to_owned())),
            "stored" => {
                let number = acknowledged.len();
                acknowledged.insert(format!("{name} {number}"), frame["seq"].as_u64().unwrap());
                if number + 1 < count {
                    let number = number + 1;
                    socket.post(&format!("{name}-{number:05}"), &format!("{name} {number}")).await;
                }
            }
            "refused" => panic!("{frame}"),
            _ => {}
        }
    }
    (acknowledged, heard)
}

/// Has four people talk while `harm` is done, and sees to it that everybody has heard everything.
pub async fn four_talk_while(server: &Server, harm: impl AsyncFn(&str)) {
    const PEOPLE: usize = 4;
    const EACH: usize = 400;
    let (founder, code) = server.founder("founder").await;
    let mut talking = Vec::new();
    for name in ["ada", "bob", "cleo", "dan"] {
        let (visitor, code) = (server.guest(name, &code).await, code.clone());
        talking.push(tokio::spawn(async move { talk(&visitor, &code, name, EACH, PEOPLE * EACH).await }));
    }
    while !talking.iter().all(|talk| talk.is_finished()) {
        harm(&code).await;
    }
    let mut whole: Option<Vec<(u64, String)>> = None;
    for talk in talking {
        let (acknowledged, heard) = talk.await.expect("a talk to the end");
        let numbers: Vec<u64> = heard.iter().map(|(seq, _)| *seq).collect();
        assert_eq!(numbers, (1..=(PEOPLE * EACH) as u64).collect::<Vec<_>>(), "each once and in order");
        for (body, seq) in &acknowledged {
            assert_eq!(&heard[usize::try_from(*seq).unwrap() - 1].1, body, "acknowledged as {seq}");
        }
        assert_eq!(whole.get_or_insert_with(|| heard.clone()), &heard, "everybody hears the same");
    }
    // And so it stays, for whoever comes later.
    let mut later = founder.join(&code, 0).await;
    assert_eq!(later.messages(PEOPLE * EACH).await, whole.unwrap());
}

/// Kills the process of this id five times while people talk; a moment longer passes before it is back from one time to the next.
pub async fn kill_children_under_load(server: &Server, child: &str) {
    let kills = Cell::new(0);
    four_talk_while(server, async |_| {
        if kills.get() < 5 && Chaos::of(server.app.tree(), 0).kill(child).is_ok() {
            kills.set(kills.get() + 1);
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    })
    .await;
    assert!(kills.get() >= 2, "{} kills are no test", kills.get());
}

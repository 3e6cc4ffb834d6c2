//! Any bytes as names and topics: the registry does what a naive model does.

use std::collections::BTreeMap;

use registry::{ErrorKind, Namespace, Overflow, Registration, ServiceRegistry, Subscription};

/// Between two operations: no part of UTF-8, so every name can be written.
const END: u8 = 0xff;

/// What is held, by the model and by the registry.
#[derive(Default)]
struct World {
    names: BTreeMap<String, u64>,
    guards: BTreeMap<String, Registration>,
    subscriptions: Vec<(String, Subscription<u64>)>,
}

/// Each operation is one byte for what to do and the bytes of a name; stray ones are replaced as `String` does it.
///
/// # Panics
///
/// When the two disagree.
pub(crate) fn agree(bytes: &[u8]) {
    let namespace = ServiceRegistry::new().namespace("fuzz").expect("a name");
    let mut world = World::default();
    for (number, operation) in bytes.split(|byte| *byte == END).enumerate().take(64) {
        let Some((what, name)) = operation.split_first() else { continue };
        world.act(&namespace, *what, &String::from_utf8_lossy(name), number as u64);
        let expected: Vec<_> = world.names.keys().cloned().collect();
        assert_eq!(namespace.names(), expected, "what is listed");
        assert_eq!(namespace.count(), expected.len());
    }
}

impl World {
    fn act(&mut self, namespace: &Namespace, what: u8, name: &str, number: u64) {
        match what % 5 {
            0 => match namespace.register(name, number) {
                Ok(guard) => {
                    assert!(is_name(name), "{name:?} is no name");
                    assert_eq!(self.names.insert(name.to_owned(), number), None, "{name:?} was held");
                    self.guards.insert(name.to_owned(), guard);
                }
                Err(error) => {
                    let kind = if is_name(name) { ErrorKind::Taken } else { ErrorKind::InvalidName };
                    assert_eq!(error.kind(), kind, "{name:?}");
                    assert_eq!(error.kind() == ErrorKind::Taken, self.names.contains_key(name), "{name:?}");
                    assert_eq!(error.into_handle(), number);
                }
            },
            1 => {
                let held = self.names.remove(name).is_some();
                assert_eq!(self.guards.remove(name).is_some(), held);
            }
            2 => match namespace.lookup::<u64>(name) {
                Ok(found) => assert_eq!(Some(&found), self.names.get(name), "{name:?}"),
                Err(error) => {
                    let kind = if is_name(name) { ErrorKind::NotFound } else { ErrorKind::InvalidName };
                    assert_eq!((error.kind(), self.names.get(name)), (kind, None), "{name:?}");
                    assert_eq!(namespace.whereis(name), None);
                }
            },
            3 => {
                let subscribed = namespace.pubsub().subscribe(name, 8, Overflow::DropOldest);
                assert_eq!(subscribed.is_ok(), is_pattern(name), "{name:?}");
                self.subscriptions.extend(subscribed.ok().map(|subscription| (name.to_owned(), subscription)));
            }
            _ => {
                let is_topic = is_pattern(name) && name.split(':').all(|segment| segment != "*");
                let published = namespace.pubsub::<u64>().try_publish(name, number);
                assert_eq!(published.is_ok(), is_topic, "{name:?}");
                let topic: Vec<_> = name.split(':').collect();
                for (pattern, subscription) in &mut self.subscriptions {
                    let wanted: Vec<_> = pattern.split(':').collect();
                    let expected = (is_topic && matches(&wanted, &topic)).then_some(number);
                    assert_eq!(subscription.try_recv().ok(), expected, "{name:?} for {pattern:?}");
                }
            }
        }
    }
}

fn is_name(name: &str) -> bool {
    (1..=255).contains(&name.len()) && !name.chars().any(char::is_control)
}

fn is_pattern(pattern: &str) -> bool {
    is_name(pattern) && pattern.split(':').all(|segment| !segment.is_empty())
}

/// The definition, as plainly as it can be said.
fn matches(pattern: &[&str], topic: &[&str]) -> bool {
    match (pattern, topic) {
        (["*"], [_, ..]) | ([], []) => true,
        ([wanted, pattern @ ..], [found, topic @ ..]) => (*wanted == "*" || wanted == found) && matches(pattern, topic),
        _ => false,
    }
}

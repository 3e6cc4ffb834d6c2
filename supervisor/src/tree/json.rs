//! A snapshot as data for other programs.

use std::time::Duration;

use serde::ser::SerializeStruct;
use serde::{Serialize, Serializer};

use super::snapshot::{ChildSnapshot, LastExit, MailboxDepth, RegisteredName, Snapshot, StateCount};

impl Snapshot {
    /// One JSON object, for the root. Times are in seconds, sizes in bytes; what is not known is `null`.
    pub fn to_json(&self) -> String {
        serde_json::to_string(self).unwrap_or_else(|_| unreachable!("keys are texts, and nothing in it fails"))
    }
}

impl Serialize for Snapshot {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        self.root.serialize(to)
    }
}

impl Serialize for ChildSnapshot {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        let mut node = to.serialize_struct("ChildSnapshot", 14)?;
        node.serialize_field("id", &self.id)?;
        node.serialize_field("kind", self.kind.as_str())?;
        node.serialize_field("state", self.state.as_str())?;
        node.serialize_field("busy", &self.busy)?;
        node.serialize_field("incarnation", &self.incarnation)?;
        node.serialize_field("restarts", &self.restarts)?;
        node.serialize_field("last_exit", &self.last_exit)?;
        node.serialize_field("uptime_seconds", &self.uptime.as_ref().map(Duration::as_secs_f64))?;
        node.serialize_field("mailbox", &self.mailbox)?;
        node.serialize_field("memory_bytes", &self.memory)?;
        node.serialize_field("name", &self.name)?;
        node.serialize_field("states", &States(&self.states))?;
        node.serialize_field("children", &self.children)?;
        node.serialize_field("omitted", &self.omitted)?;
        node.end()
    }
}

struct States<'a>(&'a [StateCount]);

impl Serialize for States<'_> {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.collect_map(self.0.iter().map(|count| (count.state.as_str(), count.children)))
    }
}

impl Serialize for LastExit {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        let mut exit = to.serialize_struct("LastExit", 3)?;
        exit.serialize_field("reason", self.reason.as_str())?;
        exit.serialize_field("text", &self.reason.to_string())?;
        exit.serialize_field("seconds_ago", &self.ago.as_secs_f64())?;
        exit.end()
    }
}

impl Serialize for MailboxDepth {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        let mut depth = to.serialize_struct("MailboxDepth", 2)?;
        depth.serialize_field("len", &self.len)?;
        depth.serialize_field("capacity", &self.capacity)?;
        depth.end()
    }
}

impl Serialize for RegisteredName {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        let mut name = to.serialize_struct("RegisteredName", 2)?;
        name.serialize_field("namespace", &self.namespace)?;
        name.serialize_field("name", &self.name)?;
        name.end()
    }
}

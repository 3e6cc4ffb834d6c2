//! The store through its functions, on real databases, by what it keeps.

mod accounts;
mod conformance;
mod files;
mod fixture;
mod messages;
mod notifications;
mod opening;
mod rooms;
mod search;
mod visits;
mod workspaces;

#[cfg(feature = "postgres")]
#[allow(dead_code, unreachable_pub, reason = "the tests of the whole program use more of it")]
#[path = "../../../tests/support/postgres.rs"]
mod postgres_server;
#[cfg(feature = "postgres")]
#[allow(dead_code, unreachable_pub, reason = "the tests of the whole program use more of it")]
#[path = "../../../tests/support/program.rs"]
mod program;

use conformance::conformance;
use fixture::{
    Fixture, channel, code, draft, inhabited, look_for, name, open, said_by, seqs, session, somebody, workspace,
};

use super::*;
use crate::domain::notification::{NewDelivery, Priority, Way};
use crate::domain::search::Query;
use crate::domain::workspace::{Channel, ChannelName, WorkspaceCode};
use crate::domain::{
    Attachment, Body, ChannelOf, ClientId, DisplayName, FileId, FileName, Kind, LoginName, MessageState, Pair, Person,
    PersonId, RoomKind,
};

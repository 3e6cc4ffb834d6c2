//! What became of a wish, as its client is told.

use std::error::Error;

use thiserror::Error;

use super::protocol::{ServerFrame, Who};
use super::requests::Outcome;
use crate::domain::AddressError;
use crate::domain::room::{ChangeError, PostError, Posted, TellError, Told};

/// A wish that was not done.
pub(super) struct Refusal<'a> {
    /// For programs.
    pub(super) reason: &'static str,
    /// After how many milliseconds it can be tried again, if that helps.
    pub(super) retry_ms: Option<u64>,
    /// For people.
    pub(super) error: &'a (dyn Error + Send + Sync),
}

/// Nobody is known by this session any more.
#[derive(Debug, Error)]
#[error("you are not known here any more; reload the page")]
struct Stranger;

impl Outcome {
    /// The answer to the wish of this id.
    pub(super) fn answer<'a>(&'a self, id: &'a str) -> Result<ServerFrame<'a>, Refusal<'a>> {
        let (reason, retry_ms, error): (_, _, &(dyn Error + Send + Sync)) = match self {
            Self::Posted(Ok(Posted { seq, at, .. })) => {
                return Ok(ServerFrame::Stored { id: id.into(), seq: *seq, at: *at });
            }
            Self::Changed(Ok(())) | Self::Renamed(Ok(Some(_))) => return Ok(ServerFrame::Done { id: id.into() }),
            Self::Told(Ok(Told { room, with, posted })) => {
                let (room, seq) = (room.to_string().into(), posted.as_ref().map(|posted| posted.seq));
                return Ok(ServerFrame::Direct { id: id.into(), room, with: Who::from(with), seq });
            }
            Self::Told(Err(error)) => match error {
                TellError::Address(AddressError::Several) => ("several", None, error),
                TellError::Address(_) => ("nobody", None, error),
                TellError::Body(_) => ("body", None, error),
                TellError::Post(PostError::Busy) => ("busy", Some(500), error),
                _ => ("unavailable", Some(2000), error),
            },
            Self::Posted(Err(error)) => match error {
                PostError::Unknown => ("unknown_room", None, error),
                PostError::Busy => ("busy", Some(500), error),
                PostError::NotStored | PostError::Unreachable(_) => ("unavailable", Some(2000), error),
            },
            Self::Changed(Err(error)) => match error {
                ChangeError::NotThere => ("not_there", None, error),
                ChangeError::NotYours => ("not_yours", None, error),
                ChangeError::Busy => ("busy", Some(500), error),
                ChangeError::NotStored | ChangeError::Unreachable(_) => ("unavailable", Some(2000), error),
            },
            Self::Renamed(Ok(None)) => ("session", None, &Stranger),
            Self::Renamed(Err(error)) => ("unavailable", Some(2000), error),
        };
        Err(Refusal { reason, retry_ms, error })
    }
}

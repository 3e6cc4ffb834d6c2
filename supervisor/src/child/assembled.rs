//! A child to be: what its supervisor keeps of a spec.

use std::sync::Arc;
use std::time::Duration;

use super::body::Starter;
use super::id::ChildId;
use super::readiness::Readiness;
use crate::error::StartError;
use crate::rules::{AutoShutdown, Backoff, Policy, Restart, Shutdown};

/// A spec with its handle's type forgotten.
#[derive(Clone)]
pub(crate) struct Spec {
    pub(crate) restart: Restart,
    pub(crate) shutdown: Shutdown,
    pub(crate) backoff: Option<Box<Backoff>>,
    pub(crate) start_timeout: Option<Duration>,
    pub(crate) significant: bool,
    /// Its mailbox, if it has one, holds a message at least.
    pub(crate) has_room: bool,
    pub(crate) depends_on: Box<[ChildId]>,
    pub(crate) readiness: Option<Readiness>,
    pub(crate) starter: Arc<dyn Starter>,
}

impl Spec {
    pub(crate) fn id(&self) -> &ChildId {
        self.starter.core().id()
    }

    /// Its next incarnation is the first by this spec.
    pub(crate) fn take_effect(&self) {
        self.starter.core().await_ready(self.readiness.is_some());
    }

    /// What the rules have to know of it.
    pub(crate) fn policy(&self) -> Policy {
        Policy {
            restart: self.restart,
            shutdown: self.shutdown,
            backoff: self.backoff.as_deref().copied(),
            start_timeout: self.start_timeout,
            is_supervisor: self.starter.kind().is_supervisor(),
            significant: self.significant,
        }
    }

    /// As [`check`](Self::check), for a child of this supervisor.
    pub(crate) fn check_in(&self, supervisor: &ChildId, auto_shutdown: AutoShutdown) -> Result<(), StartError> {
        self.check()?;
        if self.significant && auto_shutdown == AutoShutdown::Never {
            let (child, supervisor) = (self.id().clone(), supervisor.clone());
            return Err(StartError::SignificantForNobody { child, supervisor });
        }
        Ok(())
    }

    /// Looks for mistakes, here and in what it would start, before anything is.
    pub(crate) fn check(&self) -> Result<(), StartError> {
        if self.start_timeout.is_some_and(|limit| limit.is_zero()) {
            return Err(StartError::ZeroStartTimeout { child: self.id().clone() });
        }
        if !self.has_room {
            return Err(StartError::ZeroMailbox { child: self.id().clone() });
        }
        if let Some(Readiness::Probe { interval, .. }) = &self.readiness
            && interval.is_zero()
        {
            return Err(StartError::ZeroInterval { child: self.id().clone() });
        }
        if self.significant && self.restart == Restart::Permanent {
            return Err(StartError::SignificantPermanent { child: self.id().clone() });
        }
        self.starter.check()
    }
}

//! The children of a dynamic supervisor: a slab, so that nothing depends on how many there are.
//!
//! Whoever starts a child puts it in here itself and waits for its init; the loop of the supervisor only sees those that end.
//! No user code runs and nothing of the user's is dropped while the lock is held.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;

use parking_lot::{Mutex, MutexGuard};
use tokio::sync::mpsc;
use tokio::task::AbortHandle;
use tokio::time::Instant;

use super::flight::Flights;
use crate::child::{ChildRef, Core, Limit, Meltdown, Note, Seat, Settings, Spec};
use crate::error::StartChildError;
use crate::rules::{Budget, Retries, Stage};
use crate::tree::{BATCH, Branch, Feed};

/// What the incarnations and the references of a dynamic supervisor share.
pub(super) struct Shared {
    pub(super) core: Core,
    pub(super) limits: Limits,
    pub(super) feed: Arc<Feed>,
    /// A child could not be killed.
    pub(super) abandoned: AtomicBool,
    /// When its stop has to be over.
    pub(super) limit: Limit,
    state: Mutex<State>,
}

#[derive(Clone, Copy, Debug)]
pub(super) struct Limits {
    pub(super) max_children: usize,
    pub(super) budget: Budget,
    pub(super) grace: Duration,
    pub(super) max_concurrent_inits: usize,
}

#[derive(Default)]
pub(super) struct State {
    pub(super) door: Door,
    /// Where children report to: there is one while an incarnation is alive.
    pub(super) notes: Option<mpsc::UnboundedSender<Note>>,
    places: Vec<Place>,
    free: Vec<u32>,
    /// Where the generations of new places begin.
    base: u32,
    pub(super) flights: Flights,
    pub(super) meltdown: Option<Meltdown>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Door {
    #[default]
    Closed,
    Open,
    Stopping,
}

struct Place {
    /// Of the incarnation that is there, or the last that was: never used twice.
    generation: u32,
    entry: Option<Entry>,
}

pub(super) struct Entry {
    pub(super) spec: Spec,
    pub(super) abort: Option<AbortHandle>,
    /// How far its stop has come.
    pub(super) stage: Option<Stage>,
    /// Its first init is under way, and its starter will say what becomes of it.
    pub(super) fresh: bool,
    pub(super) restarting: bool,
    /// It is down, and waits to be started again.
    pub(super) waiting: bool,
    /// Its restart took too long, and is tried again when it has ended.
    pub(super) overdue: bool,
    pub(super) retries: Option<Box<Retries>>,
}

impl Entry {
    /// When it is started again, while it waits out its backoff.
    pub(super) fn due(&self) -> Option<Instant> {
        self.retries.as_ref().and_then(|retries| retries.due())
    }
}

/// An incarnation at a place.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct At {
    pub(super) index: u32,
    pub(super) generation: u32,
}

impl Shared {
    pub(super) fn new(settings: &Settings, limits: Limits) -> Arc<Self> {
        let core = Core::new(settings.id.clone(), settings.restart);
        let feed = Feed::new(settings.id.clone(), true);
        Arc::new(Self {
            core,
            limits,
            feed,
            abandoned: AtomicBool::new(false),
            limit: Limit::default(),
            state: Mutex::default(),
        })
    }

    pub(super) fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock()
    }
}

impl Seat for Shared {
    fn core(&self) -> &Core {
        &self.core
    }

    fn limit(&self, until: Instant) {
        self.limit.bring_forward(until);
    }

    fn branch(&self) -> Option<&dyn Branch> {
        Some(self)
    }
}

impl Branch for Shared {
    fn feed(&self) -> &Arc<Feed> {
        &self.feed
    }

    fn children(&self, from: usize, into: &mut Vec<Arc<dyn Seat>>) -> Option<usize> {
        let state = self.state();
        let end = state.places.len().min(from + BATCH);
        let places = state.places.get(from..end).unwrap_or_default();
        into.extend(places.iter().filter_map(|place| Some(place.entry.as_ref()?.spec.starter.seat())));
        (end < state.places.len()).then_some(end)
    }
}

impl State {
    pub(super) fn len(&self) -> usize {
        self.places.len() - self.free.len()
    }

    pub(super) fn places(&self) -> u32 {
        u32::try_from(self.places.len()).unwrap_or(u32::MAX)
    }

    /// Whether another child may come in.
    pub(super) fn admit(&self, limits: &Limits) -> Result<(), StartChildError> {
        match self.door {
            Door::Closed => Err(StartChildError::NotRunning),
            Door::Stopping => Err(StartChildError::ShuttingDown),
            Door::Open if self.len() >= limits.max_children => Err(StartChildError::MaxChildren(limits.max_children)),
            Door::Open => Ok(()),
        }
    }

    pub(super) fn insert(&mut self, spec: Spec) -> At {
        let index = self.free.pop().unwrap_or_else(|| {
            self.places.push(Place { generation: self.base, entry: None });
            self.places() - 1
        });
        spec.starter.core().place.store(u64::from(index), Relaxed);
        let place = &mut self.places[index as usize];
        place.generation = place.generation.wrapping_add(1);
        let retries = spec.backoff.as_deref().map(|backoff| Box::new(Retries::new(*backoff)));
        place.entry = Some(Entry {
            spec,
            abort: None,
            stage: None,
            fresh: true,
            restarting: false,
            waiting: false,
            overdue: false,
            retries,
        });
        At { index, generation: place.generation }
    }

    pub(super) fn get(&mut self, at: At) -> Option<&mut Entry> {
        let place = self.places.get_mut(at.index as usize).filter(|place| place.generation == at.generation)?;
        place.entry.as_mut()
    }

    /// The incarnation at this place, if there is one.
    pub(super) fn at(&self, index: u32) -> Option<(At, &Entry)> {
        let place = self.places.get(index as usize)?;
        Some((At { index, generation: place.generation }, place.entry.as_ref()?))
    }

    pub(super) fn at_mut(&mut self, index: u32) -> Option<(At, &mut Entry)> {
        let place = self.places.get_mut(index as usize)?;
        Some((At { index, generation: place.generation }, place.entry.as_mut()?))
    }

    /// Where this child is, if it is one.
    pub(super) fn find(&self, child: &ChildRef) -> Option<At> {
        let index = child.core().place.load(Relaxed);
        let (at, entry) = self.at(u32::try_from(index).ok()?)?;
        std::ptr::eq(entry.spec.starter.core(), child.core()).then_some(at)
    }

    /// Makes room for the next incarnation of the child that is there.
    pub(super) fn renew(&mut self, at: At) -> Option<At> {
        let place = self.places.get_mut(at.index as usize).filter(|place| place.generation == at.generation)?;
        place.generation = place.generation.wrapping_add(1);
        Some(At { index: at.index, generation: place.generation })
    }

    /// Takes a child out. The caller drops it when the lock is no longer held.
    pub(super) fn remove(&mut self, at: At) -> Option<Entry> {
        let place = self.places.get_mut(at.index as usize).filter(|place| place.generation == at.generation)?;
        let entry = place.entry.take()?;
        self.free.push(at.index);
        if self.free.len() == self.places.len() && self.places.len() > 1024 {
            // Gives back what a crowd has left. Generations go on from the highest, so that none comes twice.
            self.base = self.places.iter().map(|place| place.generation).max().unwrap_or_default();
            self.places = Vec::new();
            self.free = Vec::new();
        }
        Some(entry)
    }

    pub(super) fn entries(&self) -> impl Iterator<Item = &Entry> {
        self.places.iter().filter_map(|place| place.entry.as_ref())
    }

    /// Takes all children out, and refuses others.
    pub(super) fn close(&mut self) -> Vec<Entry> {
        self.door = Door::Closed;
        self.notes = None;
        self.free.clear();
        self.flights = Flights::default();
        std::mem::take(&mut self.places).into_iter().filter_map(|place| place.entry).collect()
    }
}

/// Callers who wait for somebody else's start.
pub(super) type Crowd<T> = HashMap<(String, String), VecDeque<T>>;

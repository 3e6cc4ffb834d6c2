//! Which upload is worked on next, and how many there may be.

use std::collections::HashMap;

use crate::domain::{FileId, PersonId};

/// Up to this many bytes an upload is small, and up to that many of middling size.
const SMALL: u64 = 1024 * 1024;
const MIDDLING: u64 = 8 * 1024 * 1024;

/// Of so many starts, one goes to whoever has waited longest, so that the large are not passed over for ever.
const FAIR: u64 = 4;

/// The bounds of a [`Queue`].
#[derive(Clone, Copy, Debug)]
pub(crate) struct Bounds {
    /// Uploads that are worked on at once.
    pub(crate) running: usize,
    /// Uploads there are at once, in whatever stage.
    pub(crate) all: usize,
    /// Uploads of one person at once.
    pub(crate) of_person: usize,
}

/// How far an upload is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Place {
    /// Its bytes are on their way.
    Receiving,
    /// All of it is here, of this size; the number says when that was.
    Waiting { size: u64, since: u64 },
    /// It is worked on.
    Running,
}

/// Every upload there is: small ones first, in the order in which they came among those of like size.
#[derive(Debug)]
pub(crate) struct Queue {
    bounds: Bounds,
    uploads: HashMap<FileId, (PersonId, Place)>,
    arrivals: u64,
    starts: u64,
}

/// There is no room for another upload.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Full {
    /// Of anybody.
    ForAll,
    /// Of this person.
    ForPerson,
}

/// How many uploads are where.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Load {
    /// Their bytes are on their way.
    pub receiving: usize,
    /// They are here, and wait for their turn.
    pub waiting: usize,
    /// They are worked on.
    pub running: usize,
}

impl Queue {
    pub(crate) fn new(bounds: Bounds) -> Self {
        Self { bounds, uploads: HashMap::new(), arrivals: 0, starts: 0 }
    }

    /// Takes in an upload whose bytes are about to come.
    pub(crate) fn begin(&mut self, id: FileId, person: PersonId) -> Result<(), Full> {
        if self.uploads.len() >= self.bounds.all {
            return Err(Full::ForAll);
        }
        if self.uploads.values().filter(|(of, _)| *of == person).count() >= self.bounds.of_person {
            return Err(Full::ForPerson);
        }
        self.uploads.insert(id, (person, Place::Receiving));
        Ok(())
    }

    /// All bytes of an upload are here; false if it is not one that is being received.
    pub(crate) fn received(&mut self, id: &FileId, size: u64) -> bool {
        match self.uploads.get_mut(id) {
            Some((_, place @ Place::Receiving)) => {
                *place = Place::Waiting { size, since: self.arrivals };
                self.arrivals += 1;
                true
            }
            _ => false,
        }
    }

    /// The next upload to work on, if one waits and there is a place for it.
    pub(crate) fn start_next(&mut self) -> Option<FileId> {
        let running = self.uploads.values().filter(|(_, place)| *place == Place::Running).count();
        if running >= self.bounds.running {
            return None;
        }
        let oldest_first = self.starts % FAIR == FAIR - 1;
        let turn = |size, since| if oldest_first { (0, since) } else { (class(size), since) };
        let waiting = self.uploads.iter().filter_map(|(id, (_, place))| match *place {
            Place::Waiting { size, since } => Some((turn(size, since), id)),
            _ => None,
        });
        let next = waiting.min_by_key(|(turn, _)| *turn).map(|(_, id)| id.clone())?;
        self.uploads.get_mut(&next)?.1 = Place::Running;
        self.starts += 1;
        Some(next)
    }

    /// An upload is over, whatever became of it; false if there is none of this id.
    pub(crate) fn remove(&mut self, id: &FileId) -> bool {
        self.uploads.remove(id).is_some()
    }

    pub(crate) fn load(&self) -> Load {
        let mut load = Load::default();
        for (_, place) in self.uploads.values() {
            match place {
                Place::Receiving => load.receiving += 1,
                Place::Waiting { .. } => load.waiting += 1,
                Place::Running => load.running += 1,
            }
        }
        load
    }
}

fn class(size: u64) -> u8 {
    u8::from(size > SMALL) + u8::from(size > MIDDLING)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const BOUNDS: Bounds = Bounds { running: 2, all: 6, of_person: 3 };

    fn ids(count: usize) -> Vec<FileId> {
        (0..count).map(|_| FileId::random()).collect()
    }

    #[test]
    fn small_ones_go_first_and_large_ones_are_not_passed_over_for_ever() {
        let mut queue = Queue::new(Bounds { running: 1, all: 100, of_person: 100 });
        let ids = ids(9);
        for (n, id) in ids.iter().enumerate() {
            queue.begin(id.clone(), PersonId(1)).unwrap();
            let size = if n < 2 { 20 << 20 } else { 1000 };
            assert!(queue.received(id, size));
        }
        let mut order = Vec::new();
        while let Some(next) = queue.start_next() {
            assert_eq!(queue.start_next(), None, "one at once");
            order.push(ids.iter().position(|id| *id == next).unwrap());
            assert!(queue.remove(&next));
        }
        assert_eq!(order, [2, 3, 4, 0, 5, 6, 7, 1, 8]);
    }

    #[test]
    fn there_is_an_end_of_room() {
        let mut queue = Queue::new(BOUNDS);
        let ids = ids(8);
        for (n, id) in ids[..6].iter().enumerate() {
            queue.begin(id.clone(), PersonId(n as i64 / 3)).unwrap();
        }
        assert_eq!(queue.begin(ids[6].clone(), PersonId(9)), Err(Full::ForAll));
        assert!(queue.remove(&ids[0]));
        assert_eq!(queue.begin(ids[6].clone(), PersonId(1)), Err(Full::ForPerson));
        assert_eq!(queue.begin(ids[6].clone(), PersonId(0)), Ok(()));
        assert!(!queue.remove(&ids[0]) && !queue.received(&ids[0], 1), "it is over");
    }

    proptest! {
        #[test]
        fn nothing_is_lost_started_twice_or_beyond_its_bounds(steps in prop::collection::vec((0u8..4, 0usize..12, 0u64..1 << 25), 0..200)) {
            let mut queue = Queue::new(BOUNDS);
            let ids = ids(12);
            // 0 is not there, 1 receiving, 2 waiting, 3 running.
            let mut model = [0u8; 12];
            for (step, n, size) in steps {
                let id = &ids[n];
                match step {
                    0 if model[n] == 0 => {
                        let person = n / 4;
                        let of_person = model[person * 4..person * 4 + 4].iter().filter(|&&place| place > 0).count();
                        let full = model.iter().filter(|&&place| place > 0).count() >= BOUNDS.all;
                        let begun = queue.begin(id.clone(), PersonId(person as i64)).is_ok();
                        prop_assert_eq!(begun, !full && of_person < BOUNDS.of_person);
                        model[n] = u8::from(begun);
                    }
                    1 => {
                        prop_assert_eq!(queue.received(id, size), model[n] == 1);
                        if model[n] == 1 { model[n] = 2; }
                    }
                    2 => {
                        let may = model.iter().filter(|&&place| place == 3).count() < BOUNDS.running && model.contains(&2);
                        let next = queue.start_next();
                        prop_assert_eq!(next.is_some(), may);
                        if let Some(next) = next {
                            let started = ids.iter().position(|id| *id == next).unwrap();
                            prop_assert_eq!(model[started], 2);
                            model[started] = 3;
                        }
                    }
                    3 => {
                        prop_assert_eq!(queue.remove(id), model[n] > 0);
                        model[n] = 0;
                    }
                    _ => {}
                }
                let count = |wanted| model.iter().filter(|&&place| place == wanted).count();
                prop_assert_eq!(queue.load(), Load { receiving: count(1), waiting: count(2), running: count(3) });
            }
        }
    }
}

//! Finding what is registered now.

use std::any::type_name;
use std::time::Instant;

use super::registry::ProcessRegistry;
use crate::error::{LookupError, NameProblem};
use crate::process::ProcessId;
use crate::table::{Key, Scope, State, cell_of};
use crate::telemetry::{Event, LookupResult};

/// Why there was nothing to read under a name.
#[derive(Clone, Copy)]
pub(super) enum Missed {
    Absent(State),
    Mismatch { found: &'static str },
}

impl ProcessRegistry {
    /// The process behind a name; `None` unless the name is ready. The fastest question: no allocation and no shared write.
    pub fn whereis(&self, scope: &Scope, name: &str) -> Option<ProcessId> {
        if self.0.table.telemetry().attends() {
            return self.whereis_attended(scope, name);
        }
        match self.find_holder(scope, name) {
            Ok(holder) => {
                self.count_found(scope);
                Some(holder)
            }
            Err(state) => {
                self.record_missed(scope, name, result_of(scope, name, state), None);
                None
            }
        }
    }

    /// A lookup that is timed or told, which is decided once, before it.
    #[cold]
    #[inline(never)]
    fn whereis_attended(&self, scope: &Scope, name: &str) -> Option<ProcessId> {
        let started = Some(Instant::now());
        match self.find_holder(scope, name) {
            Ok(holder) => {
                self.count_found(scope);
                self.tell_found(scope, name, started);
                Some(holder)
            }
            Err(state) => {
                self.record_missed(scope, name, result_of(scope, name, state), started);
                None
            }
        }
    }

    /// [`whereis`](Self::whereis) without its count, to measure what counting costs.
    #[doc(hidden)]
    pub fn whereis_uncounted(&self, scope: &Scope, name: &str) -> Option<ProcessId> {
        self.find_holder(scope, name).ok()
    }

    #[inline(always)]
    fn find_holder(&self, scope: &Scope, name: &str) -> Result<ProcessId, State> {
        let holder = self.0.table.index().peek(Key { scope, name }, |entry| match entry.status().state {
            State::Ready => Ok(entry.owner_id()),
            state => Err(state),
        });
        holder.unwrap_or(Err(State::Gone))
    }

    /// Calls `f` with the value of a name, without cloning it.
    ///
    /// `f` runs outside of every lock and may use the registry. A value that is removed while it runs is dropped when it
    /// returns; the memory of removed entries, of this and of other names, is kept meanwhile: keep it short.
    ///
    /// # Errors
    ///
    /// Nothing ready under this name, or a value of another type.
    pub fn with<T: Send + Sync + 'static, R>(
        &self,
        scope: &Scope,
        name: &str,
        f: impl FnOnce(&T) -> R,
    ) -> Result<R, LookupError> {
        if self.0.table.telemetry().attends() {
            return self.with_attended(scope, name, f);
        }
        // Counted while the value is borrowed, next to work that it does not wait for: behind the last atomic operation of
        // the borrow it would cost twice as much.
        let seen = self.look(scope, name, |value| {
            self.count_found(scope);
            f(value)
        });
        match seen {
            Ok(value) => Ok(value),
            Err(missed) => Err(self.missed(scope, name, type_name::<T>(), missed, None)),
        }
    }

    /// A lookup that is timed or told, which is decided once, before it.
    #[cold]
    #[inline(never)]
    fn with_attended<T: Send + Sync + 'static, R>(
        &self,
        scope: &Scope,
        name: &str,
        f: impl FnOnce(&T) -> R,
    ) -> Result<R, LookupError> {
        let started = Some(Instant::now());
        let seen = self.look(scope, name, |value| {
            self.count_found(scope);
            f(value)
        });
        match seen {
            Ok(value) => {
                self.tell_found(scope, name, started);
                Ok(value)
            }
            Err(missed) => Err(self.missed(scope, name, type_name::<T>(), missed, started)),
        }
    }

    #[inline]
    fn count_found(&self, scope: &Scope) {
        self.0.table.telemetry().count(scope, Event::Lookup(LookupResult::Found));
    }

    /// Behind the lookup, since it may run code of the user.
    fn tell_found(&self, scope: &Scope, name: &str, started: Option<Instant>) {
        self.0.table.telemetry().tell(scope, name, Event::Lookup(LookupResult::Found), started);
    }

    #[cold]
    fn missed(
        &self,
        scope: &Scope,
        name: &str,
        expected: &'static str,
        missed: Missed,
        started: Option<Instant>,
    ) -> LookupError {
        let (result, error) = match missed {
            Missed::Absent(state) => absent(scope, name, state),
            Missed::Mismatch { found } => {
                let at = scope.subject(name);
                (LookupResult::TypeMismatch, LookupError::TypeMismatch { at, expected, found })
            }
        };
        self.record_missed(scope, name, result, started);
        error
    }

    #[cold]
    fn record_missed(&self, scope: &Scope, name: &str, result: LookupResult, started: Option<Instant>) {
        let telemetry = self.0.table.telemetry();
        telemetry.count(scope, Event::Lookup(result));
        if started.is_some() {
            telemetry.tell(scope, name, Event::Lookup(result), started);
        }
    }

    /// [`with`](Self::with) without its count, to measure what counting costs.
    #[doc(hidden)]
    pub fn with_uncounted<T: Send + Sync + 'static, R>(
        &self,
        scope: &Scope,
        name: &str,
        f: impl FnOnce(&T) -> R,
    ) -> Option<R> {
        self.look(scope, name, f).ok()
    }

    /// A clone of the value of a name.
    ///
    /// # Errors
    ///
    /// Nothing ready under this name, or a value of another type.
    pub fn lookup<T: Clone + Send + Sync + 'static>(&self, scope: &Scope, name: &str) -> Result<T, LookupError> {
        self.with(scope, name, T::clone)
    }

    /// Calls `f` on the value of a ready name.
    // Inlined wherever it is used: what it gives goes through memory otherwise.
    #[inline(always)]
    pub(super) fn look<T: Send + Sync + 'static, R>(
        &self,
        scope: &Scope,
        name: &str,
        f: impl FnOnce(&T) -> R,
    ) -> Result<R, Missed> {
        let seen = self.0.table.index().peek(Key { scope, name }, |entry| match entry.status().state {
            State::Ready => match cell_of::<T>(entry) {
                // Emptied between the two looks: it is gone, or between two incarnations.
                Some(cell) => cell.read(f).ok_or_else(|| Missed::Absent(entry.status().state)),
                None => Err(Missed::Mismatch { found: entry.cell().type_name() }),
            },
            state => Err(Missed::Absent(state)),
        });
        seen.unwrap_or(Err(Missed::Absent(State::Gone)))
    }
}

#[cold]
fn absent(scope: &Scope, name: &str, state: State) -> (LookupResult, LookupError) {
    let at = scope.subject(name);
    let error = match state {
        State::Starting => LookupError::Starting { at },
        State::Restarting | State::Ready => LookupError::Restarting { at },
        State::Draining => LookupError::Draining { at },
        State::Gone => match NameProblem::of(name) {
            _ if scope.is_closed() => LookupError::NamespaceClosed { at },
            Some(problem) => LookupError::InvalidName { at, problem },
            None => LookupError::NotFound { at },
        },
    };
    (result_of(scope, name, state), error)
}

/// What a lookup that finds nothing ready counts as.
#[cold]
fn result_of(scope: &Scope, name: &str, state: State) -> LookupResult {
    match state {
        State::Starting => LookupResult::Starting,
        // A value that was replaced while it was looked at counts as a restart: the next look finds the new one.
        State::Restarting | State::Ready => LookupResult::Restarting,
        State::Draining => LookupResult::Draining,
        State::Gone if scope.is_closed() => LookupResult::Closed,
        State::Gone if NameProblem::of(name).is_some() => LookupResult::InvalidName,
        State::Gone => LookupResult::NotFound,
    }
}

//! Finding what is registered now.

use std::time::Instant;

use super::registry::ProcessRegistry;
use crate::error::{LookupError, NameProblem};
use crate::process::ProcessId;
use crate::table::{Key, Scope, State, cell_of};
use crate::telemetry::{Event, LookupResult};

/// What a look at the index says.
pub(super) enum Seen<R> {
    Found(R),
    Absent(State),
    Mismatch { found: &'static str },
}

impl ProcessRegistry {
    /// The process behind a name; `None` unless the name is ready. The fastest question: no allocation and no shared write.
    pub fn whereis(&self, scope: &Scope, name: &str) -> Option<ProcessId> {
        let find = || {
            let holder = self.0.table.index().peek(Key { scope, name }, |entry| match entry.status().state {
                State::Ready => Ok(entry.owner_id()),
                state => Err(state),
            });
            holder.unwrap_or(Err(State::Gone)).map_err(|state| (result_of(scope, name, state), ()))
        };
        self.counted(scope, name, find).ok()
    }

    /// [`whereis`](Self::whereis) without its count, to measure what counting costs.
    #[doc(hidden)]
    pub fn whereis_uncounted(&self, scope: &Scope, name: &str) -> Option<ProcessId> {
        let holder = self
            .0
            .table
            .index()
            .peek(Key { scope, name }, |entry| (entry.status().state == State::Ready).then(|| entry.owner_id()));
        holder.flatten()
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
        self.counted(scope, name, || match self.look(scope, name, f) {
            Seen::Found(value) => Ok(value),
            Seen::Mismatch { found } => {
                let expected = std::any::type_name::<T>();
                Err((
                    LookupResult::TypeMismatch,
                    LookupError::TypeMismatch { at: scope.subject(name), expected, found },
                ))
            }
            Seen::Absent(state) => Err(absent(scope, name, state)),
        })
    }

    /// Does a lookup and counts it. Whether it is also timed or told is decided once, before it.
    #[inline]
    fn counted<R, E>(
        &self,
        scope: &Scope,
        name: &str,
        look: impl FnOnce() -> Result<R, (LookupResult, E)>,
    ) -> Result<R, E> {
        let telemetry = self.0.table.telemetry();
        if telemetry.attends() {
            return self.attended(scope, name, look);
        }
        let seen = look();
        telemetry.count(scope, event_of(&seen));
        seen.map_err(|(_, error)| error)
    }

    #[cold]
    #[inline(never)]
    fn attended<R, E>(
        &self,
        scope: &Scope,
        name: &str,
        look: impl FnOnce() -> Result<R, (LookupResult, E)>,
    ) -> Result<R, E> {
        let started = Instant::now();
        let seen = look();
        self.0.table.telemetry().record(scope, name, event_of(&seen), Some(started));
        seen.map_err(|(_, error)| error)
    }

    /// [`with`](Self::with) without its count, to measure what counting costs.
    #[doc(hidden)]
    pub fn with_uncounted<T: Send + Sync + 'static, R>(
        &self,
        scope: &Scope,
        name: &str,
        f: impl FnOnce(&T) -> R,
    ) -> Option<R> {
        match self.look(scope, name, f) {
            Seen::Found(value) => Some(value),
            _ => None,
        }
    }

    /// A clone of the value of a name.
    ///
    /// # Errors
    ///
    /// Nothing ready under this name, or a value of another type.
    pub fn lookup<T: Clone + Send + Sync + 'static>(&self, scope: &Scope, name: &str) -> Result<T, LookupError> {
        self.with(scope, name, T::clone)
    }

    pub(super) fn look<T: Send + Sync + 'static, R>(
        &self,
        scope: &Scope,
        name: &str,
        f: impl FnOnce(&T) -> R,
    ) -> Seen<R> {
        let seen = self.0.table.index().peek(Key { scope, name }, |entry| match entry.status().state {
            State::Ready => match cell_of::<T>(entry) {
                // Emptied between the two looks: it is gone, or between two incarnations.
                Some(cell) => cell.read(f).map_or_else(|| Seen::Absent(entry.status().state), Seen::Found),
                None => Seen::Mismatch { found: entry.cell().type_name() },
            },
            state => Seen::Absent(state),
        });
        seen.unwrap_or(Seen::Absent(State::Gone))
    }
}

#[inline]
fn event_of<R, E>(seen: &Result<R, (LookupResult, E)>) -> Event {
    Event::Lookup(match seen {
        Ok(_) => LookupResult::Found,
        Err((result, _)) => *result,
    })
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

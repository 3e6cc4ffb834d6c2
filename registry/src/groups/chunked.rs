//! A vector whose copies are free and never change.

use std::sync::Arc;

/// How many elements a change copies at most while a copy of the vector is around.
const CHUNK: usize = 128;

/// Elements in chunks behind reference counts.
///
/// A clone shares everything. While there is one, the first change copies the list of chunks, and each change the one or
/// two chunks that it touches; without one, a change copies nothing.
pub(crate) struct Chunked<E>(Arc<Vec<Arc<Vec<E>>>>);

impl<E: Clone> Chunked<E> {
    pub(super) fn new() -> Self {
        Self(Arc::new(Vec::new()))
    }

    pub(super) fn len(&self) -> usize {
        self.0.last().map_or(0, |last| (self.0.len() - 1) * CHUNK + last.len())
    }

    /// Every chunk but the last one is full; none is empty.
    pub(crate) fn chunks(&self) -> &[Arc<Vec<E>>] {
        &self.0
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &E> {
        self.0.iter().flat_map(|chunk| chunk.iter())
    }

    pub(super) fn push(&mut self, element: E) {
        let chunks = Arc::make_mut(&mut self.0);
        match chunks.last_mut() {
            Some(last) if last.len() < CHUNK => Arc::make_mut(last).push(element),
            _ => chunks.push(Arc::new(vec![element])),
        }
    }

    /// Takes an element out and puts the last one into its place, where it is found afterwards.
    ///
    /// # Panics
    ///
    /// If there is no such place.
    pub(super) fn swap_remove(&mut self, at: usize) -> E {
        let chunks = Arc::make_mut(&mut self.0);
        let Some(last) = chunks.last_mut() else { panic!("the vector is empty") };
        let Some(element) = Arc::make_mut(last).pop() else { unreachable!("no chunk is empty") };
        let emptied = last.is_empty();
        if emptied {
            chunks.pop();
        }
        match chunks.get_mut(at / CHUNK) {
            Some(chunk) if at % CHUNK < chunk.len() => {
                std::mem::replace(&mut Arc::make_mut(chunk)[at % CHUNK], element)
            }
            // It was the last one itself.
            _ => element,
        }
    }

    pub(super) fn get(&self, at: usize) -> Option<&E> {
        self.0.get(at / CHUNK)?.get(at % CHUNK)
    }
}

impl<E> Clone for Chunked<E> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn behaves_as_a_vector_and_copies_never_change(ops in prop::collection::vec((0..5_u8, any::<usize>()), 0..900)) {
            let (mut chunked, mut model) = (Chunked::new(), Vec::new());
            let mut copies = Vec::new();
            for (n, (op, at)) in ops.into_iter().enumerate() {
                match op {
                    0 if !model.is_empty() => {
                        let at = at % model.len();
                        prop_assert_eq!(chunked.swap_remove(at), model.swap_remove(at));
                        prop_assert_eq!(chunked.get(at), model.get(at));
                    }
                    1 if at % 50 == 0 => copies.push((chunked.clone(), model.clone())),
                    _ => {
                        chunked.push(n);
                        model.push(n);
                    }
                }
                prop_assert_eq!(chunked.len(), model.len());
            }
            copies.push((chunked, model));
            for (copy, model) in copies {
                prop_assert_eq!(copy.iter().copied().collect::<Vec<_>>(), model);
            }
        }
    }
}

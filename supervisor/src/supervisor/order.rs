//! In which order children start.

use std::borrow::Cow;
use std::collections::HashMap;

use crate::child::{ChildId, Spec};
use crate::error::StartError;
use crate::rules::start_order;

/// The children in start order: as they are listed, but behind those that they depend on.
pub(super) fn ordered(specs: &[Spec]) -> Result<Cow<'_, [Spec]>, StartError> {
    if specs.iter().all(|spec| spec.depends_on.is_empty()) {
        return Ok(Cow::Borrowed(specs));
    }
    let places: HashMap<&ChildId, usize> = specs.iter().enumerate().map(|(place, spec)| (spec.id(), place)).collect();
    let needs = |spec: &Spec| spec.depends_on.iter().map(|on| place(&places, spec, on)).collect::<Result<Vec<_>, _>>();
    let needs = specs.iter().map(needs).collect::<Result<Vec<_>, _>>()?;
    match start_order(&needs) {
        Ok(order) => Ok(order.into_iter().map(|place| specs[place].clone()).collect()),
        Err(cycle) => {
            let cycle: Vec<ChildId> = cycle.into_iter().map(|place| specs[place].id().clone()).collect();
            Err(StartError::DependencyCycle { child: cycle[0].clone(), cycle })
        }
    }
}

/// Where the child is that this one depends on.
pub(super) fn place<P: Copy>(
    places: &HashMap<impl std::borrow::Borrow<ChildId> + Eq + std::hash::Hash, P>,
    spec: &Spec,
    on: &ChildId,
) -> Result<P, StartError> {
    let unknown = || StartError::UnknownDependency { child: spec.id().clone(), on: on.clone() };
    places.get(on).copied().ok_or_else(unknown)
}

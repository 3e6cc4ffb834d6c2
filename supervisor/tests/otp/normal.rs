//! What is the same, whatever it looks like: observations with the known differences taken out.

use std::collections::{HashMap, HashSet};

use super::scenario::{Kind, Node, Scenario, Step, Why};

/// Both observations in a form that has to be equal.
pub(crate) struct Normal {
    /// To which dynamic supervisor a worker belongs.
    dynamic: HashMap<String, String>,
    supervisors: HashSet<String>,
}

impl Normal {
    pub(crate) fn new(root: &Node) -> Self {
        let nodes = root.supervisors();
        let dynamic = nodes.iter().filter(|node| matches!(node.kind, Kind::Dynamic { .. }));
        Self {
            dynamic: dynamic.flat_map(|node| node.workers().into_iter().map(|id| (id, node.id.clone()))).collect(),
            supervisors: nodes.iter().map(|node| node.id.clone()).collect(),
        }
    }

    /// One line for each step; `None` stands for the start and the stop.
    pub(crate) fn line(&self, step: Option<&Step>, line: &str) -> String {
        let mut parts = line.splitn(3, '|');
        let (Some(result), Some(events), Some(found)) = (parts.next(), parts.next(), parts.next()) else {
            return line.to_owned();
        };
        let mut events: Vec<String> = events.split_whitespace().map(str::to_owned).collect();
        match step {
            Some(Step::Burst { .. }) => events = without_short_lives(events),
            Some(Step::Crash { id, why: Why::Kill }) if self.supervisors.contains(id) => ends_in_any_order(&mut events),
            _ => {}
        }
        self.sort_dynamic(&mut events);
        format!("{result}|{}|{found}", events.join(" "))
    }

    /// Children of a dynamic supervisor stop at the same time.
    fn sort_dynamic(&self, events: &mut [String]) {
        let parent = |event: &String| ended(event).and_then(|id| self.dynamic.get(id));
        for run in events.chunk_by_mut(|a, b| parent(a).is_some() && parent(a) == parent(b)) {
            if run.first().is_some_and(|first| parent(first).is_some()) {
                run.sort();
            }
        }
    }
}

/// The steps that are observed, between the start and the stop.
pub(crate) fn observed(scenario: &Scenario) -> Vec<Option<&Step>> {
    let steps = scenario.steps.iter().filter(|step| !matches!(step, Step::Script(_)));
    std::iter::once(None).chain(steps.map(Some)).chain([None]).collect()
}

fn ended(event: &str) -> Option<&str> {
    event.strip_prefix('-').and_then(|rest| rest.split(':').next())
}

/// Ours has heard of the second crash before the restart after the first has begun; Erlang's restarts first and then
/// stops what it has just started.
fn without_short_lives(events: Vec<String>) -> Vec<String> {
    let mut kept: Vec<Option<String>> = Vec::new();
    let mut born: HashMap<String, usize> = HashMap::new();
    for event in events {
        if let Some(id) = event.strip_prefix('+') {
            born.insert(id.to_owned(), kept.len());
        } else if let Some(at) = ended(&event).and_then(|id| born.remove(id)) {
            kept[at] = None;
            continue;
        }
        kept.push(Some(event));
    }
    kept.into_iter().flatten().collect()
}

/// What was below a supervisor that is killed ends in no order, and for whatever reason.
fn ends_in_any_order(events: &mut Vec<String>) {
    let (mut ends, others): (Vec<_>, Vec<_>) = events.drain(..).partition(|event| event.starts_with('-'));
    for end in &mut ends {
        end.truncate(end.find(':').unwrap_or(end.len()));
    }
    ends.sort();
    events.extend(ends.into_iter().chain(others));
}

//! Killing a process by its path in the tree.

use supervisor::{ChildRef, SupervisorRef};

/// Kills what has this path, ids with slashes between them from the root's children down, as a crash would: a process, or a supervisor
/// with all that it has. Waits for its end; false if nothing of this path runs.
///
/// Cancel safe: dropped while it waits, the end comes all the same.
pub(crate) async fn kill(root: &SupervisorRef, path: &str) -> bool {
    let (above, id) = path.rsplit_once('/').map_or((None, path), |(above, id)| (Some(above), id));
    let mut parent = root.child();
    for id in above.into_iter().flat_map(|above| above.split('/')) {
        let Some(child) = child(&parent, id).await else { return false };
        parent = child;
    }
    let Some(child) = child(&parent, id).await else { return false };
    let incarnation = child.incarnation();
    let killed = match (parent.supervisor(), parent.dynamic_supervisor()) {
        (Some(parent), _) => parent.kill_child(id.to_owned()).await.is_ok(),
        (_, Some(parent)) => parent.kill_child(&child).is_ok(),
        _ => false,
    };
    if killed {
        child.ended(incarnation).await;
    }
    killed
}

async fn child(parent: &ChildRef, id: &str) -> Option<ChildRef> {
    if let Some(parent) = parent.supervisor() {
        return parent.find_child(id.to_owned()).await.ok()?;
    }
    let children = parent.dynamic_supervisor()?.which_children();
    children.into_iter().find(|child| child.id.as_str() == id).map(|child| child.child)
}

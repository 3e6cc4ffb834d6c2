//! Who is asked whether it works, and how often.

use std::time::Duration;

use registry::{MonitorError, Namespace};
use supervisor::{ChildRef, ChildSpec};

use crate::domain::buffer::MessageBuffer;
use crate::domain::coordinator::Coordinator;
use crate::domain::notification::Notifications;
use crate::domain::presence::Presences;
use crate::domain::room::Rooms;
use crate::domain::upload::Uploads;
use crate::domain::workspace::Workspaces;
use crate::store::Store;

/// Monitors every service for as long as it runs, and from before anybody can ask.
pub(crate) fn child_spec(
    namespace: &Namespace,
    uploads: &Uploads,
    notifications: &Notifications,
    coordinator: &Coordinator,
    period: Duration,
) -> ChildSpec<ChildRef> {
    let (namespace, coordinator) = (namespace.clone(), coordinator.clone());
    let (uploads, notifications) = (uploads.clone(), notifications.clone());
    ChildSpec::task("health", move |cx| {
        let (namespace, coordinator) = (namespace.clone(), coordinator.clone());
        let (uploads, notifications) = (uploads.clone(), notifications.clone());
        async move {
            let _monitors = [
                Store::monitor(&namespace, period)?,
                MessageBuffer::monitor(&namespace, period)?,
                Rooms::monitor(&namespace, period)?,
                Workspaces::monitor(&namespace, period)?,
                Presences::monitor(&namespace, period)?,
                uploads.monitor(period)?,
                notifications.monitor(period)?,
                coordinator.monitor(period)?,
            ];
            cx.ready();
            cx.stopped().await;
            Ok::<_, MonitorError>(())
        }
    })
    .ready_on_signal()
}

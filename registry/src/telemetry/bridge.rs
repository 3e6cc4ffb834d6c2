//! From the counters to the `metrics` facade, when somebody scrapes.

use metrics::{Unit, counter, describe_counter, describe_gauge, describe_histogram, gauge, histogram};

use super::event::{
    DispatchResult, Event, HealthResult, JoinResult, LookupResult, MessageResult, PublishResult, RegisterResult,
    WaitResult,
};
use crate::health::Standing;
use crate::names::ProcessRegistry;

impl ProcessRegistry {
    /// Tells the installed recorder what each metric of this crate means. Call it once, when the recorder is installed.
    pub fn describe_metrics(&self) {
        describe_counter!("registry_lookups_total", "Lookups, by class of namespace and result.");
        describe_counter!("registry_registrations_total", "Registrations tried, by class of namespace and result.");
        describe_counter!(
            "registry_unregistrations_total",
            "Registrations that ended, by class of namespace, whatever ended them."
        );
        describe_counter!("registry_waits_total", "Waits for a service that ended, by class of namespace and result.");
        describe_histogram!(
            "registry_lookup_duration_seconds",
            Unit::Seconds,
            "How long lookups take: one in 64 of each thread, the last 64 of those between two scrapes."
        );
        describe_counter!(
            "registry_handlers_detached_total",
            "Telemetry handlers that were detached because they panicked."
        );
        describe_counter!("registry_joins_total", "Groups and topics joined, by class of namespace and result.");
        describe_counter!(
            "registry_leaves_total",
            "Memberships that ended, by class of namespace, whatever ended them."
        );
        describe_counter!("registry_dispatches_total", "Dispatches to a group, by class of namespace and result.");
        describe_counter!("registry_publishes_total", "Messages given to a topic, by class of namespace and result.");
        describe_counter!(
            "registry_messages_total",
            "Messages at their subscribers, by class of namespace and result: delivered into the queue, dropped because a \
             newer one took the place, not taken and the subscriber disconnected, not taken in time."
        );
        describe_gauge!(
            "registry_memberships",
            "Memberships of groups now, subscriptions included, by class of namespace."
        );
        describe_counter!(
            "registry_health_verdicts_total",
            "Verdicts of health checks and monitors, by class of namespace and result."
        );
        describe_gauge!(
            "registry_health_monitors",
            "Health monitors, by class of namespace and where their service stands."
        );
        describe_gauge!("registry_services", "Names held now, reserved ones included, by class of namespace.");
        describe_gauge!(
            "registry_namespace_services",
            "Names held now, reserved ones included, by named namespace: of the first 100 of them, the others as `_other`."
        );
        describe_gauge!("registry_namespace_waiters", "Waits for a name under way, by named namespace.");
        describe_gauge!("registry_namespace_watchers", "Watches, by named namespace.");
        describe_gauge!("registry_partition_services", "Names held now, by write partition.");
        describe_gauge!("registry_watchers", "Watches of namespaces.");
        describe_gauge!(
            "registry_memory_bytes",
            Unit::Bytes,
            "What the registry's names take on the heap, without what their values own."
        );
        describe_gauge!("registry_waiters", "Waits for a service under way.");
        describe_gauge!("registry_test_namespaces", "Test namespaces that are open.");
    }

    /// Hands the present counts to the installed recorder. Call it when somebody scrapes; nothing is published otherwise.
    ///
    /// The number of series is bounded: all test namespaces are one class and have no series of their own; of the named
    /// ones the first 100 have, and the others are added up as `_other`. A namespace that was closed is published with
    /// zeros once and then no more: a recorder that drops idle gauges (`PrometheusBuilder::idle_timeout`) forgets it.
    /// One registry of a program publishes, since the series carry no name of it.
    pub fn publish_metrics(&self) {
        let table = self.table();
        for (class, services) in self.count_by_class() {
            let label = class.as_str();
            let sum = |event| table.telemetry().counters.sum(class as usize, event);
            for &result in LookupResult::ALL {
                counter!("registry_lookups_total", "class" => label, "result" => result.label())
                    .absolute(sum(Event::Lookup(result)));
            }
            for &result in RegisterResult::ALL {
                counter!("registry_registrations_total", "class" => label, "result" => result.label())
                    .absolute(sum(Event::Register(result)));
            }
            for &result in WaitResult::ALL {
                counter!("registry_waits_total", "class" => label, "result" => result.label())
                    .absolute(sum(Event::Wait(result)));
            }
            for &result in JoinResult::ALL {
                counter!("registry_joins_total", "class" => label, "result" => result.label())
                    .absolute(sum(Event::Join(result)));
            }
            for &result in DispatchResult::ALL {
                counter!("registry_dispatches_total", "class" => label, "result" => result.label())
                    .absolute(sum(Event::Dispatch(result)));
            }
            for &result in PublishResult::ALL {
                counter!("registry_publishes_total", "class" => label, "result" => result.label())
                    .absolute(sum(Event::Publish(result)));
            }
            for &result in MessageResult::ALL {
                counter!("registry_messages_total", "class" => label, "result" => result.label())
                    .absolute(sum(Event::Message(result)));
            }
            gauge!("registry_memberships", "class" => label).set(as_gauge(self.groups().count_of(class)));
            for &result in HealthResult::ALL {
                counter!("registry_health_verdicts_total", "class" => label, "result" => result.label())
                    .absolute(sum(Event::Health(result)));
            }
            for standing in Standing::ALL {
                gauge!("registry_health_monitors", "class" => label, "standing" => standing.as_str())
                    .set(as_gauge(self.roster().count(class, standing)));
            }
            counter!("registry_unregistrations_total", "class" => label).absolute(sum(Event::Unregister));
            counter!("registry_leaves_total", "class" => label).absolute(sum(Event::Leave));
            gauge!("registry_services", "class" => label).set(as_gauge(services));
        }
        let open = self.named_scopes();
        for (name, census) in table.telemetry().places.rows(open.iter().map(|scope| (scope.name(), scope.into()))) {
            gauge!("registry_namespace_services", "namespace" => name.clone()).set(as_gauge(census.services));
            gauge!("registry_namespace_waiters", "namespace" => name.clone()).set(as_gauge(census.waiters));
            gauge!("registry_namespace_watchers", "namespace" => name).set(as_gauge(census.watchers));
        }
        let durations = histogram!("registry_lookup_duration_seconds");
        table.telemetry().counters.take_samples(|took| durations.record(took));
        counter!("registry_handlers_detached_total").absolute(table.telemetry().handlers.panicked());
        let stats = self.stats();
        for (partition, services) in stats.occupancy.iter().enumerate() {
            gauge!("registry_partition_services", "partition" => partition.to_string()).set(as_gauge(*services));
        }
        gauge!("registry_watchers").set(as_gauge(stats.watchers));
        gauge!("registry_memory_bytes").set(as_gauge(stats.memory_bytes));
        gauge!("registry_waiters").set(as_gauge(table.waiters()));
        gauge!("registry_test_namespaces").set(as_gauge(table.test_scopes()));
    }
}

#[allow(clippy::cast_precision_loss, reason = "counts of things in memory are below 2^52")]
fn as_gauge(count: usize) -> f64 {
    count as f64
}

impl crate::ServiceRegistry {
    /// See [`ProcessRegistry::describe_metrics`].
    pub fn describe_metrics(&self) {
        self.processes().describe_metrics();
    }

    /// See [`ProcessRegistry::publish_metrics`].
    pub fn publish_metrics(&self) {
        self.processes().publish_metrics();
    }
}

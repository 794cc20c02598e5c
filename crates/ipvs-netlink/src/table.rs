//! The table of services, and what leads from one table to another. Pure.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Arc;

use indexmap::IndexMap;

use crate::operation::Operation;
use crate::repr::{DestinationSpec, ServiceKey, ServiceSpec};

/// Services with their destinations: what the kernel has, or what it shall have.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Table {
    /// Every virtual service. Those that are alike may share what is asked of them: a thousand addresses with the
    /// same destinations take little more room than one.
    pub services: BTreeMap<ServiceKey, Arc<Service>>,
}

/// The destinations of a service, in the order in which they are to be added. The kernel keeps that
/// order, and schedulers follow it: two directors with the same order send a client to the same
/// destination. Two of these are equal whatever their order.
pub type Destinations = IndexMap<SocketAddr, DestinationSpec>;

/// One service with its destinations.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Service {
    /// What is asked of the service.
    pub spec: ServiceSpec,
    /// What is asked of each destination. With tunnels its family may differ from the service's.
    pub destinations: Destinations,
}

impl Table {
    /// Services and destinations together.
    pub fn entries(&self) -> usize {
        self.services
            .values()
            .map(|service| 1 + service.destinations.len())
            .sum()
    }
}

/// The shortest list of operations that leads from `have` to `want`.
///
/// What is the same in both is not touched, so its connections live on. What is new comes before
/// what goes, so that clients meet no gap: within a service its destinations are added, then
/// changed, then deleted; services that go are deleted last, and take their destinations along.
/// [`Operation::Flush`] is never used: `have` may be but a part of the kernel's table.
#[must_use]
pub fn diff(have: &Table, want: &Table) -> Vec<Operation> {
    differences(have, want).collect()
}

/// [`diff`] one operation after the other, for tables so large that the list is better never whole.
pub fn differences<'a>(
    have: &'a Table,
    want: &'a Table,
) -> impl Iterator<Item = Operation> + use<'a> {
    let wanted = want.services.iter().flat_map(|(key, service)| {
        let old = have.services.get(key).map(Arc::as_ref);
        let same = old.is_some_and(|old| std::ptr::eq(old, service.as_ref()));
        let changes = (!same).then(|| {
            service_operation(*key, old, service)
                .into_iter()
                .chain(destination_operations(*key, old, service))
        });
        changes.into_iter().flatten()
    });
    let gone = have
        .services
        .keys()
        .filter(|key| !want.services.contains_key(key));
    wanted.chain(gone.copied().map(Operation::DeleteService))
}

fn service_operation(key: ServiceKey, old: Option<&Service>, new: &Service) -> Option<Operation> {
    match old {
        None => Some(Operation::AddService(key, new.spec.clone())),
        Some(old) if old.spec != new.spec => Some(Operation::SetService(key, new.spec.clone())),
        Some(_) => None,
    }
}

fn destination_operations<'a>(
    key: ServiceKey,
    old: Option<&'a Service>,
    new: &'a Service,
) -> impl Iterator<Item = Operation> + use<'a> {
    let want = &new.destinations;
    let had = move |address: &SocketAddr| old.and_then(|old| old.destinations.get(address));
    let added = want
        .iter()
        .filter(move |(address, _)| had(address).is_none())
        .map(move |(address, spec)| Operation::AddDestination(key, *address, spec.clone()));
    let changed = want
        .iter()
        .filter(move |(address, spec)| had(address).is_some_and(|old| old != *spec))
        .map(move |(address, spec)| Operation::SetDestination(key, *address, spec.clone()));
    let gone = old
        .into_iter()
        .flat_map(|old| old.destinations.keys())
        .filter(|address| !want.contains_key(*address))
        .map(move |address| Operation::DeleteDestination(key, *address));
    added.chain(changed).chain(gone)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::repr::{Forwarding, Protocol, Scheduler};
    use crate::sample;

    fn service(destinations: &[(&str, u32)]) -> Service {
        Service {
            spec: ServiceSpec::new(Scheduler::RR),
            destinations: destinations
                .iter()
                .map(|(address, weight)| {
                    let spec = DestinationSpec::new(Forwarding::DirectRoute, *weight);
                    (address.parse().unwrap(), spec)
                })
                .collect(),
        }
    }

    fn table(services: &[(&str, Service)]) -> Table {
        let key = |text: &str| ServiceKey::Socket(Protocol::Tcp, text.parse().unwrap());
        Table {
            services: services
                .iter()
                .map(|(text, service)| (key(text), Arc::new(service.clone())))
                .collect(),
        }
    }

    fn lines(have: &Table, want: &Table) -> Vec<String> {
        diff(have, want).iter().map(Operation::to_string).collect()
    }

    #[test]
    fn what_is_new_comes_before_what_goes() {
        let have = table(&[
            (
                "10.0.0.1:80",
                service(&[("10.1.0.1:80", 1), ("10.1.0.2:80", 1)]),
            ),
            ("10.0.0.2:80", service(&[("10.1.0.1:80", 1)])),
        ]);
        let mut changed = service(&[("10.1.0.1:80", 5), ("10.1.0.3:80", 1)]);
        changed.spec.scheduler = Scheduler::WLC;
        let want = table(&[
            ("10.0.0.1:80", changed),
            ("10.0.0.3:80", service(&[("10.1.0.1:80", 1)])),
        ]);
        assert_eq!(
            lines(&have, &want),
            [
                "change service TCP 10.0.0.1:80: scheduler wlc",
                "add destination 10.1.0.3:80 to TCP 10.0.0.1:80: Route weight 1",
                "change destination 10.1.0.1:80 of TCP 10.0.0.1:80: Route weight 5",
                "delete destination 10.1.0.2:80 of TCP 10.0.0.1:80",
                "add service TCP 10.0.0.3:80: scheduler rr",
                "add destination 10.1.0.1:80 to TCP 10.0.0.3:80: Route weight 1",
                "delete service TCP 10.0.0.2:80 and its destinations",
            ]
        );
    }

    #[test]
    fn destinations_are_added_in_their_order() {
        let want = table(&[(
            "10.0.0.1:80",
            service(&[("10.1.0.9:80", 1), ("10.1.0.2:80", 1)]),
        )]);
        assert_eq!(
            lines(&Table::default(), &want)[1..],
            [
                "add destination 10.1.0.9:80 to TCP 10.0.0.1:80: Route weight 1",
                "add destination 10.1.0.2:80 to TCP 10.0.0.1:80: Route weight 1",
            ]
        );
    }

    proptest! {
        #[test]
        fn nothing_is_done_to_what_is_right(table in sample::table()) {
            prop_assert_eq!(diff(&table, &table), vec![]);
        }

        // Each operation concerns an object that differs, and no object is met twice.
        #[test]
        fn no_operation_is_too_many(have in sample::table(), want in sample::table()) {
            let mut differing = 0;
            for (key, service) in &want.services {
                let old = have.services.get(key);
                differing += usize::from(old.map(|old| &old.spec) != Some(&service.spec));
                let none = Destinations::new();
                let old = old.map_or(&none, |old| &old.destinations);
                let mut addresses: Vec<_> = old.keys().chain(service.destinations.keys()).collect();
                addresses.sort();
                addresses.dedup();
                differing += addresses
                    .iter()
                    .filter(|address| old.get(**address) != service.destinations.get(**address))
                    .count();
            }
            differing += have
                .services
                .keys()
                .filter(|key| !want.services.contains_key(key))
                .count();
            prop_assert_eq!(diff(&have, &want).len(), differing);
        }
    }
}

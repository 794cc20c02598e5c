//! The table of services, and what leads from one table to another. Pure.

use std::collections::BTreeMap;
use std::net::SocketAddr;

use crate::operation::Operation;
use crate::repr::{DestinationSpec, ServiceKey, ServiceSpec};

/// Services with their destinations: what the kernel has, or what it shall have.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Table {
    /// Every virtual service.
    pub services: BTreeMap<ServiceKey, Service>,
}

/// One service with its destinations.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Service {
    /// What is asked of the service.
    pub spec: ServiceSpec,
    /// What is asked of each destination. With tunnels its family may differ from the service's.
    pub destinations: BTreeMap<SocketAddr, DestinationSpec>,
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
    let mut operations = Vec::new();
    for (key, service) in &want.services {
        match have.services.get(key) {
            None => {
                operations.push(Operation::AddService(*key, service.spec.clone()));
                diff_destinations(
                    *key,
                    &BTreeMap::new(),
                    &service.destinations,
                    &mut operations,
                );
            }
            Some(old) => {
                if old.spec != service.spec {
                    operations.push(Operation::SetService(*key, service.spec.clone()));
                }
                diff_destinations(
                    *key,
                    &old.destinations,
                    &service.destinations,
                    &mut operations,
                );
            }
        }
    }
    let gone = have
        .services
        .keys()
        .filter(|key| !want.services.contains_key(key));
    operations.extend(gone.copied().map(Operation::DeleteService));
    operations
}

fn diff_destinations(
    key: ServiceKey,
    have: &BTreeMap<SocketAddr, DestinationSpec>,
    want: &BTreeMap<SocketAddr, DestinationSpec>,
    operations: &mut Vec<Operation>,
) {
    let new = want
        .iter()
        .filter(|(address, _)| !have.contains_key(address));
    operations
        .extend(new.map(|(address, spec)| Operation::AddDestination(key, *address, spec.clone())));
    let changed = want
        .iter()
        .filter(|(address, spec)| have.get(address).is_some_and(|old| old != *spec));
    operations.extend(
        changed.map(|(address, spec)| Operation::SetDestination(key, *address, spec.clone())),
    );
    let gone = have.keys().filter(|address| !want.contains_key(address));
    operations.extend(gone.map(|address| Operation::DeleteDestination(key, *address)));
}

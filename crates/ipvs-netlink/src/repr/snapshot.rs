//! All that the kernel tells about its table at one time, counters included.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Arc;

use super::{DestinationSpec, ServiceKey, ServiceSpec, Stats};
use crate::table::{Service, Table};

/// What the kernel reported: the table with its counters.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Snapshot {
    /// Every virtual service.
    pub services: BTreeMap<ServiceKey, ServiceView>,
}

/// A virtual service as the kernel reports it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ServiceView {
    /// What was asked of it.
    pub spec: ServiceSpec,
    /// What it did.
    pub stats: Stats,
    /// Its destinations.
    pub destinations: BTreeMap<SocketAddr, DestinationView>,
}

/// A destination as the kernel reports it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DestinationView {
    /// What was asked of it.
    pub spec: DestinationSpec,
    /// What it did.
    pub stats: Stats,
    /// Connections now established.
    pub active_connections: u32,
    /// Connections now in other states.
    pub inactive_connections: u32,
    /// Clients now bound to it by persistence.
    pub persistent_connections: u32,
}

impl Snapshot {
    /// The table alone, for [`crate::diff`].
    pub fn into_table(self) -> Table {
        let service = |view: ServiceView| Service {
            spec: view.spec,
            destinations: view
                .destinations
                .into_iter()
                .map(|(address, destination)| (address, destination.spec))
                .collect(),
        };
        Table {
            services: self
                .services
                .into_iter()
                .map(|(key, view)| (key, Arc::new(service(view))))
                .collect(),
        }
    }
}

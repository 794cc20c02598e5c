//! A kernel for tests: links, addresses and an IPVS table in memory, everything done to it in a list.

use std::collections::BTreeSet;
use std::io;
use std::net::IpAddr;
use std::sync::Arc;

use ipvs_netlink::{
    Applied, Daemon, DaemonState, Failure, IpvsError, Operation, Service, ServiceKey, Table,
    Timeouts,
};

use super::firewall::Script;
use super::routing::{Change, Listed, RefusedChange};
use super::{
    Arp, Assignment, Device, DeviceKind, Ipvs, Link, LinkKind, Network, Outgoing, Refused,
    SharedRpFilter,
};

/// What was done, in order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Done {
    /// An address was added.
    Added(IpAddr),
    /// An address was removed.
    Removed(IpAddr),
    /// A route or a rule was changed.
    Rerouted(Box<Change>),
    /// A packet was sent; the priority in it.
    Sent(u8),
    /// An address was announced.
    Announced(IpAddr),
    /// A script of nftables was performed: how many tables it leaves.
    Firewall(usize),
    /// A link was made.
    Made(String),
    /// A link that was there was taken over.
    Settled(String),
    /// The link with this number was removed.
    Unmade(u32),
}

/// The fake.
#[derive(Debug, Default)]
pub struct FakeNetwork {
    /// What the kernel would list.
    pub links: Vec<Link>,
    /// What was done.
    pub done: Vec<Done>,
    /// Number of an interface that takes no gratuitous ARP.
    pub deaf: Option<u32>,
    /// The routes and rules that the kernel would list.
    pub routing: Listed,
    /// Routes and rules that it does not take, as they are named in messages.
    pub refusing: Vec<String>,
    /// Interfaces that keep secondary addresses.
    pub promoting: BTreeSet<String>,
    /// Whether links, routes and rules cannot be listed.
    pub unreadable: bool,
    /// `rp_filter` of all interfaces together.
    pub shared_rp_filter: SharedRpFilter,
}

impl FakeNetwork {
    /// One interface, up, with this address and number 3.
    pub fn with(name: &str, address: &str) -> FakeNetwork {
        FakeNetwork {
            links: vec![Link {
                index: 3,
                name: name.into(),
                up: true,
                mtu: 1500,
                addresses: vec![(address.parse().unwrap(), 24)],
                ..Link::default()
            }],
            done: Vec::new(),
            routing: Listed::default(),
            refusing: Vec::new(),
            promoting: BTreeSet::new(),
            deaf: None,
            unreadable: false,
            shared_rp_filter: SharedRpFilter::default(),
        }
    }

    fn link(&mut self, index: u32) -> Option<&mut Link> {
        self.links.iter_mut().find(|link| link.index == index)
    }
}

impl Network for FakeNetwork {
    fn links(&mut self) -> io::Result<Vec<Link>> {
        if self.unreadable {
            return Err(io::ErrorKind::Interrupted.into());
        }
        Ok(self.links.clone())
    }

    fn add(&mut self, addresses: &[Assignment]) -> Vec<Refused> {
        for address in addresses {
            self.done.push(Done::Added(address.address));
            let link = self.link(address.interface).unwrap();
            link.addresses.push((address.address, address.prefix_len));
        }
        Vec::new()
    }

    fn remove(&mut self, addresses: &[Assignment]) -> Vec<Refused> {
        for address in addresses {
            self.done.push(Done::Removed(address.address));
            if let Some(link) = self.link(address.interface) {
                link.addresses
                    .retain(|(there, _)| *there != address.address);
            }
        }
        Vec::new()
    }

    fn reroute(&mut self, changes: &[Change]) -> Vec<RefusedChange> {
        let (done, refused): (Vec<_>, Vec<_>) = changes
            .iter()
            .cloned()
            .partition(|change| !self.refusing.contains(&change.to_string()));
        for change in done {
            self.routing.change(&change);
            self.done.push(Done::Rerouted(change.into()));
        }
        let refuse = |change| RefusedChange {
            change,
            source: io::ErrorKind::InvalidInput.into(),
        };
        refused.into_iter().map(refuse).collect()
    }

    fn routing(&mut self) -> io::Result<Listed> {
        if self.unreadable {
            return Err(io::ErrorKind::Interrupted.into());
        }
        Ok(self.routing.clone())
    }

    fn promote_secondaries(&mut self, interface: &str, on: bool) -> io::Result<bool> {
        let name = interface.to_owned();
        Ok(match on {
            true => self.promoting.insert(name),
            false => self.promoting.remove(&name),
        })
    }

    fn send(&mut self, advert: &Outgoing<'_>) -> io::Result<()> {
        // The third byte of a VRRP PDU is its priority (RFC 3768 section 5.1).
        self.done.push(Done::Sent(advert.payload[2]));
        Ok(())
    }

    fn announce(&mut self, interface: u32, address: IpAddr) -> io::Result<()> {
        if self.deaf == Some(interface) {
            return Err(io::ErrorKind::NetworkDown.into());
        }
        self.done.push(Done::Announced(address));
        Ok(())
    }

    fn firewall(&mut self, script: Script) {
        let tables = script
            .text
            .lines()
            .filter(|line| line.ends_with('{') && line.starts_with("table"));
        self.done.push(Done::Firewall(tables.count()));
    }

    fn make_device(&mut self, device: &Device) -> io::Result<()> {
        self.done.push(Done::Made(device.name.clone()));
        let last = self.links.iter().map(|link| link.index).max().unwrap_or(0);
        let (kind, mac) = match device.kind {
            DeviceKind::Macvlan { mac, .. } => (LinkKind::Macvlan { private: true }, Some(mac)),
            DeviceKind::Ipvlan { mode } => (LinkKind::Ipvlan { mode }, None),
        };
        self.links.push(Link {
            index: last + 1,
            name: device.name.clone(),
            up: true,
            mac,
            kind,
            base: Some(device.base),
            ..Link::default()
        });
        Ok(())
    }

    fn settle_device(&mut self, device: &Device) -> io::Result<()> {
        self.done.push(Done::Settled(device.name.clone()));
        Ok(())
    }

    fn remove_device(&mut self, index: u32) -> io::Result<()> {
        self.done.push(Done::Unmade(index));
        self.links.retain(|link| link.index != index);
        Ok(())
    }

    fn set_arp(&mut self, index: u32, arp: Arp) -> io::Result<()> {
        self.link(index).unwrap().arp = arp;
        Ok(())
    }

    fn shared_rp_filter(&mut self) -> io::Result<SharedRpFilter> {
        Ok(self.shared_rp_filter)
    }

    fn set_shared_rp_filter(&mut self, shared: SharedRpFilter) -> io::Result<()> {
        self.shared_rp_filter = shared;
        Ok(())
    }

    fn set_group_reports(&mut self, _: bool) -> io::Result<bool> {
        Ok(true)
    }

    fn set_rp_filter(&mut self, index: u32, mode: u32) -> io::Result<()> {
        self.link(index).unwrap().rp_filter = mode;
        Ok(())
    }
}

/// An IPVS table in memory.
#[derive(Debug, Default)]
pub struct FakeIpvs {
    /// What the kernel has.
    pub table: Table,
    /// What it was asked, in order.
    pub asked: Vec<Operation>,
    /// How many of the next operations it refuses.
    pub refusing: usize,
    /// Its idle timeouts.
    pub timeouts: Timeouts,
    /// Its synchronisation daemons.
    pub daemons: Vec<Daemon>,
}

impl Ipvs for FakeIpvs {
    fn dump(&mut self) -> Result<Table, IpvsError> {
        Ok(self.table.clone())
    }

    fn apply(&mut self, operations: &[Operation]) -> Applied {
        // For tests of what comes first: the log, or this.
        tracing::info!(target: "kernel", "{} operations", operations.len());
        let mut failed = Vec::new();
        for operation in operations {
            self.asked.push(operation.clone());
            let refused = self.refusing > 0;
            self.refusing = self.refusing.saturating_sub(1);
            if refused || self.perform(operation.clone()).is_none() {
                failed.push(Failure {
                    operation: operation.clone(),
                    source: IpvsError::NotPermitted,
                });
            }
        }
        Applied {
            done: operations.len() - failed.len(),
            failed,
            adopted: Vec::new(),
        }
    }

    fn timeouts(&mut self) -> Result<Timeouts, IpvsError> {
        Ok(self.timeouts)
    }

    fn set_timeouts(&mut self, timeouts: &Timeouts) -> Result<(), IpvsError> {
        self.timeouts = *timeouts;
        Ok(())
    }

    fn daemons(&mut self) -> Result<Vec<Daemon>, IpvsError> {
        Ok(self.daemons.clone())
    }

    fn start_daemon(&mut self, daemon: &Daemon) -> Result<(), IpvsError> {
        let running = self.daemons.iter().any(|other| other.state == daemon.state);
        assert!(!running, "EEXIST");
        self.daemons.push(daemon.clone());
        Ok(())
    }

    fn stop_daemon(&mut self, state: DaemonState) -> Result<(), IpvsError> {
        self.daemons.retain(|daemon| daemon.state != state);
        Ok(())
    }
}

impl FakeIpvs {
    /// `None` where the service is not there.
    fn perform(&mut self, operation: Operation) -> Option<()> {
        let services = &mut self.table.services;
        match operation {
            Operation::AddService(key, spec) => {
                let destinations = Default::default();
                services.insert(key, Service { spec, destinations }.into());
            }
            Operation::SetService(key, spec) => self.service(key)?.spec = spec,
            Operation::DeleteService(key) => drop(services.remove(&key)),
            Operation::AddDestination(key, address, spec)
            | Operation::SetDestination(key, address, spec) => {
                self.service(key)?.destinations.insert(address, spec);
            }
            Operation::DeleteDestination(key, address) => {
                let destinations = &mut self.service(key)?.destinations;
                destinations.retain(|there, _| *there != address);
            }
            Operation::Flush => services.clear(),
        }
        Some(())
    }

    fn service(&mut self, key: ServiceKey) -> Option<&mut Service> {
        self.table.services.get_mut(&key).map(Arc::make_mut)
    }
}

//! Links of our own: made before anybody needs them, removed when nobody does any more.

use std::collections::BTreeSet;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use netlink_packet_route::address::AddressFlags;
use vrrp::{Name, Time};

use super::Driver;
use crate::failover::devices::{Setting, Step};
use crate::failover::groups::Vmacs;
use crate::journal::{Line, Part, write};
use crate::kernel::{Assignment, Device, DeviceKind, Link, Network};
use crate::plan::{By, PlannedDevice, PlannedInstance, VrrpPlan};

/// Prefix length of link-local addresses (RFC 4291 section 2.5.6).
const LINK_LOCAL: u8 = 64;

impl<N: Network> Driver<N> {
    /// Before the first configuration: makes its links, which are not set up yet, so that rules about them are there before
    /// they say anything. Answers whether there are any.
    pub(in crate::failover) fn prepare(&mut self, plan: &VrrpPlan) -> bool {
        let first = self.plan.instances.is_empty() && self.router.view().is_empty();
        let mut devices = plan.instances.iter().flat_map(|one| &one.devices);
        if !first || devices.next().is_none() || !self.look() {
            return false;
        }
        self.make_missing(plan);
        true
    }

    /// Makes the links of our own that are missing and whose links below are there, and sets up those that are new.
    pub(super) fn equip(&mut self) {
        let plan = std::mem::take(&mut self.plan);
        let there = self.make_missing(&plan);
        self.plan = plan;
        if there {
            self.set_up();
            self.set();
            if self.dress() {
                self.look();
            }
        }
    }

    /// Answers whether the links are known as they are afterwards.
    fn make_missing(&mut self, plan: &VrrpPlan) -> bool {
        let planned = plan.instances.iter().flat_map(|one| &one.devices);
        let steps = self.devices.steps(planned, &self.links);
        if steps.is_empty() {
            return true;
        }
        for (instance, step) in steps {
            self.make(&instance, step);
        }
        self.look()
    }

    /// Gives links of our own that are new their settings, and sets them up.
    fn set_up(&mut self) {
        let mut new = Vec::new();
        for planned in self.plan.instances.iter().flat_map(|one| &one.devices) {
            if let Some(link) = self.devices.link(planned, &self.links)
                && !self.settled.contains(&link.index)
            {
                let base = link
                    .base
                    .and_then(|base| self.links.iter().find(|one| one.index == base));
                let device = Device {
                    name: link.name.clone(),
                    base: link.base.unwrap_or(0),
                    kind: planned.kind,
                    group: planned.group,
                    controller: base.and_then(|base| base.controller),
                };
                new.push((Name::clone(&planned.instance), link.index, device));
            }
        }
        let there: BTreeSet<u32> = self.links.iter().map(|link| link.index).collect();
        self.settled.retain(|index| there.contains(index));
        let any = !new.is_empty();
        for (instance, index, device) in new {
            self.settled.insert(index);
            if let Err(error) = self.network.settle_device(&device) {
                let name = &device.name;
                self.complain(&instance, name, &format!("cannot set {name} up: {error}"));
            }
        }
        if any {
            self.look();
        }
    }

    fn make(&mut self, instance: &Name, step: Step) {
        let (device, made) = match &step {
            Step::Make(device) => (device, self.network.make_device(device)),
            Step::Adopt(device) => (device, Ok(())),
            Step::Replace(index, device) => {
                let removed = self.network.remove_device(*index);
                let network = &mut self.network;
                (device, removed.and_then(|()| network.make_device(device)))
            }
            Step::Taken(name) => {
                self.complain(
                    instance,
                    name,
                    &format!("cannot make {name}: another interface has that name"),
                );
                return;
            }
        };
        let name = device.name.clone();
        match made {
            Ok(()) => {
                self.troubles.remove(&name);
                write(&Line::DeviceMade {
                    instance: instance.to_string(),
                    ipvlan: matches!(device.kind, DeviceKind::Ipvlan { .. }),
                    found: matches!(step, Step::Adopt(_)),
                    interface: name,
                });
            }
            Err(error) => self.complain(instance, &name, &format!("cannot make {name}: {error}")),
        }
    }

    /// Once until it works again.
    fn complain(&mut self, instance: &Name, name: &str, text: &str) {
        if self.troubles.insert(name.to_owned()) {
            write(&Line::Trouble {
                part: Part::Vrrp,
                reason: format!("({instance}) {text}"),
            });
        }
    }

    /// Settings of links that are not ours: as macvlans on them need it, or back as they were.
    fn set(&mut self) {
        if self.plan.quiet_groups != self.reports.is_some() {
            let reports = match self.reports.take() {
                Some(before) => self.network.set_group_reports(before).map(|_| None),
                None => self.network.set_group_reports(false).map(Some),
            };
            match reports {
                Ok(reports) => self.reports = reports,
                Err(error) => write(&Line::Trouble {
                    part: Part::Vrrp,
                    reason: format!("cannot set igmp_link_local_mcast_reports: {error}"),
                }),
            }
        }
        let network = &mut self.network;
        let planned = self.plan.instances.iter().flat_map(|one| &one.devices);
        let shared = || network.shared_rp_filter().ok();
        let settings = self.devices.settings(planned, &self.links, shared);
        for setting in settings {
            let set = match setting {
                Setting::Arp(index, arp) => self.network.set_arp(index, arp),
                Setting::RpFilter(index, mode) => self.network.set_rp_filter(index, mode),
                Setting::Shared(shared) => self.network.set_shared_rp_filter(shared),
            };
            if let Err(error) = set {
                let what = match setting {
                    Setting::Arp(..) => "arp_ignore and arp_filter",
                    Setting::RpFilter(..) | Setting::Shared(_) => "rp_filter",
                };
                write(&Line::Trouble {
                    part: Part::Vrrp,
                    reason: format!("cannot set {what} for a VMAC: {error}"),
                });
            }
        }
    }

    /// Gives links of our own the addresses that adverts are sent from; answers whether any was missing.
    fn dress(&mut self) -> bool {
        let mut missing = Vec::new();
        for instance in &self.plan.instances {
            for device in &instance.devices {
                let Some(link) = self.devices.link(device, &self.links) else {
                    continue;
                };
                let Some((address, prefix_len)) = self.own_source(device) else {
                    continue;
                };
                let has_one = self.lent(device, link).is_some();
                if !has_one && !link.addresses.iter().any(|(there, _)| *there == address) {
                    // As keepalived has them: not waited for, and no source of anything else.
                    missing.push(Assignment {
                        interface: link.index,
                        interface_name: link.name.clone(),
                        address,
                        prefix_len,
                        peer: None,
                        broadcast: None,
                        scope: 0,
                        label: None,
                        flags: match address {
                            IpAddr::V4(_) => AddressFlags::empty(),
                            IpAddr::V6(_) => AddressFlags::Nodad,
                        },
                        preferred: address.is_ipv6().then_some(0),
                    });
                }
            }
        }
        for refused in self.network.add(&missing) {
            write(&Line::Trouble {
                part: Part::Vrrp,
                reason: format!("cannot add {}: {}", refused.address, refused.source),
            });
        }
        !missing.is_empty()
    }

    /// The address that a link of our own has besides the virtual ones: that of an ipvlan, or, over IPv6, that of the link
    /// below a macvlan (RFC 9568 section 5.1.2.1 asks for the interface's own).
    fn own_source(&self, device: &PlannedDevice) -> Option<(IpAddr, u8)> {
        match device.kind {
            DeviceKind::Ipvlan { .. } => device.address,
            DeviceKind::Macvlan { inet6: false, .. } => None,
            DeviceKind::Macvlan { inet6: true, .. } => {
                let below = self.link(&device.base)?;
                let address = self.own_link_local(below)?;
                Some((address.into(), LINK_LOCAL))
            }
        }
    }

    /// The link-local address that a macvlan has of the link below; that it has it, and not another one, is kept.
    fn lent(&self, device: &PlannedDevice, link: &Link) -> Option<Ipv6Addr> {
        let below = self.link(&device.base)?;
        let mut addresses = link.addresses.iter().map(|(address, _)| *address);
        addresses.find_map(|address| match address {
            IpAddr::V6(v6)
                if v6.is_unicast_link_local()
                    && !self.is_virtual(address)
                    && below.addresses.iter().any(|(there, _)| *there == address) =>
            {
                Some(v6)
            }
            _ => None,
        })
    }

    /// The VMACs that are there, for the rules about them, and the table that those are in.
    pub(in crate::failover) fn vmacs(&self) -> (Vmacs, Option<&str>) {
        self.vmacs_of(&self.plan)
    }

    /// Those of a plan.
    pub(in crate::failover) fn vmacs_of<'p>(&self, plan: &'p VrrpPlan) -> (Vmacs, Option<&'p str>) {
        let planned = plan.instances.iter().flat_map(|one| &one.devices);
        let there = planned.filter_map(|one| Some((one, self.devices.link(one, &self.links)?)));
        let vmacs = Vmacs::of(there, plan.quiet_groups);
        (vmacs, plan.table.as_deref())
    }

    /// Removes links of our own that nobody wants any more, and what was changed for them.
    pub(super) fn strip(&mut self) {
        let planned = self.plan.instances.iter().flat_map(|one| &one.devices);
        let stale = self.devices.stale(planned, &self.links);
        for (instance, link) in &stale {
            match self.network.remove_device(link.index) {
                Ok(()) => write(&Line::DeviceRemoved {
                    instance: instance.to_string(),
                    interface: link.name.clone(),
                }),
                Err(error) => write(&Line::Trouble {
                    part: Part::Vrrp,
                    reason: format!("({instance}) cannot remove {}: {error}", link.name),
                }),
            }
        }
        if stale.is_empty() || self.look() {
            self.set();
        }
    }

    /// Takes note of how links stand, where a change must last to count.
    pub(super) fn observe(&mut self, now: Time) {
        for link in &self.links {
            let of_base = |base: u32| self.links.iter().find(|link| link.index == base);
            let below = link.base.and_then(of_base).unwrap_or(link);
            self.debounce.observe(now, &link.name, &below.name, link.up);
        }
    }

    /// Where adverts come from over IPv4, unless the configuration says it.
    pub(super) fn source(&self, instance: &PlannedInstance, below: &Link) -> Option<Ipv4Addr> {
        match instance.own_device() {
            Some(device) if matches!(device.kind, DeviceKind::Ipvlan { .. }) => {
                match device.address {
                    Some((IpAddr::V4(address), _)) => Some(address),
                    _ => None,
                }
            }
            _ => self.own_address(below),
        }
    }

    /// Where adverts come from over IPv6.
    pub(super) fn source6(&self, instance: &PlannedInstance, below: &Link) -> Option<Ipv6Addr> {
        let Some(device) = instance.own_device().filter(|_| instance.by == By::Device) else {
            return self.own_link_local(below);
        };
        let link = self.devices.link(device, &self.links)?;
        match device.kind {
            DeviceKind::Macvlan { .. } => self.lent(device, link),
            DeviceKind::Ipvlan { .. } => self.own_link_local(link),
        }
    }

    /// Of each instance that has any, whether all is there that it cannot do without besides the link that its adverts go
    /// through.
    pub(super) fn prerequisites(&self) -> Vec<(Name, bool)> {
        let mut all = Vec::new();
        for instance in &self.plan.instances {
            if !instance.has_prerequisites() {
                continue;
            }
            let above = instance.by != By::Base
                || instance.config.dont_track_link
                || instance
                    .own_device()
                    .and_then(|device| self.devices.link(device, &self.links))
                    .is_some_and(|link| self.is_up(link));
            let source = !instance.tracks_source
                || instance.config.source.is_some_and(|source| {
                    let mut addresses = self.links.iter().flat_map(|link| &link.addresses);
                    addresses.any(|(there, _)| *there == source)
                });
            all.push((Name::clone(&instance.config.name), above && source));
        }
        all
    }
}

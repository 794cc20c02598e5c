//! What the kernel said of the links: which are there, which count as up, what the router has to know of them.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use keepalived_conf::TrackKind;
use vrrp::{Interface, Name, Time};

use super::{Driver, LOOK_AGAIN};
use crate::failover::place;
use crate::journal::{Line, Part, write};
use crate::kernel::{Link, Network};
use crate::plan::{By, PlannedAddress, PlannedInstance};

impl<N: Network> Driver<N> {
    /// The same as [`Driver::look`]; where the kernel does not tell, it is asked again.
    pub(super) fn look_or_later(&mut self, now: Time) -> bool {
        let told = self.look();
        self.look_at = (!told).then(|| now + LOOK_AGAIN);
        told
    }

    /// Asks the kernel for all links; answers whether it told. If it did not, what is known stays.
    pub(super) fn look(&mut self) -> bool {
        match self.network.links() {
            Ok(links) => {
                self.links = links;
                self.blind = false;
            }
            Err(error) => {
                if !self.blind {
                    write(&Line::Trouble {
                        part: Part::Vrrp,
                        reason: format!(
                            "cannot list the network interfaces: {error}; trying again, with what was known until then"
                        ),
                    });
                }
                self.blind = true;
            }
        }
        !self.blind
    }

    /// The interface that an instance is on, or the VRF where it has only that.
    pub(super) fn interface(&self, instance: &PlannedInstance) -> Option<&Link> {
        home(&self.links, instance)
    }

    /// The VRF that unicast adverts of an instance are in.
    pub(super) fn vrf(&self, instance: &PlannedInstance) -> Option<&Link> {
        vrf_of(&self.links, home(&self.links, instance)?)
    }

    /// Whether what came in by the link with this number came in by a VRF.
    pub(super) fn is_in_vrf(&self, index: u32) -> bool {
        let link = self.links.iter().find(|link| link.index == index);
        link.is_some_and(|link| vrf_of(&self.links, link).is_some())
    }

    /// Says which instances wait for a VRF, once each.
    pub(super) fn tell_of_vrfs(&mut self) {
        let mut adrift = BTreeMap::new();
        for instance in &self.plan.instances {
            let Some(vrf) = &instance.vrf else { continue };
            if self.interface(instance).is_some() {
                continue;
            }
            let reason = match self.link(vrf) {
                Some(_) => format!("{vrf} is no VRF"),
                None => format!("there is no VRF {vrf}"),
            };
            let name = &instance.config.name;
            if self.adrift.get(name) != Some(&reason) {
                write(&Line::Trouble {
                    part: Part::Vrrp,
                    reason: format!(
                        "({name}) {reason}: it stays in FAULT until that is there (`ip link add {vrf} type vrf table N`)"
                    ),
                });
            }
            adrift.insert(Name::clone(name), reason);
        }
        self.adrift = adrift;
    }

    /// The link that adverts of an instance go through.
    pub(super) fn seat(&self, instance: &PlannedInstance) -> Option<&Link> {
        match instance.by {
            By::Interface | By::Base => self.interface(instance),
            By::Device => self.devices.link(instance.own_device()?, &self.links),
        }
    }

    /// The number of that of each instance.
    pub(super) fn seats(&self) -> Vec<Option<u32>> {
        let instances = self.plan.instances.iter();
        let seats = instances.map(|instance| self.seat(instance));
        seats.map(|link| link.map(|link| link.index)).collect()
    }

    /// The link that an address is on.
    pub(super) fn place(
        &self,
        instance: &PlannedInstance,
        address: &PlannedAddress,
    ) -> Option<&Link> {
        match address.device {
            None => self.link(&address.interface),
            Some(at) => self.devices.link(instance.devices.get(at)?, &self.links),
        }
    }

    pub(super) fn is_up(&self, link: &Link) -> bool {
        self.debounce.is_up(&link.name, link.up)
    }

    pub(super) fn link(&self, name: &str) -> Option<&Link> {
        self.links.iter().find(|link| link.name == name)
    }

    pub(super) fn name_of(&self, interface: u32) -> Option<String> {
        let link = self.links.iter().find(|link| link.index == interface);
        link.map(|link| link.name.clone())
    }

    /// The interfaces that matter, with whether each counts as up.
    pub(super) fn up(&self) -> BTreeMap<String, bool> {
        let instances = self.plan.instances.iter();
        let seats = instances.clone().filter_map(|one| self.seat(one));
        let tracked = self
            .tracks()
            .filter(|track| track.kind == TrackKind::Interface)
            .map(|track| &track.name);
        instances
            .filter_map(|instance| instance.interface.as_ref())
            .chain(seats.map(|link| &link.name))
            .chain(tracked)
            .map(|name| {
                let up = self.link(name).is_some_and(|link| self.is_up(link));
                (name.clone(), up)
            })
            .collect()
    }

    /// Interfaces whose carrier came or went, once each, with whether they are up now.
    pub(super) fn turned(&self, before: &BTreeMap<String, bool>) -> Vec<(String, bool)> {
        let now = self.up();
        let gone = before.iter().filter(|(name, _)| !now.contains_key(*name));
        let gone = gone.map(|(name, _)| (name.clone(), false));
        let gone: Vec<_> = gone
            .filter(|(name, _)| before.get(name) == Some(&true))
            .collect();
        let turned = now
            .into_iter()
            .filter(|(name, is)| before.get(name).copied().unwrap_or(false) != *is);
        gone.into_iter().chain(turned).collect()
    }

    /// Whether an interface that an instance or one of its addresses is on came, went, was made anew, or changed its VRF.
    pub(super) fn renumbered(&self, before: &[Link]) -> bool {
        let index = |links: &[Link], name: &str| {
            let link = links.iter().find(|link| link.name == name);
            link.map(|link| link.index)
        };
        let vrf = |links: &[Link], instance: &PlannedInstance| {
            let vrf = home(links, instance).and_then(|home| vrf_of(links, home));
            vrf.map(|vrf| vrf.index)
        };
        let mut instances = self.plan.instances.iter();
        if instances.any(|one| vrf(before, one) != vrf(&self.links, one)) {
            return true;
        }
        self.plan
            .instances
            .iter()
            .flat_map(|instance| {
                let addresses = instance.addresses.iter().map(|address| &*address.interface);
                let routes = instance.routes.iter().flat_map(place::names);
                let own = instance.interface.as_deref().into_iter();
                own.chain(addresses).chain(routes)
            })
            .any(|name| index(before, name) != index(&self.links, name))
    }

    /// What the router has to know of each interface that an instance is on.
    pub(super) fn facts(&self) -> Vec<Interface> {
        let mut facts = BTreeMap::new();
        for instance in &self.plan.instances {
            let link = self.seat(instance);
            let index = link.map_or(0, |link| link.index);
            let below = self.interface(instance);
            facts.entry(index).or_insert_with(|| Interface {
                index,
                up: [link, below]
                    .iter()
                    .all(|link| link.is_some_and(|link| self.is_up(link))),
                source: below.and_then(|below| self.source(instance, below)),
                source6: below.and_then(|below| self.source6(instance, below)),
            });
        }
        facts.into_values().collect()
    }

    /// The first IPv4 address of an interface that is not one of ours.
    pub(super) fn own_address(&self, link: &Link) -> Option<Ipv4Addr> {
        link.addresses
            .iter()
            .find_map(|(address, _)| match address {
                IpAddr::V4(v4) if !self.is_virtual(*address) => Some(*v4),
                _ => None,
            })
    }

    /// The first link-local IPv6 address of an interface that is not one of ours and can be sent from (RFC 9568 5.1.2.1).
    pub(super) fn own_link_local(&self, link: &Link) -> Option<Ipv6Addr> {
        link.addresses
            .iter()
            .find_map(|(address, _)| match address {
                IpAddr::V6(v6)
                    if v6.is_unicast_link_local()
                        && !link.tentative.contains(address)
                        && !self.is_virtual(*address) =>
                {
                    Some(*v6)
                }
                _ => None,
            })
    }

    pub(super) fn is_virtual(&self, address: IpAddr) -> bool {
        let planned = self
            .plan
            .instances
            .iter()
            .flat_map(|instance| &instance.addresses);
        planned
            .into_iter()
            .any(|planned| planned.address.address == address)
            || self
                .installed
                .values()
                .flatten()
                .any(|installed| installed.address == address)
    }
}

/// Where an instance is, among those links: on its interface, or in its VRF where it has only that.
fn home<'l>(links: &'l [Link], instance: &PlannedInstance) -> Option<&'l Link> {
    let named = |name: &String| links.iter().find(|link| link.name == *name);
    match (&instance.interface, &instance.vrf) {
        (Some(interface), _) => named(interface),
        (None, Some(vrf)) => named(vrf).filter(|link| link.vrf_table.is_some()),
        (None, None) => None,
    }
}

/// The VRF that a link is in, or is.
fn vrf_of<'l>(links: &'l [Link], link: &'l Link) -> Option<&'l Link> {
    let controller = |index| links.iter().find(|link| link.index == index);
    [Some(link), link.controller.and_then(controller)]
        .into_iter()
        .flatten()
        .find(|link| link.vrf_table.is_some())
}

//! Links of an instance's own: the macvlan or ipvlan of its adverts, and macvlans of addresses on other interfaces.
//!
//! keepalived behaviour: an address without `dev`, or with the instance's own interface as `dev`, is on the instance's VMAC
//! if it is of the instance's family. Every other address is on its interface, unless it has `use_vmac` or the instance has
//! `use_vmac_addr`: then on a VMAC there, which those of one interface and family share. ipvlans carry no virtual addresses.

use std::net::IpAddr;

use keepalived_conf::{self as conf, Device, Family, VirtualAddress, VrrpInstance};
use vrrp::Name;

use crate::kernel::DeviceKind;

/// What names of such links begin with, unless the configuration says otherwise.
const PREFIX: &str = "vrrp";

/// A link to be made on another one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PlannedDevice {
    /// Whose it is.
    pub instance: Name,
    /// The interface that it is on.
    pub base: String,
    /// Its name, if it was given.
    pub name: Option<String>,
    /// What its name begins with otherwise.
    pub prefix: String,
    /// The instance's virtual router id, which such a name ends with.
    pub vrid: u8,
    /// For IPv6 addresses.
    pub six: bool,
    /// What it is.
    pub kind: DeviceKind,
    /// Number of its interface group.
    pub group: Option<u32>,
    /// An address of its own, which adverts are sent from, with its prefix length.
    pub address: Option<(IpAddr, u8)>,
}

/// The links of an instance, and which of them each address is on.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Devices {
    /// In the order in which they get their names; the instance's own is the first.
    pub list: Vec<PlannedDevice>,
    /// Whether the first is the instance's own, and not only that of an address.
    pub own: bool,
}

/// A link's place in [`Devices::list`].
pub(super) type At = usize;

impl Devices {
    /// Those of `instance`, without those of its addresses.
    pub fn of(instance: &VrrpInstance, interfaces: &conf::Interfaces) -> Devices {
        let Some(base) = &instance.interface else {
            return Devices::default();
        };
        let six = instance.family == Family::Inet6;
        let prefix = interfaces.vmac_prefix.as_deref().unwrap_or(PREFIX);
        let device = |name: &Option<String>, group: &Option<String>, kind| PlannedDevice {
            instance: Name::from(instance.name.as_str()),
            base: base.clone(),
            name: name.clone(),
            prefix: prefix.to_owned(),
            vrid: instance.vrid,
            six,
            kind,
            group: group.as_deref().and_then(group_number),
            address: None,
        };
        let own = match &instance.device {
            Device::Interface => return Devices::default(),
            Device::Vmac(vmac) => {
                let mac = vmac.mac.unwrap_or_else(|| mac(instance.vrid, six));
                device(
                    &vmac.name,
                    &vmac.group,
                    DeviceKind::Macvlan {
                        mac,
                        inet: !six,
                        inet6: six,
                    },
                )
            }
            Device::Ipvlan(ipvlan) => PlannedDevice {
                address: ipvlan.address,
                ..device(
                    &ipvlan.name,
                    &ipvlan.group,
                    DeviceKind::Ipvlan { mode: ipvlan.mode },
                )
            },
        };
        Devices {
            list: vec![own],
            own: true,
        }
    }

    /// The link that an address is on, which is added if it is the first there; `None` for the interface itself.
    pub fn seat(
        &mut self,
        instance: &VrrpInstance,
        interfaces: &conf::Interfaces,
        interface: &str,
        address: &VirtualAddress,
    ) -> Option<At> {
        let six = address.address.is_ipv6();
        let vmac = match &instance.device {
            Device::Vmac(vmac) => Some(vmac),
            Device::Interface | Device::Ipvlan(_) => None,
        };
        let family = (instance.family == Family::Inet6) == six;
        let at_home = instance.interface.as_deref() == Some(interface);
        if vmac.is_some() && at_home && family {
            return Some(0);
        }
        if !address.options.use_vmac && !vmac.is_some_and(|vmac| vmac.for_addresses) {
            return None;
        }
        // A hardware address that was given is not that of one family.
        let given = vmac.is_some_and(|vmac| vmac.mac.is_some());
        if given
            && at_home
            && let Some(own) = self.list.first_mut()
            && let DeviceKind::Macvlan { inet, inet6, .. } = &mut own.kind
        {
            (*inet, *inet6) = (true, true);
            return Some(0);
        }
        let first = usize::from(self.own);
        let there = |device: &PlannedDevice| device.base == interface && device.six == six;
        if let Some(at) = self.list.iter().skip(first).position(there) {
            return Some(first + at);
        }
        let prefix = interfaces.vmac_addr_prefix.as_ref();
        let prefix = prefix.or(interfaces.vmac_prefix.as_ref());
        let mac = vmac
            .and_then(|vmac| vmac.mac)
            .unwrap_or_else(|| mac(instance.vrid, six));
        self.list.push(PlannedDevice {
            instance: Name::from(instance.name.as_str()),
            base: interface.to_owned(),
            name: None,
            prefix: prefix.map_or(PREFIX, String::as_str).to_owned(),
            vrid: instance.vrid,
            six,
            kind: DeviceKind::Macvlan {
                mac,
                inet: !six,
                inet6: six,
            },
            group: vmac.and_then(|vmac| vmac.group.as_deref().and_then(group_number)),
            address: None,
        });
        Some(self.list.len() - 1)
    }
}

/// The hardware address of a virtual router (RFC 9568 section 7.3).
fn mac(vrid: u8, six: bool) -> [u8; 6] {
    [0, 0, 0x5e, 0, if six { 2 } else { 1 }, vrid]
}

/// A number, or the one name that every host has; other names are the host's own.
pub(super) fn group_number(group: &str) -> Option<u32> {
    match group {
        "default" => Some(0),
        number => number.parse().ok(),
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::planned;

    /// `MAC PREFIX BASE` of each link.
    fn devices(text: &'static str) -> Vec<String> {
        let plan = planned(text);
        let all = plan.vrrp.instances.iter().flat_map(|one| &one.devices);
        all.map(|device| format!("{:x?} {} {}", device.kind, device.prefix, device.base))
            .collect()
    }

    // As seen of keepalived 2.2.7.
    #[test]
    fn addresses_on_other_interfaces_and_of_the_other_family_have_links_of_their_own() {
        let text = "global_defs {\ndynamic_interfaces\nvmac_prefix vm\nvmac_addr_prefix va\n}\nvrrp_instance X {\ninterface eth0\n\
                    virtual_router_id 63\nuse_vmac\nuse_vmac_addr\nvirtual_ipaddress {\n10.9.0.130/24\n\
                    10.9.0.101/24 dev eth0\n10.9.1.131/24 dev eth1 use_vmac\n10.9.1.132/24 dev eth1\n}\n\
                    virtual_ipaddress_excluded {\n2001:db8::1/64\n2001:db8::2/64 dev eth1 use_vmac\n}\n}\n";
        assert_eq!(
            devices(text),
            [
                "Macvlan { mac: [0, 0, 5e, 0, 1, 3f], inet: true, inet6: false } vm eth0",
                "Macvlan { mac: [0, 0, 5e, 0, 1, 3f], inet: true, inet6: false } va eth1",
                "Macvlan { mac: [0, 0, 5e, 0, 2, 3f], inet: false, inet6: true } va eth0",
                "Macvlan { mac: [0, 0, 5e, 0, 2, 3f], inet: false, inet6: true } va eth1",
            ]
        );
        let plan = planned(text);
        let seats: Vec<_> = plan.vrrp.instances[0]
            .addresses
            .iter()
            .map(|address| address.device)
            .collect();
        let seats_seen = [Some(0), Some(0), Some(1), Some(1), Some(2), Some(3)];
        assert_eq!(seats, seats_seen);
    }

    #[test]
    fn an_address_may_have_a_link_where_its_instance_has_none() {
        let text = "vrrp_instance W {\ninterface eth1\nvirtual_router_id 62\nvirtual_ipaddress {\n10.9.1.100/24\n\
                    10.9.1.103/24 dev eth1 use_vmac\n}\n}\n";
        assert_eq!(
            devices(text),
            ["Macvlan { mac: [0, 0, 5e, 0, 1, 3e], inet: true, inet6: false } vrrp eth1"]
        );
        let plan = planned(text);
        assert!(plan.vrrp.instances[0].own_device().is_none());
    }
}

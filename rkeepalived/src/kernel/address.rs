//! The messages that add and remove an address (linux/if_addr.h).

use std::net::IpAddr;

use netlink_packet_core::{NLM_F_CREATE, NLM_F_REPLACE};
use netlink_packet_route::address::{AddressAttribute, AddressMessage, CacheInfo};
use netlink_packet_route::{AddressFamily, RouteNetlinkMessage};

use super::Assignment;

/// How long an address is valid that is so forever (`INFINITY_LIFE_TIME`).
const FOREVER: u32 = u32::MAX;

/// The message that adds it, with its flags. One that is there with other lifetimes is changed.
pub(super) fn add(wanted: &Assignment) -> (RouteNetlinkMessage, u16) {
    let mut message = common(wanted);
    let attributes = &mut message.attributes;
    if let Some(broadcast) = wanted.broadcast {
        attributes.push(AddressAttribute::Broadcast(broadcast));
    }
    if let Some(seconds) = wanted.preferred {
        let mut lifetime = CacheInfo::default();
        lifetime.ifa_preferred = seconds;
        lifetime.ifa_valid = FOREVER;
        attributes.push(AddressAttribute::CacheInfo(lifetime));
    }
    if !wanted.flags.is_empty() {
        attributes.push(AddressAttribute::Flags(wanted.flags));
    }
    if let Some(label) = &wanted.label {
        attributes.push(AddressAttribute::Label(label.clone()));
    }
    (
        RouteNetlinkMessage::NewAddress(message),
        NLM_F_CREATE | NLM_F_REPLACE,
    )
}

/// The message that removes it, with its flags.
pub(super) fn remove(wanted: &Assignment) -> (RouteNetlinkMessage, u16) {
    (RouteNetlinkMessage::DelAddress(common(wanted)), 0)
}

fn common(wanted: &Assignment) -> AddressMessage {
    let mut message = AddressMessage::default();
    message.header.family = match wanted.address {
        IpAddr::V4(_) => AddressFamily::Inet,
        IpAddr::V6(_) => AddressFamily::Inet6,
    };
    message.header.prefix_len = wanted.prefix_len;
    message.header.index = wanted.interface;
    message.header.scope = wanted.scope.into();
    // IFA_ADDRESS is the other end of a point-to-point link, or else the address itself.
    let other = wanted.peer.unwrap_or(wanted.address);
    message.attributes = vec![
        AddressAttribute::Local(wanted.address),
        AddressAttribute::Address(other),
    ];
    message
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::failover::assignment::assignment;
    use crate::kernel::Link;
    use crate::kernel::captured::{self, emitted, split};
    use crate::plan::tests::model;

    /// `struct ifaddrmsg`.
    const FIXED: usize = 8;
    const IFA_ADDRESS: u16 = 1;
    const IFA_LOCAL: u16 = 2;

    #[test]
    fn addresses_are_added_as_keepalived_does() {
        for (config, _, bytes) in captured::lines(captured::ADDRESSES) {
            let text = format!(
                "vrrp_instance V {{\ninterface eth0\nvirtual_router_id 1\nvirtual_ipaddress {{\n{config}\n}}\n}}\n"
            );
            let planned = model(&text).instances.remove(0).addresses.remove(0);
            let name = planned.device.as_deref().unwrap_or("eth0");
            let link = Link {
                index: captured::index(name).unwrap(),
                name: name.into(),
                up: true,
                ..Link::default()
            };
            let (message, _) = add(&assignment(&link, &planned));
            let (mut expected, ours) = (split(&bytes, FIXED), split(&emitted(message), FIXED));
            // Where there is no other end, IFA_ADDRESS may be left out: the kernel takes IFA_LOCAL.
            if !expected.1.iter().any(|(kind, _)| *kind == IFA_ADDRESS) {
                let local = expected.1.iter().find(|(kind, _)| *kind == IFA_LOCAL);
                let local = local.unwrap().1.clone();
                expected.1.insert((IFA_ADDRESS, local));
            }
            assert_eq!(ours, expected, "{config}");
        }
    }

    #[test]
    fn an_address_is_removed_with_its_other_end() {
        let text = "vrrp_instance V {\ninterface eth0\nvirtual_router_id 1\nvirtual_ipaddress {\n10.9.2.1 peer 10.9.2.2\n}\n}\n";
        let planned = model(text).instances.remove(0).addresses.remove(0);
        let link = Link {
            index: 3,
            name: "eth0".into(),
            up: true,
            ..Link::default()
        };
        let (message, _) = remove(&assignment(&link, &planned));
        // As captured from `ip address del 10.9.2.1 peer 10.9.2.2 dev eth0`: AF_INET, /32, link 3; both ends.
        let (fixed, attributes) = split(&emitted(message), FIXED);
        assert_eq!(fixed, [2, 32, 0, 0, 3, 0, 0, 0]);
        let both = [
            (IFA_ADDRESS, vec![10, 9, 2, 2]),
            (IFA_LOCAL, vec![10, 9, 2, 1]),
        ];
        assert_eq!(attributes, both.into());
    }
}

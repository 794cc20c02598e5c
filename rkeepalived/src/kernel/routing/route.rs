//! The messages that add and remove a route (linux/rtnetlink.h, `struct rtmsg`).

use std::net::IpAddr;

use keepalived_conf::{Encap, Family, Network, Realms, RouteKind};
use netlink_packet_core::DefaultNla;
use netlink_packet_route::AddressFamily;
use netlink_packet_route::route::{
    RouteAttribute, RouteFlags, RouteLwEnCapType, RouteLwTunnelEncap, RouteMessage, RouteNextHop,
    RouteNextHopFlags, RoutePreference, RouteScope, RouteType, RouteVia,
};

use super::{PlacedRoute, encap, metric};

const RTA_FLOW: u16 = 11;
/// `RT_TABLE_UNSPEC`: the number is in an attribute.
const TABLE_ELSEWHERE: u8 = 0;

/// Adds it.
pub(super) fn add(placed: &PlacedRoute) -> RouteMessage {
    let mut message = common(placed);
    let route = &placed.route;
    message.header.kind = kind(route.kind);
    // keepalived behaviour: the universe, also for a route without a gateway, where ip(8) says `link`.
    message.header.scope = route.scope.map_or(RouteScope::Universe, RouteScope::from);
    message
}

/// Removes it, whatever its scope is.
pub(super) fn remove(placed: &PlacedRoute) -> RouteMessage {
    let mut message = common(placed);
    message.header.kind = match placed.route.kind {
        RouteKind::Unicast => RouteType::Unspec,
        other => kind(other),
    };
    message.header.scope = RouteScope::NoWhere;
    message
}

fn common(placed: &PlacedRoute) -> RouteMessage {
    let route = &placed.route;
    let mut message = RouteMessage::default();
    message.header.address_family = family(route.family);
    message.header.destination_prefix_length = route.destination.prefix_len;
    message.header.source_prefix_length = route.from.map_or(0, |from| from.prefix_len);
    message.header.tos = route.tos;
    message.header.table = u8::try_from(placed.table).unwrap_or(TABLE_ELSEWHERE);
    message.header.protocol = route.protocol.into();
    if route.onlink {
        message.header.flags |= RouteFlags::Onlink;
    }
    let attributes = &mut message.attributes;
    if message.header.table == TABLE_ELSEWHERE {
        attributes.push(RouteAttribute::Table(placed.table));
    }
    let Network { address, .. } = route.destination;
    attributes.push(RouteAttribute::Destination(address.into()));
    if let Some(from) = route.from {
        attributes.push(RouteAttribute::Source(from.address.into()));
    }
    if let Some(source) = route.source {
        attributes.push(RouteAttribute::PrefSource(source.into()));
    }
    attributes.extend(route.gateway.map(|gateway| way(route.family, gateway)));
    attributes.extend(route.encap.iter().flat_map(wrapped));
    attributes.extend(placed.device.map(RouteAttribute::Oif));
    attributes.extend(route.metric.map(RouteAttribute::Priority));
    attributes.extend(route.realms.map(realms));
    let metrics = metric::metrics(&route.metrics);
    if !metrics.is_empty() {
        attributes.push(RouteAttribute::Metrics(metrics));
    }
    if let Some(expires) = route.expires {
        let seconds = u32::try_from(expires.as_secs()).unwrap_or(u32::MAX);
        attributes.push(RouteAttribute::Expires(seconds));
    }
    let preference = route.preference.map(RoutePreference::from);
    attributes.extend(preference.map(RouteAttribute::Preference));
    if let Some(on) = route.ttl_propagate {
        attributes.push(RouteAttribute::TtlPropagate(u8::from(on).into()));
    }
    if !route.next_hops.is_empty() {
        attributes.push(RouteAttribute::MultiPath(next_hops(placed)));
    }
    message
}

fn next_hops(placed: &PlacedRoute) -> Vec<RouteNextHop> {
    let route = &placed.route;
    let mut devices = placed.hops.iter();
    let hop = |hop: &keepalived_conf::NextHop| {
        let mut next = RouteNextHop::default();
        // The kernel counts from 0.
        let weight = hop.weight.unwrap_or(1).saturating_sub(1);
        next.hops = u8::try_from(weight).unwrap_or(u8::MAX);
        next.interface_index = devices.next().copied().flatten().unwrap_or(0);
        if hop.onlink {
            next.flags |= RouteNextHopFlags::Onlink;
        }
        next.attributes
            .extend(hop.gateway.map(|gateway| way(route.family, gateway)));
        next.attributes.extend(hop.encap.iter().flat_map(wrapped));
        next.attributes.extend(hop.realms.map(realms));
        next
    };
    route.next_hops.iter().map(hop).collect()
}

/// The family's number.
pub(super) fn family(family: Family) -> AddressFamily {
    match family {
        Family::Inet => AddressFamily::Inet,
        Family::Inet6 => AddressFamily::Inet6,
    }
}

/// A gateway; one of the other family has an attribute of its own.
fn way(of: Family, gateway: IpAddr) -> RouteAttribute {
    match (of, gateway) {
        (Family::Inet, IpAddr::V6(other)) => RouteAttribute::Via(RouteVia::Inet6(other)),
        (Family::Inet6, IpAddr::V4(other)) => RouteAttribute::Via(RouteVia::Inet(other)),
        (_, same) => RouteAttribute::Gateway(same.into()),
    }
}

fn wrapped(wrapping: &Encap) -> [RouteAttribute; 2] {
    let (kind, attributes) = encap::attributes(wrapping);
    let attributes = attributes
        .into_iter()
        .map(|(kind, bytes)| RouteLwTunnelEncap::Other(DefaultNla::new(kind, bytes)));
    [
        RouteAttribute::Encap(attributes.collect()),
        RouteAttribute::EncapType(RouteLwEnCapType::from(kind)),
    ]
}

/// One number of 32 bits.
fn realms(realms: Realms) -> RouteAttribute {
    let number = u32::from(realms.source) << 16 | u32::from(realms.destination);
    RouteAttribute::Other(DefaultNla::new(RTA_FLOW, number.to_ne_bytes().to_vec()))
}

/// `RTN_*`.
pub(super) fn kind(kind: RouteKind) -> RouteType {
    let number = match kind {
        RouteKind::Unicast => 1,
        RouteKind::Local => 2,
        RouteKind::Broadcast => 3,
        RouteKind::Anycast => 4,
        RouteKind::Multicast => 5,
        RouteKind::Blackhole => 6,
        RouteKind::Unreachable => 7,
        RouteKind::Prohibit => 8,
        RouteKind::Throw => 9,
        RouteKind::Nat => 10,
        RouteKind::XResolve => 11,
        RouteKind::Other(number) => number,
    };
    RouteType::from(number)
}

#[cfg(test)]
mod tests {
    use netlink_packet_core::Nla;

    use super::*;
    use crate::kernel::captured::{self, emitted, split_route};
    use crate::kernel::routing::Change;
    use crate::kernel::routing::listed::tests::placed;

    #[test]
    fn routes_are_added_as_keepalived_does() {
        for (config, flags, bytes) in captured::lines(captured::ROUTES) {
            let (message, ours) = Change::AddRoute(placed(config)).request();
            // REQUEST and ACK are every request's.
            assert_eq!(ours, flags & !0x5, "{config}");
            assert_eq!(
                split_route(&emitted(message)),
                split_route(&bytes),
                "{config}"
            );
        }
    }

    #[test]
    fn a_route_is_removed_whatever_its_scope() {
        let header = |config| remove(&placed(config)).header;
        // Recorded with strace: RT_SCOPE_NOWHERE (255), RTN_UNSPEC (0), or RTN_BLACKHOLE (6).
        let unicast = header("10.58.0.0/16 via 10.9.0.9 scope link onlink dev eth0");
        assert_eq!((u8::from(unicast.scope), u8::from(unicast.kind)), (255, 0));
        assert_eq!(u8::from(header("blackhole 10.53.0.0/16").kind), 6);
    }

    #[test]
    fn a_gateway_of_the_other_family_is_said_to_be_one() {
        let mut route = placed("10.61.0.0/16 via 10.9.0.9");
        route.route.gateway = Some("fd09::9".parse().unwrap());
        let via = RouteAttribute::Via(RouteVia::Inet6("fd09::9".parse().unwrap()));
        assert!(add(&route).attributes.contains(&via));
    }
    #[test]
    fn a_next_hop_is_wrapped() {
        let line = "10.60.0.0/16 nexthop dev eth1 encap ip id 9 dst 10.9.0.77";
        let attributes = add(&placed(line)).attributes;
        let Some(RouteAttribute::MultiPath(hops)) = attributes.last() else {
            unreachable!("{attributes:?}");
        };
        let kinds: Vec<u16> = hops[0].attributes.iter().map(Nla::kind).collect();
        // RTA_ENCAP and RTA_ENCAP_TYPE.
        assert_eq!(kinds, [22, 21]);
    }
}

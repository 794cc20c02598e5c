//! Routes and rules as the kernel lists them, and which of them is one that is wanted.
//!
//! The kernel fills in what was not said and leaves out what is nothing, so a wanted one is there if nothing that it says
//! is otherwise in the list.

use std::net::{IpAddr, Ipv6Addr};

use keepalived_conf::{Family, Network, Rule};
use netlink_packet_route::AddressFamily;
use netlink_packet_route::route::{
    RouteAddress, RouteAttribute, RouteMessage, RouteNextHop, RouteType, RouteVia,
};
use netlink_packet_route::rule::{RuleAttribute, RuleFlags, RuleMessage};

use super::{PlacedRoute, route, rule};

/// The metric of an IPv6 route that was given none (`IP6_RT_PRIO_USER`).
const IPV6_METRIC: u32 = 1024;

/// The kernel's routes of protocol `keepalived`, and all of its rules.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Listed {
    /// The routes.
    pub routes: Vec<ListedRoute>,
    /// The rules.
    pub rules: Vec<ListedRule>,
}

impl Listed {
    /// Whether the route is there.
    #[must_use]
    pub fn has_route(&self, wanted: &PlacedRoute) -> bool {
        self.routes.iter().any(|listed| listed.is(wanted))
    }

    /// Whether the rule is there.
    #[must_use]
    pub fn has_rule(&self, wanted: &Rule) -> bool {
        self.rules.iter().any(|listed| listed.is(wanted))
    }
}

#[cfg(test)]
impl Listed {
    /// Does to the list what the kernel would do.
    pub fn change(&mut self, change: &super::Change) {
        use super::Change::{AddRoute, AddRule, RemoveRoute, RemoveRule, ReplaceRoute};
        match change {
            AddRoute(placed) => self.routes.extend(ListedRoute::parse(&route::add(placed))),
            ReplaceRoute(placed) => {
                let new = ListedRoute::parse(&route::add(placed)).unwrap();
                let same = |old: &ListedRoute| {
                    (old.destination, old.table, old.tos) == (new.destination, new.table, new.tos)
                        && old.metric == new.metric
                };
                self.routes.retain(|old| !same(old));
                self.routes.push(new);
            }
            RemoveRoute(placed) => self.routes.retain(|listed| !listed.is(placed)),
            AddRule(rule) => self.rules.push(ListedRule(rule::message(rule))),
            RemoveRule(rule) => self.rules.retain(|listed| !listed.is(rule)),
        }
    }
}

/// A route of the list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ListedRoute {
    family: AddressFamily,
    kind: RouteType,
    protocol: u8,
    table: u32,
    destination: (IpAddr, u8),
    from: Option<(IpAddr, u8)>,
    tos: u8,
    metric: u32,
    /// Gateway and interface of each way.
    ways: Vec<(Option<IpAddr>, Option<u32>)>,
}

impl ListedRoute {
    /// The route of a message; nothing of one that is no route of IPv4 or IPv6.
    #[must_use]
    pub fn parse(message: &RouteMessage) -> Option<ListedRoute> {
        let header = &message.header;
        let any = match header.address_family {
            AddressFamily::Inet => IpAddr::from([0; 4]),
            AddressFamily::Inet6 => IpAddr::V6(Ipv6Addr::UNSPECIFIED),
            _ => return None,
        };
        let mut found = ListedRoute {
            family: header.address_family,
            kind: header.kind,
            protocol: header.protocol.into(),
            table: header.table.into(),
            destination: (any, header.destination_prefix_length),
            from: None,
            tos: header.tos,
            metric: 0,
            ways: Vec::new(),
        };
        for attribute in &message.attributes {
            match attribute {
                RouteAttribute::Table(table) => found.table = *table,
                RouteAttribute::Priority(metric) => found.metric = *metric,
                RouteAttribute::Destination(to) => found.destination.0 = address(to)?,
                RouteAttribute::Source(from) => {
                    found.from = Some((address(from)?, header.source_prefix_length));
                }
                RouteAttribute::MultiPath(hops) => found.ways.extend(hops.iter().map(hop)),
                _ => {}
            }
        }
        if found.ways.is_empty() {
            let interface = |attribute: &RouteAttribute| match attribute {
                RouteAttribute::Oif(index) => Some(*index),
                _ => None,
            };
            let device = message.attributes.iter().find_map(interface);
            found.ways.push((gateway(&message.attributes), device));
        }
        Some(found)
    }

    /// Whether it is that one.
    #[must_use]
    pub fn is(&self, wanted: &PlacedRoute) -> bool {
        let route = &wanted.route;
        let metric = match (route.family, route.metric.unwrap_or(0)) {
            (Family::Inet6, 0) => IPV6_METRIC,
            (_, given) => given,
        };
        self.family == route::family(route.family)
            && self.kind == route::kind(route.kind)
            && self.protocol == route.protocol
            && self.table == wanted.table
            && self.destination == masked(route.destination)
            && self.from == route.from.filter(|from| from.prefix_len > 0).map(masked)
            && self.tos == route.tos
            && self.metric == metric
            && self.goes(route.gateway, wanted.device)
            && route
                .next_hops
                .iter()
                .zip(&wanted.hops)
                .all(|(hop, device)| self.goes(hop.gateway, *device))
    }

    /// Whether one of its ways is that one, as far as it is said.
    fn goes(&self, gateway: Option<IpAddr>, device: Option<u32>) -> bool {
        self.ways.iter().any(|(listed, on)| {
            (gateway.is_none() || gateway == *listed) && (device.is_none() || device == *on)
        })
    }
}

fn hop(hop: &RouteNextHop) -> (Option<IpAddr>, Option<u32>) {
    (gateway(&hop.attributes), Some(hop.interface_index))
}

fn gateway(attributes: &[RouteAttribute]) -> Option<IpAddr> {
    attributes.iter().find_map(|attribute| match attribute {
        RouteAttribute::Gateway(gateway) => address(gateway),
        RouteAttribute::Via(RouteVia::Inet(gateway)) => Some(IpAddr::V4(*gateway)),
        RouteAttribute::Via(RouteVia::Inet6(gateway)) => Some(IpAddr::V6(*gateway)),
        _ => None,
    })
}

fn address(address: &RouteAddress) -> Option<IpAddr> {
    match address {
        RouteAddress::Inet(v4) => Some(IpAddr::V4(*v4)),
        RouteAddress::Inet6(v6) => Some(IpAddr::V6(*v6)),
        _ => None,
    }
}

/// The network without host bits: the kernel keeps none.
fn masked(network: Network) -> (IpAddr, u8) {
    let Network {
        address,
        prefix_len,
    } = network;
    let address = match address {
        IpAddr::V4(v4) => {
            let mask = u32::MAX.checked_shl(32 - u32::from(prefix_len.min(32)));
            IpAddr::V4((u32::from(v4) & mask.unwrap_or(0)).into())
        }
        IpAddr::V6(v6) => {
            let mask = u128::MAX.checked_shl(128 - u32::from(prefix_len.min(128)));
            IpAddr::V6((u128::from(v6) & mask.unwrap_or(0)).into())
        }
    };
    (address, prefix_len)
}

/// A rule of the list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ListedRule(pub RuleMessage);

impl ListedRule {
    /// Whether it is that one.
    #[must_use]
    pub fn is(&self, wanted: &Rule) -> bool {
        let wanted = rule::message(wanted);
        let (there, asked) = (&self.0.header, &wanted.header);
        there.family == asked.family
            && there.dst_len == asked.dst_len
            && there.src_len == asked.src_len
            && there.tos == asked.tos
            && there.action == asked.action
            && there.flags.contains(RuleFlags::Invert) == asked.flags.contains(RuleFlags::Invert)
            && table(&self.0) == table(&wanted)
            && wanted
                .attributes
                .iter()
                .all(|attribute| self.says(attribute))
    }

    fn says(&self, attribute: &RuleAttribute) -> bool {
        let there = &self.0.attributes;
        match attribute {
            RuleAttribute::Table(_) => true,
            // The kernel lists no preference that is 0.
            RuleAttribute::Priority(0) => !there
                .iter()
                .any(|listed| matches!(listed, RuleAttribute::Priority(1..))),
            // Realms and the protocol of IP: no two rules differ in those alone, but for what the kernel calls them.
            RuleAttribute::Other(_) => true,
            other => there.contains(other),
        }
    }
}

fn table(message: &RuleMessage) -> u32 {
    let elsewhere = |attribute: &RuleAttribute| match attribute {
        RuleAttribute::Table(table) => Some(*table),
        _ => None,
    };
    let found = message.attributes.iter().find_map(elsewhere);
    found.unwrap_or(message.header.table.into())
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use crate::kernel::captured;
    use crate::kernel::routing::MAIN;
    use crate::plan::tests::model;

    fn instance(block: &str) -> keepalived_conf::VrrpInstance {
        let text = format!(
            "vrrp_instance V {{\ninterface eth0\nvirtual_router_id 1\nvirtual_ipaddress {{\n10.9.0.1\n}}\n{block}\n}}\n"
        );
        model(&text).instances.remove(0)
    }

    /// A line of `virtual_routes`, with the interfaces of `captured`.
    pub(crate) fn placed(line: &str) -> PlacedRoute {
        let route = instance(&format!("virtual_routes {{\n{line}\n}}"))
            .routes
            .remove(0);
        let number = |name: &Option<String>| name.as_deref().and_then(captured::index);
        PlacedRoute {
            table: route.table.unwrap_or(MAIN),
            device: number(&route.device),
            hops: route
                .next_hops
                .iter()
                .map(|hop| number(&hop.device))
                .collect(),
            route,
        }
    }

    /// A line of `virtual_rules`.
    pub(crate) fn rule(line: &str) -> Rule {
        instance(&format!("virtual_rules {{\n{line}\n}}"))
            .rules
            .remove(0)
    }

    /// What the kernel would list after `line` was added, if it filled in nothing.
    fn listed(line: &str) -> ListedRoute {
        ListedRoute::parse(&route::add(&placed(line))).unwrap()
    }

    #[test]
    fn a_route_is_itself_and_no_other() {
        let routes = [
            "10.50.0.0/16 via 10.9.0.9",
            "10.50.0.0/16 via 10.9.0.10",
            "10.50.0.0/16 via 10.9.0.9 metric 7",
            "10.50.0.0/16 via 10.9.0.9 table 100",
            "10.50.0.0/16 via 10.9.0.9 tos 0x10",
            "10.50.0.0/17 via 10.9.0.9",
            "10.50.0.0/16 dev eth1 metric 9",
            "blackhole 10.50.0.0/16",
            "10.50.0.0/16 metric 8 nexthop via 10.9.0.9 nexthop via 10.9.0.10",
        ];
        for (at, one) in routes.iter().enumerate() {
            for (other_at, other) in routes.iter().enumerate() {
                let same = at == other_at;
                assert_eq!(listed(other).is(&placed(one)), same, "{one} and {other}");
            }
        }
    }

    #[test]
    fn what_the_kernel_fills_in_is_no_difference() {
        // As `ip -6 route` shows it: metric 1024, and the interface that the gateway is reached by.
        let mut there = listed("fd50::1/64 via fd09::9 metric 1024 dev eth0");
        there.destination = ("fd50::".parse().unwrap(), 64);
        assert!(there.is(&placed("fd50::1/64 via fd09::9")));
        // An interface where a blackhole has none of its own.
        let mut hole = listed("blackhole fd54::/64");
        hole.metric = IPV6_METRIC;
        hole.ways = vec![(None, Some(1))];
        assert!(hole.is(&placed("blackhole fd54::/64")));
    }

    #[test]
    fn a_rule_is_itself_and_no_other() {
        let rules = [
            "from 10.50.0.0/16 table 100 preference 1000",
            "from 10.50.0.0/16 table 100 preference 1001",
            "from 10.50.0.0/16 table 1000 preference 1000",
            "to 10.50.0.0/16 table 100 preference 1000",
            "not from 10.50.0.0/16 table 100 preference 1000",
            "from 10.50.0.0/16 blackhole preference 1000",
            "from all table 100 preference 1000 iif eth0",
            "from all table 100 preference 0",
        ];
        for one in rules {
            for other in rules {
                let there = ListedRule(rule::message(&rule(other)));
                assert_eq!(there.is(&rule(one)), one == other, "{one} and {other}");
            }
        }
    }

    #[test]
    fn networks_lose_their_host_bits() {
        let network = |address: &str, prefix_len| Network {
            address: address.parse().unwrap(),
            prefix_len,
        };
        let masked = |address, length| masked(network(address, length)).0.to_string();
        assert_eq!(masked("10.50.1.1", 16), "10.50.0.0");
        assert_eq!(masked("10.50.1.1", 0), "0.0.0.0");
        assert_eq!(masked("10.50.1.1", 32), "10.50.1.1");
        assert_eq!(masked("fd50::1", 64), "fd50::");
        assert_eq!(masked("fd50::1", 0), "::");
        assert_eq!(masked("fd50::1", 128), "fd50::1");
    }
}

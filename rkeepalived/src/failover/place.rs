//! Names of interfaces in routes, looked up.

use keepalived_conf::{PROTOCOL_KEEPALIVED, Route, Rule};

use super::routing::{Wanted, Wish};
use crate::kernel::Link;
use crate::kernel::routing::{MAIN, PlacedRoute};

/// Those routes and rules, as far as their interfaces are there.
pub(super) fn wish(links: &[Link], routes: &[Route], rules: &[Rule]) -> Wish {
    Wish {
        routes: routes
            .iter()
            .filter_map(|route| Some(wanted_route(route, place(links, route)?)))
            .collect(),
        rules: rules.iter().map(wanted_rule).collect(),
    }
}

/// What a route waits for: interfaces that are not there, or not what they have to be.
pub(super) fn missing(links: &[Link], route: &Route) -> impl Iterator<Item = String> {
    let absent = names(route)
        .filter(|name| number(links, name).is_none())
        .map(|name| format!("there is no interface {name}"));
    let other = route
        .vrf
        .iter()
        .filter(|name| number(links, name).is_some() && table_of(links, name).is_none());
    absent.chain(other.map(|name| format!("{name} is no VRF")))
}

/// The names of the interfaces of a route.
pub(super) fn names(route: &Route) -> impl Iterator<Item = &str> {
    let hops = route
        .next_hops
        .iter()
        .filter_map(|hop| hop.device.as_deref());
    let vrf = route.vrf.as_deref();
    route.device.as_deref().into_iter().chain(hops).chain(vrf)
}

fn number(links: &[Link], name: &str) -> Option<u32> {
    let link = links.iter().find(|link| link.name == name);
    link.map(|link| link.index)
}

/// The table of a VRF.
fn table_of(links: &[Link], name: &str) -> Option<u32> {
    let link = links.iter().find(|link| link.name == name)?;
    link.vrf_table
}

/// `None` where an interface is missing.
fn place(links: &[Link], route: &Route) -> Option<PlacedRoute> {
    let look_up = |name: &Option<String>| match name {
        Some(name) => number(links, name).map(Some),
        None => Some(None),
    };
    Some(PlacedRoute {
        table: match &route.vrf {
            Some(vrf) => table_of(links, vrf)?,
            None => route.table.unwrap_or(MAIN),
        },
        device: look_up(&route.device)?,
        hops: route
            .next_hops
            .iter()
            .map(|hop| look_up(&hop.device))
            .collect::<Option<_>>()?,
        route: Route {
            no_track: false,
            ..route.clone()
        },
    })
}

/// keepalived behaviour: only a route of its own protocol on a named interface is missed. One that expires goes by itself.
fn wanted_route(route: &Route, what: PlacedRoute) -> Wanted<PlacedRoute> {
    Wanted {
        tracked: !route.no_track
            && route.protocol == PROTOCOL_KEEPALIVED
            && route.device.is_some()
            && route.expires.is_none(),
        what,
    }
}

fn wanted_rule(rule: &Rule) -> Wanted<Rule> {
    Wanted {
        tracked: !rule.no_track && rule.protocol == PROTOCOL_KEEPALIVED,
        what: Rule {
            no_track: false,
            ..rule.clone()
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kernel::routing::listed::tests::{placed, rule};

    fn links() -> Vec<Link> {
        [("eth0", 3), ("eth1", 5)]
            .map(|(name, index)| Link {
                index,
                name: name.into(),
                up: true,
                ..Link::default()
            })
            .into()
    }

    fn tracked(line: &str) -> bool {
        let wish = wish(&links(), &[placed(line).route], &[]);
        wish.routes[0].tracked
    }

    #[test]
    fn what_is_missed_of_routes_and_rules() {
        assert!(tracked("10.50.0.0/16 via 10.9.0.9 dev eth0"));
        assert!(!tracked("10.50.0.0/16 via 10.9.0.9"));
        assert!(!tracked("10.50.0.0/16 via 10.9.0.9 dev eth0 no_track"));
        assert!(!tracked(
            "10.50.0.0/16 via 10.9.0.9 dev eth0 no_track protocol static"
        ));
        assert!(!tracked("fd51::/64 dev eth1 expires 1000"));
        let rules = ["", " no_track"].map(|option| {
            let line = format!("from 10.50.0.0/16 table 100 preference 5{option}");
            wish(&[], &[], &[rule(&line)]).rules[0].tracked
        });
        assert_eq!(rules, [true, false]);
    }

    #[test]
    fn interfaces_are_looked_up_and_what_lacks_one_waits() {
        let line = "10.60.0.0/16 nexthop via 10.9.0.9 nexthop via 10.9.0.10 dev eth1";
        let route = placed(line).route;
        let found = wish(&links(), std::slice::from_ref(&route), &[]);
        assert_eq!(found.routes[0].what.hops, [None, Some(5)]);
        let few = &links()[..1];
        assert!(wish(few, std::slice::from_ref(&route), &[]).is_empty());
        let missing: Vec<_> = missing(few, &route).collect();
        assert_eq!(missing, ["there is no interface eth1"]);
    }

    #[test]
    fn a_route_of_a_vrf_is_in_its_table_and_waits_for_it() {
        let route = Route {
            vrf: Some("blue".into()),
            ..placed("10.50.0.0/16 dev eth1").route
        };
        let routes = std::slice::from_ref(&route);
        let waits_for = |links: &[Link]| missing(links, &route).collect::<Vec<_>>();
        let mut links = links();
        assert!(wish(&links, routes, &[]).is_empty());
        assert_eq!(waits_for(&links), ["there is no interface blue"]);
        links.push(Link {
            index: 7,
            name: "blue".into(),
            ..Link::default()
        });
        assert!(wish(&links, routes, &[]).is_empty());
        assert_eq!(waits_for(&links), ["blue is no VRF"]);
        links[2].vrf_table = Some(1010);
        assert_eq!(wish(&links, routes, &[]).routes[0].what.table, 1010);
        assert_eq!(waits_for(&links), [""; 0]);
    }
}

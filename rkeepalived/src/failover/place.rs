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

/// Interfaces of a route that are not there.
pub(super) fn missing<'r>(links: &'r [Link], route: &'r Route) -> impl Iterator<Item = &'r str> {
    names(route).filter(|name| number(links, name).is_none())
}

/// The names of the interfaces of a route.
pub(super) fn names(route: &Route) -> impl Iterator<Item = &str> {
    let hops = route
        .next_hops
        .iter()
        .filter_map(|hop| hop.device.as_deref());
    route.device.as_deref().into_iter().chain(hops)
}

fn number(links: &[Link], name: &str) -> Option<u32> {
    let link = links.iter().find(|link| link.name == name);
    link.map(|link| link.index)
}

/// `None` where an interface is missing.
fn place(links: &[Link], route: &Route) -> Option<PlacedRoute> {
    let look_up = |name: &Option<String>| match name {
        Some(name) => number(links, name).map(Some),
        None => Some(None),
    };
    Some(PlacedRoute {
        table: route.table.unwrap_or(MAIN),
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
        assert_eq!(missing(few, &route).collect::<Vec<_>>(), ["eth1"]);
    }
}

//! Interfaces that an instance depends on without a `track_interface`: those of its addresses, routes and rules.

use std::collections::BTreeSet;

use keepalived_conf::{Model, TrackKind, VirtualAddress, VrrpInstance};

use super::track::PlannedTrack;

/// Entries for them, beside those that the instance has already.
///
/// keepalived behaviour: when such an interface goes down, the instance is in FAULT, unless the address, route or rule
/// has `no_track`. Of a rule it is `iif` that counts. Static ones count for the instances of their `track_group`.
pub(super) fn implied(
    model: &Model,
    instance: &VrrpInstance,
    tracked: &[PlannedTrack],
) -> Vec<PlannedTrack> {
    let mut names: BTreeSet<&str> = BTreeSet::new();
    let addresses = instance
        .addresses
        .iter()
        .chain(&instance.excluded_addresses);
    names.extend(addresses.filter_map(of_address));
    names.extend(
        instance
            .routes
            .iter()
            .filter(|route| !route.no_track)
            .filter_map(|route| route.device.as_deref()),
    );
    names.extend(
        instance
            .rules
            .iter()
            .filter(|rule| !rule.no_track)
            .filter_map(|rule| rule.input.as_deref()),
    );
    names.extend(of_statics(model, &instance.name));
    names
        .into_iter()
        .filter(|name| instance.interface.as_deref() != Some(name))
        .filter(|name| {
            !tracked
                .iter()
                .any(|entry| entry.kind == TrackKind::Interface && entry.name == *name)
        })
        .map(|name| PlannedTrack {
            kind: TrackKind::Interface,
            name: name.to_owned(),
            weight: 0,
            reverse: false,
        })
        .collect()
}

fn of_address(address: &VirtualAddress) -> Option<&str> {
    let device = address.device.as_deref();
    device.filter(|_| !address.options.no_track)
}

/// The interfaces of statics whose group has that instance.
fn of_statics<'m>(model: &'m Model, instance: &str) -> impl Iterator<Item = &'m str> {
    let groups: BTreeSet<&str> = model
        .track_groups
        .iter()
        .filter(|group| group.members.iter().any(|member| member == instance))
        .map(|group| group.name.as_str())
        .collect();
    let statics = &model.statics;
    let addresses = statics
        .addresses
        .iter()
        .map(|one| (&one.track_group, one.address.device.as_deref()));
    let routes = statics
        .routes
        .iter()
        .map(|one| (&one.track_group, one.route.device.as_deref()));
    let rules = statics
        .rules
        .iter()
        .map(|one| (&one.track_group, one.rule.input.as_deref()));
    addresses
        .chain(routes)
        .chain(rules)
        .filter(move |(group, _)| group.as_deref().is_some_and(|group| groups.contains(group)))
        .filter_map(|(_, device)| device)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::tests::model;

    fn tracked(blocks: &str, lines: &str) -> Vec<String> {
        let text = format!(
            "{blocks}\nvrrp_instance V {{\ninterface eth0\nvirtual_router_id 1\nvirtual_ipaddress {{\n10.9.0.1/24\n}}\n{lines}\n}}\n"
        );
        let model = model(&text);
        let entries = implied(&model, &model.instances[0], &[]);
        assert!(entries.iter().all(|entry| entry.weight == 0));
        entries.into_iter().map(|entry| entry.name).collect()
    }

    #[test]
    fn what_is_on_another_interface_needs_it() {
        let none: [&str; 0] = [];
        assert_eq!(tracked("", ""), none);
        let addresses = "virtual_ipaddress_excluded {\n10.8.0.1/24 dev eth1\n10.7.0.1/24 dev eth2 no_track\n10.6.0.1/24 dev eth0\n}";
        assert_eq!(tracked("", addresses), ["eth1"]);
        let routes = "virtual_routes {\n10.50.0.0/16 via 10.8.0.9 dev eth1\n10.51.0.0/16 dev eth2 no_track\n}";
        assert_eq!(tracked("", routes), ["eth1"]);
        let rules = "virtual_rules {\niif eth1 oif eth2 table 100 preference 5\niif eth3 table 100 preference 6 no_track\n}";
        assert_eq!(tracked("", rules), ["eth1"]);
    }

    #[test]
    fn a_static_route_counts_for_its_track_group() {
        let routes =
            "static_routes {\n10.53.0.0/16 dev eth1 track_group G\n10.54.0.0/16 dev eth2\n}";
        let members = |name: &str| format!("track_group G {{\ngroup {{\n{name}\n}}\n}}\n{routes}");
        assert_eq!(tracked(&members("V"), ""), ["eth1"]);
        assert_eq!(tracked(&members("W"), ""), [""; 0]);
    }

    #[test]
    fn a_weight_of_its_own_stays_the_only_one() {
        let text = "vrrp_instance V {\ninterface eth0\nvirtual_router_id 1\nvirtual_ipaddress {\n10.9.0.1/24\n10.8.0.1 dev eth1\n}\n}\n";
        let model = model(text);
        let explicit = PlannedTrack {
            kind: TrackKind::Interface,
            name: "eth1".into(),
            weight: -30,
            reverse: false,
        };
        assert_eq!(implied(&model, &model.instances[0], &[explicit]), []);
    }
}

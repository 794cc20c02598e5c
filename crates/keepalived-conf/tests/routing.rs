//! What routes, rules and addresses become in the model, and what is said of those that are wrong.

#![allow(clippy::unwrap_used, clippy::indexing_slicing)]

mod support;

use std::time::Duration;

use keepalived_conf::{
    Encap, Family, Lifetime, Loaded, Lookup, Metric, Realms, Route, RouteKind, Rule, RuleAction,
    Severity,
};

fn instance(block: &str, lines: &str) -> Loaded {
    support::read(format!(
        "vrrp_instance V {{\ninterface eth1\nvirtual_router_id 1\nvirtual_ipaddress {{\n10.0.0.99/24\n}}\n{block} {{\n{lines}\n}}\n}}\n"
    ))
}

fn route(line: &str) -> Route {
    instance("virtual_routes", line).model.instances[0]
        .routes
        .pop()
        .unwrap()
}

fn rule(line: &str) -> Rule {
    instance("virtual_rules", line).model.instances[0]
        .rules
        .pop()
        .unwrap()
}

/// What is said, both lines of it, without notes.
fn said(loaded: &Loaded) -> Vec<String> {
    loaded
        .diagnostics
        .iter()
        .filter(|d| d.severity > Severity::Note)
        .flat_map(|d| [Some(d.message.clone()), d.also.clone()])
        .flatten()
        .collect()
}

#[test]
fn routes() {
    let found = route("blackhole 10.1.0.0/16 table main metric 5 mtu lock 1400 rtt 0.5s");
    assert_eq!(found.kind, RouteKind::Blackhole);
    assert_eq!((found.table, found.metric), (Some(254), Some(5)));
    let mtu = found.metrics.mtu.unwrap();
    assert_eq!((mtu.value, mtu.locked), (1400, true));
    let rtt = Metric {
        value: Duration::from_millis(500),
        locked: false,
    };
    assert_eq!(found.metrics.rtt, Some(rtt));
    assert_eq!(found.protocol, 18);
    // The family of `default` is that of the rest.
    let found = route("default via fe80::1 dev eth1");
    assert_eq!(
        (found.family, found.destination.prefix_len),
        (Family::Inet6, 0)
    );
    assert_eq!(found.destination.address.to_string(), "::");
    let found = route("10.1.0.0/16 via 10.0.0.1 or 10.0.0.2");
    let ways: Vec<String> = found
        .next_hops
        .iter()
        .map(|hop| hop.gateway.unwrap().to_string())
        .collect();
    assert_eq!(
        (found.gateway, ways),
        (None, vec!["10.0.0.1".to_owned(), "10.0.0.2".to_owned()])
    );
    let found = route("10.1.0.0/16 nexthop via 10.0.0.1 weight 2 nexthop dev eth1 encap ip id 7");
    assert_eq!(found.next_hops[0].weight, Some(2));
    assert!(matches!(&found.next_hops[1].encap, Some(Encap::Ip(ip)) if ip.id == Some(7)));
}

#[test]
fn rules() {
    let found =
        rule("not from 10.1.0.0/16 fwmark 0x1/0xff table 5 realms 3/4 sup_pl 8 preference 0x10");
    assert_eq!((found.preference, found.inverted), (16, true));
    let lookup = Lookup {
        table: 5,
        suppress_prefix_len: Some(8),
        suppress_group: None,
        realms: Some(Realms {
            source: 3,
            destination: 4,
        }),
    };
    assert_eq!(found.action, RuleAction::Lookup(lookup));
    assert_eq!(rule("goto 20 preference 10").action, RuleAction::GoTo(20));
    assert_eq!(
        rule("from any to fd00::1 table 5 preference 1").family,
        Family::Inet6
    );
    // Counted down by family.
    let loaded = instance(
        "virtual_rules",
        "from 10.0.0.1 table 5\nto fd00::1 table 5\niif eth1 table 5",
    );
    let preferences = loaded.model.instances[0]
        .rules
        .iter()
        .map(|rule| rule.preference);
    assert_eq!(preferences.collect::<Vec<_>>(), [16384, 16384, 16383]);
}

#[test]
fn statics_and_their_groups() {
    let loaded = support::read(
        "static_ipaddress {\n10.1.0.1/24 dev eth1 track_group later\n}\n\
         track_group those {\ngroup {\nV\n}\n}\n\
         static_ipaddress {\nfd00::1 dev eth1 track_group those\n}\n\
         static_routes {\n10.2.0.0/16 dev eth1 track_group those\n10.3.0.0/16 via 10.1.0.2 track_group those\n}\n\
         static_rules {\nfrom 10.1.0.0/24 table 5 preference 9\n}\n",
    );
    let statics = &loaded.model.statics;
    let groups: Vec<_> = statics
        .addresses
        .iter()
        .map(|a| a.track_group.as_deref())
        .collect();
    assert_eq!(groups, [None, Some("those")]);
    let preferred = statics.addresses[1].address.options.preferred;
    assert_eq!(preferred, Lifetime::For(Duration::ZERO));
    let groups: Vec<_> = statics
        .routes
        .iter()
        .map(|r| r.track_group.as_deref())
        .collect();
    assert_eq!(groups, [Some("those"), None]);
    assert_eq!(statics.rules[0].rule.preference, 9);
    assert_eq!(
        said(&loaded),
        [
            "track_group later not found",
            "Static route cannot have track group if no oif specified",
        ]
    );
}

/// What keepalived 2.4.3 says of such lines.
#[test]
fn keepalived_wording() {
    let said = |block: &str, line: &str| said(&instance(block, line)).join("; ");
    assert_eq!(
        said("virtual_routes", "10.1.0.0/16 dev eth1 track"),
        "VRRP parsed invalid IP track. skipping IP...; unknown route keyword track"
    );
    assert_eq!(
        said("virtual_routes", "10.1.0.0/16 rtt 4294967295"),
        "number '4294967295' outside range [0., 960000.]; Invalid rtt 4294967295 for route"
    );
    assert_eq!(
        said(
            "virtual_routes",
            "10.1.0.0/16 rttvar 103 rto_min 108 protocol bird"
        ),
        "rtt value 103 below minimum 200ms, resetting; rto value 108 below minimum 200ms, resetting; \
         Route cannot be tracked if protocol is not RTPROT_KEEPALIVED(18), resetting protocol"
    );
    assert_eq!(
        said("virtual_rules", "from 10.1.0.0/16 table 5"),
        "Rule has no preference specified - setting to 16384. This is probably not what you want."
    );
    assert_eq!(
        said("virtual_rules", "from 10.1.0.0/16 table 5 track"),
        "Unknown rule option track"
    );
    // keepalived does not look at the word after `inet`.
    assert_eq!(
        said("virtual_routes", "inet 10.1.0.0/16 dev eth1"),
        "Route must have a destination"
    );
    assert_eq!(
        said("virtual_routes", "10.1.0.0/16 dev"),
        "*** Configuration line starting `10.1.0.0/16` is missing a parameter after keyword `dev` at word position 3"
    );
}

#[test]
fn names_of_the_host() {
    let lines = "10.1.0.0/16 dev eth1 table uplink protocol mine scope near tos fast realms here/there no_track\n\
                 10.2.0.0/16 dev eth1 table main\n10.3.0.0/16 dev eth1 table elsewhere\n";
    let rules = "from 10.1.0.0/16 table packaged preference 100\nfrom all table uplink suppress_ifgroup inner preference 101\n";
    let on = |folders: &str| {
        let text = format!(
            "global_defs {{\n{folders}}}\nvrrp_instance V {{\ninterface eth1\nvirtual_router_id 1\nuse_vmac group inner\nvirtual_ipaddress {{\n\
             10.0.0.99/24 scope near\n}}\nvirtual_routes {{\n{lines}}}\nvirtual_rules {{\n{rules}}}\n}}\n"
        );
        let files = [
            ("/a/rt_tables", "100\tuplink # ours\n"),
            ("/a/rt_protos", "77 mine\n"),
            ("/a/rt_scopes", "150 near\n"),
            ("/a/rt_dsfield", "0x08 fast\n"),
            ("/a/rt_realms", "4 here\n5 there\n"),
            ("/a/group", "9 inner\n"),
            // What came with iproute2 yields to the administrator.
            ("/u/rt_tables", "99 uplink\n101 packaged\n254 main\n"),
            ("test.conf", &text),
        ];
        let file = |(path, text): (&str, &str)| (path.into(), text.as_bytes().to_vec());
        let host = support::Host {
            files: files.map(file).into(),
            interfaces: vec!["eth1".to_owned()],
            scripts: Vec::new(),
        };
        keepalived_conf::load("test.conf".as_ref(), &host)
    };
    let loaded = on("iproute_etc_dir /a\niproute_usr_dir /u\n");
    assert_eq!(
        said(&loaded),
        ["Routing table elsewhere not found for route"]
    );
    let one = &loaded.model.instances[0];
    let [first, second] = &one.routes[..] else {
        unreachable!("{:?}", one.routes);
    };
    assert_eq!((first.table, first.protocol), (Some(100), 77));
    assert_eq!((first.scope, first.tos), (Some(150), 8));
    let realms = Realms {
        source: 4,
        destination: 5,
    };
    assert_eq!(first.realms, Some(realms));
    assert_eq!(second.table, Some(254));
    let lookups = one.rules.iter().map(|rule| match &rule.action {
        RuleAction::Lookup(lookup) => (lookup.table, lookup.suppress_group),
        other => unreachable!("{other:?}"),
    });
    assert_eq!(lookups.collect::<Vec<_>>(), [(101, None), (100, Some(9))]);
    assert_eq!(one.addresses[0].scope, 150);
    let keepalived_conf::Device::Vmac(vmac) = &one.device else {
        unreachable!("{:?}", one.device);
    };
    assert_eq!(vmac.group.as_deref(), Some("9"));

    let bare = on("");
    assert!(
        said(&bare).contains(&"Routing table uplink not found for route".to_owned()),
        "{:?}",
        said(&bare)
    );
}

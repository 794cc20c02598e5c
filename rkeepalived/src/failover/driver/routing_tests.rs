//! Routes, rules and statics of the driver, on a network in memory.

use std::sync::Arc;

use vrrp::{StateView, Time};

use super::tests::{master, plan};
use super::*;
use crate::kernel::fake::{Done, FakeNetwork};
use crate::kernel::routing::Change;
use crate::plan::tests::model;

/// An instance with these blocks, as the configuration gives them.
fn blocks(blocks: &str) -> keepalived_conf::VrrpInstance {
    let text = format!(
        "vrrp_instance V {{\ninterface eth1\nvirtual_router_id 1\nvirtual_ipaddress {{\n172.16.1.1/24\n}}\n{blocks}\n}}\n"
    );
    model(&text).instances.remove(0)
}

fn with(text: &str) -> VrrpPlan {
    let mut plan = plan(&["172.16.1.1/24"]);
    let blocks = blocks(text);
    plan.instances[0].routes = blocks.routes;
    plan.instances[0].rules = blocks.rules;
    plan
}

const BOTH: &str = "virtual_routes {\n10.50.0.0/16 via 172.16.1.9 dev eth1\n}\nvirtual_rules {\nfrom 10.50.0.0/16 table 100 preference 5\n}";

fn reigning(text: &str) -> Driver<FakeNetwork> {
    let mut driver = Driver::new(FakeNetwork::with("eth1", "172.16.1.2"));
    driver.configure(Time::default(), with(text));
    let takeover = driver.deadline().unwrap();
    driver.network.done.clear();
    driver.timer(takeover);
    assert_eq!(driver.router().view()[0].state, StateView::Master);
    driver
}

/// What was done to addresses, routes and rules since the last time.
fn done(driver: &mut Driver<FakeNetwork>) -> Vec<String> {
    let name = |done: Done| match done {
        Done::Added(address) => Some(format!("+{address}")),
        Done::Removed(address) => Some(format!("-{address}")),
        Done::Rerouted(change) => Some(match *change {
            Change::AddRoute(_) | Change::AddRule(_) => format!("+{change}"),
            Change::ReplaceRoute(_) => format!("={change}"),
            Change::RemoveRoute(_) | Change::RemoveRule(_) => format!("-{change}"),
        }),
        Done::Sent(_)
        | Done::Announced(_)
        | Done::Firewall(_)
        | Done::Made(_)
        | Done::Settled(_)
        | Done::Unmade(_) => None,
    };
    driver.network.done.drain(..).filter_map(name).collect()
}

const ROUTE: &str = "route 10.50.0.0/16 via 172.16.1.9 dev eth1";
const RULE: &str = "rule from 10.50.0.0/16 lookup 100 preference 5";

#[test]
fn routes_and_rules_come_after_the_addresses_and_go_before_them() {
    let mut driver = reigning(BOTH);
    let (route, rule) = (format!("+{ROUTE}"), format!("+{RULE}"));
    assert_eq!(done(&mut driver), ["+172.16.1.1", &route, &rule]);
    driver.shutdown(Time::new(5_000_000));
    let (route, rule) = (format!("-{ROUTE}"), format!("-{RULE}"));
    assert_eq!(done(&mut driver), [&rule, &route, "-172.16.1.1"]);
}

#[test]
fn what_a_killed_run_left_is_removed_at_start_and_at_no_reload() {
    let mut network = FakeNetwork::with("eth1", "172.16.1.2");
    network.links[0]
        .addresses
        .push(("172.16.1.1".parse().unwrap(), 24));
    let mut driver = Driver::new(network);
    driver.configure(Time::default(), with(BOTH));
    let (route, rule) = (format!("-{ROUTE}"), format!("-{RULE}"));
    assert_eq!(done(&mut driver), [&rule, &route, "-172.16.1.1"]);
    driver.configure(Time::new(1_000), with(BOTH));
    assert_eq!(done(&mut driver), [""; 0]);
}

#[test]
fn a_reload_changes_what_is_different() {
    let mut driver = reigning(BOTH);
    done(&mut driver);
    driver.configure(Time::new(5_000_000), with(BOTH));
    assert_eq!(done(&mut driver), [""; 0]);
    let other = "virtual_routes {\n10.50.0.0/16 via 172.16.1.10 dev eth1\n}";
    driver.configure(Time::new(5_100_000), with(other));
    let replaced = "=route 10.50.0.0/16 via 172.16.1.10 dev eth1";
    assert_eq!(done(&mut driver), [replaced, &format!("-{RULE}")]);
    assert_eq!(driver.router().view()[0].state, StateView::Master);
}

#[test]
fn a_route_or_a_rule_that_somebody_removed_ends_mastership_and_comes_back() {
    for at in [0, 1] {
        let mut driver = reigning(BOTH);
        driver.routing_changed(Time::new(4_900_000));
        match at {
            0 => driver.network.routing.routes.clear(),
            _ => driver.network.routing.rules.clear(),
        }
        driver.routing_changed(Time::new(5_000_000));
        assert_eq!(driver.router().view()[0].state, StateView::Backup);
        let takeover = driver.deadline().unwrap();
        driver.timer(takeover);
        assert_eq!(driver.router().view()[0].state, StateView::Master);
        assert_eq!(driver.network.routing.routes.len(), 1);
        assert_eq!(driver.network.routing.rules.len(), 1);
    }
}

#[test]
fn a_list_of_routes_that_cannot_be_read_is_no_theft() {
    let mut driver = reigning(BOTH);
    driver.routing_changed(Time::new(4_900_000));
    driver.network.routing.routes.clear();
    driver.network.unreadable = true;
    driver.routing_changed(Time::new(5_000_000));
    assert_eq!(driver.router().view()[0].state, StateView::Master);
    driver.network.unreadable = false;
    driver.routing_changed(Time::new(5_100_000));
    assert_eq!(driver.router().view()[0].state, StateView::Backup);
}

#[test]
fn a_route_that_the_kernel_refuses_is_nobodys_loss() {
    let mut driver = Driver::new(FakeNetwork::with("eth1", "172.16.1.2"));
    driver.network.refusing = vec![ROUTE.to_owned()];
    driver.configure(Time::default(), with(BOTH));
    let takeover = driver.deadline().unwrap();
    driver.timer(takeover);
    driver.routing_changed(Time::new(4_900_000));
    driver.routing_changed(Time::new(5_000_000));
    assert_eq!(driver.router().view()[0].state, StateView::Master);
    // It is tried again at a reload.
    driver.network.refusing.clear();
    done(&mut driver);
    driver.configure(Time::new(5_100_000), with(BOTH));
    assert_eq!(done(&mut driver), [format!("+{ROUTE}")]);
}

#[test]
fn a_reload_that_hands_a_route_to_another_master_never_takes_it_off() {
    let two = |first: &str, second: &str| {
        let (mut a, mut b) = (with(first), with(second));
        let other = &mut b.instances[0];
        other.config.name = Arc::from("VI_2");
        other.config.vrid = vrrp::Vrid::new(51).unwrap();
        other.addresses.clear();
        a.instances.append(&mut b.instances);
        a
    };
    for (before, after) in [
        (two(BOTH, ""), two("", BOTH)),
        (two("", BOTH), two(BOTH, "")),
    ] {
        let mut driver = Driver::new(FakeNetwork::with("eth1", "172.16.1.2"));
        driver.configure(Time::default(), before);
        while let Some(next) = driver
            .deadline()
            .filter(|next| *next < Time::new(4_000_000))
        {
            driver.timer(next);
        }
        done(&mut driver);
        driver.configure(Time::new(4_100_000), after);
        let all = done(&mut driver);
        assert!(!all.iter().any(|one| one.starts_with('-')), "{all:?}");
        driver.shutdown(Time::new(4_300_000));
        assert!(done(&mut driver).contains(&format!("-{ROUTE}")));
    }
}

#[test]
fn an_interface_keeps_its_secondary_addresses_from_start_to_stop() {
    let mut plan = plan(&["172.16.1.1/24"]);
    plan.instances[0].promote_secondaries = true;
    let mut driver = Driver::new(FakeNetwork::with("eth1", "172.16.1.2"));
    driver.configure(Time::default(), plan);
    assert!(driver.network.promoting.contains("eth1"));
    driver.configure(Time::new(1_000), super::tests::plan(&["172.16.1.1/24"]));
    assert!(driver.network.promoting.contains("eth1"));
    driver.shutdown(Time::new(2_000));
    assert!(driver.network.promoting.is_empty());
}

#[test]
fn what_was_so_before_stays_so() {
    let mut plan = plan(&["172.16.1.1/24"]);
    plan.instances[0].promote_secondaries = true;
    let mut network = FakeNetwork::with("eth1", "172.16.1.2");
    network.promoting.insert("eth1".into());
    let mut driver = Driver::new(network);
    driver.configure(Time::default(), plan);
    driver.shutdown(Time::new(2_000));
    assert!(driver.network.promoting.contains("eth1"));
}

#[test]
fn a_sweep_takes_routes_rules_and_statics_of_a_killed_run() {
    let mut network = FakeNetwork::with("eth1", "172.16.1.2");
    let mut plan = with(BOTH);
    plan.statics = statics("static_ipaddress {\n172.16.1.2/24 dev eth1\n}\n").statics;
    network.done.clear();
    let mut driver = Driver::new(network);
    driver.sweep(plan);
    let (route, rule) = (format!("-{ROUTE}"), format!("-{RULE}"));
    assert_eq!(done(&mut driver), [&rule, &route, "-172.16.1.2"]);
}

fn statics(text: &str) -> VrrpPlan {
    let mut plan = plan(&["172.16.1.1/24"]);
    let parsed = crate::plan::tests::planned(text).vrrp;
    plan.statics = parsed.statics;
    plan
}

const STATICS: &str = "static_ipaddress {\n10.8.1.1/24 dev eth1\n10.8.2.1/24 dev eth1 no_track\n}\nstatic_routes {\n10.50.0.0/16 via 172.16.1.9 dev eth1\n}\nstatic_rules {\nfrom 10.50.0.0/16 table 100 preference 5\n}\n";

#[test]
fn statics_are_there_from_start_to_stop() {
    let mut driver = Driver::new(FakeNetwork::with("eth1", "172.16.1.2"));
    driver.configure(Time::default(), statics(STATICS));
    let (route, rule) = (format!("+{ROUTE}"), format!("+{RULE}"));
    assert_eq!(done(&mut driver), ["+10.8.1.1", "+10.8.2.1", &route, &rule]);
    let fewer = "static_ipaddress {\n10.8.2.1/24 dev eth1 no_track\n}\nstatic_rules {\nfrom 10.50.0.0/16 table 100 preference 5\n}\n";
    driver.configure(Time::new(1_000), statics(fewer));
    assert_eq!(done(&mut driver), ["-10.8.1.1", &format!("-{ROUTE}")]);
    driver.shutdown(Time::new(2_000));
    assert_eq!(done(&mut driver), [&format!("-{RULE}"), "-10.8.2.1"]);
}

#[test]
fn statics_that_somebody_removed_are_put_back_but_for_no_track() {
    let mut driver = Driver::new(FakeNetwork::with("eth1", "172.16.1.2"));
    driver.configure(Time::default(), statics(STATICS));
    driver.routing_changed(Time::new(500));
    done(&mut driver);
    driver.network.links[0].addresses.truncate(1);
    driver.network_changed(Time::new(1_000));
    assert_eq!(done(&mut driver), ["+10.8.1.1"]);
    driver.network.routing.routes.clear();
    driver.network.routing.rules.clear();
    driver.routing_changed(Time::new(2_000));
    let (route, rule) = (format!("+{ROUTE}"), format!("+{RULE}"));
    assert_eq!(done(&mut driver), [&*route, &*rule]);
    assert_eq!(driver.router().view()[0].state, StateView::Backup);
}

#[test]
fn statics_follow_an_interface_that_comes_later() {
    let mut driver = Driver::new(FakeNetwork::with("eth1", "172.16.1.2"));
    let late =
        "static_ipaddress {\n10.8.1.1/24 dev eth2\n}\nstatic_routes {\n10.50.0.0/16 dev eth2\n}\n";
    driver.configure(Time::default(), statics(late));
    assert_eq!(done(&mut driver), [""; 0]);
    driver.network.links.push(crate::kernel::Link {
        index: 9,
        name: "eth2".into(),
        up: true,
        ..crate::kernel::Link::default()
    });
    driver.network_changed(Time::new(1_000));
    assert_eq!(
        done(&mut driver),
        ["+10.8.1.1", "+route 10.50.0.0/16 dev eth2"]
    );
}

#[test]
fn an_address_with_no_track_that_is_gone_is_nobodys_loss() {
    let mut driver = master(&["172.16.1.1/24", "172.16.1.5/32"]);
    driver.plan.instances[0].addresses[1]
        .address
        .options
        .no_track = true;
    driver.network.links[0]
        .addresses
        .retain(|(address, _)| address.to_string() != "172.16.1.5");
    driver.network_changed(Time::new(5_000_000));
    assert_eq!(driver.router().view()[0].state, StateView::Master);
}

//! The driver on a network in memory: what it does to it, and in which order.

use std::net::IpAddr;
use std::sync::Arc;

use keepalived_conf::{AddressOptions, VirtualAddress};
use vrrp::{Centis, InstanceConfig, Priority, StateView, Vrid};

use super::*;
use crate::kernel::fake::{Done, FakeNetwork};
use crate::kernel::{Arp, DeviceKind};
use crate::plan::{By, Pace, PlannedAddress, PlannedDevice};

fn address(text: &str) -> PlannedAddress {
    let (address, prefix_len) = text.split_once('/').unwrap();
    PlannedAddress {
        interface: "eth1".into(),
        device: None,
        address: VirtualAddress {
            address: address.parse().unwrap(),
            prefix_len: prefix_len.parse().unwrap(),
            device: None,
            label: None,
            broadcast: None,
            scope: 0,
            options: AddressOptions::default(),
        },
    }
}

pub(super) fn plan(addresses: &[&str]) -> VrrpPlan {
    let mut config = InstanceConfig::new(
        Arc::from("VI_1"),
        0,
        Vrid::new(50).unwrap(),
        Priority::new(100).unwrap(),
    );
    config.addresses = addresses
        .iter()
        .map(|text| text.split_once('/').unwrap().0.parse().unwrap())
        .collect();
    config.announce.repeat = 1;
    VrrpPlan {
        instances: vec![PlannedInstance {
            config,
            interface: Some("eth1".into()),
            vrf: None,
            addresses: addresses.iter().map(|text| address(text)).collect(),
            promote_secondaries: false,
            routes: Vec::new(),
            rules: Vec::new(),
            tracked: Vec::new(),
            buffer: Default::default(),
            devices: Vec::new(),
            by: By::Interface,
            tracks_source: false,
            pace: Pace::default(),
        }],
        groups: Vec::new(),
        ..VrrpPlan::default()
    }
}

pub(super) fn master(addresses: &[&str]) -> Driver<FakeNetwork> {
    let mut driver = Driver::new(FakeNetwork::with("eth1", "172.16.1.2"));
    driver.configure(Time::default(), plan(addresses));
    let takeover = driver.deadline().unwrap();
    driver.timer(takeover);
    assert_eq!(driver.router().view()[0].state, StateView::Master);
    driver
}

fn vip() -> IpAddr {
    "172.16.1.1".parse().unwrap()
}

#[test]
fn becoming_master_sends_the_advert_before_the_addresses() {
    let driver = master(&["172.16.1.1/24"]);
    let announced = Done::Announced("172.16.1.1".parse().unwrap());
    assert_eq!(
        driver.network.done,
        [Done::Sent(100), Done::Added(vip()), announced]
    );
}

#[test]
fn what_a_killed_run_left_is_removed_before_it_starts_as_backup() {
    let mut network = FakeNetwork::with("eth1", "172.16.1.2");
    network.links[0].addresses.push((vip(), 24));
    let mut driver = Driver::new(network);
    driver.configure(Time::default(), plan(&["172.16.1.1/24"]));
    assert_eq!(driver.network.done, [Done::Removed(vip())]);
    assert_eq!(driver.router().view()[0].state, StateView::Backup);
}

#[test]
fn a_reload_touches_only_the_addresses_that_changed() {
    let mut driver = master(&["172.16.1.1/24", "172.16.1.5/32"]);
    driver.network.done.clear();
    driver.configure(
        Time::new(5_000_000),
        plan(&["172.16.1.1/24", "172.16.1.6/32"]),
    );
    let changed: Vec<_> = driver
        .network
        .done
        .iter()
        .filter(|done| matches!(done, Done::Added(_) | Done::Removed(_)))
        .collect();
    let (gone, new) = ("172.16.1.5".parse().unwrap(), "172.16.1.6".parse().unwrap());
    assert_eq!(changed, [&Done::Removed(gone), &Done::Added(new)]);
    assert_eq!(driver.router().view()[0].state, StateView::Master);
}

#[test]
fn a_stop_says_priority_0_and_takes_the_addresses_off() {
    let mut driver = master(&["172.16.1.1/24"]);
    driver.network.done.clear();
    driver.shutdown(Time::new(5_000_000));
    assert_eq!(driver.network.done, [Done::Sent(0), Done::Removed(vip())]);
}

#[test]
fn an_address_that_somebody_else_took_away_ends_mastership_and_is_put_back() {
    let mut driver = master(&["172.16.1.1/24"]);
    driver.network.done.clear();
    driver.network.links[0]
        .addresses
        .retain(|(address, _)| *address != vip());
    driver.network_changed(Time::new(5_000_000));
    assert_eq!(driver.router().view()[0].state, StateView::Backup);
    assert_eq!(driver.network.done.first(), Some(&Done::Sent(0)));
    let takeover = driver.deadline().unwrap();
    driver.timer(takeover);
    assert!(driver.network.done.contains(&Done::Added(vip())));
}

#[test]
fn an_interface_that_goes_down_is_a_fault_and_one_made_anew_is_used() {
    let mut driver = master(&["172.16.1.1/24"]);
    let link = driver.network.links.pop().unwrap();
    driver.network_changed(Time::new(5_000_000));
    assert_eq!(driver.router().view()[0].state, StateView::Fault);
    driver.network.links.push(Link {
        index: 7,
        addresses: vec![("172.16.1.2".parse().unwrap(), 24)],
        tentative: Vec::new(),
        ..link
    });
    driver.network_changed(Time::new(6_000_000));
    assert_eq!(driver.router().view()[0].state, StateView::Backup);
    assert_eq!(driver.router().view()[0].interface, 7);
}

#[test]
fn a_reload_that_hands_an_address_to_another_master_never_takes_it_off() {
    let two = |first: &[&str], second: &[&str]| {
        let (mut a, mut b) = (plan(first), plan(second));
        let other = &mut b.instances[0].config;
        other.name = Arc::from("VI_2");
        other.vrid = Vrid::new(51).unwrap();
        a.instances.append(&mut b.instances);
        a
    };
    let (one, moved) = (["172.16.1.5/32"], ["172.16.1.5/32", "172.16.1.6/32"]);
    for reload in [
        two(&moved, &["172.16.1.7/32"]),
        two(&one, &["172.16.1.7/32", "172.16.1.6/32"]),
    ] {
        let mut driver = Driver::new(FakeNetwork::with("eth1", "172.16.1.2"));
        let before = if reload.instances[0].addresses.len() == 2 {
            two(&one, &["172.16.1.7/32", "172.16.1.6/32"])
        } else {
            two(&moved, &["172.16.1.7/32"])
        };
        driver.configure(Time::default(), before);
        while let Some(next) = driver
            .deadline()
            .filter(|next| *next < Time::new(4_000_000))
        {
            driver.timer(next);
        }
        driver.network.done.clear();
        driver.configure(Time::new(4_100_000), reload);
        let vip = Done::Removed("172.16.1.6".parse().unwrap());
        assert!(
            !driver.network.done.contains(&vip),
            "{:?}",
            driver.network.done
        );
        driver.network_changed(Time::new(4_200_000));
        let states: Vec<_> = driver
            .router()
            .view()
            .iter()
            .map(|view| view.state)
            .collect();
        assert_eq!(states, [StateView::Master, StateView::Master]);
        driver.shutdown(Time::new(4_300_000));
        assert!(driver.network.done.contains(&vip));
    }
}

#[test]
fn one_deaf_interface_does_not_silence_the_others() {
    let mut network = FakeNetwork::with("eth1", "172.16.1.2");
    network.deaf = Some(9);
    network.links.push(Link {
        index: 9,
        name: "tun0".into(),
        up: true,
        ..Link::default()
    });
    let mut driver = Driver::new(network);
    let mut both = plan(&["172.16.1.8/32", "172.16.1.1/24"]);
    both.instances[0].addresses[0].interface = "tun0".into();
    driver.configure(Time::default(), both);
    let takeover = driver.deadline().unwrap();
    driver.timer(takeover);
    let announced = Done::Announced("172.16.1.1".parse().unwrap());
    assert!(
        driver.network.done.contains(&announced),
        "{:?}",
        driver.network.done
    );
}

#[test]
fn an_address_whose_interface_comes_later_is_added_then() {
    let mut driver = Driver::new(FakeNetwork::with("eth1", "172.16.1.2"));
    let mut late = plan(&["172.16.1.1/24", "172.16.1.8/32"]);
    late.instances[0].addresses[1].interface = "tun0".into();
    driver.configure(Time::default(), late);
    let takeover = driver.deadline().unwrap();
    driver.timer(takeover);
    let vip = Done::Added("172.16.1.8".parse().unwrap());
    assert!(!driver.network.done.contains(&vip));
    driver.network.links.push(Link {
        index: 9,
        name: "tun0".into(),
        up: true,
        ..Link::default()
    });
    driver.network_changed(Time::new(5_000_000));
    assert!(
        driver.network.done.contains(&vip),
        "{:?}",
        driver.network.done
    );
    assert_eq!(driver.router().view()[0].state, StateView::Master);
}

#[test]
fn a_list_of_links_that_cannot_be_read_is_no_theft() {
    let mut driver = master(&["172.16.1.1/24"]);
    driver.network.done.clear();
    driver.network.unreadable = true;
    driver.network_changed(Time::new(5_000_000));
    assert_eq!(driver.router().view()[0].state, StateView::Master);
    assert_eq!(driver.network.done, []);
    driver.network.unreadable = false;
    driver.network_changed(Time::new(5_100_000));
    assert_eq!(driver.router().view()[0].state, StateView::Master);
}

/// Whatever kept the kernel from telling, there may be no further notice.
#[test]
fn a_list_of_links_that_could_not_be_read_is_asked_for_again() {
    let mut driver = master(&["172.16.1.1/24"]);
    driver.network.unreadable = true;
    driver.network.links[0].up = false;
    let now = Time::new(5_000_000);
    driver.network_changed(now);
    driver.network.unreadable = false;
    let again = driver.deadline().unwrap();
    assert!(again <= now + Micros::from_secs(1));
    // Adverts may come first.
    let mut at = again;
    while driver.router().view()[0].state == StateView::Master {
        assert!(at <= now + Micros::from_secs(1));
        driver.timer(at);
        at = driver.deadline().unwrap_or(Time::new(u64::MAX));
    }
    assert_eq!(driver.router().view()[0].state, StateView::Fault);
}

#[test]
fn patience_goes_by_the_quickest_instance() {
    let mut plan = plan(&["172.16.1.1/24"]);
    let mut patience = |centis| {
        plan.instances[0].config.advert_interval = Centis::new(centis);
        let mut driver = Driver::new(FakeNetwork::with("eth1", "172.16.1.2"));
        driver.configure(Time::default(), plan.clone());
        driver.patience().as_millis()
    };
    assert_eq!([patience(1), patience(20), patience(100)], [100, 400, 1000]);
}

fn deaf() -> VrrpPlan {
    let mut plan = plan(&["172.16.1.1/24"]);
    for instance in &mut plan.instances {
        instance.config.accept = false;
    }
    plan.drop_rules = Some(DropRules {
        table: "keepalived".into(),
        priority: -1,
        by_index: false,
        counters: false,
    });
    plan
}

#[test]
fn packets_to_addresses_with_no_accept_are_dropped_before_these_are_there() {
    let mut driver = Driver::new(FakeNetwork::with("eth1", "172.16.1.2"));
    driver.configure(Time::default(), deaf());
    // What a killed run left.
    assert_eq!(driver.network.done, [Done::Firewall(0)]);
    driver.network.done.clear();
    let takeover = driver.deadline().unwrap();
    driver.timer(takeover);
    let vip = vip();
    assert_eq!(
        driver.network.done[..3],
        [Done::Sent(100), Done::Firewall(1), Done::Added(vip)]
    );
    driver.network.done.clear();
    // A reload of the same changes nothing; one that accepts takes the rules away.
    driver.configure(takeover, deaf());
    assert_eq!(driver.network.done, [Done::Sent(100)]);
    driver.network.done.clear();
    driver.configure(takeover, plan(&["172.16.1.1/24"]));
    assert_eq!(driver.network.done[0], Done::Firewall(0));
    driver.configure(takeover, deaf());
    driver.network.done.clear();
    driver.shutdown(takeover);
    assert_eq!(
        driver.network.done,
        [
            Done::Sent(0),
            Done::Removed(vip),
            Done::Firewall(0),
            Done::Firewall(0)
        ]
    );
}

#[test]
fn without_no_accept_nftables_is_left_alone() {
    let mut driver = master(&["172.16.1.1/24"]);
    driver.shutdown(driver.deadline().unwrap());
    let rules = |done: &Done| matches!(done, Done::Firewall(_));
    assert!(!driver.network.done.iter().any(rules));
}

/// As [`plan`], on a VMAC, which has number 4.
fn on_vmac(by: By) -> VrrpPlan {
    let mut plan = plan(&["172.16.1.1/24"]);
    let instance = &mut plan.instances[0];
    instance.by = by;
    instance.devices = vec![PlannedDevice {
        instance: Arc::from("VI_1"),
        base: "eth1".into(),
        name: None,
        prefix: "vrrp".into(),
        vrid: 50,
        six: false,
        kind: DeviceKind::Macvlan {
            mac: [0, 0, 0x5e, 0, 1, 50],
            inet: true,
            inet6: false,
        },
        group: None,
        address: None,
    }];
    instance.addresses[0].device = Some(0);
    plan
}

fn turn(driver: &mut Driver<FakeNetwork>) {
    driver.timer(driver.deadline().unwrap());
}

#[test]
fn a_vmac_is_there_before_the_instance_and_gone_after_it() {
    let arp = |driver: &Driver<FakeNetwork>| driver.network.links[0].arp;
    let mut driver = Driver::new(FakeNetwork::with("eth1", "172.16.1.2"));
    driver.configure(Time::default(), on_vmac(By::Device));
    let name = String::from("vrrp.50");
    assert_eq!(
        driver.network.done,
        [Done::Made(name.clone()), Done::Settled(name)]
    );
    let places: Vec<_> = driver.places().into_keys().collect();
    assert_eq!(places, [Place::new(4, vrrp::Family::Inet)]);
    let vmac = Arp {
        ignore: 1,
        filter: 1,
    };
    assert_eq!(arp(&driver), vmac);
    turn(&mut driver);
    assert_eq!(driver.network.links[1].addresses, [(vip(), 24)]);
    driver.network.done.clear();
    driver.shutdown(Time::new(5_000_000));
    assert_eq!(
        driver.network.done,
        [Done::Sent(0), Done::Removed(vip()), Done::Unmade(4)]
    );
    assert_eq!(arp(&driver), Arp::default());
}

#[test]
fn a_vmac_of_a_killed_run_is_taken_over_without_its_vip() {
    let mut driver = Driver::new(FakeNetwork::with("eth1", "172.16.1.2"));
    driver.configure(Time::default(), on_vmac(By::Device));
    turn(&mut driver);
    let mut next = Driver::new(std::mem::take(&mut driver.network));
    next.network.done.clear();
    next.configure(Time::default(), on_vmac(By::Device));
    let expected = [Done::Settled("vrrp.50".into()), Done::Removed(vip())];
    assert_eq!(next.network.done, expected);
}

#[test]
fn a_vmac_that_somebody_removes_is_made_again() {
    for by in [By::Device, By::Base] {
        let mut driver = Driver::new(FakeNetwork::with("eth1", "172.16.1.2"));
        driver.configure(Time::default(), on_vmac(by));
        turn(&mut driver);
        driver.network.links.pop();
        driver.network.done.clear();
        let now = Time::new(10_000_000);
        driver.network_changed(now);
        let made = Done::Made("vrrp.50".into());
        assert!(driver.network.done.contains(&made), "{by:?}");
        assert_eq!(driver.router().view()[0].state, StateView::Backup, "{by:?}");
        turn(&mut driver);
        assert_eq!(driver.router().view()[0].state, StateView::Master);
        assert_eq!(driver.network.links[1].addresses, [(vip(), 24)]);
    }
}

#[test]
fn an_interface_that_comes_later_gets_its_vmac_then() {
    let mut driver = Driver::new(FakeNetwork::default());
    driver.configure(Time::default(), on_vmac(By::Device));
    assert_eq!(driver.router().view()[0].state, StateView::Fault);
    driver.network.links = FakeNetwork::with("eth1", "172.16.1.2").links;
    driver.network_changed(Time::new(1_000_000));
    assert_eq!(driver.router().view()[0].state, StateView::Backup);
    driver.network.links[0].name = "eth9".into();
    driver.network_changed(Time::new(2_000_000));
    assert_eq!(driver.router().view()[0].state, StateView::Fault);
}

#[test]
fn a_reload_without_the_vmac_removes_it_after_the_goodbye() {
    let mut driver = Driver::new(FakeNetwork::with("eth1", "172.16.1.2"));
    driver.configure(Time::default(), on_vmac(By::Device));
    turn(&mut driver);
    driver.network.done.clear();
    driver.configure(Time::new(9_000_000), VrrpPlan::default());
    assert_eq!(
        driver.network.done,
        [Done::Sent(0), Done::Removed(vip()), Done::Unmade(4)]
    );
    driver.configure(Time::new(9_500_000), on_vmac(By::Base));
    driver.network.done.clear();
    driver.configure(Time::new(9_900_000), on_vmac(By::Base));
    assert_eq!(driver.network.done, []);
}

#[test]
fn a_source_that_is_tracked_has_to_be_there() {
    let mut driver = Driver::new(FakeNetwork::with("eth1", "172.16.1.2"));
    let mut tracking = plan(&["172.16.1.1/24"]);
    tracking.instances[0].config.source = Some("172.16.1.9".parse().unwrap());
    tracking.instances[0].tracks_source = true;
    driver.configure(Time::default(), tracking);
    assert_eq!(driver.router().view()[0].state, StateView::Fault);
    let there = ("172.16.1.9".parse().unwrap(), 32);
    driver.network.links[0].addresses.push(there);
    driver.network_changed(Time::new(1_000_000));
    assert_eq!(driver.router().view()[0].state, StateView::Backup);
}

#[test]
fn a_short_break_of_a_link_is_none_where_it_is_to_last() {
    let mut driver = Driver::new(FakeNetwork::with("eth1", "172.16.1.2"));
    let mut patient = plan(&["172.16.1.1/24"]);
    let delay = |seconds| std::time::Duration::from_secs(seconds);
    patient.delays = vec![keepalived_conf::InterfaceDelay {
        name: "eth1".into(),
        down: delay(2),
        up: delay(1),
    }];
    driver.configure(Time::default(), patient);
    turn(&mut driver);
    let state = |driver: &Driver<FakeNetwork>| driver.router().view()[0].state;
    let mut link = |milliseconds: u64, up| {
        driver.network.links[0].up = up;
        driver.network_changed(Time::new(milliseconds * 1000));
        (state(&driver), driver.debounce.deadline())
    };
    let at = |milliseconds: u64| Some(Time::new(milliseconds * 1000));
    assert_eq!(link(10_000, false), (StateView::Master, at(12_000)));
    assert_eq!(link(11_000, true), (StateView::Master, None));
    assert_eq!(link(12_000, false), (StateView::Master, at(14_000)));
    driver.timer(Time::new(14_000_000));
    assert_eq!(state(&driver), StateView::Fault);
}

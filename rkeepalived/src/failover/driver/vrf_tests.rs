//! Unicast instances in VRFs, on a network in memory.

use std::net::Ipv4Addr;

use vrrp::wire::ipv4::Header;
use vrrp::wire::v2::Advert;
use vrrp::{Peer, StateView, Unicast, UnicastChecksum};

use super::tests::plan;
use super::*;
use crate::kernel::fake::{Done, FakeNetwork};

const OURS: Ipv4Addr = Ipv4Addr::new(10, 1, 0, 2);
const THEIRS: Ipv4Addr = Ipv4Addr::new(10, 1, 0, 3);
const BLUE: u32 = 7;

fn vrf(index: u32) -> Link {
    Link {
        index,
        name: "blue".into(),
        up: true,
        mtu: 65_575,
        vrf_table: Some(10),
        ..Link::default()
    }
}

/// `eth1`, number 3, in the VRF `blue`.
fn network() -> FakeNetwork {
    let mut network = FakeNetwork::with("eth1", "10.1.0.2");
    network.links[0].controller = Some(BLUE);
    network.links.push(vrf(BLUE));
    network
}

fn unicast(name: &str) -> PlannedInstance {
    let mut instance = plan(&["10.1.0.100/24"]).instances.remove(0);
    instance.config.name = Name::from(name);
    instance.config.source = Some(OURS.into());
    instance.config.transport = Transport::Unicast(Unicast {
        peers: vec![Peer {
            address: THEIRS.into(),
            min_ttl: 0,
            max_ttl: 255,
        }],
        check_source: true,
        fault_no_peer: false,
        ttl: None,
        checksum: UnicastChecksum::Detect,
    });
    instance
}

/// `vrf blue`.
fn inside() -> PlannedInstance {
    let mut instance = unicast("inside");
    instance.interface = None;
    instance.vrf = Some("blue".into());
    instance
}

/// Neither `interface` nor `vrf`.
fn outside() -> PlannedInstance {
    let mut instance = unicast("outside");
    instance.interface = None;
    instance.config.anywhere = true;
    instance
}

fn driver(network: FakeNetwork, instances: Vec<PlannedInstance>) -> Driver<FakeNetwork> {
    let mut driver = Driver::new(network);
    let plan = VrrpPlan {
        instances,
        ..VrrpPlan::default()
    };
    driver.configure(Time::default(), plan);
    driver
}

fn listens(driver: &Driver<FakeNetwork>) -> Vec<u32> {
    let places = driver.places();
    places.keys().map(|place| place.interface).collect()
}

fn states(driver: &Driver<FakeNetwork>) -> Vec<StateView> {
    let view = driver.router().view();
    view.iter().map(|one| one.state).collect()
}

#[test]
fn a_vrf_is_as_an_interface_to_its_instance() {
    let mut driver = driver(FakeNetwork::with("eth1", "10.1.0.2"), vec![inside()]);
    let mut now = Time::default();
    let mut after = |driver: &mut Driver<FakeNetwork>| {
        now = now + Micros::from_secs(1);
        driver.network_changed(now);
        (states(driver)[0], listens(driver))
    };
    let (fault, backup) = (StateView::Fault, StateView::Backup);
    assert_eq!(after(&mut driver), (fault, vec![]), "there is none");
    let mut other = vrf(BLUE);
    other.vrf_table = None;
    driver.network.links.push(other);
    assert_eq!(after(&mut driver), (fault, vec![]), "it is another link");
    driver.network.links[1].index = 8;
    driver.network.links[1].vrf_table = Some(10);
    assert_eq!(after(&mut driver), (backup, vec![8]), "it is there");
    driver.network.links[1].up = false;
    assert_eq!(after(&mut driver), (fault, vec![8]), "it is down");
    driver.network.links[1].up = true;
    assert_eq!(after(&mut driver), (backup, vec![8]), "it is up");
    driver.network.links[1].name = "red".into();
    assert_eq!(after(&mut driver), (fault, vec![]), "it was renamed");
    driver.network.links.push(vrf(9));
    assert_eq!(after(&mut driver), (backup, vec![9]), "another one");
    driver.network.links.pop();
    assert_eq!(after(&mut driver), (fault, vec![]), "that is gone");
}

#[test]
fn without_its_vrf_nothing_is_sent_even_where_the_link_is_not_tracked() {
    let mut untracking = inside();
    untracking.config.dont_track_link = true;
    let mut driver = driver(network(), vec![untracking]);
    driver.network.links[1].up = false;
    driver.network_changed(Time::new(1_000_000));
    assert_eq!(states(&driver), [StateView::Backup]);
    driver.network.links.pop();
    driver.network_changed(Time::new(2_000_000));
    assert_eq!(states(&driver), [StateView::Fault]);
    driver.shutdown(Time::new(3_000_000));
    assert!(!driver.network.done.contains(&Done::Sent(0)));
}

#[test]
fn what_comes_in_by_a_vrf_is_for_those_in_it_alone() {
    let header = Header {
        identification: 0,
        ttl: 255,
        protocol: vrrp::wire::PROTOCOL,
        source: THEIRS,
        destination: OURS,
    };
    let advert = Advert {
        vrid: 50,
        priority: 200,
        auth_type: 0,
        interval: 1,
        addresses: vec![Ipv4Addr::new(10, 1, 0, 100)],
        auth_data: [0; 8],
    };
    let bytes = header.emit(&advert.emit()).unwrap();
    let mut network = network();
    network.links.push(Link {
        index: 4,
        name: "eth2".into(),
        up: true,
        ..Link::default()
    });
    let mut driver = driver(network, vec![inside(), outside()]);
    assert_eq!(listens(&driver), [0, BLUE]);
    let mut heard = |interface, arrived| {
        let bytes = &bytes;
        let event = Event::Datagram { interface, bytes };
        driver.packet(Time::new(1000), arrived, event);
        let view = driver.router().view();
        let received = view.iter().map(|one| one.stats.adverts_received);
        received.collect::<Vec<_>>()
    };
    // The same packet, as either socket hears it.
    assert_eq!(heard(BLUE, None), [1, 0]);
    assert_eq!(heard(0, Some(3)), [1, 0]);
    assert_eq!(heard(0, Some(BLUE)), [1, 0]);
    assert_eq!(heard(0, Some(4)), [1, 1]);
}

#[test]
fn an_interface_that_is_put_into_a_vrf_takes_its_instance_along() {
    let mut driver = driver(
        FakeNetwork::with("eth1", "10.1.0.2"),
        vec![unicast("moved")],
    );
    assert_eq!(listens(&driver), [0]);
    driver.network.links = network().links;
    driver.network_changed(Time::new(1_000_000));
    assert_eq!(
        (states(&driver), listens(&driver)),
        (vec![StateView::Backup], vec![BLUE])
    );
    driver.network.links[0].controller = None;
    driver.network_changed(Time::new(2_000_000));
    assert_eq!(listens(&driver), [0]);
}

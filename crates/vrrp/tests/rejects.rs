//! Packets that must not be believed. keepalived was sent the same ones and dropped them for the same reasons.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a test fails by panicking"
)]

mod support;

use std::net::{IpAddr, Ipv4Addr};

use support::*;
use vrrp::wire::checksum::checksum;
use vrrp::{Auth, Config, Event, RejectKind, Router};

/// Sent by keepalived: vrid 51, priority 150, PASS.
const CAPTURED: [u8; 20] = [
    0x21, 0x33, 0x96, 0x01, 0x01, 0x01, 0x94, 0xa1, 0x0a, 0x09, 0x00, 0x64, 0x73, 0x65, 0x63, 0x72,
    0x65, 0x74, 0x6c, 0x6f,
];

/// The captured advert with some bytes changed and the checksum made right again.
fn changed(change: impl FnOnce(&mut Vec<u8>)) -> Vec<u8> {
    let mut bytes = CAPTURED.to_vec();
    change(&mut bytes);
    bytes[6..8].fill(0);
    let sum = checksum(&bytes);
    bytes[6..8].copy_from_slice(&sum.to_be_bytes());
    bytes
}

fn router() -> Router {
    started(alone(instance("V1", 100)))
}

/// The PDU is dropped, counted for that reason, and leads to this line.
#[track_caller]
fn rejected(pdu: &[u8], kind: RejectKind, line: &str) {
    let mut router = router();
    let deadline = router.deadline();
    assert_eq!(hear_bytes(&mut router, at(1), 2, pdu), [line]);
    assert!(
        hear_bytes(&mut router, at(2), 2, pdu).is_empty(),
        "said once only"
    );
    assert_eq!(router.deadline(), deadline, "it is no sign of life");
    let stats = &router.view()[0].stats;
    assert_eq!(stats.rejects().collect::<Vec<_>>(), [(kind, 2)]);
    assert_eq!(
        stats.rejects_by_peer().collect::<Vec<_>>(),
        [(IpAddr::from([10, 9, 0, 2]), kind, 2)]
    );
    assert_eq!(stats.adverts_received, 0);
}

#[test]
fn the_captured_advert_is_believed() {
    let mut router = router();
    assert_eq!(
        hear_bytes(&mut router, at(1), 2, &CAPTURED),
        ["(V1) master set to 10.9.0.2"]
    );
}

#[test]
fn cut_short() {
    let line = "(V1) vrrp packet too short from 10.9.0.2, length 36 and expect 40";
    rejected(&CAPTURED[..16], RejectKind::Truncated, line);
    let line = "(V1) vrrp packet too short from 10.9.0.2, length 40 and expect 48";
    rejected(&changed(|bytes| bytes[3] = 3), RejectKind::Truncated, line);
}

#[test]
fn too_long() {
    let line = "(V1) vrrp packet too long from 10.9.0.2, length 50 and expect 40";
    rejected(
        &[CAPTURED.as_slice(), &[0; 10]].concat(),
        RejectKind::Length,
        line,
    );
}

#[test]
fn another_version() {
    let line = "(V1) wrong VRRP version from 10.9.0.2. Received 3 and expect 2";
    rejected(&changed(|bytes| bytes[0] = 0x31), RejectKind::Version, line);
}

#[test]
fn another_type() {
    let line = "(V1) Invalid packet type from 10.9.0.2. 2 and expect 1";
    rejected(&changed(|bytes| bytes[0] = 0x22), RejectKind::Type, line);
}

#[test]
fn another_authentication() {
    let line = "(V1) received a 0 auth from 10.9.0.2, expecting 1!";
    rejected(
        &changed(|bytes| bytes[4] = 0),
        RejectKind::AuthMismatch,
        line,
    );
    let line = "(V1) received a 2 auth from 10.9.0.2, expecting 1!";
    rejected(
        &changed(|bytes| bytes[4] = 2),
        RejectKind::AuthMismatch,
        line,
    );
    rejected(
        &changed(|bytes| bytes[4] = 7),
        RejectKind::AuthType,
        "(V1) Invalid auth type from 10.9.0.2: 7",
    );
}

#[test]
fn another_password() {
    let line = "(V1) received an invalid passwd from 10.9.0.2!";
    rejected(
        &changed(|bytes| bytes[12..].copy_from_slice(b"wrongone")),
        RejectKind::Password,
        line,
    );
}

#[test]
fn a_password_where_none_is_expected() {
    let mut config = instance("V1", 100);
    config.auth = Auth::None;
    let mut router = started(alone(config));
    assert_eq!(
        hear_bytes(&mut router, at(1), 2, &CAPTURED),
        ["(V1) received a 1 auth from 10.9.0.2, expecting 0!"]
    );
}

#[test]
fn another_interval() {
    let line = "(V1) advertisement interval mismatch with 10.9.0.2 mine=1 sec rcv'd=2 sec";
    rejected(&changed(|bytes| bytes[5] = 2), RejectKind::Interval, line);
}

#[test]
fn a_wrong_checksum() {
    let mut bytes = CAPTURED;
    bytes[6] ^= 0x55;
    rejected(
        &bytes,
        RejectKind::Checksum,
        "(V1) Invalid VRRPv2 checksum from 10.9.0.2",
    );
}

#[test]
fn a_wrong_time_to_live() {
    let mut router = router();
    let mut header = header(Ipv4Addr::new(10, 9, 0, 2));
    header.ttl = 254;
    let packet = header.emit(&CAPTURED).unwrap();
    assert_eq!(
        lines(router.handle(
            at(1),
            Event::Datagram {
                interface: 1,
                bytes: &packet
            }
        )),
        ["(V1) invalid TTL/HL from 10.9.0.2. Received 254 and expect 255"]
    );
    assert_eq!(router.view()[0].stats.ttl_errors(), 1);
}

#[test]
fn unicast() {
    let mut router = router();
    let mut header = header(Ipv4Addr::new(10, 9, 0, 2));
    header.destination = Ipv4Addr::new(10, 9, 0, 1);
    let packet = header.emit(&CAPTURED).unwrap();
    let said = lines(router.handle(
        at(1),
        Event::Datagram {
            interface: 1,
            bytes: &packet,
        },
    ));
    assert_eq!(
        said,
        ["(V1) Expected multicast packet but received unicast packet from 10.9.0.2"]
    );
}

#[test]
fn our_own() {
    let mut router = router();
    let deadline = router.deadline();
    let said = hear_bytes(&mut router, at(1), 1, &CAPTURED);
    assert_eq!(
        said,
        ["(V1) WARNING - advert received from remote host with our IP address 10.9.0.1"]
    );
    assert_eq!(router.view()[0].stats.rejected(RejectKind::OwnAddress), 1);
    assert_eq!(router.deadline(), deadline);
}

#[test]
fn of_no_instance() {
    let mut router = router();
    assert!(hear_bytes(&mut router, at(1), 2, &changed(|bytes| bytes[1] = 77)).is_empty());
    assert!(hear_bytes(&mut router, at(1), 2, &[0x21]).is_empty());
    let elsewhere = header(Ipv4Addr::new(10, 9, 1, 2)).emit(&CAPTURED).unwrap();
    assert!(
        router
            .handle(
                at(1),
                Event::Datagram {
                    interface: 2,
                    bytes: &elsewhere
                }
            )
            .is_empty()
    );
    assert!(
        router
            .handle(
                at(1),
                Event::Datagram {
                    interface: 1,
                    bytes: &elsewhere[..30]
                }
            )
            .is_empty()
    );
    let mut other = header(Ipv4Addr::new(10, 9, 0, 2));
    other.protocol = 17;
    let packet = other.emit(&CAPTURED).unwrap();
    assert!(
        router
            .handle(
                at(1),
                Event::Datagram {
                    interface: 1,
                    bytes: &packet
                }
            )
            .is_empty()
    );
    let counted: Vec<_> = router.strays().rejects().collect();
    assert_eq!(
        counted,
        [
            (RejectKind::Header, 1),
            (RejectKind::Protocol, 1),
            (RejectKind::Truncated, 1),
            (RejectKind::UnknownVrid, 2),
        ]
    );
    assert_eq!(router.view()[0].stats.rejects().count(), 0);
}

#[test]
fn padding_of_the_link_is_no_fault() {
    let mut router = router();
    let mut packet = header(Ipv4Addr::new(10, 9, 0, 2)).emit(&CAPTURED).unwrap();
    packet.extend([0; 6]);
    let said = lines(router.handle(
        at(1),
        Event::Datagram {
            interface: 1,
            bytes: &packet,
        },
    ));
    assert_eq!(said, ["(V1) master set to 10.9.0.2"]);
}

#[test]
fn a_good_advert_of_the_same_sender_makes_a_fault_news_again() {
    let mut router = router();
    let wrong = changed(|bytes| bytes[12..].copy_from_slice(b"wrongone"));
    assert_eq!(hear_bytes(&mut router, at(1), 2, &wrong).len(), 1);
    assert_eq!(
        hear_bytes(&mut router, at(1), 3, &CAPTURED).len(),
        1,
        "master set"
    );
    assert!(
        hear_bytes(&mut router, at(2), 2, &wrong).is_empty(),
        "another's good advert clears nothing"
    );
    assert_eq!(
        hear_bytes(&mut router, at(2), 2, &CAPTURED).len(),
        1,
        "master changed"
    );
    assert_eq!(
        hear_bytes(&mut router, at(3), 2, &wrong),
        ["(V1) received an invalid passwd from 10.9.0.2!"]
    );
    assert_eq!(router.view()[0].stats.auth_failures(), 3);
}

#[test]
fn other_addresses_are_said_and_used() {
    let mut router = router();
    let mut other = advert(150);
    other.addresses = vec![Ipv4Addr::new(10, 9, 0, 99)];
    assert_eq!(
        hear_bytes(&mut router, at(1), 2, &other.emit()),
        [
            "(V1) ip address 10.9.0.100 not present in advert from 10.9.0.2",
            "(V1) master set to 10.9.0.2"
        ]
    );
    other.addresses.push(Ipv4Addr::new(10, 9, 0, 100));
    assert!(
        hear_bytes(&mut router, at(2), 2, &other.emit()).is_empty(),
        "said once"
    );
    assert!(hear_bytes(&mut router, at(3), 2, &CAPTURED).is_empty());
    assert_eq!(
        hear_bytes(&mut router, at(4), 2, &other.emit()),
        ["(V1) expected 1 VIPs but received 2 from 10.9.0.2"]
    );
    let stats = &router.view()[0].stats;
    assert_eq!((stats.address_list_errors, stats.adverts_received), (3, 4));
}

#[test]
fn the_order_of_addresses_does_not_matter() {
    let mut config = instance("V1", 100);
    config.addresses.push(IpAddr::from([10, 9, 0, 101]));
    let mut router = started(alone(config));
    let mut other = advert(150);
    other.addresses.insert(0, Ipv4Addr::new(10, 9, 0, 101));
    assert_eq!(
        hear_bytes(&mut router, at(1), 2, &other.emit()),
        ["(V1) master set to 10.9.0.2"]
    );
}

#[test]
fn skip_check_adv_addr_believes_the_same_master() {
    let mut config = instance("V1", 100);
    config.skip_check_adv_addr = true;
    let mut router = started(Config {
        instances: vec![config],
        ..Config::default()
    });
    assert_eq!(hear_bytes(&mut router, at(1), 2, &CAPTURED).len(), 1);
    let mut other = advert(150);
    other.addresses.clear();
    assert!(hear_bytes(&mut router, at(2), 2, &other.emit()).is_empty());
    assert_eq!(router.view()[0].stats.address_list_errors, 0);
    assert_eq!(
        hear_bytes(&mut router, at(2), 3, &other.emit()).len(),
        2,
        "another master is compared"
    );
}

/// In the name of the master, whose good adverts make each reason news again.
#[test]
fn a_flood_does_not_fill_the_log() {
    let mut router = router();
    let (short, version) = (CAPTURED[..16].to_vec(), changed(|bytes| bytes[0] = 0x31));
    let mut said = Vec::new();
    for _ in 0..50 {
        for pdu in [&CAPTURED[..], &short, &version] {
            said.extend(hear_bytes(&mut router, at(1), 2, pdu));
        }
    }
    assert_eq!(said.len(), 10, "{said:?}");
    assert_eq!(said[0], "(V1) master set to 10.9.0.2");
    // All are counted, and what changes the state is told.
    let stats = &router.view()[0].stats;
    assert_eq!(stats.rejected(RejectKind::Version), 50);
    let takes_over = tick(&mut router, at(5));
    assert!(
        takes_over.contains(&"(V1) Entering MASTER STATE".to_owned()),
        "{takes_over:?}"
    );
    let kind = changed(|bytes| bytes[0] = 0x22);
    let later = hear_bytes(&mut router, at(15), 2, &kind);
    assert_eq!(
        later,
        [
            "(V1) 91 more lines about received packets were withheld, since there were too many; keepalived.stats (SIGUSR2) \
             counts packets by reason and sender",
            "(V1) Invalid packet type from 10.9.0.2. 2 and expect 1"
        ]
    );
}

//! `auth_type AH`: what is sent, what is believed, and how routers count together.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a test fails by panicking"
)]

mod support;

use std::net::{IpAddr, Ipv4Addr};

use support::{alone, header, instance, lines, sends, started};
use vrrp::wire::ah::{self, Authentic};
use vrrp::wire::ipv4::Header;
use vrrp::wire::v2::Advert;
use vrrp::{Auth, Event, InstanceConfig, RejectKind, Router, StateView, Time};

const SECRET: &[u8; 8] = b"secretlo";

fn config(priority: u8) -> InstanceConfig {
    InstanceConfig {
        auth: Auth::Ah(*SECRET),
        ..instance("V1", priority)
    }
}

/// What `hear` may spoil.
#[derive(Clone, Copy)]
struct Packet {
    sequence: u32,
    priority: u8,
    secret: &'static [u8; 8],
    spi: Option<Ipv4Addr>,
    auth_type: u8,
    naked: bool,
}

fn good(sequence: u32, priority: u8) -> Packet {
    Packet {
        sequence,
        priority,
        secret: SECRET,
        spi: None,
        auth_type: 2,
        naked: false,
    }
}

fn hear(router: &mut Router, now: Time, packet: Packet) -> Vec<String> {
    let pdu = Advert {
        auth_type: packet.auth_type,
        auth_data: [0; 8],
        ..support::advert(packet.priority)
    }
    .emit();
    let header = Header {
        identification: 9,
        protocol: if packet.naked { 112 } else { ah::PROTOCOL },
        ..header(Ipv4Addr::new(10, 9, 0, 2))
    };
    let mut authentic = Authentic::sign(packet.secret, &header, packet.sequence, &pdu);
    authentic.spi = packet.spi.unwrap_or(authentic.spi);
    let payload = match packet.naked {
        true => pdu,
        false => [authentic.emit().to_vec(), pdu].concat(),
    };
    let bytes = &header.emit(&payload).unwrap();
    lines(router.handle(
        now,
        Event::Datagram {
            interface: 1,
            bytes,
        },
    ))
}

fn master() -> (Router, Time) {
    let mut router = started(alone(config(150)));
    let now = router.deadline().unwrap();
    let _ = router.handle(now, Event::Timer);
    assert_eq!(router.view()[0].state, StateView::Master);
    (router, now)
}

#[test]
fn what_is_sent_is_numbered_and_verifies() {
    let mut router = started(alone(config(150)));
    for number in 1..=3 {
        let now = router.deadline().unwrap();
        let [(protocol, identification, payload)] = &sends(router.handle(now, Event::Timer))[..]
        else {
            panic!("one packet");
        };
        assert_eq!((*protocol, u32::from(*identification)), (51, number));
        let header = Header {
            identification: *identification,
            protocol: *protocol,
            ..header(Ipv4Addr::new(10, 9, 0, 1))
        };
        let (authentic, pdu) = Authentic::parse(payload).unwrap();
        assert_eq!((authentic.spi, authentic.sequence), (header.source, number));
        assert!(authentic.verify(SECRET, &header, pdu));
        let advert = Advert::parse(pdu).unwrap().advert;
        assert_eq!((advert.auth_type, advert.auth_data), (2, [0; 8]));
    }
}

#[test]
fn what_is_not_believed() {
    let mut router = started(alone(config(100)));
    let now = Time::new(4_100_000);
    assert_eq!(
        hear(&mut router, now, good(100, 150)),
        ["(V1) master set to 10.9.0.2"]
    );
    let stranger = Some(Ipv4Addr::new(1, 2, 3, 4));
    let cases = [
        (
            good(100, 150),
            RejectKind::AhReplay,
            "(V1) IPSEC-AH : sequence number 100 already processed. Packet dropped. Local(100) (from 10.9.0.2)",
        ),
        (
            Packet {
                secret: b"secretlx",
                ..good(101, 150)
            },
            RejectKind::AhInvalid,
            "(V1) IPSEC-AH : invalid IPSEC HMAC-MD5 value. Due to fields mutation or bad password ! (from 10.9.0.2)",
        ),
        (
            Packet {
                spi: stranger,
                ..good(102, 150)
            },
            RejectKind::AhSpi,
            "(V1) IPSEC AH : invalid IPSEC SPI value. 1.2.3.4 and expect 10.9.0.2",
        ),
        (
            Packet {
                auth_type: 1,
                ..good(103, 150)
            },
            RejectKind::AuthMismatch,
            "(V1) received a 1 auth from 10.9.0.2, expecting 2!",
        ),
        (
            Packet {
                naked: true,
                ..good(104, 150)
            },
            RejectKind::AhMissing,
            "(V1) no authentication header before the advert from 10.9.0.2",
        ),
    ];
    for (packet, kind, line) in cases {
        assert_eq!(hear(&mut router, now, packet), [line]);
        assert_eq!(router.view()[0].stats.rejected(kind), 1, "{kind}");
    }
    let stats = &router.view()[0].stats;
    assert_eq!(
        (stats.auth_failures(), stats.auth_mismatch_errors()),
        (4, 1)
    );
    // None of them moved the number on.
    assert!(hear(&mut router, now, good(101, 150)).is_empty());
    assert_eq!(router.view()[0].stats.adverts_received, 2);
}

#[test]
fn without_it_an_authentication_header_is_not_believed() {
    let mut router = started(alone(InstanceConfig {
        auth: Auth::None,
        ..instance("V1", 100)
    }));
    let packet = Packet {
        auth_type: 0,
        ..good(1, 150)
    };
    assert_eq!(
        hear(&mut router, Time::new(4_100_000), packet),
        ["(V1) received a 2 auth from 10.9.0.2, expecting 0!"]
    );
    let garbage = Header {
        protocol: ah::PROTOCOL,
        ..header(Ipv4Addr::new(10, 9, 0, 2))
    };
    let bytes = &garbage.emit(&[0; 44]).unwrap();
    let _ = router.handle(
        Time::new(4_100_000),
        Event::Datagram {
            interface: 1,
            bytes,
        },
    );
    assert_eq!(router.strays().rejected(RejectKind::AhMalformed), 1);
}

/// As seen of keepalived 2.2.7: a master that hears number 1000 of a worse one answers with 1002.
#[test]
fn a_master_counts_on_from_a_worse_one() {
    let (mut router, now) = master();
    assert_eq!(
        hear(&mut router, now, good(1000, 50)),
        [
            "(V1) Received advert from 10.9.0.2 with lower priority 50, ours 150, forcing new election",
            "(V1) IPSEC-AH : Syncing seq_num - Increment seq",
            "send V1 150",
            "announce V1 5",
            "notify V1 MASTER_RX_LOWER_PRI 150",
        ]
    );
    let next = router.deadline().unwrap();
    let [(_, _, payload)] = &sends(router.handle(next, Event::Timer))[..] else {
        panic!("one packet");
    };
    assert_eq!(Authentic::parse(payload).unwrap().0.sequence, 1003);
}

/// Two masters that have counted alike: each hears the other's advert with its own last number.
#[test]
fn masters_that_count_alike_hear_each_other() {
    let (mut router, now) = master();
    assert_eq!(
        hear(&mut router, now, good(1, 200))[0],
        "(V1) Master received advert from 10.9.0.2 with higher priority 200, ours 150"
    );
    assert_eq!(router.view()[0].state, StateView::Backup);
    assert_eq!(
        hear(&mut router, now, good(1, 200)),
        [
            "(V1) IPSEC-AH : sequence number 1 already processed. Packet dropped. Local(1) (from 10.9.0.2)"
        ]
    );
}

#[test]
fn a_peer_of_unicast_gets_the_same_number_as_the_others() {
    let mut router = started(alone(InstanceConfig {
        transport: vrrp::Transport::Unicast(vrrp::Unicast {
            peers: [2, 3]
                .map(|last| vrrp::Peer {
                    address: IpAddr::from([10, 9, 0, last]),
                    min_ttl: 0,
                    max_ttl: 255,
                })
                .into(),
            check_source: false,
            fault_no_peer: false,
            ttl: None,
            checksum: vrrp::UnicastChecksum::Detect,
        }),
        ..config(150)
    }));
    let now = router.deadline().unwrap();
    let sent = sends(router.handle(now, Event::Timer));
    let numbers: Vec<u32> = sent
        .iter()
        .map(|(_, _, payload)| Authentic::parse(payload).unwrap().0.sequence)
        .collect();
    assert_eq!(numbers, [1, 1]);
}

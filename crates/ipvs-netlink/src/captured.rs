//! Captured bytes (`tests/captured.txt`) against the values that they stand for. Each expected
//! value is read off the ipvsadm line that is named, or off what ipvsadm printed.

use std::net::{Ipv4Addr, SocketAddr};
use std::num::NonZeroU32;

use netlink_packet_core::Emitable;
use netlink_packet_core::ParseableParametrized;
use netlink_packet_generic::GenlMessage;

use crate::attr::CommandAttr;
use crate::client::emit_operation;
use crate::message::IpvsMessage;
use crate::repr::codec::{parse_destination, parse_service};
use crate::*;

const CAPTURED: &str = include_str!("../tests/captured.txt");

/// The messages with this mark under this command line.
fn captured(command: &str, mark: &str) -> Vec<Vec<u8>> {
    let title = format!("# {command}");
    let unhex = |text: &str| {
        text.as_bytes()
            .chunks(2)
            .map(|pair| u8::from_str_radix(std::str::from_utf8(pair).unwrap(), 16).unwrap())
            .collect()
    };
    let found: Vec<Vec<u8>> = CAPTURED
        .lines()
        .skip_while(|line| **line != title)
        .skip(1)
        .take_while(|line| !line.is_empty())
        .filter_map(|line| line.strip_prefix(mark)?.strip_prefix(' '))
        .map(unhex)
        .collect();
    assert!(!found.is_empty(), "no `{mark}` under `{command}`");
    found
}

fn emit(operation: &Operation) -> Vec<u8> {
    let message = GenlMessage::from_payload(emit_operation(operation));
    let mut bytes = vec![0; message.buffer_len()];
    message.emit(&mut bytes);
    bytes
}

fn parse(bytes: &[u8]) -> Vec<CommandAttr> {
    match GenlMessage::parse_with_param(bytes, 28).unwrap().payload {
        IpvsMessage::Command(_, attributes) => attributes,
        IpvsMessage::Info(_) => panic!("an info"),
    }
}

fn at(text: &str) -> SocketAddr {
    text.parse().unwrap()
}

fn mark(number: u32) -> NonZeroU32 {
    NonZeroU32::new(number).unwrap()
}

fn web() -> ServiceKey {
    ServiceKey::Socket(Protocol::Tcp, at("10.0.0.1:80"))
}

fn persistent(timeout: u32, netmask: Netmask) -> Option<Persistence> {
    Some(Persistence {
        timeout,
        netmask,
        engine: None,
    })
}

/// Services as ipvsadm was told to make them.
fn services() -> Vec<(&'static str, ServiceKey, ServiceSpec)> {
    let mut web_spec = ServiceSpec::new(Scheduler::WLC);
    web_spec.persistence = persistent(300, Netmask::V4(Ipv4Addr::new(255, 255, 255, 0)));
    let mut name_spec = ServiceSpec::new(Scheduler::RR);
    name_spec.flags.one_packet = true;
    let mut hash_spec = ServiceSpec::new(Scheduler::SH);
    hash_spec.flags.sched_1 = true;
    hash_spec.flags.sched_2 = true;
    let mut maglev_spec = ServiceSpec::new(Scheduler::MH);
    maglev_spec.flags.sched_2 = true;
    let mut six_spec = ServiceSpec::new(Scheduler::RR);
    six_spec.persistence = persistent(60, Netmask::V6(64));
    let mut sip_spec = ServiceSpec::new(Scheduler::RR);
    sip_spec.persistence = Some(Persistence {
        timeout: 30,
        netmask: Netmask::V4(Ipv4Addr::BROADCAST),
        engine: Some(PersistenceEngine::SIP),
    });
    let socket = |protocol, text| ServiceKey::Socket(protocol, at(text));
    vec![
        (
            "ipvsadm -A -t 10.0.0.1:80 -s wlc -p 300 -M 255.255.255.0",
            web(),
            web_spec,
        ),
        (
            "ipvsadm -A -u [2001:db8::1]:53 -s rr -o",
            socket(Protocol::Udp, "[2001:db8::1]:53"),
            name_spec,
        ),
        (
            "ipvsadm -A --sctp-service 10.0.0.3:9899 -s sh -b sh-fallback,sh-port",
            socket(Protocol::Sctp, "10.0.0.3:9899"),
            hash_spec,
        ),
        (
            "ipvsadm -A -f 1 -s mh -b mh-port",
            ServiceKey::Fwmark(Family::Inet, mark(1)),
            maglev_spec,
        ),
        (
            "ipvsadm -A -f 1 -6 -s rr -p 60 -M 64",
            ServiceKey::Fwmark(Family::Inet6, mark(1)),
            six_spec,
        ),
        (
            "ipvsadm -A -u 10.0.0.4:5060 -s rr -p 30 --pe sip",
            socket(Protocol::Udp, "10.0.0.4:5060"),
            sip_spec,
        ),
    ]
}

#[test]
fn services_are_emitted_as_ipvsadm_does() {
    for (command, key, spec) in services() {
        let operation = Operation::AddService(key, spec);
        assert_eq!(emit(&operation), captured(command, ">")[0], "{command}");
    }
    let set = Operation::SetService(web(), ServiceSpec::new(Scheduler::RR));
    let command = "ipvsadm -E -t 10.0.0.1:80 -s rr";
    assert_eq!(emit(&set), captured(command, ">")[0]);
}

fn tunnel(kind: TunnelKind) -> DestinationSpec {
    DestinationSpec::new(Forwarding::Tunnel(kind), 1)
}

/// Destinations as ipvsadm was told to make them.
fn destinations() -> Vec<(&'static str, SocketAddr, DestinationSpec)> {
    let limited = DestinationSpec {
        forwarding: Forwarding::Masquerade,
        weight: 5,
        upper_threshold: 100,
        lower_threshold: 50,
    };
    vec![
        (
            "ipvsadm -a -t 10.0.0.1:80 -r 192.0.2.10:8080 -m -w 5 -x 100 -y 50",
            at("192.0.2.10:8080"),
            limited,
        ),
        (
            "ipvsadm -a -t 10.0.0.1:80 -r 192.0.2.11:80 -g -w 1",
            at("192.0.2.11:80"),
            DestinationSpec::new(Forwarding::DirectRoute, 1),
        ),
        (
            "ipvsadm -a -t 10.0.0.1:80 -r [2001:db8::99]:80 -i -w 1",
            at("[2001:db8::99]:80"),
            tunnel(TunnelKind::Ipip),
        ),
        (
            "ipvsadm -a -f 1 -r 192.0.2.12:0 -i --tun-type gue --tun-port 6080 --tun-csum",
            at("192.0.2.12:0"),
            tunnel(TunnelKind::Gue {
                port: 6080,
                checksum: TunnelChecksum::Checksum,
            }),
        ),
        (
            "ipvsadm -a -f 1 -r 192.0.2.13:0 -i --tun-type gre --tun-nocsum",
            at("192.0.2.13:0"),
            tunnel(TunnelKind::Gre {
                checksum: TunnelChecksum::None,
            }),
        ),
        (
            "ipvsadm -a -f 1 -r 192.0.2.14:0 -i --tun-type gue --tun-port 6081 --tun-remcsum",
            at("192.0.2.14:0"),
            tunnel(TunnelKind::Gue {
                port: 6081,
                checksum: TunnelChecksum::Remote,
            }),
        ),
    ]
}

/// The bytes of one top-level attribute (1 the service, 2 the destination) of a message.
fn attribute(message: &[u8], kind: u8) -> Vec<u8> {
    let mut rest = &message[4..];
    while let [low, high, number, ..] = *rest {
        let length = usize::from(u16::from_le_bytes([low, high]));
        if number == kind {
            return rest[..length].to_vec();
        }
        rest = &rest[length.next_multiple_of(4).min(rest.len())..];
    }
    panic!("no attribute {kind}");
}

// ipvsadm describes the service in full where its name suffices, so only the destination's
// bytes are the same.
#[test]
fn destinations_are_emitted_as_ipvsadm_does() {
    for (command, address, spec) in destinations() {
        let key = if command.contains("-f 1") {
            ServiceKey::Fwmark(Family::Inet, mark(1))
        } else {
            web()
        };
        let ours = emit(&Operation::AddDestination(key, address, spec));
        let theirs = captured(command, ">").remove(0);
        assert_eq!(ours[..4], theirs[..4], "{command}");
        assert_eq!(attribute(&ours, 2), attribute(&theirs, 2), "{command}");
    }
}

// How ipvsadm names a service when it asks for its destinations (`ipvsadm -Sn`).
#[test]
fn services_are_named_as_ipvsadm_does() {
    let named: Vec<_> = captured("ipvsadm -Sn", ">")
        .iter()
        .filter(|message| message[0] == 8)
        .map(|message| attribute(message, 1))
        .collect();
    assert_eq!(named.len(), 6);
    for (_, key, _) in services() {
        let ours = attribute(&emit(&Operation::DeleteService(key)), 1);
        assert!(named.contains(&ours), "{key}");
    }
}

// Before `ipvsadm -Sn` the first service lost its persistence and became `rr`, and the second
// destination got weight 0.
#[test]
fn the_table_is_parsed_as_ipvsadm_prints_it() {
    let mut want: Vec<_> = services().into_iter().map(|(_, k, s)| (k, s)).collect();
    want[0].1 = ServiceSpec::new(Scheduler::RR);
    want.sort();
    let mut want_destinations: Vec<_> =
        destinations().into_iter().map(|(_, a, s)| (a, s)).collect();
    want_destinations[1].1.weight = 0;
    want_destinations.extend([("127.0.0.1:80", 1), ("[2001:db8::2]:53", 1)].map(
        |(text, weight)| {
            (
                at(text),
                DestinationSpec::new(Forwarding::Masquerade, weight),
            )
        },
    ));
    want_destinations.sort();
    let (mut have, mut have_destinations) = (Vec::new(), Vec::new());
    for message in captured("ipvsadm -Sn", "<") {
        for attribute in parse(&message) {
            match attribute {
                CommandAttr::Service(list) => {
                    let (key, spec, stats) = parse_service(&list).unwrap();
                    assert_eq!(stats, Stats::default());
                    have.push((key, spec));
                }
                CommandAttr::Destination(list) => {
                    let (address, view) = parse_destination(Family::Inet, &list).unwrap();
                    have_destinations.push((address, view.spec));
                }
                other => panic!("{other:?}"),
            }
        }
    }
    have.sort();
    have_destinations.sort();
    assert_eq!(have, want);
    assert_eq!(have_destinations, want_destinations);
}

// Three datagrams of `hello` (34 bytes with headers) went through a persistent service, three
// ICMP errors came back; then `ipvsadm -Ln --stats` and `--persistent-conn` printed these numbers.
#[test]
fn counters_are_parsed_as_ipvsadm_prints_them() {
    let mut seen = 0;
    for message in captured("ipvsadm -Ln --stats", "<").iter().skip(1) {
        let stats = match parse(message).remove(0) {
            CommandAttr::Service(list) => parse_service(&list).unwrap().2,
            CommandAttr::Destination(list) => {
                let (_, view) = parse_destination(Family::Inet, &list).unwrap();
                assert_eq!(view.active_connections, 0);
                assert_eq!(view.inactive_connections, 3);
                assert_eq!(view.persistent_connections, 1);
                assert_eq!(view.spec.weight, 7);
                assert_eq!(view.spec.upper_threshold, 9);
                assert_eq!(view.spec.lower_threshold, 4);
                view.stats
            }
            other => panic!("{other:?}"),
        };
        assert_eq!((stats.connections, stats.packets_in), (3, 3));
        assert_eq!((stats.bytes_in, stats.packets_out), (102, 3));
        assert_eq!(stats.bytes_out, 186);
        seen += 1;
    }
    assert_eq!(seen, 2);
}

// A kernel before 4.1 has no 64-bit counters: the same capture without them.
#[test]
fn counters_of_32_bits_do_where_there_are_no_others() {
    let message = captured("ipvsadm -Ln --stats", "<").remove(1);
    let CommandAttr::Service(mut list) = parse(&message).remove(0) else {
        panic!("no service");
    };
    let before = list.len();
    list.retain(|attribute| !matches!(attribute, crate::attr::ServiceAttr::Stats64(_)));
    assert_eq!(list.len(), before - 1);
    let stats = parse_service(&list).unwrap().2;
    assert_eq!((stats.connections, stats.bytes_in), (3, 102));
}

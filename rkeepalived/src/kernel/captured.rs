//! What keepalived 2.2.7 sent to the kernel, recorded with strace: each line of a configuration, then the flags and the
//! bytes of its message after the netlink header. In that namespace lo was number 1, eth0 3 and eth1 5.

use std::collections::BTreeSet;

use netlink_packet_core::NetlinkMessage;
use netlink_packet_core::{NetlinkHeader, NetlinkPayload};
use netlink_packet_route::RouteNetlinkMessage;

/// Addresses: `RTM_NEWADDR`.
pub const ADDRESSES: &str = include_str!("captured/addresses.txt");

/// Routes: `RTM_NEWROUTE`.
pub const ROUTES: &str = include_str!("captured/routes.txt");
/// Rules: `RTM_NEWRULE`.
pub const RULES: &str = include_str!("captured/rules.txt");

/// A message: its fixed part, and its attributes by number, in no order.
pub type Split = (Vec<u8>, BTreeSet<(u16, Vec<u8>)>);

/// Line of the configuration, flags (`NLM_F_*`), bytes.
pub fn lines(file: &'static str) -> impl Iterator<Item = (&'static str, u16, Vec<u8>)> {
    file.lines().map(|line| {
        let (config, captured) = line.split_once(" | ").unwrap();
        let (flags, hex) = captured.split_once(' ').unwrap();
        let flags = u16::from_str_radix(flags.strip_prefix("0x").unwrap(), 16).unwrap();
        let bytes = (0..hex.len())
            .step_by(2)
            .map(|at| u8::from_str_radix(&hex[at..at + 2], 16).unwrap());
        (config, flags, bytes.collect())
    })
}

/// Splits a message with a fixed part of that many bytes.
pub fn split(bytes: &[u8], fixed: usize) -> Split {
    let (fixed, mut rest) = bytes.split_at(fixed);
    let mut attributes = BTreeSet::new();
    while rest.len() >= 4 {
        let length = usize::from(u16::from_ne_bytes([rest[0], rest[1]]));
        let kind = u16::from_ne_bytes([rest[2], rest[3]]);
        attributes.insert((kind, rest[4..length].to_vec()));
        rest = rest.get(length.next_multiple_of(4)..).unwrap_or_default();
    }
    (fixed.to_vec(), attributes)
}

/// A message about a route, with its metrics and what it is wrapped in in the order of their numbers, without what is
/// between them, and names without a NUL at their end.
pub fn split_route(bytes: &[u8]) -> Split {
    const RTA_METRICS: u16 = 8;
    const RTA_ENCAP: u16 = 22;
    const RTAX_CC_ALGO: u16 = 16;
    let (fixed, attributes) = split(bytes, 12);
    let sorted = |(kind, bytes): (u16, Vec<u8>)| {
        if ![RTA_METRICS, RTA_ENCAP].contains(&kind) {
            return vec![(kind, bytes)];
        }
        let inner = split(&bytes, 0).1.into_iter();
        inner
            .map(|(inside, mut value)| {
                if inside == RTAX_CC_ALGO && value.last() == Some(&0) {
                    value.pop();
                }
                (kind << 8 | inside, value)
            })
            .collect()
    };
    (fixed, attributes.into_iter().flat_map(sorted).collect())
}

/// The bytes of one of ours, after the netlink header.
pub fn emitted(message: RouteNetlinkMessage) -> Vec<u8> {
    let mut message = NetlinkMessage::new(NetlinkHeader::default(), NetlinkPayload::from(message));
    message.finalize();
    let mut bytes = vec![0; message.buffer_len()];
    message.serialize(&mut bytes);
    bytes.split_off(16)
}

/// The number of an interface of that namespace.
pub fn index(name: &str) -> Option<u32> {
    let known = [("lo", 1), ("eth0", 3), ("eth1", 5)];
    let found = known.iter().find(|(known, _)| *known == name);
    found.map(|(_, index)| *index)
}

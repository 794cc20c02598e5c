//! What the packets of a route are wrapped in (linux/lwtunnel.h, linux/mpls_iptunnel.h, linux/ila.h).

use std::net::IpAddr;

use keepalived_conf::{Encap, Family, IpEncap, MplsLabel};

const LWTUNNEL_ENCAP_MPLS: u16 = 1;
const LWTUNNEL_ENCAP_IP: u16 = 2;
const LWTUNNEL_ENCAP_ILA: u16 = 3;
const LWTUNNEL_ENCAP_IP6: u16 = 4;

const MPLS_IPTUNNEL_DST: u16 = 1;
const ILA_ATTR_LOCATOR: u16 = 1;

/// `LWTUNNEL_IP_*`; those of IPv6 have the same numbers, with traffic class and hop limit changed about.
const ID: u16 = 1;
const DST: u16 = 2;
const SRC: u16 = 3;
const IP_TTL: u16 = 4;
const IP_TOS: u16 = 5;
const IP6_HOPLIMIT: u16 = 4;
const IP6_TC: u16 = 5;
const FLAGS: u16 = 6;

/// An attribute's number and its bytes.
type Attribute = (u16, Vec<u8>);

/// The number of the kind, and the attributes of it.
pub(super) fn attributes(encap: &Encap) -> (u16, Vec<Attribute>) {
    match encap {
        Encap::Ip(ip) => (
            match ip.family {
                Family::Inet => LWTUNNEL_ENCAP_IP,
                Family::Inet6 => LWTUNNEL_ENCAP_IP6,
            },
            tunnel(ip),
        ),
        Encap::Mpls(labels) => (
            LWTUNNEL_ENCAP_MPLS,
            vec![(MPLS_IPTUNNEL_DST, stack(labels))],
        ),
        Encap::Ila(locator) => (
            LWTUNNEL_ENCAP_ILA,
            vec![(ILA_ATTR_LOCATOR, locator.to_be_bytes().to_vec())],
        ),
    }
}

fn tunnel(ip: &IpEncap) -> Vec<Attribute> {
    let (ttl, tos) = match ip.family {
        Family::Inet => (IP_TTL, IP_TOS),
        Family::Inet6 => (IP6_HOPLIMIT, IP6_TC),
    };
    let octets = |address: IpAddr| match address {
        IpAddr::V4(v4) => v4.octets().to_vec(),
        IpAddr::V6(v6) => v6.octets().to_vec(),
    };
    let found = [
        (ID, ip.id.map(|id| id.to_be_bytes().to_vec())),
        (DST, ip.destination.map(octets)),
        (SRC, ip.source.map(octets)),
        (ttl, ip.ttl.map(|ttl| vec![ttl])),
        (tos, ip.tos.map(|tos| vec![tos])),
        (FLAGS, ip.flags.map(|flags| flags.to_ne_bytes().to_vec())),
    ];
    found
        .into_iter()
        .filter_map(|(kind, bytes)| Some((kind, bytes?)))
        .collect()
}

/// RFC 3032 2.1: 20 bits of label, 3 of class, 1 at the bottom of the stack, 8 of TTL.
fn stack(labels: &[MplsLabel]) -> Vec<u8> {
    let last = labels.len().saturating_sub(1);
    let entry = |(at, MplsLabel(label)): (usize, &MplsLabel)| {
        let bottom = u32::from(at == last) << 8;
        (label << 12 | bottom).to_be_bytes()
    };
    labels.iter().enumerate().flat_map(entry).collect()
}

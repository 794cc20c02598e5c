//! Random values for property tests.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::num::NonZeroU32;
use std::sync::Arc;

use proptest::option;
use proptest::prelude::*;

use crate::*;

fn family() -> impl Strategy<Value = Family> {
    prop_oneof![Just(Family::Inet), Just(Family::Inet6)]
}

/// Few addresses, so that tables meet.
fn address() -> impl Strategy<Value = SocketAddr> {
    (family(), 0..3u8, 80..83u16).prop_map(|(family, last, port)| {
        let address: IpAddr = match family {
            Family::Inet => Ipv4Addr::new(192, 0, 2, last).into(),
            Family::Inet6 => Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, u16::from(last)).into(),
        };
        SocketAddr::new(address, port)
    })
}

/// A service's name.
pub(crate) fn key() -> impl Strategy<Value = ServiceKey> {
    let protocol = prop_oneof![
        Just(Protocol::Tcp),
        Just(Protocol::Udp),
        Just(Protocol::Sctp)
    ];
    let marks = (1..4u32).prop_filter_map("zero", NonZeroU32::new);
    prop_oneof![
        (protocol, address()).prop_map(|(protocol, address)| ServiceKey::Socket(protocol, address)),
        (family(), marks).prop_map(|(family, mark)| ServiceKey::Fwmark(family, mark)),
    ]
}

fn netmask(family: Family) -> BoxedStrategy<Netmask> {
    match family {
        Family::Inet => (0..=32u32)
            .prop_map(|length| u32::MAX.checked_shl(32 - length).unwrap_or(0))
            .prop_map(|mask| Netmask::V4(Ipv4Addr::from(mask)))
            .boxed(),
        Family::Inet6 => (1..=128u8).prop_map(Netmask::V6).boxed(),
    }
}

/// What may be asked of a service of this family.
pub(crate) fn service_spec(family: Family) -> impl Strategy<Value = ServiceSpec> {
    let engine = option::of(Just(PersistenceEngine::SIP));
    let persistence =
        (1..9000u32, netmask(family), engine).prop_map(|(timeout, netmask, engine)| Persistence {
            timeout,
            netmask,
            engine,
        });
    (
        proptest::sample::select(Scheduler::KNOWN),
        any::<[bool; 4]>(),
        option::of(persistence),
    )
        .prop_map(|(scheduler, [a, b, c, d], persistence)| ServiceSpec {
            scheduler,
            flags: ServiceFlags {
                one_packet: a,
                sched_1: b,
                sched_2: c,
                sched_3: d,
            },
            persistence,
        })
}

fn forwarding() -> impl Strategy<Value = Forwarding> {
    let checksum = || {
        prop_oneof![
            Just(TunnelChecksum::None),
            Just(TunnelChecksum::Checksum),
            Just(TunnelChecksum::Remote)
        ]
    };
    prop_oneof![
        Just(Forwarding::Masquerade),
        Just(Forwarding::DirectRoute),
        Just(Forwarding::Local),
        Just(Forwarding::Bypass),
        Just(Forwarding::Tunnel(TunnelKind::Ipip)),
        (any::<u16>(), checksum())
            .prop_map(|(port, checksum)| Forwarding::Tunnel(TunnelKind::Gue { port, checksum })),
        checksum().prop_map(|checksum| Forwarding::Tunnel(TunnelKind::Gre { checksum })),
    ]
}

/// A destination.
pub(crate) fn destination() -> impl Strategy<Value = (SocketAddr, DestinationSpec)> {
    (address(), forwarding(), any::<[u32; 3]>()).prop_map(|(address, forwarding, [a, b, c])| {
        let spec = DestinationSpec {
            forwarding,
            weight: a,
            upper_threshold: b,
            lower_threshold: c,
        };
        (address, spec)
    })
}

/// A table of up to a dozen services.
pub(crate) fn table() -> impl Strategy<Value = Table> {
    let service = key().prop_flat_map(|key| {
        let destinations = proptest::collection::vec(destination(), 0..6);
        (Just(key), service_spec(key.family()), destinations)
    });
    proptest::collection::vec(service, 0..12).prop_map(|services| Table {
        services: services
            .into_iter()
            .map(|(key, spec, destinations)| {
                let destinations = destinations.into_iter().collect();
                (key, Arc::new(Service { spec, destinations }))
            })
            .collect(),
    })
}

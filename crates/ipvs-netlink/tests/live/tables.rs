//! Tables for the kernel, of every kind and of every size.

use std::fmt::Write as _;
use std::net::{Ipv4Addr, SocketAddr};
use std::num::NonZeroU32;

use ipvs_netlink::*;

pub fn at(text: &str) -> SocketAddr {
    text.parse().unwrap()
}

pub fn tcp(text: &str) -> ServiceKey {
    ServiceKey::Socket(Protocol::Tcp, at(text))
}

pub fn fwmark(family: Family, mark: u32) -> ServiceKey {
    ServiceKey::Fwmark(family, NonZeroU32::new(mark).unwrap())
}

pub fn plain(scheduler: Scheduler) -> ServiceSpec {
    ServiceSpec::new(scheduler)
}

pub fn persistent(scheduler: Scheduler, timeout: u32, netmask: Netmask) -> ServiceSpec {
    let persistence = Persistence {
        timeout,
        netmask,
        engine: None,
    };
    ServiceSpec {
        persistence: Some(persistence),
        ..plain(scheduler)
    }
}

pub fn weighted(forwarding: Forwarding, weight: u32) -> DestinationSpec {
    DestinationSpec::new(forwarding, weight)
}

pub type Row = (
    ServiceKey,
    ServiceSpec,
    Vec<(&'static str, DestinationSpec)>,
);

pub fn table(rows: Vec<Row>) -> Table {
    let service = |spec, destinations: Vec<(&str, DestinationSpec)>| Service {
        spec,
        destinations: destinations
            .into_iter()
            .map(|(address, spec)| (at(address), spec))
            .collect(),
    };
    Table {
        services: rows
            .into_iter()
            .map(|(key, spec, destinations)| (key, service(spec, destinations).into()))
            .collect(),
    }
}

/// Every kind of service and destination at least once.
pub fn colourful() -> Table {
    let masquerade = Forwarding::Masquerade;
    let mut limited = weighted(masquerade, 5);
    limited.upper_threshold = 100;
    limited.lower_threshold = 50;
    let gue = TunnelKind::Gue {
        port: 6080,
        checksum: TunnelChecksum::Checksum,
    };
    let remote = TunnelKind::Gue {
        port: 6081,
        checksum: TunnelChecksum::Remote,
    };
    let gre = TunnelKind::Gre {
        checksum: TunnelChecksum::Checksum,
    };
    let mut sip = persistent(Scheduler::RR, 30, Netmask::V4(Ipv4Addr::BROADCAST));
    if let Some(persistence) = &mut sip.persistence {
        persistence.engine = Some(PersistenceEngine::SIP);
    }
    let mut one_packet = plain(Scheduler::WRR);
    one_packet.flags.one_packet = true;
    let mut hashed = plain(Scheduler::SH);
    hashed.flags.sched_1 = true;
    hashed.flags.sched_2 = true;
    let mut maglev = plain(Scheduler::MH);
    maglev.flags.sched_2 = true;
    let mask = Netmask::V4(Ipv4Addr::new(255, 255, 255, 0));
    table(vec![
        (
            tcp("10.0.0.1:80"),
            persistent(Scheduler::WLC, 300, mask),
            vec![
                ("192.0.2.10:8080", limited),
                ("192.0.2.11:80", weighted(Forwarding::DirectRoute, 0)),
                (
                    "[2001:db8::99]:80",
                    weighted(Forwarding::Tunnel(TunnelKind::Ipip), 2_147_483_647),
                ),
                ("127.0.0.1:80", weighted(masquerade, 1)),
            ],
        ),
        (
            tcp("10.0.0.2:0"),
            persistent(Scheduler::LBLCR, 1, Netmask::V4(Ipv4Addr::UNSPECIFIED)),
            vec![("192.0.2.10:0", weighted(Forwarding::Local, 1))],
        ),
        (
            ServiceKey::Socket(Protocol::Udp, at("[2001:db8::1]:53")),
            one_packet,
            vec![("[2001:db8::2]:53", weighted(masquerade, 1))],
        ),
        (
            ServiceKey::Socket(Protocol::Udp, at("10.0.0.4:5060")),
            sip,
            vec![],
        ),
        (
            ServiceKey::Socket(Protocol::Sctp, at("10.0.0.3:9899")),
            hashed,
            vec![("192.0.2.9:9899", weighted(Forwarding::Bypass, 3))],
        ),
        (
            fwmark(Family::Inet, 1),
            maglev,
            vec![
                ("192.0.2.12:0", weighted(Forwarding::Tunnel(gue), 1)),
                ("192.0.2.13:0", weighted(Forwarding::Tunnel(gre), 1)),
                ("192.0.2.14:0", weighted(Forwarding::Tunnel(remote), 1)),
            ],
        ),
        (
            fwmark(Family::Inet6, 1),
            persistent(Scheduler::RR, 60, Netmask::V6(64)),
            vec![],
        ),
        (
            fwmark(Family::Inet6, u32::MAX),
            plain(Scheduler::NQ),
            vec![],
        ),
    ])
}

/// Services with as many destinations each.
pub fn large(services: u16, destinations: u8) -> Table {
    let service = || Service {
        spec: plain(Scheduler::WLC),
        destinations: (1..=destinations)
            .map(|last| {
                let address = SocketAddr::from(([192, 0, 2, last], 80));
                (address, weighted(Forwarding::Masquerade, 1))
            })
            .collect(),
    };
    let key = |port| ServiceKey::Socket(Protocol::Tcp, SocketAddr::from(([10, 0, 0, 1], port)));
    Table {
        services: (1..=services)
            .map(|port| (key(port), service().into()))
            .collect(),
    }
}

/// The same as `ipvsadm --restore` reads it.
pub fn rules(table: &Table) -> String {
    let mut text = String::new();
    for (key, service) in &table.services {
        let ServiceKey::Socket(_, address) = key else {
            panic!("{key}");
        };
        writeln!(text, "-A -t {address} -s {}", service.spec.scheduler).unwrap();
        for (destination, spec) in &service.destinations {
            writeln!(
                text,
                "-a -t {address} -r {destination} -m -w {}",
                spec.weight
            )
            .unwrap();
        }
    }
    text
}

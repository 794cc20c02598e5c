//! Virtual servers, one at a time: as the pool has them, with what the checks saw last and what the kernel counted.

use std::collections::HashMap;
use std::time::Duration;

use checkers::{CheckId, Evidence, Health, Outcome, Probe, Seen};
use ipvs_netlink::{Forwarding, ServiceKey, Stats};

use super::millis;
use crate::lvs::live::LiveService;
use crate::lvs::operator::Operator;
use crate::lvs::server::{LiveCheck, LiveServer};
use crate::lvs::wanted::{ServiceName, WantedCheck, WantedServer, placed};
use crate::status::desk::Destinations;
use crate::status::view::{
    AttemptView, CheckKind, CheckView, Counters, FailureView, FileView, OperatorView, ServerView,
    SorryView, VirtualServerView,
};

/// A place of a service that is there in the kernel, and what was counted in it.
#[derive(Clone, Debug, PartialEq)]
pub struct Place {
    /// Where.
    pub key: ServiceKey,
    /// The service's own.
    pub stats: Stats,
    /// Its real servers'.
    pub destinations: Destinations,
}

/// The checks of a service, whose [`Seen`] its view takes.
pub fn checks(live: &LiveService) -> impl Iterator<Item = CheckId> {
    let checks = live.servers.iter().flat_map(|server| &server.checks);
    checks.map(|check| check.id)
}

/// A virtual server; without `places` connections and counters are missing.
#[must_use]
pub fn virtual_server(
    live: &LiveService,
    seen: &HashMap<CheckId, Seen>,
    now_ms: u64,
    places: &[Place],
) -> VirtualServerView {
    let sight = Sight { seen, now_ms };
    let servers = live.pairs();
    let servers = servers.map(|(server, wanted)| self::server(server, wanted, sight));
    let mut view = service(live, servers.collect());
    for place in places {
        count(&mut view, live, place);
    }
    view
}

/// What the checks saw last, and the time of day that it is counted from, in milliseconds since 1970.
#[derive(Clone, Copy)]
struct Sight<'a> {
    seen: &'a HashMap<CheckId, Seen>,
    now_ms: u64,
}

impl Sight<'_> {
    fn then(self, ago: Duration) -> u64 {
        self.now_ms.saturating_sub(millis(ago))
    }
}
fn service(live: &LiveService, servers: Vec<ServerView>) -> VirtualServerView {
    let wanted = &live.wanted;
    let protocol = match &wanted.name {
        ServiceName::Socket(protocol, _) => Some(*protocol),
        ServiceName::Group { protocol, .. } => *protocol,
        ServiceName::Fwmark(..) => None,
    };
    VirtualServerView {
        name: wanted.name.to_string(),
        places: wanted.places.iter().map(ToString::to_string).collect(),
        protocol: protocol.map(|protocol| protocol.to_string().to_lowercase()),
        scheduler: wanted.spec.scheduler.to_string(),
        persistence_s: wanted.spec.persistence.as_ref().map(|some| some.timeout),
        quorum: wanted.quorum,
        hysteresis: wanted.hysteresis,
        has_quorum: live.has_quorum,
        living_weight: live.living_weight(),
        suspended: live.suspended,
        sorry: wanted.sorry.as_ref().map(|sorry| SorryView {
            address: sorry.address,
            serves: !live.has_quorum,
        }),
        counters: None,
        servers,
    }
}

fn server(live: &LiveServer, wanted: &WantedServer, sight: Sight<'_>) -> ServerView {
    let rank = live.rank(wanted);
    let checks = live.checks.iter().zip(&wanted.checks);
    let files = wanted.files.iter().zip(&live.numbers);
    ServerView {
        address: wanted.address,
        up: rank.alive,
        weight: None,
        configured_weight: wanted.spec.weight,
        effective_weight: live.given_weight(wanted),
        forwarding: forwarding(wanted.spec.forwarding).to_owned(),
        operator: live.operator.map(|operator| match operator {
            Operator::Drained => OperatorView::Drained,
            Operator::Disabled => OperatorView::Disabled,
            Operator::Weight(weight) => OperatorView::Weight(weight),
        }),
        ups: live.turns.ups,
        downs: live.turns.downs,
        active_connections: None,
        inactive_connections: None,
        persistent_connections: None,
        counters: None,
        checks: checks
            .map(|(live, wanted)| check(live, wanted, sight))
            .collect(),
        files: files
            .map(|(file, number)| FileView {
                name: file.name.to_string(),
                number: *number,
            })
            .collect(),
    }
}

fn forwarding(forwarding: Forwarding) -> &'static str {
    match forwarding {
        Forwarding::Masquerade => "NAT",
        Forwarding::DirectRoute => "DR",
        Forwarding::Tunnel(_) => "TUN",
        _ => "other",
    }
}

fn check(live: &LiveCheck, wanted: &WantedCheck, sight: Sight<'_>) -> CheckView {
    let seen = sight.seen.get(&live.id);
    CheckView {
        kind: kind(&wanted.probe),
        up: live.health == Health::Up,
        since_ms: seen
            .and_then(|seen| seen.changed)
            .map(|ago| sight.then(ago)),
        ups: live.turns.ups,
        downs: live.turns.downs,
        dynamic_weight: live.dynamic_weight,
        recent: seen.map(|seen| seen.shown.clone()).unwrap_or_default(),
        last: seen
            .and_then(|seen| seen.last.as_ref())
            .map(|(ago, took, outcome)| AttemptView {
                at_ms: sight.then(*ago),
                took_us: u64::try_from(took.as_micros()).unwrap_or(u64::MAX),
                ok: outcome.is_success(),
                seen: match outcome {
                    Outcome::Failure(failure) => failure.to_string(),
                    Outcome::Success(evidence) => evidenced(evidence),
                },
            }),
        last_failure: seen
            .and_then(|seen| seen.failure.as_ref())
            .map(|(ago, failure)| FailureView {
                at_ms: sight.then(*ago),
                seen: failure.to_string(),
            }),
        due_in_ms: seen.and_then(|seen| seen.due).map(millis),
    }
}

fn evidenced(evidence: &Evidence) -> String {
    match evidence {
        Evidence::Connected => "connected".to_owned(),
        Evidence::Answered { status, length, .. } => format!("status {status}, {length} bytes"),
        Evidence::Exited { status } => format!("exit status {status}"),
        Evidence::Spoke => "mail server spoke".to_owned(),
        Evidence::Resolved { answers } => format!("{answers} records"),
        Evidence::Replied => "replied".to_owned(),
        Evidence::Silent => "no complaint".to_owned(),
    }
}

fn kind(probe: &Probe) -> CheckKind {
    match probe {
        Probe::Tcp(_) => CheckKind::TcpCheck,
        Probe::Http(http) if http.tls.is_some() => CheckKind::SslGet,
        Probe::Http(_) => CheckKind::HttpGet,
        Probe::Misc(_) => CheckKind::MiscCheck,
        Probe::Smtp(_) => CheckKind::SmtpCheck,
        Probe::Dns(_) => CheckKind::DnsCheck,
        Probe::Udp(_) => CheckKind::UdpCheck,
        Probe::Ping(_) => CheckKind::PingCheck,
    }
}
/// Adds what the kernel counted in one place.
fn count(view: &mut VirtualServerView, live: &LiveService, place: &Place) {
    add(view.counters.get_or_insert_default(), &place.stats);
    for (server, wanted) in view.servers.iter_mut().zip(&live.wanted.servers) {
        let address = placed(&place.key, server.address, wanted.spec.forwarding);
        let Some(destination) = place.destinations.get(&address) else {
            continue;
        };
        server.weight.get_or_insert(destination.spec.weight);
        let connections = [
            (
                &mut server.active_connections,
                destination.active_connections,
            ),
            (
                &mut server.inactive_connections,
                destination.inactive_connections,
            ),
            (
                &mut server.persistent_connections,
                destination.persistent_connections,
            ),
        ];
        for (sum, more) in connections {
            *sum.get_or_insert(0) += u64::from(more);
        }
        add(server.counters.get_or_insert_default(), &destination.stats);
    }
}

fn add(sum: &mut Counters, stats: &Stats) {
    let pairs = [
        (&mut sum.connections, stats.connections),
        (&mut sum.packets_in, stats.packets_in),
        (&mut sum.packets_out, stats.packets_out),
        (&mut sum.bytes_in, stats.bytes_in),
        (&mut sum.bytes_out, stats.bytes_out),
        (&mut sum.cps, stats.connections_rate),
        (&mut sum.pps_in, stats.packets_in_rate),
        (&mut sum.pps_out, stats.packets_out_rate),
        (&mut sum.bps_in, stats.bytes_in_rate),
        (&mut sum.bps_out, stats.bytes_out_rate),
    ];
    for (sum, more) in pairs {
        *sum = sum.saturating_add(more);
    }
}
#[cfg(test)]
mod tests {
    use checkers::Failure;
    use ipvs_netlink::DestinationView;

    use super::*;
    use crate::lvs::pool::Pool;
    use crate::plan::tests::planned;

    const FILE: &str = "
        virtual_server_group web {
            10.0.0.1 80
            10.0.0.2 80
        }
        virtual_server group web {
            lb_algo wlc
            lb_kind NAT
            delay_loop 1
            protocol TCP
            real_server 10.0.0.10 80 {
                weight 5
                TCP_CHECK {
                }
            }
        }";

    #[test]
    fn what_the_kernel_counted_in_all_places_is_added_up() {
        let mut pool = Pool::default();
        let _ = pool.configure(planned(FILE).services);
        let check = pool.checks().first().map(|check| check.id).unwrap();
        let ms = Duration::from_millis;
        let answer = Outcome::Success(Evidence::Connected);
        let seen = Seen {
            shown: "-+".to_owned(),
            last: Some((ms(300), Duration::from_micros(1500), answer)),
            failure: Some((ms(1300), Failure::Refused)),
            changed: Some(ms(300)),
            due: Some(ms(700)),
        };
        let seen = HashMap::from([(check, seen)]);
        let mut places = Vec::new();
        for (key, service) in &pool.table().services {
            let stats = Stats {
                connections: 3,
                bytes_in_rate: 10,
                ..Stats::default()
            };
            let destinations = service.destinations.iter();
            let destinations = destinations.map(|(address, spec)| {
                let view = DestinationView {
                    spec: spec.clone(),
                    stats,
                    active_connections: 2,
                    inactive_connections: 1,
                    persistent_connections: 0,
                };
                (*address, view)
            });
            places.push(Place {
                key: *key,
                stats,
                destinations: destinations.collect(),
            });
        }
        let live = pool.services().first().unwrap();
        assert_eq!(checks(live).collect::<Vec<_>>(), [check]);
        let service = virtual_server(live, &seen, 10_000, &places);
        assert_eq!(service.name, "[web]:0");
        assert_eq!(service.counters.unwrap().connections, 6);
        let server = serde_json::to_value(&service.servers[0]).unwrap();
        let wanted = serde_json::json!({
            "address": "10.0.0.10:80", "up": true, "weight": 5, "configured_weight": 5, "effective_weight": 5,
            "forwarding": "NAT", "ups": 0, "downs": 0,
            "active_connections": 4, "inactive_connections": 2, "persistent_connections": 0,
            "counters": {
                "connections": 6, "packets_in": 0, "packets_out": 0, "bytes_in": 0, "bytes_out": 0,
                "cps": 0, "pps_in": 0, "pps_out": 0, "bps_in": 20, "bps_out": 0,
            },
            "checks": [{
                "kind": "TCP_CHECK", "up": true, "since_ms": 9700, "ups": 0, "downs": 0, "recent": "-+",
                "last": {"at_ms": 9700, "took_us": 1500, "ok": true, "seen": "connected"},
                "last_failure": {"at_ms": 8700, "seen": "connection refused"}, "due_in_ms": 700,
            }],
        });
        assert_eq!(server, wanted);
        let text = serde_json::to_string(&service).unwrap();
        let again: VirtualServerView = serde_json::from_str(&text).unwrap();
        assert_eq!(again, service);
    }
}

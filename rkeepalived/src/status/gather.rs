//! From what the parts know to the one document that people see. Pure: all of it comes in, times too.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use bfd::SessionView;
use checkers::{CheckId, Evidence, Health, Outcome, Probe, Seen};
use ipvs_netlink::{Forwarding, ServiceKey, Snapshot, Stats};
use keepalived_conf::TrackKind;
use vrrp::{Micros, RejectKind, Standing, StateView, Time};

use super::view::{
    AddressView, AttemptView, BfdView, BucketView, CheckKind, CheckView, Counters, DaemonView,
    FailureView, FileView, InstanceState, InstanceView, LatenessView, OperatorView, PeerView,
    RejectView, ServerView, SorryView, StandingView, Status, SyncGroupView, TrackView, VERSION,
    VirtualServerView, VrrpCounters, VrrpView,
};
use crate::failover::handle::VrrpReport;
use crate::failover::lateness::Lateness;
use crate::lvs::live::LiveService;
use crate::lvs::operator::Operator;
use crate::lvs::server::{LiveCheck, LiveServer};
use crate::lvs::wanted::{ServiceName, WantedCheck, WantedServer, placed};
use crate::plan::{PlannedTrack, VrrpPlan};
use crate::track::results::Results;

/// What the main loop knows.
#[derive(Debug, Default)]
pub struct Facts {
    /// The process.
    pub daemon: DaemonView,
    /// What VRRP was configured with.
    pub plan: Arc<VrrpPlan>,
    /// What scripts last came to.
    pub results: Results,
    /// The virtual servers.
    pub services: Vec<KnownService>,
}

/// A virtual server, without what only the kernel knows.
#[derive(Debug)]
pub struct KnownService {
    view: VirtualServerView,
    places: Vec<ServiceKey>,
    forwarding: Vec<Forwarding>,
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

/// The virtual servers, as the pool has them, with what the checks saw last.
#[must_use]
pub fn services(
    services: &[LiveService],
    seen: &HashMap<CheckId, Seen>,
    now_ms: u64,
) -> Vec<KnownService> {
    let sight = Sight { seen, now_ms };
    let known = |live: &LiveService| {
        let servers = live.pairs();
        let servers = servers.map(|(server, wanted)| self::server(server, wanted, sight));
        KnownService {
            view: service(live, servers.collect()),
            places: live.wanted.places.clone(),
            forwarding: live
                .wanted
                .servers
                .iter()
                .map(|server| server.spec.forwarding)
                .collect(),
        }
    };
    services.iter().map(known).collect()
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

/// All together: what the main loop knows, what the failover thread says, what the kernel counted.
#[must_use]
pub fn status(
    facts: Facts,
    report: Option<&VrrpReport>,
    kernel: Option<Result<Snapshot, String>>,
    now_ms: u64,
) -> Status {
    let (snapshot, kernel_error) = match kernel {
        Some(Ok(snapshot)) => (Some(snapshot), None),
        Some(Err(error)) => (None, Some(error)),
        None => (None, None),
    };
    let services = facts.services.into_iter();
    let virtual_servers = services.map(|known| match &snapshot {
        Some(snapshot) => counted(known, snapshot),
        None => known.view,
    });
    Status {
        version: VERSION,
        at_ms: now_ms,
        virtual_servers: virtual_servers.collect(),
        vrrp: report.map_or_else(VrrpView::default, |report| {
            vrrp(&facts.plan, &facts.results, report, now_ms)
        }),
        bfd: report.map_or_else(Vec::new, |report| {
            report
                .sessions
                .iter()
                .map(|session| bfd(session, report.now, now_ms))
                .collect()
        }),
        daemon: facts.daemon,
        kernel_error,
    }
}

/// A service with what the kernel knows of it, all its places together.
fn counted(known: KnownService, snapshot: &Snapshot) -> VirtualServerView {
    let KnownService {
        mut view,
        places,
        forwarding,
    } = known;
    for place in &places {
        let Some(service) = snapshot.services.get(place) else {
            continue;
        };
        add(view.counters.get_or_insert_default(), &service.stats);
        for (server, forwarding) in view.servers.iter_mut().zip(&forwarding) {
            let address = placed(place, server.address, *forwarding);
            let Some(destination) = service.destinations.get(&address) else {
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
    view
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

/// The failover thread's times as everybody's.
struct Clock {
    now: Time,
    now_ms: u64,
}

impl Clock {
    fn at(&self, time: Time) -> u64 {
        let ago = self.now.get().saturating_sub(time.get()) / 1000;
        self.now_ms.saturating_sub(ago)
    }
}

fn bfd(session: &SessionView, now: Time, now_ms: u64) -> BfdView {
    let micros = |span: Duration| u64::try_from(span.as_micros()).unwrap_or(u64::MAX);
    let clock = Clock { now, now_ms };
    BfdView {
        name: session.name.to_string(),
        neighbour: session.neighbour,
        source: session.source,
        state: session.local.0.to_string(),
        diagnostic: session.local.1.to_string(),
        remote_state: session.remote.0.to_string(),
        remote_diagnostic: session.remote.1.to_string(),
        transmit_interval_us: micros(session.transmit_interval),
        detection_time_us: micros(session.detection_time),
        // Sessions live by the same clock.
        heard_at_ms: session.heard_at.map(|at| clock.at(Time::new(at.get()))),
        sent: session.sent,
        received: session.received,
        ups: session.ups,
        downs: session.downs,
    }
}

fn vrrp(plan: &VrrpPlan, results: &Results, report: &VrrpReport, now_ms: u64) -> VrrpView {
    let clock = Clock {
        now: report.now,
        now_ms,
    };
    let standings: HashMap<_, _> = report
        .standings
        .iter()
        .map(|(kind, name, standing)| ((*kind, name.as_str()), *standing))
        .collect();
    let track = |planned: &PlannedTrack| TrackView {
        weight: Some(planned.weight),
        reverse: planned.reverse,
        ..tracked(
            planned.kind,
            &planned.name,
            standings
                .get(&(planned.kind, planned.name.as_str()))
                .copied(),
            results,
        )
    };
    let planned: HashMap<&str, _> = plan
        .instances
        .iter()
        .map(|planned| (&*planned.config.name, planned))
        .collect();
    let instances = report.instances.iter().map(|view| {
        let planned = planned.get(&*view.name);
        let addresses = planned.iter().flat_map(|planned| &planned.addresses);
        let tracked = planned.iter().flat_map(|planned| &planned.tracked);
        InstanceView {
            name: view.name.to_string(),
            interface: planned.and_then(|planned| planned.named().cloned()),
            vrid: view.vrid.get(),
            vrrp_version: planned.map_or(0, |planned| planned.config.version.number()),
            state: state(view.state),
            since_ms: clock.at(view.last_transition),
            priority: view.priority,
            effective_priority: view.effective_priority,
            advert_interval_ms: planned.map_or(0, |planned| {
                Micros::from(planned.config.advert_interval).get() / 1000
            }),
            standing_back: view.standing_back,
            sync_group: view.group.as_ref().map(ToString::to_string),
            addresses: addresses
                .map(|address| AddressView {
                    address: address.address.address,
                    prefix_len: address.address.prefix_len,
                    interface: address.interface.clone(),
                })
                .collect(),
            master: view.master,
            trackers: tracked.map(track).collect(),
            peers: view
                .stats
                .peers()
                .map(|(address, seen)| PeerView {
                    address,
                    priority: seen.priority,
                    adverts: seen.adverts,
                    last_seen_ms: clock.at(seen.at),
                })
                .collect(),
            counters: vrrp_counters(&view.stats),
        }
    });
    let instances: Vec<InstanceView> = instances.collect();
    let groups = plan.groups.iter().map(|group| {
        let members = group.config.members.iter();
        let states = members.clone().filter_map(|member| {
            let instance = instances.iter().find(|one| one.name == **member)?;
            Some(instance.state)
        });
        SyncGroupView {
            name: group.config.name.to_string(),
            state: states
                .min_by_key(|state| able(*state))
                .unwrap_or(InstanceState::Init),
            members: members.map(ToString::to_string).collect(),
            trackers: group.tracked.iter().map(track).collect(),
        }
    });
    VrrpView {
        sync_groups: groups.collect(),
        trackers: report
            .standings
            .iter()
            .map(|(kind, name, standing)| tracked(*kind, name, Some(*standing), results))
            .collect(),
        lateness: Some(lateness(&report.lateness)),
        instances,
    }
}

fn able(state: InstanceState) -> u8 {
    match state {
        InstanceState::Fault => 0,
        InstanceState::Init => 1,
        InstanceState::Backup => 2,
        InstanceState::Master => 3,
    }
}

fn state(state: StateView) -> InstanceState {
    match state {
        StateView::Init => InstanceState::Init,
        StateView::Backup => InstanceState::Backup,
        StateView::Master => InstanceState::Master,
        StateView::Fault => InstanceState::Fault,
    }
}

fn tracked(
    kind: TrackKind,
    name: &str,
    standing: Option<Standing>,
    results: &Results,
) -> TrackView {
    let result = match kind {
        TrackKind::Script => results.of(name),
        _ => None,
    };
    TrackView {
        kind: match kind {
            TrackKind::Interface => "interface",
            TrackKind::Script => "script",
            TrackKind::File => "file",
            TrackKind::Process => "process",
            TrackKind::Bfd => "bfd",
        }
        .to_owned(),
        name: name.to_owned(),
        standing: match standing {
            None | Some(Standing::Unknown) => StandingView::Unknown,
            Some(Standing::Up) => StandingView::Up,
            Some(Standing::Down) => StandingView::Down,
            Some(Standing::Number(_)) => StandingView::Number,
        },
        number: match standing {
            Some(Standing::Number(number)) => Some(number),
            _ => None,
        },
        result: result.map(|result| result.ended.to_string()),
        at_ms: result.map(|result| result.at_ms),
        weight: None,
        reverse: false,
    }
}

fn vrrp_counters(stats: &vrrp::Stats) -> VrrpCounters {
    let row = |kind: RejectKind, peer, count| RejectView {
        reason: kind.to_string(),
        peer,
        count,
    };
    let all = stats.rejects().map(|(kind, count)| row(kind, None, count));
    let each = stats.rejects_by_peer();
    let each = each.map(|(peer, kind, count)| row(kind, Some(peer), count));
    VrrpCounters {
        adverts_received: stats.adverts_received,
        adverts_sent: stats.adverts_sent,
        became_master: stats.became_master,
        released_master: stats.released_master,
        length_errors: stats.length_errors(),
        ttl_errors: stats.ttl_errors(),
        type_errors: stats.type_errors(),
        interval_errors: stats.interval_errors(),
        address_list_errors: stats.address_list_errors,
        auth_type_errors: stats.auth_type_errors(),
        auth_mismatch_errors: stats.auth_mismatch_errors(),
        auth_failures: stats.auth_failures(),
        priority_zero_received: stats.priority_zero_received,
        priority_zero_sent: stats.priority_zero_sent,
        rejects: all.chain(each).collect(),
    }
}

fn millis(span: Duration) -> u64 {
    u64::try_from(span.as_millis()).unwrap_or(u64::MAX)
}

fn lateness(lateness: &Lateness) -> LatenessView {
    let buckets = lateness.buckets();
    LatenessView {
        buckets: buckets
            .map(|(upto_us, count)| BucketView { upto_us, count })
            .collect(),
        count: lateness.count(),
        sum_us: lateness.sum_us(),
        worst_us: lateness.worst_us(),
    }
}

#[cfg(test)]
mod tests {
    use checkers::Failure;
    use ipvs_netlink::{DestinationView, ServiceView};

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
        let known = services(pool.services(), &seen, 10_000);
        let mut snapshot = Snapshot::default();
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
            let view = ServiceView {
                spec: service.spec.clone(),
                stats,
                destinations: destinations.collect(),
            };
            snapshot.services.insert(*key, view);
        }
        let facts = Facts {
            daemon: DaemonView::default(),
            plan: Arc::default(),
            results: Results::default(),
            services: known,
        };
        let status = status(facts, None, Some(Ok(snapshot)), 1);
        let service = status.virtual_servers.first().unwrap();
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
        let text = serde_json::to_string(&status).unwrap();
        assert_eq!(serde_json::from_str::<Status>(&text).unwrap(), status);
    }
}

//! The pool, told by its reports and its table.

mod properties;
mod recorded;

use std::net::SocketAddr;
use std::time::Duration;

use checkers::{Dial, Evidence, Failure, Outcome, Probe, Timing};
use ipvs_netlink::{DestinationSpec, Forwarding, Protocol, Scheduler, ServiceFlags, ServiceSpec};

use super::*;
use crate::lvs::wanted::{Scripts, SorryServer, WantedSession};

fn socket(text: &str) -> SocketAddr {
    text.parse().unwrap()
}

fn spec(weight: u32) -> DestinationSpec {
    DestinationSpec {
        forwarding: Forwarding::DirectRoute,
        weight,
        upper_threshold: 0,
        lower_threshold: 0,
    }
}

fn check(port: u16) -> WantedCheck {
    WantedCheck {
        probe: Arc::new(Probe::Tcp(Dial {
            target: SocketAddr::new("172.16.1.10".parse().unwrap(), port),
            bind: None,
            bind_interface: None,
            fwmark: None,
            timeout: Duration::from_secs(1),
        })),
        timing: Arc::new(Timing {
            delay_loop: Duration::from_secs(1),
            retry: 1,
            delay_before_retry: Duration::from_secs(1),
            warmup: Duration::ZERO,
            alpha: false,
        }),
        log_all: false,
    }
}

fn server(address: &str, weight: u32, checks: usize) -> WantedServer {
    WantedServer {
        address: socket(address),
        spec: spec(weight),
        inhibit: false,
        checks: (1..=u16::try_from(checks).unwrap()).map(check).collect(),
        files: Vec::new(),
        sessions: Vec::new(),
        scripts: Scripts::default(),
    }
}

fn service(servers: Vec<WantedServer>) -> WantedService {
    WantedService {
        name: ServiceName::Socket(Protocol::Tcp, socket("172.16.1.1:80")),
        places: vec![ServiceKey::Socket(Protocol::Tcp, socket("172.16.1.1:80"))],
        marked: Vec::new(),
        spec: ServiceSpec {
            scheduler: Scheduler::new("rr").unwrap(),
            flags: ServiceFlags::default(),
            persistence: None,
        },
        servers,
        quorum: 1,
        hysteresis: 0,
        sorry: None,
        scripts: Scripts::default(),
        omega: false,
        init_notifies: false,
        ha_suspend: false,
    }
}

fn pool(service: WantedService) -> Pool {
    let mut pool = Pool::default();
    let _ = pool.configure(vec![service]);
    pool
}

fn report(id: CheckId, change: Health) -> Report {
    Report {
        id,
        outcome: match change {
            Health::Up => Outcome::Success(Evidence::Connected),
            Health::Down => Outcome::Failure(Failure::Refused),
        },
        change: Some(change),
        attempt: 1,
        retry: 1,
        elapsed: Duration::from_millis(1),
        dynamic_weight: None,
    }
}

/// Address and weight of every destination of the one service.
fn table(pool: &Pool) -> Vec<(String, u32)> {
    let table = pool.table();
    let service = table.services.values().next().unwrap();
    service
        .destinations
        .iter()
        .map(|(address, spec)| (address.to_string(), spec.weight))
        .collect()
}

fn rows(rows: &[(&str, u32)]) -> Vec<(String, u32)> {
    rows.iter()
        .map(|(address, weight)| ((*address).to_owned(), *weight))
        .collect()
}

#[test]
fn a_server_needs_all_its_checks() {
    let mut pool = pool(service(vec![
        server("172.16.1.10:80", 1, 2),
        server("172.16.1.11:80", 1, 0),
    ]));
    let ids: Vec<_> = pool.checks().iter().map(|check| check.id).collect();
    let _ = pool.handle(&report(ids[0], Health::Down));
    assert_eq!(table(&pool), rows(&[("172.16.1.11:80", 1)]));
    let _ = pool.handle(&report(ids[1], Health::Down));
    let _ = pool.handle(&report(ids[0], Health::Up));
    assert_eq!(table(&pool), rows(&[("172.16.1.11:80", 1)]));
    let (key, Effects { changes, .. }) = pool.handle(&report(ids[1], Health::Up));
    assert!(key.is_some());
    assert!(
        matches!(changes[..], [Change::ServerUp { .. }]),
        "{changes:?}"
    );
    assert_eq!(
        table(&pool),
        rows(&[("172.16.1.10:80", 1), ("172.16.1.11:80", 1)])
    );
}

#[test]
fn an_inhibited_server_stays_with_weight_0() {
    let mut dead = server("172.16.1.10:80", 3, 1);
    dead.inhibit = true;
    let mut pool = pool(service(vec![dead, server("172.16.1.11:80", 1, 0)]));
    let id = pool.checks()[0].id;
    let _ = pool.handle(&report(id, Health::Down));
    assert_eq!(
        table(&pool),
        rows(&[("172.16.1.10:80", 0), ("172.16.1.11:80", 1)])
    );
    let _ = pool.handle(&report(id, Health::Up));
    assert_eq!(
        table(&pool),
        rows(&[("172.16.1.10:80", 3), ("172.16.1.11:80", 1)])
    );
}

#[test]
fn the_sorry_server_serves_while_the_quorum_is_lost() {
    let mut wanted = service(vec![
        server("172.16.1.10:80", 2, 1),
        server("172.16.1.11:80", 2, 1),
    ]);
    (wanted.quorum, wanted.hysteresis) = (3, 1);
    wanted.sorry = Some(SorryServer {
        address: socket("172.16.1.99:80"),
        spec: spec(1),
        inhibit: false,
    });
    let mut pool = pool(wanted);
    let ids: Vec<_> = pool.checks().iter().map(|check| check.id).collect();
    // 2 alive is not below 3-1: the quorum holds.
    let _ = pool.handle(&report(ids[0], Health::Down));
    assert_eq!(table(&pool), rows(&[("172.16.1.11:80", 2)]));
    let (_, Effects { changes, .. }) = pool.handle(&report(ids[1], Health::Down));
    assert!(matches!(
        changes[..],
        [
            _,
            Change::QuorumLost { weight: 0, .. },
            Change::Sorry { serves: true, .. },
            Change::Alive { joins: false, .. }
        ]
    ));
    assert_eq!(table(&pool), rows(&[("172.16.1.99:80", 1)]));
    // 2 alive is below 3+1: it is not back yet.
    let _ = pool.handle(&report(ids[1], Health::Up));
    assert_eq!(table(&pool), rows(&[("172.16.1.99:80", 1)]));
    let _ = pool.handle(&report(ids[0], Health::Up));
    assert_eq!(
        table(&pool),
        rows(&[("172.16.1.10:80", 2), ("172.16.1.11:80", 2)])
    );
}

#[test]
fn a_dynamic_weight_counts_from_the_configured_one_and_never_drifts() {
    let mut pool = pool(service(vec![server("172.16.1.10:80", 10, 1)]));
    let id = pool.checks()[0].id;
    let dynamic = |weight| Report {
        change: None,
        dynamic_weight: weight,
        ..report(id, Health::Up)
    };
    for _ in 0..3 {
        let _ = pool.handle(&dynamic(Some(20)));
        assert_eq!(table(&pool), rows(&[("172.16.1.10:80", 20)]));
    }
    let _ = pool.handle(&dynamic(None));
    assert_eq!(table(&pool), rows(&[("172.16.1.10:80", 10)]));
}

#[test]
fn a_dynamic_weight_outlives_a_reload_that_changes_the_configured_one() {
    let mut pool = pool(service(vec![server("172.16.1.10:80", 100, 1)]));
    let id = pool.checks()[0].id;
    let _ = pool.handle(&Report {
        change: None,
        dynamic_weight: Some(1),
        ..report(id, Health::Up)
    });
    let _ = pool.configure(vec![service(vec![server("172.16.1.10:80", 10, 1)])]);
    assert_eq!(table(&pool), rows(&[("172.16.1.10:80", 1)]));
}

#[test]
fn a_check_that_a_reload_changed_starts_anew_and_that_is_told() {
    let mut pool = pool(service(vec![server("172.16.1.10:80", 1, 1)]));
    let id = pool.checks()[0].id;
    let _ = pool.handle(&report(id, Health::Down));
    let mut changed = service(vec![server("172.16.1.10:80", 1, 1)]);
    changed.servers[0].checks = vec![check(8080)];
    let changes = pool.configure(vec![changed]).changes;
    let told = |change: &Change| matches!(change, Change::ServerUp { .. });
    assert!(changes.iter().any(told), "{changes:?}");
    assert_eq!(table(&pool), rows(&[("172.16.1.10:80", 1)]));
}

#[test]
fn a_reload_keeps_the_verdict_of_unchanged_checks_and_forgets_changed_ones() {
    let mut pool = pool(service(vec![
        server("172.16.1.10:80", 1, 1),
        server("172.16.1.11:80", 1, 1),
    ]));
    let before = pool.checks();
    let _ = pool.handle(&report(before[0].id, Health::Down));
    let mut changed = service(vec![
        server("172.16.1.10:80", 5, 1),
        server("172.16.1.11:80", 1, 1),
    ]);
    changed.servers[1].checks = vec![check(8080)];
    let _ = pool.configure(vec![changed]);
    let after = pool.checks();
    assert_eq!(after[0].id, before[0].id);
    assert_ne!(after[1].id, before[1].id);
    assert_eq!(table(&pool), rows(&[("172.16.1.11:80", 1)]));
    // An answer of the old check is nobody's any more.
    assert_eq!(
        pool.handle(&report(before[1].id, Health::Down)),
        (None, Effects::default())
    );
    assert_eq!(table(&pool), rows(&[("172.16.1.11:80", 1)]));
}

#[test]
fn with_alpha_a_server_waits_for_its_first_success() {
    let mut wanted = service(vec![server("172.16.1.10:80", 1, 1)]);
    Arc::make_mut(&mut wanted.servers[0].checks[0].timing).alpha = true;
    let mut pool = Pool::default();
    let changes = pool.configure(vec![wanted]).changes;
    assert!(matches!(
        changes[..],
        [Change::Activating { .. }, Change::QuorumDown { .. }]
    ));
    assert_eq!(table(&pool), rows(&[]));
    let id = pool.checks()[0].id;
    let _ = pool.handle(&report(id, Health::Up));
    assert_eq!(table(&pool), rows(&[("172.16.1.10:80", 1)]));
}

/// As keepalived 2.2.7 did it, with two servers of one session, the second of them `alpha`.
#[test]
fn a_bfd_session_takes_its_servers_out_and_lets_them_in() {
    let on = |address, alpha| WantedServer {
        sessions: vec![WantedSession {
            name: "one".into(),
            alpha,
        }],
        ..server(address, 1, 0)
    };
    let [first, second] = ["172.16.1.10:80", "172.16.1.11:80"];
    let mut pool = pool(service(vec![on(first, false), on(second, true)]));
    assert_eq!(table(&pool), rows(&[(first, 1)]));
    let session = Arc::from("one");
    let told = |effects: Effects| -> Vec<bool> {
        let changes = effects.changes.into_iter();
        let told = changes.filter_map(|change| match change {
            Change::Session { up, .. } => Some(up),
            _ => None,
        });
        told.collect()
    };
    assert_eq!(told(pool.settle_session(&session, false).1), [false, false]);
    assert!(table(&pool).is_empty());
    assert_eq!(told(pool.settle_session(&session, false).1), [false; 0]);
    let (changed, effects) = pool.settle_session(&session, true);
    assert_eq!((changed.len(), told(effects)), (1, vec![true, true]));
    assert_eq!(table(&pool), rows(&[(first, 1), (second, 1)]));
    // What a reload brings knows of the session at once.
    let third = "172.16.1.12:80";
    let _ = pool.configure(vec![service(vec![on(first, false), on(third, true)])]);
    assert_eq!(table(&pool), rows(&[(first, 1), (third, 1)]));
    pool.keep_sessions(|_| false);
    let _ = pool.configure(vec![service(vec![on(second, true)])]);
    assert!(table(&pool).is_empty());
}

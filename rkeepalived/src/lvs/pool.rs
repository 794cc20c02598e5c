//! The state of all virtual servers, and the IPVS table it follows to. Pure.

use std::collections::{BTreeSet, HashMap};

use checkers::{Check, CheckId, Health, Report};
use ipvs_netlink::{DestinationSpec, Destinations, Service, ServiceKey, Table};

use super::wanted::{ServerName, ServiceName, WantedServer, WantedService};

/// Something that changed, for the log.
#[derive(Clone, Debug, PartialEq)]
pub enum Change {
    /// A real server is checked from now on.
    Activating {
        /// Which one.
        server: ServerName,
        /// Where.
        service: ServiceName,
    },
    /// A real server joins the pool (or is given its weight back).
    ServerUp {
        /// Which one.
        server: ServerName,
        /// Where.
        service: ServiceName,
        /// It stayed in the table with weight 0 until now.
        inhibited: bool,
    },
    /// A real server leaves the pool (or is set to weight 0).
    ServerDown {
        /// Which one.
        server: ServerName,
        /// Where.
        service: ServiceName,
        /// It stays in the table with weight 0.
        inhibited: bool,
    },
    /// The weight of a real server follows its check.
    Weight {
        /// Which one.
        server: ServerName,
        /// Where.
        service: ServiceName,
        /// The weight until now.
        from: u32,
        /// The weight from now on.
        to: u32,
        /// Whether it is alive.
        active: bool,
    },
    /// Enough weight is alive again.
    QuorumGained {
        /// Where.
        service: ServiceName,
        /// What is required.
        quorum: u32,
        /// On top of it.
        hysteresis: u32,
        /// What is alive.
        weight: u64,
    },
    /// Too little weight is alive.
    QuorumLost {
        /// Where.
        service: ServiceName,
        /// What is required.
        quorum: u32,
        /// Below it.
        hysteresis: u32,
        /// What is alive.
        weight: u64,
    },
    /// The service starts without a quorum.
    QuorumDownAtStart {
        /// Where.
        service: ServiceName,
    },
    /// The sorry server takes over, or steps back.
    Sorry {
        /// Which one.
        server: ServerName,
        /// Where.
        service: ServiceName,
        /// Whether it serves now.
        serves: bool,
        /// Whether only its weight changes.
        inhibited: bool,
    },
}

/// All virtual servers.
#[derive(Debug, Default)]
pub struct Pool {
    services: Vec<LiveService>,
    places: HashMap<CheckId, Place>,
    last_id: u64,
}

#[derive(Clone, Copy, Debug)]
struct Place {
    service: usize,
    server: usize,
    check: usize,
}

#[derive(Debug)]
struct LiveService {
    wanted: WantedService,
    servers: Vec<LiveServer>,
    has_quorum: bool,
}

#[derive(Debug)]
struct LiveServer {
    checks: Vec<LiveCheck>,
}

#[derive(Clone, Debug)]
struct LiveCheck {
    id: CheckId,
    health: Health,
    /// What a dynamic check adds to the configured weight.
    adjustment: i64,
}

impl LiveServer {
    fn alive(&self) -> bool {
        self.checks.iter().all(|check| check.health == Health::Up)
    }

    fn weight(&self, wanted: &WantedServer) -> u32 {
        let adjusted = self
            .checks
            .iter()
            .fold(i64::from(wanted.spec.weight), |weight, check| {
                weight.saturating_add(check.adjustment)
            });
        u32::try_from(adjusted.max(0)).unwrap_or(u32::MAX)
    }
}

impl LiveService {
    fn living_weight(&self) -> u64 {
        self.pairs()
            .filter(|(live, _)| live.alive())
            .map(|(live, wanted)| u64::from(live.weight(wanted)))
            .sum()
    }

    fn pairs(&self) -> impl Iterator<Item = (&LiveServer, &WantedServer)> {
        self.servers.iter().zip(&self.wanted.servers)
    }

    fn any_alive(&self) -> bool {
        self.servers.iter().any(LiveServer::alive)
    }

    /// Whether the quorum is there, given whether it was (keepalived behaviour: hysteresis on both sides).
    fn quorum_now(&self) -> bool {
        let weight = self.living_weight();
        let (quorum, hysteresis) = (
            u64::from(self.wanted.quorum),
            u64::from(self.wanted.hysteresis),
        );
        if self.has_quorum {
            self.any_alive() && weight >= quorum.saturating_sub(hysteresis)
        } else {
            self.any_alive() && weight >= quorum.saturating_add(hysteresis)
        }
    }

    fn gained(&self) -> Change {
        Change::QuorumGained {
            service: ServiceName(self.wanted.key),
            quorum: self.wanted.quorum,
            hysteresis: self.wanted.hysteresis,
            weight: self.living_weight(),
        }
    }

    fn update_quorum(&mut self, changes: &mut Vec<Change>) {
        let now = self.quorum_now();
        if now == self.has_quorum {
            return;
        }
        self.has_quorum = now;
        let service = ServiceName(self.wanted.key);
        changes.push(if now {
            self.gained()
        } else {
            Change::QuorumLost {
                service,
                quorum: self.wanted.quorum,
                hysteresis: self.wanted.hysteresis,
                weight: self.living_weight(),
            }
        });
        if let Some(sorry) = &self.wanted.sorry {
            changes.push(Change::Sorry {
                server: self.wanted.server_name(sorry.address),
                service,
                serves: !now,
                inhibited: sorry.inhibit,
            });
        }
    }

    /// The service as it should stand in the kernel.
    fn service(&self) -> Service {
        let mut destinations = Destinations::new();
        let sorry_serves = self.wanted.sorry.is_some() && !self.has_quorum;
        for (live, wanted) in self.pairs() {
            let weight = match (live.alive(), wanted.inhibit) {
                (true, _) if !sorry_serves => live.weight(wanted),
                (false, true) => 0,
                _ => continue,
            };
            let spec = DestinationSpec {
                weight,
                ..wanted.spec.clone()
            };
            destinations.insert(wanted.address, spec);
        }
        if let Some(sorry) = &self.wanted.sorry
            && (sorry_serves || sorry.inhibit)
        {
            let spec = DestinationSpec {
                weight: u32::from(sorry_serves),
                ..sorry.spec.clone()
            };
            destinations.insert(sorry.address, spec);
        }
        Service {
            spec: self.wanted.spec.clone(),
            destinations,
        }
    }
}

impl Pool {
    /// Takes over a configuration, at start and at reload alike. What did not change keeps its state:
    /// a check with the same probe and timing on the same server of the same service keeps its id and verdict.
    pub fn configure(&mut self, wanted: Vec<WantedService>) -> Vec<Change> {
        let mut before: HashMap<ServiceKey, LiveService> = self
            .services
            .drain(..)
            .map(|service| (service.wanted.key, service))
            .collect();
        self.places.clear();
        let mut changes = Vec::new();
        for (at, wanted) in wanted.into_iter().enumerate() {
            let old = before.remove(&wanted.key);
            let mut servers = Vec::with_capacity(wanted.servers.len());
            for server in &wanted.servers {
                let first = self.last_id;
                servers.push(self.adopt(server, old.as_ref()));
                if self.last_id > first {
                    changes.push(Change::Activating {
                        server: wanted.server_name(server.address),
                        service: ServiceName(wanted.key),
                    });
                }
            }
            let mut live = LiveService {
                has_quorum: true,
                wanted,
                servers,
            };
            match old {
                Some(old) => {
                    live.has_quorum = old.has_quorum;
                    live.update_quorum(&mut changes);
                }
                None => {
                    live.has_quorum = false;
                    live.has_quorum = live.quorum_now();
                    changes.push(if live.has_quorum {
                        live.gained()
                    } else {
                        Change::QuorumDownAtStart {
                            service: ServiceName(live.wanted.key),
                        }
                    });
                }
            }
            for (server, checks) in live.servers.iter().map(|server| &server.checks).enumerate() {
                for (check, LiveCheck { id, .. }) in checks.iter().enumerate() {
                    self.places.insert(
                        *id,
                        Place {
                            service: at,
                            server,
                            check,
                        },
                    );
                }
            }
            self.services.push(live);
        }
        changes
    }

    fn adopt(&mut self, wanted: &WantedServer, old: Option<&LiveService>) -> LiveServer {
        let twin = old.and_then(|old| {
            old.pairs()
                .find(|(_, server)| server.address == wanted.address)
        });
        let mut taken = BTreeSet::new();
        let checks = wanted
            .checks
            .iter()
            .map(|check| {
                let kept = twin.and_then(|(live, server)| {
                    server
                        .checks
                        .iter()
                        .zip(&live.checks)
                        .find(|(other, live)| *other == check && !taken.contains(&live.id))
                        .map(|(_, live)| live.clone())
                });
                kept.inspect(|live| {
                    taken.insert(live.id);
                })
                .unwrap_or_else(|| {
                    self.last_id += 1;
                    LiveCheck {
                        id: CheckId(self.last_id),
                        health: if check.timing.alpha {
                            Health::Down
                        } else {
                            Health::Up
                        },
                        adjustment: 0,
                    }
                })
            })
            .collect();
        LiveServer { checks }
    }

    /// All checks with their ids, for the runner.
    #[must_use]
    pub fn checks(&self) -> Vec<Check> {
        let mut checks = Vec::new();
        for service in &self.services {
            for (live, wanted) in service.pairs() {
                for (live, wanted) in live.checks.iter().zip(&wanted.checks) {
                    checks.push(Check {
                        id: live.id,
                        probe: wanted.probe.clone(),
                        timing: wanted.timing.clone(),
                    });
                }
            }
        }
        checks
    }

    /// Whom a check's report is about; `None` when the check belongs to an earlier configuration.
    #[must_use]
    pub fn subject(&self, id: CheckId) -> Option<(ServerName, ServiceName)> {
        let place = self.places.get(&id)?;
        let service = self.services.get(place.service)?;
        let server = service.wanted.servers.get(place.server)?;
        Some((
            service.wanted.server_name(server.address),
            ServiceName(service.wanted.key),
        ))
    }

    /// The probe behind an id.
    #[must_use]
    pub fn probe(&self, id: CheckId) -> Option<&checkers::Probe> {
        let place = self.places.get(&id)?;
        let server = self
            .services
            .get(place.service)?
            .wanted
            .servers
            .get(place.server)?;
        server.checks.get(place.check).map(|check| &check.probe)
    }

    /// Takes a check's report. Answers the service that has to be brought to the kernel, if any, and what
    /// changed. A report of an earlier configuration's check changes nothing.
    pub fn handle(&mut self, report: &Report) -> (Option<ServiceKey>, Vec<Change>) {
        let mut changes = Vec::new();
        let Some(place) = self.places.get(&report.id) else {
            return (None, changes);
        };
        let Some(service) = self.services.get_mut(place.service) else {
            return (None, changes);
        };
        let (Some(wanted), Some(live)) = (
            service.wanted.servers.get(place.server),
            service.servers.get_mut(place.server),
        ) else {
            return (None, changes);
        };
        let (alive_before, weight_before) = (live.alive(), live.weight(wanted));
        let Some(check) = live.checks.get_mut(place.check) else {
            return (None, changes);
        };
        if let Some(health) = report.change {
            check.health = health;
        }
        if report.outcome.is_success() {
            // From the configured weight each time, never from the last one: nothing can add up.
            let configured = i64::from(wanted.spec.weight);
            check.adjustment = report
                .dynamic_weight
                .map_or(0, |weight| i64::from(weight) - configured);
        }
        let (alive, weight) = (live.alive(), live.weight(wanted));
        if (alive, weight) == (alive_before, weight_before) {
            return (None, changes);
        }
        let key = service.wanted.key;
        let (server, name) = (service.wanted.server_name(wanted.address), ServiceName(key));
        if weight != weight_before {
            changes.push(Change::Weight {
                server,
                service: name,
                from: weight_before,
                to: weight,
                active: alive,
            });
        }
        let inhibited = wanted.inhibit;
        match (alive_before, alive) {
            (false, true) => changes.push(Change::ServerUp {
                server,
                service: name,
                inhibited,
            }),
            (true, false) => changes.push(Change::ServerDown {
                server,
                service: name,
                inhibited,
            }),
            _ => {}
        }
        service.update_quorum(&mut changes);
        (Some(key), changes)
    }

    /// The whole table as it should stand in the kernel.
    #[must_use]
    pub fn table(&self) -> Table {
        let services = self
            .services
            .iter()
            .map(|service| (service.wanted.key, service.service()))
            .collect();
        Table { services }
    }

    /// One service as it should stand in the kernel.
    #[must_use]
    pub fn service(&self, key: ServiceKey) -> Option<Service> {
        let service = self
            .services
            .iter()
            .find(|service| service.wanted.key == key)?;
        Some(service.service())
    }

    /// Whether nothing is configured.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.services.is_empty()
    }

    /// The names of all real servers and their services, in the order of the file.
    pub fn servers(&self) -> impl Iterator<Item = (ServerName, ServiceName)> {
        self.services.iter().flat_map(|service| {
            let name = ServiceName(service.wanted.key);
            service
                .wanted
                .servers
                .iter()
                .map(move |server| (service.wanted.server_name(server.address), name))
        })
    }
}

#[cfg(test)]
mod tests {
    use std::net::SocketAddr;
    use std::time::Duration;

    use checkers::{Dial, Evidence, Failure, Outcome, Probe, Timing};
    use ipvs_netlink::{Forwarding, Protocol, Scheduler, ServiceFlags, ServiceSpec};

    use super::*;
    use crate::lvs::wanted::{SorryServer, WantedCheck};

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
            probe: Probe::Tcp(Dial {
                target: SocketAddr::new("172.16.1.10".parse().unwrap(), port),
                bind: None,
                bind_interface: None,
                fwmark: None,
                timeout: Duration::from_secs(1),
            }),
            timing: Timing {
                delay_loop: Duration::from_secs(1),
                retry: 1,
                delay_before_retry: Duration::from_secs(1),
                warmup: Duration::ZERO,
                alpha: false,
            },
        }
    }

    fn server(address: &str, weight: u32, checks: usize) -> WantedServer {
        WantedServer {
            address: socket(address),
            spec: spec(weight),
            inhibit: false,
            checks: (1..=u16::try_from(checks).unwrap()).map(check).collect(),
        }
    }

    fn service(servers: Vec<WantedServer>) -> WantedService {
        WantedService {
            key: ServiceKey::Socket(Protocol::Tcp, socket("172.16.1.1:80")),
            spec: ServiceSpec {
                scheduler: Scheduler::new("rr").unwrap(),
                flags: ServiceFlags::default(),
                persistence: None,
            },
            servers,
            quorum: 1,
            hysteresis: 0,
            sorry: None,
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
        let (key, changes) = pool.handle(&report(ids[1], Health::Up));
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
        let (_, changes) = pool.handle(&report(ids[1], Health::Down));
        assert!(matches!(
            changes[..],
            [
                _,
                Change::QuorumLost { weight: 0, .. },
                Change::Sorry { serves: true, .. }
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
            (None, Vec::new())
        );
        assert_eq!(table(&pool), rows(&[("172.16.1.11:80", 1)]));
    }

    #[test]
    fn with_alpha_a_server_waits_for_its_first_success() {
        let mut wanted = service(vec![server("172.16.1.10:80", 1, 1)]);
        wanted.servers[0].checks[0].timing.alpha = true;
        let mut pool = Pool::default();
        let changes = pool.configure(vec![wanted]);
        assert!(matches!(
            changes[..],
            [Change::Activating { .. }, Change::QuorumDownAtStart { .. }]
        ));
        assert_eq!(table(&pool), rows(&[]));
        let id = pool.checks()[0].id;
        let _ = pool.handle(&report(id, Health::Up));
        assert_eq!(table(&pool), rows(&[("172.16.1.10:80", 1)]));
    }
}

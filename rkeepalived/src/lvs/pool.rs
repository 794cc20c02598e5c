//! The state of all virtual servers, and the IPVS table it follows to. Pure.

use std::collections::{BTreeSet, HashMap};

use checkers::{Check, CheckId, Health, Report};
use ipvs_netlink::{Service, ServiceKey, Table};

use super::change::Change;
use super::live::{LiveCheck, LiveServer, LiveService};
use super::wanted::{ServerName, ServiceName, WantedServer, WantedService};

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
                    live.tell_revived(&old, &mut changes);
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
                        dynamic_weight: None,
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
            check.dynamic_weight = report.dynamic_weight;
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
mod tests;

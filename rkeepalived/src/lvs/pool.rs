//! The state of all virtual servers, and the IPVS table it follows to. Pure.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use checkers::{Check, CheckId, Health, Report};
use ipvs_netlink::{Service, ServiceKey, Table};

use super::change::Change;
use super::live::{LiveCheck, LiveServer, LiveService, Twins};
use super::wanted::{ServerName, ServiceName, WantedServer, WantedService};

/// All virtual servers.
#[derive(Debug, Default)]
pub struct Pool {
    services: Vec<LiveService>,
    seats: HashMap<CheckId, Seat>,
    last_id: u64,
}

/// One of the services, until the next configuration.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ServiceAt(usize);

/// Where a check belongs.
#[derive(Clone, Copy, Debug)]
struct Seat {
    service: usize,
    server: usize,
    check: usize,
}

impl Pool {
    /// Takes over a configuration, at start and at reload alike. What did not change keeps its state:
    /// a check with the same probe and timing on the same server of the same service keeps its id and verdict.
    pub fn configure(&mut self, wanted: Vec<WantedService>) -> Vec<Change> {
        let mut before: HashMap<ServiceName, LiveService> = self
            .services
            .drain(..)
            .map(|service| (service.wanted.name.clone(), service))
            .collect();
        self.seats.clear();
        let mut changes = Vec::new();
        for (at, wanted) in wanted.into_iter().enumerate() {
            let old = before.remove(&wanted.name);
            let twins = old.as_ref().map(LiveService::by_address);
            let twins = twins.unwrap_or_default();
            let mut servers = Vec::with_capacity(wanted.servers.len());
            for server in &wanted.servers {
                let first = self.last_id;
                servers.push(self.adopt(server, &twins));
                if self.last_id > first {
                    changes.push(Change::Activating {
                        server: wanted.name.server(server.address),
                        service: wanted.name.clone(),
                    });
                }
            }
            let mut live = LiveService {
                has_quorum: true,
                wanted,
                servers,
            };
            match &old {
                Some(old) => {
                    live.tell_places(old, &mut changes);
                    live.tell_revived(&twins, &mut changes);
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
                            service: live.wanted.name.clone(),
                        }
                    });
                }
            }
            for (server, checks) in live.servers.iter().map(|server| &server.checks).enumerate() {
                for (check, LiveCheck { id, .. }) in checks.iter().enumerate() {
                    self.seats.insert(
                        *id,
                        Seat {
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

    fn adopt(&mut self, wanted: &WantedServer, twins: &Twins<'_>) -> LiveServer {
        let twin = twins.get(&wanted.address);
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
        let seat = self.seats.get(&id)?;
        let service = self.services.get(seat.service)?;
        let server = service.wanted.servers.get(seat.server)?;
        let name = &service.wanted.name;
        Some((name.server(server.address), name.clone()))
    }

    /// The probe behind an id.
    #[must_use]
    pub fn probe(&self, id: CheckId) -> Option<&checkers::Probe> {
        let seat = self.seats.get(&id)?;
        let server = self
            .services
            .get(seat.service)?
            .wanted
            .servers
            .get(seat.server)?;
        server.checks.get(seat.check).map(|check| &*check.probe)
    }

    /// Takes a check's report. Answers the service that has to be brought to the kernel, if any, and what
    /// changed. A report of an earlier configuration's check changes nothing.
    pub fn handle(&mut self, report: &Report) -> (Option<ServiceAt>, Vec<Change>) {
        let mut changes = Vec::new();
        let Some(seat) = self.seats.get(&report.id) else {
            return (None, changes);
        };
        let Some(service) = self.services.get_mut(seat.service) else {
            return (None, changes);
        };
        let (Some(wanted), Some(live)) = (
            service.wanted.servers.get(seat.server),
            service.servers.get_mut(seat.server),
        ) else {
            return (None, changes);
        };
        let (alive_before, weight_before) = (live.alive(), live.weight(wanted));
        let Some(check) = live.checks.get_mut(seat.check) else {
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
        let name = service.wanted.name.clone();
        let server = name.server(wanted.address);
        if weight != weight_before {
            changes.push(Change::Weight {
                server,
                service: name.clone(),
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
        (Some(ServiceAt(seat.service)), changes)
    }

    /// The whole table as it should stand in the kernel.
    #[must_use]
    pub fn table(&self) -> Table {
        let services = self.services.iter().flat_map(LiveService::places).collect();
        Table { services }
    }

    /// One service as it should stand in each of its places in the kernel.
    pub fn places(
        &self,
        ServiceAt(at): ServiceAt,
    ) -> impl Iterator<Item = (ServiceKey, Arc<Service>)> {
        let service = self.services.get(at);
        service.into_iter().flat_map(LiveService::places)
    }

    /// Whether nothing is configured.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.services.is_empty()
    }

    /// The names of all real servers and their services, in the order of the file.
    pub fn servers(&self) -> impl Iterator<Item = (ServerName, ServiceName)> {
        self.services.iter().flat_map(|service| {
            let name = &service.wanted.name;
            let servers = service.wanted.servers.iter();
            servers.map(move |server| (name.server(server.address), name.clone()))
        })
    }
}

#[cfg(test)]
mod tests;

//! The state of all virtual servers, and the IPVS table it follows to. Pure.

use std::collections::{BTreeSet, HashMap, HashSet};
use std::net::IpAddr;
use std::path::Path;
use std::sync::Arc;

use checkers::{Check, CheckId, Health, Report};
use ipvs_netlink::{Service, ServiceKey, Table};

use super::change::{Change, Effects};
use super::live::{Finding, LiveService, Twins};
use super::ruleset::Marking;
use super::server::{LiveCheck, LiveServer};
use super::wanted::{ServerName, ServiceName, WantedCheck, WantedServer, WantedService};
use super::weight::FileEffect;

/// All virtual servers.
#[derive(Clone, Debug, Default)]
pub struct Pool {
    /// Shared with whoever looks: one that changes meanwhile is copied.
    services: Vec<Arc<LiveService>>,
    seats: HashMap<CheckId, Seat>,
    watched: HashMap<Arc<Path>, Vec<Seat>>,
    numbers: HashMap<Arc<Path>, i32>,
    /// By the name of a BFD session.
    minded: HashMap<Arc<str>, Vec<Seat>>,
    /// Whether each is up, where it is known.
    sessions: HashMap<Arc<str>, bool>,
    /// Those on the host, where they are known.
    addresses: Option<BTreeSet<IpAddr>>,
    last_id: u64,
}

/// One of the services, until the next configuration.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ServiceAt(usize);

/// Where a check, a file or a session belongs.
#[derive(Clone, Copy, Debug)]
struct Seat {
    service: usize,
    server: usize,
    at: usize,
}

impl Pool {
    /// Takes over a configuration, at start and at reload alike. What did not change keeps its state:
    /// a check with the same probe on the same server of the same service keeps its id and verdict, whatever its times.
    pub fn configure(&mut self, wanted: Vec<WantedService>) -> Effects {
        let mut before: HashMap<ServiceName, Arc<LiveService>> = self
            .services
            .drain(..)
            .map(|service| (service.wanted.name.clone(), service))
            .collect();
        let mut effects = Effects::default();
        let kept: HashSet<&ServiceName> = wanted.iter().map(|wanted| &wanted.name).collect();
        let gone = before.iter().filter(|(name, _)| !kept.contains(name));
        let mut gone: Vec<_> = gone.map(|(_, service)| service).collect();
        gone.sort_by_key(|service| service.at);
        gone.iter().for_each(|service| service.end(&mut effects));
        for (at, wanted) in wanted.into_iter().enumerate() {
            let old = before.remove(&wanted.name);
            let twins = old.as_ref().map(|old| old.by_address());
            let twins = twins.unwrap_or_default();
            let first = self.last_id;
            let servers = wanted.servers.iter();
            let servers = servers.map(|server| self.adopt(server, &twins)).collect();
            let mut live = LiveService {
                at,
                has_quorum: true,
                suspended: false,
                wanted,
                servers,
            };
            live.suspended = live.should_rest(self.addresses.as_ref());
            live.tell_watch(CheckId(first), &mut effects);
            match &old {
                Some(old) => live.go_on(old, &twins, &mut effects),
                None => live.begin(&mut effects),
            }
            self.services.push(Arc::new(live));
        }
        self.seat();
        effects
    }

    /// Notes where each check and each file belongs.
    fn seat(&mut self) {
        self.seats.clear();
        self.watched.clear();
        self.minded.clear();
        for (service, live) in self.services.iter().enumerate() {
            for (server, (live, wanted)) in live.pairs().enumerate() {
                for (check, LiveCheck { id, .. }) in live.checks.iter().enumerate() {
                    let seat = Seat {
                        service,
                        server,
                        at: check,
                    };
                    self.seats.insert(*id, seat);
                }
                for (at, file) in wanted.files.iter().enumerate() {
                    let seats = self.watched.entry(file.path.clone()).or_default();
                    seats.push(Seat {
                        service,
                        server,
                        at,
                    });
                }
                for (at, session) in wanted.sessions.iter().enumerate() {
                    let seats = self.minded.entry(session.name.clone()).or_default();
                    seats.push(Seat {
                        service,
                        server,
                        at,
                    });
                }
            }
        }
        let watched = &self.watched;
        self.numbers.retain(|path, _| watched.contains_key(path));
    }

    fn adopt(&mut self, wanted: &WantedServer, twins: &Twins<'_>) -> LiveServer {
        let twin = twins.get(&wanted.address);
        let was_alive = twin.is_some_and(|(live, was)| live.is_alive(was));
        let mut taken = BTreeSet::new();
        let mut checks = Vec::with_capacity(wanted.checks.len());
        for check in &wanted.checks {
            let mut alike = twin.iter().flat_map(|(live, was)| live.like(was, check));
            let kept = alike.find(|live| !taken.contains(&live.id)).cloned();
            let live = kept.unwrap_or_else(|| {
                self.last_id += 1;
                // keepalived behaviour: a server that lives goes on until a new check finds it dead, `alpha` or not.
                let health = match check.timing.alpha && !was_alive {
                    true => Health::Down,
                    false => Health::Up,
                };
                LiveCheck::new(CheckId(self.last_id), health)
            });
            taken.insert(live.id);
            checks.push(live);
        }
        let numbers = wanted.files.iter();
        let numbers = numbers.map(|file| self.numbers.get(&file.path).copied().unwrap_or(0));
        // keepalived behaviour: as of a check that was not tried yet.
        let sessions = wanted.sessions.iter().map(|session| {
            let known = self.sessions.get(&session.name).copied();
            known.unwrap_or(!session.alpha || was_alive)
        });
        let sessions = sessions.collect();
        let mut server = LiveServer {
            checks,
            sessions,
            numbers: numbers.collect(),
            told: twin.and_then(|(live, _)| live.told),
            turns: twin.map(|(live, _)| live.turns).unwrap_or_default(),
            operator: twin.and_then(|(live, _)| live.operator),
        };
        if twin.is_none() && server.is_alive(wanted) {
            server.told = Some(true);
        }
        server
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

    /// Takes a check's report. Answers the service that has to be brought to the kernel, if any, and what
    /// follows. A report of an earlier configuration's check changes nothing. One of a check that rests by now counts: its
    /// attempt was over before, the runner does not tell the same again, and keepalived takes it too (observed).
    pub fn handle(&mut self, report: &Report) -> (Option<ServiceAt>, Effects) {
        let mut effects = Effects::default();
        let Some(seat) = self.seats.get(&report.id) else {
            return (None, effects);
        };
        let Some(service) = self.services.get_mut(seat.service).map(Arc::make_mut) else {
            return (None, effects);
        };
        let finding = match report.change {
            Some(Health::Down) => Finding::Fails,
            Some(Health::Up) | None => Finding::Other,
        };
        let changed = service.happen(seat.server, finding, &mut effects, |live| {
            if let Some(check) = live.checks.get_mut(seat.at) {
                check.take(report);
            }
        });
        (changed.then_some(ServiceAt(seat.service)), effects)
    }

    /// All services, each with where it is.
    pub(super) fn services_at(&self) -> impl Iterator<Item = (ServiceAt, &LiveService)> {
        let services = self.services.iter().enumerate();
        services.map(|(at, service)| (ServiceAt(at), service.as_ref()))
    }

    /// One of the services.
    #[must_use]
    pub fn service(&self, ServiceAt(at): ServiceAt) -> Option<&LiveService> {
        self.services.get(at).map(Arc::as_ref)
    }

    pub(super) fn service_mut(&mut self, ServiceAt(at): ServiceAt) -> Option<&mut LiveService> {
        self.services.get_mut(at).map(Arc::make_mut)
    }

    /// Knows from now on what a file says, for a configuration to come.
    pub fn note(&mut self, path: &Arc<Path>, number: i32) {
        self.numbers.insert(path.clone(), number);
    }

    /// Takes what a file says. Answers the services that have to be brought to the kernel, and what follows.
    pub fn read(&mut self, path: &Path, number: i32) -> (Vec<ServiceAt>, Effects) {
        let mut effects = Effects::default();
        let mut changed = Vec::new();
        let Some((path, seats)) = self.watched.get_key_value(path) else {
            return (changed, effects);
        };
        self.numbers.insert(path.clone(), number);
        for seat in seats {
            let Some(service) = self.services.get_mut(seat.service).map(Arc::make_mut) else {
                continue;
            };
            let file = service.wanted.servers.get(seat.server);
            let Some((server, file)) = file.and_then(|server| {
                let file = server.files.get(seat.at)?;
                Some((service.wanted.name.server(server.address), file.clone()))
            }) else {
                continue;
            };
            let number_before = service.servers.get(seat.server);
            let number_before = number_before.and_then(|live| live.numbers.get(seat.at));
            let fails = |number| file.weight.effect(number) == FileEffect::Fails;
            let (before, after) = (fails(number_before.copied().unwrap_or(0)), fails(number));
            if before != after {
                effects.log(Change::File {
                    server,
                    file: file.name.clone(),
                    fails: after,
                });
            }
            let finding = match (before, after) {
                (false, true) => Finding::Fails,
                (true, false) => Finding::Recovers,
                _ => Finding::Other,
            };
            let table = service.happen(seat.server, finding, &mut effects, |live| {
                if let Some(place) = live.numbers.get_mut(seat.at) {
                    *place = number;
                }
            });
            if table && changed.last() != Some(&ServiceAt(seat.service)) {
                changed.push(ServiceAt(seat.service));
            }
        }
        (changed, effects)
    }

    /// Takes how a BFD session stands. Answers the services that have to be brought to the kernel, and what follows.
    pub fn settle_session(&mut self, name: &Arc<str>, up: bool) -> (Vec<ServiceAt>, Effects) {
        let mut effects = Effects::default();
        let mut changed = Vec::new();
        if self.sessions.insert(name.clone(), up) == Some(up) {
            return (changed, effects);
        }
        for seat in self.minded.get(name).into_iter().flatten() {
            let Some(service) = self.services.get_mut(seat.service).map(Arc::make_mut) else {
                continue;
            };
            let Some(server) = service.wanted.servers.get(seat.server) else {
                continue;
            };
            effects.log(Change::Session {
                server: service.wanted.name.server(server.address),
                session: name.clone(),
                up,
            });
            let finding = if up { Finding::Other } else { Finding::Fails };
            let table = service.happen(seat.server, finding, &mut effects, |live| {
                if let Some(place) = live.sessions.get_mut(seat.at) {
                    *place = up;
                }
            });
            if table && changed.last() != Some(&ServiceAt(seat.service)) {
                changed.push(ServiceAt(seat.service));
            }
        }
        (changed, effects)
    }

    /// Knows nothing any more of sessions but of these: a new one of an old name begins anew.
    pub fn keep_sessions(&mut self, known: impl Fn(&str) -> bool) {
        self.sessions.retain(|name, _| known(name));
    }

    /// The files whose numbers count.
    pub fn files(&self) -> impl Iterator<Item = &Arc<Path>> {
        self.watched.keys()
    }

    /// Whether any service minds which addresses are on the host.
    #[must_use]
    pub fn minds_addresses(&self) -> bool {
        self.services
            .iter()
            .any(|service| service.wanted.ha_suspend)
    }

    /// Takes the addresses that are on the host now. Afterwards [`Pool::resting`] may answer otherwise.
    pub fn settle_addresses(&mut self, addresses: BTreeSet<IpAddr>) -> Effects {
        let mut effects = Effects::default();
        let minds = self
            .services
            .iter()
            .filter(|service| service.wanted.ha_suspend);
        let minded: BTreeSet<IpAddr> = minds.flat_map(|service| service.addresses()).collect();
        for address in &minded {
            let added = addresses.contains(address);
            let before = self.addresses.as_ref();
            if added != before.is_some_and(|before| before.contains(address)) {
                effects.log(Change::Address {
                    address: *address,
                    added,
                });
            }
        }
        self.addresses = Some(addresses);
        for service in &mut self.services {
            let rests = service.should_rest(self.addresses.as_ref());
            if rests != service.suspended {
                let service = Arc::make_mut(service);
                service.suspended = rests;
                service.tell_rest(&mut effects);
            }
        }
        effects
    }

    /// Each check's id, and whether it rests.
    pub fn resting(&self) -> impl Iterator<Item = (CheckId, bool)> {
        self.services.iter().flat_map(|service| {
            let checks = service.servers.iter().flat_map(|server| &server.checks);
            checks.map(|check| (check.id, service.suspended))
        })
    }

    /// The daemon stops.
    pub fn stop(&self) -> Effects {
        let mut effects = Effects::default();
        let services = self.services.iter();
        services.for_each(|service| service.stop(&mut effects));
        effects
    }

    /// All services as they stand.
    #[must_use]
    pub fn services(&self) -> &[Arc<LiveService>] {
        &self.services
    }

    /// What a check holds of its server.
    #[must_use]
    pub fn health(&self, id: CheckId) -> Option<Health> {
        let seat = self.seats.get(&id)?;
        let service = self.services.get(seat.service)?;
        let server = service.servers.get(seat.server)?;
        server.checks.get(seat.at).map(|check| check.health)
    }

    /// The check behind an id.
    #[must_use]
    pub fn check(&self, id: CheckId) -> Option<&WantedCheck> {
        let seat = self.seats.get(&id)?;
        let service = self.services.get(seat.service)?;
        service.wanted.servers.get(seat.server)?.checks.get(seat.at)
    }

    /// Whether mails are sent of the server that a check is about.
    #[must_use]
    pub fn mails(&self, id: CheckId) -> bool {
        let server = self.seats.get(&id).and_then(|seat| {
            let service = self.services.get(seat.service)?;
            service.wanted.servers.get(seat.server)
        });
        server.is_some_and(|server| server.scripts.mail)
    }

    /// The whole table as it should stand in the kernel.
    #[must_use]
    pub fn table(&self) -> Table {
        let services = self
            .services
            .iter()
            .flat_map(|service| service.places())
            .collect();
        Table { services }
    }

    /// Which packets are to get which mark.
    pub fn markings(&self) -> impl Iterator<Item = Marking<'_>> {
        self.services.iter().filter_map(|service| {
            let wanted = &service.wanted;
            let ranges = wanted.marked.as_slice();
            match (&wanted.name, wanted.places.first()) {
                (
                    ServiceName::Group {
                        protocol: Some(protocol),
                        ..
                    },
                    Some(ServiceKey::Fwmark(_, mark)),
                ) if !ranges.is_empty() => Some(Marking {
                    protocol: *protocol,
                    ranges,
                    mark: *mark,
                }),
                _ => None,
            }
        })
    }

    /// One service as it should stand in each of its places in the kernel.
    pub fn places(
        &self,
        ServiceAt(at): ServiceAt,
    ) -> impl Iterator<Item = (ServiceKey, Arc<Service>)> {
        let service = self.services.get(at);
        service.into_iter().flat_map(|service| service.places())
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

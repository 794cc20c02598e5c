//! One virtual server as it lives: who is alive, what weighs how much, whether the quorum is there. Pure.

use std::collections::{HashMap, HashSet};
use std::net::SocketAddr;
use std::sync::Arc;

use checkers::{CheckId, Health};
use ipvs_netlink::{DestinationSpec, Destinations, Service, ServiceKey};

use super::change::Change;
use super::wanted::{PlaceKind, ServiceName, WantedServer, WantedService};

/// So many places of a group are named one by one when a reload adds them, or takes them away.
const PLACES_TOLD: usize = 20;

#[derive(Debug)]
pub(super) struct LiveService {
    pub wanted: WantedService,
    pub servers: Vec<LiveServer>,
    pub has_quorum: bool,
}

#[derive(Debug)]
pub(super) struct LiveServer {
    pub checks: Vec<LiveCheck>,
}

#[derive(Clone, Debug)]
pub(super) struct LiveCheck {
    pub id: CheckId,
    pub health: Health,
    /// The weight that a dynamic check asks for in place of the configured one.
    pub dynamic_weight: Option<u8>,
}

impl LiveServer {
    pub fn alive(&self) -> bool {
        self.checks.iter().all(|check| check.health == Health::Up)
    }

    pub fn weight(&self, wanted: &WantedServer) -> u32 {
        // From the configured weight each time, never from the last one: nothing can add up, and a reload that
        // changes the configured one holds at once.
        let configured = i64::from(wanted.spec.weight);
        let asked = self.checks.iter().filter_map(|check| check.dynamic_weight);
        let adjusted = asked.fold(configured, |weight, asked| {
            weight.saturating_add(i64::from(asked) - configured)
        });
        u32::try_from(adjusted.max(0)).unwrap_or(u32::MAX)
    }
}

/// The servers of a service by their addresses.
pub(super) type Twins<'a> = HashMap<SocketAddr, (&'a LiveServer, &'a WantedServer)>;

impl LiveService {
    pub fn by_address(&self) -> Twins<'_> {
        let mut servers = HashMap::with_capacity(self.servers.len());
        for (live, wanted) in self.pairs() {
            servers.entry(wanted.address).or_insert((live, wanted));
        }
        servers
    }

    pub fn living_weight(&self) -> u64 {
        self.pairs()
            .filter(|(live, _)| live.alive())
            .map(|(live, wanted)| u64::from(live.weight(wanted)))
            .sum()
    }

    pub fn pairs(&self) -> impl Iterator<Item = (&LiveServer, &WantedServer)> {
        self.servers.iter().zip(&self.wanted.servers)
    }

    pub fn any_alive(&self) -> bool {
        self.servers.iter().any(LiveServer::alive)
    }

    /// Whether the quorum is there, given whether it was (keepalived behaviour: hysteresis on both sides).
    pub fn quorum_now(&self) -> bool {
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

    /// What a reload changed for servers that were there before: a check that changed starts anew, and with it a
    /// server that the old one had found dead.
    pub fn tell_revived(&self, old: &Twins<'_>, changes: &mut Vec<Change>) {
        for (live, wanted) in self.pairs() {
            let Some((before, was)) = old.get(&wanted.address) else {
                continue;
            };
            let server = self.wanted.name.server(wanted.address);
            let service = self.wanted.name.clone();
            let inhibited = wanted.inhibit;
            let (from, to) = (before.weight(was), live.weight(wanted));
            if from != to {
                changes.push(Change::Weight {
                    server,
                    service: service.clone(),
                    from,
                    to,
                    active: live.alive(),
                });
            }
            match (before.alive(), live.alive()) {
                (false, true) => changes.push(Change::ServerUp {
                    server,
                    service,
                    inhibited,
                }),
                (true, false) => changes.push(Change::ServerDown {
                    server,
                    service,
                    inhibited,
                }),
                _ => {}
            }
        }
    }

    /// Which places of its group are new, and which are no longer there.
    pub fn tell_places(&self, old: &LiveService, changes: &mut Vec<Change>) {
        let ServiceName::Group(group, _) = &self.wanted.name else {
            return;
        };
        let (before, now) = (&old.wanted.places, &self.wanted.places);
        if before == now {
            return;
        }
        for (from, to, added) in [(now, before, false), (before, now, true)] {
            let from: HashSet<_> = from.iter().collect();
            let differ: Vec<_> = to.iter().filter(|place| !from.contains(place)).collect();
            let (told, more) = match differ.len() {
                0..=PLACES_TOLD => (differ.len(), 0),
                many => (1, many.saturating_sub(1)),
            };
            changes.extend(differ.iter().take(told).map(|place| Change::Place {
                place: ServiceName::from(**place),
                more,
                group: group.clone(),
                added,
            }));
        }
    }

    pub fn gained(&self) -> Change {
        Change::QuorumGained {
            service: self.wanted.name.clone(),
            quorum: self.wanted.quorum,
            hysteresis: self.wanted.hysteresis,
            weight: self.living_weight(),
        }
    }

    pub fn update_quorum(&mut self, changes: &mut Vec<Change>) {
        let now = self.quorum_now();
        if now == self.has_quorum {
            return;
        }
        self.has_quorum = now;
        let service = self.wanted.name.clone();
        changes.push(if now {
            self.gained()
        } else {
            Change::QuorumLost {
                service: service.clone(),
                quorum: self.wanted.quorum,
                hysteresis: self.wanted.hysteresis,
                weight: self.living_weight(),
            }
        });
        if let Some(sorry) = &self.wanted.sorry {
            changes.push(Change::Sorry {
                server: self.wanted.name.server(sorry.address),
                service,
                serves: !now,
                inhibited: sorry.inhibit,
            });
        }
    }

    /// The service as it should stand in each of its places. Places that are alike share one table.
    pub fn places(&self) -> impl Iterator<Item = (ServiceKey, Arc<Service>)> {
        let mut kinds = HashMap::new();
        self.wanted.places.iter().map(move |place| {
            let kind = PlaceKind::of(place);
            let service = kinds
                .entry(kind)
                .or_insert_with(|| Arc::new(self.service(kind)));
            (*place, service.clone())
        })
    }

    fn service(&self, place: PlaceKind) -> Service {
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
            let address = place.address(wanted.address, spec.forwarding);
            // Two servers that a place's port makes one: the first counts.
            destinations.entry(address).or_insert(spec);
        }
        if let Some(sorry) = &self.wanted.sorry
            && (sorry_serves || sorry.inhibit)
        {
            let spec = DestinationSpec {
                weight: u32::from(sorry_serves),
                ..sorry.spec.clone()
            };
            let address = place.address(sorry.address, spec.forwarding);
            destinations.insert(address, spec);
        }
        Service {
            spec: place.spec(&self.wanted.spec),
            destinations,
        }
    }
}

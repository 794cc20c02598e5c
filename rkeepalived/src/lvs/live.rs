//! One virtual server as it lives: who is alive, whether the quorum is there, and the table that follows. Pure.

use std::collections::{BTreeSet, HashMap};
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use checkers::CheckId;
use ipvs_netlink::{DestinationSpec, Destinations, Service, ServiceKey};

use super::change::{Change, Effects};
use super::operator::Operator;
use super::server::{LiveServer, Rank};
use super::wanted::{PlaceKind, SorryServer, WantedServer, WantedService};

/// A virtual server as it stands.
#[derive(Clone, Debug)]
pub struct LiveService {
    /// Its place among all services.
    pub at: usize,
    /// What is configured.
    pub wanted: WantedService,
    /// Its servers, in the order of the configuration.
    pub servers: Vec<LiveServer>,
    /// Whether enough of them are alive.
    pub has_quorum: bool,
    /// Whether its checks rest, since none of its addresses is on this host.
    pub suspended: bool,
}

/// What is found of a server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Finding {
    /// A check or a file fails it, also where it counted as dead before.
    Fails,
    /// A file fails it no more.
    Recovers,
    /// Anything else.
    Other,
}

/// The servers of a service by their addresses.
pub(super) type Twins<'a> = HashMap<SocketAddr, (&'a LiveServer, &'a WantedServer)>;

impl LiveService {
    pub(super) fn by_address(&self) -> Twins<'_> {
        let mut servers = HashMap::with_capacity(self.servers.len());
        for (live, wanted) in self.pairs() {
            servers.entry(wanted.address).or_insert((live, wanted));
        }
        servers
    }

    /// The weights of all living servers together.
    #[must_use]
    pub fn living_weight(&self) -> u64 {
        self.pairs()
            .filter(|(live, wanted)| live.is_alive(wanted))
            .map(|(live, wanted)| u64::from(live.weight(wanted)))
            .sum()
    }

    /// The servers with their configuration.
    pub fn pairs(&self) -> impl Iterator<Item = (&LiveServer, &WantedServer)> {
        self.servers.iter().zip(&self.wanted.servers)
    }

    /// Whether any server is alive.
    #[must_use]
    pub fn any_alive(&self) -> bool {
        self.pairs().any(|(live, wanted)| live.is_alive(wanted))
    }

    /// Whether the quorum is there, given whether it was (keepalived behaviour: hysteresis on both sides).
    #[must_use]
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

    /// Whether its checks should rest, with these addresses on the host; never where those are not known.
    #[must_use]
    pub fn should_rest(&self, addresses: Option<&BTreeSet<IpAddr>>) -> bool {
        let marked = &self.wanted.marked;
        let here = |addresses: &BTreeSet<IpAddr>| {
            self.addresses().any(|own| addresses.contains(&own))
                || marked
                    .iter()
                    .any(|range| addresses.range(range.first..=range.last).next().is_some())
        };
        self.wanted.ha_suspend && addresses.is_some_and(|addresses| !here(addresses))
    }

    /// The addresses that it listens to.
    pub(super) fn addresses(&self) -> impl Iterator<Item = IpAddr> {
        let places = self.wanted.places.iter();
        places.filter_map(|place| match place {
            ServiceKey::Socket(_, address) => Some(address.ip()),
            ServiceKey::Fwmark(..) => None,
        })
    }

    /// Something is found of one of its servers, and noted by `act`; answers whether the table changes with it.
    pub(super) fn happen(
        &mut self,
        at: usize,
        finding: Finding,
        effects: &mut Effects,
        act: impl FnOnce(&mut LiveServer),
    ) -> bool {
        let (Some(wanted), Some(live)) = (self.wanted.servers.get(at), self.servers.get_mut(at))
        else {
            return false;
        };
        let before = live.rank(wanted);
        act(live);
        let after = live.rank(wanted);
        live.count(before.alive, after.alive);
        let name = &self.wanted.name;
        // keepalived behaviour: it says nothing of weights that change with what makes a server fail.
        if before.weight != after.weight && finding == Finding::Other {
            effects.log(Change::Weight {
                server: name.server(wanted.address),
                service: name.clone(),
                from: before.weight,
                to: after.weight,
                active: before.alive,
            });
        }
        tell_turn(&self.wanted, wanted, before, after, effects);
        if tells(live, before, after, finding) {
            live.told = Some(after.alive);
            let server = name.server(wanted.address);
            effects.tell(name, Some(server), after.alive, &wanted.scripts);
        }
        if before == after {
            return false;
        }
        self.update_quorum(effects);
        true
    }

    /// Says of each server with checks that begin whether they run or rest. Those after `last` have just been made.
    pub(super) fn tell_watch(&self, last: CheckId, effects: &mut Effects) {
        for (live, wanted) in self.pairs() {
            let begins = live.checks.iter().any(|check| check.id > last);
            if begins || (self.suspended && !live.checks.is_empty()) {
                effects.log(self.watch_change(wanted, true));
            }
        }
    }

    /// Says of each server with checks that they run or rest from now on.
    pub(super) fn tell_rest(&self, effects: &mut Effects) {
        for (live, wanted) in self.pairs() {
            if !live.checks.is_empty() {
                effects.log(self.watch_change(wanted, false));
            }
        }
    }

    fn watch_change(&self, wanted: &WantedServer, start: bool) -> Change {
        let server = self.wanted.name.server(wanted.address);
        let service = self.wanted.name.clone();
        match self.suspended {
            true => Change::Suspending {
                server,
                service,
                start,
            },
            false => Change::Activating { server, service },
        }
    }

    /// Says that the quorum is there, and tells whoever wants to know.
    pub(super) fn gained(&self, effects: &mut Effects) {
        effects.log(Change::QuorumGained {
            service: self.wanted.name.clone(),
            quorum: self.wanted.quorum,
            hysteresis: self.wanted.hysteresis,
            weight: self.living_weight(),
        });
        effects.tell(&self.wanted.name, None, true, &self.wanted.scripts);
    }

    fn update_quorum(&mut self, effects: &mut Effects) {
        let now = self.quorum_now();
        if now == self.has_quorum {
            return;
        }
        self.has_quorum = now;
        if now {
            self.gained(effects);
        } else {
            effects.log(Change::QuorumLost {
                service: self.wanted.name.clone(),
                quorum: self.wanted.quorum,
                hysteresis: self.wanted.hysteresis,
                weight: self.living_weight(),
            });
            effects.tell(&self.wanted.name, None, false, &self.wanted.scripts);
        }
        if let Some(sorry) = &self.wanted.sorry {
            self.swap(sorry, !now, effects);
        }
    }

    /// The sorry server takes the place of the living ones, or gives it back.
    pub(super) fn swap(&self, sorry: &SorryServer, serves: bool, effects: &mut Effects) {
        effects.log(Change::Sorry {
            server: self.wanted.name.server(sorry.address),
            service: self.wanted.name.clone(),
            serves,
            inhibited: sorry.inhibit,
        });
        effects.log(Change::Alive {
            service: self.wanted.name.clone(),
            joins: !serves,
        });
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
            let weight = match (live.is_alive(wanted), wanted.inhibit) {
                (true, _) if !sorry_serves => live.weight(wanted),
                // Nobody's connections are cut who is only to get no more.
                (true, _) if live.operator == Some(Operator::Drained) => 0,
                // What makes room for the sorry server stays with weight 0 as well (keepalived behaviour).
                (_, true) => 0,
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
        if let Some(sorry) = &self.wanted.sorry {
            let spec = DestinationSpec {
                weight: u32::from(sorry_serves),
                ..sorry.spec.clone()
            };
            let address = place.address(sorry.address, spec.forwarding);
            if sorry_serves {
                destinations.insert(address, spec);
            } else if sorry.inhibit {
                // It may be a real server too, which has its own weight meanwhile.
                destinations.entry(address).or_insert(spec);
            }
        }
        Service {
            spec: place.spec(&self.wanted.spec),
            destinations,
        }
    }
}

/// Whether the scripts of a server are told. Nothing is told twice.
fn tells(live: &LiveServer, before: Rank, after: Rank, finding: Finding) -> bool {
    let news = before.alive != after.alive || (finding == Finding::Fails && !after.alive);
    news && live.told != Some(after.alive)
}

/// Says that a server comes or goes.
pub(super) fn tell_turn(
    service: &WantedService,
    wanted: &WantedServer,
    before: Rank,
    after: Rank,
    effects: &mut Effects,
) {
    let server = service.name.server(wanted.address);
    let service = service.name.clone();
    let inhibited = wanted.inhibit;
    match (before.alive, after.alive) {
        (false, true) => effects.log(Change::ServerUp {
            server,
            service,
            inhibited,
        }),
        (true, false) => effects.log(Change::ServerDown {
            server,
            service,
            inhibited,
        }),
        _ => {}
    }
}

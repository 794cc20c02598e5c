//! One virtual server as it lives: who is alive, what weighs how much, whether the quorum is there. Pure.

use checkers::{CheckId, Health};
use ipvs_netlink::{DestinationSpec, Destinations, Service};

use super::change::Change;
use super::wanted::{ServiceName, WantedServer, WantedService};

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
    /// What a dynamic check adds to the configured weight.
    pub adjustment: i64,
}

impl LiveServer {
    pub fn alive(&self) -> bool {
        self.checks.iter().all(|check| check.health == Health::Up)
    }

    pub fn weight(&self, wanted: &WantedServer) -> u32 {
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

    pub fn gained(&self) -> Change {
        Change::QuorumGained {
            service: ServiceName(self.wanted.key),
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
    pub fn service(&self) -> Service {
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

//! What becomes of a virtual server with a new configuration. Pure.
//!
//! keepalived behaviour, all of it observed on 2.2.7; `pool::tests::recorded_..` hold it.

use std::collections::HashSet;
use std::sync::Arc;

use ipvs_netlink::ServiceKey;

use super::change::{Change, Effects};
use super::live::{LiveService, Twins, tell_turn};
use super::server::{LiveServer, Rank};
use super::wanted::{ServiceName, WantedServer, WantedService};

/// So many places of a group are named one by one when a reload adds them, or takes them away.
const PLACES_TOLD: usize = 20;

impl LiveService {
    /// It is there for the first time.
    pub(super) fn begin(&mut self, effects: &mut Effects) {
        self.has_quorum = false;
        self.has_quorum = self.quorum_now();
        self.greet(&Twins::default(), effects);
        if self.has_quorum {
            self.gained(effects);
        } else {
            self.lacks_quorum(effects);
            // Without a sorry server nothing changes with it, and nobody is told.
            if let Some(sorry) = &self.wanted.sorry {
                effects.tell(&self.wanted.name, None, false, &self.wanted.scripts);
                self.swap(sorry, true, effects);
            }
        }
    }

    /// It was there before, as `old`.
    pub(super) fn go_on(&mut self, old: &LiveService, twins: &Twins<'_>, effects: &mut Effects) {
        self.tell_places(old, effects);
        self.tell_gone(old, effects);
        self.tell_turned(twins, effects);
        self.greet(twins, effects);
        self.has_quorum = old.has_quorum;
        self.has_quorum = self.quorum_now();
        let (before, now) = (old.wanted.sorry.as_ref(), self.wanted.sorry.as_ref());
        match (old.has_quorum, self.has_quorum) {
            (true, true) => {}
            (false, true) => {
                self.gained(effects);
                if let Some(sorry) = now.or(before) {
                    self.swap(sorry, false, effects);
                }
            }
            (true, false) => {
                self.lacks_quorum(effects);
                effects.tell(&self.wanted.name, None, false, &self.wanted.scripts);
                if let Some(sorry) = now {
                    self.swap(sorry, true, effects);
                }
            }
            (false, false) if before == now => {}
            (false, false) => {
                if let Some(sorry) = before {
                    effects.log(Change::Sorry {
                        server: old.wanted.name.server(sorry.address),
                        service: old.wanted.name.clone(),
                        serves: false,
                        inhibited: sorry.inhibit,
                    });
                }
                if let Some(sorry) = now {
                    self.lacks_quorum(effects);
                    effects.tell(&self.wanted.name, None, false, &self.wanted.scripts);
                    self.swap(sorry, true, effects);
                }
            }
        }
    }

    /// It is there no more: who was up is told as down.
    pub(super) fn end(&self, effects: &mut Effects) {
        effects.log(Change::ServiceGone {
            service: self.wanted.name.clone(),
        });
        for (live, wanted) in self.pairs() {
            part(&self.wanted, live, wanted, effects);
        }
        effects.tell(&self.wanted.name, None, false, &self.wanted.scripts);
    }

    /// The daemon stops. keepalived behaviour: only with `omega` is anybody told, then also that the quorum is down
    /// where it was down already.
    pub(super) fn stop(&self, effects: &mut Effects) {
        if !self.wanted.omega {
            return;
        }
        for (live, wanted) in self.pairs() {
            if live.is_alive(wanted) {
                let name = &self.wanted.name;
                let server = name.server(wanted.address);
                effects.tell(name, Some(server), false, &wanted.scripts);
            }
        }
        effects.tell(&self.wanted.name, None, false, &self.wanted.scripts);
    }

    /// With `rs_init_notifies`, servers that are new and up are told.
    fn greet(&self, twins: &Twins<'_>, effects: &mut Effects) {
        if !self.wanted.init_notifies {
            return;
        }
        for (live, wanted) in self.pairs() {
            if !twins.contains_key(&wanted.address) && live.is_alive(wanted) {
                let name = &self.wanted.name;
                let server = name.server(wanted.address);
                effects.tell(name, Some(server), true, &wanted.scripts);
            }
        }
    }

    fn lacks_quorum(&self, effects: &mut Effects) {
        effects.log(Change::QuorumDown {
            service: self.wanted.name.clone(),
            quorum: self.wanted.quorum,
            hysteresis: self.wanted.hysteresis,
            weight: self.living_weight(),
        });
    }

    /// Servers that are there no more.
    fn tell_gone(&self, old: &LiveService, effects: &mut Effects) {
        let servers = self.wanted.servers.iter().map(|server| server.address);
        let here: HashSet<_> = servers.collect();
        for (live, wanted) in old.pairs() {
            if !here.contains(&wanted.address) {
                effects.log(Change::ServerGone {
                    server: old.wanted.name.server(wanted.address),
                });
                part(&old.wanted, live, wanted, effects);
            }
        }
    }

    /// What changed for servers that were there before: the weight; and a check that changed starts anew, and with it a
    /// server that the old one had found dead.
    fn tell_turned(&mut self, twins: &Twins<'_>, effects: &mut Effects) {
        for (live, wanted) in self.servers.iter_mut().zip(&self.wanted.servers) {
            let Some((old, was)) = twins.get(&wanted.address) else {
                continue;
            };
            let (before, after) = (old.rank(was), live.rank(wanted));
            if before.weight != after.weight {
                effects.log(Change::Weight {
                    server: self.wanted.name.server(wanted.address),
                    service: self.wanted.name.clone(),
                    from: before.weight,
                    to: after.weight,
                    active: after.alive,
                });
            }
            tell_turn(&self.wanted, wanted, before, after, effects);
            live.count(before.alive, after.alive);
            if before.alive != after.alive && live.told != Some(after.alive) {
                live.told = Some(after.alive);
                let name = &self.wanted.name;
                let server = name.server(wanted.address);
                effects.tell(name, Some(server), after.alive, &wanted.scripts);
            }
        }
    }

    /// Which places of its group are new, and which are no longer there.
    fn tell_places(&self, old: &LiveService, effects: &mut Effects) {
        let ServiceName::Group { name: group, .. } = &self.wanted.name else {
            return;
        };
        let (before, now) = (&old.wanted.places, &self.wanted.places);
        if before == now {
            return;
        }
        for (from, to, added) in [(now, before, false), (before, now, true)] {
            tell_differing(group, from, to, added, effects);
        }
    }
}

fn tell_differing(
    group: &Arc<str>,
    from: &[ServiceKey],
    to: &[ServiceKey],
    added: bool,
    effects: &mut Effects,
) {
    let from: HashSet<_> = from.iter().collect();
    let differ: Vec<_> = to.iter().filter(|place| !from.contains(place)).collect();
    let (told, more) = match differ.len() {
        0..=PLACES_TOLD => (differ.len(), 0),
        many => (1, many.saturating_sub(1)),
    };
    let places = differ.iter().take(told);
    effects.changes.extend(places.map(|place| Change::Place {
        place: ServiceName::from(**place),
        more,
        group: group.clone(),
        added,
    }));
}

/// A server leaves with its block: if it was up, whoever wants to know is told.
fn part(service: &WantedService, live: &LiveServer, wanted: &WantedServer, effects: &mut Effects) {
    let before = live.rank(wanted);
    if before.alive {
        let after = Rank {
            alive: false,
            ..before
        };
        tell_turn(service, wanted, before, after, effects);
        let server = service.name.server(wanted.address);
        effects.tell(&service.name, Some(server), false, &wanted.scripts);
    }
}

//! Routes and rules of instances, and the statics: what [`Routing`] wants done is done, and what happened is told.

use std::collections::BTreeSet;

use vrrp::{Event, Name, Time};

use super::Driver;
use crate::failover::assignment::assignment;
use crate::failover::place;
use crate::failover::routing::{Owner, Wish};
use crate::journal::network::OnNetwork;
use crate::journal::{Line, Part, write};
use crate::kernel::routing::{Change, RefusedChange};
use crate::kernel::{Assignment, Network};
use crate::plan::PlannedInstance;

impl<N: Network> Driver<N> {
    /// Sets the routes and rules of a master, which has its addresses by now.
    pub(super) fn set_routing(&mut self, instance: &Name) {
        let Some(planned) = self.planned(instance) else {
            return;
        };
        for route in &planned.routes {
            for lack in place::missing(&self.links, route) {
                write(&Line::Trouble {
                    part: Part::Vrrp,
                    reason: format!(
                        "({instance}) cannot add route {}/{}: {lack}; it follows when the interface is there",
                        route.destination.address, route.destination.prefix_len
                    ),
                });
            }
        }
        let (routes, rules) = (!planned.routes.is_empty(), !planned.rules.is_empty());
        let wish = self.wish(planned);
        for (some, what) in [(routes, "Routes"), (rules, "Rules")] {
            if some {
                write(&Line::Network(OnNetwork::Setting {
                    instance: instance.to_string(),
                    what,
                }));
            }
        }
        let refused = self.bring(Owner::Instance(instance.clone()), wish);
        for refused in refused {
            write(&refusal(Some(instance), &refused));
        }
    }

    /// Takes the rules and routes of an instance away, before its addresses go.
    pub(super) fn clear_routing(&mut self, instance: &Name) {
        if let Some(planned) = self.planned(instance) {
            let (routes, rules) = (!planned.routes.is_empty(), !planned.rules.is_empty());
            for (some, what) in [(rules, "Rules"), (routes, "Routes")] {
                if some {
                    write(&Line::Network(OnNetwork::Removing {
                        instance: instance.to_string(),
                        what,
                    }));
                }
            }
        }
        let owner = Owner::Instance(instance.clone());
        let claimed = self.claimed(&owner);
        let changes = self.routing.clear(&owner, &claimed);
        for refused in self.network.reroute(&changes) {
            write(&refusal(Some(instance), &refused));
        }
    }

    /// Removes what a killed run left of the routes and rules of instances that are new. Another router may have them by now.
    pub(super) fn clear_routing_leftovers(&mut self, fresh: impl Fn(&Name) -> bool) {
        let mut leftovers: Vec<(Name, Change)> = Vec::new();
        for instance in &self.plan.instances {
            let name = &instance.config.name;
            if !fresh(name) {
                continue;
            }
            let owner = Owner::Instance(name.clone());
            let mut claimed = self.claimed(&owner);
            let statics = self.static_wish();
            claimed.routes.extend(statics.routes);
            claimed.rules.extend(statics.rules);
            let wish = self.wish(instance);
            let rules = wish
                .rules
                .into_iter()
                .filter(|rule| !claimed.rules.contains(rule));
            let routes = wish
                .routes
                .into_iter()
                .filter(|route| !claimed.routes.contains(route));
            let changes = rules
                .map(|rule| Change::RemoveRule(rule.what))
                .chain(routes.map(|route| Change::RemoveRoute(route.what)));
            leftovers.extend(changes.map(|change| (name.clone(), change)));
        }
        if leftovers.is_empty() {
            return;
        }
        // Told of those that are listed; one that cannot be read is removed all the same.
        let listed = self.network.routing().unwrap_or_default();
        for (instance, change) in &leftovers {
            let there = match change {
                Change::RemoveRoute(route) => listed.has_route(route),
                Change::RemoveRule(rule) => listed.has_rule(rule),
                _ => false,
            };
            if there {
                write(&Line::Trouble {
                    part: Part::Vrrp,
                    reason: format!("({instance}) removing {change}, left by an earlier run"),
                });
            }
        }
        let changes: Vec<Change> = leftovers.into_iter().map(|(_, change)| change).collect();
        // One that cannot be removed is none of what this kernel has.
        drop(self.network.reroute(&changes));
    }

    /// Something about routes or rules changed: looks whether one of ours is gone.
    pub fn routing_changed(&mut self, now: Time) {
        if !self.routing.tracks() {
            return;
        }
        let listed = match self.network.routing() {
            Ok(listed) => listed,
            Err(error) => {
                // What cannot be read is not gone.
                write(&Line::Trouble {
                    part: Part::Vrrp,
                    reason: format!("cannot list the routes and rules: {error}"),
                });
                return;
            }
        };
        for (owner, gone) in self.routing.missed(&listed) {
            match owner {
                Owner::Static => {
                    for what in gone {
                        write(&Line::Network(OnNetwork::Restoring {
                            what: format!("static {what}"),
                        }));
                    }
                    self.set_static_routing();
                }
                Owner::Instance(instance) => {
                    for what in gone {
                        write(&Line::Network(OnNetwork::Taken {
                            instance: instance.to_string(),
                            what: what.to_string(),
                        }));
                    }
                    let instance = &instance;
                    let actions = self.router.handle(now, Event::AddressRemoved { instance });
                    self.perform(now, actions);
                }
            }
        }
    }

    /// Brings static addresses, routes and rules to what is configured.
    pub(super) fn set_statics(&mut self) {
        let wanted = self.static_assignments();
        let (keep, drop): (Vec<_>, Vec<_>) = std::mem::take(&mut self.statics)
            .into_iter()
            .partition(|address| wanted.contains(address));
        self.statics = keep;
        let nobodys: Vec<_> = drop
            .into_iter()
            .filter(|address| {
                !self
                    .installed
                    .values()
                    .flatten()
                    .any(|held| held == address)
            })
            .collect();
        self.remove("static", &nobodys);
        let new: Vec<_> = wanted
            .into_iter()
            .filter(|address| !self.statics.contains(address))
            .collect();
        self.add_statics(new);
        self.set_static_routing();
    }

    /// Puts back what was removed of them by somebody else, and adds what waited for its interface.
    ///
    /// keepalived behaviour: not those with `no_track`.
    pub(super) fn restore_statics(&mut self, now: Time) {
        let links = &self.links;
        let there = |address: &Assignment| {
            let link = links.iter().find(|link| link.index == address.interface);
            link.is_some_and(|link| {
                // An interface that is down loses its IPv6 addresses; they come back with it.
                !link.up
                    || link
                        .addresses
                        .contains(&(address.address, address.prefix_len))
            })
        };
        let untracked = |address: &Assignment| {
            let planned = self.plan.statics.addresses.iter();
            planned
                .filter(|one| one.address.address == address.address)
                .any(|one| one.address.options.no_track)
        };
        let gone: Vec<_> = self
            .statics
            .extract_if(.., |address| !there(address) && !untracked(address))
            .collect();
        for address in gone
            .iter()
            .filter(|address| self.link(&address.interface_name).is_some())
        {
            write(&Line::Network(OnNetwork::Restoring {
                what: format!("static address {address}"),
            }));
        }
        let new: Vec<_> = self
            .static_assignments()
            .into_iter()
            .filter(|address| !self.statics.contains(address))
            .collect();
        self.add_statics(new);
        if !self.plan.statics.routes.is_empty() || !self.plan.statics.rules.is_empty() {
            self.routing_changed(now);
            self.set_static_routing();
        }
    }

    /// Takes them all away.
    pub(super) fn clear_statics(&mut self) {
        let changes = self.routing.clear(&Owner::Static, &Wish::default());
        for refused in self.network.reroute(&changes) {
            write(&refusal(None, &refused));
        }
        let addresses = std::mem::take(&mut self.statics);
        self.remove("static", &addresses);
    }

    /// Removes what a killed run left of them.
    pub(super) fn sweep_statics(&mut self) {
        let wish = self.static_wish();
        let rules = wish
            .rules
            .into_iter()
            .map(|rule| Change::RemoveRule(rule.what));
        let routes = wish
            .routes
            .into_iter()
            .map(|route| Change::RemoveRoute(route.what));
        let changes: Vec<Change> = rules.chain(routes).collect();
        // One that is not there is refused, and that is all right.
        drop(self.network.reroute(&changes));
        let addresses = self.static_assignments();
        self.remove("static", &addresses);
    }

    /// Sets `promote_secondaries` on the interfaces of instances that ask for it.
    ///
    /// keepalived behaviour: from the start to the stop, whoever is master, and also if a reload takes the keyword away.
    pub(super) fn promote_secondaries(&mut self) {
        let wanted: BTreeSet<String> = self
            .plan
            .instances
            .iter()
            .filter(|instance| instance.promote_secondaries)
            .filter_map(|instance| Some(self.interface(instance)?.name.clone()))
            .filter(|name| !self.promoting.contains(name))
            .collect();
        for name in wanted {
            match self.network.promote_secondaries(&name, true) {
                Ok(true) => drop(self.promoting.insert(name)),
                Ok(false) => {}
                Err(error) => write(&secondaries(&name, &error)),
            }
        }
    }

    /// Puts it back.
    pub(super) fn demote_secondaries(&mut self) {
        for name in std::mem::take(&mut self.promoting) {
            // An interface that is gone has nothing to put back.
            if self.link(&name).is_some()
                && let Err(error) = self.network.promote_secondaries(&name, false)
            {
                write(&secondaries(&name, &error));
            }
        }
    }

    fn add_statics(&mut self, addresses: Vec<Assignment>) {
        if addresses.is_empty() {
            return;
        }
        let refused = self.network.add(&addresses);
        let refused_ones: Vec<Assignment> = refused.iter().map(|one| one.address.clone()).collect();
        for refused in refused {
            write(&Line::AddressRefused {
                instance: "static".to_owned(),
                act: "add",
                address: refused.address.to_string(),
                reason: refused.source.to_string(),
            });
        }
        let added = addresses
            .into_iter()
            .filter(|address| !refused_ones.contains(address));
        self.statics.extend(added);
    }

    /// A route that an interface which is down keeps out is tried again when links change, and named once.
    fn set_static_routing(&mut self) {
        let wish = self.static_wish();
        let refused = self.bring(Owner::Static, wish);
        let refused: Vec<String> = refused
            .iter()
            .map(|refused| {
                let line = refusal(None, refused);
                let text = line.to_string();
                if !self.static_refused.contains(&text) {
                    write(&line);
                }
                text
            })
            .collect();
        self.static_refused = refused;
    }

    fn bring(&mut self, owner: Owner, wish: Wish) -> Vec<RefusedChange> {
        let claimed = self.claimed(&owner);
        let changes = self.routing.bring(&owner, &wish, &claimed);
        let refused = self.network.reroute(&changes);
        self.routing.settle(owner, wish, &refused);
        refused
    }

    /// What others than `owner` hold or are about to.
    fn claimed(&self, owner: &Owner) -> Wish {
        let mut claimed = self.routing.others(owner);
        for other in self.routing.owners().filter(|other| *other != owner) {
            let wish = match other {
                Owner::Instance(name) => self.planned(name).map(|planned| self.wish(planned)),
                Owner::Static => Some(self.static_wish()),
            };
            let wish = wish.unwrap_or_default();
            claimed.routes.extend(wish.routes);
            claimed.rules.extend(wish.rules);
        }
        claimed
    }

    fn wish(&self, instance: &PlannedInstance) -> Wish {
        place::wish(&self.links, &instance.routes, &instance.rules)
    }

    fn static_wish(&self) -> Wish {
        let statics = &self.plan.statics;
        place::wish(&self.links, &statics.routes, &statics.rules)
    }

    fn static_assignments(&self) -> Vec<Assignment> {
        let statics = self.plan.statics.addresses.iter();
        statics
            .filter_map(|one| Some(assignment(self.link(&one.interface)?, &one.address)))
            .collect()
    }
}

fn secondaries(interface: &str, error: &std::io::Error) -> Line {
    Line::Trouble {
        part: Part::Vrrp,
        reason: format!("cannot set promote_secondaries of {interface}: {error}"),
    }
}

fn refusal(instance: Option<&Name>, refused: &RefusedChange) -> Line {
    let act = match refused.change {
        Change::AddRoute(_) | Change::AddRule(_) => "add",
        Change::ReplaceRoute(_) => "change",
        Change::RemoveRoute(_) | Change::RemoveRule(_) => "remove",
    };
    Line::Network(OnNetwork::Refused {
        owner: instance.map_or("static", |name| name).to_owned(),
        act,
        what: refused.change.to_string(),
        reason: refused.source.to_string(),
    })
}

//! Virtual addresses: put on interfaces, taken away, missed, and guarded by rules that drop.

use std::collections::BTreeSet;

use vrrp::Name;

use super::Driver;
use crate::failover::assignment::assignment;
use crate::journal::network::OnNetwork;
use crate::journal::{Line, Part, write};
use crate::kernel::{Assignment, Network};
use crate::plan::PlannedInstance;

impl<N: Network> Driver<N> {
    pub(super) fn set_addresses(&mut self, instance: &Name) {
        let Some(planned) = self.planned(instance) else {
            return;
        };
        for missing in self.missing_devices(planned) {
            write(&Line::Trouble {
                part: Part::Vrrp,
                reason: format!(
                    "({instance}) {missing}; the VIP follows when the interface is there"
                ),
            });
        }
        let wanted = self.assignments(planned);
        let installed = self.installed.remove(instance).unwrap_or_default();
        let (keep, drop): (Vec<_>, Vec<_>) = installed
            .into_iter()
            .partition(|address| wanted.contains(address));
        let add: Vec<_> = wanted
            .iter()
            .filter(|address| !keep.contains(address))
            .cloned()
            .collect();
        for address in &drop {
            write(&Line::AddressDropped {
                instance: instance.to_string(),
                address: address.to_string(),
            });
        }
        self.give_up(instance, drop);
        if self
            .planned(instance)
            .is_some_and(|planned| !planned.config.accept)
        {
            // Before the addresses are there.
            self.bring_drop_rules(Some(&wanted));
        }
        let refused = self.network.add(&add);
        let failed: Vec<_> = refused
            .iter()
            .map(|refused| refused.address.clone())
            .collect();
        for refused in refused {
            write(&Line::AddressRefused {
                instance: instance.to_string(),
                act: "add",
                address: refused.address.to_string(),
                reason: refused.source.to_string(),
            });
        }
        let now_there = wanted
            .into_iter()
            .filter(|address| !failed.contains(address))
            .collect();
        self.installed.insert(instance.clone(), now_there);
        self.set_routing(instance);
    }

    pub(super) fn clear_addresses(&mut self, instance: &Name) {
        self.clear_routing(instance);
        self.announcer.forget(instance);
        if let Some(installed) = self.installed.remove(instance) {
            self.give_up(instance, installed);
        }
    }

    /// Removes addresses, but for those that another master holds or is about to: a reload may hand an address from
    /// one instance to another, and it must not be missing for a moment.
    pub(super) fn give_up(&mut self, instance: &str, addresses: Vec<Assignment>) {
        let mut held: Vec<Assignment> = Vec::new();
        for (other, installed) in &self.installed {
            held.extend(installed.iter().cloned());
            if let Some(planned) = self.planned(other) {
                held.extend(self.assignments(planned));
            }
        }
        let nobodys: Vec<_> = addresses
            .into_iter()
            .filter(|address| !held.contains(address))
            .collect();
        self.remove(instance, &nobodys);
    }

    pub(super) fn remove(&mut self, instance: &str, addresses: &[Assignment]) {
        for refused in self.network.remove(addresses) {
            write(&Line::AddressRefused {
                instance: instance.to_owned(),
                act: "remove",
                address: refused.address.to_string(),
                reason: refused.source.to_string(),
            });
        }
    }

    pub(super) fn missing_devices(&self, instance: &PlannedInstance) -> Vec<String> {
        instance
            .addresses
            .iter()
            .filter(|address| self.place(instance, address).is_none())
            .map(|address| {
                let (vip, device) = (address.address.address, &address.interface);
                format!("cannot add VIP {vip}: there is no interface {device}")
            })
            .collect()
    }

    /// An instance's addresses on the interfaces that are there.
    pub(super) fn assignments(&self, instance: &PlannedInstance) -> Vec<Assignment> {
        instance
            .addresses
            .iter()
            .filter_map(|planned| {
                let link = self.place(instance, planned)?;
                Some(assignment(link, &planned.address))
            })
            .collect()
    }

    /// Instances of which an address that they installed is gone, unless it is one with `no_track`. Forgets that address.
    pub(super) fn robbed(&mut self) -> Vec<Name> {
        let links = &self.links;
        let instances = &self.plan.instances;
        let there = |assignment: &Assignment| {
            links.iter().any(|link| {
                link.index == assignment.interface
                    && link
                        .addresses
                        .contains(&(assignment.address, assignment.prefix_len))
            })
        };
        let untracked = |instance: &Name, assignment: &Assignment| {
            let planned = instances.iter().find(|one| one.config.name == *instance);
            planned.is_some_and(|planned| planned.untracked(assignment.address))
        };
        let mut robbed = Vec::new();
        for (name, installed) in &mut self.installed {
            let count = installed.len();
            installed.retain(|assignment| {
                let stays = there(assignment) || untracked(name, assignment);
                if !stays {
                    write(&Line::Network(OnNetwork::AddressTaken {
                        address: assignment.address,
                        interface: assignment.interface_name.clone(),
                    }));
                }
                stays
            });
            if installed.len() < count {
                robbed.push(name.clone());
            }
        }
        robbed
    }

    pub(super) fn clear_leftovers(&mut self, known: &BTreeSet<Name>) {
        let mut leftovers = Vec::new();
        for instance in &self.plan.instances {
            if known.contains(&instance.config.name) {
                continue;
            }
            for address in self.assignments(instance) {
                let elsewhere = self
                    .installed
                    .values()
                    .flatten()
                    .any(|other| *other == address);
                let there = self.links.iter().any(|link| {
                    link.index == address.interface
                        && link
                            .addresses
                            .contains(&(address.address, address.prefix_len))
                });
                if there && !elsewhere {
                    leftovers.push((instance.config.name.clone(), address));
                }
            }
        }
        for (instance, address) in &leftovers {
            write(&Line::Trouble {
                part: Part::Vrrp,
                reason: format!("({instance}) removing VIP {address}, left by an earlier run"),
            });
        }
        let addresses: Vec<_> = leftovers.into_iter().map(|(_, address)| address).collect();
        if !addresses.is_empty() {
            self.remove("start", &addresses);
            self.look();
        }
    }

    /// Has packets to addresses with `no_accept` dropped: to those that are installed, and those that are about to be.
    pub(super) fn bring_drop_rules(&mut self, coming: Option<&[Assignment]>) {
        let deaf = |name: &Name| {
            let planned = self.planned(name);
            planned.is_some_and(|planned| !planned.config.accept)
        };
        let wanted = self.plan.drop_rules.as_ref().map(|rules| {
            let installed = self.installed.iter().filter(|(name, _)| deaf(name));
            let installed = installed.flat_map(|(_, addresses)| addresses);
            let all = installed.chain(coming.into_iter().flatten());
            let script = rules.script(all.map(|one| (one.address, one.interface_name.as_str())));
            (rules.clone(), script)
        });
        if self.drop_rules == wanted {
            return;
        }
        if let Some((old, _)) = self.drop_rules.take()
            && wanted
                .as_ref()
                .is_none_or(|(rules, _)| old.table != rules.table)
        {
            self.network.firewall(old.script([]));
        }
        if let Some((_, script)) = &wanted {
            self.network.firewall(script.clone());
        }
        self.drop_rules = wanted;
    }
}

//! Gratuitous ARPs and neighbour advertisements of a master, at their pace.

use std::collections::BTreeSet;

use vrrp::{Name, Time};

use super::Driver;
use crate::failover::announcer::Announcement;
use crate::journal::{Line, Part, write};
use crate::kernel::{Assignment, LinkKind, Network};

impl<N: Network> Driver<N> {
    /// Announces all addresses of an instance in so many rounds.
    pub(super) fn announce(&mut self, now: Time, instance: &Name, rounds: u32) {
        let installed = self.installed.get(instance).cloned().unwrap_or_default();
        self.announce_these(now, instance, &installed, rounds);
    }

    /// Announces once those on other interfaces than that of the adverts, so that switches do not forget where they are.
    pub(super) fn remind(&mut self, now: Time, instance: &Name) {
        let Some(planned) = self.planned(instance) else {
            return;
        };
        let home = [
            self.interface(planned),
            planned
                .own_device()
                .and_then(|device| self.devices.link(device, &self.links)),
        ];
        let home: Vec<u32> = home.into_iter().flatten().map(|link| link.index).collect();
        let all = planned.pace.extra_all;
        let installed = self.installed.get(instance).into_iter().flatten();
        let others: Vec<Assignment> = installed
            .filter(|one| !home.contains(&one.interface))
            .filter(|one| all || self.is_of_ours(one.interface))
            .cloned()
            .collect();
        self.announce_these(now, instance, &others, 1);
    }

    /// Announces what had to wait until now.
    pub(super) fn announce_due(&mut self, now: Time) {
        for due in self.announcer.due(now) {
            self.announce_one(&due);
        }
    }

    fn is_of_ours(&self, index: u32) -> bool {
        let link = self.links.iter().find(|link| link.index == index);
        link.is_some_and(|link| link.kind != LinkKind::Other)
    }

    fn announce_these(
        &mut self,
        now: Time,
        instance: &Name,
        installed: &[Assignment],
        rounds: u32,
    ) {
        let same = |one: &crate::plan::PlannedInstance| one.config.name == *instance;
        let Some(order) = self.plan.instances.iter().position(same) else {
            return;
        };
        let pace = self
            .plan
            .instances
            .get(order)
            .map(|planned| planned.pace)
            .unwrap_or_default();
        let mut waiting = Vec::new();
        for (at, assignment) in installed.iter().enumerate() {
            write(&Line::Announcing {
                instance: instance.to_string(),
                interface: assignment.interface_name.clone(),
                address: assignment.address,
            });
            let announcement = Announcement {
                instance: Name::clone(instance),
                interface: assignment.interface,
                interface_name: assignment.interface_name.clone(),
                address: assignment.address,
            };
            let pause = if assignment.address.is_ipv6() {
                pace.gna
            } else {
                pace.garp
            };
            waiting.push(((order, at), self.below(assignment), pause, announcement));
        }
        // An interface that takes none (down, or not Ethernet) is named once and does not keep the others waiting.
        let mut deaf = BTreeSet::new();
        for _ in 0..rounds {
            for (place, below, pause, announcement) in &waiting {
                if !deaf.contains(&announcement.interface)
                    && self
                        .announcer
                        .admit(now, *place, below, *pause, announcement)
                    && !self.announce_one(announcement)
                {
                    deaf.insert(announcement.interface);
                }
            }
        }
    }

    /// The name of the interface that an address is on, or of the one below a link of ours.
    fn below(&self, assignment: &Assignment) -> String {
        let link = |index| self.links.iter().find(|link| link.index == index);
        let base = link(assignment.interface).and_then(|link| link.base);
        let below = base.and_then(link).map(|below| below.name.clone());
        below.unwrap_or_else(|| assignment.interface_name.clone())
    }

    /// Answers whether it went out.
    fn announce_one(&mut self, announcement: &Announcement) -> bool {
        let Announcement {
            instance,
            interface,
            interface_name,
            address,
        } = announcement;
        match self.network.announce(*interface, *address) {
            Ok(()) => write(&Line::GratuitousArp {
                interface: interface_name.clone(),
                address: *address,
            }),
            Err(error) => {
                write(&Line::Trouble {
                    part: Part::Vrrp,
                    reason: format!(
                        "({instance}) cannot announce {address} on {interface_name}: {error}"
                    ),
                });
                return false;
            }
        }
        true
    }
}

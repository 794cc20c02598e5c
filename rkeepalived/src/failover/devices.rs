//! Which links of our own there are, which are to be made, and what they are called. Pure.
//!
//! keepalived behaviour: a name that was not given is `PREFIX.VRID`, or, where that is taken, `PREFIX1.VRID` and so on, with
//! `PREFIX6.VRID` before those for IPv6. A link that is there already and is what is wanted is taken over, whoever made it.

use std::collections::{BTreeMap, BTreeSet};

use vrrp::Name;

use crate::kernel::{Arp, Device, DeviceKind, Link, LinkKind, SharedRpFilter};
use crate::plan::PlannedDevice;

/// How the links below answer ARP requests while macvlans on them answer for themselves.
const WITH_VMAC: Arp = Arp {
    ignore: 1,
    filter: 1,
};

/// What is to be done so that a link is there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Step {
    /// Make it.
    Make(Device),
    /// One like it is there: give it its settings.
    Adopt(Device),
    /// Another one has its name and is of the same kind: remove that, by its number, and make it.
    Replace(u32, Device),
    /// Another one has its name, and is not ours to remove.
    Taken(String),
}

/// What was changed of links that are not ours, to be put back.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Changed {
    /// How links below ours answered ARP requests, by their numbers.
    arp: BTreeMap<u32, Arp>,
    /// `rp_filter` of links, by their numbers.
    rp_filter: BTreeMap<u32, u32>,
    /// And of all together.
    shared: Option<SharedRpFilter>,
}

/// One change of a setting of links that are not ours.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Setting {
    /// How a link answers ARP requests.
    Arp(u32, Arp),
    /// `rp_filter` of a link.
    RpFilter(u32, u32),
    /// `rp_filter` of all together.
    Shared(SharedRpFilter),
}

/// The names of our links, each by its instance, the interface that it is on, and whether it is for IPv6.
#[derive(Clone, Debug, Default)]
pub(super) struct Devices {
    names: BTreeMap<(Name, String, bool), String>,
    changed: Changed,
}

fn key(planned: &PlannedDevice) -> (Name, String, bool) {
    let instance = Name::clone(&planned.instance);
    (instance, planned.base.clone(), planned.six)
}

fn named<'a>(links: &'a [Link], name: &str) -> Option<&'a Link> {
    links.iter().find(|link| link.name == name)
}

/// Whether a link is what is planned, on the link below that is planned.
fn fits(link: &Link, planned: &PlannedDevice, base: &Link) -> bool {
    let same = match planned.kind {
        DeviceKind::Macvlan { mac, .. } => {
            link.kind == LinkKind::Macvlan { private: true } && link.mac == Some(mac)
        }
        DeviceKind::Ipvlan { mode } => link.kind == LinkKind::Ipvlan { mode },
    };
    same && link.base == Some(base.index)
}

fn is_of_ours(link: &Link, kind: DeviceKind) -> bool {
    matches!(
        (link.kind, kind),
        (LinkKind::Macvlan { .. }, DeviceKind::Macvlan { .. })
            | (LinkKind::Ipvlan { .. }, DeviceKind::Ipvlan { .. })
    )
}

impl Devices {
    /// The link that is what is planned, if it is there.
    pub fn link<'a>(&self, planned: &PlannedDevice, links: &'a [Link]) -> Option<&'a Link> {
        let base = named(links, &planned.base)?;
        let link = named(links, self.names.get(&key(planned))?)?;
        fits(link, planned, base).then_some(link)
    }

    /// What a link is called, if it has a name already.
    pub fn name(&self, planned: &PlannedDevice) -> Option<&str> {
        self.names.get(&key(planned)).map(String::as_str)
    }

    /// What is to be done so that all of `wanted` are there whose links below are.
    pub fn steps<'a>(
        &mut self,
        wanted: impl Iterator<Item = &'a PlannedDevice>,
        links: &[Link],
    ) -> Vec<(Name, Step)> {
        let mut steps = Vec::new();
        for planned in wanted {
            let Some(base) = named(links, &planned.base) else {
                continue;
            };
            if self.link(planned, links).is_some() {
                continue;
            }
            let name = self.choose(planned, base, links);
            let device = Device {
                name: name.clone(),
                base: base.index,
                kind: planned.kind,
                group: planned.group,
                controller: base.controller,
            };
            let step = match named(links, &name) {
                None => Step::Make(device),
                Some(link) if fits(link, planned, base) => Step::Adopt(device),
                Some(link) if is_of_ours(link, planned.kind) => Step::Replace(link.index, device),
                Some(_) => Step::Taken(name.clone()),
            };
            if !matches!(step, Step::Taken(_)) {
                self.names.insert(key(planned), name);
            }
            steps.push((Name::clone(&planned.instance), step));
        }
        steps
    }

    fn choose(&self, planned: &PlannedDevice, base: &Link, links: &[Link]) -> String {
        if let Some(name) = planned.name.as_deref().or_else(|| self.name(planned)) {
            return name.to_owned();
        }
        let used: BTreeSet<&str> = self.names.values().map(String::as_str).collect();
        let free = |name: &str| !used.contains(name);
        let like = |link: &&Link| fits(link, planned, base) && free(&link.name);
        if let Some(there) = links.iter().find(like) {
            return there.name.clone();
        }
        let (prefix, vrid) = (&planned.prefix, planned.vrid);
        let numbered = (1..=u16::MAX).map(|number| format!("{prefix}{number}.{vrid}"));
        let six = planned.six.then(|| format!("{prefix}6.{vrid}"));
        let plain = format!("{prefix}.{vrid}");
        let mut names = std::iter::once(plain.clone()).chain(six).chain(numbered);
        names
            .find(|name| free(name) && named(links, name).is_none())
            .unwrap_or(plain)
    }

    /// The links that none of `wanted` is, with whose they were: to be removed. Forgets them.
    pub fn stale<'a>(
        &mut self,
        wanted: impl Iterator<Item = &'a PlannedDevice>,
        links: &[Link],
    ) -> Vec<(Name, Link)> {
        let wanted: BTreeSet<_> = wanted.map(key).collect();
        let mut stale = Vec::new();
        self.names.retain(|key, name| {
            let keep = wanted.contains(key);
            let of_ours = |link: &&Link| link.name == *name && link.kind != LinkKind::Other;
            if !keep && let Some(link) = links.iter().find(of_ours) {
                stale.push((Name::clone(&key.0), link.clone()));
            }
            keep
        });
        stale
    }

    /// What is to be changed of links that are not ours while macvlans of IPv4 are on them, and back. `shared` is asked for
    /// only when that matters.
    pub fn settings<'a>(
        &mut self,
        wanted: impl Iterator<Item = &'a PlannedDevice>,
        links: &[Link],
        shared: impl FnOnce() -> Option<SharedRpFilter>,
    ) -> Vec<Setting> {
        let inet = |planned: &&PlannedDevice| {
            matches!(planned.kind, DeviceKind::Macvlan { inet: true, .. })
        };
        let wanted: Vec<&PlannedDevice> = wanted.filter(inet).collect();
        let below: BTreeSet<u32> = wanted
            .iter()
            .filter_map(|planned| named(links, &planned.base))
            .map(|link| link.index)
            .collect();
        let there: BTreeSet<u32> = links.iter().map(|link| link.index).collect();
        let mut settings = Vec::new();
        self.changed.arp.retain(|index, arp| {
            if !below.contains(index) && there.contains(index) {
                settings.push(Setting::Arp(*index, *arp));
            }
            below.contains(index)
        });
        for link in links.iter().filter(|link| below.contains(&link.index)) {
            if link.arp != WITH_VMAC {
                self.changed.arp.entry(link.index).or_insert(link.arp);
                settings.push(Setting::Arp(link.index, WITH_VMAC));
            }
        }
        if wanted.is_empty() {
            let changed = std::mem::take(&mut self.changed);
            settings.extend(changed.shared.map(Setting::Shared));
            let back = |(index, mode): (u32, u32)| Setting::RpFilter(index, mode);
            let back = changed.rp_filter.into_iter().map(back);
            settings.extend(back.filter(|setting| match setting {
                Setting::RpFilter(index, _) => there.contains(index),
                _ => true,
            }));
        } else if let Some(shared) = shared().filter(|shared| shared.all > 0) {
            self.relax(shared, links, &mut settings);
        }
        settings
    }

    /// What held for all links together holds for each that is there or comes, so that ours can go without: of the two
    /// settings the stricter one counts.
    fn relax(&mut self, shared: SharedRpFilter, links: &[Link], settings: &mut Vec<Setting>) {
        self.changed.shared.get_or_insert(shared);
        let ours: BTreeSet<&str> = self.names.values().map(String::as_str).collect();
        for link in links.iter().filter(|link| !ours.contains(&*link.name)) {
            if link.rp_filter < shared.all {
                let before = link.rp_filter;
                self.changed.rp_filter.entry(link.index).or_insert(before);
                settings.push(Setting::RpFilter(link.index, shared.all));
            }
        }
        settings.push(Setting::Shared(SharedRpFilter {
            all: 0,
            default: shared.default.max(shared.all),
        }));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn link(index: u32, name: &str) -> Link {
        Link {
            index,
            name: name.into(),
            up: true,
            ..Link::default()
        }
    }

    fn vmac(index: u32, name: &str, base: u32, mac: [u8; 6]) -> Link {
        Link {
            mac: Some(mac),
            kind: LinkKind::Macvlan { private: true },
            base: Some(base),
            ..link(index, name)
        }
    }

    const MAC: [u8; 6] = [0, 0, 0x5e, 0, 1, 61];
    const MAC6: [u8; 6] = [0, 0, 0x5e, 0, 2, 61];

    fn planned(instance: &str, base: &str, six: bool) -> PlannedDevice {
        PlannedDevice {
            instance: instance.into(),
            base: base.into(),
            name: None,
            prefix: "vrrp".into(),
            vrid: 61,
            six,
            kind: DeviceKind::Macvlan {
                mac: if six { MAC6 } else { MAC },
                inet: !six,
                inet6: six,
            },
            group: None,
            address: None,
        }
    }

    fn names(steps: &[(Name, Step)]) -> Vec<String> {
        let name = |(_, step): &(Name, Step)| match step {
            Step::Make(device) => format!("make {} on {}", device.name, device.base),
            Step::Adopt(device) => format!("adopt {}", device.name),
            Step::Replace(index, device) => format!("replace {index} by {}", device.name),
            Step::Taken(name) => format!("{name} is taken"),
        };
        steps.iter().map(name).collect()
    }

    // As seen of keepalived 2.2.7.
    #[test]
    fn names_are_counted_up_and_six_comes_first_for_ipv6() {
        let links = [link(2, "v0"), link(3, "v1")];
        let wanted = [
            planned("V", "v0", false),
            planned("V", "v1", false),
            planned("W", "v0", false),
            planned("X", "v0", true),
            planned("X", "v1", true),
            planned("Y", "v9", false),
        ];
        let mut devices = Devices::default();
        assert_eq!(
            names(&devices.steps(wanted.iter(), &links)),
            [
                "make vrrp.61 on 2",
                "make vrrp1.61 on 3",
                "make vrrp2.61 on 2",
                "make vrrp6.61 on 2",
                "make vrrp3.61 on 3"
            ]
        );
    }

    #[test]
    fn what_a_killed_run_left_is_taken_over_and_nothing_else() {
        let links = [
            link(2, "v0"),
            vmac(7, "vrrp.61", 2, MAC),
            vmac(8, "mine", 2, MAC6),
        ];
        let mut devices = Devices::default();
        let wanted = [planned("V", "v0", false)];
        let steps = devices.steps(wanted.iter(), &links);
        assert_eq!(names(&steps), ["adopt vrrp.61"]);
        assert_eq!(devices.steps(wanted.iter(), &links), []);
        // Another name was asked for: the kinds have to agree.
        let named = |name: &str| PlannedDevice {
            name: Some(name.into()),
            ..planned("W", "v0", false)
        };
        let wanted = [named("mine")];
        assert_eq!(
            names(&devices.steps(wanted.iter(), &links)),
            ["replace 8 by mine"]
        );
        let wanted = [PlannedDevice {
            instance: "X".into(),
            ..named("v0")
        }];
        assert_eq!(
            names(&devices.steps(wanted.iter(), &links)),
            ["v0 is taken"]
        );
    }

    #[test]
    fn a_link_is_not_ours_any_more_when_what_it_is_on_has_another_name() {
        let mut links = vec![link(2, "v0"), vmac(7, "vrrp.61", 2, MAC)];
        let mut devices = Devices::default();
        let wanted = [planned("V", "v0", false)];
        let _ = devices.steps(wanted.iter(), &links);
        assert!(devices.link(&wanted[0], &links).is_some());
        links[0].name = "x0".into();
        assert!(devices.link(&wanted[0], &links).is_none());
        assert_eq!(devices.steps(wanted.iter(), &links), []);
        // A new one of the old name: the link on the old one gives way.
        links.push(link(9, "v0"));
        assert_eq!(
            names(&devices.steps(wanted.iter(), &links)),
            ["replace 7 by vrrp.61"]
        );
        let stale = devices.stale([].into_iter(), &links);
        assert_eq!(stale.len(), 1);
        assert_eq!(devices.stale([].into_iter(), &links), []);
    }

    #[test]
    fn settings_of_links_below_go_back_to_what_they_were() {
        let before = Arp {
            ignore: 0,
            filter: 1,
        };
        let shared = SharedRpFilter { all: 2, default: 1 };
        let mut links = vec![link(2, "v0"), link(3, "v1")];
        links[0].arp = before;
        links[1].rp_filter = 1;
        let mut devices = Devices::default();
        let wanted = [planned("V", "v0", false)];
        let relaxed = SharedRpFilter { all: 0, default: 2 };
        assert_eq!(
            devices.settings(wanted.iter(), &links, || Some(shared)),
            [
                Setting::Arp(2, WITH_VMAC),
                Setting::RpFilter(2, 2),
                Setting::RpFilter(3, 2),
                Setting::Shared(relaxed)
            ]
        );
        links[0].arp = WITH_VMAC;
        assert_eq!(
            devices.settings(wanted.iter(), &links, || Some(relaxed)),
            []
        );
        assert_eq!(
            devices.settings([].into_iter(), &links, || None),
            [
                Setting::Arp(2, before),
                Setting::Shared(shared),
                Setting::RpFilter(2, 0),
                Setting::RpFilter(3, 1)
            ]
        );
        assert_eq!(devices.settings([].into_iter(), &links, || None), []);
    }
}

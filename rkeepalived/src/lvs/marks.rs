//! The marks that stand for the addresses of a group (`nftables_ipvs`): each virtual server keeps its own. Pure.

use std::collections::{HashMap, HashSet};
use std::num::NonZeroU32;

use ipvs_netlink::{Family, ServiceKey};

use super::wanted::{ServiceName, WantedService};

/// Who has which mark.
#[derive(Clone, Debug, Default)]
pub struct Marks {
    given: HashMap<ServiceName, NonZeroU32>,
}

impl Marks {
    /// Gives each service whose addresses one mark stands for that mark, and its places by it: the one it had, else
    /// the first from `first` on that nobody has, had a moment ago, or is configured with.
    pub fn give(&mut self, services: &mut [WantedService], first: NonZeroU32) {
        let before = std::mem::take(&mut self.given);
        let configured = services.iter().flat_map(|service| &service.places);
        let configured = configured.filter_map(|place| match place {
            ServiceKey::Fwmark(_, mark) => Some(*mark),
            ServiceKey::Socket(..) => None,
        });
        let mut used: HashSet<NonZeroU32> = configured.collect();
        used.extend(before.values());
        let mut next = Some(first);
        for service in services {
            if service.marked.is_empty() {
                continue;
            }
            let had = before.get(&service.name).copied();
            let mark = had.or_else(|| {
                while let Some(mark) = next {
                    next = mark.checked_add(1);
                    if used.insert(mark) {
                        return Some(mark);
                    }
                }
                None
            });
            // There are more marks than services that fit into memory.
            let Some(mark) = mark else { continue };
            self.given.insert(service.name.clone(), mark);
            let families = [Family::Inet, Family::Inet6];
            let families = families.into_iter().filter(|family| {
                let mut ranges = service.marked.iter();
                ranges.any(|range| range.family() == *family)
            });
            service.places = families
                .map(|family| ServiceKey::Fwmark(family, mark))
                .collect();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lvs::wanted::{AddressRange, tests::service};

    fn marked(name: &str, addresses: &[&str]) -> WantedService {
        let ranges = addresses.iter().map(|address| AddressRange {
            first: address.parse().unwrap(),
            last: address.parse().unwrap(),
            port: 80,
        });
        WantedService {
            marked: ranges.collect(),
            places: Vec::new(),
            ..service(name)
        }
    }

    fn shown(services: &[WantedService]) -> Vec<String> {
        let places = services.iter().flat_map(|service| &service.places);
        places.map(ServiceKey::to_string).collect()
    }

    // keepalived 2.2.7 counts from 1000 too, and keeps marks over a reload; but takes one that is configured.
    #[test]
    fn a_mark_is_kept_and_never_one_that_is_configured() {
        let first = 1000.try_into().unwrap();
        let mut marks = Marks::default();
        let mut configured = service("marks");
        configured.places = vec![ServiceKey::Fwmark(Family::Inet, 1001.try_into().unwrap())];
        let mut services = vec![
            marked("web", &["10.0.0.1"]),
            configured,
            marked("both", &["10.0.0.2", "2001:db8::1"]),
        ];
        marks.give(&mut services, first);
        assert_eq!(
            shown(&services),
            ["FWM 1000", "FWM 1001", "FWM 1002", "FWM 1002 IPv6"]
        );
        let mut services = vec![
            marked("new", &["2001:db8::5"]),
            marked("both", &["10.0.0.2"]),
        ];
        marks.give(&mut services, first);
        // 1000 was somebody else's until now.
        assert_eq!(shown(&services), ["FWM 1001 IPv6", "FWM 1002"]);
    }
}

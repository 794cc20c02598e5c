//! Where virtual servers stand in the kernel: each in one place, or in as many as its group has.

use std::collections::{BTreeMap, HashMap};
use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use ipvs_netlink::{Family, Protocol, ServiceKey};
use keepalived_conf as conf;

use crate::lvs::wanted::ServiceName;

/// So many places may all virtual servers have together: a /14, or four of a /16. More than that in the kernel's
/// table, which has 256 buckets, is slow to make and to leave; a firewall mark does the same in one place.
pub(super) const MOST: usize = 1 << 18;

/// Who has which place.
#[derive(Debug, Default)]
pub(super) struct Places {
    taken: HashMap<ServiceKey, usize>,
    names: Vec<ServiceName>,
}

/// Why a virtual server has no place, or fewer than it asks for.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Lack {
    /// Some are another virtual server's.
    Taken {
        /// So many.
        count: usize,
        /// The first of them.
        first: ServiceKey,
        /// Whose they are.
        owner: ServiceName,
    },
    /// It asks for more than there may be.
    TooMany {
        /// So many it asks for.
        count: u128,
    },
}

impl fmt::Display for Lack {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Lack::Taken {
                count: 1,
                first,
                owner,
            } => write!(
                f,
                "{first} belongs to virtual server {owner}, which comes first"
            ),
            Lack::Taken {
                count,
                first,
                owner,
            } => write!(
                f,
                "{first} and {} more belong to virtual server {owner}, which comes first",
                count - 1
            ),
            Lack::TooMany { count } => write!(
                f,
                "with its {count} addresses there would be more than {MOST} services in the kernel; mark the packets \
                 and use `fwmark`, which is one service"
            ),
        }
    }
}

impl Places {
    /// Gives a virtual server the places that it asks for, as far as they are free. Of two that ask for the same
    /// place the first has it; of one group that names a place twice, nothing is said (keepalived behaviour).
    pub(super) fn take(
        &mut self,
        name: &ServiceName,
        asked: &[conf::GroupEntry],
        family: Family,
    ) -> (Vec<ServiceKey>, Vec<Lack>) {
        let protocol = match name {
            ServiceName::Socket(protocol, _) | ServiceName::Group(_, protocol) => *protocol,
            ServiceName::Fwmark(..) => Protocol::Tcp,
        };
        let count = asked
            .iter()
            .fold(0u128, |sum, entry| sum.saturating_add(size(entry)));
        let free = u128::try_from(MOST.saturating_sub(self.taken.len())).unwrap_or(0);
        if count > free {
            return (Vec::new(), vec![Lack::TooMany { count }]);
        }
        let us = self.names.len();
        self.names.push(name.clone());
        let mut places = Vec::with_capacity(usize::try_from(count).unwrap_or(0));
        let mut others: BTreeMap<usize, (usize, ServiceKey)> = BTreeMap::new();
        for entry in asked {
            each(entry, protocol, family, |place| {
                let owner = *self.taken.entry(place).or_insert_with(|| {
                    places.push(place);
                    us
                });
                if owner != us {
                    others.entry(owner).or_insert((0, place)).0 += 1;
                }
            });
        }
        let lacks = others
            .into_iter()
            .filter_map(|(owner, (count, first))| {
                let owner = self.names.get(owner)?.clone();
                Some(Lack::Taken {
                    count,
                    first,
                    owner,
                })
            })
            .collect();
        (places, lacks)
    }
}

/// The entry of a virtual server that is not a group's, as if it were.
pub(super) fn alone(key: &conf::VirtualServerKey) -> Option<conf::GroupEntry> {
    match key {
        conf::VirtualServerKey::Address(address) => Some(conf::GroupEntry::Addresses {
            first: address.ip(),
            last: address.ip(),
            port: address.port(),
        }),
        conf::VirtualServerKey::Fwmark(mark) => Some(conf::GroupEntry::Fwmark {
            mark: *mark,
            family: None,
        }),
        conf::VirtualServerKey::Group(_) => None,
    }
}

pub(super) fn family(family: conf::Family) -> Family {
    match family {
        conf::Family::Inet => Family::Inet,
        conf::Family::Inet6 => Family::Inet6,
    }
}

fn size(entry: &conf::GroupEntry) -> u128 {
    match entry {
        conf::GroupEntry::Fwmark { .. } => 1,
        conf::GroupEntry::Addresses { first, last, .. } => number(*last)
            .saturating_sub(number(*first))
            .saturating_add(1),
    }
}

fn number(address: IpAddr) -> u128 {
    match address {
        IpAddr::V4(address) => u128::from(address.to_bits()),
        IpAddr::V6(address) => address.to_bits(),
    }
}

fn each(
    entry: &conf::GroupEntry,
    protocol: Protocol,
    of_service: Family,
    mut take: impl FnMut(ServiceKey),
) {
    match *entry {
        conf::GroupEntry::Fwmark { mark, family } => {
            let family = family.map_or(of_service, self::family);
            take(ServiceKey::Fwmark(family, mark));
        }
        conf::GroupEntry::Addresses { first, last, port } => {
            let mut take = |address: IpAddr| {
                take(ServiceKey::Socket(protocol, SocketAddr::new(address, port)));
            };
            match (first, last) {
                (IpAddr::V4(first), IpAddr::V4(last)) => (first.to_bits()..=last.to_bits())
                    .for_each(|bits| take(Ipv4Addr::from_bits(bits).into())),
                (IpAddr::V6(first), IpAddr::V6(last)) => (first.to_bits()..=last.to_bits())
                    .for_each(|bits| take(Ipv6Addr::from_bits(bits).into())),
                // The model has no such entry.
                (IpAddr::V4(_), IpAddr::V6(_)) | (IpAddr::V6(_), IpAddr::V4(_)) => {}
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn group(name: &str, protocol: Protocol) -> ServiceName {
        ServiceName::Group(name.into(), protocol)
    }

    fn addresses(first: &str, last: &str, port: u16) -> conf::GroupEntry {
        conf::GroupEntry::Addresses {
            first: first.parse().unwrap(),
            last: last.parse().unwrap(),
            port,
        }
    }

    fn shown(places: &[ServiceKey]) -> Vec<String> {
        places.iter().map(ServiceKey::to_string).collect()
    }

    // What keepalived 2.2.7 made of `10.10.0.3-4 81`, `2001:db8::ffff-1:0` and `fwmark 20 inet6`, `fwmark 20`.
    #[test]
    fn ranges_and_marks_are_places_each() {
        let asked = [
            addresses("10.10.0.3", "10.10.0.4", 81),
            addresses("2001:db8::ffff", "2001:db8::1:0", 80),
            conf::GroupEntry::Fwmark {
                mark: 20.try_into().unwrap(),
                family: Some(conf::Family::Inet6),
            },
            conf::GroupEntry::Fwmark {
                mark: 20.try_into().unwrap(),
                family: None,
            },
        ];
        let (places, lacks) =
            Places::default().take(&group("web", Protocol::Udp), &asked, Family::Inet);
        assert_eq!(lacks, []);
        assert_eq!(
            shown(&places),
            [
                "UDP 10.10.0.3:81",
                "UDP 10.10.0.4:81",
                "UDP [2001:db8::ffff]:80",
                "UDP [2001:db8::1:0]:80",
                "FWM 20 IPv6",
                "FWM 20",
            ]
        );
    }

    #[test]
    fn the_first_has_a_place_and_the_other_protocol_is_another_place() {
        let mut places = Places::default();
        let asked = [addresses("10.0.0.1", "10.0.0.4", 80)];
        let twice = [asked[0], asked[0]];
        let (first, lacks) = places.take(&group("a", Protocol::Tcp), &twice, Family::Inet);
        assert_eq!((first.len(), lacks.len()), (4, 0));
        let wider = [addresses("10.0.0.0", "10.0.0.7", 80)];
        let (second, lacks) = places.take(&group("b", Protocol::Tcp), &wider, Family::Inet);
        assert_eq!(second.len(), 4);
        assert_eq!(
            lacks.iter().map(Lack::to_string).collect::<Vec<_>>(),
            ["TCP 10.0.0.1:80 and 3 more belong to virtual server [a]:0, which comes first"]
        );
        let (third, lacks) = places.take(&group("a", Protocol::Udp), &asked, Family::Inet);
        assert_eq!((third.len(), lacks.len()), (4, 0));
    }

    #[test]
    fn a_16_has_room_and_a_64_has_not() {
        let mut places = Places::default();
        let name = group("wide", Protocol::Tcp);
        let (all, _) = places.take(
            &name,
            &[addresses("10.0.0.0", "10.0.255.255", 80)],
            Family::Inet,
        );
        assert_eq!(all.len(), 65_536);
        let asked = [addresses("2001:db8::", "2001:db8::ffff:ffff:ffff:ffff", 80)];
        let (none, lacks) = places.take(&name, &asked, Family::Inet6);
        assert_eq!(none, []);
        assert_eq!(lacks, [Lack::TooMany { count: 1 << 64 }]);
    }
}

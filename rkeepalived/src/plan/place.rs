//! Where virtual servers stand in the kernel: each in one place, or in as many as its group has.

use std::collections::{BTreeMap, HashMap};
use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::num::NonZeroU32;

use ipvs_netlink::{Family, Protocol, ServiceKey};
use keepalived_conf as conf;

use crate::lvs::wanted::{AddressRange, ServiceName};

/// So many places may all virtual servers have together: a /14, or four of a /16. More than that in the kernel's
/// table, which has 256 buckets, is slow to make and to leave; a firewall mark does the same in one place.
pub(super) const MOST: u128 = 1 << 18;

/// Who has which place. Ranges are kept as such, however long they are.
#[derive(Debug, Default)]
pub(super) struct Places {
    addresses: HashMap<(Family, Protocol, u16), Owned>,
    marks: HashMap<(Family, NonZeroU32), usize>,
    names: Vec<ServiceName>,
    /// Services in the kernel so far.
    count: u128,
}

/// By first address, what begins there: the last address, and whose it is. No two overlap.
type Owned = BTreeMap<u128, (u128, usize)>;

/// Where a virtual server stands.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Taken {
    /// Services in the kernel.
    pub places: Vec<ServiceKey>,
    /// What one mark is to stand for instead, which it will be given later.
    pub marked: Vec<AddressRange>,
}

/// Why a virtual server has no place, or fewer than it asks for.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Lack {
    /// Some are another virtual server's.
    Taken {
        /// So many.
        count: u128,
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
                count.saturating_sub(1)
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
    /// Gives a virtual server the places that it asks for, as far as they are free; `one_mark` if it is to have one
    /// mark for all of its addresses. Of two that ask for the same place the first has it; of one group that names a
    /// place twice, nothing is said (keepalived behaviour).
    pub(super) fn take(
        &mut self,
        name: &ServiceName,
        asked: &[conf::GroupEntry],
        family: Family,
        one_mark: bool,
    ) -> (Taken, Vec<Lack>) {
        let protocol = match name {
            ServiceName::Socket(protocol, _) => Some(*protocol),
            ServiceName::Group { protocol, .. } => *protocol,
            ServiceName::Fwmark(..) => None,
        };
        // Those without one have no addresses.
        let protocol = protocol.unwrap_or(Protocol::Tcp);
        let mut count = asked
            .iter()
            .fold(0u128, |sum, entry| sum.saturating_add(size(entry)));
        if one_mark {
            count = 2;
        }
        if count > MOST.saturating_sub(self.count) {
            return (Taken::default(), vec![Lack::TooMany { count }]);
        }
        self.count = self.count.saturating_add(count);
        let us = self.names.len();
        self.names.push(name.clone());
        let mut taken = Taken::default();
        let mut others: BTreeMap<usize, (u128, ServiceKey)> = BTreeMap::new();
        for entry in asked {
            match *entry {
                conf::GroupEntry::Fwmark {
                    mark,
                    family: of_mark,
                } => {
                    let family = of_mark.map_or(family, self::family);
                    let place = ServiceKey::Fwmark(family, mark);
                    let owner = *self.marks.entry((family, mark)).or_insert_with(|| {
                        taken.places.push(place);
                        us
                    });
                    if owner != us {
                        others.entry(owner).or_insert((0, place)).0 += 1;
                    }
                }
                conf::GroupEntry::Addresses { first, last, port } => {
                    let family = family_of(first);
                    let of_port = self.addresses.entry((family, protocol, port)).or_default();
                    let place = |bits| {
                        let address = SocketAddr::new(address(family, bits), port);
                        ServiceKey::Socket(protocol, address)
                    };
                    let claim = claim(of_port, number(first), number(last), us);
                    for (first, last, owner) in claim.lost {
                        let lost = others.entry(owner).or_insert((0, place(first)));
                        lost.0 = lost
                            .0
                            .saturating_add(last.saturating_sub(first))
                            .saturating_add(1);
                    }
                    for (first, last) in claim.won {
                        if one_mark {
                            taken.marked.push(AddressRange {
                                first: address(family, first),
                                last: address(family, last),
                                port,
                            });
                        } else {
                            taken.places.extend((first..=last).map(place));
                        }
                    }
                }
            }
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
        (taken, lacks)
    }
}

/// What became of the claim to a range.
#[derive(Debug, Default, PartialEq, Eq)]
struct Claim {
    /// First and last address of what was free.
    won: Vec<(u128, u128)>,
    /// The same of what was not, and whose it is. What was ours already is neither.
    lost: Vec<(u128, u128, usize)>,
}

/// Claims a range for `us`.
fn claim(owned: &mut Owned, first: u128, last: u128, us: usize) -> Claim {
    let mut claim = Claim::default();
    let before = owned.range(..first).next_back();
    let before = before.filter(|(_, (end, _))| *end >= first);
    // The first address that is not looked at yet; none after the very last.
    let mut next = Some(first);
    for (start, (end, owner)) in before.into_iter().chain(owned.range(first..=last)) {
        let Some(from) = next else { break };
        if *start > from {
            claim.won.push((from, start.saturating_sub(1)));
        }
        if *owner != us {
            claim
                .lost
                .push(((*start).max(first), (*end).min(last), *owner));
        }
        next = end.checked_add(1);
    }
    if let Some(from) = next.filter(|from| *from <= last) {
        claim.won.push((from, last));
    }
    for (first, last) in &claim.won {
        owned.insert(*first, (*last, us));
    }
    claim
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

fn family_of(address: IpAddr) -> Family {
    match address {
        IpAddr::V4(_) => Family::Inet,
        IpAddr::V6(_) => Family::Inet6,
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

fn address(family: Family, bits: u128) -> IpAddr {
    match family {
        Family::Inet => Ipv4Addr::from_bits(u32::try_from(bits).unwrap_or(u32::MAX)).into(),
        Family::Inet6 => Ipv6Addr::from_bits(bits).into(),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn group(name: &str, protocol: Protocol) -> ServiceName {
        ServiceName::Group {
            name: name.into(),
            nth: 0,
            protocol: Some(protocol),
        }
    }

    fn addresses(first: &str, last: &str, port: u16) -> conf::GroupEntry {
        conf::GroupEntry::Addresses {
            first: first.parse().unwrap(),
            last: last.parse().unwrap(),
            port,
        }
    }

    fn shown(taken: &Taken) -> Vec<String> {
        taken.places.iter().map(ServiceKey::to_string).collect()
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
        let name = group("web", Protocol::Udp);
        let (taken, lacks) = Places::default().take(&name, &asked, Family::Inet, false);
        assert_eq!(lacks, []);
        assert_eq!(
            shown(&taken),
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
        let mut take = |name: &str, protocol, asked: &[conf::GroupEntry]| {
            let (taken, lacks) = places.take(&group(name, protocol), asked, Family::Inet, false);
            (taken.places.len(), lacks)
        };
        assert_eq!(take("a", Protocol::Tcp, &twice), (4, vec![]));
        let wider = [addresses("10.0.0.0", "10.0.0.7", 80)];
        let (second, lacks) = take("b", Protocol::Tcp, &wider);
        assert_eq!(second, 4);
        assert_eq!(
            lacks.iter().map(Lack::to_string).collect::<Vec<_>>(),
            ["TCP 10.0.0.1:80 and 3 more belong to virtual server [a]:0, which comes first"]
        );
        assert_eq!(take("a", Protocol::Udp, &asked), (4, vec![]));
    }

    #[test]
    fn a_16_has_room_and_a_64_only_behind_one_mark() {
        let mut places = Places::default();
        let name = group("wide", Protocol::Tcp);
        let wide = [addresses("10.0.0.0", "10.0.255.255", 80)];
        let (all, _) = places.take(&name, &wide, Family::Inet, false);
        assert_eq!(all.places.len(), 65_536);
        let asked = [addresses("2001:db8::", "2001:db8::ffff:ffff:ffff:ffff", 80)];
        let (none, lacks) = places.take(&name, &asked, Family::Inet6, false);
        assert_eq!(none, Taken::default());
        assert_eq!(lacks, [Lack::TooMany { count: 1 << 64 }]);
        let (marked, lacks) = places.take(&name, &asked, Family::Inet6, true);
        assert_eq!((marked.marked.len(), marked.places.len()), (1, 0));
        assert_eq!(lacks, []);
    }

    #[test]
    fn the_very_last_address_can_be_claimed() {
        let mut owned = BTreeMap::new();
        assert_eq!(claim(&mut owned, 5, u128::MAX, 0).won, [(5, u128::MAX)]);
        let all = claim(&mut owned, 0, u128::MAX, 1);
        assert_eq!(all.won, [(0, 4)]);
        assert_eq!(all.lost, [(5, u128::MAX, 0)]);
    }

    proptest! {
        // Claims are as if each address were claimed by itself.
        #[test]
        fn a_range_is_claimed_address_by_address(
            claims in prop::collection::vec((0u128..40, 0u128..12, 0usize..3), 0..12),
        ) {
            let mut owned = BTreeMap::new();
            let mut model: BTreeMap<u128, usize> = BTreeMap::new();
            for (first, length, us) in claims {
                let last = first + length;
                let claim = claim(&mut owned, first, last, us);
                let mut won = Vec::new();
                let mut lost = Vec::new();
                for at in first..=last {
                    match model.get(&at) {
                        None => won.push(at),
                        Some(owner) if *owner != us => lost.push((at, *owner)),
                        Some(_) => {}
                    }
                }
                model.extend(won.iter().map(|at| (*at, us)));
                let claimed: Vec<_> = claim.won.iter().flat_map(|(a, b)| *a..=*b).collect();
                prop_assert_eq!(claimed, won);
                let others = claim.lost.iter();
                let others: Vec<_> = others.flat_map(|(a, b, who)| (*a..=*b).map(|at| (at, *who))).collect();
                prop_assert_eq!(others, lost);
            }
        }
    }
}

//! What an instance sends: its adverts, to everyone that is to hear them.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use super::Instance;
use crate::action::{Action, Actions};
use crate::config::{Auth, MULTICAST_GROUP, Transport, UnicastChecksum, Version};
use crate::notice::Notice;
use crate::wire;
use crate::wire::v2;
use crate::wire::v3::{self, Addresses, Cover, Family};

impl Instance {
    /// Sends an advert with that priority, if there is an address to send from. Says whether it did.
    pub(super) fn advertise(&mut self, priority: u8, actions: &mut Actions) -> bool {
        let Some(source) = self.source().or(self.last_source) else {
            return false;
        };
        let (destinations, ttl): (Vec<IpAddr>, Option<u8>) = match &self.config.transport {
            Transport::Multicast(group) => (vec![*group], Some(255)),
            Transport::Unicast(unicast) => (
                unicast.peers.iter().map(|peer| peer.address).collect(),
                unicast.ttl.or(match self.config.family {
                    Family::Inet => Some(255),
                    Family::Inet6 => None,
                }),
            ),
        };
        self.count_up();
        for destination in destinations {
            let mut payload = self.pdu(priority, source, destination);
            self.seal(&mut payload, source, actions.moment());
            let (protocol, identification) =
                match self.authenticate(&payload, source, destination, ttl) {
                    Some((header, authentic)) => {
                        payload.splice(..0, authentic.emit());
                        (header.protocol, header.identification)
                    }
                    None => (wire::PROTOCOL, 0),
                };
            actions.push(Action::Send {
                instance: self.name(),
                interface: self.config.interface,
                vrf: self.config.vrf,
                source,
                destination,
                ttl,
                protocol,
                identification,
                payload,
            });
        }
        self.stats.adverts_sent += 1;
        if priority == 0 {
            self.stats.priority_zero_sent += 1;
            actions.log(Notice::SentPriorityZero {
                instance: self.name(),
            });
        }
        true
    }

    fn pdu(&self, priority: u8, source: IpAddr, destination: IpAddr) -> Vec<u8> {
        match self.config.version {
            Version::V2 => {
                // keepalived behaviour: that of AH is not in it.
                let auth_data = match self.config.auth {
                    Auth::Simple(password) => password,
                    Auth::None | Auth::Ah(_) | Auth::Hmac(_) => [0; 8],
                };
                v2::Advert {
                    vrid: self.config.vrid.get(),
                    priority,
                    auth_type: self.auth_type(),
                    interval: self.config.advert_interval.whole_secs(),
                    addresses: self.addresses_v4(),
                    auth_data,
                }
                .emit()
            }
            Version::V3 => v3::Advert {
                vrid: self.config.vrid.get(),
                priority,
                interval: self.config.advert_interval.get(),
                addresses: match self.config.family {
                    Family::Inet => Addresses::V4(self.addresses_v4()),
                    Family::Inet6 => Addresses::V6(self.addresses_v6()),
                },
            }
            .emit(self.cover(source, destination)),
        }
    }

    /// What the checksum of an advert from `source` to `destination` covers, as this instance makes it.
    fn cover(&self, source: IpAddr, destination: IpAddr) -> Cover {
        if self.config.v3_checksum_as_v2 && self.config.family == Family::Inet {
            return Cover::PduAlone;
        }
        if self.sums_the_old_way() {
            return Cover::Pseudo {
                source,
                destination: MULTICAST_GROUP.into(),
            };
        }
        Cover::Pseudo {
            source,
            destination,
        }
    }

    /// Whether unicast adverts are summed with the multicast group in the place of their destination.
    pub(super) fn sums_the_old_way(&self) -> bool {
        match &self.config.transport {
            Transport::Unicast(unicast) if self.config.family == Family::Inet => {
                match unicast.checksum {
                    UnicastChecksum::Old => true,
                    UnicastChecksum::New => false,
                    UnicastChecksum::Detect => self.old_checksum,
                }
            }
            _ => false,
        }
    }

    fn addresses_v4(&self) -> Vec<Ipv4Addr> {
        let addresses = self.config.addresses.iter();
        addresses
            .filter_map(|address| match address {
                IpAddr::V4(address) => Some(*address),
                IpAddr::V6(_) => None,
            })
            .collect()
    }

    fn addresses_v6(&self) -> Vec<Ipv6Addr> {
        let addresses = self.config.addresses.iter();
        addresses
            .filter_map(|address| match address {
                IpAddr::V6(address) => Some(*address),
                IpAddr::V4(_) => None,
            })
            .collect()
    }
}

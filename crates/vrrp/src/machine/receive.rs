//! Whether a packet is believed: the checks in keepalived's order, and the counting of those that fail.

use std::collections::BTreeSet;
use std::hint::black_box;
use std::net::IpAddr;

use super::{Instance, State, Wish};
use crate::action::Actions;
use crate::config::{Auth, MULTICAST_GROUP, Transport, Unicast, UnicastChecksum, Version};
use crate::notice::Notice;
use crate::reject::Reject;
use crate::time::{Centis, Time};
use crate::wire::ah::Authentic;
use crate::wire::ipv4::Header;
use crate::wire::v3::{Cover, Family};
use crate::wire::{Opening, v2, v3};

/// A VRRP packet without its IP header.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Packet<'a> {
    pub source: IpAddr,
    pub destination: IpAddr,
    /// Time to live, or hop limit.
    pub ttl: u8,
    pub pdu: &'a [u8],
    /// The authentication header between them, with the IP header that it covers.
    pub authentic: Option<(Header, Authentic)>,
}

/// What was believed of an advert.
struct Heard {
    priority: u8,
    addresses: Vec<IpAddr>,
    interval: Centis,
}

impl Instance {
    /// A packet for this instance's virtual router id came in by its interface.
    pub(crate) fn receive(
        &mut self,
        now: Time,
        packet: &Packet<'_>,
        actions: &mut Actions,
    ) -> Wish {
        if self.is_fault() || self.is_init() {
            return Wish::Stay;
        }
        let heard = match self.judge(packet, actions) {
            Ok(heard) => heard,
            Err(reject) => {
                self.reject(reject, packet.source, actions);
                return Wish::Stay;
            }
        };
        let peer = packet.source;
        self.logged.retain(|_, culprit| *culprit != peer);
        self.compare_addresses(peer, &heard.addresses, actions);
        self.stats.adverts_received += 1;
        self.stats.hear(now, peer, heard.priority);
        if heard.priority == 0 {
            self.stats.priority_zero_received += 1;
        }
        match self.state {
            State::Backup(_) => {
                self.backup_advert(now, peer, heard.priority, heard.interval, actions)
            }
            State::Master(_) => {
                self.master_advert(now, peer, heard.priority, heard.interval, actions)
            }
            State::Init | State::Fault => Wish::Stay,
        }
    }

    fn judge(&mut self, packet: &Packet<'_>, actions: &mut Actions) -> Result<Heard, Reject> {
        if self.source() == Some(packet.source) {
            return Err(Reject::OwnAddress);
        }
        let Some(opening) = Opening::parse(packet.pdu) else {
            return Err(Reject::Truncated {
                seen: packet.pdu.len(),
                needed: 8,
            });
        };
        if opening.version != self.config.version.number() {
            self.judge_ttl(packet)?;
            return Err(Reject::Version {
                seen: opening.version,
                expected: self.config.version.number(),
            });
        }
        let heard = match self.config.version {
            Version::V2 => self.judge_v2(packet, actions)?,
            Version::V3 => self.judge_v3(packet, actions)?,
        };
        self.judge_transport(packet)?;
        if self.config.owner_ignore_adverts && self.config.priority.is_owner() {
            return Err(Reject::OwnerIgnores);
        }
        Ok(heard)
    }

    fn judge_v2(&mut self, packet: &Packet<'_>, actions: &mut Actions) -> Result<Heard, Reject> {
        let parsed = v2::Advert::parse(packet.pdu).map_err(|error| match error {
            v2::ParseError::Truncated { seen, needed } => Reject::Truncated { seen, needed },
            v2::ParseError::Version(seen) => Reject::Version { seen, expected: 2 },
        })?;
        self.judge_ttl(packet)?;
        let pdu = self.unseal(packet, parsed.trailing, actions)?;
        let trailing = parsed.trailing.saturating_sub(packet.pdu.len() - pdu.len());
        let advert = parsed.advert;
        self.judge_auth(&advert)?;
        self.judge_authentic(packet)?;
        let expected = self.config.advert_interval.whole_secs();
        if advert.interval != expected {
            return Err(Reject::Interval {
                seen: advert.interval,
                expected,
            });
        }
        judge_kind(parsed.kind)?;
        judge_length(pdu, trailing)?;
        if !parsed.checksum_ok {
            return Err(Reject::Checksum { version: 2 });
        }
        Ok(Heard {
            priority: advert.priority,
            addresses: advert.addresses.into_iter().map(IpAddr::V4).collect(),
            interval: self.config.advert_interval,
        })
    }

    fn judge_v3(&mut self, packet: &Packet<'_>, actions: &mut Actions) -> Result<Heard, Reject> {
        let family = self.config.family;
        let parsed = v3::Advert::parse(packet.pdu, family).map_err(|error| match error {
            v3::ParseError::Truncated { seen, needed } => Reject::Truncated { seen, needed },
            v3::ParseError::Version(seen) => Reject::Version { seen, expected: 3 },
        })?;
        self.judge_ttl(packet)?;
        let pdu = self.unseal(packet, parsed.trailing.len(), actions)?;
        let sealed = packet.pdu.len() - pdu.len();
        judge_kind(parsed.kind)?;
        judge_length(pdu, parsed.trailing.len().saturating_sub(sealed))?;
        self.judge_checksum(&parsed, packet, actions)?;
        Ok(Heard {
            priority: parsed.advert.priority,
            interval: Centis::new(parsed.advert.interval),
            addresses: match parsed.advert.addresses {
                v3::Addresses::V4(addresses) => addresses.into_iter().map(IpAddr::V4).collect(),
                v3::Addresses::V6(addresses) => addresses.into_iter().map(IpAddr::V6).collect(),
            },
        })
    }

    fn judge_checksum(
        &mut self,
        parsed: &v3::Parsed<'_>,
        packet: &Packet<'_>,
        actions: &mut Actions,
    ) -> Result<(), Reject> {
        let (source, destination) = (packet.source, packet.destination);
        // keepalived behaviour: with v3_checksum_as_v2 a wrong one over IPv4 does not matter.
        if self.config.v3_checksum_as_v2 && self.config.family == Family::Inet {
            return Ok(());
        }
        let new = Cover::Pseudo {
            source,
            destination,
        };
        let old = Cover::Pseudo {
            source,
            destination: MULTICAST_GROUP.into(),
        };
        let old_way = self.sums_the_old_way();
        if parsed.checksum_ok(if old_way { old } else { new }) {
            return Ok(());
        }
        if let Transport::Unicast(Unicast {
            checksum: UnicastChecksum::Detect,
            ..
        }) = self.config.transport
            && self.config.family == Family::Inet
            && !old_way
            && parsed.checksum_ok(old)
        {
            self.old_checksum = true;
            actions.log(Notice::OldChecksum {
                instance: self.name(),
            });
            return Ok(());
        }
        Err(Reject::Checksum { version: 3 })
    }

    /// RFC 3768 5.2.3, RFC 9568 5.1.1.3: what comes by multicast has not crossed a router.
    fn judge_ttl(&self, packet: &Packet<'_>) -> Result<(), Reject> {
        match self.config.transport {
            Transport::Multicast(_) if packet.ttl != 255 => Err(Reject::Ttl {
                seen: packet.ttl,
                least: 255,
                most: 255,
            }),
            _ => Ok(()),
        }
    }

    fn judge_transport(&self, packet: &Packet<'_>) -> Result<(), Reject> {
        let unicast = match &self.config.transport {
            Transport::Multicast(group) if packet.destination == *group => return Ok(()),
            Transport::Multicast(_) => return Err(Reject::NotMulticast),
            Transport::Unicast(unicast) => unicast,
        };
        if packet.destination.is_multicast() {
            return Err(Reject::NotUnicast);
        }
        if !unicast.check_source {
            return Ok(());
        }
        let Some(peer) = unicast
            .peers
            .iter()
            .find(|peer| peer.address == packet.source)
        else {
            return Err(Reject::Stranger);
        };
        if packet.ttl < peer.min_ttl || packet.ttl > peer.max_ttl {
            return Err(Reject::Ttl {
                seen: packet.ttl,
                least: peer.min_ttl,
                most: peer.max_ttl,
            });
        }
        Ok(())
    }

    fn judge_auth(&self, advert: &v2::Advert) -> Result<(), Reject> {
        if advert.auth_type > 2 {
            return Err(Reject::AuthType(advert.auth_type));
        }
        let expected = self.auth_type();
        let password = match &self.config.auth {
            Auth::Simple(password) => Some(password),
            Auth::None | Auth::Ah(_) | Auth::Hmac(_) => None,
        };
        if advert.auth_type != expected {
            return Err(Reject::AuthMismatch {
                seen: advert.auth_type,
                expected,
            });
        }
        match password {
            Some(password) if !same(password, &advert.auth_data) => Err(Reject::Password),
            _ => Ok(()),
        }
    }

    /// The authentication type of its adverts in version 2.
    pub(super) fn auth_type(&self) -> u8 {
        match &self.config.auth {
            Auth::None | Auth::Hmac(_) => 0,
            Auth::Simple(_) => 1,
            Auth::Ah(_) => 2,
        }
    }

    fn reject(&mut self, reject: Reject, peer: IpAddr, actions: &mut Actions) {
        self.stats.reject(&reject, Some(peer));
        let kind = reject.kind();
        if let std::collections::btree_map::Entry::Vacant(entry) = self.logged.entry(kind) {
            entry.insert(peer);
            actions.log(Notice::Rejected {
                instance: self.name(),
                peer,
                reject,
            });
        }
    }

    /// keepalived uses an advert with other addresses than ours all the same, but says so. The order does not matter.
    fn compare_addresses(&mut self, peer: IpAddr, theirs: &[IpAddr], actions: &mut Actions) {
        if self.config.skip_check_adv_addr && self.master.is_some_and(|(master, _)| master == peer)
        {
            return;
        }
        let ours = &self.config.addresses;
        let seen: BTreeSet<IpAddr> = theirs.iter().copied().collect();
        let notice = if ours.len() != theirs.len() {
            Notice::AddressCount {
                instance: self.name(),
                peer,
                expected: ours.len(),
                seen: theirs.len(),
            }
        } else if let Some(&address) = ours.iter().find(|address| !seen.contains(*address)) {
            Notice::AddressMissing {
                instance: self.name(),
                peer,
                address,
            }
        } else {
            if self.address_fault == Some(peer) {
                self.address_fault = None;
            }
            return;
        };
        self.stats.address_list_errors += 1;
        if self.address_fault.is_none() {
            self.address_fault = Some(peer);
            actions.log(notice);
        }
    }
}

fn judge_kind(kind: u8) -> Result<(), Reject> {
    if kind == 1 {
        Ok(())
    } else {
        Err(Reject::Type(kind))
    }
}

fn judge_length(pdu: &[u8], trailing: usize) -> Result<(), Reject> {
    if trailing == 0 {
        return Ok(());
    }
    Err(Reject::Length {
        seen: pdu.len(),
        expected: pdu.len().saturating_sub(trailing),
    })
}

/// Compares in a time that does not depend on where the first difference is.
fn same(ours: &[u8; 8], theirs: &[u8; 8]) -> bool {
    let difference = ours
        .iter()
        .zip(theirs)
        .fold(0, |difference, (a, b)| black_box(difference | (a ^ b)));
    black_box(difference) == 0
}

#[cfg(test)]
mod tests {
    use super::same;

    #[test]
    fn passwords_compare_whole() {
        assert!(same(b"secretlo", b"secretlo"));
        assert!(!same(b"secretlo", b"secretlO"));
        assert!(!same(b"Secretlo", b"secretlo"));
        assert!(!same(b"secret\0\0", b"secretlo"));
    }
}

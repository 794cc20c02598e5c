//! Whether a packet is believed: the checks in keepalived's order, and the counting of those that fail.

use std::collections::BTreeSet;
use std::hint::black_box;
use std::net::Ipv4Addr;

use super::{Instance, State, Wish};
use crate::action::Actions;
use crate::config::Auth;
use crate::notice::Notice;
use crate::reject::Reject;
use crate::time::Time;
use crate::wire::Opening;
use crate::wire::ipv4::Header;
use crate::wire::v2::{Advert, ParseError};

impl Instance {
    /// A packet for this instance's virtual router id came in by its interface.
    pub(crate) fn receive(
        &mut self,
        now: Time,
        header: &Header,
        pdu: &[u8],
        actions: &mut Actions,
    ) -> Wish {
        if self.is_fault() {
            return Wish::Stay;
        }
        let advert = match self.judge(header, pdu) {
            Ok(advert) => advert,
            Err(reject) => {
                self.reject(reject, header.source, actions);
                return Wish::Stay;
            }
        };
        let peer = header.source;
        self.logged.retain(|_, culprit| *culprit != peer);
        self.compare_addresses(peer, &advert.addresses, actions);
        self.stats.adverts_received += 1;
        if advert.priority == 0 {
            self.stats.priority_zero_received += 1;
        }
        match self.state {
            State::Backup(_) => self.backup_advert(now, peer, advert.priority, actions),
            State::Master(_) => self.master_advert(now, peer, advert.priority, actions),
            State::Fault => Wish::Stay,
        }
    }

    fn judge(&self, header: &Header, pdu: &[u8]) -> Result<Advert, Reject> {
        if self.source() == Some(header.source) {
            return Err(Reject::OwnAddress);
        }
        let Some(opening) = Opening::parse(pdu) else {
            return Err(Reject::Truncated {
                seen: pdu.len(),
                needed: 8,
            });
        };
        let parsed = match Advert::parse(pdu) {
            Ok(parsed) => Some(parsed),
            Err(ParseError::Truncated { seen, needed }) => {
                return Err(Reject::Truncated { seen, needed });
            }
            Err(ParseError::Version(_)) => None,
        };
        if header.ttl != 255 {
            return Err(Reject::Ttl(header.ttl));
        }
        let Some(parsed) = parsed else {
            return Err(Reject::Version(opening.version));
        };
        let advert = parsed.advert;
        self.judge_auth(&advert)?;
        let expected = self.config.advert_interval.whole_secs();
        if advert.interval != expected {
            return Err(Reject::Interval {
                seen: advert.interval,
                expected,
            });
        }
        if parsed.kind != 1 {
            return Err(Reject::Type(parsed.kind));
        }
        if parsed.trailing > 0 {
            return Err(Reject::Length {
                seen: pdu.len(),
                expected: pdu.len().saturating_sub(parsed.trailing),
            });
        }
        if !parsed.checksum_ok {
            return Err(Reject::Checksum);
        }
        if header.destination != self.config.group {
            return Err(Reject::NotMulticast);
        }
        Ok(advert)
    }

    fn judge_auth(&self, advert: &Advert) -> Result<(), Reject> {
        if advert.auth_type > 2 {
            return Err(Reject::AuthType(advert.auth_type));
        }
        let (expected, password) = match &self.config.auth {
            Auth::None => (0, None),
            Auth::Simple(password) => (1, Some(password)),
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

    fn reject(&mut self, reject: Reject, peer: Ipv4Addr, actions: &mut Actions) {
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
    fn compare_addresses(&mut self, peer: Ipv4Addr, theirs: &[Ipv4Addr], actions: &mut Actions) {
        if self.config.skip_check_adv_addr && self.master.is_some_and(|(master, _)| master == peer)
        {
            return;
        }
        let ours = &self.config.addresses;
        let seen: BTreeSet<Ipv4Addr> = theirs.iter().copied().collect();
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

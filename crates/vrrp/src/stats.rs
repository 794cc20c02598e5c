//! Counters of one instance.

use std::collections::BTreeMap;
use std::net::IpAddr;

use crate::reject::{Reject, RejectKind};
use crate::time::Time;

/// How many peers have counters of their own. Packets are cheap to forge, memory is not: rejects of further peers are
/// counted by reason only.
pub const MAX_PEERS: usize = 64;

/// Counters since the start of the instance.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Stats {
    /// Adverts that were believed.
    pub adverts_received: u64,
    /// Adverts sent, those of priority 0 included.
    pub adverts_sent: u64,
    /// Times it became master.
    pub became_master: u64,
    /// Times it stopped being master.
    pub released_master: u64,
    /// Adverts of priority 0 received.
    pub priority_zero_received: u64,
    /// Adverts of priority 0 sent.
    pub priority_zero_sent: u64,
    /// Adverts whose address list was not ours. They were used all the same.
    pub address_list_errors: u64,
    rejects: BTreeMap<RejectKind, u64>,
    rejects_by_peer: BTreeMap<(IpAddr, RejectKind), u64>,
    peers: usize,
    heard: BTreeMap<IpAddr, PeerSeen>,
}

/// A router of the same virtual router id that was heard.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PeerSeen {
    /// What its last advert said.
    pub priority: u8,
    /// Adverts of it that were believed.
    pub adverts: u64,
    /// When the last one came.
    pub at: Time,
}

impl Stats {
    pub(crate) fn reject(&mut self, reject: &Reject, peer: Option<IpAddr>) {
        let kind = reject.kind();
        *self.rejects.entry(kind).or_default() += 1;
        let Some(peer) = peer else { return };
        let known = self
            .rejects_by_peer
            .range((peer, RejectKind::Header)..)
            .next()
            .is_some_and(|((p, _), _)| *p == peer);
        if !known {
            if self.peers >= MAX_PEERS {
                return;
            }
            self.peers += 1;
        }
        *self.rejects_by_peer.entry((peer, kind)).or_default() += 1;
    }

    /// An advert of `peer` was believed. Of more than [`MAX_PEERS`] the one that has been silent longest is forgotten.
    pub(crate) fn hear(&mut self, now: Time, peer: IpAddr, priority: u8) {
        let seen = self.heard.get(&peer).map_or(0, |seen| seen.adverts);
        if seen == 0 && self.heard.len() >= MAX_PEERS {
            let oldest = self.heard.iter().min_by_key(|(_, seen)| seen.at);
            if let Some(oldest) = oldest.map(|(peer, _)| *peer) {
                self.heard.remove(&oldest);
            }
        }
        let seen = PeerSeen {
            priority,
            adverts: seen + 1,
            at: now,
        };
        self.heard.insert(peer, seen);
    }

    /// The routers that were heard, by their addresses.
    pub fn peers(&self) -> impl Iterator<Item = (IpAddr, PeerSeen)> + '_ {
        self.heard.iter().map(|(peer, seen)| (*peer, *seen))
    }

    /// How many packets were dropped for this reason.
    #[must_use]
    pub fn rejected(&self, kind: RejectKind) -> u64 {
        self.rejects.get(&kind).copied().unwrap_or(0)
    }

    /// Dropped packets by reason; only reasons that occurred.
    pub fn rejects(&self) -> impl Iterator<Item = (RejectKind, u64)> + '_ {
        self.rejects.iter().map(|(kind, count)| (*kind, *count))
    }

    /// Dropped packets by sender and reason, for the first [`MAX_PEERS`] senders.
    pub fn rejects_by_peer(&self) -> impl Iterator<Item = (IpAddr, RejectKind, u64)> + '_ {
        self.rejects_by_peer
            .iter()
            .map(|((peer, kind), count)| (*peer, *kind, *count))
    }

    /// `Packet Errors: Length` of keepalived's statistics.
    #[must_use]
    pub fn length_errors(&self) -> u64 {
        self.rejected(RejectKind::Truncated) + self.rejected(RejectKind::Length)
    }

    /// `Packet Errors: TTL`.
    #[must_use]
    pub fn ttl_errors(&self) -> u64 {
        self.rejected(RejectKind::Ttl)
    }

    /// `Packet Errors: Invalid Type`.
    #[must_use]
    pub fn type_errors(&self) -> u64 {
        self.rejected(RejectKind::Type)
    }

    /// `Packet Errors: Advertisement Interval`.
    #[must_use]
    pub fn interval_errors(&self) -> u64 {
        self.rejected(RejectKind::Interval)
    }

    /// `Authentication Errors: Invalid Type`.
    #[must_use]
    pub fn auth_type_errors(&self) -> u64 {
        self.rejected(RejectKind::AuthType)
    }

    /// `Authentication Errors: Type Mismatch`.
    #[must_use]
    pub fn auth_mismatch_errors(&self) -> u64 {
        self.rejected(RejectKind::AuthMismatch)
    }

    /// `Authentication Errors: Failure`.
    #[must_use]
    pub fn auth_failures(&self) -> u64 {
        [
            RejectKind::Password,
            RejectKind::AhMissing,
            RejectKind::AhSpi,
            RejectKind::AhReplay,
            RejectKind::AhInvalid,
        ]
        .map(|kind| self.rejected(kind))
        .iter()
        .sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rejects_are_counted_by_reason_and_by_peer() {
        let mut stats = Stats::default();
        let peer = IpAddr::from([10, 9, 0, 2]);
        stats.reject(
            &Reject::Ttl {
                seen: 254,
                least: 255,
                most: 255,
            },
            Some(peer),
        );
        stats.reject(
            &Reject::Ttl {
                seen: 1,
                least: 255,
                most: 255,
            },
            Some(peer),
        );
        stats.reject(&Reject::Password, Some(IpAddr::from([10, 9, 0, 3])));
        assert_eq!(stats.ttl_errors(), 2);
        assert_eq!(stats.auth_failures(), 1);
        assert_eq!(stats.rejects().count(), 2);
        assert!(
            stats
                .rejects_by_peer()
                .any(|row| row == (peer, RejectKind::Ttl, 2))
        );
    }

    #[test]
    fn of_too_many_peers_the_one_silent_longest_is_forgotten() {
        let mut stats = Stats::default();
        let peer = |last| IpAddr::from([10, 9, 0, last]);
        for last in 0..64 {
            stats.hear(Time::new(u64::from(last)), peer(last), 100);
        }
        stats.hear(Time::new(64), peer(0), 90);
        stats.hear(Time::new(65), peer(200), 80);
        let peers: BTreeMap<_, _> = stats.peers().collect();
        assert_eq!(peers.len(), 64);
        assert!(!peers.contains_key(&peer(1)));
        let again = peers
            .get(&peer(0))
            .map(|seen| (seen.priority, seen.adverts));
        assert_eq!(again, Some((90, 2)));
    }

    #[test]
    fn forged_senders_do_not_fill_the_memory() {
        let mut stats = Stats::default();
        for last in 0..=255 {
            stats.reject(
                &Reject::Checksum { version: 2 },
                Some(IpAddr::from([10, 9, 0, last])),
            );
        }
        stats.reject(&Reject::Password, Some(IpAddr::from([10, 9, 0, 0])));
        assert_eq!(stats.rejected(RejectKind::Checksum), 256);
        assert_eq!(
            stats.rejects_by_peer().count(),
            65,
            "64 peers, one of them with two reasons"
        );
    }
}

//! `bfd_instance`: a session with a neighbour (RFC 5880).

use std::net::IpAddr;
use std::num::NonZeroU8;
use std::time::Duration;

use super::TrackWeight;

/// `bfd_instance`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BfdInstance {
    /// Its name, at most 31 bytes.
    pub name: String,
    /// `neighbor_ip`: no two instances have the same and the same source (2.4).
    pub neighbour: IpAddr,
    /// `source_ip`, of the neighbour's family.
    pub source: Option<IpAddr>,
    /// `min_rx`: we want no packets more often than that. 1 ms to 4 294 967 ms, as the next two.
    pub min_rx: Duration,
    /// `min_tx`: we send none more often than that.
    pub min_tx: Duration,
    /// `idle_tx`: how often we send while the session is down, at least 1 s.
    pub idle_tx: Duration,
    /// `multiplier`: after so many lost packets the session is down.
    pub multiplier: NonZeroU8,
    /// `passive`: the neighbour begins.
    pub passive: bool,
    /// `ttl`, or `hoplimit`, of what we send.
    pub ttl: NonZeroU8,
    /// `max_hops` that a packet may have come; `None` is not checked. Not more than `ttl`.
    pub max_hops: Option<u8>,
    /// `multihop`: the neighbour is not on a link of ours (RFC 5883).
    pub multihop: bool,
    /// `weight`.
    pub weight: TrackWeight,
    /// `vrrp`, or neither word was said: instances can track it.
    pub vrrp: bool,
    /// `checker`, or neither word was said: real servers can be checked by it.
    pub checker: bool,
}

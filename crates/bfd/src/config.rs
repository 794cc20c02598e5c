//! What a session is to be.

use std::net::IpAddr;
use std::num::{NonZeroU8, NonZeroU32};
use std::sync::Arc;

use crate::time::Micros;

/// The name of a session in the configuration.
pub type Name = Arc<str>;

/// A number that tells sessions of one system apart (RFC 5880 6.3).
pub type Discriminator = NonZeroU32;

/// A session.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Config {
    /// Its name, no two alike.
    pub name: Name,
    /// The other end.
    pub neighbour: IpAddr,
    /// Our end, where only that one is meant.
    pub source: Option<IpAddr>,
    /// The neighbour is not on a link of ours (RFC 5883): another port.
    pub multihop: bool,
    /// We want no packets more often than that.
    pub min_rx: Micros,
    /// We send none more often than that while the session is up.
    pub min_tx: Micros,
    /// How often we send while it is not, at least 1 s (RFC 5880 6.8.3).
    pub idle_tx: Micros,
    /// After so many lost packets the neighbour takes the session for down.
    pub multiplier: NonZeroU8,
    /// The neighbour begins.
    pub passive: bool,
    /// The least time to live that a packet may come with; any where nothing is said.
    pub least_ttl: Option<u8>,
}

impl Config {
    /// Whether a session of `other` can go on as one of this.
    pub(crate) fn continues(&self, other: &Config) -> bool {
        let key = |config: &Config| {
            let Config {
                name,
                neighbour,
                source,
                multihop,
                ..
            } = config;
            (name.clone(), *neighbour, *source, *multihop)
        };
        key(self) == key(other)
    }
}

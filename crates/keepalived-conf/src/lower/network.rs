//! Networks and the families that the words of a route or rule must agree on.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use super::Lower;
use crate::ast::Word;
use crate::model::{Family, Network};

/// A destination or source as it is written.
#[derive(Debug, Clone, Copy)]
pub(super) enum Written {
    /// `default`, `any` or `all`: of the family of the rest.
    Any,
    /// `default6`.
    Any6,
    Network(Network),
}

impl Written {
    /// The network, in a route or rule of that family.
    pub(super) fn network(self, family: Family) -> Network {
        let address = match (self, family) {
            (Self::Network(network), _) => return network,
            (Self::Any, Family::Inet) => IpAddr::V4(Ipv4Addr::UNSPECIFIED),
            (Self::Any | Self::Any6, _) => IpAddr::V6(Ipv6Addr::UNSPECIFIED),
        };
        Network {
            address,
            prefix_len: 0,
        }
    }

    /// Its family; `any` counts as IPv4 where one was said before.
    pub(super) fn family(self) -> Family {
        match self {
            Self::Any => Family::Inet,
            Self::Any6 => Family::Inet6,
            Self::Network(network) => of(network.address),
        }
    }
}

/// The family of an address.
pub(super) fn of(address: IpAddr) -> Family {
    if address.is_ipv4() {
        Family::Inet
    } else {
        Family::Inet6
    }
}

/// The family that a route or rule has so far.
#[derive(Debug, Default)]
pub(super) struct Common(Option<Family>);

impl Common {
    /// Whether it may be that one; from now on it is.
    pub(super) fn is(&mut self, family: Family) -> bool {
        *self.0.get_or_insert(family) == family
    }

    /// Whether it may be that of such a network. keepalived behaviour: `any` says nothing about those that come later.
    pub(super) fn fits(&mut self, written: Written) -> bool {
        match (written, self.0) {
            (Written::Any, known) => known != Some(Family::Inet6),
            _ => self.is(written.family()),
        }
    }

    /// IPv4 unless it was said otherwise.
    pub(super) fn family(&self) -> Family {
        self.0.unwrap_or(Family::Inet)
    }
}

impl Lower<'_> {
    /// `ADDRESS[/PREFIX]`, `default`, `any`, `all` or `default6`, if it is that.
    pub(super) fn written(&mut self, word: &Word<'_>) -> Option<Written> {
        match &*word.text {
            "default" | "any" | "all" => Some(Written::Any),
            "default6" => Some(Written::Any6),
            _ => self.prefixed(word).map(|(address, prefix_len)| {
                Written::Network(Network {
                    address,
                    prefix_len,
                })
            }),
        }
    }
}

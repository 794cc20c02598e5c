//! Lines about addresses, routes and rules.

use std::fmt;
use std::net::IpAddr;

use super::Level;

/// Something about an address, a route or a rule.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum OnNetwork {
    /// Somebody took an address away that an instance had set.
    AddressTaken {
        /// Which one.
        address: IpAddr,
        /// From which interface.
        interface: String,
    },
}

impl OnNetwork {
    /// Whether it is shown only with `-D`.
    pub(super) fn detail(&self) -> bool {
        match self {
            OnNetwork::AddressTaken { .. } => false,
        }
    }

    /// How important it is.
    pub(super) fn level(&self) -> Level {
        match self {
            OnNetwork::AddressTaken { .. } => Level::Info,
        }
    }
}

impl fmt::Display for OnNetwork {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            OnNetwork::AddressTaken { address, interface } => write!(
                f,
                "Netlink reflector reports IP {address} removed from {interface}"
            ),
        }
    }
}

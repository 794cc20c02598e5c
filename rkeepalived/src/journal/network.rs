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
    /// Somebody took a route or a rule away.
    Taken {
        /// Whose.
        instance: String,
        /// `route 10.1.0.0/16 via 10.9.0.9 dev eth0`.
        what: String,
    },
    /// A static address, route or rule is put back.
    Restoring {
        /// `static route 10.1.0.0/16 via 10.9.0.9 dev eth0`.
        what: String,
    },
    /// A master sets its routes or rules.
    Setting {
        /// The instance.
        instance: String,
        /// `Routes` or `Rules`.
        what: &'static str,
    },
    /// They are taken away.
    Removing {
        /// The instance.
        instance: String,
        /// `Routes` or `Rules`.
        what: &'static str,
    },
    /// A route or a rule that the kernel would not add, change or remove.
    Refused {
        /// The instance, or `static`.
        owner: String,
        /// `add`, `change` or `remove`.
        act: &'static str,
        /// `route 10.1.0.0/16 via 10.9.0.9 dev eth0`.
        what: String,
        /// What the kernel said.
        reason: String,
    },
}

impl OnNetwork {
    /// Whether it is shown only with `-D`.
    pub(super) fn detail(&self) -> bool {
        match self {
            OnNetwork::Setting { .. } | OnNetwork::Removing { .. } => true,
            OnNetwork::AddressTaken { .. }
            | OnNetwork::Taken { .. }
            | OnNetwork::Restoring { .. }
            | OnNetwork::Refused { .. } => false,
        }
    }

    /// How important it is.
    pub(super) fn level(&self) -> Level {
        match self {
            OnNetwork::Refused { .. } => Level::Error,
            _ => Level::Info,
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
            OnNetwork::Taken { instance, what } => {
                write!(f, "({instance}) {what} was removed by somebody else")
            }
            OnNetwork::Restoring { what } => write!(f, "Restoring deleted {what}"),
            OnNetwork::Setting { instance, what } => {
                write!(f, "({instance}) setting Virtual {what}")
            }
            OnNetwork::Removing { instance, what } => {
                write!(f, "({instance}) removing Virtual {what}")
            }
            OnNetwork::Refused {
                owner,
                act,
                what,
                reason,
            } => write!(f, "({owner}) cannot {act} {what}: {reason}"),
        }
    }
}

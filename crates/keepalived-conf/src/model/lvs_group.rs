//! `virtual_server_group`.

use std::net::IpAddr;
use std::num::NonZeroU32;

use super::Family;

/// `virtual_server_group`: what a virtual server that names it listens to, all with the same real servers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VirtualServerGroup {
    /// Its name.
    pub name: String,
    /// Its entries, at least one, in the order of the file. Where some are of one family and some of the other, no entry
    /// is a mark without a family.
    pub entries: Vec<GroupEntry>,
}

/// One line of a group.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum GroupEntry {
    /// `IP [PORT]`, `FIRST-LAST [PORT]` or `NETWORK/PREFIX [PORT]`: a service for each address.
    Addresses {
        /// The first address.
        first: IpAddr,
        /// The last, of the same family and no less than the first. There may be millions between them.
        last: IpAddr,
        /// The port; 0 is every port.
        port: u16,
    },
    /// `fwmark N [inet|inet6]`.
    Fwmark {
        /// The mark.
        mark: NonZeroU32,
        /// Its family; that of the virtual server when `None`.
        family: Option<Family>,
    },
}

impl GroupEntry {
    /// Its address family; `None` for a mark that says nothing of it.
    #[must_use]
    pub fn family(&self) -> Option<Family> {
        match self {
            Self::Addresses { first, .. } => Some(Family::of(*first)),
            Self::Fwmark { family, .. } => *family,
        }
    }
}

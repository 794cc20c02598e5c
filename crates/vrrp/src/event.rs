//! What happens to the router.

use std::net::Ipv4Addr;

/// One thing that happened.
#[derive(Debug, Clone, Copy)]
pub enum Event<'a> {
    /// A packet of IP protocol 112 came in.
    Datagram {
        /// Index of the interface it came in by.
        interface: u32,
        /// The whole IPv4 packet, header included, as a raw socket delivers it.
        bytes: &'a [u8],
    },
    /// A link changed: up, down, another address, or gone (then not up and without an address).
    Link(Interface),
    /// A virtual address of a master was taken off the interface by somebody else.
    AddressRemoved {
        /// The instance it belongs to.
        instance: &'a str,
    },
    /// The time [`Router::deadline`](crate::Router::deadline) named has come. Harmless when it has not.
    Timer,
}

/// The facts of one link.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Interface {
    /// Its index.
    pub index: u32,
    /// Whether it is up and running.
    pub up: bool,
    /// Its first IPv4 address, the source of adverts, if it has one. Never a virtual address.
    pub source: Option<Ipv4Addr>,
}

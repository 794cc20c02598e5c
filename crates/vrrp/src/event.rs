//! What happens to the router.

use std::net::{Ipv4Addr, Ipv6Addr};

use crate::track::{Standing, TrackerId};

/// One thing that happened.
#[derive(Debug, Clone, Copy)]
pub enum Event<'a> {
    /// A packet of IP protocol 112 came in over IPv4.
    Datagram {
        /// Index of the interface or VRF that its socket is bound to; 0 for the socket that hears unicast adverts on every
        /// interface, of which the driver leaves out what came in by a VRF.
        interface: u32,
        /// The whole IPv4 packet, header included, as a raw socket delivers it.
        bytes: &'a [u8],
    },
    /// A packet of IP protocol 112 came in over IPv6, of which a raw socket delivers only the payload.
    Datagram6 {
        /// Index of the interface or VRF that its socket is bound to, as above.
        interface: u32,
        /// Its source address.
        source: Ipv6Addr,
        /// Its destination address.
        destination: Ipv6Addr,
        /// Its hop limit.
        hop_limit: u8,
        /// What follows the IPv6 header.
        payload: &'a [u8],
    },
    /// A link changed: up, down, another address, or gone (then not up and without an address).
    Link(Interface),
    /// A virtual address of a master was taken off the interface by somebody else.
    AddressRemoved {
        /// The instance it belongs to.
        instance: &'a str,
    },
    /// A tracked thing stands otherwise than before. Harmless when it does not.
    Tracked {
        /// Which.
        id: TrackerId,
        /// How it stands.
        standing: Standing,
    },
    /// An operator asks an instance, and its sync group with it, to give mastership away, or to take it back
    /// ([`Router::may_hand_over`](crate::Router::may_hand_over) says whether it can).
    Handover {
        /// Which.
        instance: &'a str,
        /// Take it back.
        back: bool,
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
    /// Its link-local IPv6 address, the source of adverts over IPv6, if it has one. Never a virtual address.
    pub source6: Option<Ipv6Addr>,
}

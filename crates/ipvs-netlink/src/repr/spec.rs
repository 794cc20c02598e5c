//! What is asked of a service and of a destination.

use std::fmt;
use std::net::Ipv4Addr;

use super::{Family, PersistenceEngine, Scheduler};
use crate::uapi;

/// What a virtual service shall be.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ServiceSpec {
    /// How a destination is picked.
    pub scheduler: Scheduler,
    /// One-packet scheduling and the scheduler's own flags.
    pub flags: ServiceFlags,
    /// Whether a client stays with its destination.
    pub persistence: Option<Persistence>,
}

impl ServiceSpec {
    /// A service with this scheduler and nothing else.
    pub fn new(scheduler: Scheduler) -> ServiceSpec {
        ServiceSpec {
            scheduler,
            flags: ServiceFlags::default(),
            persistence: None,
        }
    }
}

/// Flags of a service that a user chooses. Persistence is a flag too on the
/// wire; here it is [`ServiceSpec::persistence`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ServiceFlags {
    /// Schedule each UDP packet by itself (`ops`).
    pub one_packet: bool,
    /// The scheduler's first flag: `sh-fallback`, `mh-fallback`.
    pub sched_1: bool,
    /// The scheduler's second flag: `sh-port`, `mh-port`.
    pub sched_2: bool,
    /// The scheduler's third flag.
    pub sched_3: bool,
}

impl ServiceFlags {
    pub(crate) fn bits(self) -> u32 {
        let bit = |on: bool, bit: u32| if on { bit } else { 0 };
        bit(self.one_packet, uapi::IP_VS_SVC_F_ONEPACKET)
            | bit(self.sched_1, uapi::IP_VS_SVC_F_SCHED1)
            | bit(self.sched_2, uapi::IP_VS_SVC_F_SCHED2)
            | bit(self.sched_3, uapi::IP_VS_SVC_F_SCHED3)
    }

    pub(crate) fn from_bits(bits: u32) -> ServiceFlags {
        ServiceFlags {
            one_packet: bits & uapi::IP_VS_SVC_F_ONEPACKET != 0,
            sched_1: bits & uapi::IP_VS_SVC_F_SCHED1 != 0,
            sched_2: bits & uapi::IP_VS_SVC_F_SCHED2 != 0,
            sched_3: bits & uapi::IP_VS_SVC_F_SCHED3 != 0,
        }
    }
}

/// A client stays with its destination for a time.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Persistence {
    /// How long after its last connection, in seconds.
    pub timeout: u32,
    /// Which clients count as one.
    pub netmask: Netmask,
    /// What counts besides the client's address.
    pub engine: Option<PersistenceEngine>,
}

/// Clients of one network count as one client. Of the service's family, or the
/// operation is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Netmask {
    /// An IPv4 mask; 255.255.255.255 is each client by itself.
    V4(Ipv4Addr),
    /// An IPv6 prefix length, 1 to 128; 128 is each client by itself.
    V6(u8),
}

impl Netmask {
    /// Each client by itself: what the kernel wants where no mask was given.
    pub fn host(family: Family) -> Netmask {
        match family {
            Family::Inet => Netmask::V4(Ipv4Addr::BROADCAST),
            Family::Inet6 => Netmask::V6(128),
        }
    }

    /// The family of the clients.
    pub fn family(&self) -> Family {
        match self {
            Netmask::V4(_) => Family::Inet,
            Netmask::V6(_) => Family::Inet6,
        }
    }
}

impl fmt::Display for Netmask {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Netmask::V4(mask) => mask.fmt(f),
            Netmask::V6(length) => length.fmt(f),
        }
    }
}

/// What a destination (real server) shall be.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct DestinationSpec {
    /// How packets reach it.
    pub forwarding: Forwarding,
    /// Its share; 0 takes no new connections. The kernel refuses more than 2^31-1.
    pub weight: u32,
    /// No new connections beyond so many; 0 is no limit.
    pub upper_threshold: u32,
    /// Open again below so many; 0 is three quarters of the upper threshold.
    pub lower_threshold: u32,
}

impl DestinationSpec {
    /// A destination without thresholds.
    pub fn new(forwarding: Forwarding, weight: u32) -> DestinationSpec {
        DestinationSpec {
            forwarding,
            weight,
            upper_threshold: 0,
            lower_threshold: 0,
        }
    }
}

/// How packets reach a destination.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Forwarding {
    /// Network address translation.
    Masquerade,
    /// Direct routing: only the link address changes.
    DirectRoute,
    /// Packets in packets.
    Tunnel(TunnelKind),
    /// The director itself.
    Local,
    /// Past IPVS, to where the packet was going.
    Bypass,
}

impl fmt::Display for Forwarding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Forwarding::Masquerade => "Masq",
            Forwarding::DirectRoute => "Route",
            Forwarding::Tunnel(TunnelKind::Ipip) => "Tunnel",
            Forwarding::Tunnel(TunnelKind::Gue { .. }) => "Tunnel (GUE)",
            Forwarding::Tunnel(TunnelKind::Gre { .. }) => "Tunnel (GRE)",
            Forwarding::Local => "Local",
            Forwarding::Bypass => "Bypass",
        })
    }
}

/// What a tunnel wraps packets in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum TunnelKind {
    /// An IP header only.
    Ipip,
    /// Generic UDP encapsulation.
    Gue {
        /// UDP port of the receiver.
        port: u16,
        /// What protects the wrapped packet.
        checksum: TunnelChecksum,
    },
    /// Generic routing encapsulation.
    Gre {
        /// What protects the wrapped packet.
        checksum: TunnelChecksum,
    },
}

/// What protects a packet in a tunnel.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum TunnelChecksum {
    /// Nothing.
    #[default]
    None,
    /// The tunnel's own checksum.
    Checksum,
    /// Remote checksum offload (GUE only).
    Remote,
}

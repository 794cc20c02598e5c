//! The kernel as a whole: its version, its timeouts, its synchronisation daemons.

use std::fmt;
use std::net::IpAddr;

/// The version of IPVS in the kernel.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Version {
    /// First number.
    pub major: u8,
    /// Second number.
    pub minor: u8,
    /// Third number.
    pub patch: u8,
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}.{}", self.major, self.minor, self.patch)
    }
}

/// What the kernel says of its IPVS.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Info {
    /// Version of IPVS.
    pub version: Version,
    /// Buckets of the connection table.
    pub connection_table_size: u32,
}

/// Idle timeouts of connections in seconds. When setting, 0 leaves one as it is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Timeouts {
    /// TCP, established.
    pub tcp: u32,
    /// TCP after a FIN.
    pub tcp_fin: u32,
    /// UDP.
    pub udp: u32,
}

/// Which end of connection synchronisation a daemon is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum DaemonState {
    /// Tells others about connections.
    Master,
    /// Hears from others.
    Backup,
}

/// One daemon of connection synchronisation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Daemon {
    /// Which end.
    pub state: DaemonState,
    /// The interface for multicast, at most 15 bytes.
    pub interface: String,
    /// Only daemons of one id hear each other, 0 to 255; a backup with 0 hears all.
    pub sync_id: u32,
    /// Largest UDP payload in bytes; `None` lets the kernel derive it from the MTU.
    pub max_length: Option<u16>,
    /// Multicast group; `None` is the kernel's 224.0.0.81.
    pub group: Option<IpAddr>,
    /// UDP port; `None` is the kernel's 8848.
    pub port: Option<u16>,
    /// Multicast TTL; `None` is the kernel's 1.
    pub ttl: Option<u8>,
}

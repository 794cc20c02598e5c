//! `virtual_server` and `real_server`.

use std::net::{Ipv4Addr, SocketAddr};
use std::num::NonZeroU32;
use std::time::Duration;

use super::{Check, Script};

/// What a virtual server listens to.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum VirtualServerKey {
    /// `virtual_server IP PORT`; port 0 is every port.
    Address(SocketAddr),
    /// `virtual_server fwmark N`.
    Fwmark(NonZeroU32),
}

/// `protocol`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Protocol {
    /// TCP.
    Tcp,
    /// UDP.
    Udp,
    /// SCTP.
    Sctp,
}

/// Address family of a virtual server.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Family {
    /// IPv4.
    Inet,
    /// IPv6.
    Inet6,
}

/// How packets reach a real server: `lb_kind`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Forwarding {
    /// `NAT`.
    Nat,
    /// `DR`.
    DirectRoute,
    /// `TUN`.
    Tunnel(Tunnel),
}

/// What a tunnel looks like.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Tunnel {
    /// IP in IP.
    #[default]
    Ipip,
    /// Generic UDP encapsulation.
    Gue {
        /// UDP port.
        port: u16,
        /// Checksums: as the kernel's `IP_VS_TUNNEL_ENCAP_FLAG` bits (0 nocsum, 1 csum, 2 remcsum).
        flags: u16,
    },
    /// GRE.
    Gre {
        /// As for GUE.
        flags: u16,
    },
}

/// Flags of the service and its scheduler.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct SchedulerFlags {
    /// `ops`: one packet scheduling.
    pub one_packet: bool,
    /// `hashed`; accepted, without effect, as in keepalived.
    pub hashed: bool,
    /// `sh-port`.
    pub sh_port: bool,
    /// `sh-fallback`.
    pub sh_fallback: bool,
    /// `mh-port`.
    pub mh_port: bool,
    /// `mh-fallback`.
    pub mh_fallback: bool,
    /// `flag-1`: the scheduler's first flag bit.
    pub flag_1: bool,
    /// `flag-2`.
    pub flag_2: bool,
    /// `flag-3`.
    pub flag_3: bool,
}

/// The grain of persistence.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Granularity {
    /// IPv4 netmask.
    Netmask(Ipv4Addr),
    /// IPv6 prefix length, 1..=128.
    Prefix(u8),
}

/// `persistence_timeout` and its company.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Persistence {
    /// Seconds, 1..=2678400.
    pub timeout: u32,
    /// `persistence_granularity`; a single host by default.
    pub granularity: Granularity,
    /// `persistence_engine`, at most 15 bytes.
    pub engine: Option<String>,
}

/// `virtual_server`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VirtualServer {
    /// What it listens to.
    pub key: VirtualServerKey,
    /// `protocol`; meaningless with a firewall mark.
    pub protocol: Protocol,
    /// `ip_family`, or that of the address.
    pub family: Family,
    /// `lb_algo`: the kernel's name of the scheduler.
    pub scheduler: String,
    /// Flags.
    pub flags: SchedulerFlags,
    /// `lb_kind`.
    pub forwarding: Forwarding,
    /// `persistence_timeout`; `None` is off.
    pub persistence: Option<Persistence>,
    /// `delay_loop`.
    pub delay_loop: Duration,
    /// `alpha`: real servers start out of the pool.
    pub alpha: bool,
    /// `omega`: notify on shutdown.
    pub omega: bool,
    /// `quorum`, at least 1.
    pub quorum: u32,
    /// `hysteresis`.
    pub hysteresis: u32,
    /// `quorum_up`.
    pub quorum_up: Option<Box<Script>>,
    /// `quorum_down`.
    pub quorum_down: Option<Box<Script>>,
    /// `sorry_server`.
    pub sorry_server: Option<SocketAddr>,
    /// `sorry_server_lvs_method`, or the virtual server's.
    pub sorry_server_forwarding: Forwarding,
    /// `sorry_server_inhibit`.
    pub sorry_server_inhibit: bool,
    /// `inhibit_on_failure`.
    pub inhibit_on_failure: bool,
    /// `virtualhost`.
    pub virtualhost: Option<String>,
    /// `ha_suspend`.
    pub ha_suspend: bool,
    /// Each `real_server`, in the order of the file.
    pub real_servers: Vec<RealServer>,
}

/// `real_server`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RealServer {
    /// Its address and port.
    pub address: SocketAddr,
    /// `weight`.
    pub weight: u32,
    /// `lvs_method`, or the virtual server's.
    pub forwarding: Forwarding,
    /// `uthreshold`; 0 is none.
    pub upper_threshold: u32,
    /// `lthreshold`; 0 is none.
    pub lower_threshold: u32,
    /// `inhibit_on_failure`: a failed server stays with weight 0.
    pub inhibit_on_failure: bool,
    /// `alpha`: starts out of the pool.
    pub alpha: bool,
    /// `notify_up`.
    pub notify_up: Option<Box<Script>>,
    /// `notify_down`.
    pub notify_down: Option<Box<Script>>,
    /// Its checks; without any it is always up.
    pub checks: Vec<Check>,
    /// `virtualhost`, or the virtual server's.
    pub virtualhost: Option<String>,
    /// Checks (`SMTP_CHECK`, ..) and conditions of pages (`regex`, ..) that have no effect so far: keywords, in the
    /// order of the file, each once.
    pub not_yet: Vec<&'static str>,
}

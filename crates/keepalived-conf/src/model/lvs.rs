//! `virtual_server` and `real_server`.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::num::{NonZeroU16, NonZeroU32};
use std::sync::Arc;
use std::time::Duration;

use super::{Check, Script};

/// What a virtual server listens to.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum VirtualServerKey {
    /// `virtual_server IP PORT`; port 0 is every port.
    Address(SocketAddr),
    /// `virtual_server fwmark N`.
    Fwmark(NonZeroU32),
    /// `virtual_server group NAME`: one of [`Model::virtual_server_groups`](super::Model::virtual_server_groups), which
    /// has that name.
    Group(String),
}

/// In the words of the configuration: `10.0.0.1:80`, `fwmark 5`, `group NAME`.
impl fmt::Display for VirtualServerKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Address(address) => write!(f, "{address}"),
            Self::Fwmark(mark) => write!(f, "fwmark {mark}"),
            Self::Group(name) => write!(f, "group {name}"),
        }
    }
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

impl Family {
    /// That of an address.
    #[must_use]
    pub fn of(address: IpAddr) -> Self {
        if address.is_ipv4() {
            Self::Inet
        } else {
            Self::Inet6
        }
    }
}

/// `lb_algo`: the schedulers that keepalived knows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Scheduler {
    /// `rr`: round robin.
    RoundRobin,
    /// `wrr`: round robin by weight.
    WeightedRoundRobin,
    /// `lc`: fewest connections.
    LeastConnection,
    /// `wlc`: fewest connections by weight.
    WeightedLeastConnection,
    /// `lblc`: fewest connections, the same server for a destination.
    LocalityLeastConnection,
    /// `lblcr`: that with a set of servers for a destination.
    LocalityReplicated,
    /// `dh`: by a hash of the destination.
    DestinationHash,
    /// `sh`: by a hash of the source.
    SourceHash,
    /// `sed`: shortest expected delay.
    ShortestDelay,
    /// `nq`: never wait in a queue.
    NeverQueue,
    /// `fo`: the available server of the highest weight.
    Failover,
    /// `ovf`: that, overflowing to the next one.
    Overflow,
    /// `mh`: by a Maglev hash of the source.
    Maglev,
    /// `twos`: the better of two drawn at random.
    TwoChoices,
}

impl Scheduler {
    /// Every one, in the order in which keepalived lists them.
    pub const ALL: [Self; 14] = [
        Self::RoundRobin,
        Self::WeightedRoundRobin,
        Self::LeastConnection,
        Self::WeightedLeastConnection,
        Self::LocalityLeastConnection,
        Self::LocalityReplicated,
        Self::DestinationHash,
        Self::SourceHash,
        Self::ShortestDelay,
        Self::NeverQueue,
        Self::Failover,
        Self::Overflow,
        Self::Maglev,
        Self::TwoChoices,
    ];

    /// The kernel's name of it, which is the word of the configuration.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::RoundRobin => "rr",
            Self::WeightedRoundRobin => "wrr",
            Self::LeastConnection => "lc",
            Self::WeightedLeastConnection => "wlc",
            Self::LocalityLeastConnection => "lblc",
            Self::LocalityReplicated => "lblcr",
            Self::DestinationHash => "dh",
            Self::SourceHash => "sh",
            Self::ShortestDelay => "sed",
            Self::NeverQueue => "nq",
            Self::Failover => "fo",
            Self::Overflow => "ovf",
            Self::Maglev => "mh",
            Self::TwoChoices => "twos",
        }
    }
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
        port: NonZeroU16,
        /// What it adds to each packet.
        checksum: TunnelChecksum,
    },
    /// GRE.
    Gre {
        /// What it adds to each packet; never `Remote`.
        checksum: TunnelChecksum,
    },
}

/// Which checksum a tunnel adds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum TunnelChecksum {
    /// `nocsum`.
    #[default]
    None,
    /// `csum`.
    Checksum,
    /// `remcsum`: remote checksum offload, GUE only.
    Remote,
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
    /// `protocol`; meaningless with a firewall mark, alone or in a group.
    pub protocol: Protocol,
    /// `ip_family`, or that of the address, or of the real servers. Entries of a group that have a family have this one,
    /// unless every real server is behind a tunnel.
    pub family: Family,
    /// `lb_algo`.
    pub scheduler: Scheduler,
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
    /// `quorum`: no more than the weights of the real servers together, so 0 where each of them has weight 0.
    pub quorum: u32,
    /// `hysteresis`: less than the quorum, or 0.
    pub hysteresis: u32,
    /// `quorum_up`.
    pub quorum_up: Option<Box<Script>>,
    /// `quorum_down`.
    pub quorum_down: Option<Box<Script>>,
    /// `sorry_server`; with a group its port may be 0: the service's.
    pub sorry_server: Option<SocketAddr>,
    /// `sorry_server_lvs_method`, or the virtual server's.
    pub sorry_server_forwarding: Forwarding,
    /// `sorry_server_inhibit`.
    pub sorry_server_inhibit: bool,
    /// `inhibit_on_failure`.
    pub inhibit_on_failure: bool,
    /// `virtualhost`.
    pub virtualhost: Option<Arc<str>>,
    /// `ha_suspend`; never with a firewall mark.
    pub ha_suspend: bool,
    /// `smtp_alert`; as `global_defs` has it when `None`.
    pub smtp_alert: Option<bool>,
    /// `snmp_name`.
    pub snmp_name: Option<Box<str>>,
    /// Each `real_server`, in the order of the file.
    pub real_servers: Vec<RealServer>,
}

/// `real_server`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RealServer {
    /// Its address and port. With DR and TUN the port is the service's; with a firewall mark, and in a group, 0 is the
    /// service's whatever `forwarding`.
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
    pub virtualhost: Option<Arc<str>>,
    /// `smtp_alert`, or the virtual server's; as `global_defs` has it when `None`.
    pub smtp_alert: Option<bool>,
    /// `snmp_name`.
    pub snmp_name: Option<Box<str>>,
    /// Checks (`SMTP_CHECK`, ..) and conditions of pages (`regex`, ..) that have no effect so far: keywords, in the
    /// order of the file, each once.
    pub not_yet: Vec<&'static str>,
}

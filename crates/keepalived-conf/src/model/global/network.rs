//! Interfaces, packets and firewall.

use std::net::IpAddr;
use std::num::{NonZeroU8, NonZeroU16, NonZeroU32};
use std::time::Duration;

/// The interface words of `global_defs`.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Interfaces {
    /// `dynamic_interfaces`.
    pub dynamic: DynamicInterfaces,
    /// `default_interface`: for a static address that names none; `eth0` when `None`.
    pub default: Option<String>,
    /// `disable_local_igmp`.
    pub disable_local_igmp: bool,
    /// `vmac_prefix`: names of VMAC interfaces begin with it; `vrrp` when `None`.
    pub vmac_prefix: Option<String>,
    /// `vmac_addr_prefix`, for those of single addresses; as `vmac_prefix` when `None`.
    pub vmac_addr_prefix: Option<String>,
    /// `vrrp_garp_extra_if`.
    pub garp_extra: Option<GarpExtra>,
}

/// `dynamic_interfaces [allow_if_changes]`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum DynamicInterfaces {
    /// An interface must be there when the daemon starts.
    #[default]
    No,
    /// It may come later.
    Later,
    /// It may also come back as one of another kind.
    Changing,
}

/// `vrrp_garp_extra_if [all] SECONDS`: gratuitous ARPs on the interface below a VMAC.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct GarpExtra {
    /// For every VMAC, not only those whose adverts leave from the interface below.
    pub all: bool,
    /// Whole seconds, 1..=86400.
    pub interval: Duration,
}

/// `vrrp_rx_bufs_policy` and `vrrp_rx_bufs_multiplier`: the receive buffer of a socket for adverts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AdvertBuffer {
    /// What it is measured by; the kernel's default when `None`.
    pub policy: Option<AdvertBufferPolicy>,
    /// So many packets fit.
    pub multiplier: NonZeroU32,
}

impl Default for AdvertBuffer {
    fn default() -> Self {
        Self {
            policy: None,
            multiplier: NonZeroU32::MIN.saturating_add(2),
        }
    }
}

/// `vrrp_rx_bufs_policy`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AdvertBufferPolicy {
    /// Packets as large as the interface takes.
    Mtu,
    /// Packets as large as an advert.
    Advert,
    /// So many bytes.
    Bytes(u32),
}

/// The nftables words of `global_defs`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Firewall {
    /// `nftables [TABLE]`; made when it is needed when `None`.
    pub table: Option<String>,
    /// `nftables_priority` of the chains.
    pub priority: i32,
    /// `nftables_ifindex`: interfaces by number, not by name.
    pub by_index: bool,
    /// `nftables_ipvs [TABLE]`: the addresses of a virtual server group become one mark.
    pub ipvs_table: Option<String>,
    /// `nftables_ipvs_priority` of the chains.
    pub ipvs_priority: i32,
    /// `nftables_ipvs_start_fwmark`: the first of those marks.
    pub ipvs_first_mark: NonZeroU32,
    /// `nftables_counters`: rules count.
    pub counters: bool,
}

impl Firewall {
    /// What `nftables` and `nftables_ipvs` give to their chains.
    pub const PRIORITY: i32 = -1;
    /// The first mark without `nftables_ipvs_start_fwmark`.
    pub const FIRST_MARK: NonZeroU32 = NonZeroU32::MIN.saturating_add(999);
}

impl Default for Firewall {
    fn default() -> Self {
        Self {
            table: None,
            priority: Self::PRIORITY,
            by_index: false,
            ipvs_table: None,
            ipvs_priority: Self::PRIORITY,
            ipvs_first_mark: Self::FIRST_MARK,
            counters: false,
        }
    }
}

/// `lvs_timeouts`: IPVS's own timeouts, whole seconds, 1..=2678400; the kernel's are left alone when `None`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct LvsTimeouts {
    /// An open TCP connection.
    pub tcp: Option<Duration>,
    /// A TCP connection after a FIN.
    pub tcp_fin: Option<Duration>,
    /// UDP.
    pub udp: Option<Duration>,
}

/// `lvs_sync_daemon`: IPVS tells the other director about its connections.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SyncDaemon {
    /// The interface it talks over.
    pub interface: String,
    /// The VRRP instance whose state makes it send or listen.
    pub instance: Option<String>,
    /// The number that both have; the instance's virtual router id when `None`.
    pub id: Option<u8>,
    /// The longest packet, 1..=65507; the kernel's default when `None`.
    pub max_length: Option<NonZeroU16>,
    /// UDP port; 8848 when `None`.
    pub port: Option<NonZeroU16>,
    /// Time to live; 1 when `None`.
    pub ttl: Option<NonZeroU8>,
    /// Multicast group; 224.0.0.81 when `None`.
    pub group: Option<IpAddr>,
}

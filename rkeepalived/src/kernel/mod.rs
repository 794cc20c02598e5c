//! The one door to the kernel: every effect on the host goes through [`Ipvs`] or [`Network`].
//!
//! What this is: two small traits (one a thread: the main runtime programs IPVS, the failover thread
//! owns addresses and packets), the real kernel behind them, and a fake for tests.
//!
//! What it must not know: why something is asked for. It decides nothing.
//!
//! Enter at the traits here; real: [`ipvs`], [`route`] (addresses and links), [`routing`], [`link`] (links of ours),
//! [`advert`] (VRRP packets), [`bfd`](self::bfd) (BFD packets),
//! [`announce`], [`ping`] (a sysctl); tests: beside each part, with the real kernel in the lab's stories.

mod address;
pub mod advert;
pub mod alarm;
pub mod announce;
pub mod bfd;
#[cfg(test)]
mod captured;
#[cfg(test)]
pub mod fake;
pub mod firewall;
pub mod ipvs;
pub mod link;
pub mod network;
pub mod nft;
pub mod permission;
pub mod ping;
pub mod processes;
pub mod readable;
pub mod room;
pub mod route;
pub mod routing;
pub mod schedule;
mod secondaries;
pub mod watch;

use std::fmt;
use std::io;
use std::net::{IpAddr, Ipv4Addr};

pub use keepalived_conf::IpvlanMode;

use ipvs_netlink::{Applied, Daemon, DaemonState, IpvsError, Operation, Table, Timeouts};
use netlink_packet_route::address::AddressFlags;

use self::firewall::Script;
use self::routing::{Change, Listed, RefusedChange};

/// The kernel's IPVS table.
pub trait Ipvs: Send {
    /// All services with their destinations.
    ///
    /// # Errors
    /// When the kernel refuses or its answer cannot be understood.
    fn dump(&mut self) -> Result<Table, IpvsError>;
    /// Performs the operations in order, in batches; a refused one does not stop the others.
    fn apply(&mut self, operations: &[Operation]) -> Applied;
    /// Idle timeouts of connections.
    ///
    /// # Errors
    /// When the kernel refuses.
    fn timeouts(&mut self) -> Result<Timeouts, IpvsError>;
    /// Sets idle timeouts of connections.
    ///
    /// # Errors
    /// When the kernel refuses.
    fn set_timeouts(&mut self, timeouts: &Timeouts) -> Result<(), IpvsError>;
    /// Synchronisation daemons that run: one of each end at most.
    ///
    /// # Errors
    /// When the kernel refuses.
    fn daemons(&mut self) -> Result<Vec<Daemon>, IpvsError>;
    /// Starts a synchronisation daemon.
    ///
    /// # Errors
    /// When the kernel refuses: one of this end runs, there is no such interface.
    fn start_daemon(&mut self, daemon: &Daemon) -> Result<(), IpvsError>;
    /// Stops the synchronisation daemon of this end.
    ///
    /// # Errors
    /// When the kernel refuses: none runs.
    fn stop_daemon(&mut self, state: DaemonState) -> Result<(), IpvsError>;
}

/// Links, addresses and packets, as VRRP needs them.
pub trait Network {
    /// All links of this network namespace, with their addresses in the kernel's order.
    ///
    /// # Errors
    /// When the kernel does not answer.
    fn links(&mut self) -> io::Result<Vec<Link>>;
    /// Adds addresses in one batch. One that is there already counts as added. Answers what was refused.
    fn add(&mut self, addresses: &[Assignment]) -> Vec<Refused>;
    /// Removes addresses in one batch. One that is gone already counts as removed. Answers what was refused.
    fn remove(&mut self, addresses: &[Assignment]) -> Vec<Refused>;
    /// Changes routes and rules, in their order and in one batch. Answers what was refused.
    fn reroute(&mut self, changes: &[Change]) -> Vec<RefusedChange>;
    /// The routes of protocol `keepalived`, and all rules.
    ///
    /// # Errors
    /// When the kernel does not answer.
    fn routing(&mut self) -> io::Result<Listed>;
    /// Sets whether an interface keeps the other addresses of a network when the first of them goes; answers whether it was
    /// otherwise before.
    ///
    /// # Errors
    /// When there is no such interface, or the kernel refuses.
    fn promote_secondaries(&mut self, interface: &str, on: bool) -> io::Result<bool>;
    /// Sends a VRRP packet: to a group out of `advert.interface`, to a peer as the routes say, those of `advert.vrf` if there is one.
    ///
    /// # Errors
    /// When the socket cannot be opened or the kernel refuses the packet.
    fn send(&mut self, advert: &Outgoing<'_>) -> io::Result<()>;
    /// Sends one gratuitous ARP request or unsolicited neighbour advertisement for `address` out of `interface`.
    ///
    /// # Errors
    /// When the socket cannot be opened or the kernel refuses the frame.
    fn announce(&mut self, interface: u32, address: IpAddr) -> io::Result<()>;
    /// Has `nft` read a script. It is performed soon, after those before it; nobody waits for it.
    fn firewall(&mut self, script: Script);
    /// Makes a link of ours, which is down.
    ///
    /// # Errors
    /// When the kernel refuses.
    fn make_device(&mut self, device: &Device) -> io::Result<()>;
    /// Gives a link that was made, or was there already, the settings of one of ours, and sets it up.
    ///
    /// # Errors
    /// When the kernel refuses.
    fn settle_device(&mut self, device: &Device) -> io::Result<()>;
    /// Removes the link with this number. One that is gone already counts as removed.
    ///
    /// # Errors
    /// When the kernel refuses.
    fn remove_device(&mut self, index: u32) -> io::Result<()>;
    /// Sets for which addresses the link with this number answers ARP requests.
    ///
    /// # Errors
    /// When the kernel refuses.
    fn set_arp(&mut self, index: u32, arp: Arp) -> io::Result<()>;
    /// `rp_filter` of all interfaces together, which overrules that of each, and of those to come.
    ///
    /// # Errors
    /// When the kernel does not tell.
    fn shared_rp_filter(&mut self) -> io::Result<SharedRpFilter>;
    /// Sets it.
    ///
    /// # Errors
    /// When the kernel refuses.
    fn set_shared_rp_filter(&mut self, shared: SharedRpFilter) -> io::Result<()>;
    /// Sets whether the kernel reports groups of 224.0.0.0/24, for all links; answers how it was.
    ///
    /// # Errors
    /// When the kernel refuses.
    fn set_group_reports(&mut self, report: bool) -> io::Result<bool>;
    /// Sets `rp_filter` of the link with this number.
    ///
    /// # Errors
    /// When the kernel refuses.
    fn set_rp_filter(&mut self, index: u32, mode: u32) -> io::Result<()>;
}

/// A VRRP packet to send.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Outgoing<'a> {
    /// Number of the instance's interface.
    pub interface: u32,
    /// Number of the VRF whose routes lead to a peer; 0 is none.
    pub vrf: u32,
    /// Source address.
    pub source: IpAddr,
    /// Destination address, of the same family.
    pub destination: IpAddr,
    /// Time to live or hop limit; the kernel's own without.
    pub ttl: Option<u8>,
    /// IP protocol: 112, or 51 with an authentication header.
    pub protocol: u8,
    /// Identification of the IPv4 header; 0 leaves it to the kernel.
    pub identification: u16,
    /// What follows the IP header.
    pub payload: &'a [u8],
}

/// A network interface as the kernel describes it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Link {
    /// Its number.
    pub index: u32,
    /// Its name.
    pub name: String,
    /// Whether it is administratively up and has carrier (`IFF_UP` and `IFF_RUNNING`).
    pub up: bool,
    /// The largest packet that it takes, bytes.
    pub mtu: u32,
    /// Its addresses with their prefix lengths, in the kernel's order.
    pub addresses: Vec<(IpAddr, u8)>,
    /// Those of them that cannot be sent from: duplicate address detection goes on, or found one (RFC 4862 section 5.4).
    pub tentative: Vec<IpAddr>,
    /// Its hardware address, if that is an Ethernet one.
    pub mac: Option<[u8; 6]>,
    /// What it is, as far as that matters.
    pub kind: LinkKind,
    /// Number of the link that it is on, of a macvlan or an ipvlan.
    pub base: Option<u32>,
    /// Number of the VRF or bridge that it is in.
    pub controller: Option<u32>,
    /// Number of the table that its members are routed by, of a VRF (`IFLA_VRF_TABLE` of linux/if_link.h).
    pub vrf_table: Option<u32>,
    /// For which addresses it answers ARP requests.
    pub arp: Arp,
    /// Whether it takes packets only by the way that an answer would go: `rp_filter`.
    pub rp_filter: u32,
}

/// What a link is, as far as that matters.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum LinkKind {
    /// Anything else.
    #[default]
    Other,
    /// A macvlan.
    Macvlan {
        /// It hears nothing of others on the same link.
        private: bool,
    },
    /// An ipvlan.
    Ipvlan {
        /// Who may talk to whom.
        mode: IpvlanMode,
    },
}

/// `arp_ignore` and `arp_filter` of a link: 1 and 1 while macvlans on it answer for themselves.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Arp {
    /// `net.ipv4.conf.LINK.arp_ignore`.
    pub ignore: u32,
    /// `net.ipv4.conf.LINK.arp_filter`.
    pub filter: u32,
}

/// `rp_filter` of `all` and of `default`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SharedRpFilter {
    /// `net.ipv4.conf.all.rp_filter`: of this and that of an interface the larger one counts.
    pub all: u32,
    /// `net.ipv4.conf.default.rp_filter`: what an interface starts with.
    pub default: u32,
}

/// A link of ours on another one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Device {
    /// Its name.
    pub name: String,
    /// Number of the link that it is on.
    pub base: u32,
    /// What it is.
    pub kind: DeviceKind,
    /// Number of its interface group; that of all links when `None`.
    pub group: Option<u32>,
    /// Number of the VRF that the link below is in.
    pub controller: Option<u32>,
}

/// What a link of ours is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DeviceKind {
    /// A private macvlan.
    Macvlan {
        /// Its hardware address.
        mac: [u8; 6],
        /// IPv4 addresses are to be on it.
        inet: bool,
        /// IPv6 addresses are to be on it; otherwise it has no IPv6 at all.
        inet6: bool,
    },
    /// An ipvlan of layer 2.
    Ipvlan {
        /// Who may talk to whom.
        mode: IpvlanMode,
    },
}

/// An address on an interface.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Assignment {
    /// The interface's number.
    pub interface: u32,
    /// The interface's name, for messages.
    pub interface_name: String,
    /// The address.
    pub address: IpAddr,
    /// Bits of the network part, 0 to 32 or 128; with `peer`, of that one's.
    pub prefix_len: u8,
    /// The other end of a point-to-point link, of the same family.
    pub peer: Option<IpAddr>,
    /// Broadcast address; none unless configured.
    pub broadcast: Option<Ipv4Addr>,
    /// `RT_SCOPE_*` of linux/rtnetlink.h; 0 is global.
    pub scope: u8,
    /// Label, `eth0:1`.
    pub label: Option<String>,
    /// `IFA_F_*` of linux/if_addr.h that it is added with.
    pub flags: AddressFlags,
    /// Seconds for which it is preferred as a source; for ever without.
    pub preferred: Option<u32>,
}

impl fmt::Display for Assignment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{}/{} dev {}",
            self.address, self.prefix_len, self.interface_name
        )
    }
}

/// An address that the kernel would not add or remove.
#[derive(Debug)]
pub struct Refused {
    /// Which one.
    pub address: Assignment,
    /// Why.
    pub source: io::Error,
}

//! Routes: `virtual_routes` and `static_routes`.

use std::net::IpAddr;
use std::time::Duration;

use super::Family;

/// The kernel's number for what keepalived adds (`RTPROT_KEEPALIVED`); only that is tracked.
pub const PROTOCOL_KEEPALIVED: u8 = 18;

/// A network, or one address of it: `ADDRESS[/PREFIX]`. Host bits stay as they were written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Network {
    /// The address.
    pub address: IpAddr,
    /// Prefix length; 32 or 128 when none was given.
    pub prefix_len: u8,
}

/// One line of `virtual_routes`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Route {
    /// IPv4 unless something in it is IPv6.
    pub family: Family,
    /// `blackhole` and the like.
    pub kind: RouteKind,
    /// The destination; `default` is prefix length 0.
    pub destination: Network,
    /// `src`: the preferred source address.
    pub source: Option<IpAddr>,
    /// `via`, or the old `gw`.
    pub gateway: Option<IpAddr>,
    /// `from`: for packets from there only; IPv6 only.
    pub from: Option<Network>,
    /// `tos`, or `dsfield`.
    pub tos: u8,
    /// `table`; the main table when `None`.
    pub table: Option<u32>,
    /// `protocol`: the kernel's `RTPROT` value.
    pub protocol: u8,
    /// `scope`: the kernel's `RT_SCOPE` value; what the kernel takes for such a route when `None`.
    pub scope: Option<u8>,
    /// `metric`, `priority` or `preference`.
    pub metric: Option<u32>,
    /// `dev`, or `oif`.
    pub device: Option<String>,
    /// `onlink`.
    pub onlink: bool,
    /// `encap`.
    pub encap: Option<Encap>,
    /// `expires`, whole seconds; IPv6 only.
    pub expires: Option<Duration>,
    /// What the kernel keeps for connections that take it.
    pub metrics: RouteMetrics,
    /// `realms`, IPv4 only.
    pub realms: Option<Realms>,
    /// `pref` of RFC 4191, IPv6 only: 0 medium, 1 high, 3 low, or another number.
    pub preference: Option<u8>,
    /// `ttl-propagate`.
    pub ttl_propagate: Option<bool>,
    /// `add`, `append` or `prepend`.
    pub insert: Insert,
    /// Each `nexthop`, in the order of the line. The old `via A or B` comes as two.
    pub next_hops: Vec<NextHop>,
    /// `no_track`: that somebody removes it is not noticed.
    pub no_track: bool,
    /// `vrf`: the table is that of this interface; `table` is `None` then.
    pub vrf: Option<String>,
}

/// One line of `static_routes`: there as long as the daemon is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StaticRoute {
    /// The route.
    pub route: Route,
    /// `track_group`: the group whose instances fail when the route is removed.
    pub track_group: Option<String>,
}

/// What becomes of a packet (`RTN_*` of `linux/rtnetlink.h`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum RouteKind {
    /// Sent on.
    #[default]
    Unicast,
    /// Taken in.
    Local,
    /// Taken in, sent as a broadcast.
    Broadcast,
    /// Taken in, sent as unicast.
    Anycast,
    /// Multicast.
    Multicast,
    /// Dropped in silence.
    Blackhole,
    /// Answered with ICMP unreachable.
    Unreachable,
    /// Answered with ICMP prohibited.
    Prohibit,
    /// Looked up in the next table.
    Throw,
    /// Translated; no kernel of today does that.
    Nat,
    /// Left to an external resolver; no kernel of today does that.
    XResolve,
    /// Another number: 0, or 12 and above.
    Other(u8),
}

/// Where among equal routes it goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Insert {
    /// `prepend`, the default.
    #[default]
    Prepend,
    /// `append`.
    Append,
    /// `add`: not at all if there is one.
    Add,
}

/// `[SRC/]DST`: routing realms, 0 for none.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Realms {
    /// Where it comes from.
    pub source: u8,
    /// Where it goes.
    pub destination: u8,
}

/// One way of several.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct NextHop {
    /// `via`; may be of the other family only where `or` said so.
    pub gateway: Option<IpAddr>,
    /// `dev`.
    pub device: Option<String>,
    /// `weight`, 1..=256.
    pub weight: Option<u16>,
    /// `onlink`.
    pub onlink: bool,
    /// `realms`, IPv4 only.
    pub realms: Option<Realms>,
    /// `encap`.
    pub encap: Option<Encap>,
}

/// A value the kernel may change, or with `lock` may not.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Metric<T> {
    /// The value.
    pub value: T,
    /// `lock`.
    pub locked: bool,
}

/// `RTAX_*` of `linux/rtnetlink.h`.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct RouteMetrics {
    /// `mtu`, bytes.
    pub mtu: Option<Metric<u32>>,
    /// `hoplimit`.
    pub hop_limit: Option<u8>,
    /// `advmss`, bytes.
    pub advertised_mss: Option<Metric<u32>>,
    /// `rtt`, 200 ms to 960 s.
    pub rtt: Option<Metric<Duration>>,
    /// `rttvar`, 200 ms to 480 s.
    pub rtt_variance: Option<Metric<Duration>>,
    /// `reordering`, packets.
    pub reordering: Option<Metric<u32>>,
    /// `window`, bytes.
    pub window: Option<u32>,
    /// `cwnd`, packets.
    pub congestion_window: Option<Metric<u32>>,
    /// `ssthresh`, packets.
    pub slow_start_threshold: Option<Metric<u32>>,
    /// `rto_min`, 200 ms to 120 s.
    pub minimum_rto: Option<Metric<Duration>>,
    /// `initcwnd`, packets.
    pub initial_congestion_window: Option<u32>,
    /// `initrwnd`, packets.
    pub initial_receive_window: Option<u32>,
    /// `features ecn`.
    pub ecn: bool,
    /// `quickack`.
    pub quick_ack: Option<bool>,
    /// `congctl`.
    pub congestion_control: Option<Metric<String>>,
    /// `fastopen_no_cookie`.
    pub fast_open_no_cookie: Option<bool>,
}

/// What a packet is wrapped in (`LWTUNNEL_ENCAP_*`).
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Encap {
    /// `ip` or `ip6`: the family is that of the addresses.
    Ip(IpEncap),
    /// `mpls`: the labels, outermost first.
    Mpls(Vec<MplsLabel>),
    /// `ila`: the locator.
    Ila(u64),
}

/// `encap ip` and `encap ip6`. It has an identifier or an address.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IpEncap {
    /// Which of the two.
    pub family: Family,
    /// `id`: of the tunnel.
    pub id: Option<u64>,
    /// `dst`.
    pub destination: Option<IpAddr>,
    /// `src`.
    pub source: Option<IpAddr>,
    /// `tos`, or `tc`.
    pub tos: Option<u8>,
    /// `ttl`, or `hoplimit`.
    pub ttl: Option<u8>,
    /// `flags`.
    pub flags: Option<u16>,
}

/// 20 bits: 0..=1048575.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MplsLabel(pub u32);

//! Where adverts go to, and through which device.

use std::net::IpAddr;

/// Who gets the adverts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Transport {
    /// Everyone in a group: `mcast_dst_ip`, or `vrrp_mcast_group4` and `vrrp_mcast_group6`. Of the instance's family.
    Multicast(IpAddr),
    /// `unicast_peer` and its kin.
    Unicast(Unicast),
}

/// Adverts to each peer by itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unicast {
    /// `unicast_peer`, of the instance's family; empty only with `fault_no_peer`.
    pub peers: Vec<UnicastPeer>,
    /// `unicast_fault_no_peer`: FAULT while there is no peer.
    pub fault_no_peer: bool,
    /// `check_unicast_src`, or limits of a peer: adverts of strangers are dropped.
    pub check_source: bool,
    /// `unicast_ttl`; 255 for IPv4 and the kernel's own for IPv6 when `None`.
    pub ttl: Option<u8>,
    /// `old_unicast_checksum`, for version 3 over IPv4.
    pub checksum: UnicastChecksum,
}

/// One line of `unicast_peer`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UnicastPeer {
    /// Its address.
    pub address: IpAddr,
    /// `min_ttl`: adverts that come from farther away are dropped; 0 without one.
    pub min_ttl: u8,
    /// `max_ttl`: adverts that come from nearer are dropped; 255 without one.
    pub max_ttl: u8,
}

/// How version 3 counts the checksum of unicast adverts: keepalived up to 1.3.6 took the multicast group for the
/// destination.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum UnicastChecksum {
    /// As the peer does.
    #[default]
    Detect,
    /// `old_unicast_checksum`: the old way.
    Old,
    /// `old_unicast_checksum never`: as RFC 5798 has it.
    New,
}

/// What an instance sends and receives through, and where its addresses are put.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum Device {
    /// The interface itself.
    #[default]
    Interface,
    /// `use_vmac`: a macvlan with a virtual MAC address on it.
    Vmac(Vmac),
    /// `use_ipvlan`: an ipvlan on it.
    Ipvlan(Ipvlan),
}

/// `use_vmac`.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Vmac {
    /// Its name, at most 15 bytes; `vrrp.VRID`, or the next of that kind that is free, when `None`.
    pub name: Option<String>,
    /// Its address, when it is not that of the virtual router (00:00:5e:00:01:VRID, IPv6 00:00:5e:00:02:VRID).
    pub mac: Option<[u8; 6]>,
    /// `group`: number of its interface group, or a name that the host has no number for.
    pub group: Option<String>,
    /// `netlink_notify_msg`: its changes are told to those who listen for neighbours.
    pub netlink_notify: bool,
    /// `vmac_xmit_base`: adverts leave from the interface below; always so with unicast.
    pub transmit_base: bool,
    /// `use_vmac_addr`: addresses on other interfaces get a VMAC there as well.
    pub for_addresses: bool,
}

/// `use_ipvlan`.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Ipvlan {
    /// Its name, at most 15 bytes; made as for a VMAC when `None`.
    pub name: Option<String>,
    /// Its own address, which adverts are sent from, and the prefix length; there always is one for IPv4, or the
    /// instance is in FAULT.
    pub address: Option<(IpAddr, u8)>,
    /// Who may talk to whom on it.
    pub mode: IpvlanMode,
    /// `group`: number of its interface group, or a name that the host has no number for.
    pub group: Option<String>,
}

/// Who may talk to whom on the ipvlans of one interface.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum IpvlanMode {
    /// `bridge`: all with all.
    #[default]
    Bridge,
    /// `private`: none with none.
    Private,
    /// `vepa`: by way of the switch.
    Vepa,
}

//! Addresses on an interface: `virtual_ipaddress`, `virtual_ipaddress_excluded`, `static_ipaddress`.

use std::net::{IpAddr, Ipv4Addr};
use std::time::Duration;

/// One line of `virtual_ipaddress`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VirtualAddress {
    /// The address.
    pub address: IpAddr,
    /// Prefix length; 32 or 128 when none was given.
    pub prefix_len: u8,
    /// `dev`; the instance's interface when `None`, for a static address `default_interface`.
    pub device: Option<String>,
    /// `label`, IPv4 only, at most 15 bytes.
    pub label: Option<String>,
    /// `broadcast`, IPv4 only; `+` and `-` are worked out.
    pub broadcast: Option<Ipv4Addr>,
    /// `scope`: the kernel's `RT_SCOPE` value.
    pub scope: u8,
    /// What few addresses have.
    pub options: AddressOptions,
}

/// What few addresses have.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct AddressOptions {
    /// `peer`: the other end, of the family of the address; the prefix length is then that of the peer.
    pub peer: Option<IpAddr>,
    /// `home`: `IFA_F_HOMEADDRESS`.
    pub home: bool,
    /// `-nodad`: duplicates are looked for, which virtual addresses otherwise go without.
    pub detect_duplicates: bool,
    /// `mngtmpaddr`: `IFA_F_MANAGETEMPADDR`.
    pub manage_temporary: bool,
    /// `noprefixroute`: `IFA_F_NOPREFIXROUTE`.
    pub no_prefix_route: bool,
    /// `autojoin`: `IFA_F_MCAUTOJOIN`.
    pub autojoin: bool,
    /// `no_track`: that somebody removes it is not noticed.
    pub no_track: bool,
    /// `use_vmac`: on the VMAC of that interface.
    pub use_vmac: bool,
    /// `preferred_lft`; an IPv6 address of 128 bits is deprecated from the start, every other is preferred forever.
    pub preferred: Lifetime,
}

/// How long an address is preferred as a source.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Lifetime {
    /// `forever`, or 4294967295.
    #[default]
    Forever,
    /// Whole seconds; none is deprecated at once.
    For(Duration),
}

/// One line of `static_ipaddress`: there as long as the daemon is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StaticAddress {
    /// The address; without a `device` it is on `default_interface`.
    pub address: VirtualAddress,
    /// `track_group`: the group whose instances fail when the address is removed.
    pub track_group: Option<String>,
}

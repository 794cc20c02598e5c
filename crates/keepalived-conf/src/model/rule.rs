//! Routing rules: `virtual_rules` and `static_rules`.

use std::ops::RangeInclusive;

use super::{Family, Network, Realms};

/// One line of `virtual_rules`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rule {
    /// IPv4 unless something in it is IPv6.
    pub family: Family,
    /// `preference`, `order` or `priority`; counted down from 16384, by family, where none was given.
    pub preference: u32,
    /// `not`: for the packets that do not match.
    pub inverted: bool,
    /// `from`; any when `None`.
    pub from: Option<Network>,
    /// `to`; any when `None`.
    pub to: Option<Network>,
    /// `tos`, or `dsfield`.
    pub tos: u8,
    /// `fwmark`.
    pub mark: Option<Mark>,
    /// `iif`, or `dev`.
    pub input: Option<String>,
    /// `oif`.
    pub output: Option<String>,
    /// `tunnel-id`.
    pub tunnel: Option<u64>,
    /// `uidrange`.
    pub users: Option<RangeInclusive<u32>>,
    /// `protocol`: the kernel's `RTPROT` value.
    pub protocol: u8,
    /// `ipproto`, 0..=254.
    pub ip_protocol: Option<u8>,
    /// `sport`.
    pub source_ports: Option<RangeInclusive<u16>>,
    /// `dport`.
    pub destination_ports: Option<RangeInclusive<u16>>,
    /// What becomes of a packet that matches.
    pub action: RuleAction,
    /// `no_track`: that somebody removes it is not noticed.
    pub no_track: bool,
}

/// One line of `static_rules`: there as long as the daemon is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StaticRule {
    /// The rule.
    pub rule: Rule,
    /// `track_group`: the group whose instances fail when the rule is removed.
    pub track_group: Option<String>,
}

/// A firewall mark, and which of its bits count.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Mark {
    /// The bits.
    pub value: u32,
    /// Those that count; all when `None`.
    pub mask: Option<u32>,
}

/// What becomes of a packet that matches (`FR_ACT_*` of `linux/fib_rules.h`).
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RuleAction {
    /// `table`, or `lookup`.
    Lookup(Lookup),
    /// `goto`: the preference of the rule to go on with, higher than its own.
    GoTo(u32),
    /// `nop`.
    Nop,
    /// `blackhole`.
    Blackhole,
    /// `unreachable`.
    Unreachable,
    /// `prohibit`.
    Prohibit,
    /// `l3mdev`: the table of the VRF.
    L3Mdev,
}

/// A table to look into, and which of its routes do not count.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Lookup {
    /// Not 0.
    pub table: u32,
    /// `suppress_prefixlength`, 0..=2147483647: routes of that prefix length or less do not count.
    pub suppress_prefix_len: Option<u32>,
    /// `suppress_ifgroup`, 0..=2147483647: routes by an interface of that group do not count.
    pub suppress_group: Option<u32>,
    /// `realms`, IPv4 only.
    pub realms: Option<Realms>,
}

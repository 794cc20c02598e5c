//! `vrrp_instance` and `vrrp_sync_group`.

use std::fmt;
use std::net::Ipv4Addr;
use std::time::Duration;

use super::{Route, Rule, TrackEntry, VirtualAddress};

/// A time in hundredths of a second, as VRRPv3 counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Centis(pub u32);

/// The eight bytes of a VRRPv2 simple text password, zero padded. Never prints itself.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct SimplePassword(pub [u8; 8]);

impl fmt::Debug for SimplePassword {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SimplePassword(***)")
    }
}

/// `state`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum InitialState {
    /// `state MASTER`: wants to be master.
    Master,
    /// `state BACKUP`, the default.
    Backup,
}

/// `vrrp_sync_group`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SyncGroup {
    /// Its name.
    pub name: String,
    /// Names of its instances, all of which exist.
    pub members: Vec<String>,
    /// What is tracked for all of them.
    pub tracked: Vec<TrackEntry>,
}

/// `vrrp_instance`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VrrpInstance {
    /// Its name.
    pub name: String,
    /// `state`.
    pub state: InitialState,
    /// `interface`; empty only where [`Loaded::start_status`](crate::Loaded::start_status) forbids the start.
    pub interface: String,
    /// `virtual_router_id`, 1..=255.
    pub vrid: u8,
    /// `priority`, 1..=255.
    pub priority: u8,
    /// `advert_int`: whole seconds in version 2, at most 40.95 s in version 3.
    pub advert_interval: Centis,
    /// `version`: 2 or 3.
    pub version: u8,
    /// `authentication { auth_type PASS; auth_pass .. }`, version 2 only.
    pub auth: Option<SimplePassword>,
    /// `nopreempt`; never with `state MASTER` or priority 255.
    pub nopreempt: bool,
    /// `preempt_delay`, up to 1000 s.
    pub preempt_delay: Duration,
    /// `down_timer_adverts`, 1..=100.
    pub down_timer_adverts: u8,
    /// `mcast_src_ip`.
    pub mcast_source: Option<Ipv4Addr>,
    /// `vrrp_mcast_group4`, or `mcast_dst_ip`.
    pub mcast_group: Ipv4Addr,
    /// `virtual_ipaddress`, in the order they are advertised.
    pub addresses: Vec<VirtualAddress>,
    /// `virtual_ipaddress_excluded`.
    pub excluded_addresses: Vec<VirtualAddress>,
    /// `virtual_routes`.
    pub routes: Vec<Route>,
    /// `virtual_rules`.
    pub rules: Vec<Rule>,
    /// The gratuitous ARP settings.
    pub garp: Garp,
    /// `track_interface`, `track_script`, `track_file`, `track_process` and `track_bfd`, in the order of the file.
    pub tracked: Vec<TrackEntry>,
    /// `skip_check_adv_addr`.
    pub skip_check_adv_addr: bool,
    /// `lower_prio_no_advert`.
    pub lower_prio_no_advert: bool,
    /// `higher_prio_send_advert`.
    pub higher_prio_send_advert: bool,
    /// What the file says of it that has no effect so far and changes who is master, or where packets and addresses go:
    /// keywords (`unicast_peer`, `track_script`, ..) and `auth_type AH`, in the order of the file, each once.
    pub not_yet: Vec<&'static str>,
}

/// When gratuitous ARPs are sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Garp {
    /// `garp_master_delay`: the second burst comes that long after the first; zero for no second burst.
    pub delay: Duration,
    /// `garp_master_repeat`: rounds in a burst, at least 1.
    pub repeat: u32,
    /// `garp_master_refresh`: period of the refreshing ones; zero is off.
    pub refresh: Duration,
    /// `garp_master_refresh_repeat`: rounds in a refresh, at least 1.
    pub refresh_repeat: u32,
    /// `garp_lower_prio_delay`.
    pub lower_prio_delay: Duration,
    /// `garp_lower_prio_repeat`; zero is none.
    pub lower_prio_repeat: u32,
    /// `vrrp_garp_interval`: pause between two of them on one interface.
    pub interval: Duration,
}

//! `vrrp_instance` and `vrrp_sync_group`.

use std::net::IpAddr;
use std::num::NonZeroU8;
use std::time::Duration;

use super::{
    Authentication, Device, Family, GarpExtra, Notify, NotifyDeleted, Route, Rule, Script,
    TrackEntry, Transport, VirtualAddress,
};

/// A time in hundredths of a second, as VRRPv3 counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Centis(pub u32);

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
    /// Names of its instances, all of which exist; each is in one group only.
    pub members: Vec<String>,
    /// What is tracked for all of them.
    pub tracked: Vec<TrackEntry>,
    /// `sync_group_tracking_weight`: weights of the members' own trackers count, and their priorities may differ.
    pub tracking_weight: bool,
    /// Who is told of its changes.
    pub notify: Notify,
}

/// `vrrp_instance`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VrrpInstance {
    /// Its name.
    pub name: String,
    /// `state`.
    pub state: InitialState,
    /// `interface`; `None` only with unicast adverts from a given source address, and where
    /// [`Loaded::start_status`](crate::Loaded::start_status) forbids the start.
    pub interface: Option<String>,
    /// `vrf`, where there is no `interface`.
    pub vrf: Option<String>,
    /// What adverts and addresses go through.
    pub device: Device,
    /// `dont_track_primary`: the interface going down is no FAULT.
    pub dont_track_primary: bool,
    /// `virtual_router_id`, 1..=255.
    pub vrid: u8,
    /// `priority`, 1..=255.
    pub priority: u8,
    /// `advert_int`: whole seconds in version 2, at most 40.95 s in version 3.
    pub advert_interval: Centis,
    /// `version`: 2 or 3; 3 for IPv6.
    pub version: u8,
    /// Of its adverts and of `addresses`: that of the first address said of it, IPv4 where there is none.
    pub family: Family,
    /// `authentication`, `auth_hmac`.
    pub auth: Authentication,
    /// `strict_mode`, or `vrrp_strict`: nothing that the RFC does not have.
    pub strict: bool,
    /// `nopreempt`; never with `state MASTER` or priority 255.
    pub nopreempt: bool,
    /// `preempt_delay`, up to 1000 s; zero with `nopreempt`, with `state MASTER` and in strict mode.
    pub preempt_delay: Duration,
    /// `timer_expired_backup`: a master whose timers ran so late that a backup of this priority would have taken over goes
    /// to BACKUP itself. It matters with `nopreempt` only.
    pub timer_expired_backup: Option<NonZeroU8>,
    /// `down_timer_adverts`, 1..=100.
    pub down_timer_adverts: u8,
    /// `mcast_src_ip` or `unicast_src_ip`, of its family; the interface's own address when `None`.
    pub source: Option<IpAddr>,
    /// `track_src_ip`: FAULT while the host does not have the source address.
    pub track_source: bool,
    /// Where adverts go to.
    pub transport: Transport,
    /// `v3_checksum_as_v2`: version 3 over IPv4 without the addresses in the checksum.
    pub v3_checksum_as_v2: bool,
    /// `virtual_ipaddress`, in the order they are advertised.
    pub addresses: Vec<VirtualAddress>,
    /// `virtual_ipaddress_excluded`.
    pub excluded_addresses: Vec<VirtualAddress>,
    /// `virtual_routes`.
    pub routes: Vec<Route>,
    /// `virtual_rules`.
    pub rules: Vec<Rule>,
    /// `promote_secondaries`: the interface keeps an address when the first of its network goes.
    pub promote_secondaries: bool,
    /// `accept`, `no_accept`: whether packets to the addresses are taken by one that does not own them (priority 255).
    pub accept: bool,
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
    /// `owner_ignore_adverts`: the owner of the addresses does not heed adverts of others.
    pub owner_ignore_adverts: bool,
    /// `kernel_rx_buf_size`, bytes; the policy of `global_defs` when `None`.
    pub kernel_rx_buf_size: Option<u32>,
    /// `debug`, 0..=4, which keepalived gives no effect.
    pub debug: u8,
    /// Who is told of its changes.
    pub notify: Notify,
    /// `notify_deleted`.
    pub notify_deleted: NotifyDeleted,
    /// `notify_master_rx_lower_pri`: a master got an advert of a lower priority.
    pub notify_master_rx_lower_pri: Option<Box<Script>>,
    /// What the file says of it that has no effect so far and changes who is master, or where packets and addresses go:
    /// keywords, in the order of the file, each once.
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
    /// `vrrp_gna_interval`: the same for IPv6's neighbour advertisements.
    pub advertisement_interval: Duration,
    /// `garp_extra_if`: also on the interface below a VMAC.
    pub extra: Option<GarpExtra>,
}

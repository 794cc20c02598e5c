//! What the router is told to run: checked values, no text.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;

use crate::id::{Name, Priority, Vrid};
use crate::time::{Centis, Micros};
use crate::track::Tracked;
use crate::wire::v3::Family;

/// The group that VRRP over IPv4 is sent to (RFC 3768 5.2.2).
pub const MULTICAST_GROUP: Ipv4Addr = Ipv4Addr::new(224, 0, 0, 18);

/// Everything the router runs.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Config {
    /// The instances, in the order of the configuration. A later one with the name of an earlier one is ignored.
    pub instances: Vec<InstanceConfig>,
    /// The sync groups.
    pub groups: Vec<GroupConfig>,
    /// `vrrp_startup_delay`: for so long after the start no instance becomes master. It counts at the first configuration only.
    pub startup_delay: Micros,
    /// `vrrp_delay_after_boot`: the same after the boot of the machine; the longer one counts.
    pub delay_after_boot: Micros,
    /// `log_unknown_vrids`: the first advert of each foreign virtual router is logged.
    pub log_unknown_vrids: bool,
}

/// `vrrp_sync_group`: instances that change state together.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GroupConfig {
    /// Its name.
    pub name: Name,
    /// Names of its instances. Names of no instance are ignored; an instance belongs to the first group that names it.
    pub members: Vec<Name>,
    /// What is tracked for each of them.
    pub tracked: Vec<Tracked>,
    /// `sync_group_tracking_weight`: weights of what its members track themselves count.
    pub tracking_weight: bool,
}

impl GroupConfig {
    /// A group of these instances that tracks nothing itself.
    #[must_use]
    pub fn new(name: Name, members: Vec<Name>) -> GroupConfig {
        GroupConfig {
            name,
            members,
            tracked: Vec::new(),
            tracking_weight: false,
        }
    }
}

/// `vrrp_instance`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InstanceConfig {
    /// Its name.
    pub name: Name,
    /// Index of the interface it runs on; what happens to that matters.
    pub interface: u32,
    /// It has no interface: unicast adverts from a source that was given, by whatever way the kernel chooses.
    pub anywhere: bool,
    /// Index of the VRF that its unicast adverts are in; 0 is none.
    pub vrf: u32,
    /// `virtual_router_id`.
    pub vrid: Vrid,
    /// `priority`.
    pub priority: Priority,
    /// `state`.
    pub wants: InitialState,
    /// `version`.
    pub version: Version,
    /// Address family of its adverts and of `addresses`; IPv6 with version 3 only.
    pub family: Family,
    /// `advert_int`: whole seconds in version 2, at most 40.95 s in version 3.
    pub advert_interval: Centis,
    /// `authentication`.
    pub auth: Auth,
    /// The advertised addresses in the order of the configuration, all of `family`; at most 255 are sent.
    pub addresses: Vec<IpAddr>,
    /// `mcast_src_ip` or `unicast_src_ip`: the source of adverts in place of the interface's own address. With it an
    /// interface without an address is no fault.
    pub source: Option<IpAddr>,
    /// Where adverts are sent, and come from.
    pub transport: Transport,
    /// `v3_checksum_as_v2`: over IPv4 the addresses of the packet are left out of version 3's checksum, and a wrong one is
    /// no reason to drop an advert.
    pub v3_checksum_as_v2: bool,
    /// `nopreempt`: never takes over from a master that is alive.
    pub nopreempt: bool,
    /// `preempt_delay`: how long a master of lower priority is borne with.
    pub preempt_delay: Micros,
    /// `timer_expired_backup`: with `nopreempt`, a master whose timer comes so late that a backup of this priority has taken
    /// over meanwhile is backup itself.
    pub timer_expired_backup: Option<Priority>,
    /// `owner_ignore_adverts`: the owner of the addresses does not heed adverts of others.
    pub owner_ignore_adverts: bool,
    /// Whether packets to the addresses are taken; with `no_accept` a firewall drops them.
    pub accept: bool,
    /// `down_timer_adverts`: how many adverts may be missed, usually 3.
    pub down_timer_adverts: u8,
    /// `skip_check_adv_addr`: does not compare the addresses of an advert that comes from the same master as the last.
    pub skip_check_adv_addr: bool,
    /// When gratuitous ARPs are sent.
    pub announce: Announcing,
    /// `lower_prio_no_advert`: a master does not answer an advert of lower priority with one of its own.
    pub lower_prio_no_advert: bool,
    /// `higher_prio_send_advert`: a master sends one more advert before it yields.
    pub higher_prio_send_advert: bool,
    /// `dont_track_primary`: the interface going down is no fault.
    pub dont_track_link: bool,
    /// `track_interface`, `track_script`, `track_file`, `track_process`, `track_bfd`.
    pub tracked: Vec<Tracked>,
}

impl InstanceConfig {
    /// An instance with keepalived's defaults for everything but these: one second between adverts, three of them may
    /// be missed, no authentication, no addresses, preempts at once.
    #[must_use]
    pub fn new(name: Name, interface: u32, vrid: Vrid, priority: Priority) -> InstanceConfig {
        InstanceConfig {
            name,
            interface,
            anywhere: false,
            vrf: 0,
            vrid,
            priority,
            wants: InitialState::Backup,
            version: Version::V2,
            family: Family::Inet,
            advert_interval: Centis::new(100),
            auth: Auth::None,
            addresses: Vec::new(),
            source: None,
            transport: Transport::Multicast(MULTICAST_GROUP.into()),
            v3_checksum_as_v2: false,
            nopreempt: false,
            preempt_delay: Micros::ZERO,
            timer_expired_backup: None,
            owner_ignore_adverts: false,
            accept: true,
            down_timer_adverts: 3,
            skip_check_adv_addr: false,
            announce: Announcing::default(),
            lower_prio_no_advert: false,
            higher_prio_send_advert: false,
            dont_track_link: false,
            tracked: Vec::new(),
        }
    }
}

/// `version`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Version {
    /// RFC 3768.
    V2,
    /// RFC 9568.
    V3,
}

impl Version {
    /// The number on the wire.
    #[must_use]
    pub fn number(self) -> u8 {
        match self {
            Version::V2 => 2,
            Version::V3 => 3,
        }
    }
}

/// Who gets the adverts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Transport {
    /// Everyone in a group: `mcast_dst_ip`, `vrrp_mcast_group4`, `vrrp_mcast_group6`; usually [`MULTICAST_GROUP`].
    Multicast(IpAddr),
    /// Each peer by itself.
    Unicast(Unicast),
}

/// `unicast_peer` and its kin.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unicast {
    /// The peers, of the instance's family.
    pub peers: Vec<Peer>,
    /// `check_unicast_src`, or limits of a peer: adverts of strangers are dropped.
    pub check_source: bool,
    /// `unicast_fault_no_peer`: FAULT while there is no peer.
    pub fault_no_peer: bool,
    /// `unicast_ttl`: 255 for IPv4 and the kernel's own for IPv6 when `None`.
    pub ttl: Option<u8>,
    /// `old_unicast_checksum`: how version 3 over IPv4 is summed.
    pub checksum: UnicastChecksum,
}

/// One line of `unicast_peer`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Peer {
    /// Its address.
    pub address: IpAddr,
    /// `min_ttl`: adverts that come from farther away are dropped; 0 for no limit.
    pub min_ttl: u8,
    /// `max_ttl`: adverts that come from nearer are dropped; 255 for no limit.
    pub max_ttl: u8,
}

/// How the checksum of a unicast advert of version 3 over IPv4 is made. keepalived up to 1.3.6 summed the multicast group in
/// place of the destination.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum UnicastChecksum {
    /// As the peers are heard to do it.
    #[default]
    Detect,
    /// `old_unicast_checksum`: with the multicast group.
    Old,
    /// `old_unicast_checksum never`: as RFC 5798 5.2.8 has it.
    New,
}

/// `state`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum InitialState {
    /// `state MASTER`: wants to be master.
    Master,
    /// `state BACKUP`, the default.
    Backup,
}

/// How adverts are authenticated (RFC 2338 5.3.6; RFC 3768 keeps the field).
#[derive(Clone, PartialEq, Eq)]
pub enum Auth {
    /// Not at all: type 0, eight zero bytes.
    None,
    /// A simple text password: type 1, zero padded.
    Simple([u8; 8]),
    /// IP authentication header: type 2, HMAC-MD5 keyed with the zero padded password; version 2 over IPv4.
    Ah([u8; 8]),
    /// `auth_hmac`: a signature after the PDU, in either version; type 0 in version 2.
    Hmac(Arc<AuthHmac>),
}

/// `auth_hmac`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AuthHmac {
    /// `key`: all of them verify.
    pub keys: Vec<HmacKey>,
    /// `active_key`: the id of the one that signs.
    pub active: u8,
    /// `time_window`: how far the clock of a sender may be off.
    pub window: Micros,
    /// `anti_replay`.
    pub replay: AntiReplay,
    /// `mode`.
    pub mode: HmacMode,
}

/// One key. Never prints itself.
#[derive(Clone, PartialEq, Eq)]
pub struct HmacKey {
    /// Its number, 1..=255.
    pub id: u8,
    /// Its bytes, 32 to 64.
    pub secret: Vec<u8>,
}

impl fmt::Debug for HmacKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "HmacKey({}, ***)", self.id)
    }
}

/// `anti_replay`: what must grow from one advert of a sender to the next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AntiReplay {
    /// The time of day, which also has to be about ours.
    Time,
    /// The time since the sender was booted.
    Monotonic,
}

/// `mode` of `auth_hmac`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum HmacMode {
    /// Adverts are signed, and dropped where they are not.
    Enforce,
    /// Adverts are signed, and taken also where they are not.
    Permissive,
    /// Adverts are not signed, and taken also where they are not.
    ReceiveOnly,
}

impl fmt::Debug for Auth {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Auth::None => f.write_str("None"),
            Auth::Simple(_) => f.write_str("Simple(***)"),
            Auth::Ah(_) => f.write_str("Ah(***)"),
            Auth::Hmac(auth) => auth.fmt(f),
        }
    }
}

/// When gratuitous ARPs are sent, and how many rounds of them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Announcing {
    /// `garp_master_delay`: the second burst comes that long after the first; zero for no second burst.
    pub delay: Micros,
    /// `garp_master_repeat`: rounds in a burst.
    pub repeat: u32,
    /// `garp_master_refresh`: period of the refreshing ones; zero for none.
    pub refresh: Micros,
    /// `garp_master_refresh_repeat`: rounds in a refresh.
    pub refresh_repeat: u32,
    /// `garp_lower_prio_delay`: as `delay`, after an advert of lower priority was seen.
    pub lower_prio_delay: Micros,
    /// `garp_lower_prio_repeat`: as `repeat`; zero for none.
    pub lower_prio_repeat: u32,
    /// `garp_extra_if`: period of [`Action::Remind`](crate::Action::Remind); zero for none.
    pub extra: Micros,
}

impl Default for Announcing {
    /// keepalived's: five rounds, five more after 5 s, no refresh.
    fn default() -> Announcing {
        Announcing {
            delay: Micros::from_secs(5),
            repeat: 5,
            refresh: Micros::ZERO,
            refresh_repeat: 1,
            lower_prio_delay: Micros::from_secs(5),
            lower_prio_repeat: 5,
            extra: Micros::ZERO,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_password_does_not_print() {
        assert_eq!(format!("{:?}", Auth::Simple(*b"secretlo")), "Simple(***)");
        assert_eq!(format!("{:?}", Auth::Ah(*b"secretlo")), "Ah(***)");
    }
}

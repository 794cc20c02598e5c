//! What the router is told to run: checked values, no text.

use std::fmt;
use std::net::Ipv4Addr;

use crate::id::{Name, Priority, Vrid};
use crate::time::{Centis, Micros};

/// The group that VRRP over IPv4 is sent to (RFC 3768 5.2.2).
pub const MULTICAST_GROUP: Ipv4Addr = Ipv4Addr::new(224, 0, 0, 18);

/// Everything the router runs.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Config {
    /// The instances, in the order of the configuration. A later one with the name of an earlier one is ignored.
    pub instances: Vec<InstanceConfig>,
    /// The sync groups.
    pub groups: Vec<GroupConfig>,
}

/// `vrrp_sync_group`: instances that change state together.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GroupConfig {
    /// Its name.
    pub name: Name,
    /// Names of its instances. Names of no instance are ignored; an instance belongs to the first group that names it.
    pub members: Vec<Name>,
}

/// `vrrp_instance`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InstanceConfig {
    /// Its name.
    pub name: Name,
    /// Index of the interface it runs on.
    pub interface: u32,
    /// `virtual_router_id`.
    pub vrid: Vrid,
    /// `priority`.
    pub priority: Priority,
    /// `state`.
    pub wants: InitialState,
    /// `advert_int`.
    pub advert_interval: Centis,
    /// `authentication`.
    pub auth: Auth,
    /// The advertised addresses in the order of the configuration; at most 255 are sent.
    pub addresses: Vec<Ipv4Addr>,
    /// `mcast_src_ip`: the source of adverts in place of the interface's own address. With it an interface without
    /// an address is no fault.
    pub source: Option<Ipv4Addr>,
    /// `mcast_dst_ip` or `vrrp_mcast_group4`: where adverts are sent; usually [`MULTICAST_GROUP`].
    pub group: Ipv4Addr,
    /// `nopreempt`: never takes over from a master that is alive.
    pub nopreempt: bool,
    /// `preempt_delay`: how long a master of lower priority is borne with.
    pub preempt_delay: Micros,
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
}

impl InstanceConfig {
    /// An instance with keepalived's defaults for everything but these: one second between adverts, three of them may
    /// be missed, no authentication, no addresses, preempts at once.
    #[must_use]
    pub fn new(name: Name, interface: u32, vrid: Vrid, priority: Priority) -> InstanceConfig {
        InstanceConfig {
            name,
            interface,
            vrid,
            priority,
            wants: InitialState::Backup,
            advert_interval: Centis::new(100),
            auth: Auth::None,
            addresses: Vec::new(),
            source: None,
            group: MULTICAST_GROUP,
            nopreempt: false,
            preempt_delay: Micros::ZERO,
            down_timer_adverts: 3,
            skip_check_adv_addr: false,
            announce: Announcing::default(),
            lower_prio_no_advert: false,
            higher_prio_send_advert: false,
        }
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

/// How adverts are authenticated (RFC 2338 5.3.6; RFC 3768 keeps the field).
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Auth {
    /// Not at all: type 0, eight zero bytes.
    None,
    /// A simple text password: type 1, zero padded.
    Simple([u8; 8]),
}

impl fmt::Debug for Auth {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Auth::None => f.write_str("None"),
            Auth::Simple(_) => f.write_str("Simple(***)"),
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
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_password_does_not_print() {
        assert_eq!(format!("{:?}", Auth::Simple(*b"secretlo")), "Simple(***)");
    }
}

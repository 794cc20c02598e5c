//! What people and metrics see of the router. Never read by the router itself.

use std::net::IpAddr;

use crate::id::{Name, Vrid};
use crate::stats::Stats;
use crate::time::{Micros, Time};

/// One instance as it stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InstanceView {
    /// Its name.
    pub name: Name,
    /// Index of its interface.
    pub interface: u32,
    /// Its virtual router id.
    pub vrid: Vrid,
    /// Its sync group, if it is in one.
    pub group: Option<Name>,
    /// Its state.
    pub state: StateView,
    /// The configured priority.
    pub priority: u8,
    /// The priority it competes with.
    pub effective_priority: u8,
    /// It leaves mastership to others, as an operator asked.
    pub standing_back: bool,
    /// When it came into this state.
    pub last_transition: Time,
    /// When it acts next by itself: sends, or takes over. Nothing in INIT and FAULT.
    pub deadline: Option<Time>,
    /// How long a master may be silent (RFC 9568 6.1, Active_Down_Interval).
    pub master_down: Micros,
    /// The address of the master it last believed, while it is no master itself.
    pub master: Option<IpAddr>,
    /// The priority that master sent.
    pub master_priority: u8,
    /// Its counters.
    pub stats: Stats,
}

/// The state of an instance, as people name it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StateView {
    /// Not taking part yet: what it tracks is not known.
    Init,
    /// Waiting.
    Backup,
    /// Holding the addresses.
    Master,
    /// Unable to take part.
    Fault,
}

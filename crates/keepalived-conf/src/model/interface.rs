//! What is said of interfaces, outside of the instances that use them.

use std::time::Duration;

/// `garp_group`: interfaces whose announcements wait for each other.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GarpGroup {
    /// `garp_interval`: between two gratuitous ARPs; `None` is that of `global_defs`.
    pub garp_interval: Option<Duration>,
    /// `gna_interval`: between two unsolicited neighbour advertisements.
    pub gna_interval: Option<Duration>,
    /// `interface` and `interfaces`; none is in two groups.
    pub interfaces: Vec<String>,
}

/// One line of `linkbeat_interfaces`: an interface that is asked for its link again and again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LinkbeatInterface {
    /// Its name.
    pub name: String,
    /// How it is asked.
    pub method: LinkbeatMethod,
}

/// How an interface is asked for its link.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum LinkbeatMethod {
    /// The first of the others that it answers to.
    #[default]
    Auto,
    /// `MII`: its transceiver's registers.
    Mii,
    /// `ETHTOOL`.
    Ethtool,
    /// `IOCTL`: the kernel's flags.
    Ioctl,
}

/// One line of `interface_up_down_delays`: how long a change of the link must last to count.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InterfaceDelay {
    /// The interface.
    pub name: String,
    /// Before it counts as down; up to 255 s.
    pub down: Duration,
    /// Before it counts as up; up to 255 s.
    pub up: Duration,
}

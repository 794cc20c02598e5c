//! What the configuration asks of IPVS as a whole, besides virtual servers.

use std::num::NonZeroU32;

use ipvs_netlink::{Daemon, DaemonState};
use keepalived_conf::ReceiveBuffer;

use crate::kernel::schedule::Urgency;

/// What is asked of IPVS as a whole.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Settings {
    /// `lvs_flush`: empty the table at start.
    pub flush: bool,
    /// `lvs_flush_on_stop`.
    pub on_stop: OnStop,
    /// `lvs_timeouts`.
    pub timeouts: WantedTimeouts,
    /// `lvs_sync_daemon`.
    pub sync: Option<WantedSync>,
    /// `nftables_ipvs`.
    pub firewall: Option<WantedFirewall>,
    /// Of the checks' thread: `checker_priority` and its kin.
    pub urgency: Urgency,
    /// `lvs_netlink_monitor_rcv_bufs`.
    pub monitor: ReceiveBuffer,
    /// `lvs_netlink_cmd_rcv_bufs`.
    pub commands: ReceiveBuffer,
}

/// The rules that give packets to a group its mark.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WantedFirewall {
    /// The table's name, an identifier of nftables.
    pub table: String,
    /// Of its chain, relative to `filter`.
    pub priority: i32,
    /// The first mark.
    pub first_mark: NonZeroU32,
    /// Whether rules and elements count.
    pub counters: bool,
}

/// How the table is left.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum OnStop {
    /// Our services go, each server is named.
    #[default]
    Each,
    /// Our services go, without many words.
    Services,
    /// Everything goes, whosever it is.
    Flush,
}

/// Idle timeouts in seconds; `None` leaves one as it was before us.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct WantedTimeouts {
    /// TCP, established.
    pub tcp: Option<u32>,
    /// TCP after a FIN.
    pub tcp_fin: Option<u32>,
    /// UDP.
    pub udp: Option<u32>,
}

/// Synchronisation of connections with other directors.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WantedSync {
    /// The VRRP instance whose master sends and whose backups listen; without one both go on all the time.
    pub instance: Option<String>,
    /// The daemon, but for which end it is.
    pub daemon: Daemon,
}

impl WantedSync {
    /// The daemons that are to run, given whether its instance is master.
    #[must_use]
    pub fn daemons(&self, master: bool) -> Vec<Daemon> {
        let end = |state| Daemon {
            state,
            ..self.daemon.clone()
        };
        match (&self.instance, master) {
            (None, _) => vec![end(DaemonState::Master), end(DaemonState::Backup)],
            (Some(_), true) => vec![end(DaemonState::Master)],
            (Some(_), false) => vec![end(DaemonState::Backup)],
        }
    }
}

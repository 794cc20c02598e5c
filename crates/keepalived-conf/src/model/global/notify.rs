//! Who is told of changes: FIFOs, SNMP, D-Bus.

use std::time::Duration;

use super::super::Script;
use super::ScriptUser;

/// A pipe that every change is written to, and the script that reads it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Fifo {
    /// Where it is; `None` without one.
    pub path: Option<String>,
    /// Who owns it, if not the default script user.
    pub owner: Option<ScriptUser>,
    /// Started with the path as its last argument.
    pub script: Option<Box<Script>>,
}

/// The FIFO words of `global_defs`.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Fifos {
    /// `notify_fifo`: everything.
    pub all: Fifo,
    /// `vrrp_notify_fifo`: instances and groups.
    pub vrrp: Fifo,
    /// `lvs_notify_fifo`: virtual and real servers.
    pub lvs: Fifo,
    /// `vrrp_notify_priority_changes`.
    pub priority_changes: bool,
    /// `fifo_write_vrrp_states_on_reload`.
    pub states_on_reload: bool,
}

/// The SNMP words of `global_defs`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Snmp {
    /// `snmp_socket`: the master agent; net-snmp's default when `None`.
    pub socket: Option<String>,
    /// `enable_traps`.
    pub traps: bool,
    /// `enable_snmp_vrrp`: keepalived's own VRRP objects.
    pub vrrp: bool,
    /// `enable_snmp_checker`.
    pub checker: bool,
    /// `enable_snmp_rfcv2`: RFC 2787.
    pub rfc_v2: bool,
    /// `enable_snmp_rfcv3`: RFC 6527.
    pub rfc_v3: bool,
    /// `snmp_vs_stats_update_interval`, 1 ms..=30 s.
    pub virtual_server_interval: Duration,
    /// `snmp_rs_stats_update_interval`; as that of virtual servers when `None`.
    pub real_server_interval: Option<Duration>,
}

impl Default for Snmp {
    fn default() -> Self {
        Self {
            socket: None,
            traps: false,
            vrrp: false,
            checker: false,
            rfc_v2: false,
            rfc_v3: false,
            virtual_server_interval: Duration::from_secs(5),
            real_server_interval: None,
        }
    }
}

/// The D-Bus words of `global_defs`.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Dbus {
    /// `enable_dbus`.
    pub enabled: bool,
    /// `dbus_service_name`; `org.keepalived.Vrrp1` when `None`.
    pub service_name: Option<String>,
    /// `dbus_no_interface_name`: what stands for the interface of an instance that has none.
    pub no_interface_name: Option<String>,
}

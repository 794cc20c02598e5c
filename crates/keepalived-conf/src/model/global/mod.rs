//! `global_defs`, and the words outside of blocks.

mod files;
mod mail;
mod network;
mod notify;
mod process;

use std::net::{Ipv4Addr, Ipv6Addr};
use std::time::Duration;

pub use files::{Destination, Files, IncludeCheck, Reload};
pub use mail::{Mail, MailHost, MailServer};
pub use network::{
    AdvertBuffer, AdvertBufferPolicy, DynamicInterfaces, Firewall, GarpExtra, Interfaces,
    LvsTimeouts, SyncDaemon,
};
pub use notify::{Dbus, Fifo, Fifos, Snmp};
pub use process::{
    AutoPriority, Home, Hooks, IpvsNamespace, ReceiveBuffer, ReceiveBuffers, Schedules, Scheduling,
};

/// Who runs a script: `script_user USER [GROUP]`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ScriptUser {
    /// User name.
    pub user: String,
    /// Group name; the user's own group without it.
    pub group: Option<String>,
    /// The user's number on this host.
    pub uid: u32,
    /// The number of the group, or of the user's own.
    pub gid: u32,
}

/// `global_defs`, with keepalived's defaults where nothing was said.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Global {
    /// `router_id`; the host name when `None`.
    pub router_id: Option<String>,
    /// `process_name`, at most 15 bytes.
    pub process_name: Option<String>,
    /// `vrrp_process_name`, at most 15 bytes.
    pub vrrp_process_name: Option<String>,
    /// `checker_process_name`, at most 15 bytes.
    pub checker_process_name: Option<String>,
    /// `bfd_process_name`, at most 15 bytes.
    pub bfd_process_name: Option<String>,
    /// `process_names`: each subsystem gets its own name.
    pub process_names: bool,
    /// `lvs_flush`: empty the whole IPVS table at start.
    pub lvs_flush: bool,
    /// `lvs_flush_on_stop`.
    pub lvs_flush_on_stop: FlushOnStop,
    /// `lvs_timeouts`.
    pub lvs_timeouts: LvsTimeouts,
    /// `lvs_sync_daemon`.
    pub lvs_sync_daemon: Option<SyncDaemon>,
    /// `rs_init_notifies`: what a real server is at first is told as a change.
    pub rs_init_notifies: bool,
    /// `checker_log_all_failures`: what a checker says of it where it says nothing itself.
    pub checker_log_all_failures: bool,
    /// `enable_script_security`.
    pub enable_script_security: bool,
    /// `script_user`.
    pub script_user: Option<ScriptUser>,
    /// `use_symlink_paths`: a script is started by the path as it is written.
    pub use_symlink_paths: bool,
    /// `vrrp_version`: 2 or 3.
    pub vrrp_version: u8,
    /// `vrrp_mcast_group4`.
    pub vrrp_mcast_group4: Ipv4Addr,
    /// `vrrp_mcast_group6`.
    pub vrrp_mcast_group6: Ipv6Addr,
    /// `vrrp_garp_master_delay`; 5 s when `None`, or none at all with `vrrp_min_garp`.
    pub vrrp_garp_master_delay: Option<Duration>,
    /// `vrrp_garp_master_repeat`, at least 1; 5 when `None`, or 1 with `vrrp_min_garp`.
    pub vrrp_garp_master_repeat: Option<u32>,
    /// `vrrp_garp_master_refresh`; zero is off.
    pub vrrp_garp_master_refresh: Duration,
    /// `vrrp_garp_master_refresh_repeat`, at least 1.
    pub vrrp_garp_master_refresh_repeat: u32,
    /// `vrrp_garp_lower_prio_delay`; as `vrrp_garp_master_delay` when `None`.
    pub vrrp_garp_lower_prio_delay: Option<Duration>,
    /// `vrrp_garp_lower_prio_repeat`; as `vrrp_garp_master_repeat` when `None`.
    pub vrrp_garp_lower_prio_repeat: Option<u32>,
    /// `vrrp_garp_interval`: pause between two gratuitous ARPs on one interface.
    pub vrrp_garp_interval: Duration,
    /// `vrrp_gna_interval`: pause between two neighbour advertisements on one interface.
    pub vrrp_gna_interval: Duration,
    /// `vrrp_min_garp`: one gratuitous ARP and no more, where nothing else was said.
    pub vrrp_min_garp: bool,
    /// `vrrp_down_timer_adverts`, 1..=100.
    pub vrrp_down_timer_adverts: u8,
    /// `vrrp_skip_check_adv_addr`.
    pub vrrp_skip_check_adv_addr: bool,
    /// `vrrp_lower_prio_no_advert`.
    pub vrrp_lower_prio_no_advert: bool,
    /// `vrrp_higher_prio_send_advert`.
    pub vrrp_higher_prio_send_advert: bool,
    /// `vrrp_check_unicast_src`.
    pub vrrp_check_unicast_src: bool,
    /// `vrrp_strict`: what an instance does that says nothing itself.
    pub vrrp_strict: bool,
    /// `vrrp_owner_ignore_adverts`.
    pub vrrp_owner_ignore_adverts: bool,
    /// `v3_checksum_as_v2`.
    pub v3_checksum_as_v2: bool,
    /// `log_unknown_vrids`.
    pub log_unknown_vrids: bool,
    /// `vrrp_startup_delay`.
    pub vrrp_startup_delay: Duration,
    /// `vrrp_delay_after_boot`.
    pub vrrp_delay_after_boot: Duration,
    /// The receive buffers of adverts.
    pub advert_buffer: AdvertBuffer,
    /// The words outside of blocks.
    pub home: Home,
    /// Mail.
    pub mail: Mail,
    /// What runs before and after everything else.
    pub hooks: Hooks,
    /// How subsystems are scheduled.
    pub schedules: Schedules,
    /// Interfaces.
    pub interfaces: Interfaces,
    /// nftables.
    pub firewall: Firewall,
    /// Pipes that changes are written to.
    pub fifos: Fifos,
    /// SNMP, which rkeepalived does not speak.
    pub snmp: Snmp,
    /// D-Bus, which rkeepalived does not speak.
    pub dbus: Dbus,
    /// Receive buffers of the sockets that talk to the kernel.
    pub receive_buffers: ReceiveBuffers,
    /// Reloads.
    pub reload: Reload,
    /// Files that are read and written.
    pub files: Files,
}

/// `lvs_flush_on_stop`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum FlushOnStop {
    /// Remove virtual servers and their real servers one by one.
    #[default]
    No,
    /// Empty the whole table.
    Everything,
    /// Delete the configured virtual servers; their real servers go with them.
    VirtualServers,
}

impl Default for Global {
    fn default() -> Self {
        Self {
            router_id: None,
            process_name: None,
            vrrp_process_name: None,
            checker_process_name: None,
            bfd_process_name: None,
            process_names: false,
            lvs_flush: false,
            lvs_flush_on_stop: FlushOnStop::No,
            lvs_timeouts: LvsTimeouts::default(),
            lvs_sync_daemon: None,
            rs_init_notifies: false,
            checker_log_all_failures: false,
            enable_script_security: false,
            script_user: None,
            use_symlink_paths: false,
            vrrp_version: 2,
            vrrp_mcast_group4: Ipv4Addr::new(224, 0, 0, 18),
            vrrp_mcast_group6: Ipv6Addr::new(0xff02, 0, 0, 0, 0, 0, 0, 0x12),
            vrrp_garp_master_delay: None,
            vrrp_garp_master_repeat: None,
            vrrp_garp_master_refresh: Duration::ZERO,
            vrrp_garp_master_refresh_repeat: 1,
            vrrp_garp_lower_prio_delay: None,
            vrrp_garp_lower_prio_repeat: None,
            vrrp_garp_interval: Duration::ZERO,
            vrrp_gna_interval: Duration::ZERO,
            vrrp_min_garp: false,
            vrrp_down_timer_adverts: 3,
            vrrp_skip_check_adv_addr: false,
            vrrp_lower_prio_no_advert: false,
            vrrp_higher_prio_send_advert: false,
            vrrp_check_unicast_src: false,
            vrrp_strict: false,
            vrrp_owner_ignore_adverts: false,
            v3_checksum_as_v2: false,
            log_unknown_vrids: false,
            vrrp_startup_delay: Duration::ZERO,
            vrrp_delay_after_boot: Duration::ZERO,
            advert_buffer: AdvertBuffer::default(),
            home: Home::default(),
            mail: Mail::default(),
            hooks: Hooks::default(),
            schedules: Schedules::default(),
            interfaces: Interfaces::default(),
            firewall: Firewall::default(),
            fifos: Fifos::default(),
            snmp: Snmp::default(),
            dbus: Dbus::default(),
            receive_buffers: ReceiveBuffers::default(),
            reload: Reload::default(),
            files: Files::default(),
        }
    }
}

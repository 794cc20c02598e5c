//! `global_defs`.

use std::net::Ipv4Addr;
use std::time::Duration;

/// Who runs a script: `script_user USER [GROUP]`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ScriptUser {
    /// User name.
    pub user: String,
    /// Group name; the user's own group without it.
    pub group: Option<String>,
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
    /// `process_names`: each subsystem gets its own name.
    pub process_names: bool,
    /// `lvs_flush`: empty the whole IPVS table at start.
    pub lvs_flush: bool,
    /// `lvs_flush_on_stop`.
    pub lvs_flush_on_stop: FlushOnStop,
    /// `enable_script_security`.
    pub enable_script_security: bool,
    /// `script_user`.
    pub script_user: Option<ScriptUser>,
    /// `vrrp_version`: 2 or 3.
    pub vrrp_version: u8,
    /// `vrrp_mcast_group4`.
    pub vrrp_mcast_group4: Ipv4Addr,
    /// `vrrp_garp_master_delay`.
    pub vrrp_garp_master_delay: Duration,
    /// `vrrp_garp_master_repeat`, at least 1.
    pub vrrp_garp_master_repeat: u32,
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
    /// `vrrp_down_timer_adverts`, 1..=100.
    pub vrrp_down_timer_adverts: u8,
    /// `vrrp_skip_check_adv_addr`.
    pub vrrp_skip_check_adv_addr: bool,
    /// `vrrp_lower_prio_no_advert`.
    pub vrrp_lower_prio_no_advert: bool,
    /// `vrrp_higher_prio_send_advert`.
    pub vrrp_higher_prio_send_advert: bool,
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
            process_names: false,
            lvs_flush: false,
            lvs_flush_on_stop: FlushOnStop::No,
            enable_script_security: false,
            script_user: None,
            vrrp_version: 2,
            vrrp_mcast_group4: Ipv4Addr::new(224, 0, 0, 18),
            vrrp_garp_master_delay: Duration::from_secs(5),
            vrrp_garp_master_repeat: 5,
            vrrp_garp_master_refresh: Duration::ZERO,
            vrrp_garp_master_refresh_repeat: 1,
            vrrp_garp_lower_prio_delay: None,
            vrrp_garp_lower_prio_repeat: None,
            vrrp_garp_interval: Duration::ZERO,
            vrrp_down_timer_adverts: 3,
            vrrp_skip_check_adv_addr: false,
            vrrp_lower_prio_no_advert: false,
            vrrp_higher_prio_send_advert: false,
        }
    }
}

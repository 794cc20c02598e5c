//! `global_defs`.

use super::Lower;
use crate::ast::Node;
use crate::diag::Code;
use crate::model::FlushOnStop;
use crate::value::address;

impl Lower<'_> {
    pub(super) fn global_defs(&mut self, block: Node<'_>) {
        for node in block.body() {
            self.global(node);
        }
    }

    fn global(&mut self, node: Node<'_>) {
        let name = node.name();
        let invalid = |text: &str| format!("{name} '{text}' invalid - ignoring");
        match name {
            "router_id" => match node.argument(0) {
                Some(word) => self.global.router_id = Some(word.text.into_owned()),
                None => {
                    self.error_help(
                        Code::InvalidName,
                        node.span(),
                        "routerid name missing - ignoring",
                        super::takes(node),
                    );
                }
            },
            "process_names" => self.global.process_names = true,
            "process_name" | "vrrp_process_name" | "checker_process_name" | "lvs_process_name" => {
                let long =
                    |text: &str| format!("Process name {text} more than 15 characters, truncating");
                let Some(value) = self.short_name(node, 15, long) else {
                    return;
                };
                *match name {
                    "process_name" => &mut self.global.process_name,
                    "vrrp_process_name" => &mut self.global.vrrp_process_name,
                    _ => &mut self.global.checker_process_name,
                } = Some(value);
            }
            "lvs_flush" => self.global.lvs_flush = true,
            "lvs_flush_on_stop" | "lvs_flush_onstop" => match node.argument(0) {
                None => self.global.lvs_flush_on_stop = FlushOnStop::Everything,
                Some(word) if word.text == "VS" => {
                    self.global.lvs_flush_on_stop = FlushOnStop::VirtualServers
                }
                Some(word) => {
                    let message = format!("Unknown lvs_flush_on_stop type {}", word.text);
                    self.error_help(Code::InvalidValue, word.span, message, "nothing, or `VS`");
                }
            },
            "enable_script_security" => self.global.enable_script_security = true,
            "script_user" => self.global.script_user = self.user(node),
            "vrrp_version" => {
                let also = |_: &str| "VRRP Error: Version must be either 2 or 3".to_owned();
                if let Some(version) = self.u8(node, 2..=3, also) {
                    self.global.vrrp_version = version;
                }
            }
            "vrrp_mcast_group4" => self.mcast_group4(node),
            "vrrp_garp_master_delay" => {
                if let Some(delay) = self.whole_seconds(node, 4294, invalid) {
                    self.global.vrrp_garp_master_delay = delay;
                }
            }
            "vrrp_garp_master_refresh" => {
                if let Some(refresh) = self.whole_seconds(node, u32::MAX, invalid) {
                    self.global.vrrp_garp_master_refresh = refresh;
                }
            }
            "vrrp_garp_master_repeat" => {
                if let Some(repeat) = self.at_least_one(node, "", invalid) {
                    self.global.vrrp_garp_master_repeat = repeat;
                }
            }
            "vrrp_garp_master_refresh_repeat" => {
                if let Some(repeat) = self.at_least_one(node, "", invalid) {
                    self.global.vrrp_garp_master_refresh_repeat = repeat;
                }
            }
            "vrrp_garp_lower_prio_delay" => {
                let delay = self.whole_seconds(node, 4294, invalid);
                self.global.vrrp_garp_lower_prio_delay =
                    delay.or(self.global.vrrp_garp_lower_prio_delay);
            }
            "vrrp_garp_lower_prio_repeat" => {
                let repeat = self.u32(node, 0..=0x7fff_ffff, invalid);
                self.global.vrrp_garp_lower_prio_repeat =
                    repeat.or(self.global.vrrp_garp_lower_prio_repeat);
            }
            "vrrp_garp_interval" => {
                let also = |text: &str| format!("vrrp_garp_interval '{text}' is invalid");
                if let Some(interval) = self.seconds(node, 1..=4_294_967_295, also) {
                    self.global.vrrp_garp_interval = interval;
                }
            }
            "vrrp_down_timer_adverts" => {
                let also = |text: &str| format!("Invalid vrrp_down_timer_adverts [1:100] '{text}'");
                if let Some(adverts) = self.u8(node, 1..=100, also) {
                    self.global.vrrp_down_timer_adverts = adverts;
                }
            }
            "vrrp_skip_check_adv_addr" => {
                if let Some(value) = self.global_boolean(node) {
                    self.global.vrrp_skip_check_adv_addr = value;
                }
            }
            "vrrp_lower_prio_no_advert" => {
                if let Some(value) = self.global_boolean(node) {
                    self.global.vrrp_lower_prio_no_advert = value;
                }
            }
            "vrrp_higher_prio_send_advert" => {
                if let Some(value) = self.global_boolean(node) {
                    self.global.vrrp_higher_prio_send_advert = value;
                }
            }
            _ => {}
        }
    }

    fn global_boolean(&mut self, node: Node<'_>) -> Option<bool> {
        self.boolean(node, |text| {
            format!("Invalid value for {} - {text}", node.name())
        })
    }

    fn mcast_group4(&mut self, node: Node<'_>) {
        let Some(word) = self.require(node) else {
            return;
        };
        let text = &word.text;
        match address::ip(text) {
            Some(std::net::IpAddr::V4(group)) if group.is_multicast() => {
                self.global.vrrp_mcast_group4 = group
            }
            Some(std::net::IpAddr::V4(_)) => {
                let message = format!("vrrp_mcast_group4 [{text}] is not multicast. Skipping");
                self.error_help(Code::InvalidAddress, word.span, message, super::takes(node));
            }
            _ => {
                let message = format!("Configuration error: Cannot parse mcast_group4 [{text}]");
                self.error_help(Code::InvalidAddress, word.span, message, super::takes(node));
            }
        }
    }

    /// A count that is raised to 1 with a complaint; `owner` begins that.
    pub(super) fn at_least_one(
        &mut self,
        node: Node<'_>,
        owner: &str,
        also: impl Fn(&str) -> String,
    ) -> Option<u32> {
        let repeat = self.u32(node, 0..=u32::MAX, also)?;
        if repeat == 0 {
            let span = node.argument(0).map_or(node.span(), |word| word.span);
            let message = format!(
                "{owner}{} must be greater than 0, setting to 1",
                node.name()
            );
            self.error(Code::InvalidNumber, span, message);
        }
        Some(repeat.max(1))
    }
}

//! What instances do that say nothing themselves.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use super::{Lower, takes};
use crate::ast::Node;
use crate::diag::Code;
use crate::value::address;

/// The longest delay in microseconds: what fits into 32 bits.
const LONGEST_DELAY: u64 = 4_294_967_295;

impl Lower<'_> {
    pub(super) fn vrrp_word(&mut self, node: Node<'_>) -> bool {
        let name = node.name();
        let invalid = |text: &str| format!("{name} '{text}' is invalid");
        match name {
            "router_id" => match node.argument(0) {
                Some(word) => self.global.router_id = Some(word.text.into_owned()),
                None => {
                    let message = "routerid name missing - ignoring";
                    self.error_help(Code::InvalidName, node.span(), message, takes(node));
                }
            },
            "vrrp_version" => {
                if let Some(word) = self.require(node) {
                    let version = self.signed(node, &word, 2..=3, |_| {
                        "VRRP Error: Version must be either 2 or 3".to_owned()
                    });
                    let version = version.and_then(|version| u8::try_from(version).ok());
                    self.keep(version, |global| &mut global.vrrp_version);
                }
            }
            "vrrp_mcast_group4" => {
                let group = self.mcast_group4(node);
                self.keep(group, |global| &mut global.vrrp_mcast_group4);
            }
            "vrrp_mcast_group6" => {
                let group = self.mcast_group6(node);
                self.keep(group, |global| &mut global.vrrp_mcast_group6);
            }
            "vrrp_down_timer_adverts" => {
                let also = |text: &str| format!("Invalid vrrp_down_timer_adverts [1:100] '{text}'");
                let adverts = self.u8(node, 1..=100, also);
                self.keep(adverts, |global| &mut global.vrrp_down_timer_adverts);
            }
            "vrrp_skip_check_adv_addr" => {
                let value = self.global_switch(node);
                self.keep(value, |global| &mut global.vrrp_skip_check_adv_addr);
            }
            "vrrp_lower_prio_no_advert" => {
                let value = self.named_switch(node);
                self.keep(value, |global| &mut global.vrrp_lower_prio_no_advert);
            }
            "vrrp_higher_prio_send_advert" => {
                let value = self.named_switch(node);
                self.keep(value, |global| &mut global.vrrp_higher_prio_send_advert);
            }
            "vrrp_check_unicast_src" => self.global.vrrp_check_unicast_src = true,
            "vrrp_strict" => {
                let value = self.global_switch(node);
                self.keep(value, |global| &mut global.vrrp_strict);
            }
            "vrrp_owner_ignore_adverts" => {
                let value = self.global_switch(node);
                self.keep(value, |global| &mut global.vrrp_owner_ignore_adverts);
            }
            "v3_checksum_as_v2" => self.global.v3_checksum_as_v2 = true,
            "log_unknown_vrids" => self.global.log_unknown_vrids = true,
            "vrrp_startup_delay" => {
                let delay = self.seconds(node, 1_000..=LONGEST_DELAY, invalid);
                self.keep(delay, |global| &mut global.vrrp_startup_delay);
            }
            "vrrp_delay_after_boot" => {
                let delay = self.seconds(node, 1_000..=LONGEST_DELAY, invalid);
                self.keep(delay, |global| &mut global.vrrp_delay_after_boot);
            }
            _ => return self.garp_word(node),
        }
        true
    }

    /// Gratuitous ARP and unsolicited neighbour advertisements.
    fn garp_word(&mut self, node: Node<'_>) -> bool {
        let name = node.name();
        let ignoring = |text: &str| format!("{name} '{text}' invalid - ignoring");
        let invalid = |text: &str| format!("{name} '{text}' is invalid");
        match name {
            "vrrp_garp_master_delay" => {
                let delay = self.whole_seconds(node, 4294, ignoring);
                self.keep_some(delay, |global| &mut global.vrrp_garp_master_delay);
            }
            "vrrp_garp_master_refresh" => {
                let also = |text: &str| format!("Invalid {name} '{text}' - ignoring");
                let refresh = self.whole_seconds(node, u32::MAX, also);
                self.keep(refresh, |global| &mut global.vrrp_garp_master_refresh);
            }
            "vrrp_garp_master_repeat" => {
                let repeat = self.at_least_one(node, "", ignoring);
                self.keep_some(repeat, |global| &mut global.vrrp_garp_master_repeat);
            }
            "vrrp_garp_master_refresh_repeat" => {
                let repeat = self.at_least_one(node, "", ignoring);
                self.keep(repeat, |global| &mut global.vrrp_garp_master_refresh_repeat);
            }
            "vrrp_garp_lower_prio_delay" => {
                let delay = self.whole_seconds(node, 4294, ignoring);
                self.keep_some(delay, |global| &mut global.vrrp_garp_lower_prio_delay);
            }
            "vrrp_garp_lower_prio_repeat" => {
                let also = |text: &str| format!("Invalid {name} '{text}'");
                let repeat = self.u32(node, 0..=0x7fff_ffff, also);
                self.keep_some(repeat, |global| &mut global.vrrp_garp_lower_prio_repeat);
            }
            "vrrp_garp_interval" => {
                let interval = self.seconds(node, 1..=LONGEST_DELAY, invalid);
                self.keep(interval, |global| &mut global.vrrp_garp_interval);
            }
            "vrrp_gna_interval" => {
                let interval = self.seconds(node, 1..=LONGEST_DELAY, invalid);
                self.keep(interval, |global| &mut global.vrrp_gna_interval);
            }
            "vrrp_min_garp" => {
                let value = self.named_switch(node);
                self.keep(value, |global| &mut global.vrrp_min_garp);
            }
            _ => return false,
        }
        true
    }

    fn mcast_group4(&mut self, node: Node<'_>) -> Option<Ipv4Addr> {
        let word = self.require(node)?;
        let text = &word.text;
        let message = match address::ip(text) {
            Some(IpAddr::V4(group)) if group.is_multicast() => return Some(group),
            Some(IpAddr::V4(_)) => format!("vrrp_mcast_group4 [{text}] is not multicast. Skipping"),
            Some(IpAddr::V6(_)) => format!("vrrp_mcast_group4 [{text}] is not IPv4. Skipping"),
            None => format!("Can't parse vrrp_mcast_group4 [{text}]. Skipping"),
        };
        self.error_help(Code::InvalidAddress, word.span, message, takes(node));
        None
    }

    fn mcast_group6(&mut self, node: Node<'_>) -> Option<Ipv6Addr> {
        let word = self.require(node)?;
        let text = &word.text;
        let message = match address::ip(text) {
            Some(IpAddr::V6(group)) if group.is_multicast() => {
                // RFC 4291 2.7: the last four bits of the second byte are the scope, 2 the link.
                if group.octets()[1] & 0x0f != 2 {
                    let message =
                        format!("vrrp_mcast_group6 [{text}] should be link-local multicast.");
                    self.warning(Code::InvalidAddress, word.span, message, takes(node));
                }
                return Some(group);
            }
            Some(IpAddr::V6(_)) => format!("vrrp_mcast_group6 [{text}] is not multicast. Skipping"),
            Some(IpAddr::V4(_)) => format!("vrrp_mcast_group6 [{text}] is not IPv6. Skipping"),
            None => format!("Can't parse vrrp_mcast_group6 [{text}]. Skipping"),
        };
        self.error_help(Code::InvalidAddress, word.span, message, takes(node));
        None
    }
}

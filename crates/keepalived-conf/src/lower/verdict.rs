//! What the lines of an instance amount to: defaults, conflicts, what forbids the start.

use std::collections::HashMap;
use std::net::Ipv4Addr;
use std::time::Duration;

use super::Lower;
use super::vrrp::Draft;
use crate::diag::Code;
use crate::model::{Centis, Garp, InitialState, SimplePassword, VrrpInstance};
use crate::span::Span;

/// As many addresses as one advertisement of version 2 counts.
const MOST_ADDRESSES: usize = 255;

impl Lower<'_> {
    pub(super) fn judge(&mut self, mut draft: Draft) -> Option<(VrrpInstance, Span)> {
        let name = draft.name.clone();
        let global = self.global.clone();
        let ipv6 = draft.ipv6 == Some(true);
        let version = if ipv6 {
            3
        } else {
            draft.version.unwrap_or(global.vrrp_version)
        };
        let state = draft.state.map_or(InitialState::Backup, |(state, _)| state);
        let owner = if state == InitialState::Master {
            255
        } else {
            100
        };
        let priority = draft.priority.unwrap_or(owner);
        let Some(vrid) = draft.vrid else {
            let help =
                "write `virtual_router_id N`, 1 to 255; the daemon does not start without it";
            let message = format!("({name}) the virtual router id must be set");
            self.error_help(Code::VridMissing, draft.span, message, help);
            return None;
        };
        let interface = draft.interface.clone().unwrap_or_default();
        if interface.is_empty() && !draft.elsewhere {
            let (message, help) = if draft.unknown_interface {
                self.tracked.missing_interface.get_or_insert(draft.span);
                let message = "Non-existent interface specified in configuration".to_owned();
                (
                    message,
                    "the daemon does not start while that interface is missing",
                )
            } else {
                let message = format!("({name}) Unknown interface!");
                (
                    message,
                    "write `interface NAME`; the daemon does not start without it",
                )
            };
            self.error_help(Code::InterfaceMissing, draft.span, message, help);
        }
        self.no_addresses(&draft, version);
        let nopreempt = self.preemption(&mut draft, state, priority);
        let advert_interval = self.advert_interval(&draft, version);
        let auth = self.password(&draft, version);
        if draft.addresses.len() > MOST_ADDRESSES {
            let message = format!(
                "({name}) Number of VIPs ({}) exceeds maximum/space available in packet (max {MOST_ADDRESSES} addresses) - excess moved to eVIPs",
                draft.addresses.len()
            );
            self.error(Code::Conflict, draft.span, message);
            let excess = draft.addresses.split_off(MOST_ADDRESSES);
            draft.excluded.splice(0..0, excess);
        }
        let delay = draft.garp_delay.unwrap_or(global.vrrp_garp_master_delay);
        let repeat = draft.garp_repeat.unwrap_or(global.vrrp_garp_master_repeat);
        let instance = VrrpInstance {
            name,
            state,
            interface,
            vrid,
            priority,
            advert_interval,
            version,
            auth,
            nopreempt,
            preempt_delay: draft
                .preempt_delay
                .map_or(Duration::ZERO, |(delay, _)| delay),
            down_timer_adverts: draft
                .down_timer_adverts
                .unwrap_or(global.vrrp_down_timer_adverts),
            mcast_source: draft.source,
            mcast_group: draft.group.unwrap_or(global.vrrp_mcast_group4),
            addresses: draft.addresses,
            excluded_addresses: draft.excluded,
            routes: draft.routes,
            rules: draft.rules,
            garp: Garp {
                delay,
                repeat,
                refresh: draft
                    .garp_refresh
                    .unwrap_or(global.vrrp_garp_master_refresh),
                refresh_repeat: draft
                    .garp_refresh_repeat
                    .unwrap_or(global.vrrp_garp_master_refresh_repeat),
                lower_prio_delay: draft
                    .garp_lower_prio_delay
                    .or(global.vrrp_garp_lower_prio_delay)
                    .unwrap_or(delay),
                lower_prio_repeat: draft
                    .garp_lower_prio_repeat
                    .or(global.vrrp_garp_lower_prio_repeat)
                    .unwrap_or(repeat),
                interval: global.vrrp_garp_interval,
            },
            tracked: draft.tracked,
            skip_check_adv_addr: draft
                .skip_check_adv_addr
                .unwrap_or(global.vrrp_skip_check_adv_addr),
            lower_prio_no_advert: draft
                .lower_prio_no_advert
                .unwrap_or(global.vrrp_lower_prio_no_advert),
            higher_prio_send_advert: draft
                .higher_prio_send_advert
                .unwrap_or(global.vrrp_higher_prio_send_advert),
            not_yet: draft.not_yet.into_names(),
        };
        Some((instance, draft.span))
    }

    fn no_addresses(&mut self, draft: &Draft, version: u8) {
        if !draft.addresses.is_empty() || draft.no_addresses {
            return;
        }
        let name = &draft.name;
        if version == 3 {
            let help =
                "version 3 wants an address, or `no_virtual_ipaddress`; the daemon does not start";
            let message = format!("({name}) No VIP specified; at least one is required");
            self.error_help(Code::VirtualAddressRequired, draft.span, message, help);
        } else {
            let message = format!("({name}) No VIP specified; at least one is sensible");
            self.warning(
                Code::NoVirtualAddress,
                draft.span,
                message,
                "add a `virtual_ipaddress { .. }`",
            );
        }
    }

    /// Whether it must not preempt; settings that cannot be together are cleared.
    fn preemption(&mut self, draft: &mut Draft, state: InitialState, priority: u8) -> bool {
        let name = draft.name.clone();
        let master = state == InitialState::Master;
        let mut nopreempt = draft.nopreempt;
        if let Some(span) = nopreempt.filter(|_| priority == 255) {
            let message = format!(
                "({name}) nopreempt is incompatible with priority 255. resetting nopreempt"
            );
            self.error(Code::Conflict, span, message);
            nopreempt = None;
        }
        if let Some(span) = nopreempt.filter(|_| master) {
            let message = format!(
                "({name}) Warning - nopreempt will not work with initial state MASTER - clearing"
            );
            self.warning(
                Code::Conflict,
                span,
                message,
                "use `state BACKUP` with nopreempt",
            );
            nopreempt = None;
        }
        let delayed = draft.preempt_delay.filter(|(delay, _)| !delay.is_zero());
        if let Some((_, span)) = delayed.filter(|_| nopreempt.is_some()) {
            let message =
                format!("({name}) preempt_delay is incompatible with nopreempt mode - resetting");
            self.error(Code::Conflict, span, message);
            draft.preempt_delay = None;
        } else if let Some((_, span)) = delayed.filter(|_| master) {
            let message = format!(
                "({name}) Warning - preempt delay will not work with initial state MASTER - clearing"
            );
            self.warning(
                Code::Conflict,
                span,
                message,
                "use `state BACKUP` with preempt_delay",
            );
            draft.preempt_delay = None;
        }
        nopreempt.is_some()
    }

    fn advert_interval(&mut self, draft: &Draft, version: u8) -> Centis {
        let Some((interval, span)) = draft.advert_interval else {
            return Centis(100);
        };
        let name = &draft.name;
        let micros = interval.as_micros();
        let rounded = |unit: u128| u32::try_from((micros + unit / 2) / unit).unwrap_or(u32::MAX);
        if version == 2 {
            if micros % 1_000_000 != 0 {
                let message = format!(
                    "({name}) VRRPv2 advertisement interval {}.{:06}s must be an integer. rounding",
                    micros / 1_000_000,
                    micros % 1_000_000
                );
                self.warning(
                    Code::InvalidNumber,
                    span,
                    message,
                    "`version 3` knows parts of a second",
                );
            }
            return Centis(rounded(1_000_000).max(1) * 100);
        }
        let centis = rounded(10_000);
        if centis > 4095 {
            let message = format!(
                "({name}) VRRPv3 advertisement interval {}.{:02}s is out of range. Must be less than 40.96s. Setting to 40.95s",
                centis / 100,
                centis % 100
            );
            self.error(Code::InvalidNumber, span, message);
        }
        Centis(centis.clamp(1, 4095))
    }

    fn password(&mut self, draft: &Draft, version: u8) -> Option<SimplePassword> {
        let name = &draft.name;
        let span = draft.auth_type?;
        if version == 3 {
            let message =
                format!("({name}) VRRP version 3 does not support authentication. Ignoring.");
            self.warning(
                Code::Authentication,
                span,
                message,
                "VRRPv3 has none; take the block out",
            );
            return None;
        }
        if draft.password.is_none() {
            let message =
                format!("({name}) Authentication specified but no password given. Ignoring");
            self.error(Code::Authentication, span, message);
        }
        draft.password
    }

    /// Two instances cannot be the same virtual router.
    pub(super) fn clashes(&mut self, instances: &[(VrrpInstance, Span)]) {
        let mut seen: HashMap<(u8, bool, &str, Ipv4Addr), &str> = HashMap::new();
        for (instance, span) in instances
            .iter()
            .filter(|(instance, _)| !instance.interface.is_empty())
        {
            let ipv6 = instance
                .addresses
                .first()
                .is_some_and(|address| address.address.is_ipv6());
            let key = (
                instance.vrid,
                ipv6,
                instance.interface.as_str(),
                instance.mcast_group,
            );
            if let Some(first) = seen.get(&key) {
                let message = format!(
                    "{first} and {} both use VRID {} with IPv{} on interface {}",
                    instance.name,
                    instance.vrid,
                    if ipv6 { 6 } else { 4 },
                    instance.interface
                );
                let help = "each needs a virtual_router_id of its own; the daemon does not start";
                self.error_help(Code::VridClash, *span, message, help);
            } else {
                seen.insert(key, &instance.name);
            }
        }
    }
}

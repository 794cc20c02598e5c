//! What the lines of all instances and groups amount to: defaults, conflicts, what forbids the start.
//!
//! keepalived finds this after the last line, and ends at the first thing that forbids the start; here the others follow.
//! Where an interface is missing it does not even begin: what is found here is a note then.

use std::collections::HashSet;
use std::net::IpAddr;

use super::strict::is_link_local;
use super::{Draft, GroupDraft, family};
use crate::diag::Code;
use crate::lower::Lower;
use crate::model::{InitialState, Notify, SyncGroup, Transport, Unicast, VrrpInstance};
use crate::span::Span;

/// As many addresses as an advert of version 2 counts.
const MOST_ADDRESSES: usize = 255;
/// As many IPv6 addresses as an advert of 1500 bytes has room for, IP and authentication headers taken off.
const MOST_ADDRESSES6: usize = 89;

impl Lower<'_> {
    /// The instances with the places of their names, and the groups.
    pub(in crate::lower) fn complete_vrrp(
        &mut self,
        drafts: Vec<Draft>,
        groups: Vec<GroupDraft>,
    ) -> (Vec<(VrrpInstance, Span)>, Vec<SyncGroup>) {
        let before = self.sink.set_late(true);
        let said = self
            .tracked
            .missing_interface
            .is_some()
            .then(|| std::mem::take(self.sink));
        let named: HashSet<String> = drafts.iter().map(|draft| draft.name.clone()).collect();
        let mut instances = Vec::with_capacity(drafts.len());
        let weightless: HashSet<&str> = groups
            .iter()
            .filter(|group| !group.tracking_weight)
            .flat_map(|group| &group.members)
            .map(|(member, _)| member.as_str())
            .collect();
        for draft in drafts {
            let span = draft.span;
            let grouped = weightless.contains(draft.name.as_str());
            let instance = self.complete_instance(draft, grouped);
            instances.extend(instance.map(|instance| (instance, span)));
        }
        self.clashes(&instances);
        let groups = self.complete_groups(groups, &named, &instances);
        if let Some(said) = said {
            let unsaid = std::mem::replace(self.sink, said);
            self.sink.push_as_notes(unsaid);
        }
        self.sink.set_late(before);
        (instances, groups)
    }

    fn complete_instance(&mut self, mut draft: Draft, grouped: bool) -> Option<VrrpInstance> {
        let name = draft.name.clone();
        let ipv6 = draft.ipv6 == Some(true);
        let strict = draft.strict.unwrap_or(self.global.vrrp_strict);
        let version = match ipv6 {
            true => 3,
            false => draft.version.unwrap_or(self.global.vrrp_version),
        };
        let mut state = draft.state.map_or(InitialState::Backup, |(state, _)| state);
        let unsaid = match state {
            InitialState::Master => 255,
            InitialState::Backup => 100,
        };
        let priority = draft.priority.unwrap_or(unsaid);
        let Some(vrid) = draft.vrid else {
            let help =
                "write `virtual_router_id N`, 1 to 255; the daemon does not start without it";
            let message = format!("({name}) the virtual router id must be set");
            self.error_help(Code::VridMissing, draft.span, message, help);
            return None;
        };
        if let (Some(_), Some((_, span))) = (&draft.interface, &draft.vrf) {
            let message =
                format!("({name}) vrf can only be specified without interface - clearing");
            let help = "`interface` says where the instance is; an interface is in a VRF by itself";
            self.error_help(Code::Conflict, *span, message, help);
            draft.vrf = None;
        }
        if strict {
            self.strict_state(&draft, priority, &mut state);
            if !draft.unicast.peers.is_empty() {
                self.strict_unicast(&draft);
            }
        }
        let device = self.device(&mut draft, vrid, strict);
        let unicast = self.unicast(&mut draft);
        self.reachable(&draft, unicast.as_ref());
        self.wants_addresses(&draft, version, strict);
        self.first_address(&draft, strict);
        let auth = self.completed_auth(&mut draft, version, strict, &mut state);
        let preemption = self.preemption(&draft, state, priority, strict);
        let advert_interval = self.advert_interval(&draft, version);
        self.too_many_addresses(&mut draft, ipv6);
        let garp = self.garp(&draft.garp, &name, strict);
        let mcast_group = match ipv6 {
            true => IpAddr::V6(self.global.vrrp_mcast_group6),
            false => IpAddr::V4(self.global.vrrp_mcast_group4),
        };
        self.own_interface(&mut draft);
        self.useless_weights(&mut draft, priority, grouped);
        let accept = self.accept(&draft, version, priority, strict);
        let down_timer_adverts = self.down_timer_adverts(&draft, strict);
        let lower_prio_no_advert = self.lower_prio_no_advert(&draft, strict);
        let higher_prio_send_advert = self.higher_prio_send_advert(&draft, strict);
        let mail = &self.global.mail;
        let notify = Notify {
            smtp_alert: draft
                .smtp_alert
                .or(mail.alert_vrrp)
                .or(mail.alert)
                .unwrap_or(false),
            priority_changes: draft
                .priority_changes
                .unwrap_or(self.global.fifos.priority_changes),
            ..draft.notify
        };
        Some(VrrpInstance {
            state,
            vrid,
            priority,
            advert_interval,
            version,
            family: family(ipv6),
            auth,
            strict,
            device,
            nopreempt: preemption.nopreempt,
            preempt_delay: preemption.delay,
            timer_expired_backup: preemption.timer_expired_backup,
            down_timer_adverts,
            accept,
            lower_prio_no_advert,
            higher_prio_send_advert,
            interface: draft.interface.map(|(interface, _)| interface),
            vrf: draft.vrf.map(|(vrf, _)| vrf),
            dont_track_primary: draft.dont_track_primary,
            source: draft.source,
            track_source: draft.track_source,
            transport: unicast.map_or(
                Transport::Multicast(draft.mcast_group.map_or(mcast_group, |(group, _)| group)),
                Transport::Unicast,
            ),
            v3_checksum_as_v2: draft
                .v3_checksum_as_v2
                .unwrap_or(self.global.v3_checksum_as_v2),
            addresses: draft.addresses,
            excluded_addresses: draft.excluded,
            routes: draft.routes,
            rules: draft.rules,
            tracked: draft.tracking.entries,
            promote_secondaries: draft.promote_secondaries.is_some(),
            garp,
            skip_check_adv_addr: draft
                .skip_check_adv_addr
                .unwrap_or(self.global.vrrp_skip_check_adv_addr),
            // keepalived behaviour: `false` does nothing for an owner in strict mode.
            owner_ignore_adverts: strict && priority == 255
                || draft
                    .owner_ignore_adverts
                    .unwrap_or(self.global.vrrp_owner_ignore_adverts),
            kernel_rx_buf_size: draft.kernel_rx_buf_size,
            debug: draft.debug,
            notify,
            notify_deleted: draft.notify_deleted,
            notify_master_rx_lower_pri: draft.notify_master_rx_lower_pri,
            not_yet: draft.not_yet.into_names(),
            name,
        })
    }

    /// Without an interface there must be unicast adverts from a known address, which no link-local one can be.
    fn reachable(&mut self, draft: &Draft, unicast: Option<&Unicast>) {
        let free = match draft.source {
            Some(IpAddr::V6(source)) => !is_link_local(source),
            Some(IpAddr::V4(_)) => true,
            None => false,
        };
        if draft.interface.is_some() || unicast.is_some() && free {
            return;
        }
        let message = format!("({}) Unknown interface!", draft.name);
        let help = match unicast {
            Some(_) => {
                "write `interface NAME`, or `unicast_src_ip` with an address that is not link-local; the daemon does not start"
            }
            None => "write `interface NAME`; the daemon does not start without it",
        };
        self.error_help(Code::InterfaceMissing, draft.span, message, help);
    }

    fn wants_addresses(&mut self, draft: &Draft, version: u8, strict: bool) {
        if !draft.addresses.is_empty() || draft.no_addresses {
            return;
        }
        let name = &draft.name;
        if version == 3 || strict {
            let help = "version 3 and strict mode want an address, or `no_virtual_ipaddress`; the daemon does not start";
            let message = format!("({name}) No VIP specified; at least one is required");
            self.error_help(Code::VirtualAddressRequired, draft.span, message, help);
        } else {
            let message = format!("({name}) No VIP specified; at least one is sensible");
            let help = "add a `virtual_ipaddress { .. }`";
            self.warning(Code::NoVirtualAddress, draft.span, message, help);
        }
    }

    fn too_many_addresses(&mut self, draft: &mut Draft, ipv6: bool) {
        let most = if ipv6 {
            MOST_ADDRESSES6
        } else {
            MOST_ADDRESSES
        };
        let count = draft.addresses.len();
        if count <= most {
            return;
        }
        let message = format!(
            "({}) Number of VIPs ({count}) exceeds maximum/space available in packet (max {most} addresses) - excess moved to eVIPs",
            draft.name
        );
        let help = "write those that need not be advertised into `virtual_ipaddress_excluded`";
        let span = draft.first_address.unwrap_or(draft.span);
        self.error_help(Code::Conflict, span, message, help);
        let excess = draft.addresses.split_off(most);
        draft.excluded.splice(0..0, excess);
    }
}

//! `vrrp_instance`: its lines. What they amount to together is judged in `verdict`, once the whole text was read.
//!
//! Must not know: how routes, addresses and trackers are written. Enter at [`Lower::vrrp_instance`] for each block, then at
//! [`Lower::complete_vrrp`] for all of them. Tests: `tests/model.rs`, the fixtures of the family `vrrp`.

mod auth_hmac;
mod authentication;
mod clash;
mod device;
mod garp;
mod interface;
mod interval;
mod preemption;
mod source;
mod strict;
mod sync_group;
mod tracking;
mod unicast;
mod verdict;

use std::net::IpAddr;
use std::num::NonZeroU8;
use std::time::Duration;

use super::Lower;
use super::not_yet::NotYet;
use crate::ast::Node;
use crate::diag::{Code, Diagnostic};
use crate::model::{
    Family, InitialState, Notify, NotifyDeleted, Route, Rule, Script, VirtualAddress,
};
use crate::span::Span;
use authentication::AuthenticationDraft;
use device::DeviceDraft;
use garp::GarpDraft;
pub(super) use sync_group::GroupDraft;
pub(super) use tracking::TrackingDraft;
use unicast::UnicastDraft;

/// An instance whose lines were read: what was said, without defaults.
#[derive(Debug, Default)]
pub(super) struct Draft {
    pub name: String,
    /// Its name.
    span: Span,
    /// Its `}`, where keepalived sees what does not go together in it.
    closing: Span,
    state: Option<(InitialState, Span)>,
    interface: Option<(String, Span)>,
    vrf: Option<(String, Span)>,
    dont_track_primary: bool,
    device: DeviceDraft,
    vrid: Option<u8>,
    priority: Option<u8>,
    advert_interval: Option<(Duration, Span)>,
    version: Option<u8>,
    /// Of the first address that has one; all others must follow it.
    ipv6: Option<bool>,
    auth: AuthenticationDraft,
    strict: Option<bool>,
    nopreempt: Option<Span>,
    preempt_delay: Option<(Duration, Span)>,
    timer_expired_backup: Option<(NonZeroU8, Span)>,
    down_timer_adverts: Option<(u8, Span)>,
    source: Option<IpAddr>,
    track_source: bool,
    mcast_group: Option<(IpAddr, Span)>,
    unicast: UnicastDraft,
    v3_checksum_as_v2: Option<bool>,
    addresses: Vec<VirtualAddress>,
    excluded: Vec<VirtualAddress>,
    /// Where the first of `addresses` stands.
    first_address: Option<Span>,
    no_addresses: bool,
    routes: Vec<Route>,
    rules: Vec<Rule>,
    tracking: TrackingDraft,
    promote_secondaries: Option<Span>,
    accept: Option<(bool, Span)>,
    garp: GarpDraft,
    skip_check_adv_addr: Option<bool>,
    lower_prio_no_advert: Option<(bool, Span)>,
    higher_prio_send_advert: Option<(bool, Span)>,
    owner_ignore_adverts: Option<bool>,
    kernel_rx_buf_size: Option<u32>,
    debug: u8,
    notify: Notify,
    smtp_alert: Option<bool>,
    priority_changes: Option<bool>,
    notify_deleted: NotifyDeleted,
    notify_master_rx_lower_pri: Option<Box<Script>>,
    /// What has no effect so far and should have.
    not_yet: NotYet,
}

impl Draft {
    /// Adverts go to each peer by itself, or were meant to.
    fn is_unicast(&self) -> bool {
        self.unicast.keyword.is_some()
    }
}

impl Lower<'_> {
    pub(super) fn vrrp_instance(&mut self, block: Node<'_>) -> Option<Draft> {
        let name = block.argument(0)?;
        let mut draft = Draft {
            name: name.text.into_owned(),
            span: name.span,
            closing: block.closing(),
            ..Draft::default()
        };
        for node in block.body() {
            draft.not_yet.line(node);
            self.instance_line(node, &mut draft);
        }
        self.end_of_device(&mut draft);
        self.end_of_unicast(&mut draft);
        Some(draft)
    }

    fn instance_line(&mut self, node: Node<'_>, draft: &mut Draft) {
        let owner = draft.name.clone();
        let span = node.argument(0).map_or(node.span(), |word| word.span);
        match node.name() {
            "state" => self.state(node, draft),
            "interface" => self.interface(node, draft),
            "vrf" => self.vrf(node, draft),
            "dont_track_primary" => draft.dont_track_primary = true,
            "use_vmac" => self.use_vmac(node, draft),
            "use_vmac_addr" => draft.device.vmac_addr = true,
            "vmac_xmit_base" => {
                draft.device.transmit_base.get_or_insert(node.span());
            }
            "use_ipvlan" => self.use_ipvlan(node, draft),
            "virtual_router_id" => {
                let also = |text: &str| {
                    format!("({owner}): VRID '{text}' not valid - must be between 1 & 255")
                };
                draft.vrid = self.u8(node, 1..=255, also).or(draft.vrid);
            }
            "version" => self.version(node, draft),
            "native_ipv6" => self.native_ipv6(node, draft),
            "priority" => {
                let also = |_: &str| {
                    format!(
                        "({owner}) Priority not valid! must be between 1 & 255. Using default 100"
                    )
                };
                if node.argument(0).is_some() {
                    draft.priority = self.u8(node, 1..=255, also).or(Some(100));
                } else {
                    self.require(node);
                }
            }
            "advert_int" => {
                let also = |text: &str| {
                    format!("({owner}) Advert interval ({text}) not valid! Must be > 0 - ignoring")
                };
                let interval = self.seconds(node, 10_000..=255_000_000, also);
                draft.advert_interval = interval
                    .map(|interval| (interval, span))
                    .or(draft.advert_interval);
            }
            "virtual_ipaddress" => {
                let found = self.virtual_addresses(node, &owner, Some(&mut draft.ipv6));
                if draft.addresses.is_empty() && !found.is_empty() {
                    let first = node.entries().next();
                    draft.first_address = first.and_then(|entry| Some(entry.first()?.span));
                }
                draft.addresses.extend(found);
            }
            "virtual_ipaddress_excluded" => draft
                .excluded
                .extend(self.virtual_addresses(node, &owner, None)),
            "virtual_routes" => {
                for entry in node.entries() {
                    draft.routes.extend(self.route(&entry, None));
                }
            }
            "virtual_rules" => {
                for entry in node.entries() {
                    draft.rules.extend(self.rule(&entry, None));
                }
            }
            "track_interface" | "track_script" | "track_file" | "track_process" | "track_bfd" => {
                self.track_entries(node, &owner, &mut draft.tracking);
            }
            "no_virtual_ipaddress" => draft.no_addresses = true,
            "promote_secondaries" => {
                draft.promote_secondaries.get_or_insert(node.span());
            }
            "mcast_src_ip" => self.source_address(node, draft),
            "unicast_src_ip" => {
                draft.unicast.keyword.get_or_insert(node.span());
                self.source_address(node, draft);
            }
            "track_src_ip" => draft.track_source = true,
            "mcast_dst_ip" => self.group_address(node, draft),
            "unicast_peer"
            | "unicast_fault_no_peer"
            | "check_unicast_src"
            | "unicast_ttl"
            | "old_unicast_checksum" => self.unicast_line(node, draft),
            "v3_checksum_as_v2" => {
                let value = self.instance_boolean(node, &owner);
                draft.v3_checksum_as_v2 = value.or(draft.v3_checksum_as_v2);
            }
            "strict_mode" => {
                draft.strict = self.instance_boolean(node, &owner).or(draft.strict);
            }
            "accept" => draft.accept = Some((true, node.span())),
            "no_accept" => draft.accept = Some((false, node.span())),
            "nopreempt"
            | "preempt"
            | "preempt_delay"
            | "timer_expired_backup"
            | "thread_timer_expired" => self.preemption_line(node, draft),
            "down_timer_adverts" => {
                let also =
                    |text: &str| format!("({owner}): Invalid down_timer_adverts [1:100] '{text}'");
                let adverts = self.u8(node, 1..=100, also);
                draft.down_timer_adverts = adverts
                    .map(|adverts| (adverts, span))
                    .or(draft.down_timer_adverts);
            }
            "skip_check_adv_addr" => {
                // keepalived behaviour: `false` switches it on as well.
                let value = self.instance_boolean(node, &owner).map(|_| true);
                draft.skip_check_adv_addr = value.or(draft.skip_check_adv_addr);
            }
            "lower_prio_no_advert" => {
                let value = self.instance_boolean(node, &owner);
                draft.lower_prio_no_advert =
                    value.map(|on| (on, span)).or(draft.lower_prio_no_advert);
            }
            "higher_prio_send_advert" => {
                let value = self.instance_boolean(node, &owner);
                draft.higher_prio_send_advert =
                    value.map(|on| (on, span)).or(draft.higher_prio_send_advert);
            }
            "owner_ignore_adverts" => {
                let value = self.instance_boolean(node, &owner);
                draft.owner_ignore_adverts = value.or(draft.owner_ignore_adverts);
            }
            "kernel_rx_buf_size" => {
                let also = |_: &str| format!("({owner}) invalid kernel_rx_buf_size specified");
                draft.kernel_rx_buf_size = self
                    .u32(node, 0..=u32::MAX, also)
                    .or(draft.kernel_rx_buf_size);
            }
            "debug" => {
                let also = |text: &str| {
                    format!("({owner}) Debug value '{text}' not valid; must be between 0-4")
                };
                draft.debug = self.u8(node, 0..=4, also).unwrap_or(draft.debug);
            }
            "authentication" => self.authentication(node, draft),
            "auth_hmac" => self.auth_hmac(node, draft),
            "lvs_sync_daemon_interface" => self.sync_daemon_interface(node, &owner),
            "linkbeat_use_polling" => {
                let message = format!(
                    "({owner}) 'linkbeat_use_polling' in vrrp instance deprecated - use linkbeat_interfaces block"
                );
                let help = "name the interface in a `linkbeat_interfaces { .. }` block";
                self.error_help(Code::Deprecated, node.span(), message, help);
            }
            "smtp_alert" => {
                let value = self.boolean(node, |text| {
                    format!("Invalid vrrp_instance smtp_alert parameter {text}")
                });
                draft.smtp_alert = value.or(draft.smtp_alert);
            }
            "notify_priority_changes" => {
                let value = self.boolean(node, |text| {
                    format!(
                        "({owner}) Invalid value '{text}' for notify_priority_changes specified"
                    )
                });
                draft.priority_changes = value.or(draft.priority_changes);
            }
            "notify_deleted" => self.notify_deleted(node, draft),
            "notify_master_rx_lower_pri" => {
                self.script_once(node, &mut draft.notify_master_rx_lower_pri, owner);
            }
            name if name.starts_with("notify") => {
                self.notify_line(node, &mut draft.notify, owner);
            }
            _ => self.garp_line(node, &owner, &mut draft.garp),
        }
    }

    /// The scripts that instances and groups have alike.
    fn notify_line(&mut self, node: Node<'_>, notify: &mut Notify, owner: String) {
        let slot = match node.name() {
            "notify_master" => &mut notify.master,
            "notify_backup" => &mut notify.backup,
            "notify_fault" => &mut notify.fault,
            "notify_stop" => &mut notify.stop,
            "notify" => &mut notify.any,
            _ => return,
        };
        self.script_once(node, slot, owner);
    }

    fn notify_deleted(&mut self, node: Node<'_>, draft: &mut Draft) {
        if draft.notify_deleted != NotifyDeleted::AsFault {
            let script = node.argument(0).map(|word| word.text).unwrap_or_default();
            let message = format!(
                "({}) notify_deleted already specified - ignoring {script}",
                draft.name
            );
            let help = "the first one counts";
            self.error_help(Code::Duplicate, node.span(), message, help);
            return;
        }
        let mut script = None;
        if node.argument(0).is_some() {
            self.script_once(node, &mut script, &draft.name);
        }
        draft.notify_deleted = script.map_or(NotifyDeleted::Deleted, NotifyDeleted::Script);
    }

    fn instance_boolean(&mut self, node: Node<'_>, owner: &str) -> Option<bool> {
        self.boolean(node, |text| {
            format!("({owner}) invalid {} {text} specified", node.name())
        })
    }

    fn sync_daemon_interface(&mut self, node: Node<'_>, owner: &str) {
        let message =
            format!("({owner}) Specifying lvs_sync_daemon_interface against a vrrp is deprecated.");
        let diagnostic = Diagnostic::error(Code::Deprecated, node.span(), message);
        self.sink.push(
            diagnostic
                .also("Please use global lvs_sync_daemon")
                .help("it has no effect here"),
        );
        self.require(node);
    }

    fn state(&mut self, node: Node<'_>, draft: &mut Draft) {
        let Some(word) = self.require(node) else {
            return;
        };
        let name = &draft.name;
        let state = match &*word.text {
            "MASTER" => InitialState::Master,
            "BACKUP" => InitialState::Backup,
            other => {
                let message = format!("({name}) unknown state '{other}', defaulting to BACKUP");
                let help = match other.to_ascii_uppercase().as_str() {
                    "SLAVE" => {
                        "keepalived has no SLAVE; the other states than MASTER are written BACKUP"
                    }
                    "MASTER" => "write MASTER in capitals",
                    _ => "MASTER or BACKUP",
                };
                self.error_help(Code::InvalidValue, word.span, message, help);
                InitialState::Backup
            }
        };
        let master = matches!(draft.state, Some((InitialState::Master, _)));
        if master && state == InitialState::Backup {
            if word.text == "BACKUP" {
                let message = format!("({name}) state previously set as MASTER - ignoring BACKUP");
                let help = "one `state` is enough; the MASTER before it stays";
                self.error_help(Code::Conflict, word.span, message, help);
            }
        } else {
            draft.state = Some((state, word.span));
        }
    }

    fn version(&mut self, node: Node<'_>, draft: &mut Draft) {
        let owner = &draft.name;
        let also = |_: &str| format!("({owner}): Version must be either 2 or 3");
        let Some(version) = self.u8(node, 2..=3, also) else {
            return;
        };
        let ipv6 = draft.ipv6 == Some(true);
        let known = draft.version.or(ipv6.then_some(3));
        match known {
            Some(known) if known != version => {
                let message = format!(
                    "({owner}) vrrp_version {version} conflicts with configured or deduced version {known}; ignoring."
                );
                let help = match ipv6 {
                    true => "IPv6 has version 3 only",
                    false => "one instance speaks one version",
                };
                let span = node.argument(0).map_or(node.span(), |word| word.span);
                self.error_help(Code::Conflict, span, message, help);
            }
            _ => draft.version = Some(version),
        }
    }

    fn native_ipv6(&mut self, node: Node<'_>, draft: &mut Draft) {
        if draft.ipv6 == Some(false) {
            let message = format!(
                "({}) Cannot specify native_ipv6 with IPv4 addresses",
                draft.name
            );
            let help = "the first address decides; take the line out";
            self.error_help(Code::Conflict, node.span(), message, help);
        } else {
            draft.ipv6 = Some(true);
            draft.version = Some(3);
        }
    }
}

fn family(ipv6: bool) -> Family {
    if ipv6 { Family::Inet6 } else { Family::Inet }
}

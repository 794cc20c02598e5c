//! `vrrp_instance`: its lines. What they amount to together is judged in `verdict`.

use std::net::{IpAddr, Ipv4Addr};
use std::time::Duration;

use super::Lower;
use super::not_yet::NotYet;
use crate::ast::Node;
use crate::diag::{Code, Diagnostic};
use crate::keyword::not_yet;
use crate::model::{
    InitialState, Route, Rule, SimplePassword, TrackEntry, VirtualAddress, VrrpInstance,
};
use crate::span::Span;
use crate::value::address;

/// An instance while its lines are read: what was said, without defaults.
#[derive(Debug, Default)]
pub(super) struct Draft {
    pub name: String,
    pub span: Span,
    pub state: Option<(InitialState, Span)>,
    pub interface: Option<String>,
    pub unknown_interface: bool,
    pub vrid: Option<u8>,
    pub priority: Option<u8>,
    pub advert_interval: Option<(Duration, Span)>,
    pub version: Option<u8>,
    pub auth_type: Option<Span>,
    pub password: Option<SimplePassword>,
    pub nopreempt: Option<Span>,
    pub preempt_delay: Option<(Duration, Span)>,
    pub down_timer_adverts: Option<u8>,
    pub source: Option<Ipv4Addr>,
    pub group: Option<Ipv4Addr>,
    pub ipv6: Option<bool>,
    pub addresses: Vec<VirtualAddress>,
    pub excluded: Vec<VirtualAddress>,
    pub routes: Vec<Route>,
    pub rules: Vec<Rule>,
    pub no_addresses: bool,
    pub garp_delay: Option<Duration>,
    pub garp_repeat: Option<u32>,
    pub garp_refresh: Option<Duration>,
    pub garp_refresh_repeat: Option<u32>,
    pub garp_lower_prio_delay: Option<Duration>,
    pub garp_lower_prio_repeat: Option<u32>,
    pub tracked: Vec<TrackEntry>,
    pub skip_check_adv_addr: Option<bool>,
    pub lower_prio_no_advert: Option<bool>,
    pub higher_prio_send_advert: Option<bool>,
    /// Unicast, VMAC, VRF and the like, which change what is required and are not acted on yet.
    pub elsewhere: bool,
    /// What has no effect so far and should have.
    pub not_yet: NotYet,
}

/// The name it has in `VrrpInstance::not_yet`: `auth_type` alone would be PASS as well.
const AH: &str = "auth_type AH";

impl Lower<'_> {
    pub(super) fn vrrp_instance(&mut self, block: Node<'_>) -> Option<(VrrpInstance, Span)> {
        let name = block.argument(0)?;
        let mut draft = Draft {
            name: name.text.into_owned(),
            span: name.span,
            ..Draft::default()
        };
        for node in block.body() {
            draft.not_yet.line(node);
            self.instance_line(node, &mut draft);
        }
        self.judge(draft)
    }

    fn instance_line(&mut self, node: Node<'_>, draft: &mut Draft) {
        let owner = draft.name.clone();
        let keyword = node.name();
        let span = node.argument(0).map_or(node.span(), |word| word.span);
        let invalid = |text: &str| format!("({owner}): {keyword} '{text}' invalid - ignoring");
        match keyword {
            "state" => self.state(node, draft),
            "interface" => self.interface(node, draft),
            "virtual_router_id" => {
                let also = |text: &str| {
                    format!("({owner}): VRID '{text}' not valid - must be between 1 & 255")
                };
                draft.vrid = self.u8(node, 1..=255, also).or(draft.vrid);
            }
            "version" => {
                let also = |_: &str| format!("({owner}): Version must be either 2 or 3");
                draft.version = self.u8(node, 2..=3, also).or(draft.version);
            }
            "priority" => {
                let also = |_: &str| {
                    format!(
                        "({owner}) Priority not valid! must be between 1 & 255. Using default 100"
                    )
                };
                let missing = node.argument(0).is_none();
                draft.priority = self.u8(node, 1..=255, also).or(if missing {
                    draft.priority
                } else {
                    Some(100)
                });
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
            "no_virtual_ipaddress" => draft.no_addresses = true,
            "mcast_src_ip" => self.source_address(node, draft),
            "mcast_dst_ip" => self.group_address(node, draft),
            "nopreempt" => draft.nopreempt = Some(node.span()),
            "preempt" => draft.nopreempt = None,
            "preempt_delay" => {
                let also =
                    |_: &str| format!("({owner}) Preempt_delay not valid! must be between 0-1000");
                let delay = self.seconds(node, 0..=1_000_000_000, also);
                draft.preempt_delay = delay
                    .map(|delay| (delay, node.span()))
                    .or(draft.preempt_delay);
            }
            "garp_master_delay" => {
                draft.garp_delay = self.whole_seconds(node, 4294, invalid).or(draft.garp_delay)
            }
            "garp_master_refresh" => {
                draft.garp_refresh = self
                    .whole_seconds(node, u32::MAX, invalid)
                    .or(draft.garp_refresh);
            }
            "garp_master_repeat" => {
                draft.garp_repeat = self
                    .at_least_one(node, &format!("({owner}): "), invalid)
                    .or(draft.garp_repeat);
            }
            "garp_master_refresh_repeat" => {
                let repeat = self.at_least_one(node, &format!("({owner}): "), invalid);
                draft.garp_refresh_repeat = repeat.or(draft.garp_refresh_repeat);
            }
            "garp_lower_prio_delay" => {
                draft.garp_lower_prio_delay = self
                    .whole_seconds(node, 4294, invalid)
                    .or(draft.garp_lower_prio_delay);
            }
            "garp_lower_prio_repeat" => {
                draft.garp_lower_prio_repeat = self
                    .u32(node, 0..=0x7fff_ffff, invalid)
                    .or(draft.garp_lower_prio_repeat);
            }
            "down_timer_adverts" => {
                let also =
                    |text: &str| format!("({owner}): Invalid down_timer_adverts [1:100] '{text}'");
                draft.down_timer_adverts =
                    self.u8(node, 1..=100, also).or(draft.down_timer_adverts);
            }
            "skip_check_adv_addr" => {
                // keepalived behaviour: `false` switches it on as well.
                let value = self.instance_boolean(node, &owner).map(|_| true);
                draft.skip_check_adv_addr = value.or(draft.skip_check_adv_addr);
            }
            "lower_prio_no_advert" => {
                draft.lower_prio_no_advert = self
                    .instance_boolean(node, &owner)
                    .or(draft.lower_prio_no_advert);
            }
            "higher_prio_send_advert" => {
                draft.higher_prio_send_advert = self
                    .instance_boolean(node, &owner)
                    .or(draft.higher_prio_send_advert);
            }
            "authentication" => self.authentication(node, draft),
            "lvs_sync_daemon_interface" => {
                let message = format!(
                    "({owner}) Specifying lvs_sync_daemon_interface against a vrrp is deprecated."
                );
                let diagnostic = Diagnostic::error(Code::Deprecated, node.span(), message);
                self.sink.push(
                    diagnostic
                        .also("Please use global lvs_sync_daemon")
                        .help("it has no effect here"),
                );
            }
            "linkbeat_use_polling" => {
                let message = format!("({owner}) linkbeat_use_polling is deprecated");
                self.error_help(
                    Code::Deprecated,
                    node.span(),
                    message,
                    "use a linkbeat_interfaces block",
                );
            }
            "track_interface" | "track_script" | "track_file" | "track_process" | "track_bfd" => {
                self.track_entries(node, &owner, &mut draft.tracked);
            }
            "unicast_peer"
            | "unicast_src_ip"
            | "use_vmac"
            | "use_ipvlan"
            | "vrf"
            | "unicast_fault_no_peer" => {
                draft.elsewhere = true;
            }
            _ => {}
        }
    }

    fn instance_boolean(&mut self, node: Node<'_>, owner: &str) -> Option<bool> {
        self.boolean(node, |text| {
            format!("({owner}) invalid {} {text} specified", node.name())
        })
    }

    fn state(&mut self, node: Node<'_>, draft: &mut Draft) {
        let Some(word) = self.require(node) else {
            return;
        };
        let state = match &*word.text {
            "MASTER" => InitialState::Master,
            "BACKUP" => InitialState::Backup,
            other => {
                let message = format!(
                    "({}) unknown state '{other}', defaulting to BACKUP",
                    draft.name
                );
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
        // keepalived behaviour: BACKUP after MASTER changes nothing.
        if !matches!(draft.state, Some((InitialState::Master, _))) {
            draft.state = Some((state, word.span));
        }
    }

    fn interface(&mut self, node: Node<'_>, draft: &mut Draft) {
        let Some(word) = self.require(node) else {
            return;
        };
        let text = &word.text;
        if text == "lo" {
            let message = format!(
                "({}) cannot use a loopback interface ({text}) for vrrp - ignoring",
                draft.name
            );
            self.error(Code::UnknownInterface, word.span, message);
        } else if self.has_interface(text) {
            draft.interface = Some(text.to_string());
        } else {
            draft.unknown_interface = true;
            let message = format!(
                "WARNING - interface {text} for vrrp_instance {} doesn't exist",
                draft.name
            );
            let help = "`ip link` lists the interfaces of this host";
            self.error_help(Code::UnknownInterface, word.span, message, help);
        }
    }

    fn source_address(&mut self, node: Node<'_>, draft: &mut Draft) {
        let Some(word) = self.require(node) else {
            return;
        };
        match address::ip(&word.text) {
            Some(IpAddr::V4(source)) if draft.ipv6 != Some(true) => draft.source = Some(source),
            Some(IpAddr::V6(_)) if draft.ipv6 != Some(false) => draft.ipv6 = Some(true),
            Some(_) => {
                let message = format!(
                    "Configuration error: VRRP instance[{}] and src address[{}] MUST be of the same family !!! Skipping...",
                    draft.name, word.text
                );
                self.error(Code::InvalidAddress, word.span, message);
            }
            None => {
                let message = format!(
                    "Configuration error: VRRP instance[{}] malformed src address[{}]. Skipping...",
                    draft.name, word.text
                );
                self.error_help(Code::InvalidAddress, word.span, message, super::takes(node));
            }
        }
    }

    fn group_address(&mut self, node: Node<'_>, draft: &mut Draft) {
        let Some(word) = self.require(node) else {
            return;
        };
        match address::ip(&word.text) {
            Some(IpAddr::V4(group)) if group.is_multicast() => draft.group = Some(group),
            Some(IpAddr::V6(group)) if group.is_multicast() => {}
            _ => {
                let message = format!(
                    "({}) mcast_dst_ip {} not multicast. Skipping...",
                    draft.name, word.text
                );
                self.error_help(Code::InvalidAddress, word.span, message, super::takes(node));
            }
        }
    }

    fn authentication(&mut self, block: Node<'_>, draft: &mut Draft) {
        for node in block.body() {
            let Some(word) = self.require(node) else {
                continue;
            };
            match (node.name(), &*word.text) {
                ("auth_type", "PASS") => draft.auth_type = Some(word.span),
                ("auth_type", "AH") => {
                    draft.elsewhere = true;
                    draft.not_yet.add(AH);
                    let message = not_yet(
                        "AH authentication",
                        "adverts would be sent and taken without it",
                    );
                    self.sink
                        .push(Diagnostic::note(Code::NotYet, word.span, message));
                }
                ("auth_type", other) => {
                    let message = format!("({}) unknown authentication type '{other}'", draft.name);
                    self.error_help(
                        Code::Authentication,
                        word.span,
                        message,
                        "PASS or AH, in capitals",
                    );
                }
                ("auth_pass", password) => {
                    let bytes = password.as_bytes();
                    if bytes.len() > 8 {
                        let help = "VRRPv2 carries 8 bytes: only the first 8 count, here and on every other router";
                        let message = "Truncating auth_pass to 8 characters";
                        self.warning(Code::PasswordTruncated, word.span, message, help);
                    }
                    let mut padded = [0; 8];
                    padded
                        .iter_mut()
                        .zip(bytes)
                        .for_each(|(to, from)| *to = *from);
                    draft.password = Some(SimplePassword(padded));
                }
                _ => {}
            }
        }
    }
}

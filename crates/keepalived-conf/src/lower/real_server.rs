//! `real_server`.

use std::net::SocketAddr;

use super::Lower;
use super::check::{Level, Place, Timing};
use super::not_yet::NotYet;
use super::server_group::Group;
use super::server_label::Label;
use super::virtual_server::Draft;
use crate::ast::Node;
use crate::diag::{Code, Diagnostic};
use crate::model::{Family, Forwarding, RealServer, Script, VirtualServerKey};
use crate::span::Span;

/// What a real server takes over from its virtual server.
pub(super) struct Inherited<'i> {
    pub draft: &'i Draft,
    pub group: Option<Group>,
    pub label: &'i Label<'i>,
    pub forwarding: Forwarding,
    /// The `lb_kind` said before the real server.
    pub forwarding_known: Option<Forwarding>,
    /// Whether more is said of it than of its lines.
    pub verdict: bool,
}

impl Lower<'_> {
    /// `address` as written: port 0 where there is none. Also whether it has a method of its own, or the one said before it.
    pub(super) fn real_server(
        &mut self,
        block: Node<'_>,
        mut address: SocketAddr,
        inherited: &Inherited<'_>,
    ) -> Option<(RealServer, bool)> {
        let around = inherited.draft;
        let mut weight = around.weight.unwrap_or(1);
        let mut own_forwarding = None;
        let (mut upper, mut lower) = (0, 0);
        let mut lower_span = Span::default();
        let mut inhibit_on_failure = around.inhibit_on_failure;
        let mut smtp_alert = around.smtp_alert;
        let mut virtualhost = None;
        let mut snmp_name = None;
        let mut timing = Timing::default();
        let (mut notify_up, mut notify_down): (Option<Box<Script>>, Option<Box<Script>>) =
            (None, None);
        for node in block.body() {
            let invalid =
                |text: &str| format!("Invalid real_server {} '{text}' - ignoring", node.name());
            let owner = format_args!("{} {address}", inherited.label);
            match node.name() {
                "weight" => {
                    let also = |text: &str| {
                        format!("Real server weight {text} is outside range 0-2147483647")
                    };
                    weight = self.u32(node, 0..=0x7fff_ffff, also).unwrap_or(weight);
                }
                "lvs_method" => {
                    own_forwarding = self.forwarding(node, "real server").or(own_forwarding);
                }
                "uthreshold" => upper = self.u32(node, 0..=u32::MAX, invalid).unwrap_or(upper),
                "lthreshold" => {
                    lower = self.u32(node, 0..=u32::MAX, invalid).unwrap_or(lower);
                    lower_span = node.argument(0).map_or(node.span(), |word| word.span);
                }
                "inhibit_on_failure" => {
                    let value = self.boolean(node, |text| {
                        format!("Invalid inhibit_on_failure parameter {text}")
                    });
                    inhibit_on_failure = value.unwrap_or(inhibit_on_failure);
                }
                "notify_up" => self.script_once(node, &mut notify_up, owner),
                "notify_down" => self.script_once(node, &mut notify_down, owner),
                "alpha" => {
                    let value =
                        self.boolean(node, |text| format!("Invalid alpha parameter {text}"));
                    timing.alpha = value.or(timing.alpha);
                }
                "retry" | "delay_before_retry" | "warmup" | "connect_timeout" | "delay_loop" => {
                    self.timing(node, &mut timing, Level::RealServer);
                }
                "smtp_alert" => {
                    let value = self.boolean(node, |text| {
                        format!("Invalid real_server smtp_alert parameter {text}")
                    });
                    smtp_alert = value.or(smtp_alert);
                }
                "virtualhost" => {
                    virtualhost = self.virtualhost(node, "real server").or(virtualhost);
                }
                "snmp_name" => snmp_name = self.snmp_name(node, "real server").or(snmp_name),
                _ => {}
            }
        }
        let virtualhost = virtualhost.or_else(|| around.virtualhost.clone());
        let timing = timing.or(&around.timing);
        if let Some(VirtualServerKey::Address(service)) = &around.key
            && address.port() == 0
        {
            address.set_port(service.port());
        }
        let key = VirtualServerKey::Address(address);
        let place = Place {
            address,
            label: &Label {
                key: Some(&key),
                protocol: inherited.label.protocol,
                nth: 0,
            },
            log_all_failures: self.global.checker_log_all_failures,
            virtualhost: virtualhost.as_deref(),
            timing: &timing,
        };
        let mut not_yet = NotYet::default();
        not_yet.block(block);
        let checks = self.checks(block, &place);
        let known = own_forwarding.or(inherited.forwarding_known);
        if !matches!(known, Some(Forwarding::Tunnel(_)))
            && around
                .family
                .is_some_and(|family| family != Family::of(address.ip()))
        {
            let ip = address.ip();
            let message = format!(
                "Address family of virtual server and real server {ip} don't match - skipping real server."
            );
            let help = "only lb_kind TUN joins IPv4 and IPv6";
            self.error_help(Code::InvalidAddress, block.closing(), message, help);
            return None;
        }
        let forwarding = own_forwarding.unwrap_or(inherited.forwarding);
        if inherited.verdict {
            if let Some(key) = &around.key
                && forwarding != Forwarding::Nat
            {
                let port = block.argument(1).or_else(|| block.argument(0));
                let span = port.map_or(block.span(), |word| word.span);
                let before = self.sink.set_late(true);
                self.real_server_port(&mut address, span, key, inherited.group, inherited.label);
                self.sink.set_late(before);
            }
            if upper > 0 && lower >= upper {
                let message = "a server that is full takes connections again below lthreshold, which is not below uthreshold";
                self.sink
                    .push(Diagnostic::note(Code::Conflict, lower_span, message));
            }
        }
        let real = RealServer {
            address,
            weight,
            forwarding,
            upper_threshold: upper,
            lower_threshold: lower,
            inhibit_on_failure,
            alpha: timing.alpha.unwrap_or(false),
            notify_up,
            notify_down,
            checks,
            virtualhost,
            smtp_alert,
            snmp_name,
            not_yet: not_yet.into_names(),
        };
        Some((real, known.is_some()))
    }
}

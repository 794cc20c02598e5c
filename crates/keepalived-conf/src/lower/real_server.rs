//! `real_server`.

use super::Lower;
use super::check::{Level, Place, Timing};
use super::not_yet::NotYet;
use super::virtual_server::{Label, family_of};
use crate::ast::Node;
use crate::diag::Code;
use crate::header;
use crate::model::{Family, Forwarding, Protocol, RealServer, Script, VirtualServerKey};

/// What a real server takes over from its virtual server.
pub(super) struct Inherited<'i> {
    pub key: Option<VirtualServerKey>,
    pub label: &'i Label,
    pub protocol: Option<Protocol>,
    pub family: Option<Family>,
    pub forwarding: Forwarding,
    pub weight: u32,
    pub inhibit_on_failure: bool,
    pub timing: Timing,
    pub virtualhost: Option<String>,
}

impl Lower<'_> {
    pub(super) fn real_server(
        &mut self,
        block: Node<'_>,
        inherited: &Inherited<'_>,
    ) -> Option<RealServer> {
        let mut address = header::socket_address(block)?;
        let span = block.argument(0)?.span;
        let (mut weight, mut forwarding) = (inherited.weight, inherited.forwarding);
        let (mut upper, mut lower) = (0, 0);
        let mut inhibit_on_failure = inherited.inhibit_on_failure;
        let mut virtualhost = inherited.virtualhost.clone();
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
                "lvs_method" => forwarding = self.forwarding(node).unwrap_or(forwarding),
                "uthreshold" => upper = self.u32(node, 0..=u32::MAX, invalid).unwrap_or(upper),
                "lthreshold" => lower = self.u32(node, 0..=u32::MAX, invalid).unwrap_or(lower),
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
                "virtualhost" => match node.argument(0) {
                    Some(word) => virtualhost = Some(word.text.into_owned()),
                    None => self.error(
                        Code::InvalidValue,
                        node.span(),
                        "real server virtualhost missing",
                    ),
                },
                _ => {}
            }
        }
        let timing = timing.or(&inherited.timing);
        let name = Label(Some(VirtualServerKey::Address(address)), inherited.protocol);
        if let Some(VirtualServerKey::Address(service)) = &inherited.key
            && address.port() == 0
        {
            address.set_port(service.port());
        }
        let place = Place {
            address,
            label: &name,
            log_all_failures: self.global.checker_log_all_failures,
            virtualhost: virtualhost.as_deref(),
            timing: &timing,
        };
        let mut not_yet = NotYet::default();
        not_yet.block(block);
        let checks = self.checks(block, &place);
        let nat = forwarding == Forwarding::Nat;
        let tunnel = matches!(forwarding, Forwarding::Tunnel(_));
        if !tunnel
            && inherited
                .family
                .is_some_and(|family| family != family_of(address.ip()))
        {
            let ip = address.ip();
            let message = format!(
                "Address family of virtual server and real server {ip} don't match - skipping real server."
            );
            self.error_help(
                Code::InvalidAddress,
                span,
                message,
                "only lb_kind TUN joins IPv4 and IPv6",
            );
            return None;
        }
        match &inherited.key {
            Some(VirtualServerKey::Address(service))
                if !nat && address.port() != service.port() =>
            {
                let vs = inherited.label;
                let message = format!(
                    "WARNING - virtual server {vs} and real server {name} ports don't match - resetting"
                );
                let help = "only NAT can change the port; with DR and TUN the real server listens on the service's";
                self.warning(Code::PortMismatch, span, message, help);
                address.set_port(service.port());
            }
            Some(VirtualServerKey::Fwmark(_)) if !nat && address.port() != 0 => {
                let message = format!(
                    "WARNING - fwmark virtual server {}, real server {name} has port specified - clearing",
                    inherited.label
                );
                self.warning(
                    Code::PortMismatch,
                    span,
                    message,
                    "only NAT can change the port",
                );
                address.set_port(0);
            }
            _ => {}
        }
        Some(RealServer {
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
            not_yet: not_yet.into_names(),
        })
    }
}

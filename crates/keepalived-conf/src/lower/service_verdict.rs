//! What the lines of a virtual server amount to: defaults and conflicts. keepalived comes to these after the whole text, so
//! they have no line there.

use std::net::SocketAddr;

use super::Lower;
use super::server_group::Group;
use super::server_label::Label;
use super::virtual_server::Draft;
use crate::diag::{Code, Diagnostic};
use crate::model::{
    Forwarding, GroupEntry, Protocol, RealServer, SchedulerFlags, VirtualServerKey,
};
use crate::span::Span;

const ONLY_NAT: &str = "only NAT can change the port";

impl Lower<'_> {
    /// An error that keepalived finds after the whole text was read.
    pub(super) fn late_error(&mut self, code: Code, span: Span, message: String, help: &str) {
        let mut diagnostic = Diagnostic::error(code, span, message).help(help);
        diagnostic.late = true;
        self.sink.push(diagnostic);
    }

    pub(super) fn protocol_verdict(
        &mut self,
        draft: &Draft,
        key: &VirtualServerKey,
        group: Option<Group>,
        label: &Label<'_>,
    ) {
        match draft.protocol {
            Some((_, span)) if label.protocol.is_none() => {
                let message = format!(
                    "Warning: Virtual server {label}: protocol specified for fwmark - protocol will be ignored"
                );
                let help = "a firewall mark has no protocol";
                self.warning(Code::Conflict, span, message, help);
            }
            None if label.protocol.is_some() => {
                let unknown = Label {
                    key: Some(key),
                    protocol: None,
                    nth: label.nth,
                };
                let message =
                    format!("Virtual server {unknown}: no protocol set - defaulting to UDP");
                let help = match group {
                    None => "write `protocol TCP` or `protocol UDP`",
                    Some(_) => {
                        "the addresses of the group need one: `protocol TCP` or `protocol UDP`"
                    }
                };
                self.warning(Code::DefaultUsed, draft.span, message, help);
            }
            _ => {}
        }
    }

    pub(super) fn one_packet(&mut self, draft: &Draft, label: &Label<'_>) -> SchedulerFlags {
        let mut flags = draft.flags;
        if flags.one_packet && label.protocol.is_some_and(|p| p != Protocol::Udp) {
            let message =
                format!("Virtual server {label}: one packet scheduling requires UDP - resetting");
            let help = "every packet would go to another server; only UDP can do that";
            self.error_help(Code::Conflict, draft.one_packet, message, help);
            flags.one_packet = false;
        }
        flags
    }

    pub(super) fn ha_suspend(
        &mut self,
        draft: &Draft,
        key: &VirtualServerKey,
        group: Option<Group>,
        label: &Label<'_>,
    ) -> bool {
        let Some(span) = draft.ha_suspend else {
            return false;
        };
        let marks = match group {
            Some(group) => group.has_mark,
            None => matches!(key, VirtualServerKey::Fwmark(_)),
        };
        if marks {
            let message = format!(
                "Virtual server {label}: cannot use ha_suspend with fwmarks - clearing ha_suspend"
            );
            let help = "a mark has no address that could be on this host or not";
            self.error_help(Code::Conflict, span, message, help);
        }
        !marks
    }

    /// The port of a real server, which stands at `span`.
    pub(super) fn real_server_port(
        &mut self,
        address: &mut SocketAddr,
        span: Span,
        key: &VirtualServerKey,
        group: Option<Group>,
        label: &Label<'_>,
    ) {
        let own = VirtualServerKey::Address(*address);
        let name = Label {
            key: Some(&own),
            protocol: label.protocol,
            nth: 0,
        };
        match (key, group) {
            (VirtualServerKey::Address(service), _) if address.port() != service.port() => {
                let message = format!(
                    "WARNING - virtual server {label} and real server {name} ports don't match - resetting"
                );
                let help = "only NAT can change the port; with DR and TUN the real server listens on the service's";
                self.warning(Code::PortMismatch, span, message, help);
                address.set_port(service.port());
            }
            (VirtualServerKey::Fwmark(_), _) if address.port() != 0 => {
                let message = format!(
                    "WARNING - fwmark virtual server {label}, real server {name} has port specified - clearing"
                );
                self.warning(Code::PortMismatch, span, message, ONLY_NAT);
                address.set_port(0);
            }
            (_, Some(group)) if address.port() != 0 => {
                if group.has_mark {
                    let message = format!(
                        "WARNING - fwmark virtual server {label}, real server {name} has port specified - port will be ignored"
                    );
                    self.warning(Code::PortMismatch, span, message, ONLY_NAT);
                }
                // One of them is enough here; keepalived names each.
                if let Some(GroupEntry::Addresses { first, last, port }) =
                    group.with_other_port(address.port())
                {
                    let end = match first == last {
                        true => String::new(),
                        false => format!("-{last}"),
                    };
                    let message = format!(
                        "virtual server {label}:[{first}{end},{port}] and real server {name} ports don't match"
                    );
                    let help = "only NAT can change the port; with DR and TUN the real server listens on the entry's";
                    self.warning(Code::PortMismatch, span, message, help);
                }
            }
            _ => {}
        }
    }

    pub(super) fn sorry_port(
        &mut self,
        draft: &Draft,
        key: &VirtualServerKey,
        group: Option<Group>,
        label: &Label<'_>,
        forwarding: Forwarding,
    ) -> Option<SocketAddr> {
        let sorry = draft.sorry_server?;
        let (mut address, span) = (sorry.address, sorry.port_span);
        let nat = forwarding == Forwarding::Nat;
        match key {
            VirtualServerKey::Address(service) if address.port() == 0 => {
                address.set_port(service.port());
            }
            VirtualServerKey::Address(service) if !nat && address.port() != service.port() => {
                let message = format!(
                    "WARNING - virtual server {label} and sorry server ports don't match - resetting"
                );
                self.warning(Code::PortMismatch, span, message, ONLY_NAT);
                address.set_port(service.port());
            }
            VirtualServerKey::Fwmark(_) if !nat && address.port() != 0 => {
                let message = format!(
                    "WARNING - virtual server {label}, sorry server has port specified - clearing"
                );
                self.warning(Code::PortMismatch, span, message, ONLY_NAT);
                address.set_port(0);
            }
            VirtualServerKey::Group(_) if !nat && address.port() != 0 => {
                let fwmark = match group.is_some_and(|group| group.has_mark) {
                    true => "fwmark ",
                    false => "",
                };
                let message = format!(
                    "WARNING - {fwmark}virtual server {label}, sorry server has port specified - port will be ignored"
                );
                self.warning(Code::PortMismatch, span, message, ONLY_NAT);
            }
            _ => {}
        }
        Some(address)
    }

    /// A real server that is the sorry server too is in the kernel once: it is there with weight 0 or it is not.
    pub(super) fn sorry_inhibit(
        &mut self,
        draft: &mut Draft,
        label: &Label<'_>,
        real_servers: &[RealServer],
    ) {
        let Some(mut sorry) = draft.sorry_server else {
            return;
        };
        let same = |real: &&RealServer| {
            real.address == sorry.address && real.inhibit_on_failure != sorry.inhibit
        };
        let Some(real) = real_servers.iter().find(same) else {
            return;
        };
        let key = VirtualServerKey::Address(real.address);
        let name = Label {
            key: Some(&key),
            protocol: label.protocol,
            nth: 0,
        };
        sorry.inhibit = real.inhibit_on_failure;
        let what = if sorry.inhibit { "setting" } else { "clearing" };
        let message = format!(
            "Virtual server {label}: real server {name} matches sorry server, but inhibit setting differs, {what} on sorry server"
        );
        let help = "write `inhibit_on_failure` and `sorry_server_inhibit`, or neither";
        self.error_help(Code::Conflict, sorry.span, message, help);
        draft.sorry_server = Some(sorry);
    }

    pub(super) fn quorum(
        &mut self,
        draft: &Draft,
        label: &Label<'_>,
        real_servers: &[RealServer],
    ) -> (u32, u32) {
        let total: u64 = real_servers.iter().map(|real| u64::from(real.weight)).sum();
        let total = u32::try_from(total).unwrap_or(u32::MAX);
        let (mut quorum, span) = draft.quorum.unwrap_or((1, draft.span));
        if quorum > total {
            let message = format!(
                "Warning - quorum {quorum} for {label} exceeds total weight of real servers {total}, reducing quorum to {total}"
            );
            let help = "with all real servers up the quorum must be reachable";
            self.warning(Code::Conflict, span, message, help);
            quorum = total;
        }
        let (mut hysteresis, span) = draft.hysteresis.unwrap_or((0, span));
        if hysteresis >= quorum {
            // keepalived takes one from a quorum of 0 as well and gets 4294967295, so that it is never met.
            let lowered = quorum.saturating_sub(1);
            let message = format!(
                "Virtual server {label}: hysteresis {hysteresis} >= quorum {quorum}; setting hysteresis to {lowered}"
            );
            let help = match quorum {
                0 => "every real server has weight 0, so there is no quorum",
                _ => "the quorum is lost below quorum - hysteresis, which must be above 0",
            };
            self.error_help(Code::Conflict, span, message, help);
            hysteresis = lowered;
        }
        (quorum, hysteresis)
    }
}

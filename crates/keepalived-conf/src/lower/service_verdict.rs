//! What the lines of a virtual server amount to: defaults and conflicts.

use std::net::SocketAddr;

use super::Lower;
use super::virtual_server::{Draft, Label};
use crate::diag::{Code, Diagnostic};
use crate::model::{
    Family, Forwarding, Granularity, Persistence, Protocol, RealServer, VirtualServerKey,
};

impl Lower<'_> {
    pub(super) fn protocol_of(&mut self, draft: &Draft, label: &Label) -> Protocol {
        match (&draft.key, draft.protocol) {
            (Some(VirtualServerKey::Fwmark(_)), Some((protocol, span))) => {
                let message = format!(
                    "Warning: Virtual server {label}: protocol specified for fwmark - protocol will be ignored"
                );
                self.warning(
                    Code::Conflict,
                    span,
                    message,
                    "a firewall mark has no protocol",
                );
                protocol
            }
            (Some(VirtualServerKey::Fwmark(_)), None) => Protocol::Tcp,
            (_, Some((protocol, _))) => protocol,
            (_, None) => {
                let message =
                    format!("Virtual server {label}: no protocol set - defaulting to UDP");
                self.warning(
                    Code::DefaultUsed,
                    draft.span,
                    message,
                    "write `protocol TCP` or `protocol UDP`",
                );
                Protocol::Udp
            }
        }
    }

    pub(super) fn sorry_port(
        &mut self,
        draft: &Draft,
        label: &Label,
        forwarding: Forwarding,
    ) -> Option<SocketAddr> {
        let (mut sorry, span) = draft.sorry_server?;
        let nat = forwarding == Forwarding::Nat;
        match &draft.key {
            Some(VirtualServerKey::Address(address)) if sorry.port() == 0 => {
                sorry.set_port(address.port())
            }
            Some(VirtualServerKey::Address(address)) if !nat && sorry.port() != address.port() => {
                let message = format!(
                    "WARNING - virtual server {label} and sorry server ports don't match - resetting"
                );
                self.warning(
                    Code::PortMismatch,
                    span,
                    message,
                    "only NAT can change the port",
                );
                sorry.set_port(address.port());
            }
            Some(VirtualServerKey::Fwmark(_)) if !nat && sorry.port() != 0 => {
                let message = format!(
                    "WARNING - virtual server {label}, sorry server has port specified - clearing"
                );
                self.warning(
                    Code::PortMismatch,
                    span,
                    message,
                    "only NAT can change the port",
                );
                sorry.set_port(0);
            }
            _ => {}
        }
        Some(sorry)
    }

    pub(super) fn quorum(
        &mut self,
        draft: &Draft,
        label: &Label,
        real_servers: &[RealServer],
    ) -> (u32, u32) {
        let total: u64 = real_servers.iter().map(|real| u64::from(real.weight)).sum();
        let total = u32::try_from(total).unwrap_or(u32::MAX);
        let (mut quorum, span) = draft.quorum.unwrap_or((1, draft.span));
        if quorum > total && draft.key.is_some() {
            let message = format!(
                "Warning - quorum {quorum} for {label} exceeds total weight of real servers {total}, reducing quorum to {total}"
            );
            self.warning(
                Code::Conflict,
                span,
                message,
                "with all real servers up the quorum must be reachable",
            );
            quorum = total;
        }
        let (mut hysteresis, span) = draft.hysteresis.unwrap_or((0, span));
        if hysteresis > 0 && hysteresis >= quorum {
            let lowered = quorum.wrapping_sub(1);
            let message = format!(
                "Virtual server {label}: hysteresis {hysteresis} >= quorum {quorum}; setting hysteresis to {lowered}"
            );
            self.error(Code::Conflict, span, message);
            hysteresis = lowered;
        }
        (quorum, hysteresis)
    }

    pub(super) fn persistence(&mut self, draft: &Draft, label: &Label) -> Option<Persistence> {
        let mut timeout = draft.persistence_timeout;
        let zero_port =
            matches!(draft.key, Some(VirtualServerKey::Address(address)) if address.port() == 0);
        if timeout.is_none() && zero_port {
            let message = format!(
                "Virtual server {label}: zero port only valid for persistent services - setting"
            );
            let diagnostic = Diagnostic::warning(Code::DefaultUsed, draft.span, message);
            self.sink
                .push(diagnostic.help("give a port, or write `persistence_timeout`"));
            timeout = Some(360);
        }
        let default = if draft.family == Some(Family::Inet6) {
            Granularity::Prefix(128)
        } else {
            Granularity::Netmask([255; 4].into())
        };
        Some(Persistence {
            timeout: timeout?,
            granularity: draft.granularity.unwrap_or(default),
            engine: draft.engine.clone(),
        })
    }
}

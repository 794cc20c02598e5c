//! `sorry_server` and what belongs to it.

use std::net::SocketAddr;

use super::virtual_server::Draft;
use super::{Lower, takes};
use crate::ast::Node;
use crate::diag::{Code, Diagnostic};
use crate::header;
use crate::model::{Family, Forwarding};
use crate::span::Span;
use crate::value::address;

/// A `sorry_server` while its lines are read.
#[derive(Debug, Clone, Copy)]
pub(super) struct SorryDraft {
    pub address: SocketAddr,
    pub span: Span,
    /// Of its port; of the address without one.
    pub port_span: Span,
    pub forwarding: Option<Forwarding>,
    pub inhibit: bool,
}

impl Lower<'_> {
    pub(super) fn sorry_server(&mut self, node: Node<'_>, draft: &mut Draft) {
        match node.name() {
            "sorry_server" => {
                if let Some((address, span)) = self.sorry_address(node) {
                    // keepalived behaviour: a second one silently takes the place of the first.
                    draft.sorry_server = Some(SorryDraft {
                        address,
                        span,
                        port_span: node.argument(1).map_or(span, |port| port.span),
                        forwarding: draft.forwarding,
                        inhibit: false,
                    });
                }
            }
            "sorry_server_inhibit" => match &mut draft.sorry_server {
                Some(sorry) => sorry.inhibit = true,
                None => {
                    let message =
                        "Ignoring sorry_server inhibit used before or without sorry_server";
                    let help = "write it after `sorry_server`";
                    self.error_help(Code::Conflict, node.span(), message, help);
                }
            },
            _ => {
                let Some(sorry) = &mut draft.sorry_server else {
                    let message = "sorry_server forwarding used without sorry_server";
                    let help = "write it after `sorry_server`; the line is ignored";
                    self.error_help(Code::Conflict, node.span(), message, help);
                    return;
                };
                let forwarding = self.forwarding(node, "sorry server");
                sorry.forwarding = forwarding.or(sorry.forwarding);
            }
        }
    }

    fn sorry_address(&mut self, node: Node<'_>) -> Option<(SocketAddr, Span)> {
        let word = self.require(node)?;
        let also = || format!("Invalid sorry server IP address {} - skipping", word.text);
        let Some((ip, more)) = address::leading(&word.text) else {
            self.error_help(Code::InvalidAddress, word.span, also(), takes(node));
            return None;
        };
        let port = match node.argument(1) {
            None => 0,
            Some(port) => match header::port_number(&port.text) {
                Ok(number) => u16::try_from(number).ok()?,
                Err(error) => {
                    let message = error.say(&port.text);
                    let diagnostic = Diagnostic::error(Code::InvalidNumber, port.span, message);
                    self.sink.push(diagnostic.also(also()).help(takes(node)));
                    return None;
                }
            },
        };
        if more {
            self.sink.push(header::only_address(ip, &word));
        }
        Some((SocketAddr::new(ip, port), word.span))
    }

    /// Like a real server's, its address has to be of the service's family, unless it is behind a tunnel.
    pub(super) fn sorry_family(&mut self, block: Node<'_>, draft: &mut Draft) {
        let Some((sorry, family)) = draft.sorry_server.zip(draft.family) else {
            return;
        };
        let ip = sorry.address.ip();
        let forwarding = sorry.forwarding.or(draft.forwarding);
        if matches!(forwarding, Some(Forwarding::Tunnel(_))) || Family::of(ip) == family {
            return;
        }
        let message = format!(
            "Address family of virtual server and sorry server {ip} don't match - skipping sorry server."
        );
        let help = "only lb_kind TUN joins IPv4 and IPv6";
        self.error_help(Code::InvalidAddress, block.closing(), message, help);
        draft.sorry_server = None;
    }
}

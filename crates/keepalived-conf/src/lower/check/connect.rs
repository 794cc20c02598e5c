//! Where a check connects to and from.

use std::net::{IpAddr, SocketAddr};

use crate::ast::Node;
use crate::diag::{Code, Diagnostic};
use crate::lower::check::Draft;
use crate::lower::{Lower, takes};
use crate::model::Connect;
use crate::value::address;

/// The kernel's `IFNAMSIZ`, without the zero at the end.
const LONGEST_INTERFACE: usize = 15;

/// To the real server, from anywhere.
pub(super) fn directly(address: SocketAddr) -> Connect {
    Connect {
        address: address.ip(),
        port: address.port(),
        bind_address: None,
        bind_port: None,
        bind_interface: None,
        fwmark: None,
    }
}

impl Lower<'_> {
    /// A line about the connection; `false` if it is none.
    pub(super) fn connection(&mut self, node: Node<'_>, draft: &mut Draft) -> bool {
        let connect = &mut draft.connect;
        match node.name() {
            "connect_ip" => {
                if let Some(to) = self.checker_address(node)
                    && self.same_family(node, to, connect.bind_address, "bindto")
                {
                    connect.address = to;
                    draft.says_where = true;
                }
            }
            "bindto" => {
                let to = draft.says_where.then_some(connect.address);
                if let Some(from) = self.checker_address(node)
                    && self.same_family(node, from, to, "connect_ip")
                {
                    connect.bind_address = Some(from);
                }
            }
            "connect_port" => connect.port = self.checker_port(node).unwrap_or(connect.port),
            "bind_port" => connect.bind_port = self.checker_port(node).or(connect.bind_port),
            "bind_if" => {
                if let Some(name) = self.checker_interface(node) {
                    connect.bind_interface = Some(name);
                }
            }
            "fwmark" => {
                let also = |text: &str| format!("Invalid fwmark connection value '{text}'");
                if let Some(mark) = self.u32(node, 0..=u32::MAX, also) {
                    connect.fwmark = Some(mark).filter(|mark| *mark != 0);
                }
            }
            _ => return false,
        }
        true
    }

    fn checker_address(&mut self, node: Node<'_>) -> Option<IpAddr> {
        let word = self.require(node)?;
        let found = address::ip(&word.text);
        if found.is_none() {
            let message = format!("Invalid {} address {} - ignoring", node.name(), word.text);
            self.error_help(Code::InvalidAddress, word.span, message, takes(node));
        }
        found
    }

    fn checker_port(&mut self, node: Node<'_>) -> Option<u16> {
        let also = |text: &str| format!("Invalid checker {} '{text}'", node.name());
        self.u32(node, 1..=65535, also)
            .and_then(|port| u16::try_from(port).ok())
    }

    fn checker_interface(&mut self, node: Node<'_>) -> Option<String> {
        let word = self.require(node)?;
        let name = &word.text;
        if name.len() > LONGEST_INTERFACE {
            let message = format!("Interface name {name} is too long - ignoring");
            let help = format!("a name has at most {LONGEST_INTERFACE} bytes");
            self.error_help(Code::InvalidName, word.span, message, help);
            return None;
        }
        if !self.has_interface(name) {
            let message = format!("there is no interface {name}: this check fails until there is");
            self.sink
                .push(Diagnostic::note(Code::UnknownInterface, word.span, message));
        }
        Some(word.text.into_owned())
    }

    /// Whether an address fits the one at the other end, as far as that has been said; `keyword` says it.
    fn same_family(
        &mut self,
        node: Node<'_>,
        this: IpAddr,
        other: Option<IpAddr>,
        keyword: &str,
    ) -> bool {
        let Some(other) = other.filter(|other| other.is_ipv4() != this.is_ipv4()) else {
            return true;
        };
        if let Some(word) = node.argument(0) {
            let name = node.name();
            let message = format!(
                "{name} address {this} does not match address family of {keyword} - skipping"
            );
            let help = format!(
                "that is {other} here; the real server's address counts until `connect_ip` says another"
            );
            self.error_help(Code::Conflict, word.span, message, help);
        }
        false
    }

    /// Whether the connection can be made, at the end of the block; if not, the reason has been given.
    pub(super) fn connectable(&mut self, block: Node<'_>, connect: &Connect) -> bool {
        let IpAddr::V6(to) = connect.address else {
            return true;
        };
        let known = !to.is_unicast_link_local() || connect.bind_interface.is_some();
        if !known {
            let message = format!("Checker link local address {to} requires a bind_if");
            let help = "write `bind_if INTERFACE`: every link has such addresses";
            self.error_help(Code::IncompleteCheck, block.closing(), message, help);
        }
        known
    }
}

//! Where a check connects to and from.

use std::net::{IpAddr, SocketAddr};

use crate::ast::Node;
use crate::diag::{Code, Diagnostic};
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
    pub(super) fn connection(&mut self, node: Node<'_>, connect: &mut Connect) -> bool {
        match node.name() {
            "connect_ip" => {
                connect.address = self.checker_address(node).unwrap_or(connect.address);
            }
            "bindto" => {
                let found = self.checker_address(node);
                connect.bind_address = found
                    .filter(|found| self.same_family(node, *found, connect.address))
                    .or(connect.bind_address);
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
        if !self.loader.has_interface(name) {
            let message = format!("there is no interface {name}: this check fails until there is");
            self.sink
                .push(Diagnostic::note(Code::UnknownInterface, word.span, message));
        }
        Some(word.text.into_owned())
    }

    /// keepalived behaviour: what is said later of the address to connect to is not held against this.
    fn same_family(&mut self, node: Node<'_>, from: IpAddr, to: IpAddr) -> bool {
        let same = from.is_ipv4() == to.is_ipv4();
        if !same && let Some(word) = node.argument(0) {
            let message = format!(
                "bindto address {from} does not match address family of connect_ip - skipping"
            );
            let help = format!("{to} is what it connects to; `connect_ip` comes before `bindto`");
            self.error_help(Code::Conflict, word.span, message, help);
        }
        same
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

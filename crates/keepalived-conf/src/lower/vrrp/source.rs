//! `mcast_src_ip`, `unicast_src_ip`, `mcast_dst_ip`: each of the family of the first address that the instance was given.

use std::net::IpAddr;

use super::Draft;
use crate::ast::{Node, Word};
use crate::diag::Code;
use crate::lower::{Lower, takes};
use crate::value::address;

impl Lower<'_> {
    pub(super) fn source_address(&mut self, node: Node<'_>, draft: &mut Draft) {
        let Some(word) = self.require(node) else {
            return;
        };
        let (name, text) = (&draft.name, &word.text);
        let Some(source) = self.host(&word) else {
            let message = format!(
                "Configuration error: VRRP instance[{name}] malformed src address[{text}]. Skipping..."
            );
            self.error_help(Code::InvalidAddress, word.span, message, takes(node));
            return;
        };
        if follows(&mut draft.ipv6, source) {
            draft.source = Some(source);
        } else {
            let message = format!(
                "Configuration error: VRRP instance[{name}] and src address[{text}] MUST be of the same family !!! Skipping..."
            );
            self.other_family(&word, message);
        }
    }

    pub(super) fn group_address(&mut self, node: Node<'_>, draft: &mut Draft) {
        let Some(word) = self.require(node) else {
            return;
        };
        let (name, text) = (&draft.name, &word.text);
        let message = match self.host(&word) {
            None => format!("({name}) malformed mcast dest address {text}. Skipping..."),
            Some(IpAddr::V4(group)) if !group.is_multicast() => {
                format!("({name}) mcast_dst_ip {text} not multicast. Skipping...")
            }
            Some(IpAddr::V6(group)) if group.segments().first() != Some(&0xff02) => {
                format!("({name}) mcast_dst_ip {text} not link-local multicast. Skipping...")
            }
            Some(group) if follows(&mut draft.ipv6, group) => {
                draft.mcast_group = Some((group, node.span()));
                return;
            }
            Some(_) => {
                let message = format!(
                    "({name}) mcast dest address {text} MUST match VRRP instance family. Skipping..."
                );
                self.other_family(&word, message);
                return;
            }
        };
        let help = "224.0.0.0 to 239.255.255.255; for IPv6 ff02::/16";
        self.error_help(Code::InvalidAddress, word.span, message, help);
    }

    /// One address. keepalived behaviour: what follows a `/` or a `-` is not looked at.
    pub(super) fn host(&mut self, word: &Word<'_>) -> Option<IpAddr> {
        let text = &word.text;
        let cut = text.find(['/', '-']);
        let host = address::ip(cut.map_or(&**text, |at| text.get(..at).unwrap_or_default()))?;
        if cut.is_some() {
            let message = format!("only {host} of {text} counts");
            let help = "this is one host: no prefix length, no range";
            self.note(Code::InvalidAddress, word.span, message, help);
        }
        Some(host)
    }

    pub(super) fn other_family(&mut self, word: &Word<'_>, message: String) {
        let help =
            "the first address of an instance decides between IPv4 and IPv6; the others follow it";
        self.error_help(Code::InvalidAddress, word.span, message, help);
    }
}

/// Whether an address is of the instance's family; the first one makes it.
pub(super) fn follows(ipv6: &mut Option<bool>, address: IpAddr) -> bool {
    *ipv6.get_or_insert(address.is_ipv6()) == address.is_ipv6()
}

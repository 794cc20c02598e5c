//! `virtual_ipaddress` and `virtual_ipaddress_excluded`.

use std::collections::HashSet;
use std::net::IpAddr;

use super::Lower;
use crate::ast::{Node, Word};
use crate::diag::Code;
use crate::keyword::not_yet;
use crate::model::VirtualAddress;
use crate::value::{address, number};

/// Options that are read and have no effect yet, and whether a word follows them.
const NOT_YET: [(&str, bool); 10] = [
    ("peer", true),
    ("home", false),
    ("-nodad", false),
    ("mngtmpaddr", false),
    ("noprefixroute", false),
    ("autojoin", false),
    ("no_track", false),
    ("preferred_lft", true),
    ("use_vmac", false),
    ("track_group", true),
];

impl Lower<'_> {
    /// The addresses of a value block. `ipv6` is the family of the instance, set by the first address;
    /// `None` where any family will do.
    pub(super) fn virtual_addresses(
        &mut self,
        block: Node<'_>,
        owner: &str,
        mut ipv6: Option<&mut Option<bool>>,
    ) -> Vec<VirtualAddress> {
        let mut addresses = Vec::new();
        let mut seen = HashSet::new();
        for entry in block.entries() {
            let Some(found) = self.virtual_address(&entry) else {
                continue;
            };
            if let Some(family) = ipv6.as_deref_mut() {
                let is_ipv6 = found.address.is_ipv6();
                if *family.get_or_insert(is_ipv6) != is_ipv6 {
                    let (text, span) = entry
                        .first()
                        .map(|word| (&*word.text, word.span))
                        .unwrap_or_default();
                    let message = format!(
                        "({owner}): address family must match VRRP instance [{text}] - ignoring"
                    );
                    let help = "addresses of the other family go into virtual_ipaddress_excluded";
                    self.error_help(Code::InvalidAddress, span, message, help);
                    continue;
                }
            }
            if !seen.insert((found.address, found.prefix_len)) {
                let span = entry.first().map(|word| word.span).unwrap_or_default();
                let message = format!(
                    "({owner}): VIP duplicates a VIP {} - ignoring",
                    found.address
                );
                self.error(Code::Duplicate, span, message);
                continue;
            }
            addresses.push(found);
        }
        addresses
    }

    fn virtual_address(&mut self, entry: &[Word<'_>]) -> Option<VirtualAddress> {
        let (first, options) = entry.split_first()?;
        let text = &first.text;
        let Some((ip, prefix)) = address::with_prefix(text) else {
            let message = format!("VRRP parsed invalid IP {text}. skipping IP...");
            self.error_help(
                Code::InvalidAddress,
                first.span,
                message,
                "one ADDRESS[/PREFIX] a line, options after it",
            );
            return None;
        };
        let most = if ip.is_ipv4() { 32 } else { 128 };
        let prefix_len = match prefix
            .map(|prefix| (prefix, number::unsigned(prefix, 0..=u64::from(most))))
        {
            None => most,
            Some((_, Ok(length))) => u8::try_from(length).unwrap_or(most),
            Some((prefix, Err(error))) => {
                let also = format!(
                    "Invalid address prefix len {prefix} for address {text} - using {most}"
                );
                let diagnostic =
                    crate::Diagnostic::error(Code::InvalidNumber, first.span, error.say(prefix));
                self.sink.push(diagnostic.also(also));
                most
            }
        };
        let mut found = VirtualAddress {
            address: ip,
            prefix_len,
            device: None,
            label: None,
            broadcast: None,
            scope: 0,
        };
        let mut options = options.iter();
        while let Some(option) = options.next() {
            if !self.option(option, &mut options, &mut found)? {
                let message = format!(
                    "Unknown configuration entry '{}' for ip address - ignoring",
                    option.text
                );
                let help = if address::with_prefix(&option.text).is_some() {
                    "only one address a line"
                } else {
                    "dev, scope, broadcast, label and the like, each before its value"
                };
                self.error_help(Code::InvalidValue, option.span, message, help);
            }
        }
        Some(found)
    }

    /// Reads one option. `None` drops the address, `Some(false)` is an unknown option.
    fn option<'w, 's: 'w>(
        &mut self,
        option: &Word<'_>,
        rest: &mut impl Iterator<Item = &'w Word<'s>>,
        found: &mut VirtualAddress,
    ) -> Option<bool> {
        let name = &*option.text;
        let takes_word = matches!(name, "dev" | "scope" | "broadcast" | "brd" | "label");
        if !takes_word {
            let Some((_, value)) = NOT_YET.iter().find(|(known, _)| *known == name) else {
                return Some(false);
            };
            if *value {
                rest.next();
            }
            let message = not_yet(format_args!("`{name}`"), "");
            self.sink
                .push(crate::Diagnostic::note(Code::NotYet, option.span, message));
            return Some(true);
        }
        let address = found.address;
        let Some(value) = rest.next() else {
            let message = format!("No {name} parameter specified for {address}");
            self.error(Code::InvalidValue, option.span, message);
            return Some(true);
        };
        let text = &*value.text;
        match (name, address) {
            ("dev", _) => {
                if !self.loader.has_interface(text) {
                    let message = format!(
                        "WARNING - interface {text} for ip address {address} doesn't exist"
                    );
                    self.error_help(
                        Code::UnknownInterface,
                        value.span,
                        message,
                        "the address is dropped",
                    );
                    return None;
                }
                found.device = Some(text.to_owned());
            }
            ("scope", IpAddr::V4(_)) => match address::scope(text) {
                Some(scope) => found.scope = scope,
                None => {
                    let message =
                        format!("Invalid scope '{text}' specified for {address} - ignoring");
                    let help = "global, site, link, host, nowhere, or a number up to 255";
                    self.error_help(Code::InvalidValue, value.span, message, help);
                }
            },
            ("label", IpAddr::V4(_)) => {
                if text.len() > 15 {
                    let message = format!(
                        "Address label {text} is longer than maximum length 15 - removing address"
                    );
                    self.error(Code::InvalidName, value.span, message);
                    return None;
                }
                found.label = Some(text.to_owned());
            }
            ("scope" | "label", IpAddr::V6(_)) => {
                let message = format!(
                    "Cannot specify {name} for IPv6 addresses ({address}) - ignoring {name}"
                );
                self.error(Code::InvalidValue, option.span, message);
            }
            (_, IpAddr::V6(_)) => {
                let message = format!(
                    "An IPv6 address has no broadcast address: {address} {name} {text} - skipping"
                );
                self.error(Code::InvalidValue, option.span, message);
                return None;
            }
            (_, IpAddr::V4(ip)) => match (text, text.parse()) {
                ("+", _) => found.broadcast = Some(address::broadcast(ip, found.prefix_len, true)),
                ("-", _) => found.broadcast = Some(address::broadcast(ip, found.prefix_len, false)),
                (_, Ok(broadcast)) => found.broadcast = Some(broadcast),
                (_, Err(_)) => {
                    let message = format!(
                        "VRRP is trying to assign invalid broadcast {text}. skipping VIP..."
                    );
                    self.error_help(
                        Code::InvalidAddress,
                        value.span,
                        message,
                        "an IPv4 address, `+` or `-`",
                    );
                    return None;
                }
            },
        }
        Some(true)
    }
}

//! `virtual_ipaddress`, `virtual_ipaddress_excluded` and `static_ipaddress`: one address a line, its options after it.

use std::collections::HashSet;
use std::net::IpAddr;
use std::time::Duration;

use super::Lower;
use super::entry::Entry;
use super::host_names::Named;
use super::network;
use super::statics::Tracking;
use crate::ast::{Node, Word};
use crate::diag::{Code, Diagnostic};
use crate::keyword::not_yet;
use crate::model::{AddressOptions, Lifetime, VirtualAddress};
use crate::value::{address, routing};

/// Every option, for hints.
const OPTIONS: [&str; 15] = [
    "dev",
    "scope",
    "broadcast",
    "brd",
    "label",
    "peer",
    "home",
    "-nodad",
    "mngtmpaddr",
    "noprefixroute",
    "autojoin",
    "no_track",
    "preferred_lft",
    "use_vmac",
    "track_group",
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
            let Some(found) = self.address(&entry, None) else {
                continue;
            };
            let (text, span) = entry
                .first()
                .map(|word| (&*word.text, word.span))
                .unwrap_or_default();
            if let Some(family) = ipv6.as_deref_mut() {
                let is_ipv6 = found.address.is_ipv6();
                if *family.get_or_insert(is_ipv6) != is_ipv6 {
                    let message = format!(
                        "({owner}): address family must match VRRP instance [{text}] - ignoring"
                    );
                    let help = "addresses of the other family go into virtual_ipaddress_excluded";
                    self.error_help(Code::InvalidAddress, span, message, help);
                    continue;
                }
            }
            if !seen.insert((found.address, found.prefix_len)) {
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

    /// The address of a line; `tracking` is there for a static one.
    pub(super) fn address(
        &mut self,
        words: &[Word<'_>],
        mut tracking: Option<&mut Tracking<'_>>,
    ) -> Option<VirtualAddress> {
        let mut entry = Entry::new(words);
        let first = entry.next()?;
        let text = &*first.text;
        let Some((ip, prefix_len)) = self.prefixed(first) else {
            let message = format!("VRRP parsed invalid IP {text}. skipping IP...");
            let help = "one ADDRESS[/PREFIX] a line, options after it";
            self.error_help(Code::InvalidAddress, first.span, message, help);
            return None;
        };
        let mut found = VirtualAddress {
            address: ip,
            prefix_len,
            device: None,
            label: None,
            broadcast: None,
            scope: 0,
            options: AddressOptions::default(),
        };
        if (ip.is_ipv6(), prefix_len) == (true, 128) {
            found.options.preferred = Lifetime::For(Duration::ZERO);
        }
        while let Some(option) = entry.next() {
            let name = &*option.text;
            let value = match name {
                "dev" | "scope" | "broadcast" | "brd" | "label" | "peer" | "preferred_lft" => true,
                "track_group" => tracking.is_some(),
                _ => false,
            };
            if !value {
                if name == "use_vmac" && tracking.is_some() || !flag(name, &mut found.options) {
                    self.unknown_address_option(option, tracking.is_some());
                } else if name == "use_vmac" {
                    self.address_option_note(option);
                }
                continue;
            }
            let Some(value) = entry.next() else {
                let message = format!("No {name} parameter specified for {text}");
                self.error(Code::InvalidValue, option.span, message);
                continue;
            };
            match (name, tracking.as_deref_mut()) {
                ("track_group", Some(tracking)) => self.tracked_by(value, tracking),
                _ => self.address_option(first, option, value, &mut found)?,
            }
        }
        if found.options.peer.is_some() && found.broadcast.take().is_some() {
            let message =
                "Cannot specify broadcast and peer addresses - ignoring broadcast address";
            self.error(Code::Conflict, first.span, message);
        }
        Some(found)
    }

    fn unknown_address_option(&mut self, option: &Word<'_>, is_static: bool) {
        let name = &*option.text;
        let message = format!("Unknown configuration entry '{name}' for ip address - ignoring");
        let help = match name {
            "use_vmac" if is_static => "only virtual addresses are on a VMAC".to_owned(),
            "track_group" => "only static addresses have a track_group".to_owned(),
            "track" => "addresses are tracked unless they have `no_track`".to_owned(),
            _ if address::with_prefix(name).is_some() => "only one address a line".to_owned(),
            _ => self.did_you_mean(name, &OPTIONS).unwrap_or_else(|| {
                "dev, scope, broadcast, label and the like, each before its value".to_owned()
            }),
        };
        self.error_help(Code::InvalidValue, option.span, message, help);
    }

    fn address_option_note(&mut self, option: &Word<'_>) {
        let message = not_yet(format_args!("`{}`", option.text), "");
        self.sink
            .push(Diagnostic::note(Code::NotYet, option.span, message));
    }

    /// Reads an option with a value. `None` drops the address.
    fn address_option(
        &mut self,
        first: &Word<'_>,
        option: &Word<'_>,
        value: &Word<'_>,
        found: &mut VirtualAddress,
    ) -> Option<()> {
        let (name, text) = (&*option.text, &*value.text);
        let whole = &first.text;
        match (name, found.address) {
            ("dev", _) => {
                if found.device.is_some() {
                    let message =
                        format!("Cannot specify ipaddress device more than once for {whole}");
                    self.error(Code::Duplicate, option.span, message);
                    return None;
                }
                found.device = Some(self.entry_interface(value, &format!("ip address {whole}"))?);
            }
            ("scope", IpAddr::V4(_)) => match routing::scope(&self.host_number(Named::Scope, text))
            {
                Some(scope) => found.scope = scope,
                None => {
                    let message =
                        format!("Invalid scope '{text}' specified for {whole} - ignoring");
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
                let message =
                    format!("Cannot specify {name} for IPv6 addresses ({whole}) - ignoring {name}");
                self.error(Code::InvalidValue, option.span, message);
            }
            ("peer", _) => {
                self.peer(first, value, found)?;
            }
            ("preferred_lft", _) => {
                self.preferred(value, found);
            }
            (_, IpAddr::V6(ip)) => {
                let message = format!(
                    "VRRP is trying to assign a broadcast {name} to the IPv6 address {ip} - skipping VIP"
                );
                let help = "an IPv6 address has no broadcast address";
                self.error_help(Code::InvalidValue, option.span, message, help);
                return None;
            }
            (_, IpAddr::V4(ip)) => match (text, text.parse()) {
                ("+" | "-", _) if found.prefix_len > 30 => {
                    let message = format!(
                        "Address prefix length {} too long for broadcast",
                        found.prefix_len
                    );
                    let help = "write the prefix behind the address, such as /24";
                    self.error_help(Code::Conflict, value.span, message, help);
                }
                ("+", _) => found.broadcast = Some(address::broadcast(ip, found.prefix_len, true)),
                ("-", _) => found.broadcast = Some(address::broadcast(ip, found.prefix_len, false)),
                (_, Ok(broadcast)) => found.broadcast = Some(broadcast),
                (_, Err(_)) => {
                    let message = format!(
                        "VRRP is trying to assign invalid broadcast {text}. skipping VIP..."
                    );
                    let help = "an IPv4 address, `+` or `-`";
                    self.error_help(Code::InvalidAddress, value.span, message, help);
                    return None;
                }
            },
        }
        Some(())
    }

    fn peer(
        &mut self,
        first: &Word<'_>,
        value: &Word<'_>,
        found: &mut VirtualAddress,
    ) -> Option<()> {
        let text = &value.text;
        let Some((peer, prefix_len)) = self.prefixed(value) else {
            self.invalid_address(value, format!("Invalid peer address {text}"));
            return None;
        };
        if network::of(peer) != network::of(found.address) {
            let message = format!("Peer address {text} does not match address family");
            self.error(Code::InvalidAddress, value.span, message);
            return None;
        }
        if first.text.contains('/') {
            let message = "Cannot specify address prefix when specifying peer address - ignoring";
            let help = "the prefix goes behind the peer's address";
            self.error_help(Code::Conflict, first.span, message, help);
        }
        found.prefix_len = prefix_len;
        found.options.peer = Some(peer);
        Some(())
    }

    fn preferred(&mut self, value: &Word<'_>, found: &mut VirtualAddress) {
        let also = |text: &str| format!("preferred_lft {text} is invalid");
        let lifetime = match &*value.text {
            "forever" => Some(u32::MAX),
            _ => self.entry_u32(value, also),
        };
        found.options.preferred = match lifetime {
            Some(u32::MAX) => Lifetime::Forever,
            Some(seconds) => Lifetime::For(Duration::from_secs(u64::from(seconds))),
            None => return,
        };
    }
}

/// Sets an option without a value, if it is one.
fn flag(name: &str, options: &mut AddressOptions) -> bool {
    *match name {
        "home" => &mut options.home,
        "-nodad" => &mut options.detect_duplicates,
        "mngtmpaddr" => &mut options.manage_temporary,
        "noprefixroute" => &mut options.no_prefix_route,
        "autojoin" => &mut options.autojoin,
        "no_track" => &mut options.no_track,
        "use_vmac" => &mut options.use_vmac,
        _ => return false,
    } = true;
    true
}

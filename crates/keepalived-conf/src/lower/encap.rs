//! `encap ip|ip6|mpls|ila ..`: what the packets of a route are wrapped in.

use super::Lower;
use super::entry::Entry;
use super::host_names::Named;
use super::network;
use crate::ast::Word;
use crate::diag::Code;
use crate::model::{Encap, Family, IpEncap};
use crate::value::{address, number, routing};

impl Lower<'_> {
    /// What follows `encap`. `None` drops the route (or ends its next hops); `Some(None)` leaves it without.
    pub(super) fn encap(
        &mut self,
        keyword: &Word<'_>,
        entry: &mut Entry<'_, '_>,
    ) -> Option<Option<Encap>> {
        let Some(kind) = entry.next() else {
            let help = "`encap` is followed by ip, ip6, mpls or ila";
            self.error_help(Code::InvalidValue, keyword.span, "Missing encap type", help);
            return Some(None);
        };
        match &*kind.text {
            "ip" => self.ip_encap(kind, entry, Family::Inet),
            "ip6" => self.ip_encap(kind, entry, Family::Inet6),
            "mpls" => {
                let Some(word) = entry.next() else {
                    let message = "missing address for MPLS encapsulation";
                    self.error(Code::InvalidValue, kind.span, message);
                    return Some(None);
                };
                let labels = routing::mpls(&word.text);
                if labels.is_none() {
                    let message = format!("invalid mpls address {} for encapsulation", word.text);
                    let help = "`LABEL[/LABEL]`, each up to 1048575";
                    self.error_help(Code::InvalidValue, word.span, message, help);
                }
                Some(labels.map(Encap::Mpls))
            }
            "ila" => {
                let Some(word) = entry.next() else {
                    let message = "missing locator for ILA encapsulation";
                    self.error(Code::InvalidValue, kind.span, message);
                    return Some(None);
                };
                let locator = routing::ila(&word.text);
                if locator.is_none() {
                    let message = format!("invalid locator {} for ila encapsulation", word.text);
                    let help = "four hexadecimal numbers, such as 2001:db8:0:1";
                    self.error_help(Code::InvalidValue, word.span, message, help);
                }
                Some(locator.map(Encap::Ila))
            }
            other => {
                let message = format!("Unknown encap type - {other}");
                let help = "ip, ip6, mpls or ila";
                self.error_help(Code::InvalidValue, kind.span, message, help);
                Some(None)
            }
        }
    }

    fn ip_encap(
        &mut self,
        kind: &Word<'_>,
        entry: &mut Entry<'_, '_>,
        family: Family,
    ) -> Option<Option<Encap>> {
        let mut encap = IpEncap {
            family,
            id: None,
            destination: None,
            source: None,
            tos: None,
            ttl: None,
            flags: None,
        };
        while let Some(option) = entry.peek() {
            let ours = match &*option.text {
                "id" | "dst" | "src" | "flags" => true,
                "tos" | "ttl" => family == Family::Inet,
                "tc" | "hoplimit" => family == Family::Inet6,
                _ => false,
            };
            if !ours {
                break;
            }
            entry.next();
            let Some(word) = entry.next() else {
                // keepalived takes a word without a value for an option of the route, where it is none.
                let message = format!("unknown route keyword {}", option.text);
                let help = format!("`{}` is to be followed by its value", option.text);
                self.error_help(Code::InvalidValue, option.span, message, help);
                return None;
            };
            self.ip_encap_option(option, word, &mut encap)?;
        }
        if encap.id.is_none() && encap.destination.is_none() {
            let message = format!("address or id missing for {} encapsulation", kind.text);
            let help = "`id NUMBER`, `dst ADDRESS`, or both";
            self.error_help(Code::InvalidValue, kind.span, message, help);
            return Some(None);
        }
        Some(Some(Encap::Ip(encap)))
    }

    fn ip_encap_option(
        &mut self,
        option: &Word<'_>,
        word: &Word<'_>,
        encap: &mut IpEncap,
    ) -> Option<()> {
        let kind = match encap.family {
            Family::Inet => "ip",
            Family::Inet6 => "ip6",
        };
        let name = &*option.text;
        let invalid = |text: &str| format!("{name} {text} is not valid for {kind} encapsulation");
        match name {
            "id" => {
                let also = |text: &str| match kind {
                    "ip" => format!("encap id {text} value is invalid"),
                    _ => format!("id {text} value invalid for IPv6 encapsulation"),
                };
                let found = number::unsigned_64(&word.text);
                encap.id = Some(self.numeric(word, found, also)?);
            }
            "dst" | "src" => {
                let Some(found) = address::ip(&word.text) else {
                    let also = format!("Invalid encap {kind} {name} {}", word.text);
                    self.invalid_address(word, also);
                    return None;
                };
                if network::of(found) != encap.family {
                    let other = if found.is_ipv4() { "IPv4" } else { "IPv6" };
                    let message = format!(
                        "{other} address {} not valid for {kind} encapsulation",
                        word.text
                    );
                    self.error(Code::InvalidAddress, word.span, message);
                    return None;
                }
                *match name {
                    "dst" => &mut encap.destination,
                    _ => &mut encap.source,
                } = Some(found);
            }
            "tos" | "tc" => {
                let found = routing::dsfield(&self.host_number(Named::Field, &word.text));
                if found.is_none() {
                    let text = &word.text;
                    let message = match kind {
                        "ip" => format!("dsfield {text} not valid for ip encapsulation"),
                        _ => format!("tc value {text} is invalid for ip6 encapsulation"),
                    };
                    let help = "a number up to 255 (0xff), or a name such as AF11, CS1 or EF";
                    self.error_help(Code::InvalidValue, word.span, message, help);
                }
                encap.tos = Some(found?);
            }
            "hoplimit" => {
                encap.ttl = Some(self.entry_u8(word, |text| {
                    format!("Invalid hoplimit {text} specified for ip6 encapsulation")
                })?);
            }
            "ttl" => encap.ttl = Some(self.entry_u8(word, invalid)?),
            _ => {
                let flags = self.entry_number(word, 0..=65535, invalid)?;
                encap.flags = u16::try_from(flags).ok();
            }
        }
        Some(())
    }
}

//! `nexthop via .. dev .. weight ..`: the end of a route's line.

use super::Lower;
use super::entry::Entry;
use super::network;
use super::route::Draft;
use crate::ast::Word;
use crate::diag::{Code, Diagnostic};
use crate::model::{Family, NextHop};
use crate::value::address;

const OPTIONS: [&str; 8] = [
    "nexthop", "via", "dev", "weight", "onlink", "encap", "realms", "as",
];

impl Lower<'_> {
    /// All that follows the first `nexthop`. keepalived behaviour: what is wrong ends the reading of the line, and the route
    /// is kept with the next hops before it.
    pub(super) fn next_hops(&mut self, entry: &mut Entry<'_, '_>, draft: &mut Draft) {
        while let Some(next_hop) = self.next_hop(entry, draft) {
            draft.next_hops.push(next_hop);
            if !entry.next_if("nexthop") {
                break;
            }
        }
    }

    fn next_hop(&mut self, entry: &mut Entry<'_, '_>, draft: &mut Draft) -> Option<NextHop> {
        let mut hop = NextHop::default();
        while let Some(option) = entry.peek().filter(|word| word.text != "nexthop") {
            entry.next();
            self.next_hop_option(option, entry, draft, &mut hop)?;
        }
        Some(hop)
    }

    fn next_hop_option(
        &mut self,
        option: &Word<'_>,
        entry: &mut Entry<'_, '_>,
        draft: &mut Draft,
        hop: &mut NextHop,
    ) -> Option<()> {
        match &*option.text {
            "via" => self.next_hop_gateway(entry, draft, hop)?,
            "dev" => {
                let word = self.need(entry)?;
                hop.device = Some(self.entry_interface(word, "VROUTE nexthop")?);
            }
            "weight" => {
                let word = self.need(entry)?;
                let invalid = |text: &str| format!("Invalid weight {text} specified for route");
                let weight = self.entry_number(word, 0..=256, invalid)?;
                if weight == 0 {
                    let help = "a weight is 1 to 256";
                    self.error_help(Code::InvalidNumber, word.span, invalid(&word.text), help);
                    return None;
                }
                hop.weight = u16::try_from(weight).ok();
            }
            "onlink" => hop.onlink = true,
            "encap" => hop.encap = self.encap(option, entry)?,
            "realms" => {
                let word = self.need(entry)?;
                let Some(realms) = self.realms(&word.text) else {
                    let message = format!("Invalid realms {} for route", word.text);
                    let help = "`[SOURCE/]DESTINATION`, each a number up to 255";
                    self.error_help(Code::InvalidValue, word.span, message, help);
                    return None;
                };
                if !draft.family.is(Family::Inet) {
                    let message = "realms are only supported for IPv4";
                    self.error(Code::Conflict, option.span, message);
                    return None;
                }
                hop.realms = Some(realms);
            }
            "as" => {
                self.need(entry)?;
                let message = "'as [to]' (nat) not supported";
                self.error(Code::InvalidValue, option.span, message);
                return None;
            }
            other => {
                let message = format!("Route has trailing nonsense after nexthops - {other}");
                let mut diagnostic = Diagnostic::error(Code::InvalidValue, option.span, message);
                diagnostic.help = self.did_you_mean(other, &OPTIONS).or(Some(
                    "the options of the whole route come before the first `nexthop`".to_owned(),
                ));
                self.sink.push(diagnostic);
                return None;
            }
        }
        Some(())
    }

    /// `via [inet|inet6] ADDRESS`.
    fn next_hop_gateway(
        &mut self,
        entry: &mut Entry<'_, '_>,
        draft: &mut Draft,
        hop: &mut NextHop,
    ) -> Option<()> {
        let family_word = entry.peek();
        let declared = if entry.next_if("inet") {
            Some(Family::Inet)
        } else if entry.next_if("inet6") {
            Some(Family::Inet6)
        } else {
            None
        };
        if let (Some(declared), Some(word)) = (declared, family_word)
            && !draft.family.is(declared)
        {
            self.error(Code::Conflict, word.span, "IPv4/6 mismatch for nexthop");
            return None;
        }
        let word = self.need(entry)?;
        let Some(gateway) = address::ip(&word.text) else {
            self.invalid_address(word, format!("invalid nexthop address {}", word.text));
            return None;
        };
        if !draft.family.is(network::of(gateway)) {
            let message = "Address family mismatch for next hop";
            self.error(Code::Conflict, word.span, message);
            return None;
        }
        hop.gateway = Some(gateway);
        Some(())
    }
}

//! `virtual_rules` and `static_rules`: one rule a line, in words like those of `ip rule`.
//!
//! keepalived behaviour: a wrong value drops the rule, but for `protocol`, `ipproto`, `sport` and `dport`, which are left out.

use std::ops::RangeInclusive;

use super::Lower;
use super::entry::Entry;
use super::host_names::Named;
use super::network::{Common, Written};
use super::statics::Tracking;
use crate::ast::Word;
use crate::diag::{Code, Diagnostic};
use crate::model::{
    Family, Lookup, Mark, Network, PROTOCOL_KEEPALIVED, Realms, RouteKind, Rule, RuleAction,
};
use crate::span::Span;
use crate::value::{number, routing};

/// Every option, for hints.
const OPTIONS: [&str; 39] = [
    "inet",
    "inet6",
    "from",
    "to",
    "table",
    "lookup",
    "not",
    "preference",
    "order",
    "priority",
    "tos",
    "dsfield",
    "fwmark",
    "realms",
    "suppress_prefixlength",
    "sup_pl",
    "suppress_ifgroup",
    "sup_group",
    "dev",
    "iif",
    "oif",
    "tunnel-id",
    "uidrange",
    "l3mdev",
    "protocol",
    "ipproto",
    "sport",
    "dport",
    "no_track",
    "track_group",
    "type",
    "goto",
    "nop",
    "blackhole",
    "unreachable",
    "prohibit",
    "default",
    "any",
    "all",
];

/// The preferences of rules that have none, counted down by family.
#[derive(Debug)]
pub(super) struct Preferences {
    inet: u32,
    inet6: u32,
}

impl Default for Preferences {
    fn default() -> Self {
        Self {
            inet: 16384,
            inet6: 16384,
        }
    }
}

impl Preferences {
    fn take(&mut self, family: Family) -> u32 {
        let next = match family {
            Family::Inet => &mut self.inet,
            Family::Inet6 => &mut self.inet6,
        };
        let taken = *next;
        *next = next.saturating_sub(1);
        taken
    }
}

/// A rule while its line is read.
#[derive(Debug, Default)]
struct Draft {
    family: Common,
    preference: Option<u32>,
    inverted: bool,
    from: Option<Written>,
    to: Option<Written>,
    tos: u8,
    mark: Option<Mark>,
    input: Option<String>,
    output: Option<String>,
    tunnel: Option<u64>,
    users: Option<RangeInclusive<u32>>,
    /// With where it stands.
    protocol: Option<(u8, Span)>,
    ip_protocol: Option<u8>,
    source_ports: Option<RangeInclusive<u16>>,
    destination_ports: Option<RangeInclusive<u16>>,
    action: Option<RuleAction>,
    /// Where the last of those that only a table may have stands.
    suppressor: Option<Span>,
    suppress_prefix_len: Option<u32>,
    suppress_group: Option<u32>,
    realms: Option<Realms>,
    goto: Option<Span>,
    no_track: bool,
}

impl Lower<'_> {
    /// The rule of a line; `tracking` is there for a static one.
    pub(super) fn rule(
        &mut self,
        words: &[Word<'_>],
        mut tracking: Option<&mut Tracking<'_>>,
    ) -> Option<Rule> {
        let mut entry = Entry::new(words);
        let mut draft = Draft::default();
        while let Some(word) = entry.next() {
            match (&*word.text, tracking.as_deref_mut()) {
                ("track_group", Some(tracking)) => {
                    let name = self.need(&mut entry)?;
                    self.tracked_by(name, tracking);
                }
                _ => self.rule_option(word, &mut entry, &mut draft)?,
            }
        }
        if let Some(tracking) = tracking
            && draft.input.is_none()
        {
            let message = "Static rule cannot have track_group if dev/iif not specified";
            self.untrackable(tracking, message);
        }
        self.finish_rule(entry.span(), draft)
    }

    fn finish_rule(&mut self, span: Span, draft: Draft) -> Option<Rule> {
        let family = draft.family.family();
        if let (Some(RuleAction::GoTo(target)), Some(span)) = (&draft.action, draft.goto) {
            let message = match draft.preference {
                None => Some(format!(
                    "Invalid rule - goto target {target} specified without preference"
                )),
                Some(preference) if preference >= *target => Some(format!(
                    "Invalid rule - preference {preference} >= goto target {target}"
                )),
                Some(_) => None,
            };
            if let Some(message) = message {
                let help = "a `goto` leads to a rule with a higher preference than its own";
                self.error_help(Code::Conflict, span, message, help);
                return None;
            }
        }
        let Some(mut action) = draft.action else {
            let message = "No action specified for rule - ignoring";
            let help = "add `table NAME`, or goto, nop, blackhole, unreachable, prohibit, l3mdev";
            self.error_help(Code::InvalidValue, span, message, help);
            return None;
        };
        match (&mut action, draft.suppressor) {
            (RuleAction::Lookup(lookup), _) => {
                lookup.suppress_prefix_len = draft.suppress_prefix_len;
                lookup.suppress_group = draft.suppress_group;
                lookup.realms = draft.realms;
            }
            (_, Some(span)) => {
                let message = "suppressor/realm specified for non table action - skipping";
                self.error(Code::Conflict, span, message);
                return None;
            }
            (_, None) => {}
        }
        let mut protocol = PROTOCOL_KEEPALIVED;
        match draft.protocol {
            Some((other, span)) if other != PROTOCOL_KEEPALIVED && !draft.no_track => {
                let message = "Rule cannot be tracked if protocol is not RTPROT_KEEPALIVED(18), resetting protocol";
                let help = "leave `protocol` out, or add `no_track`";
                self.warning(Code::Conflict, span, message, help);
            }
            Some((other, _)) => protocol = other,
            None => {}
        }
        let preference = draft.preference.unwrap_or_else(|| {
            let taken = self.preferences.take(family);
            let message = format!(
                "Rule has no preference specified - setting to {taken}. This is probably not what you want."
            );
            let help = "add `preference NUMBER`";
            self.warning(Code::DefaultUsed, span, message, help);
            taken
        });
        let network = |written: Option<Written>| match written {
            Some(Written::Network(network)) => Some(network),
            Some(Written::Any | Written::Any6) | None => None::<Network>,
        };
        Some(Rule {
            family,
            preference,
            inverted: draft.inverted,
            from: network(draft.from),
            to: network(draft.to),
            tos: draft.tos,
            mark: draft.mark,
            input: draft.input,
            output: draft.output,
            tunnel: draft.tunnel,
            users: draft.users,
            protocol,
            ip_protocol: draft.ip_protocol,
            source_ports: draft.source_ports,
            destination_ports: draft.destination_ports,
            action,
            no_track: draft.no_track,
        })
    }

    /// Reads one option; `None` drops the rule.
    fn rule_option(
        &mut self,
        option: &Word<'_>,
        entry: &mut Entry<'_, '_>,
        draft: &mut Draft,
    ) -> Option<()> {
        let name = &*option.text;
        match name {
            "inet" => {
                self.declared_family(option, entry, &mut draft.family, Family::Inet, "rule")?
            }
            "inet6" => {
                self.declared_family(option, entry, &mut draft.family, Family::Inet6, "rule")?
            }
            "from" | "to" => {
                let word = self.need(entry)?;
                let Some(written) = self.written(word) else {
                    self.invalid_address(
                        word,
                        format!("Invalid rule {name} address {}", word.text),
                    );
                    return None;
                };
                if !draft.family.fits(written) {
                    let message = "rule specification has mixed IPv4 and IPv6";
                    self.error(Code::Conflict, word.span, message);
                    return None;
                }
                *match name {
                    "from" => &mut draft.from,
                    _ => &mut draft.to,
                } = Some(written);
            }
            "table" | "lookup" => {
                let word = self.need(entry)?;
                let table = self.table(word, "rule")?;
                if table == 0 {
                    self.error(Code::InvalidValue, word.span, "Table 0 is not valid");
                    return None;
                }
                if draft.action.is_some() {
                    let message = "Cannot specify more than one of table/nop/goto/blackhole/prohibit/unreachable for rule";
                    self.error(Code::Conflict, option.span, message);
                    return None;
                }
                draft.action = Some(RuleAction::Lookup(Lookup {
                    table,
                    suppress_prefix_len: None,
                    suppress_group: None,
                    realms: None,
                }));
            }
            "not" => draft.inverted = true,
            "preference" | "order" | "priority" => {
                let word = self.need(entry)?;
                let found = number::unsigned_any_base(&word.text);
                let also = |_: &str| format!("Invalid rule preference {name} specified");
                draft.preference = Some(self.numeric(word, found, also)?);
            }
            "tos" | "dsfield" => {
                let word = self.need(entry)?;
                draft.tos = self.dsfield(word)?;
            }
            "fwmark" => {
                let word = self.need(entry)?;
                let Some((value, mask)) = routing::mark(&word.text) else {
                    let message = format!("Invalid rule fwmark {} specified", word.text);
                    let help = "`MARK[/MASK]`, each a number of 32 bits";
                    self.error_help(Code::InvalidNumber, word.span, message, help);
                    return None;
                };
                draft.mark = Some(Mark { value, mask });
            }
            "realms" => {
                let word = self.need(entry)?;
                let Some(realms) = self.realms(&word.text) else {
                    let message = format!("invalid realms {} for rule", word.text);
                    let help = "`[SOURCE/]DESTINATION`, each a number up to 255";
                    self.error_help(Code::InvalidValue, word.span, message, help);
                    return None;
                };
                if !draft.family.is(Family::Inet) {
                    let message = "realms is only valid for IPv4";
                    self.error(Code::Conflict, option.span, message);
                    return None;
                }
                draft.realms = Some(realms);
                draft.suppressor = Some(option.span);
            }
            "suppress_prefixlength" | "sup_pl" => {
                let word = self.need(entry)?;
                let also = |_: &str| format!("Invalid suppress_prefixlength {name} specified");
                let found = self.entry_number(word, 0..=0x7fff_ffff, also)?;
                draft.suppress_prefix_len = u32::try_from(found).ok();
                draft.suppressor = Some(option.span);
            }
            "suppress_ifgroup" | "sup_group" => {
                let word = self.need(entry)?;
                let group = routing::interface_group(&self.host_number(Named::Group, &word.text));
                let Some(group) = group else {
                    let message = format!("suppress_group {} is invalid", word.text);
                    let help = "`default`, or a number up to 2147483647";
                    self.error_help(Code::InvalidValue, word.span, message, help);
                    return None;
                };
                draft.suppress_group = Some(group);
                draft.suppressor = Some(option.span);
            }
            "dev" | "iif" => {
                let word = self.need(entry)?;
                draft.input = Some(self.entry_interface(word, "rule")?);
            }
            "oif" => {
                let word = self.need(entry)?;
                draft.output = Some(self.entry_interface(word, "rule")?);
            }
            "tunnel-id" => {
                let word = self.need(entry)?;
                let also = |_: &str| format!("Invalid tunnel-id {name} specified");
                draft.tunnel = Some(self.numeric(word, number::unsigned_64(&word.text), also)?);
            }
            "uidrange" => {
                let word = self.need(entry)?;
                let also = format!("Invalid uidrange {name} specified");
                draft.users = Some(self.range(word, u32::MAX, also)?);
            }
            "l3mdev" => {
                if draft.action.is_some() {
                    let message = "Cannot specify l3mdev with other action";
                    self.error(Code::Conflict, option.span, message);
                    return None;
                }
                draft.action = Some(RuleAction::L3Mdev);
            }
            "protocol" => {
                let word = self.need(entry)?;
                let also = |text: &str| format!("Invalid protocol {text}");
                let found = self.entry_u8(word, also);
                draft.protocol = found.map(|protocol| (protocol, word.span));
            }
            "ipproto" => {
                let word = self.need(entry)?;
                draft.ip_protocol = routing::ip_protocol(&word.text);
                if draft.ip_protocol.is_none() {
                    let message = format!("Invalid ipproto {}", word.text);
                    let help = "a name such as tcp, or a number up to 254";
                    self.error_help(Code::InvalidValue, word.span, message, help);
                }
            }
            "sport" | "dport" => {
                let word = self.need(entry)?;
                let also = format!("invalid {name} range {}", word.text);
                let range = self.range(word, 65535, also);
                let port = |n: u32| u16::try_from(n).unwrap_or(u16::MAX);
                let range = range.map(|ports| port(*ports.start())..=port(*ports.end()));
                *match name {
                    "sport" => &mut draft.source_ports,
                    _ => &mut draft.destination_ports,
                } = range;
            }
            "no_track" => draft.no_track = true,
            "type" => {
                let word = self.need(entry)?;
                self.rule_action(word, entry, draft)?;
            }
            _ => self.rule_action(option, entry, draft)?,
        }
        Some(())
    }

    fn rule_action(
        &mut self,
        word: &Word<'_>,
        entry: &mut Entry<'_, '_>,
        draft: &mut Draft,
    ) -> Option<()> {
        let text = &*word.text;
        let action = match (text, routing::route_kind(text)) {
            ("goto", _) => {
                let target = self.need(entry)?;
                let also = |_: &str| "Invalid target goto specified".to_owned();
                draft.goto = Some(word.span.to(target.span));
                RuleAction::GoTo(self.entry_u32(target, also)?)
            }
            ("nop", _) => RuleAction::Nop,
            (_, Some(RouteKind::Blackhole)) => RuleAction::Blackhole,
            (_, Some(RouteKind::Unreachable)) => RuleAction::Unreachable,
            (_, Some(RouteKind::Prohibit)) => RuleAction::Prohibit,
            (_, Some(_)) => {
                let message = format!("Invalid rule action {text}");
                let help = "table, goto, nop, blackhole, unreachable, prohibit or l3mdev";
                self.error_help(Code::InvalidValue, word.span, message, help);
                return None;
            }
            (_, None) => {
                let message = format!("Unknown rule option {text}");
                let mut diagnostic = Diagnostic::error(Code::InvalidValue, word.span, message);
                diagnostic.help = match text {
                    "track" => Some("rules are tracked unless they have `no_track`".to_owned()),
                    "track_group" => Some("only static rules have a track_group".to_owned()),
                    _ => self.did_you_mean(text, &OPTIONS),
                };
                self.sink.push(diagnostic);
                return None;
            }
        };
        if draft.action.is_some() {
            let message = "Cannot specify more than one of table/nop/goto/blackhole/prohibit/unreachable/l3mdev for rule";
            self.error(Code::Conflict, word.span, message);
            return None;
        }
        draft.action = Some(action);
        Some(())
    }

    /// `FIRST-LAST`.
    fn range(
        &mut self,
        word: &Word<'_>,
        most: u32,
        complaint: String,
    ) -> Option<RangeInclusive<u32>> {
        let Some((first, last, more)) = routing::range(&word.text, most) else {
            let help = match word.text.parse::<u32>() {
                Ok(one) if one <= most => format!("write a single one as a range: `{one}-{one}`"),
                _ => format!("`FIRST-LAST`, each up to {most}"),
            };
            self.error_help(Code::InvalidValue, word.span, complaint, help);
            return None;
        };
        if more || first > last {
            let message = match more {
                true => format!("only `{first}-{last}` of it counts"),
                false => format!("the range ends at {last}, before it begins"),
            };
            self.sink
                .push(Diagnostic::note(Code::InvalidValue, word.span, message));
        }
        Some(first..=last)
    }
}

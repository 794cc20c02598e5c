//! `virtual_server_group`.

use std::collections::HashMap;
use std::num::NonZeroU32;

use super::Lower;
use crate::ast::{Node, Word};
use crate::diag::{Code, Diagnostic};
use crate::header::{self, missing_word};
use crate::model::{Family, GroupEntry, VirtualServerGroup};
use crate::value::address_range::{RangeError, range};
use crate::value::number;

/// The groups of a configuration, and how often each is used.
#[derive(Debug, Default)]
pub(super) struct Groups {
    pub list: Vec<VirtualServerGroup>,
    /// By name: its place in the list, and so many virtual servers that use it.
    by_name: HashMap<String, (usize, usize)>,
}

impl Groups {
    pub(super) fn find(&self, name: &str) -> Option<&VirtualServerGroup> {
        self.list.get(self.by_name.get(name)?.0)
    }

    pub(super) fn names(&self) -> impl Iterator<Item = &str> {
        self.list.iter().map(|group| group.name.as_str())
    }

    /// So many virtual servers use it so far.
    pub(super) fn users(&self, name: &str) -> usize {
        self.by_name.get(name).map_or(0, |(_, users)| *users)
    }

    pub(super) fn used(&mut self, name: &str) {
        if let Some((_, users)) = self.by_name.get_mut(name) {
            *users += 1;
        }
    }
}

impl Lower<'_> {
    pub(super) fn virtual_server_group(&mut self, block: Node<'_>, groups: &mut Groups) {
        let Some(name) = block.argument(0) else {
            return;
        };
        let mut entries = Vec::new();
        for words in block.entries() {
            entries.extend(self.group_entry(&name.text, &words));
        }
        let group = VirtualServerGroup {
            name: name.text.into_owned(),
            entries,
        };
        if group.entries.is_empty() {
            let message = format!(
                "virtual server group {} has no entries - removing",
                group.name
            );
            let help = "one entry a line: IP [PORT], a range, or fwmark N";
            self.error_help(Code::InvalidValue, block.closing(), message, help);
            return;
        }
        let has = |family| group.entries.iter().any(|e| e.family() == Some(family));
        let nameless =
            |entry: &GroupEntry| matches!(entry, GroupEntry::Fwmark { family: None, .. });
        if has(Family::Inet) && has(Family::Inet6) && group.entries.iter().any(nameless) {
            let message = format!(
                "virtual server group {} cannot have IPv4, IPv6 and fwmark without family - removing",
                group.name
            );
            let help = "write `fwmark N inet` or `fwmark N inet6`, or make two groups";
            self.error_help(Code::Conflict, block.closing(), message, help);
            return;
        }
        // keepalived behaviour: the first group of a name is used, the others are passed over in silence.
        if groups.by_name.contains_key(&group.name) {
            let message = format!(
                "virtual server group {} is defined already; only the first is used",
                group.name
            );
            self.sink
                .push(Diagnostic::note(Code::Duplicate, name.span, message));
            return;
        }
        let at = (groups.list.len(), 0);
        groups.by_name.insert(group.name.clone(), at);
        groups.list.push(group);
    }

    fn group_entry(&mut self, group: &str, words: &[Word<'_>]) -> Option<GroupEntry> {
        let (first, rest) = words.split_first()?;
        if first.text == "fwmark" {
            return self.group_mark(group, first, rest);
        }
        let found = range(&first.text);
        let invalid = || {
            let port = rest.first().map(|word| format!("/port/{}", word.text));
            format!(
                "Invalid virtual server group IP address {} {} - skipping",
                first.text,
                port.unwrap_or_default()
            )
        };
        let (first_address, last) = match found {
            Ok(ends) => ends,
            Err(error) => {
                let message = error.say(&first.text).unwrap_or_else(invalid);
                let help = match error {
                    RangeError::HostBits => "begin with the address of the network",
                    RangeError::Mask => {
                        "a prefix length follows the `/`: 1 to 32, or to 128 for IPv6"
                    }
                    RangeError::Address if rest.is_empty() && first.text.contains(']') => {
                        "the address and the port are two words"
                    }
                    _ => {
                        "an address, FIRST-LAST where LAST is an address or its last part, or NETWORK/PREFIX; then the port"
                    }
                };
                self.error_help(Code::InvalidAddress, first.span, message, help);
                return None;
            }
        };
        let port = match rest.first() {
            None => 0,
            Some(word) => match header::port_number(&word.text) {
                Ok(port) => u16::try_from(port).ok()?,
                Err(error) => {
                    let message = error.say(&word.text);
                    let diagnostic = Diagnostic::error(Code::InvalidNumber, word.span, message);
                    let help = "one port, 1 to 65535; without one, or with 0, all of them";
                    self.sink.push(diagnostic.also(invalid()).help(help));
                    return None;
                }
            },
        };
        Some(GroupEntry::Addresses {
            first: first_address,
            last,
            port,
        })
    }

    /// `fwmark N [inet|inet6]`.
    fn group_mark(
        &mut self,
        group: &str,
        keyword: &Word<'_>,
        rest: &[Word<'_>],
    ) -> Option<GroupEntry> {
        let Some((word, rest)) = rest.split_first() else {
            let help = "`fwmark` takes N [inet|inet6]";
            self.sink
                .push(missing_word("fwmark", keyword.span, 2).help(help));
            return None;
        };
        let mark = match number::unsigned(&word.text, 0..=u64::from(u32::MAX)) {
            Ok(mark) => u32::try_from(mark).ok()?,
            Err(error) => {
                let text = &word.text;
                let also =
                    format!("({group}): fwmark '{text}' must be in [0, 4294967295] - ignoring");
                let message = error.say(text);
                let diagnostic = Diagnostic::error(Code::InvalidNumber, word.span, message);
                self.sink.push(diagnostic.also(also));
                return None;
            }
        };
        let family = match rest.first() {
            None => None,
            Some(family) => match &*family.text {
                "inet" => Some(Family::Inet),
                "inet6" => Some(Family::Inet6),
                other => {
                    let message = format!(
                        "({group}): fwmark '{}' family {other} unknown - ignoring",
                        word.text
                    );
                    self.error_help(Code::InvalidValue, family.span, message, "inet or inet6");
                    return None;
                }
            },
        };
        let Some(mark) = NonZeroU32::new(mark) else {
            let message = "a packet without a mark has mark 0; the entry is left out";
            self.sink
                .push(Diagnostic::note(Code::InvalidValue, word.span, message));
            return None;
        };
        Some(GroupEntry::Fwmark { mark, family })
    }
}

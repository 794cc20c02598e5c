//! `virtual_server_group`.

use std::collections::HashMap;
use std::num::NonZeroU32;

use super::Lower;
use crate::ast::{Node, Word};
use crate::diag::{Code, Diagnostic, nearest};
use crate::header::{self, missing_word};
use crate::model::{Family, GroupEntry, VirtualServerGroup};
use crate::value::address_range::{RangeError, range};
use crate::value::number;

/// The groups of a configuration, and how often each is used.
#[derive(Debug, Default)]
pub(super) struct Groups {
    pub list: Vec<VirtualServerGroup>,
    by_name: HashMap<String, Group>,
}

/// What the judgement of a service needs to know of its group, which may have thousands of entries.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Group {
    /// So many virtual servers use it so far.
    pub users: usize,
    /// It has a firewall mark.
    pub has_mark: bool,
    /// It has an entry for every port of an address.
    pub has_zero_port: bool,
    inet: bool,
    inet6: bool,
    /// Its first entry with an address.
    first: Option<GroupEntry>,
    /// Its first one with another port than that.
    other: Option<GroupEntry>,
    /// A mark says nothing of its family.
    mark_without_family: bool,
}

impl Group {
    fn new(entries: &[GroupEntry]) -> Self {
        let mut group = Self::default();
        for entry in entries {
            group.inet |= entry.family() == Some(Family::Inet);
            group.inet6 |= entry.family() == Some(Family::Inet6);
            group.mark_without_family |= entry.family().is_none();
            let Some(port) = port(*entry) else {
                group.has_mark = true;
                continue;
            };
            group.has_zero_port |= port == 0;
            match group.first {
                None => group.first = Some(*entry),
                Some(first) if group.other.is_none() && self::port(first) != Some(port) => {
                    group.other = Some(*entry);
                }
                Some(_) => {}
            }
        }
        group
    }

    /// It has entries of the other family.
    pub(super) fn strays_from(self, family: Family) -> bool {
        match family {
            Family::Inet => self.inet6,
            Family::Inet6 => self.inet,
        }
    }

    /// The one family of its entries, if there is one.
    pub(super) fn family(self) -> Option<Family> {
        match (self.inet, self.inet6) {
            (true, false) => Some(Family::Inet),
            (false, true) => Some(Family::Inet6),
            _ => None,
        }
    }

    pub(super) fn is_only_marks(self) -> bool {
        self.first.is_none()
    }

    /// An entry with another port.
    pub(super) fn with_other_port(self, port: u16) -> Option<GroupEntry> {
        let differs = |entry: &GroupEntry| self::port(*entry) != Some(port);
        self.first.filter(differs).or(self.other.filter(differs))
    }
}

fn port(entry: GroupEntry) -> Option<u16> {
    match entry {
        GroupEntry::Addresses { port, .. } => Some(port),
        GroupEntry::Fwmark { .. } => None,
    }
}

/// So many names are compared with one that is not there.
const NAMES_COMPARED: usize = 200;

impl Groups {
    pub(super) fn find(&self, name: &str) -> Option<Group> {
        self.by_name.get(name).copied()
    }

    /// One that may have been meant.
    pub(super) fn nearest(&self, name: &str) -> Option<&str> {
        let names = self.list.iter().map(|group| group.name.as_str());
        nearest(name, names.take(NAMES_COMPARED))
    }

    /// So many virtual servers use it so far.
    pub(super) fn users(&self, name: &str) -> usize {
        self.by_name.get(name).map_or(0, |group| group.users)
    }

    pub(super) fn used(&mut self, name: &str) {
        if let Some(group) = self.by_name.get_mut(name) {
            group.users += 1;
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
            // keepalived says it at the `}`, and nothing without one.
            let open = block.closing() == block.span();
            let before = self.sink.set_late(open);
            self.error_help(Code::InvalidValue, block.closing(), message, help);
            self.sink.set_late(before);
            return;
        }
        let facts = Group::new(&group.entries);
        if facts.inet && facts.inet6 && facts.mark_without_family {
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
        groups.by_name.insert(group.name.clone(), facts);
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

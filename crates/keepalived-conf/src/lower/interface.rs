//! What is said of interfaces: `garp_group`, `linkbeat_interfaces`, `interface_up_down_delays`.

use std::collections::HashSet;
use std::time::Duration;

use super::Lower;
use crate::ast::{Node, Word};
use crate::diag::{Code, Diagnostic, nearest};
use crate::model::{GarpGroup, InterfaceDelay, LinkbeatInterface, LinkbeatMethod};
use crate::value::number;

/// The longest pause between two announcements, in microseconds.
const LONGEST_PAUSE: u64 = 4_294_967_295;
/// The longest delay, in microseconds.
const LONGEST_DELAY: u64 = 255_000_000;

impl Lower<'_> {
    /// `before` it there are so many.
    pub(super) fn garp_group(&mut self, block: Node<'_>, before: usize) -> Option<GarpGroup> {
        let mut group = GarpGroup {
            garp_interval: None,
            gna_interval: None,
            interfaces: Vec::new(),
        };
        let mut listed = false;
        for node in block.body() {
            let keyword = node.name();
            listed |= keyword == "interfaces";
            match keyword {
                "garp_interval" | "gna_interval" => {
                    let also = |text: &str| format!("garp_group {keyword} '{text}' invalid");
                    let found = self.seconds(node, 0..=LONGEST_PAUSE, also);
                    let slot = match keyword {
                        "garp_interval" => &mut group.garp_interval,
                        _ => &mut group.gna_interval,
                    };
                    *slot = found.or(*slot);
                }
                "interface" => {
                    if let Some(word) = self.require(node) {
                        self.garp_interface(&word, &mut group);
                    }
                }
                "interfaces" => {
                    let mut empty = true;
                    for word in node.entries().flatten() {
                        empty = false;
                        self.garp_interface(&word, &mut group);
                    }
                    if empty {
                        let message = "Warning - empty garp_group interfaces block";
                        let help = "list the interfaces between its braces";
                        self.warning(Code::IncompleteBlock, node.closing(), message, help);
                    }
                }
                _ => {}
            }
        }
        if group.garp_interval.is_none() && group.gna_interval.is_none() {
            let message = format!(
                "garp group {} does not have any delay set - removing",
                before + 1
            );
            let help = "it needs `garp_interval` or `gna_interval`";
            let span = block.closing();
            // keepalived behaviour: of a group by `interface` alone it says nothing.
            match listed {
                true => self.error_help(Code::IncompleteBlock, span, message, help),
                false => self.note(Code::IncompleteBlock, span, message, help),
            }
            return None;
        }
        Some(group)
    }

    fn garp_interface(&mut self, word: &Word<'_>, group: &mut GarpGroup) {
        let name = word.text.as_ref();
        if !self.may_have_interface(name) {
            let message =
                format!("WARNING - interface {name} specified for garp_group doesn't exist");
            let help = "`ip link` lists the interfaces of this host; the daemon does not start without it, \
                        unless global_defs says `dynamic_interfaces`";
            self.missing_interface(word.span, message, help);
            return;
        }
        if !self.tracked.grouped.insert(name.to_owned()) {
            let message = format!("garp_group already specified for {name} - ignoring");
            let help = "an interface is in one group only; the first counts";
            self.error_help(Code::Duplicate, word.span, message, help);
            return;
        }
        group.interfaces.push(name.to_owned());
    }

    pub(super) fn linkbeat_interfaces(
        &mut self,
        block: Node<'_>,
        interfaces: &mut Vec<LinkbeatInterface>,
    ) {
        for words in block.entries() {
            let Some((first, options)) = words.split_first() else {
                continue;
            };
            if !self.is_interface(first, "linkbeat interface") {
                continue;
            }
            let mut method = LinkbeatMethod::default();
            for (at, word) in options.iter().enumerate() {
                method = match &*word.text {
                    "MII" if at == 0 => LinkbeatMethod::Mii,
                    "ETHTOOL" if at == 0 => LinkbeatMethod::Ethtool,
                    "IOCTL" if at == 0 => LinkbeatMethod::Ioctl,
                    other => {
                        let message = format!("extra characters {other} in linkbeat interface");
                        let help = match nearest(other, ["MII", "ETHTOOL", "IOCTL"].into_iter()) {
                            Some(near) if at == 0 => format!("did you mean `{near}`?"),
                            _ => "one interface a line, then MII, ETHTOOL or IOCTL".to_owned(),
                        };
                        self.error_help(Code::InvalidValue, word.span, message, help);
                        break;
                    }
                };
            }
            let name = first.text.to_string();
            interfaces.push(LinkbeatInterface { name, method });
        }
        last_of_each(interfaces, |interface| &interface.name);
    }

    pub(super) fn interface_delays(&mut self, block: Node<'_>, delays: &mut Vec<InterfaceDelay>) {
        for words in block.entries() {
            let Some((first, times)) = words.split_first() else {
                continue;
            };
            if !self.is_interface(first, "up/down delay") {
                continue;
            }
            let mut times = times.iter();
            // keepalived behaviour: without a second time it is up at once.
            let Some(down) = self.delay(times.next()) else {
                continue;
            };
            let Some(up) = self.delay(times.next()) else {
                continue;
            };
            let name = first.text.to_string();
            delays.push(InterfaceDelay { name, down, up });
        }
        last_of_each(delays, |delay| &delay.name);
    }

    fn delay(&mut self, word: Option<&Word<'_>>) -> Option<Duration> {
        let Some(word) = word else {
            return Some(Duration::ZERO);
        };
        match number::seconds(&word.text, 0..=LONGEST_DELAY) {
            Ok(delay) => Some(delay),
            Err(error) => {
                let help = "seconds, 0 to 255: first before it counts as down, then before it counts as up";
                self.error_help(Code::InvalidNumber, word.span, error.say(&word.text), help);
                None
            }
        }
    }

    fn is_interface(&mut self, word: &Word<'_>, what: &str) -> bool {
        let known = self.may_have_interface(&word.text);
        if !known {
            let message = format!("unknown interface {} specified for {what}", word.text);
            let help = "`ip link` lists the interfaces of this host; the line is ignored";
            self.sink
                .push(Diagnostic::error(Code::InterfaceAbsent, word.span, message).help(help));
        }
        known
    }
}

/// Leaves the last one of each name.
fn last_of_each<T>(list: &mut Vec<T>, name: fn(&T) -> &String) {
    let mut seen = HashSet::with_capacity(list.len());
    let mut keep: Vec<bool> = list
        .iter()
        .rev()
        .map(|item| seen.insert(name(item).clone()))
        .collect();
    list.retain(|_| keep.pop().unwrap_or(true));
}

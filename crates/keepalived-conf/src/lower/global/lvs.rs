//! LVS.

use std::net::IpAddr;
use std::num::{NonZeroU8, NonZeroU16};
use std::time::Duration;

use super::{Lower, takes};
use crate::ast::{Node, Word};
use crate::diag::Code;
use crate::model::{FlushOnStop, SyncDaemon};
use crate::value::address;

/// The longest timeout that IPVS takes, in seconds: 31 days.
const LONGEST_TIMEOUT: u32 = 2_678_400;
/// The longest name of an interface.
const LONGEST_INTERFACE: usize = 15;

impl Lower<'_> {
    pub(super) fn lvs_word(&mut self, node: Node<'_>) -> bool {
        match node.name() {
            "lvs_flush" => self.global.lvs_flush = true,
            "lvs_flush_on_stop" | "lvs_flush_onstop" => match node.argument(0) {
                None => self.global.lvs_flush_on_stop = FlushOnStop::Everything,
                Some(word) if word.text == "VS" => {
                    self.global.lvs_flush_on_stop = FlushOnStop::VirtualServers;
                }
                Some(word) => {
                    let message = format!("Unknown lvs_flush_on_stop type {}", word.text);
                    self.error_help(Code::InvalidValue, word.span, message, "nothing, or `VS`");
                }
            },
            "lvs_timeouts" => self.lvs_timeouts(node),
            "lvs_sync_daemon" => self.lvs_sync_daemon(node),
            "rs_init_notifies" => {
                let value = self.global_switch(node);
                self.keep(value, |global| &mut global.rs_init_notifies);
            }
            "checker_log_all_failures" => {
                let value = self.named_switch(node);
                self.keep(value, |global| &mut global.checker_log_all_failures);
            }
            _ => return false,
        }
        true
    }

    fn lvs_timeouts(&mut self, node: Node<'_>) {
        if node.argument(1).is_none() {
            let message = "lvs_timeouts requires at least one option";
            self.error_help(Code::InvalidValue, node.span(), message, takes(node));
            return;
        }
        let mut words = node.arguments();
        while let Some(option) = words.next() {
            let name = &*option.text;
            if !matches!(name, "tcp" | "tcpfin" | "udp") {
                let message = format!("Unknown option {name} specified for lvs_timeouts");
                self.error_help(Code::InvalidValue, option.span, message, takes(node));
                continue;
            }
            let Some(word) = words.next() else {
                let message = format!("No value specified for lvs_timeout {name} - ignoring");
                self.error_help(Code::InvalidValue, option.span, message, takes(node));
                return;
            };
            let seconds = self.unsigned(node, &word, 0..=LONGEST_TIMEOUT, |text| {
                format!("Invalid lvs_timeout {name} ({text}) - ignoring")
            });
            let Some(seconds) = seconds else { continue };
            let timeouts = &mut self.global.lvs_timeouts;
            let timeout = match name {
                "tcp" => &mut timeouts.tcp,
                "tcpfin" => &mut timeouts.tcp_fin,
                _ => &mut timeouts.udp,
            };
            *timeout = (seconds > 0).then(|| Duration::from_secs(u64::from(seconds)));
        }
    }

    fn lvs_sync_daemon(&mut self, node: Node<'_>) {
        let Some(interface) = self.expect(node, "lvs_sync_daemon requires interface") else {
            return;
        };
        if let Some(first) = &self.global.lvs_sync_daemon {
            let message = format!(
                "lvs_sync_daemon has already been specified as {} {} - ignoring",
                first.interface,
                first.instance.as_deref().unwrap_or_default()
            );
            self.again(node, message);
            return;
        }
        if interface.text.len() > LONGEST_INTERFACE {
            let message = format!(
                "lvs_sync_daemon interface name '{}' too long - ignoring",
                interface.text
            );
            let help = format!("the name of an interface has {LONGEST_INTERFACE} bytes at most");
            self.error_help(Code::InvalidName, interface.span, message, help);
            return;
        }
        let mut daemon = SyncDaemon {
            interface: interface.text.into_owned(),
            instance: None,
            id: None,
            max_length: None,
            port: None,
            ttl: None,
            group: None,
        };
        let mut words = node.arguments().skip(1).peekable();
        if let Some(name) = words.next_if(|word| !is_option(&word.text)) {
            daemon.instance = Some(name.text.into_owned());
            // keepalived behaviour: once the number had no word before it.
            if let Some(id) = words.next_if(|word| !is_option(&word.text)) {
                daemon.id = self.sync_id(node, &id);
                if daemon.id.is_some() {
                    let message = "Please use keyword \"id\" before lvs_sync_daemon SYNCID";
                    let help = format!("write `id {}`", id.text);
                    self.error_help(Code::Deprecated, id.span, message, help);
                }
            }
        }
        while let Some(option) = words.next() {
            if !is_option(&option.text) {
                let message = format!(
                    "Unknown option {} specified for lvs_sync_daemon",
                    option.text
                );
                self.error_help(Code::InvalidValue, option.span, message, takes(node));
                continue;
            }
            let Some(value) = words.next() else {
                self.sync_option_alone(node, &option);
                break;
            };
            self.sync_option(node, &option.text, &value, &mut daemon);
        }
        self.global.lvs_sync_daemon = Some(daemon);
    }

    fn sync_option_alone(&mut self, node: Node<'_>, option: &Word<'_>) {
        let name = &*option.text;
        if name == "inst" {
            let position = node.words().count() + 1;
            self.sink
                .push(crate::header::missing_parameter(node, position));
            return;
        }
        let end = if name == "id" {
            ", defaulting to vrid"
        } else {
            " - ignoring"
        };
        let message = format!("No value specified for lvs_sync_daemon {name}{end}");
        self.error_help(Code::InvalidValue, option.span, message, takes(node));
    }

    fn sync_option(
        &mut self,
        node: Node<'_>,
        name: &str,
        value: &Word<'_>,
        daemon: &mut SyncDaemon,
    ) {
        let invalid = |text: &str| format!("Invalid lvs_sync_daemon {name} ({text}) - ignoring");
        match name {
            "inst" => daemon.instance = Some(value.text.to_string()),
            "id" => daemon.id = self.sync_id(node, value),
            "maxlen" => {
                let length = self.unsigned(node, value, 1..=65507, invalid);
                daemon.max_length = length.and_then(port_number);
            }
            "port" => {
                let port = self.unsigned(node, value, 1..=65535, invalid);
                daemon.port = port.and_then(port_number);
            }
            "ttl" => {
                let ttl = self.unsigned(node, value, 1..=255, invalid);
                daemon.ttl = ttl
                    .and_then(|ttl| u8::try_from(ttl).ok())
                    .and_then(NonZeroU8::new);
            }
            _ => daemon.group = self.sync_group_address(node, value),
        }
    }

    fn sync_id(&mut self, node: Node<'_>, word: &Word<'_>) -> Option<u8> {
        let id = self.unsigned(node, word, 0..=255, |text| {
            format!("Invalid syncid ({text}) - defaulting to vrid")
        });
        id.and_then(|id| u8::try_from(id).ok())
    }

    fn sync_group_address(&mut self, node: Node<'_>, word: &Word<'_>) -> Option<IpAddr> {
        let text = &word.text;
        let message = match address::ip(text) {
            Some(group) if group.is_multicast() => return Some(group),
            Some(_) => {
                format!("lvs_sync_daemon group address {text} is not multicast - ignoring")
            }
            None => format!("Invalid lvs_sync_daemon group ({text}) - ignoring"),
        };
        self.error_help(Code::InvalidAddress, word.span, message, takes(node));
        None
    }
}

fn is_option(word: &str) -> bool {
    matches!(word, "inst" | "id" | "maxlen" | "port" | "ttl" | "group")
}

fn port_number(number: u32) -> Option<NonZeroU16> {
    u16::try_from(number).ok().and_then(NonZeroU16::new)
}

//! `use_vmac`, `use_ipvlan`: a device of the instance's own on its interface.

use std::net::IpAddr;

use super::Draft;
use super::source::follows;
use crate::ast::{Node, Word};
use crate::diag::Code;
use crate::lower::host_names::Named;
use crate::lower::{Lower, takes};
use crate::model::{Device, Ipvlan, IpvlanMode, Vmac};
use crate::span::Span;
use crate::value::{address, number};

/// As many bytes as the kernel gives the name of an interface.
pub(super) const LONGEST_NAME: usize = 15;

/// What was said of the device.
#[derive(Debug, Default)]
pub(super) struct DeviceDraft {
    /// The first `use_vmac` or `use_ipvlan`.
    keyword: Option<Span>,
    vmac: bool,
    ipvlan: bool,
    /// Of both.
    name: Option<String>,
    mac: Option<([u8; 6], Span)>,
    /// Only five bytes of it were said; the VRID is the sixth.
    mac_needs_vrid: bool,
    group: Option<String>,
    netlink_notify: bool,
    pub vmac_addr: bool,
    /// `vmac_xmit_base`, or what makes it so.
    pub transmit_base: Option<Span>,
    address: Option<(IpAddr, u8)>,
    mode: Option<IpvlanMode>,
}

impl DeviceDraft {
    pub(super) fn is_some(&self) -> bool {
        self.vmac || self.ipvlan
    }
}

impl Lower<'_> {
    /// `[name] IFNAME | MAC | group NAME | netlink_notify_msg`, in any order.
    pub(super) fn use_vmac(&mut self, node: Node<'_>, draft: &mut Draft) {
        draft.device.keyword.get_or_insert(node.span());
        draft.device.vmac = true;
        let words: Vec<Word<'_>> = node.arguments().collect();
        let mut words = words.iter();
        while let Some(word) = words.next() {
            match &*word.text {
                "name" => {
                    let Some(name) = self.following(&mut words, node, word) else {
                        return;
                    };
                    self.vmac_name(name, draft);
                }
                "group" => {
                    let Some(group) = self.following(&mut words, node, word) else {
                        return;
                    };
                    let group = self.host_number(Named::Group, &group.text);
                    draft.device.group = Some(group.into_owned());
                }
                "netlink_notify_msg" => draft.device.netlink_notify = true,
                text if text.contains(':') => self.vmac_address(word, draft),
                _ => self.vmac_name(word, draft),
            }
        }
    }

    fn following<'w, 's>(
        &mut self,
        words: &mut impl Iterator<Item = &'w Word<'s>>,
        node: Node<'_>,
        option: &Word<'_>,
    ) -> Option<&'w Word<'s>> {
        let word = words.next();
        if word.is_none() {
            let message = format!("{} {} is missing a value", node.name(), option.text);
            let help = takes(node);
            self.error_help(Code::InvalidValue, option.span, message, help);
        }
        word
    }

    fn vmac_name(&mut self, word: &Word<'_>, draft: &mut Draft) {
        let (owner, text) = (&draft.name, &word.text);
        if draft.device.name.is_some() {
            let message = "VMAC interface name already specified";
            let help = "one name; `group` stands before a group, a MAC address has colons";
            self.error_help(Code::Duplicate, word.span, message, help);
        } else if !is_interface_name(text) {
            let message =
                format!("VMAC interface name '{text}' too long or invalid characters - ignoring");
            let help = "at most 15 bytes, no `/`, no `:`";
            self.error_help(Code::InvalidName, word.span, message, help);
        } else if self.is_taken(text) {
            let message = format!(
                "({owner}) interface {text} already exists and is not a private macvlan; ignoring vmac if_name"
            );
            let help = "the VMAC is made by the daemon; give it a name that nothing else has";
            self.error_help(Code::Conflict, word.span, message, help);
        } else if self.device_name(word, owner) {
            draft.device.name = Some(text.to_string());
        }
    }

    /// Whether an interface is known to have that name that is no VMAC.
    fn is_taken(&self, name: &str) -> bool {
        let namespace = self.global.home.net_namespace.as_deref();
        let there = match namespace {
            None => self.loader.has_interface(name),
            Some(namespace) => self.loader.has_interface_in(namespace, name) == Some(true),
        };
        there && !self.loader.is_private_macvlan(namespace, name)
    }

    /// Whether no other instance has that name for its device.
    fn device_name(&mut self, word: &Word<'_>, owner: &str) -> bool {
        let text = &word.text;
        if let Some(other) = self
            .device_names
            .get(&**text)
            .filter(|other| **other != owner)
        {
            let message =
                format!("({owner}) VRRP instance {other} is already using {text} - ignoring name");
            let help = "each needs a name of its own";
            self.error_help(Code::Duplicate, word.span, message, help);
            return false;
        }
        self.device_names.insert(text.to_string(), owner.to_owned());
        true
    }

    /// Six bytes, or five and the VRID.
    fn vmac_address(&mut self, word: &Word<'_>, draft: &mut Draft) {
        let text = &word.text;
        let help =
            "six bytes in hexadecimal with colons, or five and the virtual router id is the sixth";
        if draft.device.mac.is_some() {
            let message = "VMAC interface address already specified";
            self.error(Code::Duplicate, word.span, message);
            return;
        }
        let bytes = |text: &str| -> Option<Vec<u8>> {
            let part = |part: &str| match part.len() {
                1 | 2 => u8::from_str_radix(part, 16).ok(),
                _ => None,
            };
            text.split(':').take(6).map(part).collect()
        };
        let (mac, only_five) = match bytes(text).as_deref() {
            Some(&[a, b, c, d, e, f]) => ([a, b, c, d, e, f], false),
            Some(&[a, b, c, d, e]) => ([a, b, c, d, e, 0], true),
            found => {
                let ignored = if found.is_some() { " - ignored" } else { "" };
                let message = format!("VMAC invalid MAC address {text}{ignored}");
                self.error_help(Code::InvalidAddress, word.span, message, help);
                return;
            }
        };
        let message = match mac {
            [first, ..] if first & 1 == 1 => {
                format!("VMAC MAC address is multicast {text} - ignoring")
            }
            [0, 0, 0x5e, 0, 1 | 2, _] => {
                format!("VMAC MAC address not allowed to be RFC5798 address ({text}) - ignoring")
            }
            _ => {
                draft.device.mac = Some((mac, word.span));
                draft.device.mac_needs_vrid = only_five;
                return;
            }
        };
        self.error_help(Code::InvalidAddress, word.span, message, help);
    }

    /// `[name] IFNAME | IPADDR[/MASK] | bridge|private|vepa | group NAME`, in any order.
    pub(super) fn use_ipvlan(&mut self, node: Node<'_>, draft: &mut Draft) {
        if draft.device.ipvlan {
            let message = format!("({}) use_ipvlan already specified", draft.name);
            let help = "all of it goes into one line; the first counts";
            self.error_help(Code::Duplicate, node.span(), message, help);
            return;
        }
        draft.device.keyword.get_or_insert(node.span());
        draft.device.ipvlan = true;
        let words: Vec<Word<'_>> = node.arguments().collect();
        let mut words = words.iter();
        while let Some(word) = words.next() {
            let mode = match &*word.text {
                "name" => {
                    let Some(name) = self.following(&mut words, node, word) else {
                        return;
                    };
                    self.ipvlan_name(name, draft);
                    continue;
                }
                "group" => {
                    let Some(group) = self.following(&mut words, node, word) else {
                        return;
                    };
                    let group = self.host_number(Named::Group, &group.text);
                    draft.device.group = Some(group.into_owned());
                    continue;
                }
                "bridge" => IpvlanMode::Bridge,
                "private" => IpvlanMode::Private,
                "vepa" => IpvlanMode::Vepa,
                text if address::with_prefix(text).is_some() => {
                    self.ipvlan_address(word, draft);
                    continue;
                }
                _ => {
                    self.ipvlan_name(word, draft);
                    continue;
                }
            };
            if draft.device.mode.is_some() {
                let message = format!(
                    "({}) ipvlan type already specified - ignoring '{}'",
                    draft.name, word.text
                );
                self.error(Code::Duplicate, word.span, message);
            } else {
                draft.device.mode = Some(mode);
            }
        }
    }

    fn ipvlan_name(&mut self, word: &Word<'_>, draft: &mut Draft) {
        let (owner, text) = (&draft.name, &word.text);
        if draft.device.name.is_some() {
            let message =
                format!("({owner}) IPVLAN interface already specified - ignoring '{text}'");
            self.error(Code::Duplicate, word.span, message);
        } else if text.len() > LONGEST_NAME {
            let message = format!("({owner}) IPVLAN interface name '{text}' too long - ignoring");
            let help = "at most 15 bytes";
            self.error_help(Code::InvalidName, word.span, message, help);
        } else if self.device_name(word, owner) {
            draft.device.name = Some(text.to_string());
        }
    }

    fn ipvlan_address(&mut self, word: &Word<'_>, draft: &mut Draft) {
        let Some((address, prefix)) = address::with_prefix(&word.text) else {
            return;
        };
        if !follows(&mut draft.ipv6, address) {
            let message = format!(
                "({}) ipvlan address {} must match VRRP instance family - ignoring",
                draft.name, word.text
            );
            self.other_family(word, message);
            return;
        }
        let most = if address.is_ipv4() { 32_u8 } else { 128 };
        let length = match prefix.map(|prefix| number::unsigned(prefix, 0..=u64::from(most))) {
            None => most,
            Some(Ok(length)) => u8::try_from(length).unwrap_or(most),
            Some(Err(error)) => {
                // keepalived says only that there is no address, at the end.
                let message = error.say(prefix.unwrap_or_default());
                let help = "ADDRESS or ADDRESS/PREFIX; this is not used";
                self.note(Code::InvalidNumber, word.span, message, help);
                return;
            }
        };
        draft.device.address = Some((address, length));
    }

    /// What keepalived sees at the `}`.
    pub(super) fn end_of_device(&mut self, draft: &mut Draft) {
        if !draft.device.is_some() || !draft.is_unicast() {
            return;
        }
        let owner = &draft.name;
        if draft.interface.is_none() {
            let message = format!(
                "({owner}): Cannot use VMAC/ipvlan with unicast and no interface - clearing use_vmac"
            );
            let help = "write `interface NAME`: the device has to stand on one";
            self.error_help(Code::Conflict, draft.closing, message, help);
            draft.device.vmac = false;
            draft.device.ipvlan = false;
        } else if draft.device.transmit_base.is_none() {
            let message =
                format!("({owner}) unicast with use_vmac requires vmac_xmit_base - setting");
            let help = "write `vmac_xmit_base`, so that it says what is done";
            self.error_help(Code::Conflict, draft.closing, message, help);
            draft.device.transmit_base = draft.device.keyword;
        }
    }

    /// The device it comes to.
    pub(super) fn device(&mut self, draft: &mut Draft, vrid: u8, strict: bool) -> Device {
        let name = &draft.name;
        let device = std::mem::take(&mut draft.device);
        if let Some(span) = device.transmit_base.filter(|_| !device.vmac) {
            let message = format!("({name}) vmac_xmit_base is only valid with a vmac");
            self.error_help(Code::Conflict, span, message, "write `use_vmac` as well");
        }
        if let Some(span) = draft.promote_secondaries.filter(|_| device.vmac) {
            let message =
                format!("({name}) promote_secondaries is automatically set for vmacs - ignoring");
            self.error(Code::Conflict, span, message);
            draft.promote_secondaries = None;
        }
        // keepalived behaviour: of the two, ipvlan is the one that counts.
        if device.ipvlan {
            if let Some(span) = device
                .keyword
                .filter(|_| draft.ipv6 != Some(true) && device.address.is_none())
            {
                let message = format!(
                    "({name}) IPv4 ipvlan requires a source ip address to be configured. setting instance to fault state"
                );
                let help = "write it behind `use_ipvlan`: ADDRESS/PREFIX";
                self.error_help(Code::Conflict, span, message, help);
            }
            return Device::Ipvlan(Ipvlan {
                name: device.name,
                address: device.address,
                mode: device.mode.unwrap_or_default(),
                group: device.group,
            });
        }
        if !device.vmac {
            return Device::Interface;
        }
        let mut mac = device.mac;
        if let Some((_, span)) = mac.filter(|_| strict) {
            let message =
                format!("({name}): cannot specify MAC address with strict mode - clearing");
            self.error(Code::Conflict, span, message);
            mac = None;
        }
        let needs_vrid = device.mac_needs_vrid;
        Device::Vmac(Vmac {
            name: device.name,
            mac: mac
                .map(|([a, b, c, d, e, f], _)| [a, b, c, d, e, if needs_vrid { vrid } else { f }]),
            group: device.group,
            netlink_notify: device.netlink_notify,
            transmit_base: device.transmit_base.is_some(),
            for_addresses: device.vmac_addr,
        })
    }
}

fn is_interface_name(text: &str) -> bool {
    text.len() <= LONGEST_NAME && !matches!(text, "" | "." | "..") && !text.contains(['/', ':'])
}

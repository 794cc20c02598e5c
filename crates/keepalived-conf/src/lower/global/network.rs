//! Interfaces, receive buffers, nftables.

use std::num::NonZeroU32;
use std::time::Duration;

use super::{Lower, takes};
use crate::ast::Node;
use crate::diag::{Code, Diagnostic};
use crate::model::{AdvertBufferPolicy, DynamicInterfaces, Firewall, GarpExtra};

impl Lower<'_> {
    pub(super) fn network_word(&mut self, node: Node<'_>) -> bool {
        match node.name() {
            "dynamic_interfaces" => match node.argument(0) {
                None => self.global.interfaces.dynamic = DynamicInterfaces::Later,
                Some(word) if word.text == "allow_if_changes" => {
                    self.global.interfaces.dynamic = DynamicInterfaces::Changing;
                }
                Some(word) => {
                    let message = format!("Unknown dynamic_interfaces option '{}'", word.text);
                    let help = "nothing, or `allow_if_changes`";
                    self.error_help(Code::InvalidValue, word.span, message, help);
                }
            },
            "default_interface" => {
                let name = self.expect_text(node, "default_interface requires interface name");
                self.keep_some(name, |global| &mut global.interfaces.default);
            }
            "disable_local_igmp" => self.global.interfaces.disable_local_igmp = true,
            "vmac_prefix" => {
                if let Some(prefix) = self.required_text(node) {
                    let message =
                        format!("vmac prefix has already been specified - ignoring {prefix}");
                    self.once(node, prefix, message, |global| {
                        &mut global.interfaces.vmac_prefix
                    });
                }
            }
            "vmac_addr_prefix" => {
                if let Some(prefix) = self.required_text(node) {
                    let message =
                        format!("vmac_addr prefix has already been specified - ignoring {prefix}");
                    self.once(node, prefix, message, |global| {
                        &mut global.interfaces.vmac_addr_prefix
                    });
                }
            }
            "vrrp_garp_extra_if" => self.garp_extra(node),
            "vrrp_vmac_garp_intvl" => {
                let message = "Keyword \"vrrp_vmac_garp_intvl\" is deprecated - please use \"vrrp_garp_extra_if\"";
                let help = "both mean the same";
                self.warning(Code::Deprecated, node.span(), message, help);
                self.garp_extra(node);
            }
            "vrrp_rx_bufs_policy" => self.advert_buffer_policy(node),
            "vrrp_rx_bufs_multiplier" => self.advert_buffer_multiplier(node),
            _ => return self.firewall_word(node),
        }
        true
    }

    fn garp_extra(&mut self, node: Node<'_>) {
        let name = node.name();
        let all = node.argument(0).is_some_and(|word| word.text == "all");
        let Some(word) = node.argument(usize::from(all)) else {
            let message = format!("{name} specified without time - ignoring");
            self.error_help(Code::InvalidValue, node.span(), message, takes(node));
            return;
        };
        let seconds = self.unsigned(node, &word, 1..=86400, |text| {
            format!("{name} '{text}' invalid - ignoring")
        });
        let extra = seconds.map(|seconds| GarpExtra {
            all,
            interval: Duration::from_secs(u64::from(seconds)),
        });
        self.keep_some(extra, |global| &mut global.interfaces.garp_extra);
    }

    fn advert_buffer_policy(&mut self, node: Node<'_>) {
        let Some(first) = self.expect(node, "vrrp_rx_bufs_policy missing") else {
            return;
        };
        let policy = |text: &str| match text {
            _ if text.eq_ignore_ascii_case("MTU") => Some(AdvertBufferPolicy::Mtu),
            _ if text.eq_ignore_ascii_case("ADVERT") => Some(AdvertBufferPolicy::Advert),
            _ => None,
        };
        let mut found = Vec::new();
        for word in node.arguments() {
            if let Some(policy) = policy(&word.text) {
                found.push(policy);
                continue;
            }
            // keepalived behaviour: a word that is neither makes it look for a number, in the first one.
            let bytes = self.unsigned(node, &first, 0..=u32::MAX, |_| {
                format!("Invalid vrrp_rx_bufs_policy {}", word.text)
            });
            found.extend(bytes.map(AdvertBufferPolicy::Bytes));
            break;
        }
        for new in found {
            self.advert_buffer_policy_of(node, new);
        }
    }

    fn advert_buffer_policy_of(&mut self, node: Node<'_>, new: AdvertBufferPolicy) {
        use AdvertBufferPolicy::{Advert, Bytes, Mtu};
        let (kept, message) = match (self.global.advert_buffer.policy, new) {
            (Some(old @ Bytes(_)), Mtu | Advert) => (
                old,
                "Cannot set vrrp_rx_bufs_policy size and policy, ignoring policy",
            ),
            (Some(Mtu | Advert), new @ Bytes(_)) => (
                new,
                "Cannot set vrrp_rx_bufs_policy size and policy, ignoring policy",
            ),
            (Some(Mtu), Advert) | (Some(Advert), Mtu) => (
                Mtu,
                "Cannot set both vrrp_rx_bufs_policy MTU and ADVERT, ignoring ADVERT",
            ),
            (_, new) => (new, ""),
        };
        self.global.advert_buffer.policy = Some(kept);
        if !message.is_empty() {
            let span = node.argument(0).map_or(node.span(), |word| word.span);
            self.error_help(Code::Conflict, span, message, takes(node));
        }
    }

    fn advert_buffer_multiplier(&mut self, node: Node<'_>) {
        let mut words = node.arguments();
        let (Some(word), None) = (words.next(), words.next()) else {
            let message = "Invalid vrrp_rx_bufs_multiplier";
            self.error_help(Code::InvalidValue, node.span(), message, takes(node));
            return;
        };
        let multiplier = self
            .unsigned(node, &word, 1..=u32::MAX, |text| {
                format!("Invalid vrrp_rx_bufs_multiplier {text}")
            })
            .and_then(NonZeroU32::new);
        self.keep(multiplier, |global| &mut global.advert_buffer.multiplier);
    }

    fn firewall_word(&mut self, node: Node<'_>) -> bool {
        match node.name() {
            "nftables" => {
                if self.global.firewall.table.is_some() {
                    self.again(node, "nftables already specified - ignoring");
                } else {
                    let table = table(node, "keepalived");
                    self.global.firewall.table = Some(table);
                    self.global.firewall.priority = Firewall::PRIORITY;
                }
            }
            "nftables_priority" => {
                let priority = self.chain_priority(node, "");
                self.keep(priority, |global| &mut global.firewall.priority);
            }
            "nftables_ifindex" => self.global.firewall.by_index = true,
            "nftables_ipvs" => {
                if self.global.firewall.ipvs_table.is_some() {
                    self.again(node, "ipvs nftables already specified - ignoring");
                } else {
                    let table = table(node, "keepalived_ipvs");
                    let firewall = &mut self.global.firewall;
                    firewall.ipvs_table = Some(table);
                    firewall.ipvs_priority = Firewall::PRIORITY;
                    firewall.ipvs_first_mark = Firewall::FIRST_MARK;
                }
            }
            "nftables_ipvs_priority" => {
                let priority = self.chain_priority(node, "ipvs ");
                self.keep(priority, |global| &mut global.firewall.ipvs_priority);
            }
            "nftables_ipvs_start_fwmark" => {
                let also =
                    |text: &str| format!("invalid ipvs nftables start_fwmark priority '{text}'");
                let mark = self.u32(node, 1..=u32::MAX, also).and_then(NonZeroU32::new);
                self.keep(mark, |global| &mut global.firewall.ipvs_first_mark);
            }
            "nftables_counters" => self.global.firewall.counters = true,
            "vrrp_iptables" | "vrrp_ipsets" => self.iptables(node),
            _ => return false,
        }
        true
    }

    fn chain_priority(&mut self, node: Node<'_>, which: &str) -> Option<i32> {
        let word = self.require(node)?;
        self.signed(node, &word, i32::MIN..=i32::MAX, |text| {
            format!("invalid {which}nftables chain priority '{text}'")
        })
    }

    /// A word of a build with iptables: nftables does what is meant.
    fn iptables(&mut self, node: Node<'_>) {
        let message = "iptables not supported, using nftables instead. \
                       Please replace 'vrrp_iptables and 'vrrp_ipsets' with 'nftables' config option";
        let diagnostic = Diagnostic::warning(Code::Deprecated, node.span(), message);
        self.sink.push(diagnostic.help("write `nftables` instead"));
        self.global
            .firewall
            .table
            .get_or_insert_with(|| "keepalived".to_owned());
    }
}

fn table(node: Node<'_>, usual: &str) -> String {
    node.argument(0)
        .map_or_else(|| usual.to_owned(), |word| word.text.into_owned())
}

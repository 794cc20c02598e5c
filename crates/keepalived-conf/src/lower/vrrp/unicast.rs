//! `unicast_peer` and the keywords that mean nothing without it.

use super::Draft;
use super::source::follows;
use crate::ast::{Node, Word};
use crate::diag::{Code, Diagnostic};
use crate::lower::Lower;
use crate::model::{Unicast, UnicastChecksum, UnicastPeer};
use crate::span::Span;
use crate::value::number;

/// What was said of unicast adverts.
#[derive(Debug, Default)]
pub(super) struct UnicastDraft {
    /// The first of its keywords, `unicast_ttl` excepted: without peers it stands alone.
    pub keyword: Option<Span>,
    pub peers: Vec<UnicastPeer>,
    fault_no_peer: bool,
    check_source: bool,
    ttl: Option<(u8, Span)>,
    checksum: UnicastChecksum,
}

impl Lower<'_> {
    pub(super) fn unicast_line(&mut self, node: Node<'_>, draft: &mut Draft) {
        let owner = &draft.name;
        if node.name() != "unicast_ttl" {
            draft.unicast.keyword.get_or_insert(node.span());
        }
        match node.name() {
            "unicast_peer" => {
                for entry in node.entries() {
                    let peer = self.unicast_peer(&entry, draft);
                    draft.unicast.peers.extend(peer);
                }
            }
            "unicast_fault_no_peer" => draft.unicast.fault_no_peer = true,
            "check_unicast_src" => draft.unicast.check_source = true,
            "unicast_ttl" => {
                let also = |text: &str| {
                    format!("({owner}): TTL '{text}' not valid - must be between 0 & 255")
                };
                let span = node.argument(0).map_or(node.span(), |word| word.span);
                let ttl = self.u8(node, 0..=255, also).map(|ttl| (ttl, span));
                draft.unicast.ttl = ttl.or(draft.unicast.ttl);
            }
            _ => match node.argument(0) {
                None => draft.unicast.checksum = UnicastChecksum::Old,
                Some(word) if word.text == "never" => draft.unicast.checksum = UnicastChecksum::New,
                Some(word) => {
                    let message = format!(
                        "({owner}) Unknown old_unicast_chksum mode {} - ignoring",
                        word.text
                    );
                    self.error_help(
                        Code::InvalidValue,
                        word.span,
                        message,
                        "nothing, or `never`",
                    );
                }
            },
        }
    }

    /// `ADDR [min_ttl N] [max_ttl N]`.
    fn unicast_peer(&mut self, entry: &[Word<'_>], draft: &mut Draft) -> Option<UnicastPeer> {
        let (first, options) = entry.split_first()?;
        let (name, text) = (draft.name.clone(), &first.text);
        let Some(address) = self.host(first) else {
            let message = format!(
                "Configuration error: VRRP instance[{name}] malformed unicast peer address[{text}]. Skipping..."
            );
            let help = "one ADDRESS [min_ttl N] [max_ttl N] a line";
            self.error_help(Code::InvalidAddress, first.span, message, help);
            return None;
        };
        if !follows(&mut draft.ipv6, address) {
            let message = format!(
                "Configuration error: VRRP instance[{name}] and unicast peer address[{text}] MUST be of the same family !!! Skipping..."
            );
            self.other_family(first, message);
            return None;
        }
        let mut peer = UnicastPeer {
            address,
            min_ttl: 0,
            max_ttl: 255,
        };
        let mut options = options.iter();
        while let Some(option) = options.next() {
            let Some(value) = options.next() else {
                let message = format!("({name}) {} is missing a value", option.text);
                let help = "one ADDRESS [min_ttl N] [max_ttl N] a line";
                self.error_help(Code::InvalidValue, option.span, message, help);
                break;
            };
            let slot = match &*option.text {
                "min_ttl" => &mut peer.min_ttl,
                "max_ttl" => &mut peer.max_ttl,
                other => {
                    let message = format!("({name}) unknown unicast_peer option {other}");
                    let help = "min_ttl or max_ttl, each with a number";
                    self.error_help(Code::InvalidValue, option.span, message, help);
                    continue;
                }
            };
            draft.unicast.check_source = true;
            match number::unsigned(&value.text, 0..=255) {
                Ok(ttl) => *slot = u8::try_from(ttl).unwrap_or(*slot),
                Err(error) => {
                    let message = error.say(&value.text);
                    let help = format!("`{}` takes 0 to 255", option.text);
                    let diagnostic = Diagnostic::error(Code::InvalidNumber, value.span, message);
                    self.sink.push(diagnostic.help(help));
                }
            }
        }
        if peer.min_ttl > peer.max_ttl {
            let message = format!(
                "({name}) min_ttl {} > max_ttl {} - all packets will be discarded",
                peer.min_ttl, peer.max_ttl
            );
            self.error(Code::Conflict, first.span, message);
        }
        Some(peer)
    }

    /// What keepalived sees at the `}`.
    pub(super) fn end_of_unicast(&mut self, draft: &mut Draft) {
        if draft.unicast.ttl.is_some() && draft.unicast.peers.is_empty() {
            let message = format!(
                "({}): Cannot use unicast_ttl without unicast peers - resetting",
                draft.name
            );
            let help = "name the other routers in `unicast_peer { .. }`";
            self.error_help(Code::Conflict, draft.closing, message, help);
            draft.unicast.ttl = None;
        }
    }

    /// Unicast, if that is what it comes to; keywords without peers are told of.
    pub(super) fn unicast(&mut self, draft: &mut Draft) -> Option<Unicast> {
        let unicast = std::mem::take(&mut draft.unicast);
        let keyword = unicast.keyword?;
        if unicast.peers.is_empty() && !unicast.fault_no_peer {
            let message = format!(
                "({}) A unicast keyword has been specified without any unicast peers. Defaulting to multicast. \
                 This usage is deprecated - please update your configuration.",
                draft.name
            );
            let help = "name the other routers in `unicast_peer { .. }`, or write `mcast_src_ip` for `unicast_src_ip`";
            self.warning(Code::Deprecated, keyword, message, help);
            return None;
        }
        if let Some((_, span)) = draft.mcast_group {
            let message = format!(
                "({}) multicast destination specified with unicast - ignoring",
                draft.name
            );
            self.error(Code::Conflict, span, message);
        }
        Some(Unicast {
            peers: unicast.peers,
            fault_no_peer: unicast.fault_no_peer,
            check_source: unicast.check_source || self.global.vrrp_check_unicast_src,
            ttl: unicast.ttl.map(|(ttl, _)| ttl),
            checksum: unicast.checksum,
        })
    }
}

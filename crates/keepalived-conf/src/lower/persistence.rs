//! `persistence_timeout` and its company.

use std::net::{IpAddr, Ipv4Addr};

use super::server_label::Label;
use super::virtual_server::Draft;
use super::{Lower, takes};
use crate::ast::Node;
use crate::diag::{Code, Diagnostic};
use crate::model::{Family, Granularity, Persistence};
use crate::value::{address, number};

/// What holds where a keyword without a time asks for persistence, in seconds.
const TIMEOUT: u32 = 360;

/// What was said of it.
#[derive(Debug, Default)]
pub(super) struct PersistenceDraft {
    timeout: Option<u32>,
    granularity: Option<Granularity>,
    engine: Option<String>,
}

impl Lower<'_> {
    pub(super) fn persistence_line(&mut self, node: Node<'_>, draft: &mut Draft) {
        match node.name() {
            "persistence_engine" => {
                let long = |text: &str| format!("persistence_name too long, truncating - {text}");
                let engine = self.short_name(node, 15, long);
                draft.persistence.engine = engine.or(draft.persistence.engine.take());
            }
            "persistence_timeout" => {
                let also = |_: &str| "persistence_timeout invalid".to_owned();
                let timeout = match node.argument(0) {
                    None => Some(TIMEOUT),
                    Some(_) => self.u32(node, 1..=2_678_400, also),
                };
                draft.persistence.timeout = timeout.or(draft.persistence.timeout);
            }
            _ => {
                if let Some(granularity) = self.granularity(node, draft.family) {
                    draft.family.get_or_insert(match granularity {
                        Granularity::Netmask(_) => Family::Inet,
                        Granularity::Prefix(_) => Family::Inet6,
                    });
                    draft.persistence.granularity = Some(granularity);
                    draft.persistence.timeout.get_or_insert(TIMEOUT);
                }
            }
        }
    }

    /// keepalived behaviour: where nothing has told the family of the service yet, a mask makes it IPv4, a number IPv6.
    fn granularity(&mut self, node: Node<'_>, family: Option<Family>) -> Option<Granularity> {
        let word = self.require(node)?;
        let guess = || match word.text.contains('.') {
            true => Family::Inet,
            false => Family::Inet6,
        };
        match family.unwrap_or_else(guess) {
            Family::Inet6 => {
                let invalid =
                    |text: &str| format!("Invalid IPv6 persistence_granularity specified - {text}");
                self.u8(node, 1..=128, invalid).map(Granularity::Prefix)
            }
            Family::Inet => {
                // An IPv4 mask is read like an address, so a bare number is one too (24 is 0.0.0.24).
                let bits = || number::unsigned(&word.text, 0..=u64::from(u32::MAX)).ok();
                let mask = match address::ip(&word.text) {
                    Some(IpAddr::V4(mask)) => Some(mask),
                    Some(IpAddr::V6(_)) => None,
                    None => bits()
                        .and_then(|bits| u32::try_from(bits).ok())
                        .map(Ipv4Addr::from),
                };
                let Some(mask) = mask else {
                    let text = &word.text;
                    let message =
                        format!("Invalid IPv4 persistence_granularity specified - {text}");
                    self.error_help(Code::InvalidAddress, word.span, message, takes(node));
                    return None;
                };
                let network = mask.to_bits();
                if network.leading_ones() + network.trailing_zeros() < 32 {
                    let message = format!("{mask} is no mask of a network");
                    let help = "clients are told apart by `address & mask`; write 255.255.255.0, or the like";
                    let note = Diagnostic::note(Code::InvalidAddress, word.span, message);
                    self.sink.push(note.help(help));
                }
                Some(Granularity::Netmask(mask))
            }
        }
    }

    /// `zero_port`: it listens to every port, which the kernel wants to be persistent.
    pub(super) fn persistence(
        &mut self,
        draft: &Draft,
        label: &Label<'_>,
        family: Family,
        zero_port: bool,
    ) -> Option<Persistence> {
        let said = &draft.persistence;
        let mut timeout = said.timeout;
        if timeout.is_none() && zero_port {
            let message = format!(
                "Virtual server {label}: zero port only valid for persistent services - setting"
            );
            let help = "give a port, or write `persistence_timeout`";
            self.warning(Code::DefaultUsed, draft.span, message, help);
            timeout = Some(TIMEOUT);
        }
        let default = match family {
            Family::Inet6 => Granularity::Prefix(128),
            Family::Inet => Granularity::Netmask(Ipv4Addr::BROADCAST),
        };
        Some(Persistence {
            timeout: timeout?,
            granularity: said.granularity.unwrap_or(default),
            engine: said.engine.clone(),
        })
    }
}

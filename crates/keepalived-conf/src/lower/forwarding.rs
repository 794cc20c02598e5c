//! How packets reach a real server: `lb_kind`, `lvs_method`, `sorry_server_lvs_method`.

use std::num::NonZeroU16;

use super::Lower;
use crate::ast::{Node, Word};
use crate::diag::{Code, nearest};
use crate::model::{Forwarding, Tunnel, TunnelChecksum};
use crate::span::Span;

const KINDS: [&str; 3] = ["ipip", "gue", "gre"];
const OPTIONS: [&str; 5] = ["type", "port", "nocsum", "csum", "remcsum"];

/// The options of a tunnel, as they are read.
#[derive(Default)]
struct Draft {
    kind: Option<(Kind, Span)>,
    port: Option<(NonZeroU16, Span)>,
    checksum: Option<(TunnelChecksum, Span)>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Ipip,
    Gue,
    Gre,
}

impl Lower<'_> {
    /// `NAT | DR | TUN [type ..] [port ..] [nocsum|csum|remcsum]`; `server` is whose it is: `virtual server`, ..
    pub(super) fn forwarding(&mut self, node: Node<'_>, server: &str) -> Option<Forwarding> {
        let word = self.require(node)?;
        let method = match &*word.text {
            "NAT" => Forwarding::Nat,
            "DR" => Forwarding::DirectRoute,
            "TUN" => Forwarding::Tunnel(Tunnel::Ipip),
            other => {
                let message = format!("PARSER : unknown [{other}] routing method for {server}.");
                let upper = other.to_ascii_uppercase();
                let help = if ["NAT", "DR", "TUN"].contains(&upper.as_str()) {
                    format!("write {upper} in capitals")
                } else if upper == "FNAT" {
                    "full NAT needs a kernel of Alibaba's; the kernel has NAT, DR and TUN"
                        .to_owned()
                } else {
                    "NAT, DR or TUN".to_owned()
                };
                self.error_help(Code::InvalidValue, word.span, message, help);
                return None;
            }
        };
        if node.argument(1).is_none() {
            return Some(method);
        }
        // keepalived behaviour: the options of a tunnel are read for the other methods as well.
        let tunnel = self.tunnel(node, server);
        Some(match method {
            Forwarding::Tunnel(_) => Forwarding::Tunnel(tunnel),
            other => other,
        })
    }

    /// keepalived behaviour: it is a tunnel whatever is wrong with its options.
    fn tunnel(&mut self, node: Node<'_>, server: &str) -> Tunnel {
        let Some(draft) = self.tunnel_options(node, server) else {
            return Tunnel::Ipip;
        };
        let (kind, span) = draft.kind.unwrap_or((Kind::Ipip, Span::default()));
        let (checksum, checksum_span) = draft.checksum.unwrap_or_default();
        match (kind, draft.port, checksum) {
            (Kind::Gue, Some((port, _)), _) => return Tunnel::Gue { port, checksum },
            (Kind::Gue, None, _) => {
                self.tunnel_port(span, "write `port N`; without one it is an ipip tunnel");
            }
            (_, Some((_, span)), _) => {
                self.tunnel_port(
                    span,
                    "only gue tunnels have a port; it is an ipip tunnel now",
                );
            }
            (Kind::Ipip, None, TunnelChecksum::None) => {}
            (Kind::Ipip, None, _) => {
                let message = "ipip tunnels do not support checksum option.";
                let help = "gue and gre tunnels do";
                self.error_help(Code::Conflict, checksum_span, message, help);
            }
            (Kind::Gre, None, TunnelChecksum::Remote) => {
                let message = "gre tunnels do not support remote checksum option.";
                let help = "write `csum`, or use a gue tunnel";
                self.error_help(Code::Conflict, checksum_span, message, help);
                let checksum = TunnelChecksum::None;
                return Tunnel::Gre { checksum };
            }
            (Kind::Gre, None, _) => return Tunnel::Gre { checksum },
        }
        Tunnel::Ipip
    }

    fn tunnel_port(&mut self, span: Span, help: &str) {
        let message = "gue tunnels require port, otherwise cannot have port.";
        self.error_help(Code::Conflict, span, message, help);
    }

    /// keepalived behaviour: the first fault ends the line, the last word on a matter counts.
    fn tunnel_options(&mut self, node: Node<'_>, server: &str) -> Option<Draft> {
        let mut draft = Draft::default();
        let mut words = node.arguments().skip(1);
        while let Some(word) = words.next() {
            let checksum = match &*word.text {
                "type" => {
                    draft.kind = Some(self.tunnel_kind(&word, words.next(), server)?);
                    continue;
                }
                "port" => {
                    let Some(number) = words.next() else {
                        let message = format!("Missing port for {server} gue tunnel.");
                        self.error(Code::InvalidValue, word.span, message);
                        return None;
                    };
                    let also = format!("Invalid gue tunnel port {} for {server}.", number.text);
                    let port = self.number_of(node, &number, 1..=65535, Some(also))?;
                    let port = u16::try_from(port).ok().and_then(NonZeroU16::new)?;
                    draft.port = Some((port, number.span));
                    continue;
                }
                "nocsum" => TunnelChecksum::None,
                "csum" => TunnelChecksum::Checksum,
                "remcsum" => TunnelChecksum::Remote,
                other => {
                    let message = format!("Invalid tunnel option {other} for {server}.");
                    let help = one_of(other, &OPTIONS);
                    self.error_help(Code::InvalidValue, word.span, message, help);
                    return None;
                }
            };
            draft.checksum = Some((checksum, word.span));
        }
        Some(draft)
    }

    fn tunnel_kind(
        &mut self,
        keyword: &Word<'_>,
        kind: Option<Word<'_>>,
        server: &str,
    ) -> Option<(Kind, Span)> {
        let Some(word) = kind else {
            let message = format!("Missing tunnel type for {server}.");
            self.error_help(
                Code::InvalidValue,
                keyword.span,
                message,
                "ipip, gue or gre",
            );
            return None;
        };
        let kind = match &*word.text {
            "ipip" => Kind::Ipip,
            "gue" => Kind::Gue,
            "gre" => Kind::Gre,
            other => {
                let message = format!("Unknown tunnel type {other} for {server}.");
                let help = one_of(other, &KINDS);
                self.error_help(Code::InvalidValue, word.span, message, help);
                return None;
            }
        };
        Some((kind, word.span))
    }
}

fn one_of(word: &str, known: &[&'static str]) -> String {
    match nearest(word, known.iter().copied()) {
        Some(near) => format!("did you mean `{near}`?"),
        None => format!("one of {}", known.join(", ")),
    }
}

//! How packets reach a real server: `lb_kind`, `lvs_method`, `sorry_server_lvs_method`.

use super::Lower;
use crate::ast::{Node, Word};
use crate::diag::Code;
use crate::model::{Forwarding, Tunnel};

impl Lower<'_> {
    /// `NAT | DR | TUN [type ..] [port ..] [nocsum|csum|remcsum]`.
    pub(super) fn forwarding(&mut self, node: Node<'_>) -> Option<Forwarding> {
        let word = self.require(node)?;
        match &*word.text {
            "NAT" => Some(Forwarding::Nat),
            "DR" => Some(Forwarding::DirectRoute),
            "TUN" => Some(Forwarding::Tunnel(self.tunnel(node))),
            other => {
                let message =
                    format!("PARSER : unknown [{other}] routing method for virtual server.");
                let upper = other.to_ascii_uppercase();
                let help = if ["NAT", "DR", "TUN"].contains(&upper.as_str()) {
                    format!("write {upper} in capitals")
                } else {
                    "NAT, DR or TUN".to_owned()
                };
                self.error_help(Code::InvalidValue, word.span, message, help);
                None
            }
        }
    }

    fn tunnel(&mut self, node: Node<'_>) -> Tunnel {
        let (mut kind, mut port, mut flags) = ("ipip", None, 0);
        let words: Vec<Word<'_>> = node.arguments().skip(1).collect();
        let mut words = words.iter();
        while let Some(word) = words.next() {
            match &*word.text {
                "type" => match words.next().map(|kind| (kind, &*kind.text)) {
                    Some((_, named @ ("ipip" | "gue" | "gre"))) => kind = named,
                    other => {
                        self.tunnel_word(other.map_or(word, |(word, _)| word), "ipip, gue or gre")
                    }
                },
                "port" => {
                    let number = words.next();
                    let also =
                        number.map(|number| format!("Invalid tunnel port '{}'", number.text));
                    port = number.and_then(|number| self.number_of(node, number, 1..=65535, also));
                }
                "nocsum" => flags = 0,
                "csum" => flags = 1,
                "remcsum" => flags = 2,
                _ => self.tunnel_word(word, "type, port, nocsum, csum or remcsum"),
            }
        }
        match (kind, port.and_then(|port| u16::try_from(port).ok())) {
            ("gue", Some(port)) => Tunnel::Gue { port, flags },
            ("gue", None) => {
                self.error(
                    Code::InvalidValue,
                    node.span(),
                    "gue tunnels need a port - using ipip",
                );
                Tunnel::Ipip
            }
            ("gre", _) => Tunnel::Gre { flags },
            _ => Tunnel::Ipip,
        }
    }

    fn tunnel_word(&mut self, word: &Word<'_>, help: &str) {
        let message = format!("PARSER : unknown tunnel option [{}]", word.text);
        self.error_help(Code::InvalidValue, word.span, message, help);
    }
}

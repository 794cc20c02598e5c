//! `UDP_CHECK`.

use crate::ast::Node;
use crate::diag::Code;
use crate::lower::check::{Draft, Place};
use crate::lower::{Lower, takes};
use crate::model::{Check, CheckKind, ReplyByte, UdpCheck, UdpReply};

/// What an answer may be long at most where nothing was said, in bytes.
const LONGEST_REPLY: u16 = 255;

impl Lower<'_> {
    pub(super) fn udp_check(&mut self, block: Node<'_>, place: &Place<'_>) -> Option<Check> {
        let mut draft = Draft::new(place);
        let (mut payload, mut bytes) = (None, None);
        let (mut least, mut most) = (0, LONGEST_REPLY);
        for node in block.body() {
            match node.name() {
                "payload" if node.argument(0).is_none() => {
                    let message = "UDP_CHECK payload requires a payload";
                    self.error_help(Code::InvalidValue, node.span(), message, takes(node));
                }
                "payload" => payload = self.hex(node, "payload", false).or(payload),
                "require_reply" if node.argument(0).is_none() => bytes = Some(Vec::new()),
                "require_reply" => bytes = self.hex(node, "reply", true).or(bytes),
                "min_reply_length" => least = self.reply_length(node, "min").unwrap_or(least),
                "max_reply_length" => most = self.reply_length(node, "max").unwrap_or(most),
                _ => self.shared(node, &mut draft),
            }
        }
        if least > most {
            let message = format!(
                "UDP_CHECK min_reply length {least} > max_reply_length {most} - will always fail"
            );
            let help = format!("`max_reply_length` is {LONGEST_REPLY} where nothing is said");
            self.error_help(Code::Conflict, block.closing(), message, help);
        }
        if !self.connectable(block, &draft.connect) {
            return None;
        }
        let payload = match payload {
            Some(payload) => payload.into_iter().map(|byte| byte.value).collect(),
            None => UdpCheck::DEFAULT_PAYLOAD.to_vec(),
        };
        let reply = bytes.map(|bytes| UdpReply {
            min_length: least,
            max_length: most,
            bytes,
        });
        let check = UdpCheck { payload, reply };
        Some(draft.check(CheckKind::Udp(Box::new(check)), place))
    }

    fn reply_length(&mut self, node: Node<'_>, which: &str) -> Option<u16> {
        let also = |text: &str| {
            format!("UDP_CHECK {which} length {text} not valid - must be between 0 & 65535")
        };
        self.u32(node, 0..=65535, also)
            .and_then(|length| u16::try_from(length).ok())
    }

    /// The bytes of a line; `masked` takes `X` for four bits that may be anything.
    fn hex(&mut self, node: Node<'_>, what: &str, masked: bool) -> Option<Vec<ReplyByte>> {
        let mut bytes = Vec::new();
        for word in node.arguments() {
            let before = bytes.len();
            // A word in quotes may have blanks in it.
            let mut parts = word.text.split_ascii_whitespace();
            if parts.all(|part| hex_bytes(part, masked, &mut bytes)) && bytes.len() > before {
                continue;
            }
            let message = format!("Invalid hex string for UDP_CHECK {what}");
            let help = match masked {
                true => "hexadecimal digits, two a byte, `X` for four bits that may be anything",
                false => "hexadecimal digits, two a byte",
            };
            self.error_help(Code::InvalidValue, word.span, message, help);
            return None;
        }
        Some(bytes)
    }
}

/// Two digits a byte; keepalived behaviour: a digit that is left over is a byte of its own.
fn hex_bytes(text: &str, masked: bool, bytes: &mut Vec<ReplyByte>) -> bool {
    for pair in text.as_bytes().chunks(2) {
        let mut byte = ReplyByte { value: 0, mask: 0 };
        if pair.len() == 1 {
            byte.mask = 0xf0;
        }
        for digit in pair {
            let value = match char::from(*digit).to_digit(16).map(u8::try_from) {
                Some(Ok(value)) => Some(value),
                _ if masked && matches!(digit, b'x' | b'X') => None,
                _ => return false,
            };
            byte.value = byte.value << 4 | value.unwrap_or(0);
            byte.mask = byte.mask << 4 | value.map_or(0, |_| 0xf);
        }
        if pair.len() == 1 {
            byte.mask |= 0xf0;
        }
        bytes.push(byte);
    }
    true
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bytes(text: &str) -> Option<Vec<(u8, u8)>> {
        let mut bytes = Vec::new();
        let good = text
            .split(' ')
            .all(|part| hex_bytes(part, true, &mut bytes));
        good.then(|| bytes.iter().map(|byte| (byte.value, byte.mask)).collect())
    }

    // The example of keepalived.conf(5).
    #[test]
    fn digits_that_are_left_over() {
        let expected = [
            0xab, 0x12, 0x0f, 0x03, 0x45, 0x06, 0x54, 0x64, 0x43, 0x12, 0x03,
        ];
        let expected = expected.map(|byte| (byte, 0xff)).to_vec();
        assert_eq!(bytes("Ab12f 3 456 546443123"), Some(expected));
    }

    #[test]
    fn bits_that_may_be_anything() {
        let expected = vec![(0x30, 0xf0), (0x05, 0x0f), (0, 0), (0, 0xf0)];
        assert_eq!(bytes("3X x5 XX x"), Some(expected));
        assert_eq!(bytes("3G"), None);
    }
}

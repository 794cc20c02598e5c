//! `auth_hmac`: keys, and how strictly they are asked for.
//!
//! keepalived behaviour: a block that is not right disables itself, and adverts go unsigned.

use std::num::NonZeroU8;
use std::path::Path;
use std::time::Duration;

use super::Draft;
use crate::ast::Node;
use crate::diag::{Code, Diagnostic, nearest};
use crate::header::missing_parameter;
use crate::lower::{Lower, takes};
use crate::model::{AntiReplay, AuthHmac, HmacKey, HmacMode, HmacSecret};
use crate::span::Span;
use crate::value::number;

/// The window without `time_window` is three advert intervals, between these two.
const WINDOWS: (Duration, Duration) = (Duration::from_secs(5), Duration::from_secs(300));
const MODES: [&str; 3] = ["enforce", "permissive", "receive-only"];
const REPLAYS: [&str; 2] = ["time", "monotonic"];

/// What was said in the block.
#[derive(Debug, Default)]
pub(super) struct HmacDraft {
    /// Its keyword.
    span: Span,
    keys: Vec<HmacKey>,
    active: Option<(NonZeroU8, Span)>,
    window: Option<Duration>,
    replay: AntiReplay,
    mode: HmacMode,
}

impl Lower<'_> {
    pub(super) fn auth_hmac(&mut self, block: Node<'_>, draft: &mut Draft) {
        let mut hmac = draft.auth.hmac.take().unwrap_or_default();
        hmac.span = block.span();
        for node in block.body() {
            self.hmac_line(node, &draft.name, &mut hmac);
        }
        draft.auth.hmac = Some(hmac);
    }

    fn hmac_line(&mut self, node: Node<'_>, owner: &str, hmac: &mut HmacDraft) {
        match node.name() {
            "key" => {
                let key = self.hmac_key(node, owner, &hmac.keys);
                hmac.keys.extend(key);
            }
            "active_key" => {
                let span = node.argument(0).map_or(node.span(), |word| word.span);
                let also = |text: &str| format!("({owner}) auth_hmac active_key '{text}' invalid");
                let id = self.u8(node, 1..=255, also).and_then(NonZeroU8::new);
                hmac.active = id.map(|id| (id, span)).or(hmac.active);
            }
            "time_window" => {
                let also = |text: &str| format!("({owner}) auth_hmac time_window '{text}' invalid");
                let seconds = self.u32(node, 1..=300, also);
                let window = seconds.map(|seconds| Duration::from_secs(u64::from(seconds)));
                hmac.window = window.or(hmac.window);
            }
            "anti_replay" => {
                if let Some(word) = self.require(node) {
                    match &*word.text {
                        "time" => hmac.replay = AntiReplay::Time,
                        "monotonic" => hmac.replay = AntiReplay::Monotonic,
                        other => self.no_such(node, owner, word.span, other, &REPLAYS),
                    }
                }
            }
            "mode" => {
                if let Some(word) = self.require(node) {
                    match &*word.text {
                        "enforce" => hmac.mode = HmacMode::Enforce,
                        "permissive" => hmac.mode = HmacMode::Permissive,
                        "receive-only" => hmac.mode = HmacMode::ReceiveOnly,
                        other => self.no_such(node, owner, word.span, other, &MODES),
                    }
                }
            }
            _ => {}
        }
    }

    fn no_such(&mut self, node: Node<'_>, owner: &str, span: Span, text: &str, known: &[&str]) {
        let message = format!("({owner}) unknown auth_hmac {} '{text}'", node.name());
        let help = match nearest(text, known.iter().copied()) {
            Some(near) => format!("did you mean `{near}`?"),
            None => known.join(", "),
        };
        self.error_help(Code::InvalidValue, span, message, help);
    }

    /// `key ID VALUE`. The value is never shown.
    fn hmac_key(&mut self, node: Node<'_>, owner: &str, keys: &[HmacKey]) -> Option<HmacKey> {
        let word = self.require(node)?;
        let Some(value) = node.argument(1) else {
            self.sink.push(missing_parameter(node, 3));
            return None;
        };
        let id = match number::unsigned(&word.text, 1..=255) {
            Ok(id) => u8::try_from(id).ok().and_then(NonZeroU8::new)?,
            Err(error) => {
                // What stands here may be the key, without an id before it.
                let also = format!("({owner}) auth_hmac key id invalid - ignoring the key");
                let text = if word.text.len() > 3 {
                    "***"
                } else {
                    &*word.text
                };
                let message = error.say(text);
                let diagnostic = Diagnostic::error(Code::InvalidNumber, word.span, message);
                self.sink.push(diagnostic.also(also).help(takes(node)));
                return None;
            }
        };
        if keys.iter().any(|key| key.id == id) {
            let message = format!("({owner}) auth_hmac key id {id} already specified - ignoring");
            let help = "each key has an id of its own; the first counts";
            self.error_help(Code::Duplicate, word.span, message, help);
            return None;
        }
        let text = value.text.into_owned();
        let found = match text.strip_prefix("file:") {
            Some(path) => self.key_file(path, owner, value.span)?,
            None => text.into_bytes(),
        };
        match secret(&found) {
            Ok(secret) => Some(HmacKey { id, secret }),
            Err(why) => {
                let message = format!("({owner}) auth_hmac key {id} {why} - ignoring");
                let help = "32 to 64 bytes: as they are, `hex:` and their digits, or `file:PATH` with one of the two";
                self.error_help(Code::Authentication, value.span, message, help);
                None
            }
        }
    }

    /// The contents of a key file without the end of its line.
    fn key_file(&mut self, path: &str, owner: &str, span: Span) -> Option<Vec<u8>> {
        let path = Path::new(path);
        let contents = match self.loader.read(path) {
            Ok(contents) => contents,
            Err(error) => {
                let message = format!(
                    "({owner}) auth_hmac key file {} cannot be read - ignoring",
                    path.display()
                );
                self.error_help(Code::Authentication, span, message, error.to_string());
                return None;
            }
        };
        if !self.loader.is_private(path) {
            let message = format!(
                "({owner}) auth_hmac key file {} can be read by group or others",
                path.display()
            );
            let help = format!("chmod 600 {}", path.display());
            self.error_help(Code::KeyFileReadable, span, message, help);
        }
        Some(contents.trim_ascii_end().to_vec())
    }

    /// `None`, with a complaint, if keys and active key do not go together.
    pub(super) fn completed_hmac(
        &mut self,
        hmac: HmacDraft,
        draft: &Draft,
        strict: bool,
    ) -> Option<AuthHmac> {
        let name = &draft.name;
        let wrong = match hmac.active {
            _ if hmac.keys.is_empty() => Some(("no usable key", hmac.span)),
            None => Some(("no active_key", hmac.span)),
            Some((id, span)) if hmac.keys.iter().all(|key| key.id != id) => {
                Some(("no key with the id of active_key", span))
            }
            Some(_) => None,
        };
        if let Some((what, span)) = wrong {
            let message = format!("({name}) auth_hmac has {what} - disabling auth_hmac");
            let help = "adverts would be neither signed nor verified: write `key ID VALUE` and `active_key ID`";
            self.error_help(Code::Authentication, span, message, help);
            return None;
        }
        let (active, _) = hmac.active?;
        let interval = draft
            .advert_interval
            .map_or(Duration::from_secs(1), |(interval, _)| interval);
        let (least, most) = WINDOWS;
        Some(AuthHmac {
            keys: hmac.keys,
            active,
            window: hmac
                .window
                .unwrap_or_else(|| interval.saturating_mul(3).clamp(least, most)),
            replay: hmac.replay,
            mode: if strict { HmacMode::Enforce } else { hmac.mode },
        })
    }
}

/// The bytes of a key; why they are none.
fn secret(text: &[u8]) -> Result<HmacSecret, &'static str> {
    let bytes = match text.strip_prefix(b"hex:") {
        None => text.to_vec(),
        Some(digits) => {
            let (pairs, rest) = digits.as_chunks::<2>();
            let byte = |pair: &[u8; 2]| {
                let digit = |b: u8| char::from(b).to_digit(16);
                let [high, low] = *pair;
                u8::try_from(digit(high)? * 16 + digit(low)?).ok()
            };
            let bytes: Option<Vec<u8>> = pairs.iter().map(byte).collect();
            match bytes {
                Some(bytes) if rest.is_empty() => bytes,
                _ => return Err("is not made of pairs of hexadecimal digits"),
            }
        }
    };
    match bytes.len() {
        32..=64 => Ok(HmacSecret(bytes)),
        0..32 => Err("is shorter than 32 bytes"),
        _ => Err("is longer than 64 bytes"),
    }
}

#[cfg(test)]
mod tests {
    use super::secret;

    #[test]
    fn keys() {
        let bytes = |text: &str| secret(text.as_bytes()).map(|secret| secret.0);
        let key = "0123456789abcdef0123456789abcdef";
        assert_eq!(bytes(key), Ok(key.as_bytes().to_vec()));
        assert_eq!(
            bytes(&format!("hex:{}", "0aF0".repeat(16))),
            Ok([0x0a, 0xf0].repeat(16))
        );
        assert_eq!(
            bytes("hex:0af"),
            Err("is not made of pairs of hexadecimal digits")
        );
        assert_eq!(bytes("hex:0a"), Err("is shorter than 32 bytes"));
        assert_eq!(bytes(&"x".repeat(65)), Err("is longer than 64 bytes"));
        assert_eq!(
            format!("{:?}", secret(key.as_bytes())),
            "Ok(HmacSecret(***))"
        );
    }
}

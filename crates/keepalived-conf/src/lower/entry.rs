//! One line of a value block, read word by word.

use std::ops::RangeInclusive;

use super::Lower;
use crate::ast::Word;
use crate::diag::{Code, Diagnostic, nearest};
use crate::span::Span;
use crate::value::{address, number};

/// The words of a line, and how many have been read.
pub(super) struct Entry<'e, 's> {
    words: &'e [Word<'s>],
    read: usize,
}

impl<'e, 's> Entry<'e, 's> {
    pub(super) fn new(words: &'e [Word<'s>]) -> Self {
        Self { words, read: 0 }
    }

    /// The next word.
    pub(super) fn next(&mut self) -> Option<&'e Word<'s>> {
        let word = self.words.get(self.read)?;
        self.read += 1;
        Some(word)
    }

    /// The next word, if it is this one.
    pub(super) fn next_if(&mut self, text: &str) -> bool {
        let is = self.peek().is_some_and(|word| word.text == text);
        self.read += usize::from(is);
        is
    }

    /// The next word, which stays the next.
    pub(super) fn peek(&self) -> Option<&'e Word<'s>> {
        self.words.get(self.read)
    }

    /// Where the whole line stands.
    pub(super) fn span(&self) -> Span {
        match (self.words.first(), self.words.last()) {
            (Some(first), Some(last)) => first.span.to(last.span),
            _ => Span::default(),
        }
    }
}

/// What an option asks of the word after it; `None` drops the entry, after a complaint.
impl Lower<'_> {
    /// The next word, which must be there.
    pub(super) fn need<'e, 's>(&mut self, entry: &mut Entry<'e, 's>) -> Option<&'e Word<'s>> {
        let word = entry.next();
        if word.is_none()
            && let (Some(first), Some(last)) = (entry.words.first(), entry.words.last())
        {
            let message = format!(
                "*** Configuration line starting `{}` is missing a parameter after keyword `{}` at word position {}",
                first.text,
                last.text,
                entry.words.len() + 1
            );
            let help = format!("`{}` is to be followed by its value", last.text);
            self.error_help(Code::MissingParameter, last.span, message, help);
        }
        word
    }

    /// The number a word is; `also` is what keepalived adds to its complaint.
    pub(super) fn entry_number(
        &mut self,
        word: &Word<'_>,
        range: RangeInclusive<u64>,
        also: impl FnOnce(&str) -> String,
    ) -> Option<u64> {
        let found = number::unsigned(&word.text, range);
        self.numeric(word, found, also)
    }

    /// The number that was found in a word, or what is wrong with it.
    pub(super) fn numeric<T>(
        &mut self,
        word: &Word<'_>,
        found: Result<T, number::NumberError>,
        also: impl FnOnce(&str) -> String,
    ) -> Option<T> {
        match found {
            Ok(number) => Some(number),
            Err(error) => {
                let message = error.say(&word.text);
                let diagnostic = Diagnostic::error(Code::InvalidNumber, word.span, message);
                self.sink.push(diagnostic.also(also(&word.text)));
                None
            }
        }
    }

    /// `ADDRESS[/PREFIX]`, or `None` if it is none. A wrong prefix is reported, and is then the longest.
    pub(super) fn prefixed(&mut self, word: &Word<'_>) -> Option<(std::net::IpAddr, u8)> {
        let text = &word.text;
        let (ip, prefix) = address::with_prefix(text)?;
        let most: u8 = if ip.is_ipv4() { 32 } else { 128 };
        let found = match prefix {
            None | Some("") => return Some((ip, most)),
            Some(prefix) => number::unsigned(prefix, 0..=u64::from(most)),
        };
        let length = match found {
            Ok(length) => u8::try_from(length).unwrap_or(most),
            Err(error) => {
                let prefix = prefix.unwrap_or_default();
                let also = format!(
                    "Invalid address prefix len {prefix} for address {text} - using {most}"
                );
                let message = error.say(prefix);
                // Only what is behind the slash is wrong.
                let at = word.span.end.saturating_sub(prefix.len());
                let quoted = word.span.end - word.span.start != text.len();
                let span = Span {
                    start: if quoted { word.span.start } else { at },
                    ..word.span
                };
                self.sink
                    .push(Diagnostic::error(Code::InvalidNumber, span, message).also(also));
                most
            }
        };
        Some((ip, length))
    }

    /// The complaint about a word that is no address, with what keepalived adds to it.
    pub(super) fn invalid_address(&mut self, word: &Word<'_>, also: impl Into<String>) {
        let message = format!("VRRP parsed invalid IP {}. skipping IP...", word.text);
        let diagnostic = Diagnostic::error(Code::InvalidAddress, word.span, message);
        self.sink.push(diagnostic.also(also));
    }

    /// The name of an interface of this host, or the complaint that there is none.
    pub(super) fn entry_interface(&mut self, word: &Word<'_>, what: &str) -> Option<String> {
        let name = &word.text;
        if self.may_have_interface(name) {
            return Some(name.to_string());
        }
        let message = format!("WARNING - interface {name} for {what} doesn't exist");
        let help = "`ip link` lists the interfaces of this host; the line is dropped";
        self.tracked.missing_interface.get_or_insert(word.span);
        let diagnostic = Diagnostic::error(Code::UnknownInterface, word.span, message);
        self.sink.push(
            diagnostic
                .also("Non-existent interface specified in configuration")
                .help(help),
        );
        None
    }

    /// The hint about an option that is not known; none for a complaint that is not kept.
    pub(super) fn did_you_mean(&self, word: &str, known: &[&str]) -> Option<String> {
        if self.sink.is_full() {
            return None;
        }
        nearest(word, known.iter().copied()).map(|name| format!("did you mean `{name}`?"))
    }
}

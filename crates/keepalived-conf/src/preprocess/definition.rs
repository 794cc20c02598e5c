//! `$NAME=VALUE`, on one line or on several that end with a backslash.

use std::collections::HashMap;
use std::rc::Rc;

use super::{Input, Reader, Work};
use crate::diag::{Code, Diagnostic, Guesses, Sink};
use crate::lexer::comment;
use crate::span::{SourceId, Span};

/// What is defined so far.
#[derive(Debug, Default)]
pub(super) struct Definitions {
    lines: HashMap<Box<[u8]>, Rc<[Span]>>,
    guesses: Guesses,
}

impl Definitions {
    pub(super) fn set(&mut self, name: &[u8], lines: Rc<[Span]>) {
        match self.lines.get_mut(name) {
            Some(known) => *known = lines,
            None => {
                self.lines.insert(name.into(), lines);
            }
        }
    }

    pub(super) fn get(&self, name: &[u8]) -> Option<&Rc<[Span]>> {
        self.lines.get(name)
    }

    /// The name that was probably meant.
    pub(super) fn nearest(&self, name: &[u8]) -> Option<&str> {
        let names = self.lines.keys();
        // Names are letters, digits and underscores.
        let names = names.map(|name| str::from_utf8(name).unwrap_or_default());
        self.guesses.nearest(str::from_utf8(name).ok()?, names)
    }
}

/// How long the name is that a text begins with; 0 if it begins with none.
pub(super) fn name_length(text: &[u8]) -> usize {
    if text.first().is_none_or(u8::is_ascii_digit) {
        return 0;
    }
    let part = |b: &u8| b.is_ascii_alphanumeric() || *b == b'_';
    text.iter().take_while(|b| part(b)).count()
}

/// The name and where the value begins, if the line is a definition.
pub(super) fn definition(line: &[u8]) -> Option<(&[u8], usize)> {
    let rest = line.strip_prefix(b"$")?;
    let length = name_length(rest);
    let name = rest.get(..length).filter(|name| !name.is_empty())?;
    (rest.get(length) == Some(&b'=')).then_some((name, length + 2))
}

impl Reader<'_> {
    /// Takes a definition, with the lines it goes on for.
    pub(super) fn define(&mut self, name: &[u8], work: Work, value: usize, sink: &mut Sink) {
        let whole = work.span;
        let mut lines = Vec::new();
        let mut line = whole.after(value);
        loop {
            let (text, goes_on) = self.definition_line(line);
            lines.push(text);
            let in_file = work.origin.is_none() && work.span.source != SourceId::EXPANSION;
            if !goes_on || !in_file || !matches!(self.inputs.last(), Some(Input::File(_))) {
                self.hidden_backslash(name, line, sink);
                break;
            }
            let Some(next) = self.physical_line(sink) else {
                break;
            };
            line = self.trimmed(next.span);
        }
        self.definitions.set(name, lines.into());
        // What led to itself may lead elsewhere now.
        self.looping.clear();
    }

    /// What a line adds to a definition, and whether the next one does too.
    fn definition_line(&self, line: Span) -> (Span, bool) {
        let text = self.sources.text(line);
        let text = match comment(text) {
            Some(at) => text.get(..at).unwrap_or_default(),
            None => text,
        };
        let text = text.trim_ascii_end();
        match text.strip_suffix(b"\\") {
            Some(text) => (self.trimmed(line.head(text.len())), true),
            None => (self.trimmed(line.head(text.len())), false),
        }
    }

    /// keepalived behaviour (2.4.3; not of older ones): a comment hides the backslash after it, so the definition ends.
    fn hidden_backslash(&mut self, name: &[u8], line: Span, sink: &mut Sink) {
        let text = self.sources.text(line);
        let Some(at) = comment(text).filter(|_| text.ends_with(b"\\")) else {
            return;
        };
        self.reach(line);
        let name = String::from_utf8_lossy(name);
        let message = format!("The comment hides the backslash: `${name}` ends on this line");
        let help = "keepalived reads it so since 2.4; move the comment out of the definition";
        sink.push(Diagnostic::note(Code::HiddenBackslash, line.after(at), message).help(help));
    }
}

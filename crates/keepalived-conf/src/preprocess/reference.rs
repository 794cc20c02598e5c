//! `$NAME`, `${NAME}`: what they stand for is put in their place.

use std::path::Path;
use std::rc::Rc;

use super::builtin::builtin;
use super::definition::{Definitions, definition, name_length};
use super::limit::{DEPTH, LINE};
use super::sequence::is_sequence;
use super::{Input, Reader, Work};
use crate::diag::{Code, Diagnostic, Sink};
use crate::expansion::Piece;
use crate::secret;
use crate::source::{Loader, Sources};
use crate::span::{SourceId, Span};

/// A `$NAME` or a `${NAME ..}` in a text.
#[derive(Debug, PartialEq, Eq)]
struct Reference<'t> {
    name: &'t [u8],
    /// What is between the braces; nothing without them.
    inside: Option<&'t [u8]>,
    /// In bytes, from the dollar sign on.
    length: usize,
}

/// The reference that a text begins with.
///
/// keepalived behaviour: without braces, a blank, a `,`, a `)` or the end of the line must follow.
fn reference(text: &[u8]) -> Option<Reference<'_>> {
    let rest = text.strip_prefix(b"$")?;
    if let Some(rest) = rest.strip_prefix(b"{") {
        let end = rest.iter().position(|b| matches!(b, b'}' | b'{'))?;
        let inside = rest.get(..end).filter(|_| rest.get(end) == Some(&b'}'))?;
        let name = inside.get(..name_length(inside))?;
        let known = !name.is_empty() && (name.len() == inside.len() || name.starts_with(b"_"));
        return known.then_some(Reference {
            name,
            inside: Some(inside),
            length: end + 3,
        });
    }
    let length = name_length(rest);
    let name = rest.get(..length).filter(|name| !name.is_empty())?;
    let ends = rest
        .get(length)
        .is_none_or(|b| b.is_ascii_whitespace() || matches!(b, b',' | b')'));
    ends.then_some(Reference {
        name,
        inside: None,
        length: length + 1,
    })
}

/// Whether nothing but blanks and a comment is left.
fn is_end(rest: &[u8]) -> bool {
    matches!(rest.trim_ascii_start().first(), None | Some(b'#' | b'!'))
}

/// Why a line cannot be used.
enum Fault {
    /// A definition that leads to itself.
    Loop(Box<[u8]>, Span),
    TooLong,
    TooMuch,
}

/// A line while its references are replaced.
struct Replacer<'r> {
    sources: &'r Sources,
    definitions: &'r Definitions,
    loader: &'r dyn Loader,
    folder: &'r Path,
    out: Vec<u8>,
    pieces: Vec<Piece>,
    /// The lines that follow this one, innermost first.
    tails: Vec<(Rc<[Span]>, Span)>,
    /// The names that are being replaced.
    active: Vec<&'r [u8]>,
    notes: Vec<Diagnostic>,
    /// So many references were replaced.
    steps: usize,
}

impl<'r> Replacer<'r> {
    /// Takes text over; `origin` is the place it stands for if it is not where it is.
    fn copy(&mut self, text: Span, origin: Option<Span>) {
        if text.start >= text.end {
            return;
        }
        self.pieces.push(Piece {
            at: self.out.len(),
            origin: origin.unwrap_or_else(|| self.sources.origin(text)),
            verbatim: origin.is_none() && text.source != SourceId::EXPANSION,
        });
        self.out.extend_from_slice(self.sources.text(text));
    }

    fn insert(&mut self, value: &[u8], origin: Span) {
        self.pieces.push(Piece {
            at: self.out.len(),
            origin,
            verbatim: false,
        });
        self.out.extend_from_slice(value);
    }

    /// Takes a text over with its references replaced; `last` if nothing comes after it.
    fn replace(&mut self, text: Span, origin: Option<Span>, last: bool) -> Result<(), Fault> {
        let bytes = self.sources.text(text);
        let (mut from, mut at) = (0, 0);
        let (mut quoted, mut escaped) = (false, false);
        while let Some(byte) = bytes.get(at) {
            let rest = bytes.get(at..).unwrap_or_default();
            match byte {
                b'"' => quoted = !quoted,
                b'#' | b'!' if !quoted && !escaped => {
                    // A comment is left out.
                    let end = at;
                    self.copy(text.after(from).head(end.saturating_sub(from)), origin);
                    return Ok(());
                }
                b'$' => {
                    if let Some(reference) = reference(rest) {
                        let length = reference.length;
                        let span = text.after(at).head(length);
                        let after = rest.get(length..).unwrap_or_default();
                        let place = origin.unwrap_or_else(|| self.sources.origin(span));
                        let before = text.after(from).head(at - from);
                        if self.one(&reference, before, origin, place, last && is_end(after))? {
                            from = at + length;
                        }
                        at += length;
                        escaped = false;
                        continue;
                    }
                }
                _ => {}
            }
            escaped = *byte == b'\\' && !quoted;
            at += 1;
        }
        self.copy(text.after(from), origin);
        Ok(())
    }

    /// Puts what a reference stands for after the text before it; `false` if it stands for nothing.
    fn one(
        &mut self,
        reference: &Reference<'r>,
        before: Span,
        origin: Option<Span>,
        place: Span,
        last: bool,
    ) -> Result<bool, Fault> {
        self.steps += 1;
        if self.steps > LINE {
            return Err(Fault::TooMuch);
        }
        let whole = reference
            .inside
            .is_none_or(|inside| inside == reference.name);
        let Some(lines) = self.definitions.get(reference.name).filter(|_| whole) else {
            let found = reference
                .inside
                .and_then(|inside| builtin(inside, self.loader, self.folder));
            return Ok(match found {
                Some(value) => {
                    self.copy(before, origin);
                    self.insert(&value, place);
                    true
                }
                None => {
                    self.undefined(reference, place);
                    false
                }
            });
        };
        if self.active.contains(&reference.name) {
            return Err(Fault::Loop(reference.name.into(), place));
        }
        if lines.len() > 1 && !last {
            self.in_the_middle(reference.name, place);
            return Ok(false);
        }
        self.copy(before, origin);
        self.active.push(reference.name);
        if let Some(first) = lines.first() {
            self.replace(*first, Some(place), last)?;
        }
        self.active.pop();
        if self.out.len() > LINE {
            return Err(Fault::TooLong);
        }
        if lines.len() > 1 {
            self.tails.push((Rc::clone(lines), place));
        }
        Ok(true)
    }

    fn undefined(&mut self, reference: &Reference<'_>, place: Span) {
        let name = String::from_utf8_lossy(reference.name);
        let near = self.definitions.nearest(reference.name);
        if reference.inside.is_none() && near.is_none() {
            return;
        }
        let message = format!("`${name}` is not defined and stays as it is");
        let help = match near {
            Some(near) => format!("did you mean `${near}`?"),
            None => "its braces count as those of a block then".to_owned(),
        };
        self.notes
            .push(Diagnostic::note(Code::NotReplaced, place, message).help(help));
    }

    fn in_the_middle(&mut self, name: &[u8], place: Span) {
        let name = String::from_utf8_lossy(name);
        let message = format!("`${name}` has several lines and stays as it is");
        let help = "keepalived replaces such a definition at the end of a line only";
        self.notes
            .push(Diagnostic::note(Code::NotReplaced, place, message).help(help));
    }
}

impl Reader<'_> {
    fn replacer<'r>(&'r self, folder: &'r Path) -> Replacer<'r> {
        Replacer {
            sources: self.sources,
            definitions: &self.definitions,
            loader: self.loader,
            folder,
            out: Vec::new(),
            pieces: Vec::new(),
            tails: Vec::new(),
            active: Vec::new(),
            notes: Vec::new(),
            steps: 0,
        }
    }

    /// A text with its references replaced, for the reader itself; as it is if that cannot be.
    pub(super) fn replaced_text(&mut self, span: Span, sink: &mut Sink) -> Vec<u8> {
        let folder = self.folder();
        let mut replacer = self.replacer(&folder);
        let done = replacer.replace(span, None, false);
        let (out, steps) = (replacer.out, replacer.steps);
        self.limits.spend(steps, out.len());
        match done {
            Ok(()) => out,
            Err(fault) => {
                self.fault(fault, span, sink);
                self.sources.text(span).to_owned()
            }
        }
    }

    /// A line with its references replaced; `None` if it cannot be used.
    pub(super) fn replace(&mut self, mut work: Work, sink: &mut Sink) -> Option<Work> {
        if work.depth > DEPTH {
            let name = self.sources.text(work.span);
            let name = reference(name).map_or(&b""[..], |reference| reference.name);
            let fault = Fault::Loop(name.into(), work.origin.unwrap_or(work.span));
            self.fault(fault, work.span, sink);
            return None;
        }
        // What is known to lead to itself is not followed again.
        let leads = reference(self.sources.text(work.span));
        if leads.is_some_and(|found| self.looping.contains(found.name)) {
            return None;
        }
        let place = work.origin.unwrap_or(work.span);
        if !self.limits.room(place, self.sources, sink) {
            self.inputs.clear();
            return None;
        }
        if let Some(unwrapped) = self.unwrap_first(work) {
            return Some(unwrapped);
        }
        let folder = self.folder();
        let mut replacer = self.replacer(&folder);
        let done = replacer.replace(work.span, work.origin, true);
        let Replacer {
            out,
            pieces,
            tails,
            notes,
            steps,
            ..
        } = replacer;
        self.limits.spend(steps, out.len());
        // A password may look like a name.
        if !notes.is_empty() && secret::values(self.sources.text(work.span)).is_empty() {
            notes.into_iter().for_each(|note| sink.push(note));
        }
        if let Err(fault) = done {
            self.fault(fault, work.origin.unwrap_or(work.span), sink);
            return None;
        }
        if out != self.sources.text(work.span) {
            work.span = self.sources.expansion_mut().push(&out, &pieces);
            work.origin = None;
        }
        self.follow(tails, work.depth);
        Some(work)
    }

    /// The lines after the first of each definition are read next, the innermost first.
    fn follow(&mut self, tails: Vec<(Rc<[Span]>, Span)>, depth: u16) {
        for (lines, origin) in tails.into_iter().rev() {
            self.inputs.push(Input::Lines {
                lines,
                next: 1,
                origin,
                depth: depth + 1,
            });
        }
    }

    /// A line that begins with a definition of a line that is more than words (a sequence, a condition, a definition): that
    /// must be looked at before anything in it is replaced.
    fn unwrap_first(&mut self, mut work: Work) -> Option<Work> {
        let text = self.sources.text(work.span);
        let found = reference(text)?;
        let lines = Rc::clone(self.definitions.get(found.name)?);
        let first = *lines.first()?;
        let value = self.sources.text(first);
        let more = value.starts_with(b"@")
            || value.starts_with(b"$")
            || is_sequence(value)
            || definition(value).is_some();
        let rest = text.get(found.length..).unwrap_or_default();
        if !more || lines.len() > 1 && !is_end(rest) {
            return None;
        }
        let span = work.span.head(found.length);
        let after = work.span.after(found.length);
        let place = work.origin.unwrap_or_else(|| self.sources.origin(span));
        let line = [value, rest].concat();
        let pieces = [
            self.piece(0, place, false),
            self.piece(
                value.len(),
                work.origin.unwrap_or(after),
                work.origin.is_none(),
            ),
        ];
        work.span = self.sources.expansion_mut().push(&line, &pieces);
        work.origin = None;
        work.replaced = false;
        work.depth += 1;
        self.limits.spend(1, line.len());
        if lines.len() > 1 {
            self.follow(vec![(lines, place)], work.depth);
        }
        Some(work)
    }

    fn fault(&mut self, fault: Fault, place: Span, sink: &mut Sink) {
        let diagnostic = match fault {
            Fault::Loop(name, place) => {
                if !self.looping.insert(name.clone()) {
                    return;
                }
                let name = String::from_utf8_lossy(&name);
                let message =
                    format!("`${name}` is defined by itself - ignoring the lines with it");
                let help = "keepalived never comes to an end with such a definition; its value must not lead back to its name";
                Diagnostic::error(Code::DefinitionLoop, place, message).help(help)
            }
            Fault::TooLong => {
                let message = "line too long - ignoring";
                let help = format!("with its definitions replaced, a line may have {LINE} bytes");
                Diagnostic::error(Code::LineTooLong, place, message).help(help)
            }
            Fault::TooMuch => {
                let message = "line too long - ignoring";
                let help = format!("so many as {LINE} definitions stand in one another here");
                Diagnostic::error(Code::LineTooLong, place, message).help(help)
            }
        };
        sink.push(diagnostic);
    }
}

#[cfg(test)]
mod tests {
    use super::reference;

    fn name(text: &str) -> Option<&str> {
        reference(text.as_bytes()).and_then(|found| str::from_utf8(found.name).ok())
    }

    #[test]
    fn where_a_reference_ends() {
        // Seen: `keepalived -t`, unknown keywords that name what was made of them.
        for text in ["$A", "$A x", "$A\tx", "$A,x", "$A)x", "${A}x", "${A}"] {
            assert_eq!(name(text), Some("A"), "{text}");
        }
        for text in [
            "$A]", "$A\"", "$A:", "$A(", "$A{", "${A", "${ A}", "${a-b}", "$1", "$", "${}",
        ] {
            assert_eq!(name(text), None, "{text}");
        }
        assert_eq!(name("$AB x"), Some("AB"));
        assert_eq!(name("${_ENV HOME}"), Some("_ENV"));
    }
}

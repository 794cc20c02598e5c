//! Files -> lines: includes are followed, conditions decided, definitions and sequences replaced. What comes out is handed
//! to the parser line by line.
//!
//! keepalived behaviour: every line is looked at in this order: is it meant for this host (`@ID`), is it a definition, is
//! it a sequence, what do its `$NAME`s stand for, is it an include. What follows a brace is a line of its own.
//!
//! A line that nothing was replaced in stays where it is in its file and costs nothing; every other is written to the
//! [`Expansion`](crate::expansion::Expansion), which knows where it came from. Must not know: keywords, blocks.
//! Enter at [`Reader`]. Tests: `tests/preprocess.rs`, the fixtures `rows/parser`, `tests/hostile.rs`.

mod builtin;
mod condition;
mod definition;
mod include;
mod limit;
mod pattern;
mod reference;
mod sequence;

pub(crate) use self::include::matching;
use std::collections::HashSet;
use std::path::PathBuf;
use std::rc::Rc;

use self::condition::Condition;
use self::definition::Definitions;
use self::limit::Limits;
use self::sequence::Values;
use crate::diag::{Code, Diagnostic, Sink};
use crate::lexer::{LONGEST_LINE, comment};
use crate::model::IncludeCheck;
use crate::source::{Loader, Sources};
use crate::span::{SourceId, Span};

/// Where lines come from; the one opened last is read first.
enum Input {
    File(File),
    /// The lines of a definition, after its first.
    Lines {
        lines: Rc<[Span]>,
        next: usize,
        origin: Span,
        depth: u16,
    },
    /// A text, once for each value.
    Repeat {
        values: Values,
        text: Work,
    },
}

/// A file and how far it was read.
struct File {
    source: SourceId,
    pos: usize,
    /// The folder that its includes are relative to.
    folder: PathBuf,
    /// Whether there is anything in it to be replaced or continued: most files have none.
    plain: bool,
    /// What includes insisted on before it.
    outer: IncludeCheck,
}

/// A line on its way.
#[derive(Debug, Clone, Copy)]
struct Work {
    span: Span,
    /// The place in a file it stands for, if that is not where its text is.
    origin: Option<Span>,
    /// So many definitions it came out of.
    depth: u16,
    /// Its condition was met: there is but one.
    conditioned: bool,
    /// Its `$NAME`s were replaced.
    replaced: bool,
    /// Nothing is to be looked for in it but an include or a condition.
    plain: bool,
}

impl Work {
    fn new(span: Span) -> Self {
        Self {
            span,
            origin: None,
            depth: 0,
            conditioned: false,
            replaced: false,
            plain: false,
        }
    }
}

/// A line as the parser gets it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Line {
    pub span: Span,
    /// Whether it is the rest of the line before, after a brace.
    pub rest: bool,
}

/// Reads a configuration line by line.
pub(crate) struct Reader<'r> {
    loader: &'r dyn Loader,
    sources: &'r mut Sources,
    inputs: Vec<Input>,
    /// What followed a brace.
    rest: Option<Span>,
    /// Whether the line before was a plain one; then its rest is.
    plain: bool,
    definitions: Definitions,
    id: String,
    /// What includes insist on: `include_check`.
    check: IncludeCheck,
    limits: Limits,
    /// Definitions that lead to themselves and were complained about.
    looping: HashSet<Box<[u8]>>,
    /// The source of the line before: where reading went on.
    last: Option<SourceId>,
}

impl<'r> Reader<'r> {
    /// Of files that are among the sources already.
    pub(crate) fn new(
        files: &[SourceId],
        loader: &'r dyn Loader,
        sources: &'r mut Sources,
    ) -> Self {
        let mut reader = Self {
            id: loader.config_id(),
            loader,
            sources,
            inputs: Vec::new(),
            rest: None,
            plain: false,
            definitions: Definitions::default(),
            check: IncludeCheck::default(),
            limits: Limits::default(),
            looping: HashSet::new(),
            last: None,
        };
        files.iter().rev().for_each(|file| reader.open(*file));
        reader
    }

    pub(crate) fn sources(&self) -> &Sources {
        self.sources
    }

    /// What follows a brace is read next, as a line of its own.
    pub(crate) fn put_back(&mut self, rest: Span) {
        self.rest = Some(rest);
    }

    /// The next line that is for the parser.
    pub(crate) fn next(&mut self, sink: &mut Sink) -> Option<Line> {
        loop {
            let (work, rest) = match self.rest.take() {
                Some(span) => {
                    let plain = self.plain;
                    (
                        Work {
                            plain,
                            ..Work::new(span)
                        },
                        true,
                    )
                }
                None => (self.advance(sink)?, false),
            };
            self.plain = work.plain;
            if let Some(span) = self.resolve(work, sink) {
                self.reach(span);
                return Some(Line { span, rest });
            }
        }
    }

    /// Reading has come to this line.
    fn arrive(&mut self, work: Work) {
        // One that stands for another place has been reached with that.
        if work.origin.is_none() {
            self.reach(work.span);
        }
    }

    fn reach(&mut self, span: Span) {
        if self.last != Some(span.source) {
            self.last = Some(span.source);
            self.sources.reached(span.source, span.start);
        }
    }

    /// The next line of the innermost input.
    fn advance(&mut self, sink: &mut Sink) -> Option<Work> {
        loop {
            match self.inputs.last_mut()? {
                Input::File(_) => match self.physical_line(sink) {
                    Some(work) => return Some(work),
                    None => {
                        if let Some(Input::File(file)) = self.inputs.pop() {
                            self.check = file.outer;
                        }
                    }
                },
                Input::Lines {
                    lines,
                    next,
                    origin,
                    depth,
                } => {
                    let work = lines.get(*next).map(|span| Work {
                        origin: Some(*origin),
                        depth: *depth,
                        ..Work::new(*span)
                    });
                    *next += 1;
                    // The last one may bring the same definition again, without end: nothing must pile up.
                    if *next >= lines.len() {
                        self.inputs.pop();
                    }
                    let Some(work) = work else { continue };
                    return self.counted(work, sink);
                }
                Input::Repeat { values, text } => {
                    let work = *text;
                    let place = work.origin.unwrap_or(work.span);
                    let Some(set) = values.next() else {
                        self.inputs.pop();
                        continue;
                    };
                    self.limits.spend(set.len(), 0);
                    for (name, value) in set {
                        let expansion = self.sources.expansion_mut();
                        let value = expansion.push_for(&value, place);
                        self.definitions.set(&name, Rc::new([value]));
                    }
                    return self.counted(work, sink);
                }
            }
        }
    }

    /// A line that came out of something else, unless there were too many.
    fn counted(&mut self, work: Work, sink: &mut Sink) -> Option<Work> {
        let place = work.origin.unwrap_or(work.span);
        if self.limits.step(place, self.sources, sink) {
            return Some(work);
        }
        self.inputs.clear();
        None
    }

    /// The next line of the file that is being read.
    fn physical_line(&mut self, sink: &mut Sink) -> Option<Work> {
        loop {
            let Some(Input::File(file)) = self.inputs.last_mut() else {
                return None;
            };
            let bytes = &self.sources.source(file.source)?.bytes;
            let rest = bytes.get(file.pos..).filter(|rest| !rest.is_empty())?;
            let length = rest
                .iter()
                .position(|b| *b == b'\n')
                .map_or(rest.len(), |at| at + 1);
            let start = file.pos;
            file.pos += length;
            let span = Span {
                source: file.source,
                start,
                end: file.pos,
            };
            let plain = file.plain;
            if length > LONGEST_LINE {
                self.reach(span);
                let message = "line too long - ignoring";
                let help = format!("a line may have {LONGEST_LINE} bytes");
                sink.push(Diagnostic::error(Code::LineTooLong, span, message).help(help));
                continue;
            }
            return Some(Work {
                plain,
                ..Work::new(span)
            });
        }
    }

    fn trimmed(&self, span: Span) -> Span {
        let text = self.sources.text(span);
        let blank = text.len() - text.trim_ascii_start().len();
        span.after(blank).head(text.trim_ascii().len())
    }

    /// The line that is for the parser, if there is one.
    fn resolve(&mut self, mut work: Work, sink: &mut Sink) -> Option<Span> {
        if work.plain {
            // Most lines are nothing but words.
            let text = self.sources.text(work.span);
            match text.iter().find(|b| !matches!(b, b' ' | b'\t'))? {
                b'\n' | b'\r' | b'#' | b'!' => return None,
                b'@' | b'i' => {}
                _ => return Some(work.span),
            }
        }
        loop {
            work.span = self.trimmed(work.span);
            let text = self.sources.text(work.span);
            match text.first()? {
                b'#' | b'!' => return None,
                b'@' if !work.conditioned => {
                    self.arrive(work);
                    match condition::condition(self.sources.text(work.span), &self.id) {
                        Condition::Met(n) => work.span = work.span.after(n),
                        Condition::Unmet => return None,
                    }
                    work.conditioned = true;
                    continue;
                }
                _ if work.plain => {}
                b'$' => {
                    if let Some((name, value)) = definition::definition(text) {
                        let name = name.to_owned();
                        self.arrive(work);
                        self.define(&name, work, value, sink);
                        return None;
                    }
                }
                b'~' if sequence::is_sequence(text) => {
                    self.arrive(work);
                    self.sequence(work, sink);
                    return None;
                }
                _ => {}
            }
            if !work.plain && !work.replaced {
                work.replaced = true;
                let text = self.sources.text(work.span);
                let (glued, refers) = (text.ends_with(b"\\"), text.contains(&b'$'));
                if glued || refers {
                    self.arrive(work);
                }
                if glued {
                    self.glue(&mut work);
                }
                if refers {
                    match self.replace(work, sink) {
                        Some(replaced) => {
                            work = replaced;
                            continue;
                        }
                        None => return None,
                    }
                }
            }
            if let Some((kind, pattern)) = include::include(self.sources.text(work.span)) {
                let span = work.span.after(pattern);
                let place = work.origin.unwrap_or(span);
                self.arrive(work);
                self.include(kind, span, place, sink);
                return None;
            }
            return Some(self.settled(work));
        }
    }

    /// A line at a place that tells where it comes from.
    fn settled(&mut self, work: Work) -> Span {
        let Some(origin) = work.origin else {
            return work.span;
        };
        let text = self.sources.text(work.span).to_owned();
        self.sources.expansion_mut().push_for(&text, origin)
    }

    /// keepalived behaviour: the blanks before a backslash that ends a line are dropped, so that it becomes a part of the
    /// last word.
    fn glue(&mut self, work: &mut Work) {
        let text = self.sources.text(work.span);
        if comment(text).is_some() {
            return;
        }
        let before = text.len() - 1;
        let kept = text
            .get(..before)
            .unwrap_or_default()
            .trim_ascii_end()
            .len();
        if kept == before || kept == 0 {
            return;
        }
        let glued = [text.get(..kept).unwrap_or_default(), b"\\"].concat();
        let (head, backslash) = (work.span.head(kept), work.span.after(before));
        let pieces = match work.origin {
            Some(origin) => vec![self.piece(0, origin, false)],
            None => vec![self.piece(0, head, true), self.piece(kept, backslash, true)],
        };
        work.span = self.sources.expansion_mut().push(&glued, &pieces);
        work.origin = None;
    }

    /// The piece of a new line that a place in a file or in an older line gives.
    fn piece(&self, at: usize, span: Span, verbatim: bool) -> crate::expansion::Piece {
        crate::expansion::Piece {
            at,
            verbatim: verbatim && span.source != SourceId::EXPANSION,
            origin: self.sources.origin(span),
        }
    }
}

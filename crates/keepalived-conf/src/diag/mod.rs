//! What is wrong with a configuration, and how to say it.
//!
//! Must not know: how text is parsed, what it means. Enter at [`Diagnostic`]; `sink` collects, `render` shows,
//! `suggest` guesses what was meant. Tests: beside the code and the rendered fixtures.

mod code;
mod explain;
mod pass;
mod render;
mod sink;
mod suggest;

use crate::span::Span;
pub use code::Code;
pub(crate) use code::Weight;
pub(crate) use pass::{Pass, Passes};
pub(crate) use render::render;
pub(crate) use sink::{Faults, Sink};
pub(crate) use suggest::{Guesses, nearest};

/// How bad it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    /// keepalived says nothing here; never changes an exit status.
    Note,
    /// Something works otherwise than it is written.
    Warning,
    /// A line, or more, is lost.
    Error,
}

/// One complaint.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Diagnostic {
    /// How bad.
    pub severity: Severity,
    /// Which complaint.
    pub code: Code,
    /// Where.
    pub span: Span,
    /// keepalived's own wording where it has one; never a secret.
    pub message: String,
    /// The second line keepalived logs about it: what it does instead.
    pub also: Option<String>,
    /// What to do about it.
    pub help: Option<String>,
    /// Found only after the whole text was read: keepalived names no line for it.
    pub late: bool,
    /// Where it stands in the text that definitions and sequences were replaced by.
    pub(crate) expanded: Option<Span>,
}

impl Diagnostic {
    fn new(severity: Severity, code: Code, span: Span, message: impl Into<String>) -> Self {
        Self {
            severity,
            code,
            span,
            message: message.into(),
            also: None,
            help: None,
            late: false,
            expanded: None,
        }
    }

    pub(crate) fn error(code: Code, span: Span, message: impl Into<String>) -> Self {
        Self::new(Severity::Error, code, span, message)
    }

    pub(crate) fn warning(code: Code, span: Span, message: impl Into<String>) -> Self {
        Self::new(Severity::Warning, code, span, message)
    }

    /// The note that something in this place is left out, by whoever acts on the model.
    #[must_use]
    pub fn left_out(span: Span, message: impl Into<String>) -> Self {
        Self::note(Code::LeftOut, span, message)
    }

    pub(crate) fn note(code: Code, span: Span, message: impl Into<String>) -> Self {
        Self::new(Severity::Note, code, span, message)
    }

    pub(crate) fn also(mut self, also: impl Into<String>) -> Self {
        self.also = Some(also.into());
        self
    }

    pub(crate) fn help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }
}

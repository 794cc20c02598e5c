//! What is wrong with a configuration, and how to say it.
//!
//! Must not know: how text is parsed. Enter at [`Diagnostic`]. Tests: beside the code and the rendered fixtures.

mod code;

use crate::span::Span;
pub use code::Code;

/// How bad it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    /// keepalived says nothing here; never changes an exit status.
    Note,
    /// The line works, but not as it stands.
    Warning,
    /// The line, or more, is lost.
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
    /// What to do about it.
    pub help: Option<String>,
}

//! Reads `keepalived.conf`: text -> tokens -> tree with spans -> checked model, plus diagnostics.
//!
//! Must not know: files, clocks, sockets, the log, the kernel, nor any other room. Whoever calls owns the files and the
//! interfaces, and hands them in as a [`Loader`].
//!
//! Enter at [`load`]. Broken input never fails, it is reported: see [`Diagnostic`] and [`Loaded::render`].
//! Tests: beside the code, and `tests/` with its fixtures.

mod ast;
mod diag;
mod expansion;
mod header;
mod heading;
mod keyword;
mod lexer;
mod lint;
mod loaded;
mod lower;
pub mod model;
mod outline;
mod parser;
mod preprocess;
pub mod print;
mod secret;
mod source;
mod span;
mod value;

pub use diag::{Code, Diagnostic, Severity};
pub use heading::Headings;
pub use keyword::{Keyword, Shape, Status, keywords};
pub use loaded::{Loaded, Position, effective, examine, load, outline};
pub use model::*;
pub use outline::{Outline, Used};
pub use source::{FileKind, Loader, Program, Source, Sources};
pub use span::{SourceId, Span};

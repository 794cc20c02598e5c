//! What no honest configuration reaches, and a bomb does at once.

use crate::diag::{Code, Diagnostic, Sink};
use crate::source::Sources;
use crate::span::Span;

/// So many lines may come out of definitions and sequences.
const LINES: usize = 500_000;
/// So many bytes may be written for that.
const BYTES: usize = 32 << 20;
/// So many references may be replaced.
const STEPS: usize = 2_000_000;
/// So many definitions may stand in one another.
pub(super) const DEPTH: u16 = 64;
/// So long a line may become.
pub(super) const LINE: usize = 16 << 10;
/// So many files may be open at a time.
pub(super) const INCLUDES: usize = 64;
/// So many files may be read.
const FILES: usize = 10_000;
/// So many bytes may be in them.
const FILES_BYTES: usize = 64 << 20;
/// So many names may be looked for in folders: a pattern like `/*/*/*` would walk through all of the host's.
pub(super) const NAMES: usize = 50_000;

/// How far it has come.
#[derive(Debug, Default)]
pub(super) struct Limits {
    lines: usize,
    /// References that were replaced.
    steps: usize,
    bytes: usize,
    /// Files that were included, and what was in them.
    files: usize,
    files_bytes: usize,
    /// Names that were looked for.
    names: usize,
    reached: bool,
}

impl Limits {
    /// So much was done for a line.
    pub(super) fn spend(&mut self, steps: usize, bytes: usize) {
        self.steps += steps;
        self.bytes += bytes;
    }

    /// So many names may still be looked for.
    pub(super) fn names_left(&self) -> usize {
        NAMES.saturating_sub(self.names)
    }

    /// So many names were left after some were looked for.
    pub(super) fn looked(&mut self, left: usize) {
        self.names = NAMES.saturating_sub(left);
    }

    /// A file was included.
    pub(super) fn included(&mut self, bytes: usize) {
        self.files += 1;
        self.files_bytes = self.files_bytes.saturating_add(bytes);
    }

    /// Whether more files may be looked for; that they may not is said once.
    pub(super) fn more_files(&mut self, place: Span, sink: &mut Sink) -> bool {
        if self.files < FILES && self.files_bytes <= FILES_BYTES && self.names < NAMES {
            return true;
        }
        if !std::mem::replace(&mut self.reached, true) {
            let message = "Includes give too many files - ignoring all that follows";
            let help = format!(
                "at most {FILES} files with {FILES_BYTES} bytes are read, and {NAMES} names looked for"
            );
            sink.push(Diagnostic::error(Code::TooMuchText, place, message).help(help));
        }
        false
    }

    fn within(&self, sources: &Sources) -> bool {
        self.lines <= LINES
            && self.steps <= STEPS
            && self.bytes.max(sources.expansion().len()) <= BYTES
    }

    /// One more line; `false` if that is one too many.
    pub(super) fn step(&mut self, place: Span, sources: &Sources, sink: &mut Sink) -> bool {
        self.lines += 1;
        self.room(place, sources, sink)
    }

    /// Whether there is room for more; that there is none is said once.
    pub(super) fn room(&mut self, place: Span, sources: &Sources, sink: &mut Sink) -> bool {
        if self.within(sources) {
            return true;
        }
        if !std::mem::replace(&mut self.reached, true) {
            let message =
                "Definitions and sequences give too much text - ignoring all that follows";
            let help = format!("at most {LINES} lines or {BYTES} bytes may come out of them");
            sink.push(Diagnostic::error(Code::TooMuchText, place, message).help(help));
        }
        false
    }
}

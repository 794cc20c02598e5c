//! The files that were read, and who reads them.

use std::collections::HashMap;
use std::io;
use std::iter;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use crate::expansion::Expansion;
use crate::span::{SourceId, Span};

/// The caller's hands: this crate reads no file and asks no kernel by itself.
pub trait Loader {
    /// The bytes of a file.
    ///
    /// # Errors
    /// Whatever the file system says; it is reported as a diagnostic.
    fn read(&self, path: &Path) -> io::Result<Vec<u8>>;

    /// Whether the host has that network interface.
    fn has_interface(&self, name: &str) -> bool;

    /// Whether it is in the network namespace of that name; `None` if there is no such namespace, or it cannot be entered.
    fn has_interface_in(&self, _namespace: &str, _name: &str) -> Option<bool> {
        None
    }

    /// Whether a network interface, in the network namespace of that name if one is given, is a private macvlan: a VMAC that
    /// this daemon, or an earlier run of it, has made.
    fn is_private_macvlan(&self, _namespace: Option<&str>, _name: &str) -> bool {
        false
    }

    /// The names in a folder, in any order: for the wildcards of an include.
    ///
    /// # Errors
    /// Whatever the file system says; a wildcard then matches nothing.
    fn list(&self, _folder: &Path) -> io::Result<Vec<String>> {
        Ok(Vec::new())
    }

    /// What an included path is; a plain file unless the caller knows better.
    ///
    /// # Errors
    /// Whatever the file system says.
    fn kind(&self, _path: &Path) -> io::Result<FileKind> {
        Ok(FileKind::Regular)
    }

    /// The same path from the root of the file system, for `${_PWD}`.
    fn absolute(&self, path: &Path) -> PathBuf {
        path.to_owned()
    }

    /// What `@ID` and `${_INSTANCE}` mean: `-i`, or the host name up to its first dot.
    fn config_id(&self) -> String {
        String::new()
    }

    /// `${_ENV NAME}`.
    fn environment(&self, _name: &str) -> Option<String> {
        None
    }

    /// Any number, for `${_RANDOM}`: another one at each call.
    fn random(&self) -> u64 {
        0
    }

    /// Whether a host name has an address.
    fn resolves(&self, _host: &str) -> bool {
        true
    }

    /// How many CPUs the host has.
    fn cpus(&self) -> u32 {
        u32::MAX
    }

    /// The numbers of a user and of its own group.
    fn user(&self, _name: &str) -> Option<(u32, u32)> {
        None
    }

    /// The number of a group.
    fn group(&self, _name: &str) -> Option<u32> {
        None
    }

    /// Whether nobody but its owner may read that file.
    fn is_private(&self, _path: &Path) -> bool {
        true
    }

    /// What there is under the name of a program: a path, or a bare name that is looked for in `PATH`.
    fn program(&self, _name: &str) -> Program {
        Program::Missing
    }
}

/// What an included path is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FileKind {
    /// A file to read.
    Regular,
    /// A file that may be executed; keepalived takes that for a mistake.
    Executable,
    /// A folder.
    Directory,
    /// A device, a pipe, a socket.
    Other,
}

/// What there is under the name of a program.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Program {
    /// Nothing, or nothing that can be reached.
    Missing,
    /// A file that may not be executed.
    NotExecutable,
    /// A file that may be executed, and says neither by itself nor by `#!` what reads it.
    NoInterpreter,
    /// Somebody else than root could change it: which component of its path, why, and the remedy.
    Insecure(String),
    /// A program.
    Ready,
}

/// One file as it was read.
#[derive(Debug, Clone)]
pub struct Source {
    /// The path it was asked for by.
    pub path: PathBuf,
    /// Its bytes, unchanged.
    pub bytes: Vec<u8>,
    /// Offset of the first byte of each line, once somebody asked: a file without faults is never asked for a line.
    line_starts: OnceLock<Vec<usize>>,
}

impl PartialEq for Source {
    fn eq(&self, other: &Self) -> bool {
        self.path == other.path && self.bytes == other.bytes
    }
}

impl Eq for Source {}

impl Source {
    /// Takes a file's bytes.
    #[must_use]
    pub fn new(path: PathBuf, bytes: Vec<u8>) -> Self {
        Self {
            path,
            bytes,
            line_starts: OnceLock::new(),
        }
    }

    fn line_starts(&self) -> &[usize] {
        self.line_starts.get_or_init(|| {
            let ends = self.bytes.iter().enumerate().filter(|(_, b)| **b == b'\n');
            iter::once(0).chain(ends.map(|(i, _)| i + 1)).collect()
        })
    }

    /// Line and column of a byte offset, both from 1; the column counts bytes.
    #[must_use]
    pub fn position(&self, offset: usize) -> (usize, usize) {
        let line = self
            .line_starts()
            .partition_point(|start| *start <= offset)
            .max(1);
        let start = self.line_starts().get(line - 1).copied().unwrap_or(0);
        (line, offset - start + 1)
    }

    /// The byte range of a line (from 1), without its end-of-line bytes.
    #[must_use]
    pub fn line(&self, line: usize) -> (usize, &[u8]) {
        let start = line
            .checked_sub(1)
            .and_then(|i| self.line_starts().get(i))
            .copied()
            .unwrap_or(self.bytes.len());
        let end = self
            .line_starts()
            .get(line)
            .copied()
            .unwrap_or(self.bytes.len());
        let mut text = self.bytes.get(start..end).unwrap_or_default();
        while let [rest @ .., b'\n' | b'\r'] = text {
            text = rest;
        }
        (start, text)
    }
}

/// All files of one configuration, in the order they were opened, and the text that definitions and sequences were
/// replaced by.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Sources {
    files: Vec<Source>,
    expansion: Expansion,
    /// Where reading went on in another source, or elsewhere in one, in the order of reading.
    runs: Vec<(SourceId, usize)>,
}

impl Default for Source {
    fn default() -> Self {
        Self::new(PathBuf::new(), Vec::new())
    }
}

impl Sources {
    /// Adds a file.
    pub fn push(&mut self, source: Source) -> SourceId {
        self.files.push(source);
        SourceId(self.files.len() - 1)
    }

    /// The file a span points into.
    #[must_use]
    pub fn source(&self, id: SourceId) -> Option<&Source> {
        match id {
            SourceId::EXPANSION => Some(&self.expansion.source),
            SourceId(file) => self.files.get(file),
        }
    }

    /// All files.
    pub fn iter(&self) -> impl Iterator<Item = &Source> {
        self.files.iter()
    }

    /// The bytes of a span; empty if it lies outside.
    #[must_use]
    pub fn text(&self, span: Span) -> &[u8] {
        self.source(span.source)
            .and_then(|s| s.bytes.get(span.start..span.end))
            .unwrap_or_default()
    }

    /// The place in a file that a span comes from: itself, or what was replaced by it.
    #[must_use]
    pub fn origin(&self, span: Span) -> Span {
        match span.source {
            SourceId::EXPANSION => self.expansion.origin(span),
            SourceId(_) => span,
        }
    }

    pub(crate) fn expansion(&self) -> &Expansion {
        &self.expansion
    }

    pub(crate) fn expansion_mut(&mut self) -> &mut Expansion {
        &mut self.expansion
    }

    /// Reading goes on here.
    pub(crate) fn reached(&mut self, source: SourceId, offset: usize) {
        self.runs.push((source, offset));
    }

    /// What tells which of two places was read first.
    pub(crate) fn reading_order(&self) -> ReadingOrder {
        let mut runs: HashMap<SourceId, Vec<(usize, usize)>> = HashMap::new();
        for (at, (source, offset)) in self.runs.iter().enumerate() {
            runs.entry(*source).or_default().push((*offset, at));
        }
        ReadingOrder(runs)
    }
}

/// When each place was read.
pub(crate) struct ReadingOrder(HashMap<SourceId, Vec<(usize, usize)>>);

impl ReadingOrder {
    /// Greater for what was read later.
    pub(crate) fn of(&self, span: Span) -> (usize, usize) {
        let runs = self.0.get(&span.source).map_or(&[][..], Vec::as_slice);
        let at = runs.partition_point(|(offset, _)| *offset <= span.start);
        let run = at.checked_sub(1).and_then(|at| runs.get(at));
        (run.map_or(0, |(_, at)| *at), span.start)
    }
}

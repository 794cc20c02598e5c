//! `include FILE` and its stricter brothers: files that are read in the place of the line.

use std::io;
use std::path::{Path, PathBuf};

use super::limit::{INCLUDES, NAMES};
use super::pattern::{Pattern, alternatives};
use super::{File, Input, Reader};
use crate::diag::{Code, Diagnostic, Sink};
use crate::lexer::comment;
use crate::model::IncludeCheck;
use crate::source::{FileKind, Loader, Source};
use crate::span::{SourceId, Span};

/// What kind of include a line is, and where its pattern begins.
pub(super) fn include(line: &[u8]) -> Option<(IncludeCheck, usize)> {
    let rest = line.strip_prefix(b"include")?;
    let (letter, rest) = match rest {
        [letter @ (b'r' | b'm' | b'w' | b'b' | b'a'), rest @ ..] => (*letter, rest),
        rest => (b' ', rest),
    };
    let pattern = rest.trim_ascii_start();
    // Without a file it is no include, but an unknown keyword.
    if pattern.is_empty() || pattern.len() == rest.len() || comment(pattern) == Some(0) {
        return None;
    }
    let all = letter == b'a';
    let kind = IncludeCheck {
        readable: all || matches!(letter, b'r' | b'm'),
        found: all || matches!(letter, b'm' | b'w'),
        wildcards: all || letter == b'w',
        braces: all || letter == b'b',
    };
    Some((kind, line.len() - pattern.len()))
}

/// The files that a name with wildcards or braces means; the name itself if it means none.
pub(crate) fn matching(path: &Path, loader: &dyn Loader) -> Vec<PathBuf> {
    let name = path.to_str().unwrap_or_default();
    if !name.contains(['*', '?', '[', '{']) {
        return vec![path.to_owned()];
    }
    let mut left = NAMES;
    let found = alternatives(name).into_iter();
    let found: Vec<_> = found
        .flat_map(|name| {
            Pattern::new(&name)
                .matches(Path::new(""), loader, &mut left)
                .unwrap_or_default()
        })
        .collect();
    match found.is_empty() {
        true => vec![path.to_owned()],
        false => found,
    }
}

impl Reader<'_> {
    /// Reads the lines of a file from now on.
    pub(super) fn open(&mut self, id: SourceId) {
        let Some(source) = self.sources.source(id) else {
            return;
        };
        let bytes = &source.bytes;
        let folder = source.path.parent().unwrap_or(Path::new(""));
        let file = File {
            source: id,
            // A byte-order mark is no text. (keepalived takes it for a part of the first word.)
            pos: if bytes.starts_with(b"\xef\xbb\xbf") {
                3
            } else {
                0
            },
            folder: folder.to_owned(),
            outer: self.check,
            plain: ![b'$', b'~', b'\\'].iter().any(|b| bytes.contains(b)),
        };
        self.inputs.push(Input::File(file));
    }

    /// The folder of the file that is being read.
    pub(super) fn folder(&self) -> PathBuf {
        let folder = self.inputs.iter().rev().find_map(|input| match input {
            Input::File(file) => Some(&file.folder),
            Input::Lines { .. } | Input::Repeat { .. } => None,
        });
        match folder {
            Some(folder) if folder.as_os_str().is_empty() => PathBuf::from("."),
            Some(folder) => folder.clone(),
            None => PathBuf::new(),
        }
    }

    /// From now on, until the file that is being read has ended, includes insist on what the words of `include_check` ask
    /// for.
    pub(crate) fn insist<'w>(&mut self, words: impl Iterator<Item = &'w str>) {
        self.check = self.check.changed(words);
    }

    /// Reads what the pattern matches, in the order of names; `place` is where that is asked for.
    pub(super) fn include(
        &mut self,
        kind: IncludeCheck,
        pattern: Span,
        place: Span,
        sink: &mut Sink,
    ) {
        let kind = kind.and(self.check);
        let text = self.sources.text(pattern);
        let text = text
            .get(..comment(text).unwrap_or(text.len()))
            .unwrap_or_default();
        let text = text.trim_ascii_end();
        let shown = String::from_utf8_lossy(text).into_owned();
        let place = match place == pattern {
            true => pattern.head(text.len()),
            false => place,
        };
        if self.nested() > INCLUDES {
            let message = format!("'{shown}' is included too deep - ignoring");
            let help = format!("{INCLUDES} files are open already; does one include itself?");
            sink.push(Diagnostic::error(Code::IncludeLoop, place, message).help(help));
            return;
        }
        let base = self.inputs.iter().rev().find_map(|input| match input {
            Input::File(file) => Some(file.folder.clone()),
            Input::Lines { .. } | Input::Repeat { .. } => None,
        });
        let base = base.unwrap_or_default();
        let (mut files, mut missing, mut patterns) = (Vec::new(), 0, 0);
        let mut left = self.limits.names_left();
        for alternative in alternatives(&shown) {
            let found = Pattern::new(&alternative);
            let paths = found.matches(&base, self.loader, &mut left);
            patterns += 1;
            // keepalived behaviour: a wildcard may match nothing, in a folder that is there.
            missing += usize::from(match &paths {
                Some(paths) => paths.is_empty() && !found.has_wildcard(),
                None => true,
            });
            let paths = paths.unwrap_or_default();
            files.extend(paths);
        }
        self.limits.looked(left);
        if !self.limits.more_files(place, sink) {
            self.inputs.clear();
            return;
        }
        if files.is_empty() && missing > 0 {
            let message = format!("Config files missing '{shown}'.");
            // keepalived behaviour: of alternatives `match` asks for none.
            let insists = if patterns > 1 {
                kind.braces
            } else {
                kind.found
            };
            missed(insists, place, message, &base, sink);
        } else if files.is_empty() && kind.wildcards {
            let message = format!("No config files matched '{shown}'.");
            missed(true, place, message, &base, sink);
        } else if missing > 0 {
            let message = format!("Some config files missing: \"{shown}\".");
            missed(kind.braces, place, message, &base, sink);
        }
        // The one opened last is read first.
        let mut open = Vec::new();
        for path in files {
            if !self.limits.more_files(place, sink) {
                self.inputs.clear();
                break;
            }
            open.extend(self.opened(&path, kind, place, sink));
        }
        open.into_iter().rev().for_each(|id| self.open(id));
    }

    fn nested(&self) -> usize {
        let file = |input: &&Input| matches!(input, Input::File(_));
        self.inputs.iter().filter(file).count()
    }

    fn opened(
        &mut self,
        path: &Path,
        kind: IncludeCheck,
        place: Span,
        sink: &mut Sink,
    ) -> Option<SourceId> {
        let shown = path.display();
        let mut refuse = |message: String, help: &str| {
            // keepalived behaviour: whatever else is insisted on, what is there must be readable.
            let diagnostic = match kind.any() {
                true => Diagnostic::error(Code::IncludeRefused, place, message),
                false => Diagnostic::warning(Code::IncludeSkipped, place, message),
            };
            sink.push(diagnostic.help(help));
            None
        };
        let irregular =
            format!("Configuration file '{shown}' is not a regular non-executable file - skipping");
        match self.loader.kind(path) {
            Ok(FileKind::Regular) => {}
            Ok(FileKind::Directory) => {
                let message = format!("Configuration file '{shown}' is a directory - skipping");
                return refuse(message, "name the files in it, with a wildcard if you like");
            }
            Ok(FileKind::Executable) => {
                return refuse(
                    irregular,
                    "take its execute permissions away with `chmod -x`",
                );
            }
            Ok(FileKind::Other) => return refuse(irregular, "only plain files are read"),
            Err(error) => return refuse(irregular, &error.to_string()),
        }
        if self.is_open(path) {
            let message = format!("'{shown}' includes itself - ignoring");
            let help = "a file cannot be read again before it has been read to its end";
            sink.push(Diagnostic::error(Code::IncludeLoop, place, message).help(help));
            return None;
        }
        match self.loader.read(path) {
            Ok(bytes) => {
                self.limits.included(bytes.len());
                Some(self.sources.push(Source::new(path.to_owned(), bytes)))
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                let message = format!("Config files missing '{shown}'.");
                missed(kind.found, place, message, Path::new(""), sink);
                None
            }
            Err(error) => refuse(
                format!("Unable to open configuration file '{shown}' - skipping"),
                &error.to_string(),
            ),
        }
    }

    /// Whether a file is being read.
    fn is_open(&self, path: &Path) -> bool {
        self.inputs.iter().any(|input| match input {
            Input::File(file) => self
                .sources
                .source(file.source)
                .is_some_and(|source| source.path == path),
            Input::Lines { .. } | Input::Repeat { .. } => false,
        })
    }
}

/// The complaint about files that are not there.
///
/// keepalived behaviour: a plain include says so and goes on, and that changes no status.
fn missed(insists: bool, place: Span, message: String, base: &Path, sink: &mut Sink) {
    let folder = match base.as_os_str().is_empty() {
        true => "the folder of the file they stand in".to_owned(),
        false => format!("`{}`", base.display()),
    };
    let help = format!("names are relative to {folder}");
    let diagnostic = match insists {
        true => Diagnostic::error(Code::IncludeRefused, place, message),
        false => Diagnostic::warning(Code::IncludeSkipped, place, message),
    };
    sink.push(diagnostic.help(help));
}

#[cfg(test)]
mod tests {
    use super::{IncludeCheck, include};

    #[test]
    fn which_lines_include() {
        let plain = Some((IncludeCheck::default(), 8));
        assert_eq!(include(b"include a.conf"), plain);
        assert_eq!(include(b"include \ta b"), plain.map(|(kind, _)| (kind, 9)));
        for line in [
            "include",
            "include # x",
            "includes a",
            "includex a",
            "INCLUDE a",
            "includea.conf",
        ] {
            assert_eq!(include(line.as_bytes()), None, "{line}");
        }
        assert_eq!(include(b"includea x"), Some((IncludeCheck::ALL, 9)));
    }
}

//! Any bytes as a configuration, and the files it includes: from text to model.
//!
//! A line `#=== NAME` begins a further file, as in the fixtures. What must hold: no panic; every finding inside its file and
//! fit to be shown; the same text gives the same result; and 1 MB of it, the input repeated, takes less than a second.

#![no_main]

use std::cell::Cell;
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use keepalived_conf::{FileKind, Loaded, Loader, Program, examine, load, outline};
use libfuzzer_sys::fuzz_target;
use nix::time::{ClockId, clock_gettime};

const MAIN: &str = "case.conf";
const BEGINS: &[u8] = b"#=== ";
/// So much must be read in a second; with counters and assertions in it the program needs some ten times as long.
const LARGE: usize = 1_000_000;
const LIMIT: Duration = Duration::from_secs(8);
/// One input out of so many is repeated.
const SELDOM: u32 = 512;

struct Host<'b> {
    files: Vec<(PathBuf, &'b [u8])>,
    drawn: Cell<u64>,
}

impl<'b> Host<'b> {
    fn new(input: &'b [u8]) -> Self {
        let mut files: Vec<(PathBuf, &[u8])> = Vec::new();
        let (mut name, mut start, mut at) = (PathBuf::from(MAIN), 0, 0);
        for line in input.split_inclusive(|byte| *byte == b'\n') {
            let end = at + line.len();
            if let Some(next) = line.strip_prefix(BEGINS) {
                files.push((name, &input[start..at]));
                name = String::from_utf8_lossy(next).trim().into();
                start = end;
            }
            at = end;
        }
        files.push((name, &input[start..]));
        Self {
            files,
            drawn: Cell::new(0),
        }
    }

    fn file(&self, path: &Path) -> Option<&'b [u8]> {
        let found = self.files.iter().find(|(name, _)| name == path);
        found.map(|(_, bytes)| *bytes)
    }
}

impl Loader for Host<'_> {
    fn read(&self, path: &Path) -> io::Result<Vec<u8>> {
        let bytes = self.file(path).ok_or(io::ErrorKind::NotFound)?;
        Ok(bytes.to_vec())
    }

    fn has_interface(&self, name: &str) -> bool {
        name.starts_with("eth")
    }

    fn list(&self, folder: &Path) -> io::Result<Vec<String>> {
        let inside = self
            .files
            .iter()
            .filter_map(|(name, _)| name.strip_prefix(folder).ok()?.iter().next());
        Ok(inside
            .map(|name| name.to_string_lossy().into_owned())
            .collect())
    }

    fn kind(&self, path: &Path) -> io::Result<FileKind> {
        match path.to_string_lossy().chars().last() {
            _ if self.file(path).is_none() => Err(io::ErrorKind::NotFound.into()),
            Some('x') => Ok(FileKind::Executable),
            Some('d') => Ok(FileKind::Directory),
            Some('p') => Ok(FileKind::Other),
            _ => Ok(FileKind::Regular),
        }
    }

    fn config_id(&self) -> String {
        "node1".to_owned()
    }

    fn environment(&self, name: &str) -> Option<String> {
        (name.len() < 10).then(|| format!("{name} $A {{"))
    }

    fn random(&self) -> u64 {
        let next = self
            .drawn
            .get()
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1);
        self.drawn.set(next);
        next
    }

    fn resolves(&self, host: &str) -> bool {
        host.len().is_multiple_of(2)
    }

    fn user(&self, name: &str) -> Option<(u32, u32)> {
        match name {
            "root" => Some((0, 0)),
            "nobody" => Some((65534, 65534)),
            _ => None,
        }
    }

    fn group(&self, name: &str) -> Option<u32> {
        (name == "root").then_some(0)
    }

    fn program(&self, name: &str) -> Program {
        match name.len() % 4 {
            0 => Program::Missing,
            1 => Program::NotExecutable,
            2 => Program::Insecure("/tmp is writable by everybody".to_owned()),
            _ => Program::Ready,
        }
    }
}

fn read(input: &[u8]) -> Loaded {
    load(Path::new(MAIN), &Host::new(input))
}

fn check(loaded: &Loaded) {
    for diagnostic in &loaded.diagnostics {
        let span = diagnostic.span;
        assert!(span.start <= span.end, "{diagnostic:?}");
        if let Some(source) = loaded.sources.source(span.source) {
            assert!(span.end <= source.bytes.len(), "{diagnostic:?}");
        }
        let _place = loaded.position(diagnostic);
        let text = loaded.render(diagnostic);
        assert!(
            !text.chars().any(|c| c.is_control() && c != '\n'),
            "{text:?}"
        );
    }
    let _status = (loaded.test_status(), loaded.start_status());
}

/// The processor's time, since others want the processor too.
fn now() -> Duration {
    clock_gettime(ClockId::CLOCK_THREAD_CPUTIME_ID).map_or(Duration::ZERO, Duration::from)
}

fn in_time(input: &[u8]) {
    let mut large = Vec::with_capacity(LARGE + input.len());
    while large.len() < LARGE {
        large.extend_from_slice(input);
    }
    large.truncate(LARGE);
    let start = now();
    let loaded = read(&large);
    let took = now() - start;
    check(&loaded);
    assert!(took < LIMIT, "1 MB of it takes {took:?}");
}

fuzz_target!(|input: &[u8]| {
    let loaded = read(input);
    check(&loaded);
    assert_eq!(loaded, read(input), "the same text, another result");
    check(&examine(Path::new(MAIN), &Host::new(input)));
    let outline = outline(Path::new(MAIN), &Host::new(input));
    for used in &outline.lines {
        assert!(used.line.start < used.line.end, "{used:?}");
    }
    let sum = input.iter().fold(input.len() as u32, |sum, byte| {
        sum.wrapping_mul(31).wrapping_add(u32::from(*byte))
    });
    if !input.is_empty() && sum.is_multiple_of(SELDOM) {
        in_time(input);
    }
});

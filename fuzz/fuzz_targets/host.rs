//! A host whose files are all in one input: a line `#=== NAME` begins a further one, as in the fixtures.

use std::cell::Cell;
use std::io;
use std::path::{Path, PathBuf};

use keepalived_conf::{FileKind, Loader, Program};

pub const MAIN: &str = "case.conf";
const BEGINS: &[u8] = b"#=== ";

pub struct Host<'b> {
    files: Vec<(PathBuf, &'b [u8])>,
    drawn: Cell<u64>,
}

impl<'b> Host<'b> {
    #[allow(dead_code, reason = "not every target asks for it")]
    pub fn new(input: &'b [u8]) -> Self {
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

    /// All of it is one file.
    #[allow(dead_code, reason = "not every target asks for it")]
    pub fn single(input: &'b [u8]) -> Self {
        Self {
            files: vec![(PathBuf::from(MAIN), input)],
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

//! The host of the fixtures.

use std::io;
use std::path::{Path, PathBuf};

use keepalived_conf::{FileKind, Loader, Program};

use crate::case::{CONFIG_ID, Case, ENVIRONMENT, GROUPS, INTERFACES, MAIN, PROGRAMS, USERS};

/// Where it has the files of a case.
const FOLDER: &str = "/rows";

pub struct Host<'c>(pub &'c Case);

impl Host<'_> {
    pub fn main() -> PathBuf {
        Path::new(FOLDER).join(MAIN)
    }

    fn file(&self, path: &Path) -> Option<&str> {
        let path = path.strip_prefix(FOLDER).unwrap_or(path);
        let found = self
            .0
            .files
            .iter()
            .find(|(name, _)| Path::new(name) == path)?;
        Some(&found.1)
    }

    /// The files in a folder and below it.
    fn below(&self, folder: &Path) -> impl Iterator<Item = PathBuf> {
        let folder = folder.to_owned();
        self.0.files.iter().filter_map(move |(name, _)| {
            let path = Path::new(FOLDER).join(name);
            Some(path.strip_prefix(&folder).ok()?.to_owned())
        })
    }
}

impl Loader for Host<'_> {
    fn read(&self, path: &Path) -> io::Result<Vec<u8>> {
        let text = self.file(path).ok_or(io::ErrorKind::NotFound)?;
        Ok(text.as_bytes().to_vec())
    }

    fn has_interface(&self, name: &str) -> bool {
        name == "lo" || INTERFACES.contains(&name)
    }

    fn list(&self, folder: &Path) -> io::Result<Vec<String>> {
        let mut names: Vec<String> = self
            .below(folder)
            .filter_map(|path| Some(path.iter().next()?.to_string_lossy().into_owned()))
            .collect();
        names.sort();
        names.dedup();
        if names.is_empty() {
            Err(io::ErrorKind::NotFound.into())
        } else {
            Ok(names)
        }
    }

    fn kind(&self, path: &Path) -> io::Result<FileKind> {
        if self.file(path).is_some() {
            Ok(FileKind::Regular)
        } else if self.below(path).next().is_some() {
            Ok(FileKind::Directory)
        } else {
            Err(io::ErrorKind::NotFound.into())
        }
    }

    fn config_id(&self) -> String {
        CONFIG_ID.to_owned()
    }

    fn environment(&self, name: &str) -> Option<String> {
        (name == ENVIRONMENT.0).then(|| ENVIRONMENT.1.to_owned())
    }

    fn resolves(&self, host: &str) -> bool {
        host == "localhost"
    }

    fn user(&self, name: &str) -> Option<(u32, u32)> {
        USERS
            .iter()
            .find(|user| user.0 == name)
            .map(|user| (user.1, user.2))
    }

    fn group(&self, name: &str) -> Option<u32> {
        GROUPS
            .iter()
            .find(|group| group.0 == name)
            .map(|group| group.1)
    }

    fn program(&self, name: &str) -> Program {
        if PROGRAMS.contains(&name) {
            Program::Ready
        } else {
            Program::Missing
        }
    }
}

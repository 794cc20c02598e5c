//! What every test here needs: fixtures, and a host that exists only on paper.

#![allow(dead_code, clippy::unwrap_used)]

use std::collections::HashMap;
use std::io;
use std::path::{Path, PathBuf};

use keepalived_conf::{Loaded, Loader, load};

/// A host with some files and some interfaces.
#[derive(Default)]
pub struct Host {
    pub files: HashMap<PathBuf, Vec<u8>>,
    pub interfaces: Vec<String>,
    pub scripts: Vec<PathBuf>,
}

impl Loader for Host {
    fn read(&self, path: &Path) -> io::Result<Vec<u8>> {
        self.files
            .get(path)
            .cloned()
            .ok_or_else(|| io::Error::from(io::ErrorKind::NotFound))
    }

    fn has_interface(&self, name: &str) -> bool {
        self.interfaces.iter().any(|known| known == name)
    }

    fn is_executable(&self, path: &Path) -> bool {
        self.scripts.iter().any(|known| known == path)
    }
}

/// Reads a text as the file `test.conf`, on a host whose one interface is `eth1`.
pub fn read(text: impl AsRef<[u8]>) -> Loaded {
    read_as("test.conf", text)
}

pub fn read_as(name: &str, text: impl AsRef<[u8]>) -> Loaded {
    let path = PathBuf::from(name);
    let files = HashMap::from([(path.clone(), text.as_ref().to_vec())]);
    let host = Host {
        files,
        interfaces: vec!["eth1".to_owned()],
        scripts: Vec::new(),
    };
    load(&path, &host)
}

pub fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures")
}

/// Reads a fixture.
pub fn fixture(name: &str) -> Loaded {
    read_as(name, std::fs::read(folder().join(name)).unwrap())
}

/// The names of all fixtures.
pub fn fixtures() -> Vec<String> {
    let entries = std::fs::read_dir(folder())
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap());
    let mut names: Vec<String> = entries.filter(|name| name.ends_with(".conf")).collect();
    names.sort();
    assert!(!names.is_empty());
    names
}

/// All complaints as people read them.
pub fn rendered(loaded: &Loaded) -> String {
    loaded
        .diagnostics
        .iter()
        .map(|d| loaded.render(d) + "\n")
        .collect()
}

//! What every test here needs: fixtures, and a host that exists only on paper.

#![allow(dead_code, clippy::unwrap_used)]

use std::collections::{BTreeSet, HashMap};
use std::io;
use std::path::{Path, PathBuf};

use keepalived_conf::{FileKind, Loaded, Loader, Program, load};

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

    fn kind(&self, path: &Path) -> io::Result<FileKind> {
        match self.files.keys().find(|file| file.starts_with(path)) {
            Some(file) if file == path => Ok(FileKind::Regular),
            Some(_) => Ok(FileKind::Directory),
            None => Err(io::Error::from(io::ErrorKind::NotFound)),
        }
    }

    fn list(&self, folder: &Path) -> io::Result<Vec<String>> {
        let inside = self
            .files
            .keys()
            .filter_map(|file| file.strip_prefix(folder).ok());
        let names = inside.filter_map(|file| file.iter().next());
        let names: BTreeSet<String> = names
            .map(|name| name.to_string_lossy().into_owned())
            .collect();
        match names.is_empty() {
            true => Err(io::Error::from(io::ErrorKind::NotFound)),
            false => Ok(names.into_iter().collect()),
        }
    }

    fn has_interface(&self, name: &str) -> bool {
        self.interfaces.iter().any(|known| known == name)
    }

    fn program(&self, name: &str) -> Program {
        match self.scripts.iter().any(|known| known == Path::new(name)) {
            true => Program::Ready,
            false => Program::Missing,
        }
    }

    fn user(&self, name: &str) -> Option<(u32, u32)> {
        (name == "root").then_some((0, 0))
    }

    fn group(&self, name: &str) -> Option<u32> {
        (name == "root").then_some(0)
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

/// A host with the files that are really there, seen as the keepalived that judged published files saw its own: those
/// interfaces, the host name `vm`, nobody but root, some programs of a small Debian, no names in the DNS.
pub struct Published {
    pub interfaces: Vec<String>,
}

impl Loader for Published {
    fn read(&self, path: &Path) -> io::Result<Vec<u8>> {
        std::fs::read(path)
    }

    fn has_interface(&self, name: &str) -> bool {
        name == "lo" || self.interfaces.iter().any(|known| known == name)
    }

    fn config_id(&self) -> String {
        "vm".to_owned()
    }

    fn resolves(&self, host: &str) -> bool {
        host == "localhost"
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

    fn list(&self, folder: &Path) -> io::Result<Vec<String>> {
        let mut names = Vec::new();
        for entry in std::fs::read_dir(folder)? {
            names.extend(entry?.file_name().into_string());
        }
        Ok(names)
    }

    fn kind(&self, path: &Path) -> io::Result<FileKind> {
        let is_folder = std::fs::metadata(path)?.is_dir();
        Ok(match is_folder {
            true => FileKind::Directory,
            false => FileKind::Regular,
        })
    }

    fn program(&self, name: &str) -> Program {
        match THERE.contains(&name) {
            true => Program::Ready,
            false => Program::Missing,
        }
    }
}

/// The programs of published files that the host had.
const THERE: [&str; 19] = [
    "/bin/cat",
    "/bin/pidof",
    "/bin/true",
    "/sbin/ip",
    "/sbin/ipvsadm",
    "/sbin/service",
    "/usr/bin/curl",
    "/usr/bin/killall",
    "/usr/bin/systemctl",
    "/usr/bin/true",
    "/usr/sbin/ip",
    "/usr/sbin/ipvsadm",
    "ip",
    "iptables",
    "ipvsadm",
    "killall",
    "pidof",
    "service",
    "systemctl",
];

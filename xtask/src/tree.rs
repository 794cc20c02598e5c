//! No file of the repository may name a place of the machine it was written on.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail};

/// Folders that say nothing about a machine, though a checkout or a home may lie in them.
const ORDINARY: [&str; 12] = [
    "/",
    "/home",
    "/root",
    "/tmp",
    "/var/tmp",
    "/srv",
    "/opt",
    "/usr",
    "/usr/src",
    "/usr/local",
    "/mnt",
    "/var",
];

/// Hosts that any Rust project may name.
const PUBLIC_HOSTS: [&str; 4] = [
    "crates.io",
    "index.crates.io",
    "static.crates.io",
    "github.com",
];

/// Every line that names this machine, as `FILE:LINE: NEEDLE`. An error where the check cannot be made.
pub(crate) fn offences(root: &Path) -> Result<Vec<String>> {
    let home = std::env::var_os("HOME").map(PathBuf::from);
    let cargo_home = std::env::var_os("CARGO_HOME").map(PathBuf::from);
    let default = home.as_ref().map(|home| home.join(".cargo"));
    let config = cargo_home
        .iter()
        .chain(&default)
        .flat_map(|folder| [folder.join("config.toml"), folder.join("config")])
        .filter_map(|path| fs::read_to_string(path).ok())
        .collect::<String>();
    let mut needles = places(root, home.as_deref(), cargo_home.as_deref());
    needles.extend(hosts(&config));

    let mut found = Vec::new();
    for file in files(root)? {
        // A file that was just removed, or a link to nowhere, names nothing.
        let Ok(bytes) = fs::read(root.join(&file)) else {
            continue;
        };
        for (number, line) in String::from_utf8_lossy(&bytes).lines().enumerate() {
            for needle in needles.iter().filter(|needle| names(line, needle)) {
                found.push(format!("{file}:{}: {needle}", number + 1));
            }
        }
    }
    Ok(found)
}

/// What git tracks, and what it would track.
fn files(root: &Path) -> Result<Vec<String>> {
    let output = Command::new("git")
        .args([
            "ls-files",
            "-z",
            "--cached",
            "--others",
            "--exclude-standard",
        ])
        .current_dir(root)
        .stderr(Stdio::null())
        .output()
        .context("starting git")?;
    if !output.status.success() {
        bail!("this is not a git checkout");
    }
    let list = String::from_utf8_lossy(&output.stdout);
    Ok(list
        .split('\0')
        .filter(|name| !name.is_empty())
        .map(str::to_owned)
        .collect())
}

/// Folders of this machine that have no business in a file.
fn places(root: &Path, home: Option<&Path>, cargo_home: Option<&Path>) -> Vec<String> {
    let mut places: Vec<String> = [Some(root), root.parent(), home, cargo_home]
        .into_iter()
        .flatten()
        .map(|path| path.to_string_lossy().into_owned())
        .filter(|path| path.starts_with('/') && !ORDINARY.contains(&path.as_str()))
        .collect();
    places.sort();
    places.dedup();
    places
}

/// The hosts of the registries that this machine's cargo was told to use.
fn hosts(config: &str) -> Vec<String> {
    let mut hosts: Vec<String> = config
        .split("://")
        .skip(1)
        .filter_map(|rest| rest.split(['/', '"', '\'', ':', '?', '\n', ' ']).next())
        .map(|host| host.rsplit('@').next().unwrap_or(host).to_owned())
        .filter(|host| host.contains('.') && !PUBLIC_HOSTS.contains(&host.as_str()))
        .collect();
    hosts.sort();
    hosts.dedup();
    hosts
}

/// Whether the line has the needle as a path or host of its own, not as part of a longer word.
fn names(line: &str, needle: &str) -> bool {
    let part = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-');
    line.match_indices(needle).any(|(at, _)| {
        let before = line.get(..at).and_then(|text| text.chars().next_back());
        let after = line
            .get(at + needle.len()..)
            .and_then(|text| text.chars().next());
        !before.is_some_and(|c| part(c) || c == '.') && !after.is_some_and(part)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_whole_paths_are_found() {
        assert!(names("see /job/main/docs", "/job"));
        assert!(names("(/job)", "/job"));
        assert!(!names("https://host/job", "/job"));
        assert!(!names("/jobs", "/job"));
        assert!(!names("./job", "/job"));
    }

    #[test]
    fn ordinary_folders_are_no_secret() {
        let found = places(
            Path::new("/job/main"),
            Some(Path::new("/root")),
            Some(Path::new("/srv/cache")),
        );
        assert_eq!(found, ["/job", "/job/main", "/srv/cache"]);
        assert_eq!(places(Path::new("/tmp/clone"), None, None), ["/tmp/clone"]);
    }

    #[test]
    fn registry_hosts_come_from_cargo_s_configuration() {
        let config = "[source.mirror]\nregistry = \"sparse+https://user@crates.example.net:8443/index/\"\n\
                      [source.other]\nregistry = \"https://github.com/rust-lang/crates.io-index\"\n";
        assert_eq!(hosts(config), ["crates.example.net"]);
    }
}

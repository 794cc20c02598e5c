//! What is printed means what was read.

#![allow(clippy::unwrap_used)]

mod support;

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use keepalived_conf::print::{Show, layout};
use keepalived_conf::{Code, Loaded, effective, load};
use proptest::prelude::*;

/// Every text at hand: the fixtures, and the published files where there are any.
fn texts() -> Vec<(PathBuf, Vec<u8>)> {
    let mut folders = vec![support::folder()];
    folders.extend(
        std::env::var_os("RKEEPALIVED_CORPUS")
            .map(|folder| PathBuf::from(folder).join("keepalived")),
    );
    let mut texts = Vec::new();
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|end| end == "conf") {
                let text = std::fs::read(&path).unwrap();
                texts.push((path, text));
            }
        }
    }
    texts.sort();
    texts
}

fn host(path: &Path, text: Vec<u8>) -> support::Host {
    support::Host {
        files: HashMap::from([(path.to_owned(), text)]),
        interfaces: vec!["eth0".to_owned(), "eth1".to_owned()],
        scripts: Vec::new(),
    }
}

fn read(path: &Path, text: Vec<u8>) -> Loaded {
    load(path, &host(path, text))
}

fn effective_means_the_same(path: &Path, text: &[u8]) -> Result<(), String> {
    let show = Show {
        defaults: true,
        secrets: true,
    };
    let printed = effective(path, &host(path, text.to_vec()), show);
    let (before, after) = (read(path, text.to_vec()), read(path, printed.clone()));
    if before.model != after.model {
        return Err(format!(
            "{}: another model:\n{}",
            path.display(),
            String::from_utf8_lossy(&printed)
        ));
    }
    Ok(())
}

/// Without their texts: some quote the line as it was written.
fn complaints(loaded: &Loaded) -> Vec<Code> {
    let mut codes: Vec<Code> = loaded.diagnostics.iter().map(|d| d.code).collect();
    codes.sort();
    codes
}

fn means_the_same(path: &Path, text: &[u8]) -> Result<(), String> {
    let laid_out = layout(text);
    let (before, after) = (read(path, text.to_vec()), read(path, laid_out.clone()));
    if before.model != after.model {
        return Err(format!(
            "{}: another model:\n{}",
            path.display(),
            String::from_utf8_lossy(&laid_out)
        ));
    }
    if complaints(&before) != complaints(&after) {
        return Err(format!(
            "{}: other complaints:\n{}",
            path.display(),
            String::from_utf8_lossy(&laid_out)
        ));
    }
    if layout(&laid_out) != laid_out {
        return Err(format!(
            "{}: laid out twice is not the same",
            path.display()
        ));
    }
    Ok(())
}

#[test]
fn a_layout_changes_no_meaning() {
    let failures: Vec<String> = texts()
        .iter()
        .filter_map(|(path, text)| means_the_same(path, text).err())
        .collect();
    assert!(
        failures.is_empty(),
        "{} files:\n{}",
        failures.len(),
        failures.join("\n")
    );
}

#[test]
fn the_effective_configuration_has_the_same_meaning() {
    let failures: Vec<String> = texts()
        .iter()
        .filter_map(|(path, text)| effective_means_the_same(path, text).err())
        .collect();
    assert!(
        failures.is_empty(),
        "{} files:\n{}",
        failures.len(),
        failures.join("\n")
    );
}

proptest! {
    /// Words, braces, quotes, comments and references in any order.
    #[test]
    fn a_layout_of_anything_changes_no_meaning(
        pieces in prop::collection::vec(
            prop::sample::select(vec![
                "global_defs", "vrrp_instance A", "state MASTER", "interface eth1", "virtual_router_id 5", "virtual_ipaddress", "10.0.0.1",
                "{", "}", "\n", "\n", "\r\n", "\t", " ", "# c {", "! c", "\"a b\"", "\"", "'x  y'", "\\#", "$A=1\n", "$A", "${A}", "@id ", "@^id ",
                "~SEQ(X, 2) ", "notify_up /bin/x", "priority 5", "é", "unknown",
            ]),
            0..60,
        )
    ) {
        let text = pieces.concat();
        let same = means_the_same(Path::new("test.conf"), text.as_bytes());
        prop_assert!(same.is_ok(), "{}\n{text}", same.unwrap_err());
        let same = effective_means_the_same(Path::new("test.conf"), text.as_bytes());
        prop_assert!(same.is_ok(), "{}\n{text}", same.unwrap_err());
    }
}

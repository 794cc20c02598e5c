//! The fixtures, held against what keepalived printed for them: the same exit status, the same complaints on the same
//! lines, and no others.
//!
//! `NAME.observed` is what `keepalived -t -f NAME.conf` (Debian's 2.2.7, with an interface eth1) printed: the exit status,
//! then each message once, its line number before it.

#![allow(clippy::unwrap_used)]

mod support;

use std::collections::HashSet;

use keepalived_conf::{Diagnostic, Loaded, Severity};

/// Each is a follow-up of a mistake that has been reported on its line.
const FOLLOW_UPS: [(&str, &str); 2] = [
    ("braces.conf", "Unmatched quote: "),
    ("instance.conf", "        Please use global lvs_sync_daemon"),
];

/// keepalived stops at an instance that cannot start, and at a missing word, before it comes to these; the last is 2.4's.
const ONLY_HERE: [(&str, &str); 3] = [
    (
        "blog.conf",
        "Sync group LVS_Teste has only 1 virtual router(s) - this probably isn't what you want",
    ),
    (
        "missing-word.conf",
        "(VI_1) the virtual router id must be set",
    ),
    ("check.conf", "Duplicate path - overwriting /a with /b"),
];

fn line_of(loaded: &Loaded, diagnostic: &Diagnostic) -> usize {
    loaded
        .sources
        .source(diagnostic.span.source)
        .unwrap()
        .position(diagnostic.span.start)
        .0
}

fn says(diagnostic: &Diagnostic, message: &str) -> bool {
    diagnostic.severity > Severity::Note
        && (diagnostic.message == message || diagnostic.also.as_deref() == Some(message))
}

#[test]
fn the_same_complaints_on_the_same_lines() {
    let mut differences = Vec::new();
    for name in support::fixtures() {
        let loaded = support::fixture(&name);
        let observed =
            std::fs::read_to_string(support::folder().join(name.replace(".conf", ".observed")))
                .unwrap();
        let mut lines = observed.lines();
        let status = lines
            .next()
            .and_then(|first| first.strip_prefix("exit "))
            .unwrap();
        if loaded.test_status().to_string() != status {
            differences.push(format!(
                "{name}: exits {}, keepalived {status}",
                loaded.test_status()
            ));
        }
        let mut messages = HashSet::new();
        for line in lines {
            let numbered = line
                .split_once(": ")
                .and_then(|(n, rest)| Some((n.parse::<usize>().ok()?, rest)));
            let message = numbered.map_or(line, |(_, rest)| rest);
            messages.insert(message);
            if FOLLOW_UPS
                .iter()
                .any(|(file, text)| name == *file && message.starts_with(text))
            {
                continue;
            }
            let found = loaded.diagnostics.iter().any(|diagnostic| {
                says(diagnostic, message)
                    && numbered.is_none_or(|(n, _)| line_of(&loaded, diagnostic) == n)
            });
            if !found {
                differences.push(format!("{name}: keepalived says {line}"));
            }
        }
        for diagnostic in loaded
            .diagnostics
            .iter()
            .filter(|diagnostic| diagnostic.severity > Severity::Note)
        {
            let message = diagnostic.message.as_str();
            let known = messages.contains(message) || ONLY_HERE.contains(&(name.as_str(), message));
            if !known {
                differences.push(format!("{name}: only here: {}", diagnostic.message));
            }
        }
    }
    assert!(differences.is_empty(), "{}", differences.join("\n"));
}

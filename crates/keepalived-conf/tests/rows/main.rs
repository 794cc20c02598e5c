//! A fixture for every row of the table of keywords: cases that keepalived accepts, and cases with a mark under all that it
//! complains about. `tests/fixtures/rows/README.md` tells how they are written.

#![allow(clippy::unwrap_used)]

mod case;
mod coverage;
mod host;
mod parser;

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use case::{Case, Mark};
use keepalived_conf::{Code, Loaded, Severity, load};

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/rows")
}

/// The complaints as marks.
fn complaints(loaded: &Loaded, least: Severity) -> BTreeSet<Mark> {
    let said = loaded
        .diagnostics
        .iter()
        .filter(|diagnostic| diagnostic.severity >= least);
    said.map(|diagnostic| {
        let place = loaded.position(diagnostic);
        let (file, line, columns) = match &place {
            Some(place) => {
                let file = place.file.strip_prefix("/rows").unwrap_or(place.file);
                let end = if place.end_line == place.line {
                    place.end_column
                } else {
                    usize::MAX
                };
                (
                    file.to_string_lossy().into_owned(),
                    place.line,
                    (place.column, end),
                )
            }
            None => (String::new(), 0, (0, 0)),
        };
        let severity = match diagnostic.severity {
            Severity::Note => "note",
            Severity::Warning => "warning",
            Severity::Error => "error",
        };
        Mark {
            file,
            line,
            columns,
            severity: severity.to_owned(),
            code: diagnostic.code.name().to_owned(),
        }
    })
    .collect()
}

/// What a case says that is not marked, and what is marked and not said.
fn differences(case: &Case, loaded: &Loaded) -> Vec<String> {
    let marks: BTreeSet<Mark> = case.marks().into_iter().collect();
    let said = complaints(loaded, Severity::Note);
    let show = |mark: &Mark| {
        let line = if mark.file == case::MAIN {
            case.line_before + mark.line
        } else {
            mark.line
        };
        let (from, to) = mark.columns;
        format!(
            "{}:{line}:{from}-{to}: {}[{}]",
            case.id(),
            mark.severity,
            mark.code
        )
    };
    let mut differences = Vec::new();
    for mark in &marks {
        if !Code::ALL.iter().any(|code| code.name() == mark.code) {
            differences.push(format!("{}: there is no such code", show(mark)));
        } else if !said.contains(mark) {
            differences.push(format!("{}: marked, not said", show(mark)));
        }
    }
    let unmarked = said
        .iter()
        .filter(|mark| mark.severity != "note" && !marks.contains(mark));
    differences.extend(unmarked.map(|mark| format!("{}: said, not marked", show(mark))));
    let complains = marks.iter().any(|mark| mark.severity != "note");
    if case.good && complains {
        differences.push(format!("{}: a good case with a mark", case.id()));
    } else if !case.good && !complains {
        differences.push(format!("{}: a bad case without a mark", case.id()));
    }
    if !differences.is_empty() {
        let text = loaded
            .diagnostics
            .iter()
            .filter(|d| d.severity > Severity::Note);
        differences.extend(text.map(|diagnostic| {
            format!("    {}", loaded.render(diagnostic).replace('\n', "\n    "))
        }));
    }
    differences
}

#[test]
fn every_case_says_what_is_marked() {
    let mut differences = Vec::new();
    let only = std::env::var("ROWS").unwrap_or_default();
    for case in case::cases(&folder()) {
        if case.id().contains(&only) {
            let loaded = load(&host::Host::main(), &host::Host(&case));
            differences.extend(self::differences(&case, &loaded));
        }
    }
    assert!(differences.is_empty(), "\n{}", differences.join("\n"));
}

#[test]
fn names_of_cases_are_not_used_twice() {
    let mut seen = BTreeSet::new();
    let twice: Vec<String> = case::cases(&folder())
        .iter()
        .map(Case::id)
        .filter(|id| !seen.insert(id.clone()))
        .collect();
    assert!(twice.is_empty(), "{}", twice.join("\n"));
}

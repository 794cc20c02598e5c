//! The cases of the fixtures: how a file of them is cut up, and the marks in it.
//!
//! A file holds many. Each begins with a line `#--- NAME` and is a whole configuration; `#=== NAME` begins a further file
//! of it (for includes, key files). A mark is a comment under an offending line: `#    ^^^ error[code]`; at the end of a
//! file, where nothing can stand over it, `#$ error[code]`.

use std::path::{Path, PathBuf};

/// The name of the file that a case is read by.
pub const MAIN: &str = "case.conf";

/// What the fixtures take for `-i`.
pub const CONFIG_ID: &str = "node1";

/// The one variable of the environment.
pub const ENVIRONMENT: (&str, &str) = ("RKEEPALIVED_FIXTURE", "seven");

/// The host of the fixtures: its interfaces (besides `lo`), users, groups and programs.
pub const INTERFACES: [&str; 3] = ["eth0", "eth1", "eth2"];
pub const USERS: [(&str, u32, u32); 2] = [("root", 0, 0), ("nobody", 65534, 65534)];
pub const GROUPS: [(&str, u32); 2] = [("root", 0), ("nogroup", 65534)];
pub const PROGRAMS: [&str; 3] = ["/bin/true", "/bin/false", "/usr/bin/true"];

/// One configuration.
pub struct Case {
    pub family: String,
    pub good: bool,
    /// The fixture, the number of the line before the first of the main file in it.
    pub fixture: PathBuf,
    pub line_before: usize,
    pub name: String,
    /// Name and text, the main one first.
    pub files: Vec<(String, String)>,
}

/// One mark: a place in a file of a case, and what is said there. Lines and columns count from 1, columns in bytes, the
/// last one is past the end.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Mark {
    pub file: String,
    pub line: usize,
    pub columns: (usize, usize),
    /// `error`, `warning` or `note`.
    pub severity: String,
    pub code: String,
}

impl Case {
    pub fn id(&self) -> String {
        let kind = if self.good { "good" } else { "bad" };
        let file = self.fixture.file_name().unwrap_or_default();
        format!(
            "{}/{kind}/{}: {}",
            self.family,
            file.to_string_lossy(),
            self.name
        )
    }

    pub fn marks(&self) -> Vec<Mark> {
        self.files
            .iter()
            .flat_map(|(name, text)| marks(name, text))
            .collect()
    }
}

fn marks(file: &str, text: &str) -> Vec<Mark> {
    let mut found = Vec::new();
    let mut over: (usize, &str) = (0, "");
    for (number, line) in (1..).zip(text.split('\n')) {
        if let Some((columns, said)) = caret(line) {
            let (from, to) = columns;
            let bytes = |column: usize| {
                over.1
                    .chars()
                    .take(column)
                    .map(char::len_utf8)
                    .sum::<usize>()
                    + 1
            };
            found.push(mark(file, over.0, (bytes(from), bytes(to)), said));
        } else if let Some(said) = line.strip_prefix("#$ ") {
            let last = text.split('\n').count();
            found.push(mark(file, last, (1, 1), said));
        } else {
            over = (number, line.trim_end_matches('\r'));
        }
    }
    found
}

/// The columns of the carets in characters from 0, and what follows them.
fn caret(line: &str) -> Option<((usize, usize), &str)> {
    let rest = line.strip_prefix('#')?;
    let blank = rest.len() - rest.trim_start_matches([' ', '\t']).len();
    let rest = rest.get(blank..)?;
    let carets = rest.len() - rest.trim_start_matches('^').len();
    let said = rest.get(carets..)?.strip_prefix(' ')?;
    (carets > 0).then_some(((1 + blank, 1 + blank + carets), said))
}

fn mark(file: &str, line: usize, columns: (usize, usize), said: &str) -> Mark {
    let (severity, rest) = said.split_once('[').unwrap_or((said, ""));
    let code = rest.split_once(']').map_or(rest, |(code, _)| code);
    Mark {
        file: file.to_owned(),
        line,
        columns,
        severity: severity.to_owned(),
        code: code.to_owned(),
    }
}

/// The cases under `fixtures/rows`, in the order of their files.
pub fn cases(folder: &Path) -> Vec<Case> {
    let mut all = Vec::new();
    for family in names(folder) {
        for (kind, good) in [("good", true), ("bad", false)] {
            let folder = folder.join(&family).join(kind);
            for file in names(&folder).iter().filter(|name| name.ends_with(".conf")) {
                all.extend(split(&family, good, folder.join(file)));
            }
        }
    }
    all
}

/// What is in a folder; nothing if there is none.
fn names(folder: &Path) -> Vec<String> {
    let Ok(entries) = std::fs::read_dir(folder) else {
        return Vec::new();
    };
    let mut names: Vec<String> = entries
        .filter_map(|entry| entry.ok()?.file_name().into_string().ok())
        .collect();
    names.sort();
    names
}

fn split(family: &str, good: bool, fixture: PathBuf) -> Vec<Case> {
    let text = std::fs::read_to_string(&fixture).unwrap();
    let mut cases: Vec<Case> = Vec::new();
    for (number, line) in (1..).zip(text.split_inclusive('\n')) {
        if let Some(name) = line.strip_prefix("#--- ") {
            cases.push(Case {
                family: family.to_owned(),
                good,
                fixture: fixture.clone(),
                line_before: number,
                name: name.trim().to_owned(),
                files: vec![(MAIN.to_owned(), String::new())],
            });
            continue;
        }
        let Some(case) = cases.last_mut() else {
            let blank = line.trim().is_empty() || line.starts_with('#');
            assert!(
                blank,
                "{}:{number}: stands before the first `#--- NAME`",
                fixture.display()
            );
            continue;
        };
        if let Some(name) = line.strip_prefix("#=== ") {
            case.files.push((name.trim().to_owned(), String::new()));
        } else if let Some((_, text)) = case.files.last_mut() {
            text.push_str(line);
        }
    }
    cases
}

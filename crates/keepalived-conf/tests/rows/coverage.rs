//! Whether every row has its cases.

use std::collections::{BTreeMap, BTreeSet};

use keepalived_conf::{Keyword, Shape, Status, Used, keywords, outline};

use crate::case::{self, Case, Mark};
use crate::host::Host;
use crate::{folder, parser};

/// A row, and whether it is a good case it needs, or a bad one.
type Need = (String, String, &'static str);

/// The option rows that stand for a place in an entry, not for a word.
#[derive(Clone, Copy)]
enum Option {
    Word(&'static str),
    First,
    OneOf(&'static [&'static str]),
}

fn option(row: &Keyword) -> Option {
    match row.name {
        "fwmark N [inet|inet6]" => Option::Word("fwmark"),
        "[type] ACTION" => Option::OneOf(&["goto", "nop", "blackhole", "unreachable", "prohibit"]),
        name if name.starts_with("ADDR") || name.starts_with("[TYPE]") => Option::First,
        name => Option::Word(name),
    }
}

/// Whether an option stands in the lines of that keyword.
fn is_home(option: &Keyword, used: &Used) -> bool {
    let names: &[&str] = match option.block {
        "virtual_server_group" => &["virtual_server_group"],
        "virtual_ipaddress" => &[
            "virtual_ipaddress",
            "virtual_ipaddress_excluded",
            "static_ipaddress",
        ],
        "virtual_routes" => &["virtual_routes", "static_routes"],
        "virtual_rules" => &["virtual_rules", "static_rules"],
        "vrrp_instance/unicast_peer" => &["unicast_peer"],
        "track_*/ENTRY" => &[
            "track_interface",
            "track_script",
            "track_file",
            "track_process",
            "track_bfd",
        ],
        "global_defs/lvs_sync_daemon" => &["lvs_sync_daemon"],
        "virtual_server/lb_kind" => &["lb_kind", "lvs_method", "sorry_server_lvs_method"],
        other => unreachable!("{other}: an option of what?"),
    };
    used.entry == (used.row.shape == Shape::Values) && names.contains(&used.row.name)
}

fn takes_a_value(row: &Keyword) -> bool {
    let none = ["(none)", "-", "block", "after weight value"];
    !none.contains(&row.arguments) && !row.arguments.starts_with("block ")
}

/// Whether keepalived takes any word here, so that none at all is the only mistake there is.
fn is_any_word(row: &Keyword) -> bool {
    let first = row
        .arguments
        .split([' ', '/', '|'])
        .next()
        .unwrap_or_default();
    [
        "STRING", "NAME", "SCRIPT", "PATH", "FILE", "DIR", "PATTERN", "DNS",
    ]
    .contains(&first)
        || ["track_file", "BFD_CHECK"]
            .iter()
            .any(|block| row.block.ends_with(block))
}

/// The family whose fixtures should have it.
fn family(row: &Keyword) -> &'static str {
    let root = row.block.split('/').next().unwrap_or_default();
    let root = if root.is_empty() { row.name } else { root };
    match root {
        "bfd_instance" => "bfd",
        "virtual_ipaddress" | "static_ipaddress" => "address",
        "virtual_routes" | "static_routes" => "route",
        "virtual_rules" | "static_rules" => "rule",
        "vrrp_script"
        | "vrrp_track_process"
        | "vrrp_track_file"
        | "track_file"
        | "track_group"
        | "garp_group"
        | "linkbeat_interfaces"
        | "interface_up_down_delays"
        | "track_*" => "track",
        "vrrp_instance" | "vrrp_sync_group" => "vrrp",
        "virtual_server" => match row.block.strip_prefix("virtual_server/real_server") {
            Some("") if row.shape == Shape::Block => "check",
            Some(below) if !below.is_empty() => "check",
            _ => "lvs",
        },
        "virtual_server_group" => "lvs",
        _ => "global",
    }
}

fn need(row: &Keyword, kind: &'static str) -> Need {
    (row.block.to_owned(), row.name.to_owned(), kind)
}

/// All that is needed, with the family it is needed of.
fn needs() -> BTreeMap<Need, &'static str> {
    let mut needs = BTreeMap::new();
    for row in keywords() {
        if !matches!(row.status, Status::Refused(_)) {
            needs.insert(need(row, "good"), family(row));
        }
        if takes_a_value(row) {
            needs.insert(need(row, "bad"), family(row));
        }
    }
    for row in parser::ROWS {
        needs.insert(("(parser)".to_owned(), row.to_owned(), "any"), "parser");
    }
    needs
}

struct Line<'l> {
    file: String,
    number: usize,
    /// Columns of its words, from 1, in bytes.
    start: usize,
    end: usize,
    words: Vec<(usize, &'l str)>,
}

fn line<'l>(sources: &'l keepalived_conf::Sources, used: &Used) -> Line<'l> {
    let source = sources.source(used.line.source).unwrap();
    let file = source.path.strip_prefix("/rows").unwrap_or(&source.path);
    let (number, start) = source.position(used.line.start);
    let text = std::str::from_utf8(sources.text(used.line)).unwrap_or_default();
    let mut words = Vec::new();
    let mut at = 0;
    for word in text.split([' ', '\t']) {
        if !word.is_empty() {
            words.push((start + at, word.trim_matches('"')));
        }
        at += word.len() + 1;
    }
    Line {
        file: file.to_string_lossy().into_owned(),
        number,
        start,
        end: start + text.len(),
        words,
    }
}

impl Line<'_> {
    fn has(&self, mark: &Mark) -> bool {
        let (from, to) = mark.columns;
        mark.file == self.file && mark.line == self.number && from < self.end && to > self.start
    }

    /// Where an option stands.
    fn find(&self, option: Option, entry: bool) -> std::option::Option<usize> {
        let mut words = self.words.iter().skip(usize::from(!entry));
        let found = match option {
            Option::First => words.next(),
            Option::Word(name) => words.find(|(_, word)| *word == name),
            Option::OneOf(names) => words.find(|(_, word)| names.contains(word)),
        };
        found.map(|(column, _)| *column)
    }
}

/// What the cases show.
#[derive(Default)]
struct Shown(BTreeSet<Need>);

impl Shown {
    fn insert(&mut self, row: &Keyword, kind: &'static str) {
        self.0.insert(need(row, kind));
    }

    fn contains(&self, need: &Need) -> bool {
        self.0.contains(need)
    }

    fn case(&mut self, case: &Case) {
        if case.family == "parser" {
            let row = parser::ROWS.iter().find(|row| {
                let rest = case.name.strip_prefix(**row);
                rest.is_some_and(|rest| rest.is_empty() || rest.starts_with(" -- "))
            });
            if let Some(row) = row {
                self.0
                    .insert(("(parser)".to_owned(), (*row).to_owned(), "any"));
            }
        }
        let mut marks = case.marks();
        marks.retain(|mark| mark.severity != "note");
        let outline = outline(&Host::main(), &Host(case));
        let options = || keywords().iter().filter(|row| row.shape == Shape::Option);
        let mut understood = BTreeSet::new();
        for used in &outline.lines {
            let line = line(&outline.sources, used);
            let options = options().filter(|row| is_home(row, used));
            let options = options
                .filter_map(|row| Some((row, line.find(option(row), used.entry)?)))
                .collect();
            if case.good {
                self.good(used.row, options);
            } else {
                let here: Vec<&Mark> = marks.iter().filter(|mark| line.has(mark)).collect();
                self.bad(used.row, options, &here);
            }
            understood.insert((line.file, line.number));
        }
        // A block whose heading is refused is in no outline.
        for mark in &marks {
            if understood.contains(&(mark.file.clone(), mark.line)) {
                continue;
            }
            let file = case.files.iter().find(|(name, _)| *name == mark.file);
            let line = file.and_then(|(_, text)| text.split('\n').nth(mark.line - 1));
            let first = line.and_then(|line| line.split_whitespace().next());
            for row in keywords() {
                if row.shape.is_block() && Some(row.name) == first {
                    self.insert(row, "bad");
                }
            }
        }
    }

    fn good(&mut self, row: &Keyword, options: Vec<(&Keyword, usize)>) {
        self.insert(row, "good");
        for (row, _) in options {
            self.insert(row, "good");
        }
    }

    fn bad(&mut self, row: &Keyword, options: Vec<(&Keyword, usize)>, marks: &[&Mark]) {
        // An old word that is accepted, but not in silence.
        if marks.iter().any(|mark| mark.code == "deprecated") {
            self.insert(row, "good");
        }
        let counts =
            |row: &Keyword, mark: &Mark| mark.code != "missing-parameter" || is_any_word(row);
        if marks.iter().any(|mark| counts(row, mark)) {
            self.insert(row, "bad");
        }
        for (row, column) in options {
            let position = row.name.starts_with("ADDR");
            let mut about = marks.iter().filter(|mark| {
                let (from, to) = mark.columns;
                to > column && (!position || from <= column)
            });
            if about.any(|mark| counts(row, mark)) {
                self.insert(row, "bad");
            }
        }
    }
}

/// Rows of which keepalived refuses or accepts nothing: `KIND BLOCK KEYWORD REASON` in `FAMILY/exempt.tsv`.
fn exempt() -> BTreeSet<Need> {
    let families: BTreeSet<&str> = needs().into_values().collect();
    let mut exempt = BTreeSet::new();
    for family in families {
        let path = folder().join(family).join("exempt.tsv");
        let text = std::fs::read_to_string(path).unwrap_or_default();
        for line in text.lines().filter(|line| !line.starts_with('#')) {
            let fields: Vec<&str> = line.split('\t').collect();
            let [kind, block, name, reason] = fields[..] else {
                unreachable!("{family}/exempt.tsv: four fields, with tabs between: {line}");
            };
            assert!(!reason.is_empty(), "{family}/exempt.tsv: a reason: {line}");
            let kind = if kind == "good" { "good" } else { "bad" };
            exempt.insert((block.to_owned(), name.to_owned(), kind));
        }
    }
    exempt
}

#[test]
fn every_row_has_its_cases() {
    let mut shown = Shown::default();
    for case in case::cases(&folder()) {
        shown.case(&case);
    }
    let needs = needs();
    let exempt = exempt();
    let mut wrong = Vec::new();
    for (block, name, kind) in &exempt {
        let need = (block.clone(), name.clone(), *kind);
        if !needs.contains_key(&need) || shown.contains(&need) {
            wrong.push(format!(
                "exempt.tsv is out of date: {kind}\t{block}\t{name}"
            ));
        }
    }
    for (need, family) in &needs {
        if !shown.contains(need) && !exempt.contains(need) {
            let (block, name, kind) = need;
            wrong.push(format!("{family}: no {kind} case for {block} {name}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

//! Files that people published, where a folder of them is at hand: none may panic, none may take a second, and what is said
//! of them is held against what keepalived said.
//!
//! `RKEEPALIVED_CORPUS` names the folder; it holds `keepalived/*.conf`, `messages/*.txt` with what keepalived printed, and
//! `expected.tsv` with, per file, its name in the first column, its interfaces in the third, keepalived's exit status in
//! the fifth, `yes` in the seventh where that is to be matched. `CORPUS_FILE=NAME.conf` shows one file's differences whole.

mod support;

use std::collections::BTreeMap;
use std::ops::RangeInclusive;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use keepalived_conf::{Loaded, Severity, Used, load, outline};

/// Words of a build without BFD, D-Bus, SNMP: unknown to the keepalived that judged, not to ours.
const OTHER_BUILD: [&str; 3] = ["bfd", "dbus", "snmp"];

/// Where a debug build on a busy machine still has room.
const LIMIT: Duration = Duration::from_secs(if cfg!(debug_assertions) { 10 } else { 1 });

/// By line (of the file, or of another one by that name): what was said.
type Lines = BTreeMap<(String, usize), String>;

fn theirs(path: &Path, name: &str) -> Lines {
    let text = std::fs::read(path).unwrap_or_default();
    let text = String::from_utf8_lossy(&text);
    let said = text.lines().filter_map(|line| {
        let (place, message) = line.strip_prefix('(')?.split_once(") ")?;
        let (file, number) = match place.split_once(": Line ") {
            Some((file, number)) => (file, number),
            None => (name, place.strip_prefix("Line ")?),
        };
        let file = Path::new(file).file_name()?.to_string_lossy().into_owned();
        Some(((file, number.parse().ok()?), message.to_owned()))
    });
    let mut lines = Lines::new();
    for (line, message) in said {
        lines.entry(line).or_insert(message);
    }
    lines
}

/// The lines of blocks that the keepalived that judged did not know, with their closing braces: it took them for lines of
/// the block around.
fn of_another_build(path: &Path, host: &support::Published) -> Vec<RangeInclusive<usize>> {
    let outline = outline(path, host);
    let line = |used: &Used| {
        let source = outline.sources.source(used.line.source)?;
        (source.path == path).then(|| source.position(used.line.start).0)
    };
    let mut ranges: Vec<RangeInclusive<usize>> = Vec::new();
    // Inside another block its `}` ends that one, and all that follows there is unknown too.
    let mut to_the_end = false;
    for used in &outline.lines {
        let bfd = |text: &str| text.to_ascii_lowercase().contains("bfd");
        let outermost = used.row.block == "/" && !used.entry;
        to_the_end &= !outermost;
        match (line(used), ranges.last_mut()) {
            (Some(at), Some(last))
                if bfd(used.row.block) || used.entry && bfd(used.row.name) || to_the_end =>
            {
                *last = *last.start()..=at + 3;
            }
            (Some(at), _) if bfd(used.row.name) && used.row.shape.is_block() => {
                to_the_end |= !outermost;
                ranges.push(at..=at + 2);
            }
            _ => {}
        }
    }
    ranges
}

/// Those that keepalived would place, and all.
fn ours(loaded: &Loaded) -> (Lines, Lines) {
    let (mut placed, mut all) = (Lines::new(), Lines::new());
    for diagnostic in &loaded.diagnostics {
        if diagnostic.severity == Severity::Note {
            continue;
        }
        let Some(source) = loaded.sources.source(diagnostic.span.source) else {
            continue;
        };
        let file = source
            .path
            .file_name()
            .unwrap_or_default()
            .to_string_lossy();
        let line = (file.into_owned(), source.position(diagnostic.span.start).0);
        all.entry(line.clone())
            .or_insert_with(|| diagnostic.message.clone());
        if !diagnostic.late {
            placed
                .entry(line)
                .or_insert_with(|| diagnostic.message.clone());
        }
    }
    (placed, all)
}

#[test]
fn published_files() {
    let Some(folder) = std::env::var_os("RKEEPALIVED_CORPUS").map(PathBuf::from) else {
        println!("not run: RKEEPALIVED_CORPUS does not name a folder of published files");
        return;
    };
    let only = std::env::var("CORPUS_FILE").ok();
    let table = std::fs::read_to_string(folder.join("expected.tsv")).unwrap();
    let (mut files, mut judged, mut same, mut slow) = (0, 0, 0, Vec::new());
    let (mut named, mut found, mut said, mut extra) = (0, 0, 0, 0);
    for row in table.lines().skip(1) {
        let columns: Vec<&str> = row.split('\t').collect();
        let name = columns[0];
        if only.as_deref().is_some_and(|only| only != name) {
            continue;
        }
        let path = folder.join("keepalived").join(name);
        let host = support::Published {
            interfaces: columns[2].split(' ').map(str::to_owned).collect(),
        };
        let started = Instant::now();
        let loaded = load(&path, &host);
        let text = support::rendered(&loaded);
        if started.elapsed() > LIMIT {
            slow.push(name.to_owned());
        }
        files += 1;
        if only.is_some() {
            println!("{text}");
        }
        if columns[6] != "yes" {
            continue;
        }
        judged += 1;
        let status = loaded.test_status().to_string();
        same += usize::from(status == columns[4]);
        if status != columns[4] {
            println!(
                "{name}: exits {status}, keepalived {} ({})",
                columns[4], columns[1]
            );
        }
        let mut theirs = theirs(
            &folder.join("messages").join(name.replace(".conf", ".txt")),
            name,
        );
        let unknown = of_another_build(&path, &host);
        let of_another_build = |(file, line): &(String, usize)| {
            file == name && unknown.iter().any(|range| range.contains(line))
        };
        theirs.retain(|line, message| {
            if of_another_build(line) {
                return false;
            }
            let word = message
                .strip_prefix("Unknown keyword '")
                .unwrap_or_default();
            !OTHER_BUILD
                .iter()
                .any(|other| word.to_ascii_lowercase().contains(other))
        });
        let (mut placed, all) = ours(&loaded);
        placed.retain(|line, _| !of_another_build(line));
        let most = if only.is_some() { usize::MAX } else { 3 };
        let lost = theirs.iter().filter(|(line, _)| !all.contains_key(line));
        for ((_, line), message) in lost.clone().take(most) {
            println!("{name}:{line}: not found: {message}");
        }
        let more = placed.iter().filter(|(line, _)| !theirs.contains_key(line));
        for ((_, line), message) in more.clone().take(most) {
            println!("{name}:{line}: only ours: {message}");
        }
        named += theirs.len();
        found += theirs.len() - lost.count();
        said += placed.len();
        extra += more.count();
    }
    println!("{files} files read; {same} of {judged} exit as keepalived does");
    println!(
        "{found} of {named} lines that keepalived names are found; {extra} of our {said} lines it does not name"
    );
    assert!(files > 0);
    if only.is_none() {
        let share = |part: usize, whole: usize| part * 1000 / whole.max(1);
        assert!(share(same, judged) >= 980, "too many exit otherwise");
        assert!(share(found, named) >= 970, "too many lines are not found");
        assert!(share(extra, said) <= 30, "too many lines are only ours");
    }
    assert!(slow.is_empty(), "more than a second: {slow:?}");
}

//! Every case of the fixtures of `keepalived-conf`, tested by both daemons: the same exit status, the same lines complained
//! about. What differs between keepalived 2.2.7 (Debian's) and the 2.4 that we follow, or on purpose, is in `rows.tsv`.

#[path = "../../crates/keepalived-conf/tests/rows/case.rs"]
#[allow(
    dead_code,
    clippy::unwrap_used,
    reason = "its other reader uses all of it"
)]
mod case;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use case::{CONFIG_ID, Case, ENVIRONMENT, INTERFACES, MAIN};
use support::daemon::{Daemon, run_to_end};
use support::netns::Netns;
use support::stage::Stage;
use support::story::{Kernel, Story, Told};

/// `CASE DIFFERENCE REASON` with tabs between; CASE is `*` where any case may differ so, DIFFERENCE where a case may differ in
/// any way.
const KNOWN: &str = include_str!("rows.tsv");

/// For all cases on one daemon.
const LIMIT: Duration = Duration::from_secs(300);

pub fn stories() -> Vec<Story> {
    vec![Story::two("rows", Daemon::Ours, Daemon::Keepalived, rows).on(Kernel::Machine)]
}

/// What a daemon said of one case.
#[derive(Debug, Default)]
struct Verdict {
    status: String,
    /// By file name and line, all that was said there.
    lines: BTreeMap<(String, usize), Vec<String>>,
    /// What names no line.
    loose: Vec<String>,
}

fn rows(stage: &mut Stage, ours: Daemon, theirs: Daemon) -> Told {
    let folder =
        Path::new(env!("CARGO_MANIFEST_DIR")).join("../crates/keepalived-conf/tests/fixtures/rows");
    let cases = case::cases(&folder);
    ensure!(!cases.is_empty(), "no fixtures in {}", folder.display());
    let folders = write(&cases, stage.folder())?;
    let group = stage.client.name().replace('-', "");
    let [a, b] = Netns::create(&group, ["ours", "theirs"])?;
    let (ours, theirs) = std::thread::scope(|scope| {
        let ours = scope.spawn(|| judge(&a, ours, &folders, stage.folder(), our_verdict));
        let theirs = judge(&b, theirs, &folders, stage.folder(), their_verdict);
        (ours.join(), theirs)
    });
    let ours = ours.map_err(|_| anyhow::anyhow!("the thread of ours panicked"))??;
    compare(&cases, &ours, &theirs?)
}

/// The files of each case, in a folder of its own.
fn write(cases: &[Case], folder: &Path) -> Result<Vec<PathBuf>> {
    let folders = (0..cases.len()).map(|number| folder.join(format!("case-{number}")));
    let folders: Vec<PathBuf> = folders.collect();
    for (case, folder) in cases.iter().zip(&folders) {
        for (name, text) in &case.files {
            let path = folder.join(name);
            fs::create_dir_all(path.parent().unwrap_or(folder))?;
            fs::write(&path, text).with_context(|| format!("write {}", path.display()))?;
        }
    }
    Ok(folders)
}

/// Runs `-t` on all of them, one after the other in one shell. One that does not come to an end has the status 124.
fn judge(
    host: &Netns,
    daemon: Daemon,
    folders: &[PathBuf],
    folder: &Path,
    read: fn(&str) -> Verdict,
) -> Result<Vec<Verdict>> {
    let mut links = String::from("link set lo up\n");
    for name in INTERFACES {
        let _infallible = write!(
            links,
            "link add {name} type veth peer name {name}p\nlink set {name} up\n"
        );
    }
    host.ip_batch(&links)?;
    let program = daemon.program()?;
    let mut script = String::new();
    for folder in folders {
        let _infallible = writeln!(
            script,
            "cd {} && timeout 10 {program} -t -i {CONFIG_ID} -f {MAIN} > {daemon} 2>&1; echo $? > {daemon}.status",
            folder.display()
        );
    }
    let path = folder.join(format!("{daemon}.sh"));
    fs::write(&path, script)?;
    let mut command = host.command("sh");
    command.arg(&path).env(ENVIRONMENT.0, ENVIRONMENT.1);
    run_to_end(command, folder, LIMIT)?;
    folders
        .iter()
        .map(|folder| {
            let said = fs::read(folder.join(daemon.to_string()))?;
            let status = fs::read_to_string(folder.join(format!("{daemon}.status")))?;
            let mut verdict = read(&String::from_utf8_lossy(&said));
            status.trim().clone_into(&mut verdict.status);
            Ok(verdict)
        })
        .collect()
}

fn base(file: &str) -> String {
    let name = Path::new(file).file_name().unwrap_or_default();
    name.to_string_lossy().into_owned()
}

/// `FILE:LINE:COLUMN: error[code]: text`, and `= note: text` for what keepalived adds.
fn our_verdict(said: &str) -> Verdict {
    let mut verdict = Verdict::default();
    let mut last = None;
    for line in said.lines() {
        if let Some(also) = line.strip_prefix("   = note: ") {
            let messages: Option<&mut Vec<String>> =
                last.as_ref().and_then(|place| verdict.lines.get_mut(place));
            messages
                .into_iter()
                .for_each(|messages| messages.push(also.to_owned()));
        }
        let Some((place, message)) = line.split_once("]: ") else {
            continue;
        };
        let Some((place, severity)) = place.split_once(": ") else {
            continue;
        };
        last = None;
        if severity.starts_with("note[") {
            continue;
        }
        let mut parts = place.rsplitn(3, ':').skip(1);
        let (number, file) = (parts.next(), parts.next());
        if let (Some(Ok(number)), Some(file)) = (number.map(str::parse), file) {
            let place = (base(file), number);
            verdict
                .lines
                .entry(place.clone())
                .or_default()
                .push(message.to_owned());
            last = Some(place);
        }
    }
    verdict
}

/// `(FILE: Line N) text`, `(Line N) text`, or just a text.
fn their_verdict(said: &str) -> Verdict {
    let mut verdict = Verdict::default();
    for line in said.lines() {
        let placed = line.strip_prefix('(').and_then(|rest| {
            let (place, message) = rest.split_once(") ")?;
            let (file, number) = match place.split_once(": Line ") {
                Some((file, number)) => (file, number),
                None => (MAIN, place.strip_prefix("Line ")?),
            };
            Some(((base(file), number.parse().ok()?), message))
        });
        match placed {
            Some((place, message)) => {
                let messages = verdict.lines.entry(place).or_default();
                if !messages.iter().any(|said| said == message) {
                    messages.push(message.to_owned());
                }
            }
            None if verdict.loose.iter().any(|said| said == line) => {}
            None => verdict.loose.push(line.to_owned()),
        }
    }
    verdict
}

/// What differs, without numbers of lines: those change when a fixture grows.
fn differences(ours: &Verdict, theirs: &Verdict) -> Vec<String> {
    let mut found = Vec::new();
    let all_ours = || ours.lines.values().flatten();
    let alike = |a: &str, b: &str| a.contains(b) || b.contains(a);
    for (place, messages) in &theirs.lines {
        let here = ours.lines.get(place);
        let (unknown, known): (Vec<&String>, Vec<&String>) = messages
            .iter()
            .partition(|message| message.starts_with("Unknown keyword"));
        // One that they do not know may be wrong to us for another reason.
        for message in unknown {
            if here.is_none_or(|here| !here.contains(message)) {
                found.push(format!("keepalived only: {message}"));
            }
        }
        // A block that is judged at its end is complained about at its heading by us.
        let elsewhere = |message: &&String| all_ours().any(|said| alike(said, message));
        if here.is_none() && !known.is_empty() && !known.iter().any(elsewhere) {
            let known: Vec<&str> = known.iter().map(|message| message.as_str()).collect();
            found.push(format!("keepalived only: {}", known.join(" | ")));
        }
    }
    for message in &theirs.loose {
        if !all_ours().any(|said| alike(said, message)) {
            found.push(format!("keepalived only: {message}"));
        }
    }
    let all_theirs = || theirs.lines.values().flatten().chain(&theirs.loose);
    for (place, messages) in &ours.lines {
        let known = |message: &String| all_theirs().any(|said| alike(said, message));
        if !theirs.lines.contains_key(place) && !messages.iter().any(known) {
            found.push(format!("ours only: {}", messages.join(" | ")));
        }
    }
    found
}

fn compare(cases: &[Case], ours: &[Verdict], theirs: &[Verdict]) -> Told {
    let rows = KNOWN.lines().filter(|line| !line.starts_with('#'));
    let known: BTreeMap<(&str, &str), &str> = rows
        .filter_map(|line| {
            let (case, rest) = line.split_once('\t')?;
            let (difference, reason) = rest.split_once('\t')?;
            Some(((case, difference), reason))
        })
        .collect();
    let mut used = BTreeSet::new();
    let mut wrong = Vec::new();
    for ((case, ours), theirs) in cases.iter().zip(ours).zip(theirs) {
        let id = case.id();
        let mut excused = 0;
        let mut unknown = Vec::new();
        let mut look = |difference: &str, unknown: &mut Vec<String>| {
            let row = known.keys().find(|(case, text)| {
                let either = |known: &str, this: &str| known == "*" || known == this;
                either(case, &id) && either(text, difference)
            });
            match row {
                Some(row) => {
                    used.insert(*row);
                    excused += 1;
                }
                None => unknown.push(format!("{id}\t{difference}")),
            }
        };
        for difference in differences(ours, theirs) {
            look(&difference, &mut unknown);
        }
        // What is said differently is what makes the statuses differ.
        if ours.status != theirs.status {
            let difference = format!("exit {} for keepalived's {}", ours.status, theirs.status);
            let mut status = Vec::new();
            look(&difference, &mut status);
            if !unknown.is_empty() || excused == 0 {
                unknown.extend(status);
            }
        }
        wrong.extend(unknown);
    }
    let stale = known.keys().filter(|row| !used.contains(*row));
    wrong.extend(
        stale.map(|(case, difference)| format!("is in rows.tsv for nothing: {case}\t{difference}")),
    );
    ensure!(
        wrong.is_empty(),
        "{} differences\n{}",
        wrong.len(),
        wrong.join("\n")
    );
    Ok(format!(
        "{} cases, {} known differences",
        cases.len(),
        known.len()
    ))
}

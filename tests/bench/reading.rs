//! What it costs to read a large configuration: `-t -C` as a whole process, time and memory.

use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use nix::sched::{CloneFlags, unshare};
use nix::sys::resource::{UsageWho, getrusage};

use crate::goal::{Goal, goals_markdown, goals_text, megabytes};
use crate::workload::{Kind, Workload};

/// One run.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Reading {
    /// From the start of the process until it has gone.
    pub time: Duration,
    /// The most memory that was resident, in bytes.
    pub memory: u64,
}

/// A program's runs, or why there is none.
#[derive(Debug)]
pub struct Row {
    pub name: String,
    pub runs: Result<Vec<Reading>>,
}

/// rkeepalived and keepalived side by side.
#[derive(Debug)]
pub struct Report {
    pub ours: Row,
    pub keepalived: Row,
}

impl Row {
    /// Reads the file so many times.
    pub fn measure(name: String, program: Result<&Path>, conf: &Path, rounds: u32) -> Row {
        let runs = program.and_then(|program| (0..rounds).map(|_| read(program, conf)).collect());
        Row { name, runs }
    }

    /// Median time, in seconds, and median memory.
    fn medians(&self) -> Option<(f64, u64)> {
        let runs = self.runs.as_ref().ok()?;
        let mut times: Vec<Duration> = runs.iter().map(|run| run.time).collect();
        let mut memories: Vec<u64> = runs.iter().map(|run| run.memory).collect();
        times.sort();
        memories.sort_unstable();
        let middle = runs.len() / 2;
        Some((times.get(middle)?.as_secs_f64(), *memories.get(middle)?))
    }

    fn cells(&self) -> [String; 3] {
        let name = self.name.clone();
        match (&self.runs, self.medians()) {
            (_, Some((time, memory))) => [name, format!("{time:.3} s"), megabytes(memory)],
            (Err(error), None) => [name, format!("not run: {error:#}"), "-".to_owned()],
            (Ok(_), None) => [name, "-".to_owned(), "-".to_owned()],
        }
    }
}

impl Report {
    /// The targets, held against the medians.
    pub fn goals(&self) -> [Goal; 2] {
        let both = self.ours.medians().zip(self.keepalived.medians());
        let number = |bytes: u64| f64::from(u32::try_from(bytes / 1024).unwrap_or(u32::MAX));
        [
            Goal {
                what: "time, rkeepalived / keepalived".into(),
                seen: both.map(|((ours, _), (theirs, _))| ours / theirs),
                target: 0.5,
            },
            Goal {
                what: "memory, rkeepalived / keepalived".into(),
                seen: both.map(|((_, ours), (_, theirs))| number(ours) / number(theirs)),
                target: 2.0,
            },
        ]
    }

    /// For the terminal.
    pub fn text(&self) -> String {
        let rows = [&self.ours, &self.keepalived].map(|row| {
            let [name, time, memory] = row.cells();
            format!("{name:<22} {time:>10} {memory:>9}\n")
        });
        rows.concat() + "\n" + &goals_text(&self.goals())
    }

    /// For the documentation.
    pub fn markdown(&self) -> String {
        let rows = [&self.ours, &self.keepalived].map(|row| {
            let [name, time, memory] = row.cells();
            format!("| {name} | {time} | {memory} |\n")
        });
        let head = "| | time | most memory |\n|---|---:|---:|\n";
        head.to_owned() + &rows.concat() + &goals_markdown(&self.goals())
    }
}

/// Lets the program test the file. What children used at most is known of all of them together, so that each runs as the
/// only child of a process of its own: this program, started again with `weigh`.
fn read(program: &Path, conf: &Path) -> Result<Reading> {
    let output = Command::new(std::env::current_exe()?)
        .arg("weigh")
        .args([program, conf])
        .stderr(Stdio::inherit())
        .output()
        .context("starting the scales")?;
    let said = String::from_utf8_lossy(&output.stdout);
    let mut words = said.split_whitespace();
    let mut number = || words.next()?.parse::<u64>().ok();
    match (number(), number()) {
        (Some(micros), Some(kilobytes)) => Ok(Reading {
            time: Duration::from_micros(micros),
            memory: kilobytes * 1024,
        }),
        _ => bail!("{} could not be measured: {said}", program.display()),
    }
}

/// Runs the program on the file and prints microseconds and kilobytes.
pub fn weigh(program: &Path, conf: &Path) -> Result<ExitCode> {
    // No program of another's making runs in the machine's own network.
    unshare(CloneFlags::CLONE_NEWNET).context("making a network namespace, which takes root")?;
    let started = Instant::now();
    let output = Command::new(program)
        .args(["-t", "-C", "-f"])
        .arg(conf)
        .stdin(Stdio::null())
        .output()
        .with_context(|| format!("starting {}", program.display()))?;
    let time = started.elapsed();
    if !output.status.success() {
        let said = String::from_utf8_lossy(&output.stderr);
        bail!(
            "{} ended with {}: {}",
            program.display(),
            output.status,
            said.lines().next().unwrap_or_default()
        );
    }
    let memory = getrusage(UsageWho::RUSAGE_CHILDREN)?.max_rss();
    println!("{} {memory}", time.as_micros());
    Ok(ExitCode::SUCCESS)
}

/// Writes the file.
pub fn conf(folder: &Path) -> Result<PathBuf> {
    let path = folder.join("large.conf");
    let text = Workload::LARGE.checked(Kind::Tcp, 6).keepalived_conf();
    std::fs::write(&path, text).context("writing the configuration")?;
    Ok(path)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::goal::Verdict;

    fn row(name: &str, runs: &[(u64, u64)]) -> Row {
        let run = |&(millis, memory): &(u64, u64)| Reading {
            time: Duration::from_millis(millis),
            memory,
        };
        Row {
            name: name.to_owned(),
            runs: Ok(runs.iter().map(run).collect()),
        }
    }

    #[test]
    fn medians_make_the_ratios() {
        let report = Report {
            ours: row(
                "rkeepalived",
                &[(90, 40_000_000), (100, 50_000_000), (900, 60_000_000)],
            ),
            keepalived: row(
                "keepalived 2.2.7",
                &[(300, 20_000_000), (400, 20_000_000), (500, 20_000_000)],
            ),
        };
        assert_eq!(
            report.goals().map(|goal| goal.verdict()),
            [Verdict::Met, Verdict::Missed]
        );
        assert_eq!(
            report.goals().map(|goal| goal.seen),
            [Some(0.25), Some(48828.0 / 19531.0)]
        );
        assert!(report.text().contains("0.100 s   50.0 MB"));
    }

    #[test]
    fn what_did_not_run_is_said() {
        let report = Report {
            ours: row("rkeepalived", &[(90, 40_000_000)]),
            keepalived: Row {
                name: "keepalived".to_owned(),
                runs: Err(anyhow::anyhow!("there is none")),
            },
        };
        assert!(
            report
                .goals()
                .iter()
                .all(|goal| goal.verdict() == Verdict::NotRun)
        );
        assert!(report.text().contains("not run: there is none"));
    }
}

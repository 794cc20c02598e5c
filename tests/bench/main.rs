//! `bench`: a large table loaded and given up, by rkeepalived, by Debian's keepalived and by `ipvsadm --restore`; with
//! `--reading`, a large configuration read by the first two.
//!
//! Runs as root in a kernel with IPVS; `cargo xtask bench` provides one. All programs run in one boot, in turn, each
//! in a fresh network namespace: the lab kernel's times mean something only beside each other.
//! Must not know: how any of the programs works. Enter at `main`; tests are beside the code.

mod floor;
mod reading;
mod report;
mod subject;
mod table;
mod workload;

use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};

use anyhow::{Context, Result, anyhow};
use clap::Parser;

use report::{Goal, Report, Row, Verdict};
use subject::{Run, Subject};
use workload::Workload;

/// Debian's.
const KEEPALIVED: &str = "/usr/sbin/keepalived";

/// Loads a large table with each program, and compares.
#[derive(Debug, Parser)]
struct Options {
    /// How many times each program runs; the median counts.
    #[arg(long, default_value_t = 3)]
    rounds: u32,
    /// Virtual servers in the table.
    #[arg(long, default_value_t = 1000)]
    virtual_servers: u16,
    /// Real servers of each virtual server.
    #[arg(long, default_value_t = 10)]
    real_servers: u8,
    /// Where to write the result as Markdown.
    #[arg(long)]
    markdown: Option<PathBuf>,
    /// Measure instead how a large configuration is read; this needs no IPVS.
    #[arg(long)]
    reading: bool,
    /// Used by itself: run the program on the file, and print time and memory.
    #[arg(long, num_args = 2, value_names = ["PROGRAM", "FILE"], hide = true)]
    weigh: Vec<PathBuf>,
}

fn main() -> ExitCode {
    match bench(&Options::parse()) {
        Ok(status) => status,
        Err(error) => {
            eprintln!("bench: {error:#}");
            ExitCode::from(2)
        }
    }
}

fn bench(options: &Options) -> Result<ExitCode> {
    if let [program, conf] = options.weigh.as_slice() {
        return reading::weigh(program, conf);
    }
    if options.reading {
        return read(options);
    }
    let workload = Workload {
        virtual_servers: options.virtual_servers,
        real_servers: options.real_servers,
    };
    let folder = tempfile::tempdir().context("making a folder")?;
    println!(
        "{} virtual servers x {} real servers, wlc, direct routing, no checkers; {} rounds",
        workload.virtual_servers, workload.real_servers, options.rounds
    );
    let ours = ours().map(Subject::Daemon);
    let subjects = [
        ("rkeepalived".to_owned(), ours),
        (
            version("keepalived", "-v"),
            Ok(Subject::Daemon(PathBuf::from(KEEPALIVED))),
        ),
        (version("ipvsadm", "--version"), Ok(Subject::Ipvsadm)),
        ("bare batches".to_owned(), Ok(Subject::Floor)),
    ];
    let mut rows = subjects.clone().map(|(name, subject)| Row {
        name,
        runs: subject.map(|_| Vec::new()),
    });
    for round in 1..=options.rounds {
        for ((name, subject), row) in subjects.iter().zip(&mut rows) {
            let (Ok(subject), Ok(runs)) = (subject, &mut row.runs) else {
                continue;
            };
            match subject.run(workload, folder.path()) {
                Ok(run) => {
                    println!("round {round}, {name}: {}", words(&run));
                    runs.push(run);
                }
                Err(error) => row.runs = Err(format!("{error:#}")),
            }
        }
    }
    let [ours, keepalived, ipvsadm, floor] = rows;
    let report = Report {
        ours,
        keepalived,
        ipvsadm,
        floor,
    };
    tell(options, &report.text(), &report.markdown(), &report.goals())
}

/// How a large configuration is read.
fn read(options: &Options) -> Result<ExitCode> {
    let folder = tempfile::tempdir().context("making a folder")?;
    let conf = reading::conf(folder.path())?;
    let ours = ours();
    let ours = ours.as_deref().map_err(|error| anyhow!("{error}"));
    let measure = |name, program| reading::Row::measure(name, program, &conf, options.rounds);
    let report = reading::Report {
        ours: measure("rkeepalived".to_owned(), ours),
        keepalived: measure(version("keepalived", "-v"), Ok(Path::new(KEEPALIVED))),
    };
    tell(options, &report.text(), &report.markdown(), &report.goals())
}

/// Prints and writes the result; 1 when a target was missed.
fn tell(options: &Options, text: &str, markdown: &str, goals: &[Goal]) -> Result<ExitCode> {
    println!("\n{text}");
    if let Some(path) = &options.markdown {
        std::fs::write(path, markdown).with_context(|| format!("writing {}", path.display()))?;
    }
    let met = goals.iter().all(|goal| goal.verdict() == Verdict::Met);
    Ok(ExitCode::from(u8::from(!met)))
}

/// The program to be measured.
fn ours() -> Result<PathBuf, String> {
    std::env::var_os("RKEEPALIVED_BIN")
        .map(PathBuf::from)
        .filter(|path| path.exists())
        .ok_or_else(|| "RKEEPALIVED_BIN names no program".to_owned())
}

fn words(run: &Run) -> String {
    format!(
        "loaded in {:.3} s, stopped in {:.3} s, {} entries left",
        run.load.as_secs_f64(),
        run.stop.as_secs_f64(),
        run.left
    )
}

/// A program's name with the version it says, on whichever stream.
fn version(program: &str, option: &str) -> String {
    let said = Command::new(program).arg(option).output();
    let said = said
        .map(|output| [output.stdout, output.stderr].concat())
        .unwrap_or_default();
    let said = String::from_utf8_lossy(&said);
    let number = said
        .split_whitespace()
        .map(|word| word.trim_start_matches('v'))
        .find(|word| word.starts_with(|c: char| c.is_ascii_digit()));
    number.map_or_else(
        || program.to_owned(),
        |number| format!("{program} {number}"),
    )
}

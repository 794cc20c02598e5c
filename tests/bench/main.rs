//! `bench PART`: rkeepalived beside Debian's keepalived: a large table loaded, reloaded and given up; what a check costs;
//! how soon a dead server leaves the table; a large configuration read.
//!
//! Runs as root in a kernel with IPVS; `cargo xtask bench` provides one. All programs run in one boot, in turn, each
//! in a fresh network namespace: the lab kernel's times mean something only beside each other.
//! Must not know: how any of the programs works. Enter at `main`; tests are beside the code.

mod asked;
mod checks;
mod death;
mod failover;
mod farm;
mod floor;
mod goal;
mod instances;
mod large;
mod lateness;
mod listing;
mod looks;
mod process;
mod reading;
mod report;
mod segment;
mod start;
mod subject;
mod table;
mod workload;

use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};
use std::time::Duration;

use anyhow::{Context, Error, Result, anyhow};
use clap::{Parser, Subcommand};

use checks::Load;
use goal::{Goal, Sheet, Verdict};
use report::{Report, Row};
use subject::{Run, Subject};
use workload::{Kind, Workload};

/// Debian's.
const KEEPALIVED: &str = "/usr/sbin/keepalived";

/// Measures rkeepalived beside others.
#[derive(Debug, Parser)]
struct Options {
    /// What to measure.
    #[command(subcommand)]
    part: Part,
    /// Where to write the result as Markdown.
    #[arg(long, global = true)]
    markdown: Option<PathBuf>,
}

#[derive(Debug, Subcommand)]
enum Part {
    /// A large table without checks is loaded and given up, by each program.
    Table {
        /// How many times each program runs; the median counts.
        #[arg(long, default_value_t = 3)]
        rounds: u32,
        /// Virtual servers in the table.
        #[arg(long, default_value_t = 1000)]
        virtual_servers: u16,
        /// Real servers of each virtual server.
        #[arg(long, default_value_t = 10)]
        real_servers: u8,
    },
    /// The largest table seen, with a check for each real server, is loaded, reloaded and given up.
    Large {
        /// How many times rkeepalived runs, the median counts; keepalived runs once.
        #[arg(long, default_value_t = 3)]
        rounds: u32,
        /// Leave keepalived out, which takes its time.
        #[arg(long)]
        alone: bool,
    },
    /// What a check costs.
    Checks {
        /// How many times each program runs; the median counts.
        #[arg(long, default_value_t = 3)]
        rounds: u32,
        /// For how long each is watched.
        #[arg(long, default_value_t = 10)]
        seconds: u64,
    },
    /// How the cost of a check grows with their number.
    Growth {
        /// How many checks.
        #[arg(long, value_delimiter = ',', default_value = "2000,5000,10000,20000")]
        checks: Vec<u16>,
        /// For how long each is watched.
        #[arg(long, default_value_t = 10)]
        seconds: u64,
    },
    /// The time from a server's death to the kernel's table.
    Death {
        /// How many times each of ten servers dies.
        #[arg(long, default_value_t = 5)]
        rounds: u32,
    },
    /// From the death of a master to the address on its backup; this needs no IPVS.
    Failover {
        /// How many times a master is killed.
        #[arg(long, default_value_t = 50)]
        kills: u32,
    },
    /// Many instances in one process; this needs no IPVS.
    Instances {
        /// For how long each is watched.
        #[arg(long, default_value_t = 180)]
        seconds: u64,
    },
    /// How late the failover thread's timers are; this needs no IPVS.
    Lateness {
        /// For how long it is watched, idle and loaded.
        #[arg(long, default_value_t = 30)]
        seconds: u64,
    },
    /// How a large configuration is read; this needs no IPVS.
    Reading {
        /// How many times each program runs; the median counts.
        #[arg(long, default_value_t = 9)]
        rounds: u32,
    },
    /// What it takes to look at the largest table.
    Looks {
        /// How often each looks; the median counts.
        #[arg(long, default_value_t = 9)]
        rounds: u32,
    },
    /// Whether looks at the daemon delay its VRRP; this needs no IPVS.
    Asked {
        /// For how long it is watched, not asked and asked.
        #[arg(long, default_value_t = 30)]
        seconds: u64,
    },
    /// From the start until the daemon is ready.
    Start {
        /// How often each starts; the median counts.
        #[arg(long, default_value_t = 15)]
        rounds: u32,
    },
    /// The same of ours alone; this needs no IPVS.
    Ready {
        /// How often it starts; the median counts.
        #[arg(long, default_value_t = 15)]
        rounds: u32,
    },
    /// Used by itself: run the program on the file, and print time and memory.
    #[command(hide = true)]
    Weigh { program: PathBuf, file: PathBuf },
    /// Used by itself: be the real servers.
    #[command(hide = true)]
    Farm,
    /// Used by itself: be the real servers of this host.
    #[command(hide = true)]
    Crowd,
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
    let folder = tempfile::tempdir().context("making a folder")?;
    let folder = folder.path();
    let (text, markdown, goals) = match &options.part {
        Part::Table {
            rounds,
            virtual_servers,
            real_servers,
        } => {
            let workload = Workload::plain(*virtual_servers, *real_servers);
            let report = load(workload, *rounds, folder);
            (report.text(), report.markdown(), report.goals().into())
        }
        Part::Reading { rounds } => {
            let report = read(*rounds, folder)?;
            (report.text(), report.markdown(), report.goals().into())
        }
        Part::Large { rounds, alone } => written(large(*rounds, *alone, folder)),
        Part::Checks { rounds, seconds } => {
            let loads = Kind::ALL.map(|kind| Load::dense(kind, 2000));
            let pairs = check(&loads, *rounds, Duration::from_secs(*seconds), folder);
            written(checks::sheet(&pairs, true))
        }
        Part::Growth { checks, seconds } => {
            let loads = growing(checks);
            let pairs = check(&loads, 1, Duration::from_secs(*seconds), folder);
            written(checks::sheet(&pairs, false))
        }
        Part::Death { rounds } => {
            let [ours, theirs] = daemons().map(|(name, program)| {
                let program = program.as_deref().map_err(Clone::clone);
                death::Row::measure(name, program, *rounds, folder)
            });
            written(death::sheet(&ours, &theirs))
        }
        Part::Failover { kills } => {
            let [ours, keepalived] = daemons().map(|(name, program)| {
                let program = program.map_err(Error::msg);
                let times = program.and_then(|program| failover::run(&program, *kills, folder));
                (name, times)
            });
            let program = named("RKEEPALIVED_PRETENDED_BIN").map_err(Error::msg);
            let busy = program.and_then(|program| failover::run_busy(&program, *kills, folder));
            let name = format!("rkeepalived beside {} checks a second", failover::CHECKS);
            written(failover::sheet(&[ours, keepalived, (name, busy)]))
        }
        Part::Instances { seconds } => {
            let span = Duration::from_secs(*seconds);
            let rows = instances::LOADS.map(|load| {
                let programs = daemons().map(|(name, program)| {
                    let program = program.map_err(Error::msg);
                    let run =
                        program.and_then(|program| instances::run(&program, load, span, folder));
                    println!("{load:?}, {name}: {run:?}");
                    (name, run)
                });
                (load, programs)
            });
            written(instances::sheet(&rows))
        }
        Part::Lateness { seconds } => {
            let span = Duration::from_secs(*seconds);
            let cpus = std::thread::available_parallelism().map_or(1, usize::from);
            let runs = [("idle", 0), ("loaded", 2 * cpus)].map(|(name, busy)| {
                let program = ours().map_err(Error::msg);
                program.and_then(|program| lateness::run(&program, busy, span, &folder.join(name)))
            });
            written(lateness::sheet(&runs))
        }
        Part::Looks { rounds } => {
            let program = ours().map_err(Error::msg);
            let seen = program.and_then(|program| looks::run(&program, *rounds, folder));
            written(looks::sheet(&seen))
        }
        Part::Asked { seconds } => {
            let span = Duration::from_secs(*seconds);
            let program = named("RKEEPALIVED_PRETENDED_BIN").map_err(Error::msg);
            let runs = program.and_then(|program| asked::run(&program, span, folder));
            written(asked::sheet(&runs))
        }
        Part::Start { rounds } => {
            let rows = daemons().map(|(name, program)| {
                let program = program.map_err(Error::msg);
                let times = program
                    .and_then(|program| start::run(&program, *rounds, folder, start::Until::Table));
                (name, times)
            });
            written(start::beside(&rows))
        }
        Part::Ready { rounds } => {
            let program = named("RKEEPALIVED_PRETENDED_BIN").map_err(Error::msg);
            let times = program
                .and_then(|program| start::run(&program, *rounds, folder, start::Until::Ready));
            written(start::alone(&times))
        }
        Part::Weigh { program, file } => return reading::weigh(program, file),
        Part::Farm => return farm::serve(),
        Part::Crowd => return farm::crowd(),
    };
    tell(options, &text, &markdown, &goals)
}

fn written(sheet: Sheet) -> (String, String, Vec<Goal>) {
    (sheet.text(), sheet.markdown(), sheet.goals)
}

/// Ours and Debian's, with their names.
fn daemons() -> [(String, Result<PathBuf, String>); 2] {
    [
        ("rkeepalived".to_owned(), ours()),
        (version("keepalived", "-v"), Ok(PathBuf::from(KEEPALIVED))),
    ]
}

/// A large table, without checks.
fn load(workload: Workload, rounds: u32, folder: &Path) -> Report {
    println!(
        "{} virtual servers x {} real servers, wlc, direct routing, no checkers; {rounds} rounds",
        workload.virtual_servers, workload.real_servers
    );
    let [ours, keepalived] = daemons().map(|(name, program)| (name, program.map(Subject::Daemon)));
    let subjects = [
        ours,
        keepalived,
        (version("ipvsadm", "--version"), Ok(Subject::Ipvsadm)),
        ("bare batches".to_owned(), Ok(Subject::Floor)),
    ];
    let mut rows = subjects.clone().map(|(name, subject)| Row {
        name,
        runs: subject.map(|_| Vec::new()),
    });
    for round in 1..=rounds {
        for ((name, subject), row) in subjects.iter().zip(&mut rows) {
            let (Ok(subject), Ok(runs)) = (subject, &mut row.runs) else {
                continue;
            };
            match subject.run(workload, folder) {
                Ok(run) => {
                    println!("round {round}, {name}: {}", words(&run));
                    runs.push(run);
                }
                Err(error) => row.runs = Err(format!("{error:#}")),
            }
        }
    }
    let [ours, keepalived, ipvsadm, floor] = rows;
    Report {
        ours,
        keepalived,
        ipvsadm,
        floor,
    }
}

/// The largest table, with checks.
fn large(rounds: u32, alone: bool, folder: &Path) -> Sheet {
    let programs = daemons();
    let mut rows = programs.clone().map(|(name, program)| large::Row {
        name,
        runs: program.map(|_| Vec::new()).map_err(Error::msg),
    });
    for round in 1..=rounds {
        for (at, ((name, program), row)) in programs.iter().zip(&mut rows).enumerate() {
            let (Ok(program), Ok(runs)) = (program, &mut row.runs) else {
                continue;
            };
            // keepalived compares each check with each at a reload, which takes it minutes: once is enough.
            if at > 0 && (alone || round > 1) {
                if alone {
                    row.runs = Err(Error::msg("left out"));
                }
                continue;
            }
            match large::run(program, Workload::LARGE, folder) {
                Ok(run) => {
                    println!("round {round}, {name}: {}", large::words(&run));
                    runs.push(run);
                }
                Err(error) => row.runs = Err(error),
            }
        }
    }
    let [ours, keepalived] = rows;
    large::sheet(&ours, &keepalived)
}

/// So many checks of each kind: as many in a second as the fewest of them first, then each of them every two seconds.
fn growing(numbers: &[u16]) -> Vec<Load> {
    let all = |load: fn(Kind, u16) -> Load| {
        let of = move |&number: &u16| Kind::ALL.map(|kind| load(kind, number));
        numbers.iter().flat_map(of).collect::<Vec<Load>>()
    };
    let steady = all(Load::steady);
    let dense = all(Load::dense);
    let more = dense.iter().filter(|load| !steady.contains(load));
    steady.iter().chain(more).copied().collect()
}

/// Each load, by each program in turn.
fn check(loads: &[Load], rounds: u32, span: Duration, folder: &Path) -> Vec<[checks::Row; 2]> {
    let mut pairs = Vec::new();
    for &load in loads {
        let programs = daemons();
        let mut rows = programs.clone().map(|(name, program)| checks::Row {
            name,
            load,
            runs: program.map(|_| Vec::new()).map_err(Error::msg),
        });
        for round in 1..=rounds {
            for ((name, program), row) in programs.iter().zip(&mut rows) {
                let (Ok(program), Ok(runs)) = (program, &mut row.runs) else {
                    continue;
                };
                match checks::run(program, load, span, folder) {
                    Ok(run) => {
                        let (kind, words) = (load.kind.word(), checks::words(&run));
                        println!("round {round}, {} {kind}, {name}: {words}", load.checks);
                        runs.push(run);
                    }
                    Err(error) => row.runs = Err(error),
                }
            }
        }
        pairs.push(rows);
    }
    pairs
}

/// How a large configuration is read.
fn read(rounds: u32, folder: &Path) -> Result<reading::Report> {
    let conf = reading::conf(folder)?;
    let [ours, keepalived] = daemons().map(|(name, program)| {
        let program = program.as_deref().map_err(|error| anyhow!("{error}"));
        reading::Row::measure(name, program, &conf, rounds)
    });
    Ok(reading::Report { ours, keepalived })
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
    named("RKEEPALIVED_BIN")
}

/// A program that this variable of the environment names.
fn named(variable: &str) -> Result<PathBuf, String> {
    std::env::var_os(variable)
        .map(PathBuf::from)
        .filter(|path| path.exists())
        .ok_or_else(|| format!("{variable} names no program"))
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

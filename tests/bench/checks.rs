//! What a check costs: processor time of the daemon's processes over a while, divided by the connections that the
//! servers saw in it.

use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, anyhow, bail};

use crate::farm::Farm;
use crate::goal::{Goal, Sheet, median, megabytes};
use crate::process::{Process, daemon, tail};
use crate::table::{Watch, entries};
use crate::workload::{Kind, Workload};

/// What there is to check, and how often.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Load {
    pub kind: Kind,
    pub checks: u16,
    /// Seconds between two checks of a server.
    pub delay_loop: u32,
}

impl Load {
    /// So many checks every two seconds.
    pub fn dense(kind: Kind, checks: u16) -> Load {
        Load {
            kind,
            checks,
            delay_loop: 2,
        }
    }

    /// As many in a second as 2 000 with `delay_loop 2`, or nearly.
    pub fn steady(kind: Kind, checks: u16) -> Load {
        Load {
            kind,
            checks,
            delay_loop: u32::from(checks).div_ceil(1000).max(2),
        }
    }
}

/// Until all servers have been checked for the first time, and what that moved has settled.
const SETTLED: Duration = Duration::from_secs(5);
const LOAD_LIMIT: Duration = Duration::from_secs(120);
/// Real servers of each virtual server.
const REAL_SERVERS: u8 = 16;

/// One run.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Run {
    /// Processor time of one check.
    pub cost: Duration,
    /// Checks a second that were made.
    pub rate: u64,
    /// Resident memory at the end, in bytes.
    pub memory: u64,
    /// Servers, all of them well, that were not in the kernel's table at the end.
    pub lost: usize,
}

/// Lets the program make so many checks in turn for a while.
pub fn run(program: &Path, load: Load, span: Duration, folder: &Path) -> Result<Run> {
    let farm = Farm::start()?;
    measure(program, &farm, load, span, folder)
        .map_err(|error| anyhow!("{error:#}{}", tail(&folder.join("log"))))
}

fn measure(program: &Path, farm: &Farm, load: Load, span: Duration, folder: &Path) -> Result<Run> {
    let services = load.checks.div_ceil(u16::from(REAL_SERVERS));
    let workload = Workload::plain(services, REAL_SERVERS).checked(load.kind, load.delay_loop);
    let conf = folder.join("bench.conf");
    fs::write(&conf, workload.keepalived_conf()).context("writing the configuration")?;
    let wanted = workload.entries();
    let mut watch = Watch::new(workload)?;
    let mut process = Process::start(&mut daemon(program, &conf, folder)?)?;
    watch.full(LOAD_LIMIT, &mut || process.alive())?;
    std::thread::sleep(SETTLED);
    let (cpu, accepted, started) = (process.cpu()?, farm.accepted()?, Instant::now());
    std::thread::sleep(span);
    let (cpu, accepted, took) = (
        process.cpu()?.saturating_sub(cpu),
        farm.accepted()?.saturating_sub(accepted),
        started.elapsed(),
    );
    let memory = process.resident()?;
    let lost = wanted.saturating_sub(entries()?);
    if !process.alive()? {
        bail!("it has ended by itself");
    }
    process.stop()?;
    let number = u32::try_from(accepted).unwrap_or(u32::MAX);
    if number == 0 {
        bail!("no server saw a check");
    }
    Ok(Run {
        cost: cpu / number,
        rate: accepted * 1000 / u64::try_from(took.as_millis()).unwrap_or(u64::MAX).max(1),
        memory,
        lost,
    })
}

/// For the terminal, while it goes on.
pub fn words(run: &Run) -> String {
    format!(
        "{:.1} us a check, {} checks a second, {} lost, {}",
        run.cost.as_secs_f64() * 1e6,
        run.rate,
        run.lost,
        megabytes(run.memory)
    )
}

/// What one program's runs came to with so many checks of a kind.
pub struct Row {
    pub name: String,
    pub load: Load,
    pub runs: Result<Vec<Run>>,
}

impl Row {
    fn cost(&self) -> Option<f64> {
        median(self.runs.as_ref().ok()?.iter().map(|run| run.cost))
            .map(|cost| cost.as_secs_f64() * 1e6)
    }

    /// The most that any run lost.
    fn lost(&self) -> Option<usize> {
        self.runs.as_ref().ok()?.iter().map(|run| run.lost).max()
    }

    fn cells(&self) -> Vec<String> {
        let runs = self.runs.as_deref().unwrap_or_default();
        let rate = median(runs.iter().map(|run| run.rate));
        let memory = median(runs.iter().map(|run| run.memory));
        vec![
            format!("{}, {}", self.name, self.load.kind.word()),
            self.load.checks.to_string(),
            self.load.delay_loop.to_string(),
            rate.map_or("-".into(), |rate| rate.to_string()),
            self.cost()
                .map_or("-".into(), |cost| format!("{cost:.1} µs")),
            self.lost().map_or("-".into(), |lost| lost.to_string()),
            memory.map_or("-".into(), megabytes),
        ]
    }
}

/// All rows; with targets for those pairs of rows, ours and keepalived's, that have the number of checks they are for.
pub fn sheet(pairs: &[[Row; 2]], targets: bool) -> Sheet {
    let goal = |[ours, theirs]: &[Row; 2]| Goal {
        what: format!("{}, rkeepalived / keepalived", ours.load.kind.word()),
        seen: ours
            .cost()
            .zip(theirs.cost())
            .map(|(ours, theirs)| ours / theirs),
        target: match ours.load.kind {
            Kind::Tcp => 1.0,
            Kind::Http => 1.3,
        },
    };
    let none_lost = |[ours, _]: &[Row; 2]| Goal {
        what: format!("{}, servers that rkeepalived lost", ours.load.kind.word()),
        seen: ours
            .lost()
            .and_then(|lost| u32::try_from(lost).ok())
            .map(f64::from),
        target: 0.0,
    };
    let rows = || pairs.iter().flatten();
    Sheet {
        head: [
            "",
            "checks",
            "delay_loop",
            "a second",
            "time of one",
            "servers lost",
            "memory",
        ]
        .map(str::to_owned)
        .into(),
        rows: rows().map(Row::cells).collect(),
        goals: if targets {
            pairs
                .iter()
                .map(goal)
                .chain(pairs.iter().map(none_lost))
                .collect()
        } else {
            Vec::new()
        },
        missing: rows()
            .filter_map(|row| Some(format!("{}: {:#}", row.name, row.runs.as_ref().err()?)))
            .collect(),
    }
}

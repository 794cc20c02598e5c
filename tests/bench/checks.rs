//! What a check costs: processor time of the daemon's processes over a while, divided by the connections that the
//! servers saw in it.

use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, anyhow, bail};

use crate::farm::Farm;
use crate::goal::{Goal, Sheet, median, megabytes};
use crate::process::{Process, daemon, tail};
use crate::table::Watch;
use crate::workload::{Kind, Workload};

/// Seconds between two checks of a server.
const DELAY_LOOP: u32 = 2;
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
}

/// Lets the program make so many checks in turn for a while.
pub fn run(program: &Path, kind: Kind, checks: u16, span: Duration, folder: &Path) -> Result<Run> {
    let farm = Farm::start()?;
    measure(program, &farm, kind, checks, span, folder)
        .map_err(|error| anyhow!("{error:#}{}", tail(&folder.join("log"))))
}

fn measure(
    program: &Path,
    farm: &Farm,
    kind: Kind,
    checks: u16,
    span: Duration,
    folder: &Path,
) -> Result<Run> {
    let services = checks.div_ceil(u16::from(REAL_SERVERS));
    let workload = Workload::plain(services, REAL_SERVERS).checked(kind, DELAY_LOOP);
    let conf = folder.join("bench.conf");
    fs::write(&conf, workload.keepalived_conf()).context("writing the configuration")?;
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
    // No server has failed: those that do are another measurement.
    watch.full(Duration::ZERO, &mut || process.alive())?;
    process.stop()?;
    let number = u32::try_from(accepted).unwrap_or(u32::MAX);
    if number == 0 {
        bail!("no server saw a check");
    }
    Ok(Run {
        cost: cpu / number,
        rate: accepted * 1000 / u64::try_from(took.as_millis()).unwrap_or(u64::MAX).max(1),
        memory,
    })
}

/// For the terminal, while it goes on.
pub fn words(run: &Run) -> String {
    format!(
        "{:.1} us a check, {} checks a second, {}",
        run.cost.as_secs_f64() * 1e6,
        run.rate,
        megabytes(run.memory)
    )
}

/// What one program's runs came to with so many checks of a kind.
pub struct Row {
    pub name: String,
    pub kind: Kind,
    pub checks: u16,
    pub runs: Result<Vec<Run>>,
}

impl Row {
    fn cost(&self) -> Option<f64> {
        median(self.runs.as_ref().ok()?.iter().map(|run| run.cost))
            .map(|cost| cost.as_secs_f64() * 1e6)
    }

    fn cells(&self) -> Vec<String> {
        let runs = self.runs.as_deref().unwrap_or_default();
        let rate = median(runs.iter().map(|run| run.rate));
        let memory = median(runs.iter().map(|run| run.memory));
        vec![
            format!("{}, {}", self.name, self.kind.word()),
            self.checks.to_string(),
            rate.map_or("-".into(), |rate| rate.to_string()),
            self.cost()
                .map_or("-".into(), |cost| format!("{cost:.1} µs")),
            memory.map_or("-".into(), megabytes),
        ]
    }
}

/// All rows; with targets for those pairs of rows, ours and keepalived's, that have the number of checks they are for.
pub fn sheet(pairs: &[[Row; 2]], targets: bool) -> Sheet {
    let goal = |[ours, theirs]: &[Row; 2]| Goal {
        what: format!("{}, rkeepalived / keepalived", ours.kind.word()),
        seen: ours
            .cost()
            .zip(theirs.cost())
            .map(|(ours, theirs)| ours / theirs),
        target: match ours.kind {
            Kind::Tcp => 1.0,
            Kind::Http => 1.3,
        },
    };
    let rows = || pairs.iter().flatten();
    Sheet {
        head: ["", "checks", "a second", "time of one", "memory"]
            .map(str::to_owned)
            .into(),
        rows: rows().map(Row::cells).collect(),
        goals: if targets {
            pairs.iter().map(goal).collect()
        } else {
            Vec::new()
        },
        missing: rows()
            .filter_map(|row| Some(format!("{}: {:#}", row.name, row.runs.as_ref().err()?)))
            .collect(),
    }
}

//! From a server's death to the kernel's table, with few checks and with many.
//!
//! Where in the check's rhythm a server dies decides most of that time, up to `delay_loop`. So each one dies at the same
//! point: just after it has accepted a check. The next check comes `delay_loop` later, and what is beyond that is the
//! daemon's: how late the check began, how long it took, how long its verdict was on its way to the kernel.

use std::fmt::Write;
use std::fs;
use std::net::Ipv4Addr;
use std::path::Path;
use std::time::Duration;

use anyhow::{Context, Result, anyhow, bail};

use crate::farm::{self, Farm, TARGET_PORT, TARGETS};
use crate::goal::{Goal, Sheet, median};
use crate::listing::Listing;
use crate::process::{Process, daemon, tail};
use crate::table::Watch;
use crate::workload::{Kind, PORT, Workload};

const DELAY_LOOP: Duration = Duration::from_secs(2);
const LOAD_LIMIT: Duration = Duration::from_secs(120);
/// Until the first checks have come, and the last ones of what died before.
const SETTLED: Duration = Duration::from_secs(5);
/// For a dead server to leave the table, for a living one to come back.
const LIMIT: Duration = Duration::from_secs(30);
/// How exactly a table's change is seen.
const EVERY: Duration = Duration::from_millis(1);
/// The virtual server whose real servers are the targets.
const SERVICE: Ipv4Addr = Ipv4Addr::new(10, 99, 0, 1);
/// The number of checks of the quiet case: the targets alone.
const FEW: u16 = 10;
/// The number of the busy case.
pub const MANY: u16 = 2000;

/// For how much longer than `delay_loop` each dead server stood in the table.
pub type Delays = Vec<Duration>;

/// One program's times with few checks and with many.
pub struct Row {
    pub name: String,
    pub few: Result<Delays>,
    pub many: Result<Delays>,
}

impl Row {
    /// Measures both, so many deaths of each target.
    pub fn measure(
        name: String,
        program: Result<&Path, String>,
        rounds: u32,
        folder: &Path,
    ) -> Row {
        let program = program.map_err(|error| anyhow!("{error}"));
        let (few, many) = match program {
            Ok(program) => (
                run(program, FEW, rounds, folder),
                run(program, MANY, rounds, folder),
            ),
            Err(error) => (Err(anyhow!("{error}")), Err(error)),
        };
        Row { name, few, many }
    }
}

fn run(program: &Path, checks: u16, rounds: u32, folder: &Path) -> Result<Delays> {
    let mut farm = Farm::start()?;
    measure(program, &mut farm, checks, rounds, folder)
        .map_err(|error| anyhow!("{error:#}{}", tail(&folder.join("log"))))
}

fn measure(
    program: &Path,
    farm: &mut Farm,
    checks: u16,
    rounds: u32,
    folder: &Path,
) -> Result<Delays> {
    let others = checks.saturating_sub(FEW);
    let conf = folder.join("bench.conf");
    let workload = Workload::plain(others.div_ceil(16), 16).checked(Kind::Tcp, 2);
    let text = workload.keepalived_conf() + &targets_conf();
    fs::write(&conf, text).context("writing the configuration")?;
    let mut listing = Listing::of(SERVICE)?;
    let mut process = Process::start(&mut daemon(program, &conf, folder)?)?;
    if others > 0 {
        let entries = usize::from(TARGETS) + 1;
        Watch::beside(workload, entries)?.full(LOAD_LIMIT, &mut || process.alive())?;
    }
    let mut delays = Delays::new();
    for _ in 0..rounds {
        wait_for(&mut listing, usize::from(TARGETS))?;
        std::thread::sleep(SETTLED);
        let died = farm.kill_targets()?;
        let gone = watch(&mut listing)?;
        for (died, gone) in died.into_iter().zip(gone) {
            let delay = gone.saturating_sub(died).saturating_sub(DELAY_LOOP);
            print!(" {:.1}", millis(delay));
            delays.push(delay);
        }
        println!(" ms beyond delay_loop, with {checks} checks");
        farm.raise_targets()?;
    }
    process.stop()?;
    Ok(delays)
}

/// The times at which the targets leave the table.
fn watch(listing: &mut Listing) -> Result<Vec<Duration>> {
    let begun = farm::now()?;
    let mut gone = vec![None; usize::from(TARGETS)];
    while gone.contains(&None) {
        let there = listing.read()?;
        let now = farm::now()?;
        for (number, gone) in (0..TARGETS).zip(&mut gone) {
            let target = farm::target(number);
            if gone.is_none() && !there.iter().any(|(address, _)| *address == target) {
                *gone = Some(now);
            }
        }
        if now > begun + LIMIT {
            bail!(
                "dead servers stand in the table after {} s",
                LIMIT.as_secs()
            );
        }
        std::thread::sleep(EVERY);
    }
    Ok(gone.into_iter().flatten().collect())
}

fn wait_for(listing: &mut Listing, count: usize) -> Result<()> {
    let begun = farm::now()?;
    while listing.read()?.len() != count {
        if farm::now()? > begun + LIMIT {
            bail!("the targets did not come to the table");
        }
        std::thread::sleep(EVERY);
    }
    Ok(())
}

fn targets_conf() -> String {
    let mut text = format!(
        "virtual_server {SERVICE} {PORT} {{\n    delay_loop {}\n    lb_algo wlc\n    lb_kind NAT\n    protocol TCP\n",
        DELAY_LOOP.as_secs()
    );
    for number in 0..TARGETS {
        let target = farm::target(number);
        let _ = writeln!(
            text,
            "    real_server {target} {TARGET_PORT} {{\n        weight 1\n        TCP_CHECK {{\n            retry 0\n        }}\n    }}"
        );
    }
    text + "}\n"
}

fn millis(delay: Duration) -> f64 {
    delay.as_secs_f64() * 1e3
}

fn middle(delays: &Result<Delays>) -> Option<f64> {
    median(delays.as_ref().ok()?.iter().copied()).map(millis)
}

fn worst(delays: &Result<Delays>) -> Option<f64> {
    delays.as_ref().ok()?.iter().max().copied().map(millis)
}

/// Both programs side by side, with the targets.
pub fn sheet(ours: &Row, theirs: &Row) -> Sheet {
    let cells = |row: &Row| {
        let cell = |delay: Option<f64>| delay.map_or("-".into(), |delay| format!("{delay:.1} ms"));
        vec![
            row.name.clone(),
            cell(middle(&row.few)),
            cell(worst(&row.few)),
            cell(middle(&row.many)),
            cell(worst(&row.many)),
        ]
    };
    let (few, many) = (middle(&ours.few), middle(&ours.many));
    let goal = |what: &str, seen, target| Goal {
        what: what.into(),
        seen,
        target,
    };
    Sheet {
        head: [
            "beyond delay_loop",
            "10 checks, median",
            "worst",
            "2 000 checks, median",
            "worst",
        ]
        .map(str::to_owned)
        .into(),
        rows: vec![cells(ours), cells(theirs)],
        goals: vec![
            goal(
                "rkeepalived, 2 000 later than 10, ms",
                many.zip(few).map(|(many, few)| many - few),
                20.0,
            ),
            goal(
                "10 checks, later than keepalived, ms",
                few.zip(middle(&theirs.few))
                    .map(|(ours, theirs)| ours - theirs),
                0.0,
            ),
            goal(
                "2 000 checks, later than keepalived, ms",
                many.zip(middle(&theirs.many))
                    .map(|(ours, theirs)| ours - theirs),
                0.0,
            ),
        ],
        missing: [&ours.few, &ours.many, &theirs.few, &theirs.many]
            .into_iter()
            .filter_map(|delays| Some(format!("{:#}", delays.as_ref().err()?)))
            .collect(),
    }
}

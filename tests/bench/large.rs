//! The largest table that has been seen in the field, with a check for each real server: loaded, reloaded with one
//! weight changed, given up.

use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, anyhow};
use nix::sched::{CloneFlags, unshare};
use nix::sys::signal::Signal;

use crate::goal::{Goal, Sheet, median, megabytes};
use crate::process::{Process, daemon, tail};
use crate::subject::{clear, command};
use crate::table::{self, Watch};
use crate::workload::{Kind, Workload};

/// keepalived's reload takes minutes: it grows with the square of the checks' number (400 virtual servers: 5 s).
const LIMIT: Duration = Duration::from_secs(1200);

/// No check may come in the way. The first of each comes somewhere in the first `delay_loop`, so of 36 432 of them one in
/// an hour.
pub const DELAY_LOOP: u32 = 100_000_000;

/// The weight that the reload gives to the last real server.
const HEAVY: u8 = 77;

/// One run.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Run {
    /// From the start of the process until the table is full.
    pub load: Duration,
    /// From SIGHUP until the changed weight stands in the table.
    pub reload: Duration,
    /// From SIGTERM until the process has gone.
    pub stop: Duration,
    /// Entries of the table after the stop.
    pub left: usize,
    /// Resident memory once all is loaded, in bytes.
    pub loaded: u64,
    /// Resident memory after the reload, in bytes.
    pub reloaded: u64,
}

/// One program's runs, or why there is none.
pub struct Row {
    /// Its name and version.
    pub name: String,
    /// Its runs.
    pub runs: Result<Vec<Run>>,
}

/// Loads, reloads and stops the program once, in a network namespace of its own.
pub fn run(program: &Path, workload: Workload, folder: &Path) -> Result<Run> {
    unshare(CloneFlags::CLONE_NEWNET).context("making a network namespace")?;
    command("ip", &["link", "set", "lo", "up"])?;
    let run = measure(program, workload.checked(Kind::Tcp, DELAY_LOOP), folder);
    clear()?;
    run.map_err(|error| anyhow!("{error:#}{}", tail(&folder.join("log"))))
}

fn measure(program: &Path, workload: Workload, folder: &Path) -> Result<Run> {
    let heavier = Workload {
        last_weight: Some(HEAVY),
        ..workload
    };
    let conf = folder.join("bench.conf");
    fs::write(&conf, workload.keepalived_conf()).context("writing the configuration")?;
    let mut watch = Watch::new(workload)?;
    let started = Instant::now();
    let mut process = Process::start(&mut daemon(program, &conf, folder)?)?;
    let load = watch.full(LIMIT, &mut || process.alive())? - started;
    table::check(workload)?;
    let loaded = process.resident()?;

    fs::write(&conf, heavier.keepalived_conf()).context("writing the configuration")?;
    let asked = Instant::now();
    process.signal(Signal::SIGHUP)?;
    let reload = watch.weighs(HEAVY, LIMIT, &mut || process.alive())? - asked;
    table::check(heavier)?;
    let reloaded = process.resident()?;
    Ok(Run {
        load,
        reload,
        stop: process.stop()?,
        left: table::entries()?,
        loaded,
        reloaded,
    })
}

/// For the terminal, while it goes on.
pub fn words(run: &Run) -> String {
    format!(
        "loaded in {:.3} s, reloaded in {:.3} s, stopped in {:.3} s, {} entries left, {}, {} after the reload",
        run.load.as_secs_f64(),
        run.reload.as_secs_f64(),
        run.stop.as_secs_f64(),
        run.left,
        megabytes(run.loaded),
        megabytes(run.reloaded)
    )
}

impl Row {
    fn time(&self, which: fn(&Run) -> Duration) -> Option<f64> {
        median(self.runs.as_ref().ok()?.iter().map(which)).map(|time| time.as_secs_f64())
    }

    fn most(&self, which: fn(&Run) -> u64) -> Option<u64> {
        self.runs.as_ref().ok()?.iter().map(which).max()
    }

    fn left(&self) -> Option<u64> {
        self.most(|run| u64::try_from(run.left).unwrap_or(u64::MAX))
    }

    fn cells(&self) -> Vec<String> {
        let seconds = |time: Option<f64>| time.map_or("-".into(), |time| format!("{time:.3} s"));
        let bytes = |bytes: Option<u64>| bytes.map_or("-".into(), megabytes);
        vec![
            self.name.clone(),
            seconds(self.time(|run| run.load)),
            seconds(self.time(|run| run.reload)),
            seconds(self.time(|run| run.stop)),
            self.left().map_or("-".into(), |left| left.to_string()),
            bytes(self.most(|run| run.loaded)),
            bytes(self.most(|run| run.reloaded)),
        ]
    }
}

/// Both programs side by side, with the targets.
pub fn sheet(ours: &Row, keepalived: &Row) -> Sheet {
    let ratio = |what: &str, which: fn(&Run) -> Duration, target| Goal {
        what: format!("{what}, rkeepalived / keepalived"),
        seen: ours
            .time(which)
            .zip(keepalived.time(which))
            .map(|(ours, theirs)| ours / theirs.max(1e-9)),
        target,
    };
    let number = |value: u64| f64::from(u32::try_from(value).unwrap_or(u32::MAX));
    let memory = ours
        .most(|run| run.loaded.max(run.reloaded))
        .map(|bytes| number(bytes / 1024) / 1024.0);
    Sheet {
        head: [
            "",
            "load",
            "reload",
            "stop",
            "entries left behind",
            "memory",
            "memory after the reload",
        ]
        .map(str::to_owned)
        .into(),
        rows: vec![ours.cells(), keepalived.cells()],
        goals: vec![
            ratio("load", |run| run.load, 0.35),
            ratio("reload", |run| run.reload, 0.05),
            ratio("stop", |run| run.stop, 0.05),
            Goal {
                what: "entries left behind by rkeepalived".into(),
                seen: ours.left().map(number),
                target: 0.0,
            },
            Goal {
                what: "memory of rkeepalived, MiB".into(),
                seen: memory,
                target: 96.0,
            },
        ],
        missing: [ours, keepalived]
            .into_iter()
            .filter_map(|row| Some(format!("{}: {:#}", row.name, row.runs.as_ref().err()?)))
            .collect(),
    }
}

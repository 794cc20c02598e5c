//! A program to be measured: started, watched while it loads, stopped.

use std::fs::{self, File};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, anyhow, bail};
use nix::sched::{CloneFlags, unshare};

use crate::process::{self, Process, tail};
use crate::table::{self, Watch};
use crate::workload::Workload;

/// keepalived needs 3 s, ipvsadm 10 s for the table on the lab kernel.
const LOAD_LIMIT: Duration = Duration::from_secs(120);

/// What fills the table.
#[derive(Clone, Debug)]
pub enum Subject {
    /// rkeepalived or keepalived: both take the same options.
    Daemon(PathBuf),
    /// `ipvsadm --restore`, and `ipvsadm --clear` for the stop.
    Ipvsadm,
    /// The same operations through ipvs-netlink, in this process.
    Floor,
}

/// One run.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Run {
    /// From the start of the process until the table is full.
    pub load: Duration,
    /// From SIGTERM until the process has gone; of ipvsadm, the run of `--clear`.
    pub stop: Duration,
    /// Entries of the table after the stop.
    pub left: usize,
    /// Resident memory of the process and its children once all is loaded, in bytes. None of ipvsadm: it is gone by then.
    pub memory: Option<u64>,
}

impl Subject {
    /// Runs it once, in a network namespace that nothing has touched before.
    ///
    /// A namespace of its own each time, because the kernel keeps deleted real servers for a while in a list that each
    /// new one is looked up in: a second load of the same table would be slowed by the first one's remains.
    pub fn run(&self, workload: Workload, folder: &Path) -> Result<Run> {
        unshare(CloneFlags::CLONE_NEWNET).context("making a network namespace")?;
        // Without any address the kernel has no local routing table, and takes every address for a broadcast.
        command("ip", &["link", "set", "lo", "up"])?;
        let mut watch = Watch::new(workload)?;
        let log = folder.join("log");
        let run = match self {
            Subject::Daemon(program) => daemon(program, workload, folder, &mut watch),
            Subject::Ipvsadm => ipvsadm(workload, folder, &log, &mut watch),
            Subject::Floor => crate::floor::run(workload),
        };
        let run = run.map_err(|error| anyhow!("{error:#}{}", tail(&log)));
        // The emptied namespace is left to the kernel, which is quick with an empty one.
        clear()?;
        run
    }
}

fn daemon(program: &Path, workload: Workload, folder: &Path, watch: &mut Watch) -> Result<Run> {
    let conf = folder.join("bench.conf");
    fs::write(&conf, workload.keepalived_conf()).context("writing the configuration")?;
    let mut command = process::daemon(program, &conf, folder)?;
    let started = Instant::now();
    let mut process = Process::start(&mut command)?;
    let full = watch.full(LOAD_LIMIT, &mut || process.alive())?;
    let load = full - started;
    table::check(workload)?;
    let memory = Some(process.resident()?);
    Ok(Run {
        load,
        stop: process.stop()?,
        left: table::entries()?,
        memory,
    })
}

fn ipvsadm(workload: Workload, folder: &Path, log: &Path, watch: &mut Watch) -> Result<Run> {
    let input = folder.join("ipvsadm.rules");
    fs::write(&input, workload.ipvsadm()).context("writing ipvsadm's input")?;
    let mut command = Command::new("ipvsadm");
    command
        .arg("--restore")
        .stdin(File::open(&input)?)
        .stdout(Stdio::null())
        .stderr(File::create(log).context("making the log file")?)
        .process_group(0);
    let started = Instant::now();
    let mut process = Process::start(&mut command)?;
    let full = watch.full(LOAD_LIMIT, &mut || process.alive())?;
    let load = full - started;
    process.gone(Instant::now())?;
    table::check(workload)?;
    let asked = Instant::now();
    clear()?;
    Ok(Run {
        load,
        stop: asked.elapsed(),
        left: table::entries()?,
        memory: None,
    })
}

/// Empties the table.
pub fn clear() -> Result<()> {
    command("ipvsadm", &["--clear"])
}

/// Runs a small program to its end.
pub fn command(program: &str, args: &[&str]) -> Result<()> {
    let status = Command::new(program)
        .args(args)
        .status()
        .with_context(|| format!("starting {program}"))?;
    if !status.success() {
        bail!("{program} {} ended with {status}", args.join(" "));
    }
    Ok(())
}

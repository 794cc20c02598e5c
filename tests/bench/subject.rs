//! A program to be measured: started, watched while it loads, stopped.

use std::fs::{self, File};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, anyhow, bail};
use nix::sched::{CloneFlags, unshare};
use nix::sys::signal::{Signal, kill, killpg};
use nix::unistd::Pid;

use crate::table::{self, Watch};
use crate::workload::Workload;

/// keepalived needs 3 s, ipvsadm 10 s for the table on the lab kernel.
const LOAD_LIMIT: Duration = Duration::from_secs(120);
/// keepalived gives its checkers 5 s to stop.
const STOP_LIMIT: Duration = Duration::from_secs(60);

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
            Subject::Daemon(program) => daemon(program, workload, folder, &log, &mut watch),
            Subject::Ipvsadm => ipvsadm(workload, folder, &log, &mut watch),
            Subject::Floor => crate::floor::run(workload),
        };
        let run = run.map_err(|error| anyhow!("{error:#}{}", tail(&log)));
        // The emptied namespace is left to the kernel, which is quick with an empty one.
        clear()?;
        run
    }
}

fn daemon(
    program: &Path,
    workload: Workload,
    folder: &Path,
    log: &Path,
    watch: &mut Watch,
) -> Result<Run> {
    let conf = folder.join("bench.conf");
    fs::write(&conf, workload.keepalived_conf()).context("writing the configuration")?;
    let file = File::create(log).context("making the log file")?;
    let mut command = Command::new(program);
    command.args(["-n", "-l", "-C", "-f"]).arg(&conf);
    for (option, name) in [
        ("-p", "parent.pid"),
        ("-r", "vrrp.pid"),
        ("-c", "checkers.pid"),
    ] {
        command.arg(option).arg(folder.join(name));
    }
    command
        .stdin(Stdio::null())
        .stdout(file.try_clone()?)
        .stderr(file)
        .process_group(0);

    let started = Instant::now();
    let mut process = Process::start(&mut command)?;
    let full = watch.full(LOAD_LIMIT, &mut || process.alive())?;
    let load = full - started;
    table::check(workload)?;
    let memory = Some(resident(process.0.id())?);

    let asked = Instant::now();
    kill(process.pid()?, Signal::SIGTERM).context("sending SIGTERM")?;
    let stop = process.gone(asked)?;
    Ok(Run {
        load,
        stop,
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

fn clear() -> Result<()> {
    command("ipvsadm", &["--clear"])
}

fn command(program: &str, args: &[&str]) -> Result<()> {
    let status = Command::new(program)
        .args(args)
        .status()
        .with_context(|| format!("starting {program}"))?;
    if !status.success() {
        bail!("{program} {} ended with {status}", args.join(" "));
    }
    Ok(())
}

/// The end of a program's output, for a message.
fn tail(log: &Path) -> String {
    let text = fs::read_to_string(log).unwrap_or_default();
    let lines: Vec<&str> = text.lines().collect();
    let tail = lines
        .get(lines.len().saturating_sub(10)..)
        .unwrap_or_default();
    tail.iter().map(|line| format!("\n  {line}")).collect()
}

/// A process that does not outlive the bench, nor do its children.
struct Process(Child);

impl Process {
    fn start(command: &mut Command) -> Result<Process> {
        let program = command.get_program().to_string_lossy().into_owned();
        Ok(Process(
            command
                .spawn()
                .with_context(|| format!("starting {program}"))?,
        ))
    }

    fn pid(&self) -> Result<Pid> {
        Ok(Pid::from_raw(i32::try_from(self.0.id())?))
    }

    fn alive(&mut self) -> Result<bool> {
        Ok(self
            .0
            .try_wait()
            .context("waiting for the program")?
            .is_none())
    }

    /// How long after `since` the process had gone.
    fn gone(&mut self, since: Instant) -> Result<Duration> {
        loop {
            if self.0.try_wait()?.is_some() {
                return Ok(since.elapsed());
            }
            if since.elapsed() > STOP_LIMIT {
                bail!("it was still running after {} s", STOP_LIMIT.as_secs());
            }
            // std can wait for a child for ever or not at all; 1 ms is the exactness of everything here.
            std::thread::sleep(Duration::from_millis(1));
        }
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        if let Ok(pid) = self.pid() {
            let _ = killpg(pid, Signal::SIGKILL);
        }
        let _ = self.0.wait();
    }
}

/// Resident memory of a process and its children, in bytes. Pages that they share are counted for each.
fn resident(parent: u32) -> Result<u64> {
    let mut sum = 0;
    for entry in fs::read_dir("/proc").context("reading /proc")? {
        let Ok(status) = fs::read_to_string(entry?.path().join("status")) else {
            continue;
        };
        let field = |name: &str| -> Option<u64> {
            let rest = status.lines().find_map(|line| line.strip_prefix(name))?;
            rest.split_whitespace().next()?.parse().ok()
        };
        let ours = [field("Pid:"), field("PPid:")].contains(&Some(u64::from(parent)));
        if let (true, Some(kilobytes)) = (ours, field("VmRSS:")) {
            sum += kilobytes * 1024;
        }
    }
    Ok(sum)
}

//! A daemon under measurement: started, weighed, timed, stopped.

use std::fs::{self, File};
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use nix::sys::signal::{Signal, kill, killpg};
use nix::time::ClockId;
use nix::unistd::Pid;

/// keepalived gives its checkers 5 s to stop.
const STOP_LIMIT: Duration = Duration::from_secs(60);

/// rkeepalived or keepalived, which take the same options, on a configuration, without VRRP; its log goes to `FOLDER/log`.
pub fn daemon(program: &Path, conf: &Path, folder: &Path) -> Result<Command> {
    let mut command = whole_daemon(program, conf, folder)?;
    command.arg("-C");
    Ok(command)
}

/// The same with VRRP.
pub fn whole_daemon(program: &Path, conf: &Path, folder: &Path) -> Result<Command> {
    let file = File::create(folder.join("log")).context("making the log file")?;
    let mut command = Command::new(program);
    command.args(["-n", "-l", "-f"]).arg(conf);
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
    Ok(command)
}

/// The end of a log, for a message.
pub fn tail(log: &Path) -> String {
    let text = fs::read_to_string(log).unwrap_or_default();
    let lines: Vec<&str> = text.lines().collect();
    let tail = lines
        .get(lines.len().saturating_sub(10)..)
        .unwrap_or_default();
    tail.iter().map(|line| format!("\n  {line}")).collect()
}

/// A process that does not outlive the bench, nor do its children.
pub struct Process(Child);

impl Process {
    /// Starts it; the command must make a process group of its own.
    pub fn start(command: &mut Command) -> Result<Process> {
        let program = command.get_program().to_string_lossy().into_owned();
        Ok(Process(
            command
                .spawn()
                .with_context(|| format!("starting {program}"))?,
        ))
    }

    /// The same, with its input and output in our hands.
    pub fn piped(command: &mut Command) -> Result<(Process, ChildStdin, ChildStdout)> {
        let mut process = Process::start(command.stdin(Stdio::piped()).stdout(Stdio::piped()))?;
        let pipes = process.0.stdin.take().zip(process.0.stdout.take());
        let (input, output) = pipes.context("a child without pipes")?;
        Ok((process, input, output))
    }

    /// Its number.
    pub fn id(&self) -> u32 {
        self.0.id()
    }

    /// Whether it still runs.
    pub fn alive(&mut self) -> Result<bool> {
        Ok(self
            .0
            .try_wait()
            .context("waiting for the program")?
            .is_none())
    }

    /// Sends it a signal.
    pub fn signal(&self, signal: Signal) -> Result<()> {
        kill(self.pid()?, signal).with_context(|| format!("sending {signal}"))
    }

    /// Sends it to the process and its children at once.
    pub fn signal_group(&self, signal: Signal) -> Result<()> {
        killpg(self.pid()?, signal).with_context(|| format!("sending {signal} to the group"))
    }

    /// Ends it with SIGTERM; how long that took.
    pub fn stop(&mut self) -> Result<Duration> {
        let asked = Instant::now();
        self.signal(Signal::SIGTERM)?;
        self.gone(asked)
    }

    /// How long after `since` the process had gone.
    pub fn gone(&mut self, since: Instant) -> Result<Duration> {
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

    /// Resident memory of it and its children, in bytes. Pages that they share are counted for each.
    pub fn resident(&self) -> Result<u64> {
        let family = family(self.0.id())?;
        Ok(family.iter().map(|(_, resident)| resident).sum())
    }

    /// Processor time that it and its children have used so far.
    pub fn cpu(&self) -> Result<Duration> {
        let mut sum = Duration::ZERO;
        for (pid, _) in family(self.0.id())? {
            let clock = ClockId::pid_cpu_clock_id(pid)
                .with_context(|| format!("the clock of process {pid}"))?;
            sum += Duration::from(clock.now().context("reading a process's clock")?);
        }
        Ok(sum)
    }

    fn pid(&self) -> Result<Pid> {
        Ok(Pid::from_raw(i32::try_from(self.0.id())?))
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

/// A process and its children, with the resident memory of each.
fn family(parent: u32) -> Result<Vec<(Pid, u64)>> {
    let mut family = Vec::new();
    for entry in fs::read_dir("/proc").context("reading /proc")? {
        let Ok(status) = fs::read_to_string(entry?.path().join("status")) else {
            continue;
        };
        let field = |name: &str| -> Option<u64> {
            let rest = status.lines().find_map(|line| line.strip_prefix(name))?;
            rest.split_whitespace().next()?.parse().ok()
        };
        let (pid, above) = (field("Pid:"), field("PPid:"));
        if let Some(pid) = pid.filter(|_| [pid, above].contains(&Some(u64::from(parent)))) {
            let kilobytes = field("VmRSS:").unwrap_or_default();
            family.push((Pid::from_raw(i32::try_from(pid)?), kilobytes * 1024));
        }
    }
    Ok(family)
}

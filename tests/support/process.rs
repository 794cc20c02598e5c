//! Processes as /proc shows them, and ending them.

use std::fs;
use std::process::{Child, ExitStatus};
use std::time::Duration;

use anyhow::{Context, Result};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use crate::wait;

/// Every process there is.
#[must_use]
pub fn all() -> Vec<u32> {
    fs::read_dir("/proc")
        .into_iter()
        .flatten()
        .flatten()
        .filter_map(|entry| entry.file_name().to_str()?.parse().ok())
        .collect()
}

/// Every descendant of `parent`, children before their own children.
#[must_use]
pub fn descendants(parent: u32) -> Vec<u32> {
    let pairs: Vec<(u32, u32)> = all()
        .into_iter()
        .filter_map(|pid| {
            Some((
                pid,
                parent_in(&fs::read_to_string(format!("/proc/{pid}/stat")).ok()?)?,
            ))
        })
        .collect();
    let mut found = vec![parent];
    let mut next = 0;
    while let Some(above) = found.get(next).copied() {
        found.extend(
            pairs
                .iter()
                .filter(|(_, up)| *up == above)
                .map(|(pid, _)| *pid),
        );
        next += 1;
    }
    found.into_iter().skip(1).collect()
}

/// The parent's pid in a line of /proc/PID/stat. The name in brackets may hold spaces and brackets itself.
fn parent_in(stat: &str) -> Option<u32> {
    let (_, rest) = stat.rsplit_once(')')?;
    rest.split_whitespace().nth(1)?.parse().ok()
}

/// The kernel's name of a process.
///
/// # Errors
/// When there is no such process.
pub fn comm(pid: u32) -> Result<String> {
    let text = fs::read_to_string(format!("/proc/{pid}/comm"))
        .with_context(|| format!("process {pid}"))?;
    Ok(text.trim_end().to_owned())
}

/// Memory of a process that is in RAM, in KiB.
///
/// # Errors
/// When there is no such process.
pub fn resident_kib(pid: u32) -> Result<u64> {
    let text = fs::read_to_string(format!("/proc/{pid}/status"))
        .with_context(|| format!("process {pid}"))?;
    text.lines()
        .find_map(|line| line.strip_prefix("VmRSS:"))
        .and_then(|rest| rest.trim().strip_suffix("kB")?.trim().parse().ok())
        .with_context(|| format!("no VmRSS of process {pid}"))
}

/// How many files and sockets a process has open.
///
/// # Errors
/// When there is no such process.
pub fn open_files(pid: u32) -> Result<usize> {
    let entries =
        fs::read_dir(format!("/proc/{pid}/fd")).with_context(|| format!("process {pid}"))?;
    Ok(entries.count())
}

/// Processor time that a process has used, its own and the kernel's for it.
///
/// # Errors
/// When there is no such process.
pub fn cpu_time(pid: u32) -> Result<Duration> {
    let raw = i32::try_from(pid).context("pid out of range")?;
    let clock = nix::time::clock_getcpuclockid(Pid::from_raw(raw))
        .with_context(|| format!("process {pid}"))?;
    let used = nix::time::clock_gettime(clock).with_context(|| format!("process {pid}"))?;
    Ok(used.into())
}

/// Sends a signal to a process and all its descendants.
///
/// # Errors
/// When there is no such process.
pub fn signal_tree(parent: u32, which: Signal) -> Result<()> {
    signal(parent, which)?;
    for pid in descendants(parent) {
        let _gone_already = signal(pid, which);
    }
    Ok(())
}

/// Sends a signal.
///
/// # Errors
/// When there is no such process.
pub fn signal(pid: u32, signal: Signal) -> Result<()> {
    let raw = i32::try_from(pid).context("pid out of range")?;
    kill(Pid::from_raw(raw), signal).with_context(|| format!("send {signal} to {pid}"))
}

/// Kills a process and all its descendants so that none can react to another's death: the parent is held first. Gives the
/// descendants.
pub fn kill_tree(parent: u32) -> Vec<u32> {
    let _gone_already = signal(parent, Signal::SIGSTOP);
    let family = descendants(parent);
    for pid in family.iter().copied().chain([parent]) {
        let _gone_already = signal(pid, Signal::SIGKILL);
    }
    family
}

/// Waits for a child's end.
///
/// # Errors
/// When it has not ended within `limit`.
pub fn wait_for_end(child: &mut Child, limit: Duration) -> Result<ExitStatus> {
    let what = format!("process {} to end", child.id());
    wait::until(&what, limit, || Ok(child.try_wait()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_parent_is_found_behind_an_odd_name() {
        assert_eq!(parent_in("77 (a) b (c)) S 12 77 77 0 -1"), Some(12));
        assert_eq!(parent_in("nothing"), None);
    }

    #[test]
    fn we_use_memory_files_and_time() {
        let own = std::process::id();
        assert!(resident_kib(own).unwrap() > 100);
        // At least the three that every process begins with.
        assert!(open_files(own).unwrap() >= 3);
        assert!(cpu_time(own).unwrap() > Duration::ZERO);
    }

    #[test]
    fn a_child_is_a_descendant_and_dies_with_the_tree() {
        let mut child = std::process::Command::new("sleep")
            .arg("60")
            .spawn()
            .unwrap();
        assert!(descendants(std::process::id()).contains(&child.id()));
        kill_tree(child.id());
        let status = wait_for_end(&mut child, Duration::from_secs(5)).unwrap();
        assert!(!status.success());
    }
}

//! The kernel's table, looked at from outside: cheaply while somebody fills it, wholly afterwards.
//!
//! The lab kernel has one processor, so whatever watches takes time from what is watched. Reading /proc/net/ip_vs
//! formats 11 000 lines each time. Instead one service is asked for: the one written last in the
//! configuration. Its answer has at most ten entries, some 0.1 ms once a millisecond. Only when that service is
//! complete is the whole table counted, and if it should not be full yet (a daemon is free to choose its order),
//! watching goes on with the count. The same watch serves every program.

use std::fs;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};

use crate::listing::Listing;
use crate::workload::Workload;

/// Between two looks; also how exact the time of loading is.
const EVERY: Duration = Duration::from_millis(1);

/// Waits for a table to fill.
pub struct Watch {
    last: Listing,
    workload: Workload,
    beside: usize,
}

impl Watch {
    /// A watch on the current network namespace.
    pub fn new(workload: Workload) -> Result<Watch> {
        Watch::beside(workload, 0)
    }

    /// The same where so many other entries stand in the table as well.
    pub fn beside(workload: Workload, entries: usize) -> Result<Watch> {
        Ok(Watch {
            last: Listing::of(workload.last())?,
            workload,
            beside: entries,
        })
    }

    /// Waits until the table is full; gives the time at which it was seen so. `alive` says whether somebody still fills it.
    pub fn full(
        &mut self,
        limit: Duration,
        alive: &mut dyn FnMut() -> Result<bool>,
    ) -> Result<Instant> {
        let started = Instant::now();
        loop {
            // Asked before looking: what a process did before its end is then surely seen.
            let hopeful = alive()?;
            if self.last_is_complete()? {
                let seen = Instant::now();
                if entries()? >= self.wanted() {
                    return Ok(seen);
                }
            }
            let age = started.elapsed();
            if !hopeful || age > limit {
                bail!(
                    "after {:.1} s the table has {} entries, not {}",
                    age.as_secs_f64(),
                    entries()?,
                    self.wanted()
                );
            }
            std::thread::sleep(EVERY);
        }
    }

    /// Waits until the last real server of the last virtual server weighs so much; gives the time at which it was seen.
    pub fn weighs(
        &mut self,
        weight: u8,
        limit: Duration,
        alive: &mut dyn FnMut() -> Result<bool>,
    ) -> Result<Instant> {
        let started = Instant::now();
        let wanted = (self.workload.last_real(), u32::from(weight));
        while !self.last.read()?.contains(&wanted) {
            if !alive()? || started.elapsed() > limit {
                bail!(
                    "after {:.1} s {} does not weigh {weight}",
                    started.elapsed().as_secs_f64(),
                    wanted.0
                );
            }
            // What takes long need not be known to the millisecond, and looking costs the daemon its time.
            std::thread::sleep(EVERY.max(started.elapsed() / 100));
        }
        Ok(Instant::now())
    }

    fn wanted(&self) -> usize {
        self.workload.entries() + self.beside
    }

    fn last_is_complete(&mut self) -> Result<bool> {
        Ok(self.last.read()?.len() >= usize::from(self.workload.real_servers))
    }
}

/// How many entries the current namespace's table has: virtual and real servers.
pub fn entries() -> Result<usize> {
    let text = fs::read_to_string("/proc/net/ip_vs").context("reading /proc/net/ip_vs")?;
    // Two lines on the version and the columns, one on the columns of real servers.
    Ok(text.lines().skip(3).count())
}

/// Whether the table is the wanted one, entry for entry, as `ipvsadm --save` tells it.
pub fn check(workload: Workload) -> Result<()> {
    let output = Command::new("ipvsadm")
        .args(["--save", "--numeric"])
        .stdin(Stdio::null())
        .output()
        .context("starting ipvsadm")?;
    let sorted = |text: &str| {
        let mut lines: Vec<String> = text
            .lines()
            .map(|line| line.trim_end().to_owned())
            .collect();
        lines.sort();
        lines
    };
    let have = sorted(&String::from_utf8_lossy(&output.stdout));
    let want = sorted(&workload.ipvsadm());
    if let Some((have, want)) = have.iter().zip(&want).find(|(have, want)| have != want) {
        bail!("the table has `{have}` where `{want}` was asked for");
    }
    if have.len() != want.len() {
        bail!(
            "the table has {} entries, {} were asked for",
            have.len(),
            want.len()
        );
    }
    Ok(())
}

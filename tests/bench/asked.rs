//! Whether looking at the daemon delays VRRP: how late the failover thread's timers are while nobody asks and while
//! `status --json` and `/metrics` of the largest table are asked for without a pause.

use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, anyhow, bail};
use nix::sched::{CloneFlags, unshare};
use nix::sys::signal::Signal;

use crate::goal::{Goal, Sheet};
use crate::large::DELAY_LOOP;
use crate::looks::{Look, watched};
use crate::process::{Process, tail};
use crate::subject::command;
use crate::workload::{Kind, Workload};

const LIMIT: Duration = Duration::from_secs(60);
/// What was going on at a dump has settled.
const SETTLED: Duration = Duration::from_secs(3);
/// Microseconds that looking may add.
const ALLOWED: f64 = 1_000.0;

const VRRP: &str = "global_defs {\nvrrp_rt_priority 50\nvrrp_rlimit_rttime 100000\nvrrp_no_swap\n}\n\
    vrrp_instance V {\nstate BACKUP\ninterface eth0\nvirtual_router_id 7\npriority 100\nversion 3\nadvert_int 0.01\n\
    virtual_ipaddress {\n10.98.0.100/24\n}\n}\n";

/// Timers by the bound of their bucket in microseconds, `u64::MAX` for what is beyond all.
type Histogram = Vec<(u64, u64)>;

/// What was seen of one while.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Run {
    /// Answers that were read to their end.
    pub asked: u32,
    /// Timers served in it.
    pub served: u64,
    /// Microseconds that 99.9 % and all of them were late at most, as bounds of buckets.
    pub late: [u64; 2],
}

/// The same daemon while nobody asks, then while it is asked.
pub fn run(program: &Path, span: Duration, folder: &Path) -> Result<[Run; 2]> {
    unshare(CloneFlags::CLONE_NEWNET).context("making a network namespace")?;
    command("ip", &["link", "set", "lo", "up"])?;
    command(
        "ip",
        &[
            "link", "add", "eth0", "type", "veth", "peer", "name", "eth1",
        ],
    )?;
    for link in ["eth0", "eth1"] {
        command("ip", &["link", "set", link, "up"])?;
    }
    command("ip", &["address", "add", "10.98.0.1/24", "dev", "eth0"])?;
    measure(program, span, folder)
        .map_err(|error| anyhow!("{error:#}{}", tail(&folder.join("log"))))
}

fn measure(program: &Path, span: Duration, folder: &Path) -> Result<[Run; 2]> {
    let workload = Workload::LARGE.checked(Kind::Tcp, DELAY_LOOP);
    let conf = folder.join("bench.conf");
    let text = workload.keepalived_conf() + VRRP;
    fs::write(&conf, text).context("writing the configuration")?;
    let mut command = watched(program, &conf, folder)?;
    command.env("TMPDIR", folder);
    let process = Process::start(&mut command)?;
    let started = Instant::now();
    while !fs::read_to_string(folder.join("log"))?.contains("Entering MASTER STATE") {
        if started.elapsed() > LIMIT {
            bail!("it did not become master");
        }
        std::thread::sleep(Duration::from_millis(50));
    }
    std::thread::sleep(SETTLED);
    let mut runs = Vec::new();
    for asking in [false, true] {
        let before = histogram(&process, folder)?;
        std::thread::sleep(SETTLED);
        let (begun, mut asked) = (Instant::now(), 0);
        while begun.elapsed() < span {
            match asking {
                false => std::thread::sleep(span.saturating_sub(begun.elapsed())),
                true => {
                    for look in [Look::Status, Look::Metrics] {
                        look.drain(program, &folder.join("sockets"))?;
                        asked += 1;
                    }
                }
            }
        }
        let after = histogram(&process, folder)?;
        runs.push(told(asked, &before, &after).context("no timer was served")?);
    }
    <[Run; 2]>::try_from(runs).map_err(|_| anyhow!("a run is missing"))
}

/// The daemon's own, which it writes at SIGUSR1.
fn histogram(process: &Process, folder: &Path) -> Result<Histogram> {
    let place = folder.join("keepalived.data");
    // That of the time before, if there was one.
    let _ = fs::remove_file(&place);
    process.signal(Signal::SIGUSR1)?;
    let asked = Instant::now();
    while asked.elapsed() < LIMIT {
        let histogram = parse(&fs::read_to_string(&place).unwrap_or_default());
        if !histogram.is_empty() {
            return Ok(histogram);
        }
        std::thread::sleep(Duration::from_millis(20));
    }
    bail!("no dump came")
}

fn parse(dump: &str) -> Histogram {
    let lines = dump.lines().filter_map(|line| line.trim().split_once(": "));
    let bucket = |(bound, count): (&str, &str)| {
        let bound = match bound.strip_prefix("up to ") {
            Some(bound) => bound.strip_suffix(" us")?.parse().ok()?,
            None if bound == "later" => u64::MAX,
            None => return None,
        };
        Some((bound, count.trim().parse().ok()?))
    };
    lines.filter_map(bucket).collect()
}

/// What was served between two histograms.
fn told(asked: u32, before: &Histogram, after: &Histogram) -> Option<Run> {
    let earlier = |bound| {
        let found = before.iter().find(|(other, _)| *other == bound);
        found.map_or(0, |(_, count)| *count)
    };
    let mut between: Histogram = after
        .iter()
        .map(|(bound, count)| (*bound, count.saturating_sub(earlier(*bound))))
        .filter(|(_, count)| *count > 0)
        .collect();
    between.sort_unstable();
    let served: u64 = between.iter().map(|(_, count)| count).sum();
    let mut rest = served / 1000;
    // From the latest down, the bucket in which the last of one in a thousand is left out.
    let most = between.iter().rev().find_map(|(bound, count)| {
        let here = rest < *count;
        rest = rest.saturating_sub(*count);
        here.then_some(*bound)
    })?;
    let worst = between.last()?.0;
    Some(Run {
        asked,
        served,
        late: [most, worst],
    })
}

/// Both whiles.
pub fn sheet(runs: &Result<[Run; 2]>) -> Sheet {
    let mut sheet = Sheet {
        head: ["", "answers", "timers", "99.9 %", "worst"]
            .map(str::to_owned)
            .into(),
        ..Sheet::default()
    };
    let micros = |bound: u64| match bound {
        u64::MAX => "beyond".to_owned(),
        bound => format!("{bound} us"),
    };
    match runs {
        Ok(runs) => {
            for (name, run) in ["nobody asks", "asked all the time"].iter().zip(runs) {
                let mut row = vec![
                    (*name).to_owned(),
                    run.asked.to_string(),
                    run.served.to_string(),
                ];
                row.extend(run.late.map(micros));
                sheet.rows.push(row);
            }
        }
        Err(error) => sheet.missing.push(format!("{error:#}")),
    }
    let number = |bound: u64| u32::try_from(bound).map_or(f64::INFINITY, f64::from);
    for (what, at) in [("99.9 %", 0), ("worst", 1)] {
        let seen = runs.as_ref().ok().and_then(|[quiet, asked]| {
            let late = |run: &Run| run.late.get(at).copied().map(number);
            Some((late(asked)? - late(quiet)?).max(0.0))
        });
        sheet.goals.push(Goal {
            what: format!("{what}: later when asked, us"),
            seen,
            target: ALLOWED,
        });
    }
    sheet
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_came_between_two_dumps() {
        let before = parse(" Served = 12\n   up to 200 us: 10\n   up to 50000 us: 2\n");
        let after =
            parse("   up to 200 us: 2009\n   up to 500 us: 1\n   up to 50000 us: 2\n   later: 1\n");
        assert_eq!(before, [(200, 10), (50000, 2)]);
        let run = told(4, &before, &after).unwrap();
        assert_eq!(run.served, 2001);
        assert_eq!(run.late, [200, u64::MAX]);
        assert_eq!(told(0, &before, &before), None);
    }
}

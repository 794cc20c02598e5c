//! Whether looking at the daemon delays VRRP: how late the failover thread's timers are while nobody asks, while another
//! program is busy, and while `status --json` and `/metrics` of the largest table are asked for without a pause, in short turns, so
//! that whatever else the machine does falls upon all of them.

use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, anyhow, bail};
use nix::sched::{CloneFlags, unshare};
use nix::sys::signal::Signal;

use crate::goal::{Goal, Sheet};
use crate::large::DELAY_LOOP;
use crate::lateness::Burner;
use crate::looks::{drain_metrics, drain_status, watched};
use crate::process::{Process, tail};
use crate::subject::command;
use crate::workload::{Kind, Workload};

const LIMIT: Duration = Duration::from_secs(60);
/// What was going on at a dump has settled.
const SETTLED: Duration = Duration::from_secs(1);
/// So often each while comes.
const TURNS: u32 = 5;
/// Microseconds that looking may add.
const ALLOWED: f64 = 1_000.0;

const VRRP: &str = "global_defs {\nvrrp_rt_priority 50\nvrrp_rlimit_rttime 100000\nvrrp_no_swap\n}\n\
    vrrp_instance V {\nstate BACKUP\ninterface eth0\nvirtual_router_id 7\npriority 100\nversion 3\nadvert_int 0.01\n\
    virtual_ipaddress {\n10.98.0.100/24\n}\n}\n";

/// Timers by the bound of their bucket in microseconds, `u64::MAX` for what is beyond all.
type Histogram = Vec<(u64, u64)>;

/// What goes on meanwhile.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum While {
    Quiet,
    /// One process that computes, and asks the kernel for nothing: what it does, the machine does.
    Busy,
    Asked,
}

const WHILES: [While; 3] = [While::Quiet, While::Busy, While::Asked];

impl While {
    /// As the rows call it.
    fn name(self) -> &'static str {
        match self {
            While::Quiet => "nobody asks",
            While::Busy => "another program computes",
            While::Asked => "asked all the time",
        }
    }
}

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

/// The same daemon for `span` of each while.
pub fn run(program: &Path, span: Duration, folder: &Path) -> Result<[Run; 3]> {
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

fn measure(program: &Path, span: Duration, folder: &Path) -> Result<[Run; 3]> {
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
    let mut all: [(u32, Histogram); 3] = Default::default();
    for _ in 0..TURNS {
        for (what, (asked, sum)) in WHILES.into_iter().zip(&mut all) {
            let before = histogram(&process, folder)?;
            let busy = (what == While::Busy).then(Burner::start).transpose()?;
            std::thread::sleep(SETTLED);
            let begun = Instant::now();
            let turn = span / TURNS;
            while what == While::Asked && begun.elapsed() < turn {
                // Read and dropped by this process: one that is started for it would be what is measured.
                drain_status(&folder.join("sockets"))?;
                drain_metrics()?;
                *asked += 2;
            }
            std::thread::sleep(turn.saturating_sub(begun.elapsed()));
            drop(busy);
            add(sum, &before, &histogram(&process, folder)?);
        }
    }
    let [quiet, busy, asked] = all.map(|(asked, sum)| told(asked, &sum));
    let none = "no timer was served";
    Ok([
        quiet.context(none)?,
        busy.context(none)?,
        asked.context(none)?,
    ])
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

/// Adds what was served between two histograms.
fn add(sum: &mut Histogram, before: &Histogram, after: &Histogram) {
    let count = |all: &Histogram, bound| {
        let found = all.iter().find(|(other, _)| *other == bound);
        found.map_or(0, |(_, count)| *count)
    };
    for (bound, counted) in after {
        let more = counted.saturating_sub(count(before, *bound));
        match sum.iter_mut().find(|(other, _)| other == bound) {
            Some((_, count)) => *count += more,
            None => sum.push((*bound, more)),
        }
    }
}

/// What the timers of a histogram come to.
fn told(asked: u32, histogram: &Histogram) -> Option<Run> {
    let filled = histogram.iter().filter(|(_, count)| *count > 0);
    let mut between: Histogram = filled.copied().collect();
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

/// All whiles.
pub fn sheet(runs: &Result<[Run; 3]>) -> Sheet {
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
            for (what, run) in WHILES.into_iter().zip(runs) {
                let mut row = vec![
                    what.name().to_owned(),
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
        let seen = runs.as_ref().ok().and_then(|[quiet, _, asked]| {
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
        let mut sum = Histogram::default();
        add(&mut sum, &before, &after);
        let run = told(4, &sum).unwrap();
        assert_eq!(run.served, 2001);
        assert_eq!(run.late, [200, u64::MAX]);
        add(&mut sum, &before, &after);
        assert_eq!(told(4, &sum).unwrap().served, 4002);
        assert_eq!(told(0, &Histogram::default()), None);
    }
}

//! How late the failover thread serves its timers, by its own histogram: on an idle machine, and on one whose every
//! processor is busy.

use std::path::Path;
use std::process::{Child, Command};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use nix::sys::signal::Signal;

use crate::goal::{Goal, Sheet};
use crate::segment::{Router, Segment};

const LIMIT: Duration = Duration::from_secs(10);
/// Microseconds that 99.9 % may be late.
const IDLE: f64 = 2_000.0;
const LOADED: f64 = 10_000.0;

const CONF: &str = "global_defs {\nvrrp_rt_priority 50\nvrrp_rlimit_rttime 100000\nvrrp_no_swap\n}\n\
    vrrp_instance V {\nstate BACKUP\ninterface eth0\nvirtual_router_id 7\npriority 100\nversion 3\nadvert_int 0.01\n\
    virtual_ipaddress {\n10.98.0.100/24\n}\n}\n";

/// A process that takes all that it gets; ends with this.
pub struct Burner(Child);

impl Burner {
    /// Starts one.
    pub fn start() -> Result<Burner> {
        let busy = Command::new("sh")
            .args(["-c", "while :; do :; done"])
            .spawn();
        busy.map(Burner).context("starting a busy process")
    }
}

impl Drop for Burner {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Served timers, and the microseconds that 50 %, 99 %, 99.9 % and all were late at most.
#[derive(Clone, Copy, Debug)]
pub struct Run {
    pub served: u64,
    pub late: [u32; 4],
}

/// One master for `span`, with so many busy processes beside it.
pub fn run(program: &Path, busy: usize, span: Duration, folder: &Path) -> Result<Run> {
    let segment = Segment::build(1)?;
    let [a, _] = &segment.hosts;
    let router = Router::start(program, a, folder, CONF)?;
    router.wait("Entering MASTER STATE", 1, LIMIT)?;
    let burners: Vec<Burner> = (0..busy)
        .map(|_| Burner::start())
        .collect::<Result<_, _>>()?;
    std::thread::sleep(span);
    router.process.signal(Signal::SIGUSR1)?;
    let asked = Instant::now();
    let dump = loop {
        if let Ok(dump) = router.read("keepalived.data") {
            break dump;
        }
        if asked.elapsed() > LIMIT {
            bail!("no dump came");
        }
        std::thread::sleep(Duration::from_millis(50));
    };
    drop(burners);
    parse(&dump).context("a dump without figures")
}

fn parse(dump: &str) -> Option<Run> {
    let after = |label: &str| {
        let line = dump.lines().find(|line| line.contains(label))?;
        line.split_once(" = ").map(|(_, value)| value)
    };
    let late = after("Late at most")?.trim_end_matches(" us");
    let late: Vec<u32> = late
        .split(" / ")
        .filter_map(|word| word.parse().ok())
        .collect();
    Some(Run {
        served: after("Served")?.trim().parse().ok()?,
        late: late.try_into().ok()?,
    })
}

/// Idle, then loaded.
pub fn sheet(runs: &[Result<Run>; 2]) -> Sheet {
    let mut sheet = Sheet {
        head: ["", "timers", "50 %", "99 %", "99.9 %", "worst"]
            .map(str::to_owned)
            .into(),
        ..Sheet::default()
    };
    for ((name, target), run) in [("idle", IDLE), ("loaded", LOADED)].into_iter().zip(runs) {
        match run {
            Ok(run) => {
                let mut row = vec![name.to_owned(), run.served.to_string()];
                row.extend(run.late.map(|late| format!("{late} us")));
                sheet.rows.push(row);
            }
            Err(error) => sheet.missing.push(format!("{name}: {error:#}")),
        }
        sheet.goals.push(Goal {
            what: format!("{name}: 99.9 % late at most, us"),
            seen: run.as_ref().ok().map(|run| f64::from(run.late[2])),
            target,
        });
    }
    sheet
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_dump_is_read() {
        let run = parse(
            "------< Timers of the failover thread >------\n Served = 700\n \
             Late at most, 50% / 99% / 99.9% / worst = 200 / 500 / 1000 / 1234 us\n   up to 200 us: 600\n",
        );
        let run = run.unwrap();
        assert_eq!((run.served, run.late), (700, [200, 500, 1000, 1234]));
    }
}

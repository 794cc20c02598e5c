//! From the start of a daemon until it has done its work, with the published configuration: until its servers stand in the
//! kernel's table, or until it says that it is ready. keepalived says so only to a systemd that started it.

use std::fs;
use std::os::unix::net::UnixDatagram;
use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, anyhow, bail};
use nix::sched::{CloneFlags, unshare};
use support::config::{Blog, Role, VIP};

use crate::goal::{Goal, Sheet, median};
use crate::listing::Listing;
use crate::process::{Process, tail, whole_daemon};
use crate::subject::{clear, command};

/// Between two looks at the table.
const EVERY: Duration = Duration::from_millis(1);
/// For the table or the word to come.
const LIMIT: Duration = Duration::from_secs(20);

/// What is waited for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Until {
    /// Both real servers stand in the kernel's table.
    Table,
    /// `READY=1` is said to systemd's socket.
    Ready,
}

/// So many starts, each in a fresh network namespace.
pub fn run(program: &Path, rounds: u32, folder: &Path, until: Until) -> Result<Vec<Duration>> {
    let once = |_| {
        unshare(CloneFlags::CLONE_NEWNET).context("making a network namespace")?;
        command("ip", &["link", "set", "lo", "up"])?;
        command(
            "ip",
            &[
                "link", "add", "eth1", "type", "veth", "peer", "name", "eth2",
            ],
        )?;
        for link in ["eth1", "eth2"] {
            command("ip", &["link", "set", link, "up"])?;
        }
        command("ip", &["address", "add", "172.16.1.2/24", "dev", "eth1"])?;
        let time = done(program, folder, until);
        if until == Until::Table {
            clear()?;
        }
        time.map_err(|error| anyhow!("{error:#}{}", tail(&folder.join("log"))))
    };
    (0..rounds).map(once).collect()
}

fn done(program: &Path, folder: &Path, until: Until) -> Result<Duration> {
    let conf = folder.join("bench.conf");
    let digests = ["a", "b"].map(|digit| digit.repeat(32));
    fs::write(&conf, Blog::corrected(Role::First, &digests).text())
        .context("writing the configuration")?;
    let mut command = whole_daemon(program, &conf, folder)?;
    match until {
        Until::Table => {
            let mut listing = Listing::of(VIP)?;
            let started = Instant::now();
            let mut process = Process::start(&mut command)?;
            while listing.read()?.len() < 2 {
                if !process.alive()? || started.elapsed() > LIMIT {
                    bail!("its servers did not come into the table");
                }
                std::thread::sleep(EVERY);
            }
            let time = started.elapsed();
            process.stop()?;
            Ok(time)
        }
        Until::Ready => {
            let place = folder.join("notify");
            // That of the round before.
            let _ = fs::remove_file(&place);
            let socket = UnixDatagram::bind(&place).context("making the socket of systemd")?;
            socket.set_read_timeout(Some(LIMIT))?;
            command.env("NOTIFY_SOCKET", &place);
            let started = Instant::now();
            let mut process = Process::start(&mut command)?;
            heard(&socket)?;
            let time = started.elapsed();
            process.stop()?;
            Ok(time)
        }
    }
}

/// Waits for the word.
fn heard(socket: &UnixDatagram) -> Result<()> {
    let mut buffer = [0; 4096];
    loop {
        let Ok(length) = socket.recv(&mut buffer) else {
            bail!("it did not say READY=1 within {} s", LIMIT.as_secs());
        };
        let said = buffer.get(..length).unwrap_or_default();
        let mut lines = said.split(|byte| *byte == b'\n');
        if lines.any(|line| line == b"READY=1") {
            return Ok(());
        }
    }
}

fn row(name: &str, times: &Result<Vec<Duration>>, sheet: &mut Sheet) -> Option<f64> {
    let millis = |time: Duration| time.as_secs_f64() * 1000.0;
    match times {
        Ok(times) => {
            let middle = median(times.iter().copied()).map(millis)?;
            let worst = times.iter().max().copied().map(millis)?;
            sheet.rows.push(vec![
                name.to_owned(),
                format!("{middle:.1} ms"),
                format!("{worst:.1} ms"),
            ]);
            Some(middle)
        }
        Err(error) => {
            sheet.missing.push(format!("{name}: {error:#}"));
            None
        }
    }
}

fn empty() -> Sheet {
    Sheet {
        head: ["", "median", "worst"].map(str::to_owned).into(),
        ..Sheet::default()
    }
}

/// Both daemons, where IPVS is.
pub fn beside(rows: &[(String, Result<Vec<Duration>>); 2]) -> Sheet {
    let mut sheet = empty();
    let [ours, theirs] = rows
        .each_ref()
        .map(|(name, times)| row(name, times, &mut sheet));
    sheet.goals.push(Goal {
        what: "start to table, rkeepalived / keepalived".into(),
        seen: ours.zip(theirs).map(|(ours, theirs)| ours / theirs),
        target: 1.0,
    });
    sheet
}

/// Ours, on the machine's own kernel.
pub fn alone(times: &Result<Vec<Duration>>) -> Sheet {
    let mut sheet = empty();
    let seen = row("rkeepalived, pretended IPVS", times, &mut sheet);
    sheet.goals.push(Goal {
        what: "start to READY, ms".into(),
        seen,
        target: 50.0,
    });
    sheet
}

//! What it takes to look at the largest table: `status --json` and `/metrics` beside `ipvsadm -ln --stats`.

use std::fs;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, anyhow, bail};
use nix::sched::{CloneFlags, unshare};

use crate::goal::{Goal, Sheet, median, megabytes};
use crate::large::DELAY_LOOP;
use crate::process::{Process, tail, whole_daemon};
use crate::subject::{clear, command};
use crate::table::{self, Watch};
use crate::workload::{Kind, Workload};

/// Where the daemon serves its metrics, in a network namespace of its own.
pub const HTTP: SocketAddr =
    SocketAddr::new(std::net::IpAddr::V4(std::net::Ipv4Addr::LOCALHOST), 9650);
/// Until the table is full, and for one look.
const LIMIT: Duration = Duration::from_secs(120);

/// Who looks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Look {
    /// `rkeepalived status --json`
    Status,
    /// A request for `/metrics`.
    Metrics,
    /// `ipvsadm -ln --stats`
    Ipvsadm,
}

/// All of them.
pub const LOOKS: [Look; 3] = [Look::Status, Look::Metrics, Look::Ipvsadm];

/// One look: how long it took, and how much came.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Seen {
    pub time: Duration,
    pub bytes: u64,
}

impl Look {
    /// As the rows call it.
    pub fn name(self) -> &'static str {
        match self {
            Look::Status => "rkeepalived status --json",
            Look::Metrics => "GET /metrics",
            Look::Ipvsadm => "ipvsadm -ln --stats",
        }
    }

    /// Looks once, to the last byte, in this thread's network namespace.
    pub fn once(self, program: &Path, sockets: &Path) -> Result<(Seen, String)> {
        let started = Instant::now();
        let text = match self {
            Look::Status => {
                let mut asking = Command::new(program);
                printed(asking.args(["status", "--json", "--socket"]).arg(sockets))?
            }
            Look::Metrics => fetched("/metrics")?,
            Look::Ipvsadm => printed(Command::new("ipvsadm").args(["-ln", "--stats"]))?,
        };
        let time = started.elapsed();
        let bytes = u64::try_from(text.len())?;
        Ok((Seen { time, bytes }, text))
    }

    /// How many real servers the text tells of.
    fn servers(self, text: &str) -> usize {
        let mark = match self {
            Look::Status => "\"configured_weight\":",
            Look::Metrics => "rkeepalived_real_server_up{",
            Look::Ipvsadm => "  -> ",
        };
        // The head of ipvsadm's columns looks like one.
        text.matches(mark).count() - usize::from(self == Look::Ipvsadm)
    }
}

fn printed(command: &mut Command) -> Result<String> {
    let output = command
        .stdin(Stdio::null())
        .stderr(Stdio::inherit())
        .output()
        .with_context(|| format!("starting {}", command.get_program().display()))?;
    if !output.status.success() {
        bail!(
            "{} ended with {}",
            command.get_program().display(),
            output.status
        );
    }
    String::from_utf8(output.stdout).context("not text")
}

fn asked_for(path: &str) -> Result<TcpStream> {
    let mut stream = TcpStream::connect(HTTP).context("connecting to the daemon")?;
    stream.set_read_timeout(Some(LIMIT))?;
    write!(
        stream,
        "GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"
    )?;
    Ok(stream)
}

fn fetched(path: &str) -> Result<String> {
    let mut stream = asked_for(path)?;
    let mut text = String::new();
    stream.read_to_string(&mut text)?;
    match text.starts_with("HTTP/1.1 200 ") {
        true => Ok(text),
        false => bail!("{path}: {}", text.lines().next().unwrap_or_default()),
    }
}

/// Asks for the status in `sockets`, and reads the answer to its end without keeping it.
pub fn drain_status(sockets: &Path) -> Result<()> {
    let place = sockets.join("status.sock");
    let mut stream = UnixStream::connect(&place)
        .with_context(|| format!("connecting to {}", place.display()))?;
    stream.set_read_timeout(Some(LIMIT))?;
    stream.write_all(b"{\"v\":1,\"do\":\"status\"}\n")?;
    let mut piece = vec![0; 64 * 1024];
    loop {
        let length = stream.read(&mut piece)?;
        match piece.get(..length) {
            Some([.., b'\n']) => return Ok(()),
            Some([_, ..]) => {}
            Some([]) | None => bail!("the daemon did not answer to the end"),
        }
    }
}

/// The same of its metrics.
pub fn drain_metrics() -> Result<()> {
    std::io::copy(&mut asked_for("/metrics")?, &mut std::io::sink())?;
    Ok(())
}

/// The daemon with its sockets in `FOLDER/sockets` and its metrics at [`HTTP`].
pub fn watched(program: &Path, conf: &Path, folder: &Path) -> Result<Command> {
    let mut command = whole_daemon(program, conf, folder)?;
    command
        .arg("--socket")
        .arg(folder.join("sockets"))
        .args(["--http", &HTTP.to_string()]);
    Ok(command)
}

/// Each look so often, in turn.
pub fn run(program: &Path, rounds: u32, folder: &Path) -> Result<[Vec<Seen>; 3]> {
    unshare(CloneFlags::CLONE_NEWNET).context("making a network namespace")?;
    command("ip", &["link", "set", "lo", "up"])?;
    let seen = measure(program, rounds, folder);
    clear()?;
    seen.map_err(|error| anyhow!("{error:#}{}", tail(&folder.join("log"))))
}

fn measure(program: &Path, rounds: u32, folder: &Path) -> Result<[Vec<Seen>; 3]> {
    let workload = Workload::LARGE.checked(Kind::Tcp, DELAY_LOOP);
    let conf = folder.join("bench.conf");
    fs::write(&conf, workload.keepalived_conf()).context("writing the configuration")?;
    let mut watch = Watch::new(workload)?;
    let mut process = Process::start(&mut watched(program, &conf, folder)?)?;
    watch.full(LIMIT, &mut || process.alive())?;
    table::check(workload)?;
    let mut all = [Vec::new(), Vec::new(), Vec::new()];
    for round in 1..=rounds {
        for (look, all) in LOOKS.into_iter().zip(&mut all) {
            let (seen, text) = look.once(program, &folder.join("sockets"))?;
            let (told, wanted) = (look.servers(&text), workload.real_servers_in_all());
            if told != wanted {
                bail!("{} told of {told} real servers, not {wanted}", look.name());
            }
            println!(
                "round {round}, {}: {:.3} s",
                look.name(),
                seen.time.as_secs_f64()
            );
            all.push(seen);
        }
    }
    process.stop()?;
    Ok(all)
}

/// The looks side by side.
pub fn sheet(seen: &Result<[Vec<Seen>; 3]>) -> Sheet {
    let mut sheet = Sheet {
        head: ["", "time", "text"].map(str::to_owned).into(),
        ..Sheet::default()
    };
    let times = match seen {
        Ok(all) => all
            .each_ref()
            .map(|seen| median(seen.iter().map(|seen| seen.time)).map(|time| time.as_secs_f64())),
        Err(error) => {
            sheet.missing.push(format!("{error:#}"));
            [None; 3]
        }
    };
    if let Ok(all) = seen {
        for ((look, time), all) in LOOKS.into_iter().zip(times).zip(all) {
            let bytes = all.last().map(|seen| megabytes(seen.bytes));
            sheet.rows.push(vec![
                look.name().to_owned(),
                time.map_or("-".into(), |time| format!("{time:.3} s")),
                bytes.unwrap_or("-".into()),
            ]);
        }
    }
    let [status, metrics, ipvsadm] = times;
    let ratio = |ours: Option<f64>| ours.zip(ipvsadm).map(|(ours, theirs)| ours / theirs);
    for (what, seen, target) in [
        ("status --json / ipvsadm -ln --stats", ratio(status), 1.5),
        ("/metrics / ipvsadm -ln --stats", ratio(metrics), 2.0),
    ] {
        sheet.goals.push(Goal {
            what: what.to_owned(),
            seen,
            target,
        });
    }
    sheet
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_head_of_ipvsadm_is_no_real_server() {
        let text = "IP Virtual Server version 1.2.1 (size=4096)\n\
            Prot LocalAddress:Port               Conns   InPkts  OutPkts  InBytes OutBytes\n  \
              -> RemoteAddress:Port\n\
            TCP  10.0.0.1:80                         0        0        0        0        0\n  \
              -> 10.0.1.1:80                         0        0        0        0        0\n";
        assert_eq!(Look::Ipvsadm.servers(text), 1);
    }

    #[test]
    fn ratios_are_of_medians() {
        let seen = |millis: [u64; 3]| {
            millis.map(|millis| Seen {
                time: Duration::from_millis(millis),
                bytes: 1,
            })
        };
        let all = [[10, 900, 15], [20, 20, 20], [10, 10, 1]]
            .map(seen)
            .map(Vec::from);
        let sheet = sheet(&Ok(all));
        let seen: Vec<_> = sheet.goals.iter().map(|goal| goal.words().0).collect();
        assert_eq!(seen, ["1.500", "2.000"]);
    }
}

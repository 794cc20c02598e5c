//! Where log lines go: to syslog's socket in the form and under the names of keepalived, and to systemd's journal with fields.
//!
//! `ip netns exec` gives each daemon mounts of its own, so that the sockets can be ours.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::ErrorKind;
use std::net::Shutdown;
use std::os::unix::fs::MetadataExt;
use std::os::unix::net::UnixDatagram;
use std::path::Path;
use std::process::{Child, Command};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use support::daemon::{Daemon, Director};
use support::stage::{PATIENCE, Stage};
use support::story::{Kernel, Story, Told};

pub fn stories() -> Vec<Story> {
    let each = Story::each("log/syslog", syslog).into_iter();
    each.chain([Story::one("log/journal", Daemon::Ours, journal)])
        .map(|story| story.on(Kernel::Machine))
        .collect()
}

const INSTANCE: &str = "vrrp_instance V {\ninterface eth1\nvirtual_router_id 9\nvirtual_ipaddress {\n172.16.1.9/24\n}\n}\n";

/// A /dev of its own with `$1` as its `log`; then the rest is run.
const WITH_LOG: &str = "set -e\nmount --rbind /dev \"$1/dev\"\nmount -t tmpfs none /dev\n\
    for name in null zero full random urandom tty; do touch /dev/$name; mount --bind \"$1/dev/$name\" /dev/$name; done\n\
    touch /dev/log\nmount --bind \"$1/socket\" /dev/log\nshift\nexec \"$@\"\n";

/// The journal's socket is `$1/socket`; then the rest is run.
const WITH_JOURNAL: &str = "set -e\nmkdir -p /run/systemd\nmount -t tmpfs none /run/systemd\nmkdir /run/systemd/journal\n\
    touch /run/systemd/journal/socket\nmount --bind \"$1/socket\" /run/systemd/journal/socket\nshift\nexec \"$@\"\n";

/// A daemon that runs, and what it sends to the socket that is mounted for it.
struct Run {
    child: Child,
    socket: UnixDatagram,
}

impl Drop for Run {
    fn drop(&mut self) {
        let pid = i32::try_from(self.child.id()).map(Pid::from_raw);
        // A full socket would keep whoever logs from ending.
        let _ = self.socket.shutdown(Shutdown::Both);
        // It may have ended by itself.
        let _ = pid.map(|pid| kill(pid, Signal::SIGTERM));
        let _ = self.child.wait();
    }
}

impl Run {
    fn start(
        director: &Director,
        script: &str,
        options: &[&str],
        error: &Path,
        more: impl FnOnce(&mut Command) -> Result<()>,
    ) -> Result<Run> {
        let folder = director.folder();
        fs::create_dir_all(folder.join("dev"))?;
        let path = folder.join("socket");
        let _there_is_none = fs::remove_file(&path);
        let socket = UnixDatagram::bind(&path).context("bind the socket")?;
        let mut command = director.host().command("sh");
        command.args(["-c", script, "sh"]).arg(folder);
        command
            .arg(director.daemon().program()?)
            .args(["-n", "-D"])
            .args(options)
            .args(director.arguments());
        command.env("TMPDIR", folder).env_remove("JOURNAL_STREAM");
        let file = File::create(error)?;
        command.stdout(file.try_clone()?).stderr(file);
        more(&mut command)?;
        Ok(Run {
            child: command.spawn().context("start it")?,
            socket,
        })
    }

    /// All up to the first that has `last` in it.
    fn read_up_to(&self, last: &str) -> Result<Vec<String>> {
        let until = Instant::now() + PATIENCE;
        let mut said = Vec::new();
        let mut bytes = [0; 8192];
        loop {
            let left = until.saturating_duration_since(Instant::now());
            ensure!(!left.is_zero(), "{last} did not come, but {said:#?}");
            self.socket.set_read_timeout(Some(left))?;
            let length = match self.socket.recv(&mut bytes) {
                Ok(length) => length,
                Err(error) if error.kind() == ErrorKind::WouldBlock => continue,
                Err(error) => bail!("the socket: {error}"),
            };
            let text = String::from_utf8_lossy(bytes.get(..length).unwrap_or_default());
            said.push(text.trim_end().to_owned());
            if text.contains(last) {
                return Ok(said);
            }
        }
    }
}

/// `<158>Nov 28 11:11:39 Keepalived[1708]: Startup complete` as `158 Keepalived: Startup complete`.
fn plain(datagram: &str) -> Option<String> {
    let (priority, rest) = datagram.strip_prefix('<')?.split_once('>')?;
    // The time has 15 characters.
    let rest = rest.get(15..)?.trim_start();
    let (ident, text) = rest.split_once(": ")?;
    let (name, pid) = ident.strip_suffix(']')?.split_once('[')?;
    pid.parse::<u32>().ok()?;
    Some(format!("{priority} {name}: {text}"))
}

fn syslog(stage: &mut Stage, daemon: Daemon) -> Told {
    let director = stage.prepare(0, daemon, INSTANCE)?;
    let error = director.folder().join("stderr");
    for (options, facility) in [
        (&[][..], 3),
        (&["-S", "3"][..], 19),
        (&["-S", "user"][..], 1),
    ] {
        let run = Run::start(&director, WITH_LOG, options, &error, |_| Ok(()))?;
        let said = run.read_up_to("(V) Entering MASTER STATE")?;
        let said: Vec<_> = said.iter().filter_map(|line| plain(line)).collect();
        let info = facility * 8 + 6;
        for line in [
            format!("{info} Keepalived: Startup complete"),
            format!("{info} Keepalived_vrrp: (V) Entering BACKUP STATE (init)"),
            format!("{info} Keepalived_vrrp: (V) Entering MASTER STATE"),
        ] {
            ensure!(said.contains(&line), "{line} is not in {said:#?}");
        }
        drop(run);
        let printed = fs::read_to_string(&error)?;
        ensure!(!printed.contains("Entering"), "without -l: {printed}");
    }
    // -G: not there, but with -l on standard error.
    let run = Run::start(&director, WITH_LOG, &["-G", "-l"], &error, |_| Ok(()))?;
    support::wait::until("the line on standard error", PATIENCE, || {
        let printed = fs::read_to_string(&error)?;
        Ok(printed.contains("(V) Entering MASTER STATE").then_some(()))
    })?;
    run.socket
        .set_read_timeout(Some(Duration::from_millis(50)))?;
    let heard = run.socket.recv(&mut [0; 64]);
    ensure!(heard.is_err(), "-G still sends to syslog");
    Ok(String::new())
}

fn journal(stage: &mut Stage, daemon: Daemon) -> Told {
    let director = stage.prepare(0, daemon, INSTANCE)?;
    let error = director.folder().join("stderr");
    let connected = |command: &mut Command| {
        let about = fs::metadata(&error)?;
        let stream = format!("{}:{}", about.dev(), about.ino());
        command.env("JOURNAL_STREAM", stream);
        Ok(())
    };
    let run = Run::start(&director, WITH_JOURNAL, &["-S", "3"], &error, connected)?;
    let said = run.read_up_to("MESSAGE=(V) Entering MASTER STATE")?;
    let entry = said.last().cloned().unwrap_or_default();
    let fields: BTreeMap<&str, &str> = entry
        .lines()
        .filter_map(|line| line.split_once('='))
        .collect();
    for (field, value) in [
        ("MESSAGE", "(V) Entering MASTER STATE"),
        ("PRIORITY", "6"),
        ("SYSLOG_IDENTIFIER", "Keepalived_vrrp"),
        ("SYSLOG_FACILITY", "19"),
        ("INSTANCE", "V"),
        ("EVENT", "vrrp"),
    ] {
        ensure!(fields.get(field) == Some(&value), "{field} in {entry}");
    }
    let printed = fs::read_to_string(&error)?;
    drop(run);
    ensure!(printed.is_empty(), "on standard error, too: {printed}");
    Ok(String::new())
}

//! Two hosts with links between them, and daemons of VRRP on them.

use std::fs::{self, File};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use support::netns::Netns;

use crate::process::Process;

/// For all carriers to come.
const CARRIER: Duration = Duration::from_secs(10);

/// Two hosts; link `eth0` and so on of the one leads to that of the other.
pub struct Segment {
    pub hosts: [Netns; 2],
}

impl Segment {
    /// With so many links; host N has the address 10.98.LINK.N+1 on each.
    pub fn build(links: u8) -> Result<Segment> {
        let hosts = Netns::create("bench", ["a", "b"])?;
        let [a, b] = &hosts;
        for link in 0..links {
            a.ip_batch(&format!(
                "link add eth{link} type veth peer name eth{link} netns {}\n",
                b.name()
            ))?;
            for (host, last) in [(a, 1), (b, 2)] {
                host.ip_batch(&format!(
                    "address add 10.98.{link}.{last}/24 dev eth{link}\nlink set eth{link} up\nlink set lo up\n"
                ))?;
            }
        }
        // The kernel tells of a carrier up to a second after it came; who starts before that begins in FAULT.
        let begun = Instant::now();
        for host in &hosts {
            let up = || -> Result<bool> {
                let shown = host.output("ip", &["-o", "link", "show"])?;
                Ok(shown.matches("state UP").count() >= usize::from(links))
            };
            while !up()? {
                if begun.elapsed() > CARRIER {
                    bail!("not all links came up on {}", host.name());
                }
                std::thread::sleep(Duration::from_millis(20));
            }
        }
        Ok(Segment { hosts })
    }
}

/// A daemon on a host, with its log in a folder of its own.
pub struct Router {
    pub process: Process,
    folder: PathBuf,
}

impl Router {
    /// Starts `program` with this configuration. `TMPDIR`, where dumps go, is its folder.
    pub fn start(program: &Path, host: &Netns, folder: &Path, conf: &str) -> Result<Router> {
        fs::create_dir_all(folder).context("making a folder")?;
        let file = folder.join("keepalived.conf");
        fs::write(&file, conf).context("writing the configuration")?;
        let log = File::create(folder.join("log")).context("making the log file")?;
        let mut command = host.command(&program.display().to_string());
        command.args(["-n", "-l", "-f"]).arg(&file);
        for (option, name) in [
            ("-p", "parent"),
            ("-r", "vrrp"),
            ("-c", "checkers"),
            ("-b", "bfd"),
        ] {
            let file = folder.join(format!("{name}.pid"));
            // That of a killed child, which may not be buried yet, would mean that it still runs.
            let _ = fs::remove_file(&file);
            command.arg(option).arg(file);
        }
        command
            .env("TMPDIR", folder)
            .stdin(Stdio::null())
            .stdout(log.try_clone()?)
            .stderr(log)
            .process_group(0);
        Ok(Router {
            process: Process::start(&mut command)?,
            folder: folder.to_owned(),
        })
    }

    /// How often its log has this text.
    pub fn says(&self, text: &str) -> usize {
        let log = fs::read_to_string(self.folder.join("log")).unwrap_or_default();
        log.matches(text).count()
    }

    /// Waits until its log has this text so often.
    pub fn wait(&self, text: &str, times: usize, limit: Duration) -> Result<()> {
        let begun = Instant::now();
        while self.says(text) < times {
            if begun.elapsed() > limit {
                let tail = crate::process::tail(&self.folder.join("log"));
                bail!("`{text}` came {} times of {times}{tail}", self.says(text));
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        Ok(())
    }

    /// A file of its folder.
    pub fn read(&self, name: &str) -> Result<String> {
        fs::read_to_string(self.folder.join(name)).with_context(|| format!("reading {name}"))
    }
}

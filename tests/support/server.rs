//! A program of somebody else that serves, running as its own process in a host of the lab.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use anyhow::{Context, Result, bail};
use nix::sys::signal::Signal;

use crate::netns::Netns;
use crate::{process, wait};

/// A program that does not listen by then never will.
const START_LIMIT: Duration = Duration::from_secs(15);

/// Where a server is seen to listen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Port {
    /// A TCP port.
    Tcp(u16),
    /// A UDP port.
    Udp(u16),
}

impl Port {
    /// Whether something listens there in `host`, whatever its address. Nobody is connected to, so that the server
    /// is not disturbed.
    ///
    /// # Errors
    /// When the kernel does not tell.
    pub fn is_open(self, host: &Netns) -> Result<bool> {
        let kind = match self {
            Self::Tcp(_) => "tcp",
            Self::Udp(_) => "udp",
        };
        host.run(|| {
            let mut open = false;
            for family in ["", "6"] {
                // A kernel without IPv6 has only the first.
                let text = fs::read_to_string(format!("/proc/thread-self/net/{kind}{family}"));
                open |= self.is_in(&text.unwrap_or_default());
            }
            Ok(open)
        })
    }

    /// Reads the kernel's list of sockets: the state of one that listens is 0A for TCP, 07 for UDP.
    fn is_in(self, text: &str) -> bool {
        let (port, listening) = match self {
            Self::Tcp(port) => (port, "0A"),
            Self::Udp(port) => (port, "07"),
        };
        let port = format!(":{port:04X}");
        text.lines().skip(1).any(|line| {
            let mut words = line.split_whitespace().skip(1);
            let local = words.next().is_some_and(|local| local.ends_with(&port));
            local && words.nth(1) == Some(listening)
        })
    }
}

/// One server. It is killed, children first, when this is dropped.
#[derive(Debug)]
pub struct Server {
    program: &'static str,
    arguments: Vec<String>,
    folder: PathBuf,
    ports: Vec<Port>,
    child: Option<Child>,
}

impl Server {
    /// Prepares a server, which is to stay in the foreground and works in `folder`.
    ///
    /// # Errors
    /// When the folder cannot be made.
    pub fn new(program: &'static str, folder: &Path, ports: &[Port]) -> Result<Self> {
        fs::create_dir_all(folder).with_context(|| format!("make {}", folder.display()))?;
        Ok(Self {
            program,
            arguments: Vec::new(),
            folder: folder.to_owned(),
            ports: ports.to_vec(),
            child: None,
        })
    }

    /// Adds arguments.
    #[must_use]
    pub fn args<T: Into<String>>(mut self, arguments: impl IntoIterator<Item = T>) -> Self {
        self.arguments.extend(arguments.into_iter().map(Into::into));
        self
    }

    /// Its folder.
    #[must_use]
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// Starts it in `host` without waiting for it.
    ///
    /// # Errors
    /// When the program is not there.
    pub fn launch(&mut self, host: &Netns) -> Result<()> {
        let log = File::create(self.folder.join("server.log")).context("make a log file")?;
        self.child = Some(host.run(|| {
            Command::new(self.program)
                .args(&self.arguments)
                .current_dir(&self.folder)
                .stdin(Stdio::null())
                .stdout(log.try_clone()?)
                .stderr(log)
                .spawn()
                .with_context(|| format!("start {}", self.program))
        })?);
        Ok(())
    }

    /// Waits until it listens on all its ports.
    ///
    /// # Errors
    /// When it does not come up; what it said is in the message.
    pub fn ready(&mut self, host: &Netns) -> Result<()> {
        let (ports, child) = (self.ports.clone(), &mut self.child);
        let what = format!("{} to listen", self.program);
        wait::until(&what, START_LIMIT, || {
            if let Some(status) = child.as_mut().map(Child::try_wait).transpose()?.flatten() {
                bail!("it ended: {status}");
            }
            for port in &ports {
                if !port.is_open(host)? {
                    return Ok(None);
                }
            }
            Ok(Some(()))
        })
        .with_context(|| format!("{} said: {}", self.program, self.said()))
    }

    /// Starts it in `host` and waits until it listens.
    ///
    /// # Errors
    /// When it does not come up.
    pub fn start(&mut self, host: &Netns) -> Result<()> {
        self.launch(host)?;
        self.ready(host)
    }

    /// What it has said on its outputs.
    #[must_use]
    pub fn said(&self) -> String {
        let said = fs::read(self.folder.join("server.log")).unwrap_or_default();
        String::from_utf8_lossy(&said).into_owned()
    }

    /// Sends it a signal.
    ///
    /// # Errors
    /// When it does not run.
    pub fn signal(&self, signal: Signal) -> Result<()> {
        let child = self.child.as_ref().context("it does not run")?;
        process::signal(child.id(), signal)
    }

    /// Kills it; its ports are closed then.
    pub fn kill(&mut self) {
        if let Some(mut child) = self.child.take() {
            process::kill_tree(child.id());
            let _gone_already = child.wait();
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.kill();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Read on Linux 6.1: ssh listens on port 22, and has a client; a DNS server on UDP port 53.
    const TCP: &str = "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode
   0: 00000000:0016 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 1131 1 0 100 0 0 10 0
   1: 0A01A8C0:C350 0B01A8C0:0050 01 00000000:00000000 02:000A9E43 00000000     0        0 1132 2 0 20 4 30 10 -1
";
    const UDP: &str = "   sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode ref pointer drops
  100: 0100007F:0035 00000000:0000 07 00000000:00000000 00:00000000 00000000     0        0 1133 2 0 0
";

    #[test]
    fn only_listeners_count() {
        assert!(Port::Tcp(22).is_in(TCP));
        assert!(!Port::Tcp(80).is_in(TCP));
        assert!(!Port::Tcp(50000).is_in(TCP));
        assert!(Port::Udp(53).is_in(UDP));
        assert!(!Port::Udp(54).is_in(UDP));
    }
}

//! One network namespace: a host of the lab.

use std::fs::File;
use std::io::Write;
use std::path::PathBuf;
use std::process::{Command, Stdio};

use anyhow::{Context, Result, anyhow, bail};
use nix::sched::{CloneFlags, setns};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

/// All namespaces of the lab begin with this, so that leftovers of a killed run can be recognised.
pub const PREFIX: &str = "lab-";

/// A network namespace that is deleted, with every process in it, when this is dropped.
#[derive(Debug)]
pub struct Netns {
    name: String,
}

impl Netns {
    /// Creates the namespace `lab-NAME` with its loopback up.
    ///
    /// # Errors
    /// When `ip netns add` refuses.
    pub fn create(name: &str) -> Result<Self> {
        let name = format!("{PREFIX}{name}");
        ip(&["netns", "add", &name])?;
        let made = Self { name };
        made.ip_batch("link set lo up\n")?;
        Ok(made)
    }

    /// The name as `ip netns` knows it.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Runs `act` on a thread of its own that lives in this namespace. Sockets opened and programs started there
    /// belong to it. (For files, only `/proc/thread-self/net` and `/proc/sys/net` show the namespace.)
    ///
    /// # Errors
    /// Those of `act`, or when the namespace cannot be entered.
    pub fn run<T: Send>(&self, act: impl FnOnce() -> Result<T> + Send) -> Result<T> {
        let door = self.door();
        std::thread::scope(|scope| {
            scope
                .spawn(move || {
                    door.enter()?;
                    act()
                })
                .join()
                .map_err(|_| anyhow!("a thread in {} panicked", self.name))?
        })
    }

    /// A way for a long-lived thread to get in.
    #[must_use]
    pub fn door(&self) -> Door {
        Door {
            name: self.name.clone(),
        }
    }

    /// A command that starts `program` inside, with the namespace's own view of /sys.
    #[must_use]
    pub fn command(&self, program: &str) -> Command {
        let mut command = Command::new("ip");
        command
            .args(["netns", "exec", &self.name, program])
            .stdin(Stdio::null());
        command
    }

    /// Runs a small program to its end and gives its standard output.
    ///
    /// # Errors
    /// When it cannot be started or ends with a failure (its standard error is in the message).
    pub fn output(&self, program: &str, args: &[&str]) -> Result<String> {
        self.run(|| {
            let mut command = Command::new(program);
            command.args(args).stdin(Stdio::null());
            finish(command)
                .with_context(|| format!("{program} {} in {}", args.join(" "), self.name))
        })
    }

    /// Hands lines of `ip` commands to one `ip -batch`.
    ///
    /// # Errors
    /// When one of them fails.
    pub fn ip_batch(&self, lines: &str) -> Result<()> {
        let mut child = Command::new("ip")
            .args(["-n", &self.name, "-batch", "-"])
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .context("start ip")?;
        if let Some(mut pipe) = child.stdin.take() {
            pipe.write_all(lines.as_bytes()).context("write to ip")?;
        }
        let done = child.wait_with_output().context("wait for ip")?;
        if !done.status.success() {
            bail!(
                "ip -batch in {}: {}",
                self.name,
                String::from_utf8_lossy(&done.stderr).trim()
            );
        }
        Ok(())
    }

    /// Sets `net/...` sysctls of this namespace.
    ///
    /// # Errors
    /// When the kernel does not have one or refuses the value.
    pub fn sysctl(&self, settings: &[(&str, &str)]) -> Result<()> {
        self.run(|| {
            settings.iter().try_for_each(|(path, value)| {
                std::fs::write(format!("/proc/sys/net/{path}"), value)
                    .with_context(|| format!("set {path} to {value}"))
            })
        })
    }

    /// The IPv4 addresses that this host holds, as `interface address/length`.
    ///
    /// # Errors
    /// When `ip` fails.
    pub fn addresses(&self) -> Result<Vec<String>> {
        let listed = self.output("ip", &["-4", "-o", "address", "show"])?;
        Ok(listed
            .lines()
            .filter_map(|line| {
                let mut words = line.split_whitespace().skip(1);
                let interface = words.next()?;
                words.next()?;
                Some(format!("{interface} {}", words.next()?))
            })
            .collect())
    }
}

impl Drop for Netns {
    fn drop(&mut self) {
        remove(&self.name);
    }
}

/// The right to enter a namespace, apart from owning it.
#[derive(Debug, Clone)]
pub struct Door {
    name: String,
}

impl Door {
    /// Moves the calling thread into the namespace, for good.
    ///
    /// # Errors
    /// When the namespace is gone or the process may not.
    pub fn enter(&self) -> Result<()> {
        let path = PathBuf::from("/run/netns").join(&self.name);
        let file = File::open(&path).with_context(|| format!("open {}", path.display()))?;
        setns(file, CloneFlags::CLONE_NEWNET).with_context(|| format!("enter {}", self.name))
    }
}

/// Removes what a killed run of the lab left behind.
pub fn sweep() {
    let Ok(listed) = ip(&["netns", "list"]) else {
        return;
    };
    for name in listed
        .lines()
        .filter_map(|line| line.split_whitespace().next())
    {
        if name.starts_with(PREFIX) {
            remove(name);
        }
    }
}

fn remove(name: &str) {
    // Twice: a daemon's parent may start a child between the listing and the kill.
    for _ in 0..2 {
        let Ok(listed) = ip(&["netns", "pids", name]) else {
            continue;
        };
        for pid in listed
            .lines()
            .filter_map(|line| line.trim().parse::<i32>().ok())
        {
            let _gone_already = kill(Pid::from_raw(pid), Signal::SIGKILL);
        }
    }
    let _gone_already = ip(&["netns", "delete", name]);
}

fn ip(args: &[&str]) -> Result<String> {
    let mut command = Command::new("ip");
    command.args(args).stdin(Stdio::null());
    finish(command).with_context(|| format!("ip {}", args.join(" ")))
}

fn finish(mut command: Command) -> Result<String> {
    let done = command.output().context("start it")?;
    if !done.status.success() {
        bail!(
            "{}: {}",
            done.status,
            String::from_utf8_lossy(&done.stderr).trim()
        );
    }
    Ok(String::from_utf8_lossy(&done.stdout).into_owned())
}

//! One network namespace: a host of the lab.

use std::fs::{self, File};
use std::io::Write;
use std::os::unix::fs::MetadataExt;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};

use anyhow::{Context, Result, anyhow, bail, ensure};
use nix::fcntl::{Flock, FlockArg};
use nix::ifaddrs::getifaddrs;
use nix::mount::{MntFlags, umount2};
use nix::sched::{CloneFlags, setns};
use tokio::signal::unix::{SignalKind, signal};

use crate::process;

/// All namespaces of the lab begin with this, so that leftovers of a killed run can be recognised.
pub const PREFIX: &str = "lab-";

/// Set when the lab is interrupted: no more hosts.
static CLOSED: AtomicBool = AtomicBool::new(false);

/// A network namespace that is deleted, with every process in it, when this is dropped.
#[derive(Debug)]
pub struct Netns {
    name: String,
}

impl Netns {
    /// Creates the namespaces `lab-GROUP-NAME`.
    ///
    /// # Errors
    /// When `ip netns add` refuses.
    pub fn create<const N: usize>(group: &str, names: [&str; N]) -> Result<[Self; N]> {
        ensure!(!CLOSED.load(Ordering::SeqCst), "the lab is being closed");
        let hosts = names.map(|name| Self {
            name: format!("{PREFIX}{group}-{name}"),
        });
        let lines: String = hosts
            .iter()
            .map(|host| format!("netns add {}\n", host.name))
            .collect();
        batch(&["-batch", "-"], &lines)?;
        Ok(hosts)
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
        batch(&["-n", &self.name, "-batch", "-"], lines)
            .with_context(|| format!("in {}", self.name))
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
    /// When the kernel does not tell.
    pub fn addresses(&self) -> Result<Vec<String>> {
        self.run(|| {
            let listed = getifaddrs().context("list the addresses")?;
            Ok(listed
                .filter_map(|one| {
                    let (address, mask) = (one.address?, one.netmask?);
                    let name = one.interface_name;
                    if let (Some(address), Some(mask)) =
                        (address.as_sockaddr_in(), mask.as_sockaddr_in())
                    {
                        let length = mask.ip().to_bits().count_ones();
                        return Some(format!("{name} {}/{length}", address.ip()));
                    }
                    let length = mask.as_sockaddr_in6()?.ip().to_bits().count_ones();
                    Some(format!(
                        "{name} {}/{length}",
                        address.as_sockaddr_in6()?.ip()
                    ))
                })
                .collect())
        })
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

/// The right to run a lab on this kernel: one at a time, since each removes what it takes for leftovers.
#[derive(Debug)]
pub struct Ground {
    _lock: Flock<File>,
}

impl Ground {
    /// Waits for other labs to end, and removes what a killed one left behind. An interrupt or a request to end
    /// clears the ground too.
    ///
    /// # Errors
    /// When the lock file cannot be made.
    pub fn take() -> Result<Self> {
        let file = File::create("/run/rkeepalived-lab.lock").context("make the lab's lock file")?;
        let lock = Flock::lock(file, FlockArg::LockExclusive)
            .map_err(|(_, error)| error)
            .context("take the lab's lock")?;
        sweep();
        // With handlers, not with a blocked mask: the daemons under test would inherit that.
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .context("make a runtime")?;
        let (mut interrupt, mut end) = {
            let _inside = runtime.enter();
            (
                signal(SignalKind::interrupt())?,
                signal(SignalKind::terminate())?,
            )
        };
        std::thread::spawn(move || {
            runtime.block_on(async {
                tokio::select! {
                    _ = interrupt.recv() => {}
                    _ = end.recv() => {}
                }
            });
            // Stories go on until the process ends, so first nothing new may be made, then all goes.
            CLOSED.store(true, Ordering::SeqCst);
            while sweep() > 0 {}
            std::process::exit(130);
        });
        Ok(Self { _lock: lock })
    }
}

/// Removes every host of the lab and every private folder, and says how many there were.
fn sweep() -> usize {
    let named = |folder: &str| {
        let entries = fs::read_dir(folder).into_iter().flatten().flatten();
        entries.filter(|entry| {
            entry
                .file_name()
                .to_str()
                .is_some_and(|name| name.starts_with(PREFIX))
        })
    };
    let mut count = 0;
    for entry in named("/run/netns") {
        remove(&entry.file_name().to_string_lossy());
        count += 1;
    }
    for entry in named("/run") {
        let _gone_already = fs::remove_dir_all(entry.path());
        count += 1;
    }
    count
}

/// Ends what runs in a namespace and takes the namespace's name away, as `ip netns delete` does, but without starting
/// programs, which are dear on the lab's kernel.
fn remove(name: &str) {
    let path = PathBuf::from("/run/netns").join(name);
    if let Ok(netns) = fs::metadata(&path) {
        // Twice: a daemon's parent may start a child between the listing and the kill.
        for _ in 0..2 {
            for pid in process::all() {
                let theirs = fs::metadata(format!("/proc/{pid}/ns/net"));
                if theirs
                    .is_ok_and(|theirs| theirs.ino() == netns.ino() && theirs.dev() == netns.dev())
                {
                    process::kill_tree(pid);
                }
            }
        }
    }
    let _gone_already = umount2(&path, MntFlags::MNT_DETACH);
    let _gone_already = fs::remove_file(&path);
}

fn batch(args: &[&str], lines: &str) -> Result<()> {
    let mut child = Command::new("ip")
        .args(args)
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
            "ip -batch: {}",
            String::from_utf8_lossy(&done.stderr).trim()
        );
    }
    Ok(())
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

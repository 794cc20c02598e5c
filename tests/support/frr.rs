//! FRR's vrrpd as a router on a host: a VRRP speaker that knows nothing of keepalived.
//!
//! Its way to own a virtual address: each family of a virtual router has a macvlan with the virtual router's hardware address
//! and the addresses on it, made before vrrpd starts; who is no master has it without a carrier (`protodown`). So the
//! kernel's word for "master" is that interface's state. zebra, which tells vrrpd of the interfaces and sets that, runs beside it.

use std::fs::{self, File};
use std::os::unix::fs::{PermissionsExt, chown};
use std::path::{Path, PathBuf};
use std::process::{Child, Stdio};
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use nix::sys::signal::Signal;
use nix::unistd::User;
use tempfile::TempDir;

use crate::netns::Netns;
use crate::{process, wait};

/// The programs.
pub const PROGRAMS: &[&str] = &[
    "/usr/lib/frr/zebra",
    "/usr/lib/frr/vrrpd",
    "/usr/bin/tcpdump",
    "/usr/bin/tshark",
];

const PATIENCE: Duration = Duration::from_secs(20);

/// What a virtual router of FRR is.
#[derive(Debug, Clone)]
pub struct Router {
    /// Virtual router id.
    pub vrid: u8,
    /// 2 or 3.
    pub version: u8,
    /// Milliseconds between adverts, a multiple of 10.
    pub interval: u32,
    /// The virtual address and the length of its prefix, as `10.9.0.1/24`.
    pub address: &'static str,
}

impl Router {
    fn six(&self) -> bool {
        self.address.contains(':')
    }

    /// Its macvlan.
    #[must_use]
    pub fn interface(&self) -> String {
        let family = if self.six() { 6 } else { 4 };
        format!("vrrp{family}-{}", self.vrid)
    }

    /// RFC 9568 7.3.
    fn mac(&self) -> String {
        let family = if self.six() { 2 } else { 1 };
        format!("00:00:5e:00:0{family}:{:02x}", self.vrid)
    }

    fn text(&self, log: &Path, priority: u8) -> String {
        let Self {
            vrid,
            version,
            interval,
            address,
        } = self;
        let (address, _length) = address.split_once('/').unwrap_or((address, ""));
        let family = if self.six() { "ipv6" } else { "ip" };
        format!(
            "log file {} debugging\ninterface eth1\n vrrp {vrid} version {version}\n vrrp {vrid} priority {priority}\n \
             vrrp {vrid} advertisement-interval {interval}\n vrrp {vrid} {family} {address}\n",
            log.display()
        )
    }
}

/// One host's vrrpd and zebra. They are killed when this is dropped.
#[derive(Debug)]
pub struct Frr {
    host: Arc<Netns>,
    router: Router,
    /// FRR's own user must get at it, which no folder of a stage allows.
    folder: TempDir,
    running: Vec<Child>,
    run: u32,
}

impl Frr {
    /// Makes the folder; nothing runs yet.
    ///
    /// # Errors
    /// When there is no user `frr`, as Debian's package makes it.
    pub fn prepare(host: &Arc<Netns>, router: Router) -> Result<Self> {
        let folder = tempfile::Builder::new()
            .prefix("lab-frr-")
            .tempdir_in("/run")
            .context("make a folder under /run")?;
        let user = User::from_name("frr")?.context("there is no user `frr`")?;
        chown(
            folder.path(),
            Some(user.uid.as_raw()),
            Some(user.gid.as_raw()),
        )?;
        Ok(Self {
            host: Arc::clone(host),
            router,
            folder,
            running: Vec::new(),
            run: 0,
        })
    }

    /// Makes the macvlan and starts both programs.
    ///
    /// # Errors
    /// When vrrpd does not get to start its virtual router.
    pub fn start(&mut self, priority: u8) -> Result<()> {
        ensure!(self.running.is_empty(), "it runs already");
        self.run += 1;
        let (name, mac, address) = (
            self.router.interface(),
            self.router.mac(),
            self.router.address,
        );
        // The interface has a carrier from the moment on that it is master, and can send at once only of an address that is not
        // looked for first.
        self.host.sysctl(&[("ipv6/conf/default/accept_dad", "0")])?;
        self.host.ip_batch(&format!(
            "link add {name} link eth1 address {mac} type macvlan mode bridge\naddress add {address} dev {name}\n\
             link set {name} up\n"
        ))?;
        fs::write(self.config(), self.router.text(&self.log_path(), priority))?;
        fs::set_permissions(self.config(), fs::Permissions::from_mode(0o644))?;
        self.spawn("zebra", Path::new("/dev/null"))?;
        let socket = self.folder.path().join("zserv.api");
        wait::until("zebra's socket", PATIENCE, || {
            Ok(socket.exists().then_some(()))
        })?;
        self.spawn("vrrpd", &self.config())?;
        wait::until("FRR's virtual router to start", PATIENCE, || {
            Ok(self.log().contains("Initialize -> ").then_some(()))
        })
        .with_context(|| self.log())
    }

    fn spawn(&mut self, program: &str, config: &Path) -> Result<()> {
        let folder = self.folder.path();
        let said = File::create(folder.join(format!("{program}.said")))?;
        let mut command = self.host.command(&format!("/usr/lib/frr/{program}"));
        command
            .arg("-z")
            .arg(folder.join("zserv.api"))
            .arg("--vty_socket")
            .arg(folder)
            .arg("-i")
            .arg(folder.join(format!("{program}.pid")))
            .arg("-f")
            .arg(config)
            .stdin(Stdio::null())
            .stdout(said.try_clone()?)
            .stderr(said);
        let child = command
            .spawn()
            .with_context(|| format!("start FRR's {program}"))?;
        self.running.push(child);
        Ok(())
    }

    fn config(&self) -> PathBuf {
        self.folder.path().join("frr.conf")
    }

    fn log_path(&self) -> PathBuf {
        self.folder.path().join(format!("run-{}.log", self.run))
    }

    /// What vrrpd has logged in this run, or what both said instead.
    #[must_use]
    pub fn log(&self) -> String {
        let read = |path: PathBuf| {
            String::from_utf8_lossy(&fs::read(path).unwrap_or_default()).into_owned()
        };
        let said = ["zebra.said", "vrrpd.said"].map(|name| read(self.folder.path().join(name)));
        let log = read(self.log_path());
        // What it says at each change of an interface drowns the rest.
        let telling = |line: &&str| !line.contains("Refusing to start Virtual Router");
        let log: Vec<&str> = log.lines().filter(telling).collect();
        format!("{}\n{}", log.join("\n"), said.concat())
    }

    /// Whether its interface has a carrier, which is: whether it is master.
    ///
    /// # Errors
    /// When the kernel does not tell.
    pub fn holds(&self) -> Result<bool> {
        let name = self.router.interface();
        let shown = self.host.output("ip", &["-o", "link", "show", &name])?;
        Ok(shown.contains(",LOWER_UP") && !shown.contains("protodown on"))
    }

    /// Waits until it is master, or is not.
    ///
    /// # Errors
    /// When that does not come.
    pub fn wait(&self, master: bool) -> Result<()> {
        let what = format!("FRR to be {}", if master { "master" } else { "backup" });
        wait::until(&what, PATIENCE, || {
            Ok((self.holds()? == master).then_some(()))
        })
        .with_context(|| self.log())
    }

    /// The power goes: both die and the interface with them.
    ///
    /// # Errors
    /// When nothing runs.
    pub fn kill(&mut self) -> Result<()> {
        self.end(|child| {
            process::kill_tree(child.id());
            child.wait()?;
            Ok(())
        })
    }

    /// Asks vrrpd to stop, then zebra.
    ///
    /// # Errors
    /// When one does not end.
    pub fn stop(&mut self) -> Result<()> {
        self.end(|child| {
            process::signal(child.id(), Signal::SIGTERM)?;
            process::wait_for_end(child, PATIENCE)?;
            Ok(())
        })
    }

    fn end(&mut self, mut how: impl FnMut(&mut Child) -> Result<()>) -> Result<()> {
        ensure!(!self.running.is_empty(), "FRR does not run");
        for child in self.running.iter_mut().rev() {
            how(child)?;
        }
        self.running.clear();
        let _gone_already = fs::remove_file(self.folder.path().join("zserv.api"));
        self.host
            .ip_batch(&format!("link delete {}\n", self.router.interface()))
    }
}

impl Drop for Frr {
    fn drop(&mut self) {
        for child in &mut self.running {
            process::kill_tree(child.id());
            let _gone = child.wait();
        }
    }
}

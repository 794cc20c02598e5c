//! One run of a lab kernel over the host's files: started, followed, and ended when it must.
//!
//! Everything the guest leaves behind (its output, its exit status) is a file in one folder under target/lab,
//! which it sees at the same absolute path as we do. Writes go through to the host's file, so the output can be
//! followed while the guest runs. Which kernels there are is in `uml` and `qemu`.

use std::fs::{self, File};
use std::io::Read;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Child;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use nix::sys::signal::{Signal, killpg};
use nix::unistd::Pid;

use crate::guest::{Job, quote};
use crate::interrupt::Interrupt;

/// A kernel that has not reached its command by then never will (seen: 3 s, emulated on a busy machine 20 s).
const BOOT_LIMIT: Duration = Duration::from_secs(120);

/// How often the output file is looked at. There is no event for "a file grew" without inotify, and
/// the guest's writes are made by a process of the host, 20 looks a second cost nothing.
const FOLLOW_EVERY: Duration = Duration::from_millis(50);

/// A Linux that boots with the host's files as its own.
pub(crate) trait Kernel {
    /// The folder of its modules, the one that is named after its release.
    fn modules(&self) -> &Path;

    /// The applet of busybox that ends it for good.
    fn end(&self) -> &'static str;

    /// Starts it with `init` of the folder as process 1 and `kernel.log` there as its console.
    ///
    /// Each of the processes leads a group of its own; the kernel is the first, the others serve it.
    fn start(&self, folder: &Path, console: &File) -> Result<Vec<Child>>;
}

/// Boots the kernel, runs the job in it as root, hands its output on as it comes, and returns its exit status.
///
/// `folder` is made anew. When the kernel (not the job) fails, the folder stays for whoever wants to look.
pub(crate) fn run(
    kernel: &dyn Kernel,
    folder: &Path,
    job: &Job,
    limit: Duration,
    interrupt: &Interrupt,
    sink: &mut dyn FnMut(&[u8]),
) -> Result<u8> {
    for hidden in ["/run", "/proc", "/sys", "/dev"] {
        if folder.starts_with(hidden) {
            bail!(
                "{} is not visible in the lab kernel, which mounts its own {hidden}",
                folder.display()
            );
        }
    }
    let mut boot = Boot::new(kernel, folder, job, limit)?;
    let status = boot.follow(limit, interrupt, sink);
    boot.kill();
    if status.is_ok() {
        // Only the kernel's own failures are worth keeping; a leftover folder harms nobody.
        let _ = fs::remove_dir_all(folder);
    }
    status
}

/// One run of the kernel.
struct Boot {
    folder: PathBuf,
    processes: Vec<Child>,
    started: Instant,
}

impl Boot {
    fn new(kernel: &dyn Kernel, folder: &Path, job: &Job, limit: Duration) -> Result<Boot> {
        if folder.exists() {
            fs::remove_dir_all(folder).with_context(|| format!("emptying {}", folder.display()))?;
        }
        fs::create_dir_all(folder).with_context(|| format!("making {}", folder.display()))?;
        let init = folder.join("init");
        let script = init_script(folder, kernel.modules(), kernel.end(), job, limit);
        fs::write(&init, script).context("writing the init script")?;
        fs::set_permissions(&init, fs::Permissions::from_mode(0o755))?;
        File::create(folder.join("output")).context("making the output file")?;
        // Several processes write to it.
        let console = File::options()
            .create(true)
            .append(true)
            .open(folder.join("kernel.log"))
            .context("making kernel.log")?;
        Ok(Boot {
            folder: folder.to_owned(),
            processes: kernel.start(folder, &console)?,
            started: Instant::now(),
        })
    }

    /// Follows the output until the kernel ends, or has to be ended.
    fn follow(
        &mut self,
        limit: Duration,
        interrupt: &Interrupt,
        sink: &mut dyn FnMut(&[u8]),
    ) -> Result<u8> {
        let mut output = File::open(self.folder.join("output")).context("opening the output")?;
        let mut bytes = Vec::new();
        let mut running = false;
        loop {
            // Looked at before the output: what the guest wrote before its end is then surely read.
            let kernel = self
                .processes
                .first_mut()
                .context("no kernel was started")?;
            let ended = kernel.try_wait().context("waiting for the lab kernel")?;
            bytes.clear();
            output
                .read_to_end(&mut bytes)
                .context("reading the output")?;
            if !bytes.is_empty() {
                sink(&bytes);
            }
            if let Some(ended) = ended {
                return self.status(&ended.to_string());
            }
            interrupt.check()?;
            running = running || self.folder.join("running").exists();
            let age = self.started.elapsed();
            if !running && age > BOOT_LIMIT {
                bail!(
                    "the lab kernel did not boot within {} s and was killed{}",
                    BOOT_LIMIT.as_secs(),
                    self.last_words()
                );
            }
            if age > limit {
                bail!(
                    "the lab kernel was still running after {} s and was killed{}",
                    limit.as_secs(),
                    self.last_words()
                );
            }
            std::thread::sleep(FOLLOW_EVERY);
        }
    }

    fn status(&self, ended: &str) -> Result<u8> {
        let path = self.folder.join("status");
        let Ok(text) = fs::read_to_string(&path) else {
            bail!(
                "the lab kernel ended ({ended}) before its command did{}",
                self.last_words()
            );
        };
        text.trim()
            .parse()
            .with_context(|| format!("the lab kernel wrote the status {text:?}"))
    }

    /// The end of what the kernel said, for a message.
    fn last_words(&self) -> String {
        let path = self.folder.join("kernel.log");
        let log = fs::read(&path).unwrap_or_default();
        let log = String::from_utf8_lossy(&log).replace('\r', "");
        let lines: Vec<&str> = log.lines().filter(|line| !line.trim().is_empty()).collect();
        let tail = lines
            .get(lines.len().saturating_sub(12)..)
            .unwrap_or_default();
        if tail.is_empty() {
            return format!("; {} is empty", path.display());
        }
        format!("; the end of {}:\n  {}", path.display(), tail.join("\n  "))
    }

    fn kill(&mut self) {
        // Also after an ordinary end: the kernel's helper processes are not its to wait for.
        for process in &mut self.processes {
            end(process);
        }
    }
}

impl Drop for Boot {
    fn drop(&mut self) {
        if let Some(kernel) = self.processes.first_mut()
            && matches!(kernel.try_wait(), Ok(None))
        {
            self.kill();
        }
    }
}

/// Ends a process and its group.
pub(crate) fn end(process: &mut Child) {
    if let Ok(group) = i32::try_from(process.id()) {
        let _ = killpg(Pid::from_raw(group), Signal::SIGKILL);
    }
    let _ = process.wait();
}

/// What the guest runs as process 1.
fn init_script(folder: &Path, modules: &Path, end: &str, job: &Job, limit: Duration) -> String {
    let folder = quote(&folder.to_string_lossy());
    let modules = quote(&modules.to_string_lossy());
    let limit = limit.as_secs();
    let command = job.shell();
    format!(
        r#"#!/bin/sh
# Made by `cargo xtask`: process 1 of the lab kernel.
export PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
folder={folder}
mount -t proc proc /proc
mount -t sysfs sysfs /sys
grep -q ' /dev devtmpfs ' /proc/mounts || mount -t devtmpfs devtmpfs /dev
# No syslog runs here, so keepalived's lines would go to the console: that is slow, and now and then user-mode-linux's console does
# not take any more, which stops whoever writes to it for good.
mount --bind /dev/null /dev/console
mkdir -p /dev/pts /dev/shm
mount -t devpts devpts /dev/pts
mount -t tmpfs -o mode=1777 tmpfs /dev/shm
mount -t tmpfs -o mode=755 tmpfs /run
mkdir -p /run/lock /run/netns /run/mods/lib/modules
mkdir -m 1777 /run/tmp
ln -s {modules} "/run/mods/lib/modules/$(uname -r)"
printf '#!/bin/sh\nexec /sbin/modprobe -d /run/mods "$@"\n' >/run/modprobe
chmod 755 /run/modprobe
echo /run/modprobe >/proc/sys/kernel/modprobe
/run/modprobe ip_vs || echo 'no module ip_vs in the lab kernel' >&2
# Were these loaded when a service asks for them, the kernel could wait for itself: it loads them under the lock of IPVS, they ask
# for the lock of network namespaces, and a namespace that is going away has that one and asks for the other.
/run/modprobe -a -q ip_vs_lblc ip_vs_lblcr ip_vs_pe_sip
ip link set lo up
busybox hostname lab
# Should the one who booted us be gone, nothing else would ever end this kernel.
( sleep {limit}; sleep 5; busybox {end} -f ) >/dev/null 2>&1 &
: >"$folder/running"
( {command} ) >"$folder/output" 2>&1 </dev/null
echo $? >"$folder/status"
busybox sync
busybox {end} -f
"#
    )
}

#[cfg(test)]
mod tests {
    use std::io::Write;
    use std::process::{Command, Stdio};

    use super::*;

    #[test]
    fn the_init_script_is_valid_shell() {
        let job = Job::new(Path::new("/bin/true"), Path::new("/a folder"))
            .args(["one", "it's two"])
            .env("NAME", "va lue");
        let script = init_script(
            Path::new("/some where/lab"),
            Path::new("/lib/modules/it's one"),
            "halt",
            &job,
            Duration::from_secs(7),
        );
        let mut shell = Command::new("/bin/sh")
            .arg("-n")
            .stdin(Stdio::piped())
            .spawn()
            .unwrap();
        shell
            .stdin
            .take()
            .unwrap()
            .write_all(script.as_bytes())
            .unwrap();
        assert!(shell.wait().unwrap().success());
    }
}

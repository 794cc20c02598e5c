//! Debian's user-mode-linux: a kernel with IPVS that runs as an ordinary process over the host's files.
//!
//! Everything the guest leaves behind (its output, its exit status) is a file in one folder under target/lab,
//! which it sees at the same absolute path as we do. hostfs writes through, so its output can be followed
//! while it runs.

use std::fs::{self, File};
use std::io::{Read, Write};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use nix::sys::signal::{Signal, killpg};
use nix::unistd::Pid;

use crate::guest::Job;
use crate::interrupt::Interrupt;

/// Where Debian's package puts the kernel and its modules.
const KERNEL: &str = "/usr/bin/linux.uml";
const MODULES: &str = "/usr/lib/uml/modules";

/// A kernel that has not reached its command by then never will (seen: 3 s).
const BOOT_LIMIT: Duration = Duration::from_secs(60);

/// How often the output file is looked at. There is no event for "a file grew" without inotify, and
/// hostfs writes are made by the kernel process itself, 20 looks a second cost nothing.
const FOLLOW_EVERY: Duration = Duration::from_millis(50);

/// Memory of the guest; it is taken only when touched.
const MEMORY: &str = "mem=1536M";

/// Why the lab kernel cannot be booted here, if it cannot.
pub(crate) fn missing() -> Option<String> {
    if !Path::new(KERNEL).exists() {
        return Some(format!("no {KERNEL} (Debian package user-mode-linux)"));
    }
    if modules().is_none() {
        return Some(format!(
            "no kernel modules in {MODULES} (package user-mode-linux)"
        ));
    }
    if !Path::new("/bin/busybox").exists() {
        return Some("no /bin/busybox (package busybox-static)".to_owned());
    }
    None
}

fn modules() -> Option<PathBuf> {
    let mut found: Vec<PathBuf> = fs::read_dir(MODULES)
        .ok()?
        .filter_map(|entry| Some(entry.ok()?.path()))
        .collect();
    found.sort();
    found.pop()
}

/// Boots the kernel, runs the job in it as root, hands its output on as it comes, and returns its exit status.
///
/// `folder` is made anew. When the kernel (not the job) fails, the folder stays for whoever wants to look.
pub(crate) fn run(
    folder: &Path,
    job: &Job,
    limit: Duration,
    interrupt: &Interrupt,
    sink: &mut dyn FnMut(&[u8]),
) -> Result<u8> {
    if let Some(reason) = missing() {
        bail!("the lab kernel cannot run: {reason}");
    }
    for hidden in ["/run", "/proc", "/sys", "/dev"] {
        if folder.starts_with(hidden) {
            bail!(
                "{} is not visible in the lab kernel, which mounts its own {hidden}",
                folder.display()
            );
        }
    }
    let mut boot = Boot::new(folder, job, limit)?;
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
    kernel: Child,
    started: Instant,
}

impl Boot {
    fn new(folder: &Path, job: &Job, limit: Duration) -> Result<Boot> {
        if folder.exists() {
            fs::remove_dir_all(folder).with_context(|| format!("emptying {}", folder.display()))?;
        }
        fs::create_dir_all(folder).with_context(|| format!("making {}", folder.display()))?;
        let init = folder.join("init");
        fs::write(&init, init_script(folder, job, limit)).context("writing the init script")?;
        fs::set_permissions(&init, fs::Permissions::from_mode(0o755))?;
        File::create(folder.join("output")).context("making the output file")?;
        let console = File::create(folder.join("kernel.log")).context("making kernel.log")?;

        // The kernel maps its memory from a file in TMPDIR: /dev/shm is memory, and what UML wants.
        let kernel = Command::new(KERNEL)
            .args([MEMORY, "rootfstype=hostfs", "rootflags=/", "rw", "quiet"])
            .args(["con=null", "con0=null,fd:2"])
            .arg(format!("init={}", init.display()))
            .arg(format!("uml_dir={}", folder.display()))
            .arg("umid=uml")
            .env_clear()
            .env("PATH", "/usr/sbin:/usr/bin:/sbin:/bin")
            .env("HOME", folder)
            .env("TMPDIR", "/dev/shm")
            .stdin(Stdio::null())
            .stdout(console.try_clone()?)
            .stderr(console)
            // Its own group, so that the kernel and all its helpers can be ended by one signal.
            .process_group(0)
            .spawn()
            .with_context(|| format!("starting {KERNEL}"))?;
        Ok(Boot {
            folder: folder.to_owned(),
            kernel,
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
            let ended = self
                .kernel
                .try_wait()
                .context("waiting for the lab kernel")?;
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
        if let Ok(group) = i32::try_from(self.kernel.id()) {
            // Also after an ordinary end: the kernel's helper processes are not its to wait for.
            let _ = killpg(Pid::from_raw(group), Signal::SIGKILL);
        }
        let _ = self.kernel.wait();
    }
}

impl Drop for Boot {
    fn drop(&mut self) {
        if matches!(self.kernel.try_wait(), Ok(None)) {
            self.kill();
        }
    }
}

/// What the guest runs as process 1.
fn init_script(folder: &Path, job: &Job, limit: Duration) -> String {
    let modules = modules().unwrap_or_else(|| PathBuf::from(MODULES));
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
ip link set lo up
busybox hostname lab
# Should the one who booted us be gone, nothing else would ever end this kernel.
( sleep {limit}; sleep 5; busybox halt -f ) >/dev/null 2>&1 &
: >"$folder/running"
( {command} ) >"$folder/output" 2>&1 </dev/null
echo $? >"$folder/status"
busybox sync
busybox halt -f
"#
    )
}

/// One word of a shell command, whatever is in it.
pub(crate) fn quote(word: &str) -> String {
    format!("'{}'", word.replace('\'', r"'\''"))
}

/// Writes bytes to our stdout at once; a reader that went away is not our business.
pub(crate) fn to_stdout(bytes: &[u8]) {
    let mut stdout = std::io::stdout().lock();
    let _ = stdout.write_all(bytes).and_then(|()| stdout.flush());
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_quoted_word_stays_one_word() {
        for word in [
            "plain",
            "two words",
            "it's",
            "$HOME `x` \"q\" \\",
            "",
            "a\nb",
        ] {
            let output = Command::new("/bin/sh")
                .args(["-c", &format!("printf '%s|' {}", quote(word))])
                .output()
                .unwrap();
            assert_eq!(
                String::from_utf8(output.stdout).unwrap(),
                format!("{word}|")
            );
        }
    }

    #[test]
    fn the_init_script_is_valid_shell() {
        let job = Job::new(Path::new("/bin/true"), Path::new("/a folder"))
            .args(["one", "it's two"])
            .env("NAME", "va lue");
        let script = init_script(Path::new("/some where/lab"), &job, Duration::from_secs(7));
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

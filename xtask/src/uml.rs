//! Debian's user-mode-linux: a kernel with IPVS that runs as an ordinary process over the host's files.
//!
//! User code runs at the machine's speed there. It has no nftables and no process events; `qemu` has.
//!
//! Each kernel keeps to one of the machine's processors. It has but one itself, and what is a switch from kernel to program
//! there is one between two processes here: across two processors that takes more than twice as long.

use std::fs::{self, File};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};

use anyhow::{Context, Result, bail};
use nix::sched::{CpuSet, sched_getaffinity, sched_setaffinity};
use nix::unistd::Pid;

use crate::boot::Kernel;

/// Where Debian's package puts the kernel and its modules.
pub(crate) const KERNEL: &str = "/usr/bin/linux.uml";
const MODULES: &str = "/usr/lib/uml/modules";

/// Memory of the guest; it is taken only when touched.
const MEMORY: &str = "mem=1536M";

/// The kernel of the installed package.
#[derive(Debug)]
pub(crate) struct Uml {
    modules: PathBuf,
}

impl Uml {
    /// Looks for it; the error says what is missing.
    pub(crate) fn find() -> Result<Uml> {
        if !Path::new(KERNEL).exists() {
            bail!("no {KERNEL} (Debian package user-mode-linux)");
        }
        let Some(modules) = modules() else {
            bail!("no kernel modules in {MODULES} (package user-mode-linux)");
        };
        if !Path::new("/bin/busybox").exists() {
            bail!("no /bin/busybox (package busybox-static)");
        }
        Ok(Uml { modules })
    }
}

/// The folder of the kernel's modules.
pub(crate) fn modules() -> Option<PathBuf> {
    let mut found: Vec<PathBuf> = fs::read_dir(MODULES)
        .ok()?
        .filter_map(|entry| Some(entry.ok()?.path()))
        .collect();
    found.sort();
    found.pop()
}

/// This thread, and with it what it starts, kept to one processor for a while: to the next of those that it may use.
struct Kept {
    before: CpuSet,
}

impl Kept {
    fn to_one_processor() -> Result<Kept> {
        static TURN: AtomicUsize = AtomicUsize::new(0);
        let this = Pid::from_raw(0);
        let before =
            sched_getaffinity(this).context("asking for the processors that may be used")?;
        let usable: Vec<usize> = (0..CpuSet::count())
            .filter(|&processor| before.is_set(processor).unwrap_or(false))
            .collect();
        let turn = TURN.fetch_add(1, Ordering::Relaxed);
        if let Some(processor) = usable.get(turn.checked_rem(usable.len()).unwrap_or(0)) {
            let mut one = CpuSet::new();
            one.set(*processor).context("choosing a processor")?;
            sched_setaffinity(this, &one).context("keeping to one processor")?;
        }
        Ok(Kept { before })
    }
}

impl Drop for Kept {
    fn drop(&mut self) {
        // What may be used has just been asked for.
        let _ = sched_setaffinity(Pid::from_raw(0), &self.before);
    }
}

impl Kernel for Uml {
    fn modules(&self) -> &Path {
        &self.modules
    }

    fn end(&self) -> &'static str {
        "halt"
    }

    fn start(&self, folder: &Path, console: &File) -> Result<Vec<Child>> {
        let _kept = Kept::to_one_processor()?;
        // The kernel maps its memory from a file in TMPDIR: /dev/shm is memory, and what UML wants.
        let kernel = Command::new(KERNEL)
            .args([MEMORY, "rootfstype=hostfs", "rootflags=/", "rw", "quiet"])
            .args(["con=null", "con0=null,fd:2"])
            .arg(format!("init={}", folder.join("init").display()))
            .arg(format!("uml_dir={}", folder.display()))
            .arg("umid=uml")
            .env_clear()
            .env("PATH", "/usr/sbin:/usr/bin:/sbin:/bin")
            .env("HOME", folder)
            .env("TMPDIR", "/dev/shm")
            .stdin(Stdio::null())
            .stdout(console.try_clone()?)
            .stderr(console.try_clone()?)
            // Its own group, so that the kernel and all its helpers can be ended by one signal.
            .process_group(0)
            .spawn()
            .with_context(|| format!("starting {KERNEL}"))?;
        Ok(vec![kernel])
    }
}

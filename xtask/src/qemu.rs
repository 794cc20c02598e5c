//! Debian's cloud kernel under QEMU's emulation: what user-mode-linux lacks (nftables, process events) together with
//! IPVS, on machines that cannot run virtual machines.
//!
//! The host's files come in through virtiofsd. Emulated, user code is 20 to 30 times slower than on the machine:
//! this lab is for what must hold, not for how fast. See docs/adr/0009.

use std::ffi::OsString;
use std::fs::{self, File};
use std::os::fd::{AsRawFd, OwnedFd};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::{UnixListener, UnixStream};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use anyhow::{Context, Result, ensure};

use crate::boot::{self, Kernel};
use crate::guest::quote;
use crate::lab::is_root;
use crate::unpacked::Unpacked;

const BUSYBOX: &str = "/bin/busybox";

/// Memory of the guest in MiB; it is taken only when touched.
const MEMORY: &str = "1024M";

/// What the first programs need to reach the host's files.
const MODULES: [&str; 2] = ["virtio_pci", "virtiofs"];

/// Where QEMU's packages put what QEMU loads into a guest.
const FIRMWARE: [&str; 2] = ["usr/share/qemu", "usr/share/seabios"];

/// QEMU, its file server, and a kernel.
#[derive(Debug)]
pub(crate) struct Qemu {
    unpacked: Unpacked,
    qemu: PathBuf,
    virtiofsd: PathBuf,
    kernel: PathBuf,
    release: String,
    modules: PathBuf,
}

impl Qemu {
    /// Looks for it, and fetches what is missing; the error says why it cannot be had.
    pub(crate) fn find(target: &Path) -> Result<Qemu> {
        ensure!(
            std::env::consts::ARCH == "x86_64",
            "the kernel that QEMU emulates is for x86_64 only"
        );
        // virtiofsd sees all files, and serves them with their owners.
        ensure!(is_root(), "the lab under QEMU needs root");
        ensure!(
            Path::new(BUSYBOX).exists(),
            "no {BUSYBOX} (Debian package busybox-static)"
        );
        let unpacked = Unpacked::get(target).context("fetching QEMU and a kernel for it")?;
        let release = unpacked.release()?;
        Ok(Qemu {
            qemu: unpacked.find("usr/bin/qemu-system-x86_64")?,
            virtiofsd: unpacked.find("usr/lib/qemu/virtiofsd")?,
            kernel: unpacked.find(&format!("boot/vmlinuz-{release}"))?,
            modules: unpacked.find(&format!("lib/modules/{release}"))?,
            release,
            unpacked,
        })
    }

    /// The first programs of the guest: load modules, mount the host's files, go on there.
    fn initramfs(&self, folder: &Path) -> Result<PathBuf> {
        let root = folder.join("initramfs");
        for inside in ["bin", "host"] {
            fs::create_dir_all(root.join(inside)).context("making the initramfs")?;
        }
        fs::copy(BUSYBOX, root.join("bin/busybox"))
            .with_context(|| format!("copying {BUSYBOX}"))?;
        let mut files = vec![
            "bin".to_owned(),
            "bin/busybox".to_owned(),
            "host".to_owned(),
        ];
        let mut script = "#!/bin/busybox sh\n".to_owned();
        for module in self.needed()? {
            let name = module.file_name().unwrap_or_default().to_string_lossy();
            fs::copy(&module, root.join(&*name))
                .with_context(|| format!("copying {}", module.display()))?;
            script.push_str(&format!("busybox insmod /{name}\n"));
            files.push(name.into_owned());
        }
        let init = quote(&folder.join("init").to_string_lossy());
        script.push_str(&format!(
            "busybox mount -t virtiofs host /host && exec busybox switch_root /host {init}\n\
             busybox reboot -f\n"
        ));
        fs::write(root.join("init"), script).context("writing the initramfs's init")?;
        fs::set_permissions(root.join("init"), fs::Permissions::from_mode(0o755))?;
        files.push("init".to_owned());

        let list = folder.join("initramfs.list");
        fs::write(&list, files.join("\n") + "\n").context("writing a list of files")?;
        let archive = folder.join("initramfs.cpio");
        let packed = Command::new(BUSYBOX)
            .args(["cpio", "-o", "-H", "newc"])
            .current_dir(&root)
            .stdin(File::open(&list)?)
            .stdout(File::create(&archive)?)
            .stderr(Stdio::null())
            .status()
            .context("starting busybox cpio")?;
        ensure!(packed.success(), "busybox cpio: {packed}");
        Ok(archive)
    }

    /// The files of the modules for the initramfs, in the order of loading.
    fn needed(&self) -> Result<Vec<PathBuf>> {
        let mut needed = Vec::new();
        // The tree of the modules, `/` where the kernel is installed: above lib/modules/RELEASE.
        let tree = self.modules.ancestors().nth(3).unwrap_or(Path::new("/"));
        for module in MODULES {
            let told = Command::new("/sbin/modprobe")
                .arg("-d")
                .arg(tree)
                .args(["-S", &self.release, "--show-depends", module])
                .output()
                .context("starting modprobe (package kmod)")?;
            ensure!(
                told.status.success(),
                "modprobe {module}: {}",
                String::from_utf8_lossy(&told.stderr).trim()
            );
            for file in to_load(&String::from_utf8_lossy(&told.stdout)) {
                if !needed.contains(&file) {
                    needed.push(file);
                }
            }
        }
        Ok(needed)
    }

    /// Starts the server of the host's files, and gives the socket to talk to it.
    fn serve(&self, folder: &Path, console: &File) -> Result<(Child, UnixStream)> {
        // By way of the folder's descriptor, since the path of a socket must be short.
        let door = File::open(folder).context("opening the boot's folder")?;
        let socket = format!("/proc/self/fd/{}/virtiofs", door.as_raw_fd());
        let listener = UnixListener::bind(&socket).context("making a socket for virtiofsd")?;
        let stream = UnixStream::connect(&socket).context("connecting to virtiofsd")?;
        let server = Command::new(&self.virtiofsd)
            .arg("--fd=0")
            // Its other way, pivot_root, cannot be had for the whole of the machine's files.
            .args(["-o", "source=/", "-o", "sandbox=chroot"])
            .args(["-o", "cache=always", "-o", "log_level=err"])
            .env("LD_LIBRARY_PATH", self.libraries())
            .stdin(OwnedFd::from(listener))
            .stdout(Stdio::null())
            .stderr(console.try_clone()?)
            .process_group(0)
            .spawn()
            .with_context(|| format!("starting {}", self.virtiofsd.display()))?;
        Ok((server, stream))
    }

    /// Where the unpacked programs find their libraries.
    fn libraries(&self) -> OsString {
        let mut path = OsString::new();
        for inside in ["usr/lib/x86_64-linux-gnu", "lib/x86_64-linux-gnu"] {
            path.push(self.unpacked.tree().join(inside));
            path.push(":");
        }
        path
    }

    fn emulator(&self, initramfs: &Path, files: UnixStream, console: &File) -> Result<Child> {
        let mut command = Command::new(&self.qemu);
        for inside in FIRMWARE {
            if let Ok(folder) = self.unpacked.find(inside) {
                command.arg("-L").arg(folder);
            }
        }
        command
            .args(["-nodefaults", "-no-user-config", "-no-reboot"])
            .args(["-display", "none"])
            .args(["-accel", "tcg", "-m", MEMORY])
            .args(["-machine", "pc,memory-backend=memory"])
            // Shared with virtiofsd, which writes into it what the guest reads.
            .arg("-object")
            .arg(format!(
                "memory-backend-memfd,id=memory,size={MEMORY},share=on"
            ))
            .args(["-chardev", "socket,id=files,fd=0"])
            .args(["-device", "vhost-user-fs-pci,chardev=files,tag=host"])
            .args(["-chardev", "stdio,id=console,signal=off"])
            .args(["-serial", "chardev:console"])
            .arg("-kernel")
            .arg(&self.kernel)
            .arg("-initrd")
            .arg(initramfs)
            .args([
                "-append",
                "console=ttyS0 quiet panic=-1 mitigations=off no_timer_check tsc=reliable",
            ])
            .env("LD_LIBRARY_PATH", self.libraries())
            .stdin(OwnedFd::from(files))
            .stdout(console.try_clone()?)
            .stderr(console.try_clone()?)
            .process_group(0)
            .spawn()
            .with_context(|| format!("starting {}", self.qemu.display()))
    }
}

impl Kernel for Qemu {
    fn modules(&self) -> &Path {
        &self.modules
    }

    /// QEMU ends instead, because of `-no-reboot`.
    fn end(&self) -> &'static str {
        "reboot"
    }

    fn start(&self, folder: &Path, console: &File) -> Result<Vec<Child>> {
        let initramfs = self.initramfs(folder)?;
        let (mut server, files) = self.serve(folder, console)?;
        match self.emulator(&initramfs, files, console) {
            Ok(kernel) => Ok(vec![kernel, server]),
            Err(error) => {
                boot::end(&mut server);
                Err(error)
            }
        }
    }
}

/// From the lines `insmod FILE OPTIONS` of `modprobe --show-depends`; what is built in is passed over.
fn to_load(told: &str) -> Vec<PathBuf> {
    told.lines()
        .filter_map(|line| line.strip_prefix("insmod "))
        .map(|line| PathBuf::from(line.trim_end()))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn modules_are_loaded_in_modprobes_order() {
        // As kmod 30 says it.
        let told =
            "builtin virtio_ring\ninsmod /tree/a b/virtio.ko \ninsmod /tree/virtio_pci.ko \n";
        assert_eq!(
            to_load(told),
            ["/tree/a b/virtio.ko", "/tree/virtio_pci.ko"].map(PathBuf::from)
        );
    }
}

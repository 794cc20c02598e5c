//! `package-test`: a Debian 12 with systemd, booted in user-mode-linux, has keepalived replaced by the package, and all that
//! follows. What is told in it is tests/package/story.sh; here is the tree around it.

use std::fs::{self, File};
use std::io::Read;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use nix::sys::signal::{Signal, killpg};
use nix::unistd::Pid;

use crate::deb;
use crate::guest::to_stdout;
use crate::interrupt::Interrupt;
use crate::lab::is_root;
use crate::uml;
use crate::workspace::{Profile, Workspace};

/// What the tree has besides the smallest Debian.
const PACKAGES: &str = "systemd,systemd-sysv,iproute2,dbus,kmod,procps,keepalived,ipvsadm";
/// Boot and story take three minutes, and eight on two very busy processors.
const LIMIT: Duration = Duration::from_secs(20 * 60);

/// `package-test [--debug | FILE]`: builds the package unless one is given, and tells the story of its life. 1 if a step of it
/// failed.
pub(crate) fn run(workspace: &Workspace, interrupt: &Interrupt, args: &[String]) -> Result<u8> {
    let build = |profile| deb::build(workspace, profile);
    ensure!(
        is_root(),
        "a tree for another root is made: this needs root"
    );
    let modules = uml::modules().context("no kernel modules (package user-mode-linux)")?;
    let folder = workspace.target.join("package-test");
    fs::create_dir_all(&folder)?;
    let package = match args {
        [] => build(Profile::Release)?,
        [one] if one == "--debug" => build(Profile::Debug)?,
        [file] => PathBuf::from(file),
        _ => bail!("package-test [--debug | FILE]"),
    };
    interrupt.check()?;
    let tree = tree(&folder, interrupt)?;
    furnish(workspace, &tree, &modules, &package)?;
    let mut machine = Machine::boot(&folder, &tree)?;
    let story = machine.follow(&tree.join("root/story"), interrupt)?;
    let failed = story
        .lines()
        .filter(|line| line.starts_with("NOT OK"))
        .count();
    let passed = story.lines().filter(|line| line.starts_with("ok ")).count();
    ensure!(
        story.lines().last() == Some("done"),
        "the story was not told to its end; the kernel's log is {}",
        folder.join("kernel.log").display()
    );
    println!("{passed} passed, {failed} failed");
    Ok(u8::from(failed > 0))
}

/// A fresh copy of the Debian, which is fetched once.
fn tree(folder: &Path, interrupt: &Interrupt) -> Result<PathBuf> {
    let base = folder.join("base");
    if !base.exists() {
        eprintln!("cargo xtask: debootstrap, once");
        let half = folder.join("half");
        remove(&half)?;
        run_quietly(
            Command::new("debootstrap")
                .arg("--variant=minbase")
                .arg(format!("--include={PACKAGES}"))
                .arg("bookworm")
                .arg(&half)
                .args(mirror()),
        )?;
        fs::rename(&half, &base)?;
    }
    interrupt.check()?;
    let tree = folder.join("tree");
    remove(&tree)?;
    run_quietly(
        Command::new("cp")
            .args(["-a", "--reflink=auto"])
            .arg(&base)
            .arg(&tree),
    )?;
    Ok(tree)
}

/// The mirror that this machine's own apt uses; without one, debootstrap's.
fn mirror() -> Option<String> {
    let output = Command::new("apt-get")
        .args([
            "indextargets",
            "--format",
            "$(REPO_URI)",
            "Codename: bookworm",
        ])
        .stderr(Stdio::null())
        .output()
        .ok()?;
    let text = String::from_utf8(output.stdout).ok()?;
    text.lines().next().map(str::to_owned)
}

/// What the story needs, into the tree.
fn furnish(workspace: &Workspace, tree: &Path, modules: &Path, package: &Path) -> Result<()> {
    let name = modules.file_name().context("modules without a name")?;
    let installed = tree.join("lib/modules").join(name);
    fs::create_dir_all(tree.join("lib/modules"))?;
    run_quietly(Command::new("cp").arg("-a").arg(modules).arg(&installed))?;
    run_quietly(Command::new("depmod").arg("-b").arg(tree).arg(name))?;
    let own = workspace.root.join("tests/package");
    for (from, to) in [
        ("keepalived.conf", "etc/keepalived/keepalived.conf"),
        ("story.sh", "root/story.sh"),
        ("web.socket", "etc/systemd/system/web.socket"),
        ("web.service", "etc/systemd/system/web.service"),
        ("story.service", "etc/systemd/system/story.service"),
    ] {
        fs::copy(own.join(from), tree.join(to)).with_context(|| from.to_owned())?;
    }
    fs::set_permissions(
        tree.join("root/story.sh"),
        fs::Permissions::from_mode(0o755),
    )?;
    let file = package.file_name().context("a package without a name")?;
    fs::copy(package, tree.join("root").join(file))?;
    fs::write(tree.join("etc/default/keepalived"), "DAEMON_ARGS=\"-D\"\n")?;
    fs::write(tree.join("etc/hostname"), "director\n")?;
    fs::write(tree.join("etc/fstab"), "")?;
    File::create(tree.join("root/story"))?;
    let wants = tree.join("etc/systemd/system/multi-user.target.wants");
    for unit in ["story.service", "web.socket"] {
        symlink(format!("/etc/systemd/system/{unit}"), wants.join(unit))?;
    }
    Ok(())
}

/// The booted tree. Ends with us.
struct Machine {
    kernel: Child,
    started: Instant,
}

impl Machine {
    fn boot(folder: &Path, tree: &Path) -> Result<Machine> {
        let console = File::create(folder.join("kernel.log"))?;
        let kernel = Command::new(uml::KERNEL)
            .args(["mem=1024M", "rootfstype=hostfs", "rw", "quiet"])
            .args(["con=null", "con0=null,fd:2"])
            .arg(format!("rootflags={}", tree.display()))
            .arg(format!("uml_dir={}", folder.display()))
            .arg("umid=package")
            .env_clear()
            .env("PATH", "/usr/sbin:/usr/bin:/sbin:/bin")
            .env("TMPDIR", "/dev/shm")
            .stdin(Stdio::null())
            .stdout(console.try_clone()?)
            .stderr(console)
            .process_group(0)
            .spawn()
            .with_context(|| format!("starting {}", uml::KERNEL))?;
        Ok(Machine {
            kernel,
            started: Instant::now(),
        })
    }

    /// Hands the story on as it is told, to the end of the machine; answers all of it.
    fn follow(&mut self, path: &Path, interrupt: &Interrupt) -> Result<String> {
        let mut file = File::open(path)?;
        let mut story = Vec::new();
        loop {
            // Looked at before the file: what was written before the end is then surely read.
            let ended = self.kernel.try_wait()?.is_some();
            let before = story.len();
            file.read_to_end(&mut story)?;
            to_stdout(story.get(before..).unwrap_or_default());
            if ended {
                return Ok(String::from_utf8_lossy(&story).into_owned());
            }
            interrupt.check()?;
            ensure!(
                self.started.elapsed() < LIMIT,
                "still running after {} s",
                LIMIT.as_secs()
            );
            sleep(Duration::from_millis(100));
        }
    }
}

impl Drop for Machine {
    fn drop(&mut self) {
        // The kernel and its helpers; of one that has ended there may be none.
        if let Ok(group) = i32::try_from(self.kernel.id()) {
            let _ = killpg(Pid::from_raw(group), Signal::SIGKILL);
        }
        let _ = self.kernel.wait();
    }
}

fn remove(folder: &Path) -> Result<()> {
    match fs::remove_dir_all(folder) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            Err(error).with_context(|| format!("removing {}", folder.display()))
        }
        _ => Ok(()),
    }
}

/// Runs a program whose output is shown when it fails.
fn run_quietly(command: &mut Command) -> Result<()> {
    let name = command.get_program().to_string_lossy().into_owned();
    let output = command
        .stdin(Stdio::null())
        .output()
        .with_context(|| format!("starting {name}"))?;
    ensure!(
        output.status.success(),
        "{name} ended with {}:\n{}{}",
        output.status,
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    );
    Ok(())
}

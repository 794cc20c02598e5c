//! `cargo xtask lab`: builds the lab's programs and runs `lab ARGS` where IPVS is.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};

use crate::boot;
use crate::guest::{Job, to_stdout};
use crate::interrupt::Interrupt;
use crate::machine::{self, Need};
use crate::qemu::Qemu;
use crate::uml::Uml;
use crate::workspace::{Built, Profile, Workspace};

/// Long enough for every story; what hangs longer hangs for good.
pub(crate) const DEFAULT_LIMIT: Duration = Duration::from_secs(15 * 60);

/// Where a job with IPVS can run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Place {
    /// The running kernel has what is needed.
    Here,
    /// Debian's user-mode-linux.
    Uml,
    /// Debian's cloud kernel under QEMU, which has nftables too.
    Qemu,
}

impl Place {
    /// The running kernel where it has IPVS, user-mode-linux otherwise.
    pub(crate) fn choose() -> Place {
        if has_ipvs() { Place::Here } else { Place::Uml }
    }

    /// The running kernel where it has IPVS and nftables, the kernel under QEMU otherwise.
    pub(crate) fn with_nftables() -> Place {
        if has_ipvs() && has_nftables() {
            Place::Here
        } else {
            Place::Qemu
        }
    }

    /// Makes it ready to run something; the error says why it cannot be had.
    pub(crate) fn prepare(self, workspace: &Workspace) -> Result<()> {
        match self {
            Place::Here => {
                ensure!(
                    is_root(),
                    "the running kernel has IPVS, but this user is not root"
                );
                Ok(())
            }
            Place::Uml => Uml::find().map(drop),
            Place::Qemu => Qemu::find(&workspace.target).map(drop),
        }
    }

    /// Runs the job there as root, hands its output on as it comes, and returns its exit status.
    pub(crate) fn run(
        self,
        workspace: &Workspace,
        job: &Job,
        limit: Duration,
        interrupt: &Interrupt,
        sink: &mut dyn FnMut(&[u8]),
    ) -> Result<u8> {
        let kernel: Box<dyn boot::Kernel> = match self {
            Place::Here => {
                self.prepare(workspace)?;
                return job.run_here(limit, interrupt, sink);
            }
            Place::Uml => Box::new(Uml::find().context("the lab kernel cannot run")?),
            Place::Qemu => {
                Box::new(Qemu::find(&workspace.target).context("the lab kernel cannot run")?)
            }
        };
        let folder = boot_folder(workspace);
        boot::run(kernel.as_ref(), &folder, job, limit, interrupt, sink)
    }
}

/// Whether this process is root.
pub(crate) fn is_root() -> bool {
    nix::unistd::geteuid().is_root()
}

/// Whether the running kernel has IPVS, loading the module if need be.
fn has_ipvs() -> bool {
    let there = || Path::new("/proc/net/ip_vs").exists();
    there() || (succeeds("modprobe", &["-q", "ip_vs"]) && there())
}

/// Whether the running kernel takes chains of nftables. (It is only asked; nothing is made.)
fn has_nftables() -> bool {
    let chain = "add table ip lab; add chain ip lab lab { type filter hook input priority 0; }";
    succeeds("nft", &["--check", chain])
}

fn succeeds(program: &str, args: &[&str]) -> bool {
    let ended = Command::new(program)
        .args(args)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status();
    ended.is_ok_and(|status| status.success())
}

/// Fetches what the second lab needs, or says why there will be none: a reason to skip its stories, not to stop.
pub(crate) fn fetch(workspace: &Workspace) {
    if let Err(reason) = Place::with_nftables().prepare(workspace) {
        eprintln!(
            "cargo xtask: no second lab, stories that need nftables will not run: {reason:#}"
        );
    }
}

/// A folder of one boot: several may run at the same time.
fn boot_folder(workspace: &Workspace) -> PathBuf {
    use std::sync::atomic::{AtomicU32, Ordering};
    static BOOTS: AtomicU32 = AtomicU32::new(1);
    let number = BOOTS.fetch_add(1, Ordering::Relaxed);
    let name = format!("boot-{}-{number}", std::process::id());
    workspace.target.join("lab").join(name)
}

/// The executables a lab run needs.
pub(crate) struct Programs {
    /// The program `lab` of package rkeepalived-tests.
    pub(crate) lab: PathBuf,
    daemon: PathBuf,
    genhash: PathBuf,
    /// The test executable `live` of ipvs-netlink, to be run inside.
    pub(crate) live: Option<PathBuf>,
}

impl Programs {
    /// Builds only what is needed. (`cargo xtask test` takes them from its one build of everything instead.)
    pub(crate) fn build(workspace: &Workspace, profile: Profile) -> Result<Programs> {
        let mut args = vec![
            "--package=rkeepalived-tests",
            "--package=rkeepalived",
            "--bins",
        ];
        if workspace.has_target("test", "live") {
            args.extend(["--package=ipvs-netlink", "--test=live"]);
        }
        Programs::of(&workspace.build(profile, &args)?)
    }

    /// Picks them from what was built.
    pub(crate) fn of(built: &Built) -> Result<Programs> {
        Ok(Programs {
            lab: built.program("lab")?.to_owned(),
            daemon: built.program("rkeepalived")?.to_owned(),
            genhash: built.program("genhash")?.to_owned(),
            live: built.test("live").map(Path::to_owned),
        })
    }

    /// `lab ARGS` with the paths of the programs in its environment.
    pub(crate) fn job<S: AsRef<str>>(
        &self,
        workspace: &Workspace,
        args: impl IntoIterator<Item = S>,
    ) -> Job {
        let mut job = Job::new(&self.lab, &workspace.root)
            .args(args)
            .env("RKEEPALIVED_BIN", &self.daemon)
            .env("RKEEPALIVED_GENHASH_BIN", &self.genhash);
        if let Some(live) = &self.live {
            job = job.env("RKEEPALIVED_LIVE_TEST", live);
        }
        job
    }
}

/// `cargo xtask lab [--qemu] [--release] [--timeout SECONDS] -- ARGS`.
pub(crate) fn run(workspace: &Workspace, interrupt: &Interrupt, args: &[String]) -> Result<u8> {
    let options = Options::parse(args)?;
    let programs = Programs::build(workspace, options.profile)?;
    let job = programs.job(workspace, &options.rest);
    options.place.unwrap_or_else(Place::choose).run(
        workspace,
        &job,
        options.limit,
        interrupt,
        &mut to_stdout,
    )
}

/// `cargo xtask demo [--qemu] [--release]`: sets the machine up, builds, and tells the main job.
pub(crate) fn demo(workspace: &Workspace, interrupt: &Interrupt, args: &[String]) -> Result<u8> {
    let options = Options::parse(args)?;
    machine::prepare(Need::All)?;
    let programs = Programs::build(workspace, options.profile)?;
    let words = ["demo".to_owned()].into_iter().chain(options.rest);
    let job = programs.job(workspace, words);
    options.place.unwrap_or_else(Place::choose).run(
        workspace,
        &job,
        options.limit,
        interrupt,
        &mut to_stdout,
    )
}

/// `cargo xtask guest [--qemu] [--timeout SECONDS] -- PROGRAM ARGS`: any program in the lab kernel, to look around.
pub(crate) fn guest(workspace: &Workspace, interrupt: &Interrupt, args: &[String]) -> Result<u8> {
    let options = Options::parse(args)?;
    let Some((program, rest)) = options.rest.split_first() else {
        bail!("which program? `cargo xtask guest -- PROGRAM ARGS`");
    };
    let folder = std::env::current_dir().context("finding the current folder")?;
    let job = Job::new(Path::new(program), &folder).args(rest);
    options.place.unwrap_or(Place::Uml).run(
        workspace,
        &job,
        options.limit,
        interrupt,
        &mut to_stdout,
    )
}

/// Options of the commands that run something in the lab.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Options {
    /// `--qemu`.
    pub(crate) place: Option<Place>,
    /// `--release`.
    pub(crate) profile: Profile,
    /// `--timeout SECONDS`.
    pub(crate) limit: Duration,
    /// All after `--`, or from the first word that is no option of ours.
    pub(crate) rest: Vec<String>,
}

impl Options {
    /// Reads our options up to `--` or the first word that is none.
    pub(crate) fn parse(args: &[String]) -> Result<Options> {
        let mut options = Options {
            place: None,
            profile: Profile::Debug,
            limit: DEFAULT_LIMIT,
            rest: Vec::new(),
        };
        let mut args = args.iter();
        while let Some(arg) = args.next() {
            match arg.as_str() {
                "--qemu" => options.place = Some(Place::Qemu),
                "--release" => options.profile = Profile::Release,
                "--timeout" => {
                    let seconds = args.next().context("--timeout needs a number of seconds")?;
                    let seconds = seconds
                        .parse()
                        .with_context(|| format!("--timeout {seconds}: not a number of seconds"))?;
                    options.limit = Duration::from_secs(seconds);
                }
                "--" => {
                    options.rest.extend(args.by_ref().cloned());
                }
                _ => {
                    options.rest.push(arg.clone());
                    options.rest.extend(args.by_ref().cloned());
                }
            }
        }
        Ok(options)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(text: &str) -> Vec<String> {
        text.split_whitespace().map(str::to_owned).collect()
    }

    #[test]
    fn options_end_at_the_first_word_that_is_none() {
        let options = Options::parse(&words("--release --timeout 20 -- run --release")).unwrap();
        assert_eq!(options.profile, Profile::Release);
        assert_eq!(options.limit, Duration::from_secs(20));
        assert_eq!(options.rest, words("run --release"));
        assert_eq!(options.place, None);
        let options = Options::parse(&words("--qemu run --qemu")).unwrap();
        assert_eq!(options.place, Some(Place::Qemu));
        assert_eq!(options.rest, words("run --qemu"));
        let options = Options::parse(&words("run --timeout 20")).unwrap();
        assert_eq!(options.profile, Profile::Debug);
        assert_eq!(options.rest, words("run --timeout 20"));
    }

    #[test]
    fn a_timeout_that_is_no_number_is_an_error() {
        assert!(Options::parse(&words("--timeout soon")).is_err());
        assert!(Options::parse(&words("--timeout")).is_err());
    }
}

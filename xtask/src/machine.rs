//! What the machine needs before anything can be built or run, and its installation on Debian as root.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail};

use crate::lab::{Place, is_root};

/// To build the workspace: a linker, and what the crate openssl looks for.
const BUILD: &[&str] = &["gcc", "libc6-dev", "libssl-dev", "pkg-config"];

/// What the lab's stories call: the peers to run beside ours, and tools to look with.
const LAB: &[&str] = &[
    "bind9-dnsutils",
    "busybox-static",
    "frr",
    "iproute2",
    "iptables",
    "ipvsadm",
    "keepalived",
    "kmod",
    "knot",
    "nftables",
    "nginx",
    "openssl",
    "postfix",
    "procps",
    "strace",
    "tcpdump",
    "tshark",
    "util-linux",
];

/// The lab kernel, where the running one has no IPVS. (The other lab's is unpacked, see `unpacked`.)
const KERNEL: &[&str] = &["user-mode-linux"];

/// What a command is about to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Need {
    /// Build, and run the lab.
    All,
    /// Build; what the lab lacks is a reason to skip, not to stop.
    BuildOnly,
}

/// Installs what is missing as root; otherwise says what to install, and stops if it is needed.
pub(crate) fn prepare(need: Need) -> Result<()> {
    if !Path::new("/usr/bin/dpkg-query").exists() {
        eprintln!(
            "cargo xtask: this is not a Debian system; it is up to you that these Debian packages' programs are here: {}",
            [BUILD, LAB, KERNEL].concat().join(" ")
        );
        return Ok(());
    }
    let mut lab = LAB.to_vec();
    if Place::choose() == Place::Uml {
        lab.extend(KERNEL);
    }
    let (build, lab) = (missing(BUILD)?, missing(&lab)?);
    let all = [build.as_slice(), lab.as_slice()].concat();
    if all.is_empty() {
        return Ok(());
    }
    if is_root() {
        return install(&all);
    }
    let line = format!(
        "sudo apt-get update && sudo apt-get install --no-install-recommends {}",
        all.join(" ")
    );
    if need == Need::BuildOnly && build.is_empty() {
        eprintln!("cargo xtask: for the lab, install what is missing:\n  {line}");
        return Ok(());
    }
    bail!("this machine lacks packages, and this user is not root. Please run:\n  {line}");
}

/// Those of the packages that are not installed.
fn missing(packages: &[&str]) -> Result<Vec<String>> {
    let output = Command::new("dpkg-query")
        .args(["--show", "--showformat=${Package} ${db:Status-Status}\n"])
        .args(packages)
        .stderr(Stdio::null())
        .output()
        .context("starting dpkg-query")?;
    Ok(not_installed(
        packages,
        &String::from_utf8_lossy(&output.stdout),
    ))
}

/// From lines `PACKAGE STATUS`; dpkg-query leaves out what it never heard of.
fn not_installed(packages: &[&str], answer: &str) -> Vec<String> {
    let installed = |package: &str| {
        answer
            .lines()
            .any(|line| line.split(' ').eq([package, "installed"]))
    };
    packages
        .iter()
        .filter(|package| !installed(package))
        .map(|package| (*package).to_owned())
        .collect()
}

fn install(packages: &[String]) -> Result<()> {
    eprintln!("cargo xtask: installing {}", packages.join(" "));
    // keepalived and the like must not start on the machine's own network.
    let _no_services = NoServices::hold(Path::new("/usr/sbin/policy-rc.d"))?;
    apt(&["update"])?;
    let mut args = vec!["install", "--yes", "--no-install-recommends"];
    args.extend(packages.iter().map(String::as_str));
    apt(&args)
}

/// Runs apt-get, whose output is shown when it fails.
pub(crate) fn apt(args: &[&str]) -> Result<()> {
    let output = Command::new("apt-get")
        // Another one may be at work, as on a machine that has just booted.
        .args(["--quiet", "--option", "DPkg::Lock::Timeout=600"])
        .args(args)
        .env("DEBIAN_FRONTEND", "noninteractive")
        .stdin(Stdio::null())
        .output()
        .context("starting apt-get")?;
    if !output.status.success() {
        eprint!("{}", String::from_utf8_lossy(&output.stdout));
        eprint!("{}", String::from_utf8_lossy(&output.stderr));
        bail!("apt-get {} ended with {}", args.join(" "), output.status);
    }
    Ok(())
}

/// While held, packages start no services: Debian's maintainer scripts ask policy-rc.d first, and 101 forbids.
/// What was there before comes back at the end.
struct NoServices {
    policy: PathBuf,
    aside: Option<PathBuf>,
    ours: bool,
}

impl NoServices {
    fn hold(policy: &Path) -> Result<NoServices> {
        let mut held = NoServices {
            policy: policy.to_owned(),
            aside: None,
            ours: false,
        };
        if policy.exists() {
            let answer = Command::new(policy)
                .args(["keepalived", "start"])
                .stdin(Stdio::null())
                .output();
            if answer.is_ok_and(|answer| answer.status.code() == Some(101)) {
                return Ok(held);
            }
            let aside = policy.with_extension("d.before-xtask");
            fs::rename(policy, &aside)
                .with_context(|| format!("moving {} aside", policy.display()))?;
            held.aside = Some(aside);
        }
        held.ours = true;
        fs::write(policy, "#!/bin/sh\nexit 101\n")
            .with_context(|| format!("writing {}", policy.display()))?;
        fs::set_permissions(policy, fs::Permissions::from_mode(0o755))?;
        Ok(held)
    }
}

impl Drop for NoServices {
    fn drop(&mut self) {
        let restored = match &self.aside {
            Some(aside) => fs::rename(aside, &self.policy),
            None if self.ours => fs::remove_file(&self.policy),
            None => Ok(()),
        };
        if let Err(error) = restored {
            eprintln!("cargo xtask: restoring {}: {error}", self.policy.display());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_installed_packages_count() {
        let answer = "gcc installed\nkeepalived config-files\nipvsadm not-installed\n";
        assert_eq!(
            not_installed(&["gcc", "keepalived", "ipvsadm", "strace"], answer),
            ["keepalived", "ipvsadm", "strace"]
        );
    }

    fn scratch() -> (tempfile::TempDir, PathBuf) {
        let folder = tempfile::tempdir().unwrap();
        let policy = folder.path().join("policy-rc.d");
        (folder, policy)
    }

    #[test]
    fn the_ban_on_services_goes_as_it_came() {
        let (_folder, policy) = scratch();
        let held = NoServices::hold(&policy).unwrap();
        assert_eq!(Command::new(&policy).status().unwrap().code(), Some(101));
        drop(held);
        assert!(!policy.exists());
    }

    #[test]
    fn a_policy_that_allows_services_is_put_aside_and_comes_back() {
        let (_folder, policy) = scratch();
        fs::write(&policy, "#!/bin/sh\nexit 0\n").unwrap();
        fs::set_permissions(&policy, fs::Permissions::from_mode(0o755)).unwrap();
        let held = NoServices::hold(&policy).unwrap();
        assert_eq!(Command::new(&policy).status().unwrap().code(), Some(101));
        drop(held);
        assert_eq!(fs::read_to_string(&policy).unwrap(), "#!/bin/sh\nexit 0\n");
    }

    #[test]
    fn a_policy_that_forbids_services_is_left_alone() {
        let (_folder, policy) = scratch();
        let text = "#!/bin/sh\n# somebody's own\nexit 101\n";
        fs::write(&policy, text).unwrap();
        fs::set_permissions(&policy, fs::Permissions::from_mode(0o755)).unwrap();
        let held = NoServices::hold(&policy).unwrap();
        assert_eq!(fs::read_to_string(&policy).unwrap(), text);
        drop(held);
        assert_eq!(fs::read_to_string(&policy).unwrap(), text);
    }
}

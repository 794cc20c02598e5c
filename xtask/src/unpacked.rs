//! Debian packages that are unpacked under target/ instead of installed: QEMU and the kernel that runs under it.
//!
//! A kernel that is installed brings hooks and a boot entry, and QEMU's packages push out others that somebody may
//! need. Unpacked they touch nothing; what the machine has already is used from there.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail, ensure};

use crate::lab::is_root;
use crate::machine::apt;

/// Where they go, under target/.
const FOLDER: &str = "qemu";

/// What is wanted; apt says what else that needs.
const QEMU: &str = "qemu-system-x86";
const KERNEL: &str = "linux-image-cloud-amd64";

/// A tree of unpacked packages.
#[derive(Debug)]
pub(crate) struct Unpacked {
    tree: PathBuf,
}

impl Unpacked {
    /// The tree of this target folder; it is made the first time, which takes a network and some seconds.
    pub(crate) fn get(target: &Path) -> Result<Unpacked> {
        let tree = target.join(FOLDER);
        if !tree.exists() {
            ensure!(
                Path::new("/usr/bin/apt-get").exists() && Path::new("/usr/bin/dpkg").exists(),
                "this is not a Debian system"
            );
            // Made aside and renamed when it is whole, so that an interrupt leaves nothing half done.
            let aside = target.join(format!("{FOLDER}.{}", std::process::id()));
            let made = make(&aside).and_then(|()| match fs::rename(&aside, &tree) {
                // Another xtask was quicker.
                Err(_) if tree.exists() => Ok(()),
                done => done.with_context(|| format!("making {}", tree.display())),
            });
            let _gone_already = fs::remove_dir_all(&aside);
            made?;
        }
        Ok(Unpacked { tree })
    }

    /// The tree's root.
    pub(crate) fn tree(&self) -> &Path {
        &self.tree
    }

    /// A file or folder of a package: of the tree, or else of the machine, where the package is installed.
    pub(crate) fn find(&self, inside: &str) -> Result<PathBuf> {
        [self.tree.as_path(), Path::new("/")]
            .map(|root| root.join(inside))
            .into_iter()
            .find(|path| path.exists())
            .with_context(|| format!("no /{inside}"))
    }

    /// The release of the kernel, the newest if there are several.
    pub(crate) fn release(&self) -> Result<String> {
        let mut found: Vec<String> = [self.tree.join("boot"), PathBuf::from("/boot")]
            .iter()
            .flat_map(fs::read_dir)
            .flatten()
            .flatten()
            .filter_map(|entry| {
                let name = entry.file_name().into_string().ok()?;
                let release = name.strip_prefix("vmlinuz-")?;
                release
                    .ends_with("-cloud-amd64")
                    .then(|| release.to_owned())
            })
            .collect();
        found.sort();
        found
            .pop()
            .with_context(|| format!("no kernel in {KERNEL}"))
    }
}

fn make(tree: &Path) -> Result<()> {
    eprintln!(
        "cargo xtask: unpacking {QEMU} and {KERNEL} below {}",
        tree.parent().unwrap_or(tree).display()
    );
    let debs = tree.join("debs");
    fs::create_dir_all(&debs).with_context(|| format!("making {}", debs.display()))?;
    match download(&debs) {
        // The lists of packages may be missing, or name versions that are no longer there.
        Err(_) if is_root() => {
            apt(&["update"])?;
            download(&debs)
        }
        done => done,
    }?;
    for entry in fs::read_dir(&debs)? {
        let deb = entry?.path();
        let unpacked = Command::new("dpkg").arg("-x").args([&deb, tree]).status();
        let unpacked = unpacked.context("starting dpkg")?;
        ensure!(unpacked.success(), "dpkg -x {}: {unpacked}", deb.display());
    }
    fs::remove_dir_all(&debs)?;
    // The list of what each module needs is made at installation.
    for release in fs::read_dir(tree.join("lib/modules")).into_iter().flatten() {
        let listed = Command::new("depmod")
            .arg("-b")
            .arg(tree)
            .arg(release?.file_name())
            .status()
            .context("starting depmod (package kmod)")?;
        ensure!(listed.success(), "depmod: {listed}");
    }
    Ok(())
}

/// Downloads what an installation of QEMU would, and the kernel without what only its installation needs.
fn download(folder: &Path) -> Result<()> {
    let simulate = |package| {
        let args = ["install", "--simulate", "--no-install-recommends", package];
        apt_get(&args, folder)
    };
    let (qemu, kernel) = (simulate(QEMU)?, simulate(KERNEL)?);
    let images = to_install(&kernel).filter(|name| name.starts_with("linux-image-"));
    let wanted: Vec<&str> = to_install(&qemu).chain(images).collect();
    if wanted.is_empty() {
        return Ok(());
    }
    apt_get(&[["download"].as_slice(), &wanted].concat(), folder).map(drop)
}

/// Runs apt-get in a folder and gives what it printed; the error is its first complaint.
fn apt_get(args: &[&str], folder: &Path) -> Result<String> {
    let output = Command::new("apt-get")
        .arg("--quiet")
        .args(args)
        .current_dir(folder)
        .stdin(Stdio::null())
        .output()
        .context("starting apt-get")?;
    if !output.status.success() {
        let said = String::from_utf8_lossy(&output.stderr);
        let complaint = said.lines().find(|line| line.starts_with("E: "));
        let act = args.first().unwrap_or(&"");
        bail!(
            "apt-get {act}: {}",
            complaint.unwrap_or(&output.status.to_string())
        );
    }
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}

/// From the lines `Inst PACKAGE [OLD] (NEW ...)` of a simulated installation.
fn to_install(plan: &str) -> impl Iterator<Item = &str> {
    plan.lines()
        .filter_map(|line| line.strip_prefix("Inst ")?.split(' ').next())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_would_be_installed_is_read_and_nothing_else() {
        // As apt 2.6 says it.
        let plan = "Remv qemu-utils [1:10.0.2+ds-2+deb13u1~bpo12+1]\n\
            Inst libfdt1 (1.6.1-4+b1 Debian:12.15/oldstable [amd64])\n\
            Inst kmod [29-1] (30+20221128-1 Debian:12.15/oldstable [amd64])\n\
            Conf libfdt1 (1.6.1-4+b1 Debian:12.15/oldstable [amd64])\n";
        assert_eq!(to_install(plan).collect::<Vec<_>>(), ["libfdt1", "kmod"]);
    }
}

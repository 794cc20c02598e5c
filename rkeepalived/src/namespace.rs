//! Network namespaces: the one that the daemon enters, and the one that only IPVS is in.

use std::fs::File;
use std::io;
use std::path::Path;

use nix::mount::{MsFlags, mount};
use nix::sched::{CloneFlags, setns, unshare};

/// Where `ip netns` keeps them.
const FOLDER: &str = "/run/netns";

/// A namespace that cannot be entered.
#[derive(Debug, thiserror::Error)]
#[error(
    "Unable to set network namespace {name} - exiting ({source}; `ip netns` lists those that there are)"
)]
pub struct Unreachable {
    name: String,
    source: io::Error,
}

/// Opens a namespace by its name.
///
/// # Errors
/// When there is none of that name.
pub fn open(name: &str) -> Result<File, Unreachable> {
    File::open(Path::new(FOLDER).join(name)).map_err(|source| Unreachable {
        name: name.to_owned(),
        source,
    })
}

/// Enters the namespace `name`, as far as this thread goes: call it while it is the only one. What is read below /sys
/// afterwards, by scripts too, is about that namespace, where the system lets us have a mount namespace for it.
///
/// # Errors
/// When there is none of that name, or it may not be entered.
pub fn enter(name: &str) -> Result<(), Unreachable> {
    let namespace = open(name)?;
    setns(namespace, CloneFlags::CLONE_NEWNET).map_err(|errno| Unreachable {
        name: name.to_owned(),
        source: errno.into(),
    })?;
    // As `ip netns exec` and keepalived do. Without it all that matters works: nothing of ours reads /sys/class/net.
    let _ = see_through();
    Ok(())
}

fn see_through() -> nix::Result<()> {
    const NONE: Option<&str> = None;
    unshare(CloneFlags::CLONE_NEWNS)?;
    // What is mounted here stays here; what is mounted outside is seen.
    mount(NONE, "/", NONE, MsFlags::MS_SLAVE | MsFlags::MS_REC, NONE)?;
    mount(Some("sysfs"), "/sys", Some("sysfs"), MsFlags::empty(), NONE)
}

/// The namespace that we are in.
#[must_use]
pub fn initial() -> Option<File> {
    File::open("/proc/self/ns/net").ok()
}

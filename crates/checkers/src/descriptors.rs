//! File descriptors: how many attempts may be under way at once.

use nix::sys::resource::{Resource, getrlimit, rlim_t, setrlimit};

use crate::spec::Probe;

/// Left for everything else in the process: netlink, VRRP sockets, status, log, configuration.
const RESERVE: rlim_t = 128;

/// Attempts go on with this many even where the limit is absurdly low.
const LEAST: u32 = 16;

/// Enough for every configuration that has been seen, with all of its servers silent.
const WANTED: rlim_t = 65_536;

/// Raises the limits, the hard one too where we are allowed to, and answers how many descriptors the checks may have.
pub fn available() -> u32 {
    let Ok((soft, hard)) = getrlimit(Resource::RLIMIT_NOFILE) else {
        return LEAST;
    };
    let limits = [hard.max(WANTED), hard];
    // Not being allowed to is fine: then the soft limit holds.
    let raised = limits
        .into_iter()
        .find(|&limit| setrlimit(Resource::RLIMIT_NOFILE, limit, limit).is_ok());
    let spare = raised.unwrap_or(soft).saturating_sub(RESERVE);
    u32::try_from(spare).unwrap_or(u32::MAX).max(LEAST)
}

/// What an attempt needs at the same time: a socket; or for a command its process, `/dev/null` three times while
/// it starts, and the pipe that tells whether it did.
pub fn needed(probe: &Probe) -> u32 {
    match probe {
        Probe::Tcp(_)
        | Probe::Http(_)
        | Probe::Smtp(_)
        | Probe::Dns(_)
        | Probe::Udp(_)
        | Probe::Ping(_) => 1,
        Probe::Misc(_) => 6,
    }
}

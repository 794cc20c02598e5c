//! File descriptors: how many attempts may be under way at once.

use nix::sys::resource::{Resource, getrlimit, setrlimit};
use tokio::sync::Semaphore;

use crate::spec::Probe;

/// Left for everything else in the process: netlink, VRRP sockets, status, log, configuration.
const RESERVE: u64 = 128;

/// Attempts go on with this many even where the limit is absurdly low.
const LEAST: usize = 16;

/// Raises the soft limit to the hard one, and answers how many descriptors the checks may have of it.
pub fn available() -> usize {
    let Ok((soft, hard)) = getrlimit(Resource::RLIMIT_NOFILE) else {
        return LEAST;
    };
    // Not being allowed to is fine: then the soft limit holds.
    let limit = match setrlimit(Resource::RLIMIT_NOFILE, hard, hard) {
        Ok(()) => hard,
        Err(_) => soft,
    };
    let spare = limit.saturating_sub(RESERVE);
    usize::try_from(spare).map_or(Semaphore::MAX_PERMITS, |spare| {
        spare.clamp(LEAST, Semaphore::MAX_PERMITS)
    })
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

//! Whether an interface keeps the other addresses of a network when the first of them goes:
//! `net.ipv4.conf.INTERFACE.promote_secondaries` of the calling thread's network namespace.

use std::fs;
use std::io;
use std::path::PathBuf;

/// Sets it; answers whether it was otherwise before.
///
/// # Errors
/// When the kernel has no such interface, or refuses.
pub(super) fn promote(interface: &str, on: bool) -> io::Result<bool> {
    let path = path(interface);
    let wanted = if on { "1" } else { "0" };
    if fs::read_to_string(&path)?.trim() == wanted {
        return Ok(false);
    }
    fs::write(&path, wanted)?;
    Ok(true)
}

/// A dot of the interface's name is none of the path's: files are named as the interface is.
fn path(interface: &str) -> PathBuf {
    PathBuf::from(format!(
        "/proc/sys/net/ipv4/conf/{interface}/promote_secondaries"
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_so_already_is_not_changed() {
        let now = fs::read_to_string(path("lo")).unwrap();
        assert!(!promote("lo", now.trim() == "1").unwrap());
        assert!(promote("no-such-link", true).is_err());
    }
}

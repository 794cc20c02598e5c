//! Which capabilities the daemon needs, and which it lacks.

use std::fmt;

/// A Linux capability that the daemon cannot do without (capabilities(7)).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Capability {
    /// `CAP_NET_ADMIN`: the IPVS table, and adding and removing virtual addresses.
    NetAdmin,
    /// `CAP_NET_RAW`: VRRP packets and gratuitous ARP.
    NetRaw,
}

impl Capability {
    /// Its number in linux/capability.h.
    fn bit(self) -> u32 {
        match self {
            Capability::NetAdmin => 12,
            Capability::NetRaw => 13,
        }
    }
}

impl fmt::Display for Capability {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Capability::NetAdmin => "CAP_NET_ADMIN (to change addresses and the IPVS table)",
            Capability::NetRaw => "CAP_NET_RAW (to send VRRP packets and gratuitous ARP)",
        })
    }
}

/// The capabilities among `needed` that are not effective, by the text of `/proc/self/status`.
/// A text without a `CapEff` line lacks nothing: the kernel will say so itself then.
#[must_use]
pub fn missing(status: &str, needed: &[Capability]) -> Vec<Capability> {
    let Some(effective) = status
        .lines()
        .find_map(|line| line.strip_prefix("CapEff:"))
        .and_then(|hex| u64::from_str_radix(hex.trim(), 16).ok())
    else {
        return Vec::new();
    };
    needed
        .iter()
        .copied()
        .filter(|capability| (effective >> capability.bit()) & 1 == 0)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_the_effective_set() {
        // /proc/self/status as root, as an ordinary user, and with CAP_NET_ADMIN alone (`setpriv`).
        let both = [Capability::NetAdmin, Capability::NetRaw];
        assert!(missing("Name:\tx\nCapEff:\t000001ffffffffff\n", &both).is_empty());
        assert_eq!(missing("CapEff:\t0000000000000000\n", &both), both);
        assert_eq!(
            missing("CapEff:\t0000000000001000\n", &both),
            [Capability::NetRaw]
        );
    }
}

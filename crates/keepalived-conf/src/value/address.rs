//! Addresses, and addresses with a prefix length.

use std::net::{IpAddr, Ipv4Addr};

/// An IPv4 or IPv6 address.
pub(crate) fn ip(text: &str) -> Option<IpAddr> {
    text.parse().ok()
}

/// The address of a server. keepalived behaviour: what follows it after a `/` or a `-` is passed over; whether there is such.
pub(crate) fn leading(text: &str) -> Option<(IpAddr, bool)> {
    if let Some(whole) = ip(text) {
        return Some((whole, false));
    }
    let (address, _) = text.split_once(['/', '-'])?;
    ip(address).map(|address| (address, true))
}

/// `ADDRESS[/PREFIX]`; the prefix is left as text, for its own complaint.
pub(crate) fn with_prefix(text: &str) -> Option<(IpAddr, Option<&str>)> {
    match text.split_once('/') {
        Some((address, prefix)) => ip(address).map(|address| (address, Some(prefix))),
        None => ip(text).map(|address| (address, None)),
    }
}

/// The address of the network with every host bit set or cleared.
pub(crate) fn broadcast(address: Ipv4Addr, prefix_len: u8, ones: bool) -> Ipv4Addr {
    let hosts = u32::MAX.checked_shr(u32::from(prefix_len)).unwrap_or(0);
    let bits = u32::from(address);
    Ipv4Addr::from(if ones { bits | hosts } else { bits & !hosts })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prefixes() {
        assert_eq!(
            with_prefix("172.16.1.1/24"),
            Some((IpAddr::from([172, 16, 1, 1]), Some("24")))
        );
        assert_eq!(
            with_prefix("fe80::1"),
            Some((IpAddr::from([0xfe80, 0, 0, 0, 0, 0, 0, 1]), None))
        );
        assert_eq!(with_prefix("1.2.3"), None);
    }

    #[test]
    fn broadcasts() {
        let address = Ipv4Addr::new(172, 16, 1, 1);
        assert_eq!(broadcast(address, 24, true), Ipv4Addr::new(172, 16, 1, 255));
        assert_eq!(broadcast(address, 24, false), Ipv4Addr::new(172, 16, 1, 0));
        assert_eq!(broadcast(address, 32, true), address);
        assert_eq!(broadcast(address, 0, true), Ipv4Addr::BROADCAST);
    }
}

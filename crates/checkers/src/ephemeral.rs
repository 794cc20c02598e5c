//! The ports that the kernel gives to sockets that ask for none: only with one of those, or with one that was asked for, can
//! a connection meet itself.

use std::fs;
use std::ops::RangeInclusive;
use std::sync::atomic::{AtomicU32, Ordering};

const FILE: &str = "/proc/sys/net/ipv4/ip_local_port_range";

/// Any, until it is known better.
const ALL: RangeInclusive<u16> = 0..=u16::MAX;

/// The lowest in the high half, the highest in the low half.
static RANGE: AtomicU32 = AtomicU32::new(0x0000_ffff);

/// Asks the kernel, for this process's network namespace. It can be set at any time, so once is not enough.
pub(crate) fn look() {
    let text = fs::read_to_string(FILE).unwrap_or_default();
    let range = parse(&text).unwrap_or(ALL);
    let both = u32::from(*range.start()) << 16 | u32::from(*range.end());
    RANGE.store(both, Ordering::Relaxed);
}

/// Whether the kernel may give this port.
pub(crate) fn includes(port: u16) -> bool {
    let both = RANGE.load(Ordering::Relaxed);
    (both >> 16..=both & u32::from(u16::MAX)).contains(&u32::from(port))
}

/// `32768\t60999`.
fn parse(text: &str) -> Option<RangeInclusive<u16>> {
    let mut numbers = text.split_whitespace().map(str::parse);
    match (numbers.next(), numbers.next(), numbers.next()) {
        (Some(Ok(low)), Some(Ok(high)), None) => Some(low..=high),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_kernels_file_is_read() {
        assert_eq!(parse("32768\t60999\n"), Some(32_768..=60_999));
        assert_eq!(parse(""), None);
        assert_eq!(parse("1 2 3"), None);
        assert_eq!(parse("1 70000"), None);
    }

    // By default, from 32768 to 60999 (Linux, net/ipv4/af_inet.c; ip(7)).
    #[test]
    fn a_port_below_all_of_them_is_nobodys() {
        look();
        let text = fs::read_to_string(FILE).unwrap();
        let range = parse(&text).unwrap();
        assert!(includes(*range.start()) && includes(*range.end()));
        assert_eq!(includes(0), *range.start() == 0);
    }
}

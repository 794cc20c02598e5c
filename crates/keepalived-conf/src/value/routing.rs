//! The words of the kernel's routing: tables, protocols, scopes and the like, by the names that every host has, or by number.
//!
//! keepalived behaviour: such a number may be hexadecimal (`0x10`) or octal (`010`). Names of a host's own are not known here,
//! see `lower::host_names`.

use crate::model::{MplsLabel, Realms, RouteKind};

const TABLES: [(&str, u32); 4] = [
    ("main", 254),
    ("local", 255),
    ("default", 253),
    ("unspec", 0),
];

/// `rt_protos`, as iproute2 delivers it.
const PROTOCOLS: [(&str, u32); 22] = [
    ("keepalived", 18),
    ("unspec", 0),
    ("redirect", 1),
    ("kernel", 2),
    ("boot", 3),
    ("static", 4),
    ("gated", 8),
    ("ra", 9),
    ("mrt", 10),
    ("zebra", 11),
    ("bird", 12),
    ("dnrouted", 13),
    ("xorp", 14),
    ("ntk", 15),
    ("dhcp", 16),
    ("babel", 42),
    ("openr", 99),
    ("bgp", 186),
    ("isis", 187),
    ("ospf", 188),
    ("rip", 189),
    ("eigrp", 192),
];

const SCOPES: [(&str, u32); 5] = [
    ("global", 0),
    ("link", 253),
    ("host", 254),
    ("site", 200),
    ("nowhere", 255),
];

/// `rt_dsfield`: RFC 2474, RFC 2597, RFC 3246, as the whole byte.
const DSFIELDS: [(&str, u32); 21] = [
    ("default", 0),
    ("AF11", 0x28),
    ("AF12", 0x30),
    ("AF13", 0x38),
    ("AF21", 0x48),
    ("AF22", 0x50),
    ("AF23", 0x58),
    ("AF31", 0x68),
    ("AF32", 0x70),
    ("AF33", 0x78),
    ("AF41", 0x88),
    ("AF42", 0x90),
    ("AF43", 0x98),
    ("CS1", 0x20),
    ("CS2", 0x40),
    ("CS3", 0x60),
    ("CS4", 0x80),
    ("CS5", 0xa0),
    ("CS6", 0xc0),
    ("CS7", 0xe0),
    ("EF", 0xb8),
];

const REALMS: [(&str, u32); 1] = [("cosmos", 0)];

const GROUPS: [(&str, u32); 1] = [("default", 0)];

/// Protocols of IP that rules are made for (IANA's numbers).
const IP_PROTOCOLS: [(&str, u32); 26] = [
    ("tcp", 6),
    ("udp", 17),
    ("icmp", 1),
    ("ipv6-icmp", 58),
    ("sctp", 132),
    ("ip", 0),
    ("igmp", 2),
    ("ipencap", 4),
    ("ip-encap", 4),
    ("egp", 8),
    ("igp", 9),
    ("dccp", 33),
    ("ipv6", 41),
    ("ipv6-route", 43),
    ("ipv6-frag", 44),
    ("rsvp", 46),
    ("gre", 47),
    ("esp", 50),
    ("ah", 51),
    ("ipv6-nonxt", 59),
    ("ipv6-opts", 60),
    ("ospf", 89),
    ("ipip", 94),
    ("pim", 103),
    ("vrrp", 112),
    ("udplite", 136),
];

const KINDS: [(&str, RouteKind); 11] = [
    ("unicast", RouteKind::Unicast),
    ("local", RouteKind::Local),
    ("broadcast", RouteKind::Broadcast),
    ("anycast", RouteKind::Anycast),
    ("multicast", RouteKind::Multicast),
    ("blackhole", RouteKind::Blackhole),
    ("unreachable", RouteKind::Unreachable),
    ("prohibit", RouteKind::Prohibit),
    ("throw", RouteKind::Throw),
    ("nat", RouteKind::Nat),
    ("xresolve", RouteKind::XResolve),
];

/// A whole number, hexadecimal after `0x`, octal after `0`.
pub(crate) fn any_base(text: &str) -> Option<u64> {
    let (digits, radix) = match text.as_bytes() {
        [b'0', b'x' | b'X', ..] => (text.get(2..)?, 16),
        [b'0', _, ..] => (text, 8),
        _ => (text, 10),
    };
    // Rust would take a sign.
    let valid = digits.starts_with(|c: char| c.is_digit(radix));
    valid
        .then(|| u64::from_str_radix(digits, radix).ok())
        .flatten()
}

fn named(names: &[(&str, u32)], text: &str, most: u32) -> Option<u32> {
    if let Some((_, value)) = names.iter().find(|(name, _)| *name == text) {
        return Some(*value);
    }
    u32::try_from(any_base(text)?)
        .ok()
        .filter(|value| *value <= most)
}

fn byte(names: &[(&str, u32)], text: &str) -> Option<u8> {
    named(names, text, 255).and_then(|value| u8::try_from(value).ok())
}

/// A routing table.
pub(crate) fn table(text: &str) -> Option<u32> {
    named(&TABLES, text, u32::MAX)
}

/// Who added a route.
pub(crate) fn protocol(text: &str) -> Option<u8> {
    byte(&PROTOCOLS, text)
}

/// How far a destination is.
pub(crate) fn scope(text: &str) -> Option<u8> {
    byte(&SCOPES, text)
}

/// The byte of an IP header that was TOS.
pub(crate) fn dsfield(text: &str) -> Option<u8> {
    byte(&DSFIELDS, text)
}

/// `[SRC/]DST`.
pub(crate) fn realms(text: &str) -> Option<Realms> {
    let (source, destination) = match text.split_once('/') {
        Some((source, destination)) => (byte(&REALMS, source)?, destination),
        None => (0, text),
    };
    Some(Realms {
        source,
        destination: byte(&REALMS, destination)?,
    })
}

/// A group of interfaces.
pub(crate) fn interface_group(text: &str) -> Option<u32> {
    named(&GROUPS, text, 0x7fff_ffff)
}

/// A protocol of IP, 0..=254; the number is decimal.
pub(crate) fn ip_protocol(text: &str) -> Option<u8> {
    let named = IP_PROTOCOLS
        .iter()
        .find(|(name, _)| name.eq_ignore_ascii_case(text));
    if let Some((_, number)) = named {
        return u8::try_from(*number).ok();
    }
    let digits = text.bytes().all(|b| b.is_ascii_digit());
    text.parse().ok().filter(|number| digits && *number < 255)
}

/// What becomes of the packets of a route: a name, or a number of a byte.
pub(crate) fn route_kind(text: &str) -> Option<RouteKind> {
    if let Some((_, kind)) = KINDS.iter().find(|(name, _)| *name == text) {
        return Some(*kind);
    }
    let number = u8::try_from(any_base(text)?).ok()?;
    let kind = usize::from(number)
        .checked_sub(1)
        .and_then(|at| KINDS.get(at));
    Some(kind.map_or(RouteKind::Other(number), |(_, kind)| *kind))
}

/// `LABEL[/LABEL]`.
pub(crate) fn mpls(text: &str) -> Option<Vec<MplsLabel>> {
    let label = |text: &str| {
        let label = u32::try_from(any_base(text)?).ok()?;
        (label < 1 << 20).then_some(MplsLabel(label))
    };
    let labels: Option<Vec<MplsLabel>> = text.split('/').take(3).map(label).collect();
    labels.filter(|labels| labels.len() <= 2)
}

/// An ILA locator: four groups of up to four hexadecimal digits.
pub(crate) fn ila(text: &str) -> Option<u64> {
    let mut groups = 0;
    let mut locator = 0;
    for group in text.split(':') {
        groups += 1;
        let valid = groups <= 4
            && (1..=4).contains(&group.len())
            && group.bytes().all(|b| b.is_ascii_hexdigit());
        if !valid {
            return None;
        }
        locator = locator << 16 | u64::from_str_radix(group, 16).ok()?;
    }
    (groups == 4).then_some(locator)
}

/// `NUMBER[/MASK]`: what is missing before or after the slash is 0.
pub(crate) fn mark(text: &str) -> Option<(u32, Option<u32>)> {
    let number = |text: &str| match text {
        "" => Some(0),
        text => u32::try_from(any_base(text)?).ok(),
    };
    match text.split_once('/') {
        Some((value, mask)) => Some((number(value)?, Some(number(mask)?))),
        None => (!text.is_empty()).then(|| Some((number(text)?, None)))?,
    }
}

/// `FIRST-LAST`, and whether more follows, which keepalived does not look at.
pub(crate) fn range(text: &str, most: u32) -> Option<(u32, u32, bool)> {
    let (first, rest) = text.split_once('-')?;
    let digits = rest
        .find(|c: char| !c.is_ascii_digit())
        .unwrap_or(rest.len());
    let (last, more) = rest.split_at_checked(digits)?;
    let number = |text: &str| {
        let digits = text.starts_with(|c: char| c.is_ascii_digit());
        text.parse().ok().filter(|n: &u32| digits && *n <= most)
    };
    Some((number(first)?, number(last)?, !more.is_empty()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_numbers() {
        assert_eq!((table("main"), table("0x10")), (Some(254), Some(16)));
        assert_eq!(
            (table("5x"), table("-1"), table("mine")),
            (None, None, None)
        );
        assert_eq!((protocol("bird"), protocol("256")), (Some(12), None));
        assert_eq!((scope("link"), scope("universe")), (Some(253), None));
        assert_eq!(
            (dsfield("AF11"), dsfield("20"), dsfield("ef")),
            (Some(0x28), Some(20), None)
        );
        assert_eq!((ip_protocol("TCP"), ip_protocol("255")), (Some(6), None));
        assert_eq!(
            (any_base("010"), any_base("0x"), any_base("+1")),
            (Some(8), None, None)
        );
        assert_eq!(
            (any_base("0"), any_base("08"), any_base("")),
            (Some(0), None, None)
        );
    }

    #[test]
    fn kinds_by_number() {
        // RTN_BLACKHOLE is 6.
        assert_eq!(route_kind("6"), Some(RouteKind::Blackhole));
        assert_eq!(route_kind("0"), Some(RouteKind::Other(0)));
        assert_eq!(route_kind("256"), None);
    }

    #[test]
    fn pairs() {
        let pair = |source, destination| Realms {
            source,
            destination,
        };
        assert_eq!(realms("5/6"), Some(pair(5, 6)));
        assert_eq!(realms("cosmos/0x14"), Some(pair(0, 20)));
        assert_eq!(
            (realms("5/"), realms("5/6/7"), realms("256")),
            (None, None, None)
        );
        assert_eq!(mark("0x1/0xff"), Some((1, Some(255))));
        assert_eq!(
            (mark("1/"), mark("1/x"), mark("")),
            (Some((1, Some(0))), None, None)
        );
        assert_eq!(range("5-6-7", u32::MAX), Some((5, 6, true)));
        assert_eq!((range("80", 65535), range("80-", 65535)), (None, None));
    }

    #[test]
    fn encapsulations() {
        assert_eq!(mpls("100/200"), Some(vec![MplsLabel(100), MplsLabel(200)]));
        assert_eq!(
            (mpls("1048576"), mpls("1/"), mpls("1/2/3")),
            (None, None, None)
        );
        assert_eq!(ila("1:2:3:ffff"), Some(0x1_0002_0003_ffff));
        assert_eq!(
            (ila("1:2:3"), ila("1::4"), ila("12345:0:0:0")),
            (None, None, None)
        );
    }
}

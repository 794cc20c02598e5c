//! A run of addresses: one of them, `FIRST-LAST`, or `NETWORK/PREFIX`.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::str::FromStr;

use super::address;

/// Why a text is no run of addresses.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum RangeError<'t> {
    /// What it begins with is no address.
    Address,
    /// What follows the `/` is no prefix length, 1..=32 or 1..=128.
    Mask,
    /// The address has bits beside those of the network.
    HostBits,
    /// The end, which begins with a number and goes on with this.
    Extra { end: &'t str, extra: &'t str },
    /// The last part of an address cannot be that large.
    TooLarge { end: &'t str },
    /// A last part that is not above that of the first address.
    NotGreater,
    /// A whole address below the first.
    Less,
    /// An end that begins like an address and is none.
    End,
}

impl RangeError<'_> {
    /// keepalived's wording; `None` where it depends on more than the range.
    pub(crate) fn say(&self, text: &str) -> Option<String> {
        Some(match self {
            Self::Address => return None,
            Self::Mask => format!("Invalid netmask - {text} - skipping"),
            Self::HostBits => format!("Address mask bits not empty - {text} - skipping"),
            Self::Extra { extra, .. } => {
                format!("Virtual server group range '{text}' has extra characters at end '{extra}'")
            }
            Self::TooLarge { end } => {
                format!("Virtual server group range '{text}' end '{end}' too large")
            }
            Self::NotGreater => {
                format!(
                    "Address range end is not greater than address range start - {text} - skipping"
                )
            }
            Self::Less => {
                format!("Address range end is less than address range start - {text} - skipping")
            }
            Self::End => format!("Invalid range end {text} - skipping"),
        })
    }
}

/// The first and the last address. `10.0.0.1-5` and `2001:db8::1-f` end at that last part, decimal or hexadecimal.
pub(crate) fn range(text: &str) -> Result<(IpAddr, IpAddr), RangeError<'_>> {
    // keepalived behaviour: of a range and a prefix length in one word only the length counts.
    if let Some((network, mask)) = text.split_once('/')
        && !mask.starts_with('-')
    {
        let first = before(network, '-').and_then(address::ip);
        return network_of(first.ok_or(RangeError::Address)?, mask);
    }
    let Some((first, end)) = text.split_once('-') else {
        return address::ip(text)
            .map(|only| (only, only))
            .ok_or(RangeError::Address);
    };
    let first = address::ip(first).ok_or(RangeError::Address)?;
    let last = match first {
        // The colon of an end makes the whole an IPv6 range, which an IPv4 address cannot begin.
        IpAddr::V4(_) if end.contains(':') => return Err(RangeError::Address),
        IpAddr::V4(v4) if end.contains('.') => whole_end(v4, end)?.into(),
        IpAddr::V4(v4) => {
            let [a, b, c, d] = v4.octets();
            let last = last_part(end, 10, u32::from(d), 0xff)?;
            Ipv4Addr::new(a, b, c, u8::try_from(last).unwrap_or(d)).into()
        }
        IpAddr::V6(v6) if end.contains(':') => whole_end(v6, end)?.into(),
        IpAddr::V6(v6) => {
            let [.., low] = v6.segments();
            let last = last_part(end, 16, u32::from(low), 0xffff)?;
            Ipv6Addr::from(u128::from(v6) & !0xffff | u128::from(last)).into()
        }
    };
    Ok((first, last))
}

fn before(text: &str, end: char) -> Option<&str> {
    text.split(end).next()
}

fn whole_end<A: FromStr + Ord>(first: A, end: &str) -> Result<A, RangeError<'_>> {
    let last = end.parse::<A>().map_err(|_| RangeError::End)?;
    if last < first {
        return Err(RangeError::Less);
    }
    Ok(last)
}

fn last_part(end: &str, radix: u32, first: u32, most: u32) -> Result<u32, RangeError<'_>> {
    let digits = end.trim_start_matches(|c: char| c.is_digit(radix));
    if !digits.is_empty() {
        return Err(RangeError::Extra { end, extra: digits });
    }
    if end.is_empty() {
        return Err(RangeError::NotGreater);
    }
    match u32::from_str_radix(end, radix) {
        Ok(last) if last <= first => Err(RangeError::NotGreater),
        Ok(last) if last <= most => Ok(last),
        _ => Err(RangeError::TooLarge { end }),
    }
}

/// keepalived behaviour: every address of the network is meant, its first and its last too.
fn network_of(first: IpAddr, mask: &str) -> Result<(IpAddr, IpAddr), RangeError<'_>> {
    let bits = if first.is_ipv4() { 32 } else { 128 };
    let length = mask
        .bytes()
        .all(|b| b.is_ascii_digit())
        .then(|| mask.parse::<u32>().ok())
        .flatten()
        .filter(|length| (1..=bits).contains(length))
        .ok_or(RangeError::Mask)?;
    match first {
        IpAddr::V4(v4) => {
            let hosts = u32::MAX.checked_shr(length).unwrap_or(0);
            let network = u32::from(v4);
            if network & hosts != 0 {
                return Err(RangeError::HostBits);
            }
            Ok((first, Ipv4Addr::from(network | hosts).into()))
        }
        IpAddr::V6(v6) => {
            let hosts = u128::MAX.checked_shr(length).unwrap_or(0);
            let network = u128::from(v6);
            if network & hosts != 0 {
                return Err(RangeError::HostBits);
            }
            Ok((first, Ipv6Addr::from(network | hosts).into()))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ends(text: &str) -> (String, String) {
        let (first, last) = range(text).unwrap();
        (first.to_string(), last.to_string())
    }

    // What keepalived -t prints of a group's entries whose ports do not match.
    #[test]
    fn ranges() {
        let pair = |first: &str, last: &str| (first.to_owned(), last.to_owned());
        assert_eq!(ends("10.0.0.5"), pair("10.0.0.5", "10.0.0.5"));
        assert_eq!(ends("1.2.3.4-8"), pair("1.2.3.4", "1.2.3.8"));
        assert_eq!(ends("10.0.0.16/28"), pair("10.0.0.16", "10.0.0.31"));
        assert_eq!(ends("10.0.0.9-10.0.1.5"), pair("10.0.0.9", "10.0.1.5"));
        assert_eq!(ends("10.0.0.5-10.0.0.5"), pair("10.0.0.5", "10.0.0.5"));
        assert_eq!(ends("4:5:6::7-10"), pair("4:5:6::7", "4:5:6::10"));
        assert_eq!(ends("2001:db8::/120"), pair("2001:db8::", "2001:db8::ff"));
        assert_eq!(
            ends("::ffff:10.0.0.1-5"),
            pair("::ffff:10.0.0.1", "::ffff:10.0.0.5")
        );
        assert_eq!(ends("2001:db8::1/128"), pair("2001:db8::1", "2001:db8::1"));
    }

    #[test]
    fn complaints() {
        let say = |text: &str| range(text).unwrap_err().say(text);
        assert_eq!(
            say("4:5:6::7-10.11.12.2").unwrap(),
            "Virtual server group range '4:5:6::7-10.11.12.2' has extra characters at end '.11.12.2'"
        );
        assert_eq!(
            say("10.0.0.1-256").unwrap(),
            "Virtual server group range '10.0.0.1-256' end '256' too large"
        );
        assert_eq!(
            say("10.0.0.7-3").unwrap(),
            "Address range end is not greater than address range start - 10.0.0.7-3 - skipping"
        );
        assert_eq!(range("10.0.0.7-7"), Err(RangeError::NotGreater));
        assert_eq!(range("10.0.0.1-"), Err(RangeError::NotGreater));
        assert_eq!(range("10.0.0.5-10.0.0.4"), Err(RangeError::Less));
        assert_eq!(range("10.0.0.5-1.10"), Err(RangeError::End));
        assert_eq!(range("2001:db8::5-1:2"), Err(RangeError::End));
        assert_eq!(range("10.0.0.17/28"), Err(RangeError::HostBits));
        assert_eq!(range("10.0.0.1-5/24"), Err(RangeError::HostBits));
        for text in ["10.0.0.0/0", "10.0.0.0/33", "10.0.0.0/", "10.0.0.0/24/25"] {
            assert_eq!(range(text), Err(RangeError::Mask), "{text}");
        }
        for text in ["", "x", "-5", "/5", "10.0.0.16/-1", "10.0.0.1-2001:db8::1"] {
            assert_eq!(range(text), Err(RangeError::Address), "{text}");
        }
    }
}

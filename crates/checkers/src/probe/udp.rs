//! `UDP_CHECK`: one datagram. The answer may be wanted; an ICMP error is always a failure.

use crate::datagrams::{Carrier, Datagrams};
use crate::outcome::{DatagramFailure, Evidence, Failure};
use crate::spec::{UdpProbe, UdpReply};

pub(super) async fn probe(udp: &UdpProbe) -> Result<Evidence, Failure> {
    let datagrams = Datagrams::open(&udp.dial, Carrier::Udp)?;
    datagrams.send(&udp.payload).await?;
    // One byte more than may be: that tells a longer reply.
    let room = udp.reply.as_ref().map_or(1, |wanted| {
        usize::from(*wanted.length.end()).saturating_add(1)
    });
    match (datagrams.receive(room).await?, &udp.reply) {
        (None, None) => Ok(Evidence::Silent),
        (None, Some(_)) => Err(datagrams.no_reply(None)),
        (Some(_), None) => Ok(Evidence::Replied),
        (Some((reply, _)), Some(wanted)) => judge(wanted, &reply).map_err(Failure::Datagram),
    }
}

/// keepalived behaviour: the first reply decides; without bytes to compare with any will do, whatever its length; and one
/// that is shorter than those bytes is compared as far as it goes.
fn judge(wanted: &UdpReply, reply: &[u8]) -> Result<Evidence, DatagramFailure> {
    if wanted.bytes.is_empty() {
        return Ok(Evidence::Replied);
    }
    let (least, most) = (*wanted.length.start(), *wanted.length.end());
    if reply.len() < usize::from(least) || reply.len() > usize::from(most) {
        return Err(DatagramFailure::Length {
            seen: reply.len(),
            wanted: wanted.length.clone(),
        });
    }
    for (place, (wanted, seen)) in (1..).zip(wanted.bytes.iter().zip(reply)) {
        if !wanted.accepts(*seen) {
            return Err(DatagramFailure::Byte {
                place,
                seen: *seen,
                wanted: *wanted,
            });
        }
    }
    Ok(Evidence::Replied)
}

#[cfg(test)]
mod tests {
    use std::ops::RangeInclusive;

    use super::*;
    use crate::spec::ReplyByte;

    fn wanted(length: RangeInclusive<u16>, bytes: &[u8]) -> UdpReply {
        let whole = |value: &u8| ReplyByte {
            value: *value,
            mask: 0xff,
        };
        UdpReply {
            length,
            bytes: bytes.iter().map(whole).collect(),
        }
    }

    // Each as keepalived 2.2.7 was seen to judge.

    #[test]
    fn the_first_bytes_decide() {
        let well = Ok(Evidence::Replied);
        assert_eq!(judge(&wanted(0..=255, b"he"), b"hello"), well);
        assert_eq!(judge(&wanted(0..=255, b"hello"), b"he"), well);
        assert_eq!(judge(&wanted(0..=255, b"hello"), b""), well);
        assert_eq!(
            judge(&wanted(0..=255, b"hf"), b"hello"),
            Err(DatagramFailure::Byte {
                place: 2,
                seen: b'e',
                wanted: ReplyByte {
                    value: b'f',
                    mask: 0xff
                }
            })
        );
    }

    #[test]
    fn the_length_decides_where_there_are_bytes() {
        let length = |seen, wanted| Err(DatagramFailure::Length { seen, wanted });
        assert_eq!(judge(&wanted(6..=255, b"h"), b"hello"), length(5, 6..=255));
        assert!(judge(&wanted(5..=255, b"h"), b"hello").is_ok());
        assert_eq!(judge(&wanted(0..=4, b"h"), b"hello"), length(5, 0..=4));
        assert!(judge(&wanted(0..=5, b"h"), b"hello").is_ok());
        assert!(judge(&wanted(6..=255, b""), b"hello").is_ok());
        assert!(judge(&wanted(0..=4, b""), b"hello").is_ok());
    }
}

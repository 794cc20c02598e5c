//! Any bytes as what VRRP puts on the wire: an IPv4 packet, a PDU of either version, an authentication header, a trailer.
//!
//! What must hold: no panic; what is read and written again reads the same; a signature that was made is right, and no other.

#![no_main]

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use libfuzzer_sys::fuzz_target;
use vrrp::Family;
use vrrp::wire::ah::{self, Authentic};
use vrrp::wire::hmac::{self, Signed, Trailer};
use vrrp::wire::ipv4::Header;
use vrrp::wire::{Opening, v2, v3};

const SECRET: &[u8; 8] = b"secretlo";

fuzz_target!(|input: &[u8]| {
    let _ = Opening::parse(input);
    packet(input);
    version_2(input);
    version_3(input);
    authentication(input);
    trailer(input);
});

fn packet(input: &[u8]) {
    let Ok((header, payload)) = Header::parse(input) else {
        return;
    };
    assert!(payload.len() + 20 <= input.len());
    let again = header.emit(payload).expect("it was no longer than it is");
    assert_eq!(Header::parse(&again), Ok((header, payload)));
    version_2(payload);
    version_3(payload);
    if let Ok((authentic, pdu)) = Authentic::parse(payload) {
        let secret = authentic.verify(SECRET, &header, pdu);
        let signed = Authentic::sign(SECRET, &header, authentic.sequence, pdu);
        assert!(signed.verify(SECRET, &header, pdu));
        assert_eq!(
            secret,
            signed.icv == authentic.icv && signed.spi == authentic.spi
        );
    }
}

fn version_2(input: &[u8]) {
    let Ok(parsed) = v2::Advert::parse(input) else {
        return;
    };
    let written = parsed.advert.emit();
    assert_eq!(written.len() + parsed.trailing, input.len());
    let again = v2::Advert::parse(&written).expect("it was written here");
    assert_eq!(
        (&again.advert, again.kind, again.checksum_ok, again.trailing),
        (&parsed.advert, 1, true, 0)
    );
}

fn version_3(input: &[u8]) {
    let four = v3::Cover::Pseudo {
        source: Ipv4Addr::new(10, 9, 0, 1).into(),
        destination: Ipv4Addr::new(224, 0, 0, 18).into(),
    };
    let six = v3::Cover::Pseudo {
        source: Ipv6Addr::LOCALHOST.into(),
        destination: Ipv6Addr::LOCALHOST.into(),
    };
    let covers = [
        (Family::Inet, v3::Cover::PduAlone),
        (Family::Inet, four),
        (Family::Inet6, six),
    ];
    for (family, cover) in covers {
        let Ok(parsed) = v3::Advert::parse(input, family) else {
            continue;
        };
        let _ = parsed.checksum_ok(cover);
        let written = parsed.advert.emit(cover);
        assert_eq!(written.len() + parsed.trailing.len(), input.len());
        let again = v3::Advert::parse(&written, family).expect("it was written here");
        assert_eq!(again.advert, parsed.advert);
        assert!(again.checksum_ok(cover) && again.trailing.is_empty() && again.kind == 1);
    }
}

fn authentication(input: &[u8]) {
    let Ok((authentic, pdu)) = Authentic::parse(input) else {
        return;
    };
    let written = [&authentic.emit()[..], pdu].concat();
    assert_eq!(Authentic::parse(&written), Ok((authentic, pdu)));
    assert_eq!(pdu.len() + ah::LENGTH, input.len());
}

fn trailer(input: &[u8]) {
    let at = input.len().saturating_sub(hmac::LENGTH);
    let (pdu, end) = input.split_at(at);
    let Ok(trailer) = Trailer::parse(end) else {
        return;
    };
    assert_eq!(trailer.emit(), *end);
    let signed = Signed {
        source: IpAddr::from([10, 9, 0, 1]),
        version: 3,
        vrid: 1,
        pdu,
    };
    let made = Trailer::sign(trailer.key, SECRET, trailer.stamp, &signed);
    assert!(made.verify(SECRET, &signed));
    assert_eq!(trailer.verify(SECRET, &signed), made.mac == trailer.mac);
}

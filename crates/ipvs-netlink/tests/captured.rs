//! Bytes that ipvsadm and a kernel exchanged (`captured.txt`) against the codec of messages.
//! What the bytes mean as values is tested where the values are made, in `src/captured.rs`.

#![cfg(target_endian = "little")]
#![allow(clippy::unwrap_used, clippy::panic)]

use ipvs_netlink::attr::{CommandAttr, ServiceAttr};
use ipvs_netlink::message::{Command, IpvsMessage};
use netlink_packet_core::{Emitable, ParseableParametrized};
use netlink_packet_generic::{GenlHeader, GenlMessage};

const CAPTURED: &str = include_str!("captured.txt");

fn unhex(text: &str) -> Vec<u8> {
    text.as_bytes()
        .chunks(2)
        .map(|pair| u8::from_str_radix(std::str::from_utf8(pair).unwrap(), 16).unwrap())
        .collect()
}

fn lines(mark: &str) -> Vec<Vec<u8>> {
    CAPTURED
        .lines()
        .filter_map(|line| line.strip_prefix(mark))
        .map(unhex)
        .collect()
}

fn parse(bytes: &[u8]) -> GenlMessage<IpvsMessage> {
    GenlMessage::parse_with_param(bytes, 28).unwrap()
}

fn emit(message: &GenlMessage<IpvsMessage>) -> Vec<u8> {
    let mut bytes = vec![0; message.buffer_len()];
    message.emit(&mut bytes);
    bytes
}

#[test]
fn what_ipvsadm_sent_is_parsed_and_emitted_to_the_byte() {
    let sent = lines("> ");
    assert!(sent.len() > 30);
    for bytes in sent {
        assert_eq!(emit(&parse(&bytes)), bytes);
    }
}

// The kernel leaves out NLA_F_NESTED, which we set: so not to the byte.
#[test]
fn what_the_kernel_sent_is_parsed_and_survives() {
    let received = lines("< ");
    assert!(received.len() > 15);
    for bytes in received {
        let message = parse(&bytes);
        assert_eq!(emit(&message).len(), bytes.len());
        assert_eq!(parse(&emit(&message)), message);
    }
}

#[test]
fn header_alone_is_a_message() {
    let flush = GenlMessage::from_payload(IpvsMessage::Command(Command::Flush, Vec::new()));
    // ipvsadm -C
    assert_eq!(emit(&flush), [0x11, 1, 0, 0]);
}

#[test]
fn unknown_attributes_survive() {
    // A service with an attribute 200 that no kernel has, of three bytes.
    let bytes = [
        0x01, 0x01, 0, 0, 0x14, 0, 0x01, 0x80, 0x06, 0, 0x01, 0, 0x02, 0, 0, 0, 0x07, 0, 0xc8, 0,
        9, 8, 7, 0,
    ];
    let message = parse(&bytes);
    let IpvsMessage::Command(Command::NewService, attributes) = &message.payload else {
        panic!("{message:?}");
    };
    let [CommandAttr::Service(service)] = attributes.as_slice() else {
        panic!("{attributes:?}");
    };
    assert!(matches!(
        service.as_slice(),
        [ServiceAttr::Family(2), ServiceAttr::Other(_)]
    ));
    assert_eq!(emit(&message), bytes);
}

#[test]
fn a_known_attribute_of_wrong_length_is_an_error() {
    let header = GenlHeader { cmd: 1, version: 1 };
    // IPVS_SVC_ATTR_AF of one byte.
    let bytes = [0x0c, 0, 0x01, 0x80, 0x05, 0, 0x01, 0, 0x02, 0, 0, 0];
    let error = IpvsMessage::parse_with_param(&bytes, header).unwrap_err();
    assert!(error.to_string().contains("service attribute 1"), "{error}");
}

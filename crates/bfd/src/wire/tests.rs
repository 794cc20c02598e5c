use super::*;

fn bytes(hex: &str) -> Vec<u8> {
    let digits: Vec<u32> = hex.chars().filter_map(|digit| digit.to_digit(16)).collect();
    let byte = |pair: &[u32]| u8::try_from(pair[0] * 16 + pair[1]).unwrap();
    digits.chunks(2).map(byte).collect()
}

/// Captured from keepalived 2.2.7.
const INIT: &str = "20800318 eb5e83ac fedc2b21 000f4240 000186a0 00000000";
const UP_POLL: &str = "20e00418 fedc2b21 eb5e83ac 00013880 0001d4c0 00000000";
const UP_FINAL: &str = "20d00318 eb5e83ac fedc2b21 000249f0 000186a0 00000000";

#[test]
fn keepaliveds_packets_are_read_and_written() {
    let init = Control {
        diagnostic: Diagnostic::None,
        state: State::Init,
        poll: false,
        final_: false,
        independent: false,
        authenticated: false,
        demand: false,
        multiplier: NonZeroU8::new(3).unwrap(),
        mine: NonZeroU32::new(0xeb5e_83ac).unwrap(),
        yours: NonZeroU32::new(0xfedc_2b21),
        desired_min_tx: Micros(1_000_000),
        required_min_rx: Micros(100_000),
        required_min_echo_rx: Micros(0),
    };
    assert_eq!(parse(&bytes(INIT)), Ok(init));
    assert_eq!(emit(&init).as_slice(), bytes(INIT));
    let poll = parse(&bytes(UP_POLL)).unwrap();
    assert_eq!(
        (poll.state, poll.poll, poll.final_, poll.desired_min_tx),
        (State::Up, true, false, Micros(80_000))
    );
    let answer = parse(&bytes(UP_FINAL)).unwrap();
    assert_eq!((answer.poll, answer.final_), (false, true));
    assert_eq!(emit(&answer).as_slice(), bytes(UP_FINAL));
}

/// RFC 5880 4.1, the bits of the first word.
#[test]
fn every_flag_has_its_bit() {
    let with = |second: &str, rest: &str| {
        parse(&bytes(&INIT.replace("2080", second).replace("0318", rest)))
    };
    assert!(with("20a0", "0318").unwrap().poll);
    assert!(with("2090", "0318").unwrap().final_);
    assert!(with("2088", "0318").unwrap().independent);
    assert!(with("2082", "0318").unwrap().demand);
    let signed = format!("{} 0106 01020304", INIT.replace("20800318", "2084031e"));
    assert!(parse(&bytes(&signed)).unwrap().authenticated);
    let diagnosed = bytes(&INIT.replace("2080", "2380"));
    assert_eq!(
        parse(&diagnosed).unwrap().diagnostic,
        Diagnostic::NeighborSignaledDown
    );
}

/// RFC 5880 6.8.6, one rule a row. The texts are keepalived's, each seen once.
#[test]
fn what_is_no_control_packet_is_refused() {
    let down = INIT.replace("2080", "2040");
    for (hex, why) in [
        ("616263".to_owned(), "Packet is too small: 3 bytes"),
        (
            INIT.replace("2080", "4080"),
            "Packet is of unsupported version: 2",
        ),
        (
            INIT.replace("0318", "0317"),
            "Packet size mismatch: length field: 23 bytes, buffer size: 24 bytes",
        ),
        (
            INIT.replace("0318", "031e"),
            "Packet size mismatch: length field: 30 bytes, buffer size: 24 bytes",
        ),
        (
            INIT.replace("2080", "2084"),
            "Packet is too small: 24 bytes",
        ),
        (
            INIT.replace("0318", "0018"),
            "Packet 'detection multiplier' field is zero",
        ),
        (INIT.replace("2080", "2081"), "Packet has 'multipoint' flag"),
        (
            INIT.replace("eb5e83ac", "00000000"),
            "Packet 'my discriminator' field is zero",
        ),
        (
            INIT.replace("fedc2b21", "00000000"),
            "Packet 'your discriminator' field is zero and 'state' field is not Down or AdminDown",
        ),
    ] {
        assert_eq!(parse(&bytes(&hex)).unwrap_err().to_string(), why);
    }
    assert!(parse(&bytes(&down.replace("fedc2b21", "00000000"))).is_ok());
}
